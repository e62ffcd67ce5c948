"""The project around the code: locks, version, licence, and what must not stand in any file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gitops_bot
from tests.conftest import PROJECT, absent

if TYPE_CHECKING:
    from pathlib import Path

DIGEST, LONG_DIGEST = f"sha256:{'0f' * 32}", f"sha512:{'0f' * 64}"
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
MANIFEST = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = MANIFEST["dependency-groups"]
#: What each lock must hold, as pyproject.toml asks for it.
ASKED = {
    "requirements.lock": MANIFEST["project"]["dependencies"],
    "requirements-build.lock": GROUPS["build"],
    "requirements-dev.lock": [
        *MANIFEST["project"]["dependencies"],
        *MANIFEST["project"]["optional-dependencies"]["test"],
        *GROUPS["build"],
        *(line for line in GROUPS["dev"] if isinstance(line, str)),
    ],
}

# Spelt in pieces, or this file would be the first to break the rule.
REGISTRY_HOSTS = ("pypi" + ".org", "python" + "hosted", "registry.npm" + "js", "proxy.go" + "lang", "deb.deb" + "ian")
MACHINE_PATHS = re.compile(r"(?<![\w.$}~*-])/(?:root|home|Users|work|workspace)/[\w.]|/tm" + r"p/x/")


def forbidden(line: str) -> bool:
    return any(host in line for host in REGISTRY_HOSTS) or MACHINE_PATHS.search(line) is not None


def tracked() -> list[Path]:
    """Every file that is, or is about to be, in version control."""
    # The checkout may belong to somebody else, as in a container.
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    if listed.returncode != 0:
        absent("a git checkout of the project")
    return [file for name in listed.stdout.split("\0") if name and (file := PROJECT / name).is_file()]


def locked(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file by their normalised names, without the hashes."""
    lines = re.findall(r"^(?! |#)(.+?) ?\\?$", (PROJECT / name).read_text(encoding="utf-8"), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_hashes(name: str) -> None:
    blocks = re.split(r"^(?! |#)", (PROJECT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)[1:-1]
    assert len(blocks) == len(locked(name)) > 0
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==[\w.]+ (?:; .+ )?\\\n    --hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(name: str) -> None:
    present = locked(name)
    for asked in map(Requirement, ASKED[name]):
        (version,) = present[canonicalize_name(asked.name)].specifier
        assert asked.specifier.contains(version.version), f"{asked} is locked at {version}: run .ci/lock"


@pytest.mark.parametrize("name", LOCKS[:-1])
def test_what_is_tested_is_what_is_installed(name: str) -> None:
    tested = locked("requirements-dev.lock")
    assert {key: str(tested[key].specifier) for key in locked(name)} == {
        key: str(requirement.specifier) for key, requirement in locked(name).items()
    }


def test_every_dependency_is_used() -> None:
    provided: dict[str, set[str]] = {"tzdata": {"zoneinfo"}}  # data, which the standard library reads
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            provided.setdefault(canonicalize_name(distribution), set()).add(module)
    source = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "gitops_bot").rglob("*.py"))
    unused = [
        asked
        for asked in MANIFEST["project"]["dependencies"]
        if not any(
            re.search(rf"^\s*(?:import|from) {re.escape(module)}\b", source, re.MULTILINE)
            for module in provided[canonicalize_name(Requirement(asked).name)]
        )
    ]
    assert unused == []


def test_the_version_stands_in_one_place() -> None:
    assert "version" in MANIFEST["project"]["dynamic"]
    assert MANIFEST["tool"]["hatch"]["version"]["path"] == "gitops_bot/__init__.py"
    literal = re.compile(rf"version.*(?<![\w.]){re.escape(gitops_bot.__version__)}(?![\w.])", re.IGNORECASE)
    told = {
        file.relative_to(PROJECT).as_posix()
        for file in tracked()
        if file.name not in {"CHANGELOG.md", *LOCKS}
        if literal.search(file.read_text(encoding="utf-8", errors="replace"))
    }
    assert told == {"gitops_bot/__init__.py"}


def test_the_changelog_knows_the_version() -> None:
    headings = re.findall(
        r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", (PROJECT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert headings[0] in {"Unreleased", gitops_bot.__version__}
    assert gitops_bot.__version__ in headings or headings == ["Unreleased"]


def test_the_licence_is_whole() -> None:
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert MANIFEST["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "Copyright 2026 The gitops-bot authors" in text
    assert "[yyyy]" not in text


def test_no_file_names_a_package_registry_or_a_place_on_some_machine() -> None:
    files = tracked()
    assert len(files) > 20
    found = [
        f"{file.relative_to(PROJECT)}:{number}: {line.strip()[:120]}"
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if forbidden(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("venv: /ro" + "ot/.venv/bin/python", True),
        ("see /ho" + "me/ann/deploy", True),
        ("cd /wo" + "rk/main", True),
        ("index: https://py" + "pi.org/simple", True),
        ("https://docs.example/en/home/start", False),
        ("$HOME/work/main", False),
        ("/usr/bin/env bash", False),
        ("apps/*/work/main", False),
    ],
)
def test_the_forbidden_places_are_told_from_others(line: str, bad: bool) -> None:
    assert forbidden(line) == bad


@pytest.mark.parametrize("name", ["run", "lock"])
def test_the_scripts_are_bash_that_stops_at_the_first_fault(name: str) -> None:
    script = PROJECT / ".ci" / name
    assert script.stat().st_mode & 0o111 == 0o111
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text


def test_the_action_runs_nothing_that_an_input_says() -> None:
    action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
    scripts = [step["run"] for step in action["runs"]["steps"]]
    assert len(scripts) == 2
    assert all("${{" not in script for script in scripts)
    given = {expression for step in action["runs"]["steps"] for expression in step.get("env", {}).values()}
    assert given == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


@pytest.mark.parametrize(
    ("given", "options", "pin"),
    [
        pytest.param({"tag": "v1.4.2"}, [], "v1.4.2", id="a tag"),
        pytest.param({"tag": "_" + "v" * 127}, [], "_" + "v" * 127, id="a long tag"),
        pytest.param({"digest": DIGEST}, [], f"@{DIGEST}", id="a digest"),
        pytest.param({"digest": LONG_DIGEST}, [], f"@{LONG_DIGEST}", id="a long digest"),
        pytest.param({"tag": "v1", "digest": DIGEST}, [], f"v1@{DIGEST}", id="both"),
        pytest.param({"tag": "v1", "config": "a b.yaml"}, ["--config=a b.yaml"], "v1", id="a configuration"),
        pytest.param({"tag": "v1", "dry-run": "true"}, ["--dry-run"], "v1", id="dry run"),
    ],
)
def test_the_action_hands_its_inputs_to_set(
    given: dict[str, str], options: list[str], pin: str, tmp_path: Path
) -> None:
    done, told = run_the_action(tmp_path, {"environment": "--help", "image": "web", **given})
    assert done.returncode == 0, done.stderr
    expected = ["set", "--repository=acme/deploy", *options, "--", "--help", f"web={pin}"]
    assert told == ["-P", "-m", "gitops_bot", *expected]
    assert not (tmp_path / "x").exists()


def test_the_action_does_not_guess_what_dry_run_means(tmp_path: Path) -> None:
    done, told = run_the_action(tmp_path, {"environment": "dev", "image": "web", "tag": "v1", "dry-run": "yes"})
    assert (done.returncode, told) == (2, [])
    assert done.stdout == "::error::dry-run must be true or false\n"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        pytest.param("tag", "$(touch x) `touch x`; touch x\n-v", id="a script"),
        pytest.param("tag", "evil.example/web", id="what reads as a new name"),
        pytest.param("tag", f"v1@{DIGEST}", id="a tag with a digest"),
        pytest.param("tag", "v1\n::warning::x", id="a command to the runner"),
        pytest.param("tag", "v1\n", id="a line break"),
        pytest.param("tag", "-v", id="an option"),
        pytest.param("tag", "v\N{LATIN SMALL LETTER E WITH ACUTE}", id="another letter"),
        pytest.param("tag", "v" * 129, id="a tag that is too long"),
        pytest.param("digest", "sha256:ab", id="a short digest"),
        pytest.param("digest", DIGEST.upper(), id="upper case"),
        pytest.param("digest", f"{DIGEST}\n", id="a digest and a line break"),
        pytest.param("digest", DIGEST.replace("256", "512"), id="a digest of another length"),
        pytest.param("digest", f"evil.example/web@{DIGEST}", id="a digest with a new name"),
    ],
)
def test_the_action_takes_a_tag_and_a_digest_for_nothing_else(name: str, given: str, tmp_path: Path) -> None:
    done, told = run_the_action(tmp_path, {"environment": "dev", "image": "web", "tag": "v1", name: given})
    assert (done.returncode, told) == (2, [])
    assert re.fullmatch(rf"::error::{name} must be .*\n", done.stdout)
    assert not (tmp_path / "x").exists()


def test_the_action_imports_nothing_from_the_workspace(tmp_path: Path) -> None:
    step = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][0]
    workspace, action = tmp_path / "workspace", tmp_path / "action"
    for folder in (workspace, action, tmp_path / "bin"):
        folder.mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    (action / "requirements.lock").touch()
    for module in ("venv", "pip", "ensurepip", "sitecustomize"):
        (workspace / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", encoding="utf-8")
    environment = {"RUNNER_TEMP": str(tmp_path), "GITHUB_ACTION_PATH": str(action)}
    subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        check=True,
        capture_output=True,
        cwd=workspace,
        env={"PATH": f"{tmp_path / 'bin'}:{os.defpath}", **environment},
    )
    assert (tmp_path / "gitops-bot" / "bin" / "pip").exists()
    assert not (tmp_path / "ran").exists()


def run_the_action(folder: Path, inputs: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the last step as a runner does, with a Python that only writes down its arguments."""
    step = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][-1]
    python, written = folder / "gitops-bot" / "bin" / "python", folder / "arguments"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > '{written}'\n", encoding="utf-8")
    python.chmod(0o755)
    values = {"repository": "acme/deploy", "dry-run": "false", **inputs}
    given = {
        variable: values.get(expression.removeprefix("${{ inputs.").removesuffix(" }}"), "")
        for variable, expression in step["env"].items()
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.defpath, "RUNNER_TEMP": str(folder), "GITHUB_ACTION_PATH": str(PROJECT), **given},
    )
    return done, written.read_text(encoding="utf-8").split("\0")[:-1] if written.exists() else []
