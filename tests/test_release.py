"""A release: what the workflow runs is run here, with real git, and its notes are those of the real changelog."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot import __version__
from tests.conftest import PROJECT, program
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOW = yaml.safe_load((PROJECT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
SCRIPT = PROJECT / ".ci" / "release_notes.py"
AT = "https://github.com/acme/gitops-bot/blob/v9.9.9"
notes = runpy.run_path(str(SCRIPT))["notes"]

RELEASED = """\
# Changelog

A [format](https://example.test/1.0).

## [Unreleased]

## [1.2.0] - 2026-11-24

### Added

- One line that goes
  on, with [a page](docs/a.md#b) and
  --an-option of [another](CONTRIBUTING.md).
- Two, as [here](#added) and [there](https://example.test).
  - A part of it
    that goes on.

### Fixed

- Three.

## [1.1.0] - 2026-10-01

- Old.
"""


def test_the_notes_are_the_section_with_sentences_in_one_line_and_links_that_lead_somewhere() -> None:
    assert notes(RELEASED, "1.2.0", "https://host/blob/v1.2.0") == (
        "### Added\n\n"
        "- One line that goes on, with [a page](https://host/blob/v1.2.0/docs/a.md#b) and "
        "--an-option of [another](https://host/blob/v1.2.0/CONTRIBUTING.md).\n"
        "- Two, as [here](#added) and [there](https://example.test).\n"
        "  - A part of it that goes on.\n\n"
        "### Fixed\n\n- Three.\n"
    )
    assert notes(RELEASED, "1.1.0", "https://host") == "- Old.\n"
    assert notes("# Changelog\n\n## [Unreleased]\n\n- One.\n", "0.1.0", "https://host") == "- One.\n"


@rows("changelog says", {
    "another version": (RELEASED.replace("[1.2.0]", "[1.3.0]"), "rename [Unreleased]"),
    "no day": (RELEASED.replace(" - 2026-11-24", ""), "YYYY-MM-DD"),
    "empty": (RELEASED.replace("[1.2.0] - 2026-11-24", "[1.2.0] - 2026-11-24\n\n## [1.1.9]"), "no"),
    "something is left": (RELEASED.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n"), "move them there"),
})  # fmt: skip
def test_a_changelog_that_is_not_ready_stops_the_release(changelog: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        notes(changelog, "1.2.0", "https://host")


def test_the_real_changelog_makes_notes_when_it_is_released(tmp_path: Path) -> None:
    # As the page for maintainers says: what was unreleased gets the version.
    changelog = re.sub(r"(?m)^## \[Unreleased\]$", "## [9.9.9] - 2026-11-24", CHANGELOG)
    text = notes(changelog, "9.9.9", AT)
    assert len(text) < 125_000, "GitHub takes no more"
    targets = re.findall(rf"\]\({re.escape(AT)}/([^)#]+)", text)
    assert targets
    assert [name for name in targets if not (PROJECT / name).exists()] == []
    assert not re.search(r"\]\((?!https://|#)", text)
    # And as the workflow starts it: in place, with what people see where it is not ready.
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    (tmp_path / ".ci" / SCRIPT.name).chmod(0o755)
    for content, code in ((changelog, 0), ("# Changelog\n", 1)):
        (tmp_path / "CHANGELOG.md").write_text(content, encoding="utf-8")
        done = script("package", "Write the release notes", tmp_path, "v9.9.9")
        assert done.returncode == code, done.stderr
        assert ("rename [Unreleased]" in done.stderr) == bool(code)
        assert (tmp_path / "notes.md").read_text(encoding="utf-8") == ("" if code else text)


def step(job: str, name: str) -> Any:
    (found,) = (each for each in WORKFLOW["jobs"][job]["steps"] if each["name"].startswith(name))
    return found


def script(job: str, name: str, folder: Path, tag: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step of the workflow as a runner does; `gh` only writes down what it was asked."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "gh").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{folder}/gh\n')
    (programs / "gh").chmod(0o755)
    known = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GITHUB_REF_NAME": tag,
        "GITHUB_REPOSITORY": "acme/gitops-bot",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        **env,
    }
    words = [program("bash"), "--noprofile", "--norc", "-e", "-c", step(job, name)["run"]]
    return subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder, env=known)


@pytest.mark.parametrize(
    ("tags", "tag", "moved"),
    [
        (["v1.9.0", "v1.10.0", "v1.2.0"], "v1.10.0", True),
        (["v1.0.0", "v1.1.0", "v1.0.1"], "v1.0.1", False),
        (["v1.0.0", "v2.0.0", "v10.0.0", "v1.0.1"], "v1.0.1", True),
        (["v1.0.0", "v1.1.0-rc.1", "v1.9", "v1.0.1"], "v1.0.1", True),
    ],
)
def test_the_major_tag_moves_forward_only(tmp_path: Path, tags: list[str], tag: str, moved: bool) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
        done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True, cwd=tmp_path)
        return done.stdout.strip()

    git("init", "--quiet")
    git("init", "--quiet", "--bare", "origin")
    git("remote", "add", "origin", str(tmp_path / "origin"))
    for name in tags:
        git("commit", "--quiet", "--allow-empty", "--message", name)
        git("tag", name)
    major = tag.partition(".")[0]
    if len(tags) > 1:
        git("tag", major, tags[0])
    git("push", "--quiet", "--tags", "origin")
    before = git("ls-remote", "origin")
    commit = git("rev-parse", tag)
    done = script("release", "Move the action's major tag", tmp_path, tag, GITHUB_SHA=commit)
    assert done.returncode == 0, done.stderr
    after = git("ls-remote", "origin")
    assert f"{commit}\trefs/tags/{major}" in after.splitlines() if moved else after == before
    assert {line for line in after.splitlines() if not line.endswith(f"/{major}")} <= {*before.splitlines()}
    assert (tmp_path / "summary").exists() != moved


def test_the_release_has_the_notes_and_the_files_of_the_package(tmp_path: Path) -> None:
    files = [f"built/dist/gitops_bot-{__version__}{end}" for end in ("-py3-none-any.whl", ".tar.gz")]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert script("release", "Publish the release", tmp_path, f"v{__version__}").returncode == 0
    told = (tmp_path / "gh").read_text().split()
    assert told[:4] == ["release", "create", f"v{__version__}", "--verify-tag"]
    assert told[-4:] == ["--notes-file", "built/notes.md", *files]
    kept = step("package", "Keep them")["with"]["path"].split()
    assert kept == ["dist/", "notes.md"]
    assert step("release", "Take what was built")["with"]["path"] == "built"


@pytest.mark.parametrize(("tag", "code"), [(f"v{__version__}", 0), ("v9.9.9", 1)])
def test_a_tag_that_is_not_the_version_is_refused(tmp_path: Path, tag: str, code: int) -> None:
    (tmp_path / "gitops_bot").mkdir()
    (tmp_path / "gitops_bot" / "__init__.py").write_bytes((PROJECT / "gitops_bot" / "__init__.py").read_bytes())
    assert script("package", "Compare the tag", tmp_path, tag).returncode == code


def test_each_job_comes_after_those_that_can_fail_and_may_do_no_more_than_its_part() -> None:
    jobs = WORKFLOW["jobs"]
    assert WORKFLOW["permissions"] == {}
    assert {name: (job.get("needs"), job["permissions"]) for name, job in jobs.items()} == {
        "package": (None, {"contents": "read"}),
        "image": ("package", {"contents": "read", "packages": "write", "id-token": "write"}),
        "index": ("image", {"id-token": "write"}),
        "release": (["image", "index"], {"contents": "write"}),
    }
    # A job that may publish runs nothing of a checkout but git.
    assert not any("uses" in each and "checkout" in each["uses"] for each in jobs["index"]["steps"])
