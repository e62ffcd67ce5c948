"""Commands of the bot as processes of their own, without the half second in which Python imports everything anew.

A process that has imported all of the bot waits for commands; each is run by a fork of it, with its own arguments,
environment, folder and files, and ends as it would otherwise. Nothing of the bot has run before the fork, except that
the forms of the configuration are built.

With GITOPS_BOT_COVERAGE=FOLDER coverage.py, if it is installed, measures each command that a fork runs and writes one
file for it into FOLDER. Its context is the test that ran the command.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import NoReturn

#: What Python and its libraries read of the environment while they start: a fork comes too late for another value.
_READ_AT_START = ("LANG", "LC_", "PATH", "PYTHON", "GIT_PYTHON", "MALLOC", "LD_")

#: Libraries that the bot, or one of its libraries, imports inside functions.
_IMPORTED_LATE = (
    "click._textwrap",
    "encodings.ascii",
    "encodings.idna",
    "encodings.utf_16_le",
    "git",
    "github",
    "jinja2",
    "re2",
    "wcwidth",
)


#: A program of a shell that has a command run by a fork, with its own streams.
_CLIENT = """
import json, os, socket, sys
_, path, measured, *args = sys.argv
door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
door.connect(path)
ends, told = os.pipe()
request = {"args": args, "cwd": os.getcwd(), "env": dict(os.environ), **json.loads(measured)}
socket.send_fds(door, [json.dumps(request).encode()], [0, 1, 2, told])
os.close(told)
sys.exit(int(open(ends).read().split()[1]))
"""


def measured() -> dict[str, str]:
    """Where coverage is measured to, if it is, and for which test."""
    return {
        "coverage": os.environ.get("GITOPS_BOT_COVERAGE", ""),
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0],
    }


class Parent:
    """The process that forks."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = dict(env)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.counterparts.forked", str(theirs.fileno())],
                env=self._env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def listen(self, path: Path) -> str:
        """Take commands from a shell, too; gives what it has to run, before what is `measured` and the arguments."""
        doors = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        doors.bind(str(path))
        doors.listen()

        def pass_on() -> None:
            while True:
                door, _ = doors.accept()
                with door:
                    request, files, _, _ = socket.recv_fds(door, 1 << 20, 4)
                    socket.send_fds(self._socket, [request], files)
                for file in files:
                    os.close(file)

        threading.Thread(target=pass_on, daemon=True).start()
        return f"{sys.executable} -ISc '{_CLIENT}' {path}"

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether a process with this environment would have started the same way."""
        names = {name for name in {*env, *self._env} if name.startswith(_READ_AT_START)}
        return all(env.get(name) == self._env.get(name) for name in names)

    def run(self, args: tuple[str, ...], cwd: Path, env: Mapping[str, str], stdin: str, timeout: float) -> Ended:
        """Run one command until it ends.

        Raises:
            TimeoutError: it did not end in time, and was killed.
        """
        request = json.dumps({"args": args, "cwd": str(cwd), "env": dict(env), **measured()}).encode()
        ends, told = os.pipe()
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            try:
                socket.send_fds(self._socket, [request], [each.fileno() for each in (given, out, err)] + [told])
            finally:
                os.close(told)
            with os.fdopen(ends, "rb", buffering=0) as answer:
                pid = int(_line(answer.fileno(), timeout))
                try:
                    code = int(_line(answer.fileno(), timeout))
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise
            out.seek(0)
            err.seek(0)
            return code, out.read().decode(), err.read().decode()


Ended = tuple[int, str, str]


def parent(path: str, lang: str, imports: str) -> Parent:
    """The one of this process, begun with the first command, whichever thread that comes from."""
    with _BEGINNING:
        return _begun(path, lang, imports)


_BEGINNING = threading.Lock()


@cache
def _begun(path: str, lang: str, imports: str) -> Parent:
    return Parent({"PATH": path, "LANG": lang, "PYTHONPATH": imports})


def _line(descriptor: int, timeout: float) -> bytes:
    if not select.select([descriptor], [], [], timeout)[0]:
        raise TimeoutError
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(descriptor, 1)
        if not read:
            raise ChildProcessError(line)
        line += read
    return line


def _serve(descriptor: int) -> None:
    _prepare()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as requests:
        while True:
            request, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
            if not request:
                return
            if os.fork() == 0:
                requests.detach()
                os.close(descriptor)
                _watch(json.loads(request), *files)
            for each in files:
                os.close(each)


def _prepare() -> None:
    """Import all that a command may import late, and keep it out of the forks' garbage collection."""
    import gitops_bot
    from gitops_bot.config.schema import schema

    for module in pkgutil.walk_packages(gitops_bot.__path__, "gitops_bot."):
        if not module.name.startswith("gitops_bot.demo"):
            importlib.import_module(module.name)
    for library in _IMPORTED_LATE:
        importlib.import_module(library)
    schema()
    gc.collect()
    gc.freeze()


def _watch(request: dict[str, object], given: int, out: int, err: int, told: int) -> NoReturn:
    """Fork the command itself, and tell its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    command = os.fork()
    if command == 0:
        os.close(told)
        for number, file in enumerate((given, out, err)):
            os.dup2(file, number)
            os.close(file)
        _run(request)
    os.write(told, f"{command}\n".encode())
    _, status = os.waitpid(command, 0)
    os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _run(request: dict[str, object]) -> NoReturn:
    env, args = request["env"], request["args"]
    assert isinstance(env, dict)
    assert isinstance(args, list)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(str(request["cwd"]))
    # Those of the parent know what kind of files they were.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["gitops-bot", *args]
    from gitops_bot.__main__ import main

    with _measured(str(request["coverage"]), str(request["test"])):
        sys.exit(main())


@contextmanager
def _measured(folder: str, test: str) -> Iterator[None]:
    """Measure which lines and branches of the bot a command runs, if a folder is named."""
    if not folder:
        yield
        return
    coverage = importlib.import_module("coverage")
    measuring = coverage.Coverage(
        data_file=f"{folder}/.coverage",
        data_suffix=True,
        branch=True,
        include=["*/gitops_bot/*"],
        context=test,
        config_file=False,
    )
    measuring.start()
    try:
        yield
    finally:
        measuring.stop()
        measuring.save()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
