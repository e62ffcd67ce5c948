"""The project around the code: locks, version, licence, and what must not stand in any file."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import gitops_bot
from tests.conftest import PROJECT, absent

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = ("requirements.lock", "requirements-image.lock", "requirements-build.lock", "requirements-dev.lock")
MANIFEST = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = MANIFEST["dependency-groups"]
EXTRAS = MANIFEST["project"]["optional-dependencies"]
#: What each lock must hold, as pyproject.toml asks for it.
ASKED = {
    "requirements.lock": MANIFEST["project"]["dependencies"],
    "requirements-image.lock": [*MANIFEST["project"]["dependencies"], *EXTRAS["aws"]],
    "requirements-build.lock": GROUPS["build"],
    "requirements-dev.lock": [
        *MANIFEST["project"]["dependencies"],
        *EXTRAS["aws"],
        *EXTRAS["demo"],
        *(line for line in EXTRAS["test"] if line != "gitops-bot[aws,demo]"),
        *GROUPS["build"],
        *(line for line in GROUPS["dev"] if isinstance(line, str)),
    ],
}

# Spelt in pieces, or this file would be the first to break the rule.
REGISTRY_HOSTS = ("pypi" + ".org", "python" + "hosted", "registry.npm" + "js", "proxy.go" + "lang", "deb.deb" + "ian")
MACHINE_PATHS = re.compile(r"(?<![\w.$}~*-])/(?:root|home|Users|work|workspace)/[\w.]|/tm" + r"p/x/")

#: Lines of the package without its demo. A change that adds to them says why in its commit, and raises this by as many.
MOST_LINES = 50_914


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
        absent("a git checkout of the project", "clone it by git")
    return [file for name in listed.stdout.split("\0") if name and (file := PROJECT / name).is_file()]


def locked(name: str) -> dict[str, Requirement]:
    """The requirements of a lock file by their normalised names, without the hashes."""
    lines = re.findall(r"^(?! |#)(.+?) ?\\?$", (PROJECT / name).read_text(encoding="utf-8"), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_hashes_and_no_index(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    assert not re.search(r"://|--(?:extra-)?index-url|--find-links|--trusted-host", text)
    blocks = re.split(r"^(?! |#)", text, flags=re.MULTILINE)[1:-1]
    assert len(blocks) == len(locked(name)) > 0
    for block in blocks:
        assert re.match(r"[a-z0-9-]+==[\w.]+ (?:; .+ )?\\\n    --hash=sha256:[0-9a-f]{64}", block), block


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


def test_the_libraries_of_extras_are_not_installed_where_only_the_bot_runs() -> None:
    extra = {canonicalize_name(Requirement(asked).name) for asked in (*EXTRAS["aws"], *EXTRAS["demo"])}
    assert extra & locked("requirements.lock").keys() == set()
    assert extra & locked("requirements-image.lock").keys() == {"boto3"}
    assert "gitops-bot[aws,demo]" in EXTRAS["test"]


def test_every_dependency_is_used() -> None:
    provided: dict[str, set[str]] = {"tzdata": {"zoneinfo"}}  # data, which the standard library reads
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            provided.setdefault(canonicalize_name(distribution), set()).add(module)
    source = "\n".join(path.read_text(encoding="utf-8") for path in (PROJECT / "gitops_bot").rglob("*.py"))
    unused = [
        asked
        for asked in (*MANIFEST["project"]["dependencies"], *EXTRAS["aws"], *EXTRAS["demo"])
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


def test_the_package_grows_only_on_purpose() -> None:
    modules = [file for file in PROJECT.glob("gitops_bot/**/*.py") if "demo" not in file.parts]
    assert sum(file.read_bytes().count(b"\n") for file in modules) <= MOST_LINES


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
