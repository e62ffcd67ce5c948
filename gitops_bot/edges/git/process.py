"""Git as a child process: what it may know, how long it may run, and that what it says is safe to print.

The only place that imports GitPython. Commands are lists of words, no shell sees them, and no word that a user wrote
stands where git expects an option.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

from gitops_bot import log, redact
from gitops_bot.errors import GitError, Problem, limit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from git.cmd import Git as GitPython

#: Git learned GIT_CONFIG_GLOBAL, which keeps strange settings out, in this version.
OLDEST = (2, 32)
#: Seconds after which one git process is given up and killed.
TIMEOUT = 300.0
#: Bytes of one answer that are read: a repository is hostile input, and a small one may name billions of files.
ANSWER_LIMIT = 256 * 1024 * 1024
_COMPLAINT_LIMIT = 64 * 1024
_CHUNK = 64 * 1024

#: What of the user's GIT_* variables reaches git: how to connect. GIT_DIR, GIT_INDEX_FILE and their like would lead
#: it to another repository (a hook's environment has them), traces would mix with its messages.
_KEPT = re.compile(
    r"GIT_(?:SSH(?:_COMMAND|_VARIANT)?|SSL_.+|PROXY_.+|HTTP_.+|EXEC_PATH|CONFIG_COUNT|CONFIG_(?:KEY|VALUE)_\d+)\Z"
)
_SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    # The repositories here are scratch: a power cut costs a fetch, waiting for the disk would cost every run.
    ("core.fsync", "none"),
    # Larger blobs are streamed to disk instead of being held in memory.
    ("core.bigFileThreshold", "2m"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # A connection that moves less than a kilobyte a second for a minute is dead.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
)
_VARIABLES = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_OPTIONAL_LOCKS": "0",
    # The files of a copy are known by their names.
    "GIT_DEFAULT_REF_FORMAT": "files",
}
#: glibc gives memory back to the system after each object that git deflates; keeping it makes writing a thousand files
#: six times faster (0.30 s to 0.05 s).
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "67108864", "MALLOC_TOP_PAD_": "1048576"}
#: By its path: PATH may hold git and nothing else.
_ENV = "/usr/bin/env"
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=30"

_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s'\"]+@")
#: Control characters, and what reorders or hides text on a terminal.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to log in with over HTTP. For a GitHub token the user is `x-access-token`."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The request header that carries them."""
        return f"Authorization: basic {self._encoded()}"

    def secrets(self) -> tuple[str, ...]:
        """Every text that must never be shown."""
        return tuple(secret for secret in (self._encoded(), self.password) if secret)

    def _encoded(self) -> str:
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """How a git process ended: its exit status, its output, and its complaints without secrets or control codes."""

    status: int
    out: bytes
    err: str


def error(message: str, advice: str = "") -> GitError:
    """A failure of git with its way out."""
    return GitError(Problem("failed.git", message, advice))


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git with a given environment; the settings and variables of its caller come after our own and win."""

    environ: Mapping[str, str] = field(repr=False)
    settings: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = TIMEOUT

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        settings: Iterable[tuple[str, str]] = (),
        limit: int = ANSWER_LIMIT,
        cut: bool = False,
    ) -> Answer:
        """Run `git ARGUMENTS` and wait for its end.

        More than `limit` bytes of output are an error, or with `cut` the rest is left unread.

        Raises:
            GitError: git is not installed, ran longer than `timeout` seconds, or said more than `limit` bytes.
        """
        began = time.perf_counter()
        started = _start(arguments, self._environment(settings))
        process = cast("subprocess.Popen[bytes]", started.proc)
        try:
            deadline = time.monotonic() + self.timeout
            out, err = _exchange(process, stdin, limit, deadline)
            if len(out) > limit:
                _stop(process)
            status = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired) as late:
            raise error(
                f"git {arguments[0]} took longer than {self.timeout:g} s and was stopped",
                "Check the network and the size of the repository.",
            ) from late
        finally:
            _end(process)
            # The rest of the arguments is nobody's business: names of branches and objects, thousands of them.
            log.debug("git.command", verb=arguments[0], exit=process.returncode, ms=log.milliseconds(began))
        if len(out) > limit and not cut:
            raise error(
                f"git {arguments[0]} returned more than {limit >> 20} MiB",
                "The repository is larger than gitops-bot can read.",
            )
        return Answer(status, out[:limit], self.printable(err))

    def printable(self, text: bytes) -> str:
        """The text without secrets, logins inside addresses (the `git@` of ssh too), and control characters."""
        shown = text.decode("utf-8", "replace").replace("\r", "\n").replace("\t", " ")
        for secret in self.secrets:
            shown = shown.replace(secret, redact.STRUCK)
        return _UNPRINTABLE.sub("", redact.strike(_LOGIN_IN_URL.sub(f"{redact.STRUCK}@", shown))).strip()

    def version(self) -> tuple[int, int]:
        """The version of git, as far as it decides what git can do."""
        found = re.search(rb"(\d{1,4})\.(\d{1,4})", self.run("version").out)
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def _environment(self, settings: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The whole environment of a child. Settings travel in it too: in argv every user of the machine reads them."""
        kept = {key: value for key, value in self.environ.items() if not key.startswith("GIT_") or _KEPT.match(key)}
        result = _MEMORY | kept | _VARIABLES | dict(self.variables)
        if not {"GIT_SSH", "GIT_SSH_COMMAND"} & kept.keys():
            result["GIT_SSH_COMMAND"] = _SSH
        count = kept.get("GIT_CONFIG_COUNT", "0")
        first = int(count) if count.isascii() and count.isdigit() else 0
        pairs = (*_SETTINGS, *self.settings, *settings)
        for number, (key, value) in enumerate(pairs, start=first):
            result[f"GIT_CONFIG_KEY_{number}"] = key
            result[f"GIT_CONFIG_VALUE_{number}"] = value
        return result | {"GIT_CONFIG_COUNT": str(first + len(pairs))}


def installed(environ: Mapping[str, str], timeout: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """The version of git on the PATH of `environ`, (0, 0) if it tells none, and the oldest one that works.

    Raises:
        GitError: there is none, or it does not answer within `timeout` seconds.
    """
    return Git(environ, timeout=timeout).version(), OLDEST


def _start(arguments: tuple[str, ...], environment: dict[str, str]) -> GitPython.AutoInterrupt:
    """Start git; the process ends when the answer is dropped."""
    try:
        from git.cmd import Git as GitPython
        from git.exc import GitCommandNotFound
    except ImportError as missing:  # GitPython looks for git when it is imported
        raise _not_started(missing.__cause__) or _not_installed() from missing
    git = shutil.which("git", path=environment.get("PATH", os.defpath))
    if git is None:
        raise _not_installed()
    # GitPython hands our own environment down and can only add to it: env(1) takes away what must not get through.
    strangers = os.environ.keys() - environment.keys()
    without = [word for name in sorted(strangers) for word in ("-u", name)]
    command = [*([_ENV, *without] if without else []), git, *arguments]
    try:
        return GitPython().execute(
            command,
            istream=subprocess.PIPE,
            as_process=True,
            env=environment,
            # A group of its own can be stopped together with its helpers, and has no terminal to ask questions at.
            start_new_session=True,
        )
    except (GitCommandNotFound, PermissionError) as missing:
        raise _not_installed() from missing
    except OSError as failure:
        raise _not_started(failure) or failure from failure


def _not_started(failure: BaseException | None) -> GitError | None:
    """Git is there, and the machine starts no more processes."""
    limit = limit_of(failure) if failure is not None else None
    return error(f"git cannot be started: {limit.message}", limit.next) if limit is not None else None


def _not_installed() -> GitError:
    return error("git is not installed, or not on PATH", "Install git 2.32 or newer.")


def _exchange(process: subprocess.Popen[bytes], stdin: bytes, limit: int, deadline: float) -> tuple[bytes, bytes]:
    """Feed and read a process until it closes its output, or has said more than `limit` bytes.

    Raises:
        TimeoutError: the deadline passed.
    """
    pipe_in, pipe_out, pipe_err = (cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr))
    said, complaints, rest = bytearray(), bytearray(), memoryview(stdin)
    os.set_blocking(pipe_in.fileno(), False)
    with selectors.DefaultSelector() as ready:
        ready.register(pipe_out, selectors.EVENT_READ, said)
        ready.register(pipe_err, selectors.EVENT_READ, complaints)
        ready.register(pipe_in, selectors.EVENT_WRITE)
        while ready.get_map() and len(said) <= limit:
            if (remaining := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            for key, _ in ready.select(remaining):
                if key.fileobj is pipe_in:
                    rest = _feed(pipe_in, rest)
                    if not rest:
                        ready.unregister(pipe_in)
                        pipe_in.close()
                elif chunk := os.read(key.fd, _CHUNK):
                    key.data.extend(chunk)
                else:
                    ready.unregister(key.fileobj)
            del complaints[_COMPLAINT_LIMIT:]
    return bytes(said), bytes(complaints)


def _feed(pipe: IO[bytes], rest: memoryview) -> memoryview:
    """Write what the pipe takes now; answers with what is left, nothing when the reader is gone."""
    try:
        return rest[os.write(pipe.fileno(), rest[:_CHUNK]) :] if rest else rest
    except BrokenPipeError:
        return rest[:0]


def _stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave nothing behind, whatever happened: no process, no helper of it, no open pipe."""
    if process.returncode is None:
        _stop(process)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
