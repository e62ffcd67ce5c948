"""Runs git as a child process with a clean environment, a time limit, and output that is safe to print.

Commands are lists of words without a shell, and user input never stands where git expects an option; see `remote`.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import secrets
import selectors
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from gitops_bot import log, redact
from gitops_bot.edges.environment import for_git
from gitops_bot.errors import GitError, Problem, limit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


#: The first version with GIT_CONFIG_GLOBAL, which keeps foreign settings out.
OLDEST = (2, 32)
INSTALL = "Install git 2.32 or newer."
_MISSING = "git is not installed, or not on PATH", INSTALL
#: Seconds after which a git process is killed.
TIMEOUT = 300.0
#: The same for a process with bounds.
BOUNDED_TIMEOUT = 20.0
#: Bytes of output: a repository is hostile input, and a small one may list billions of files.
ANSWER_LIMIT = 256 * 1024 * 1024
#: What git runs before it pushes, where it is told to: it has us look, and waits. Git passes over one that it may not
#: execute (as on a file system without that), and may hang if the shell is not there.
HOOK, SHELL = Path(__file__).parent / "hooks" / "pre-push", Path("/bin/sh")

#: The user's GIT_* variables that reach git: how to connect. GIT_DIR, GIT_INDEX_FILE and the like, as set in hooks,
#: would lead it to another repository, and traces would mix with its messages.
_PASSED_ON = re.compile(
    r"GIT_(?:SSH(?:_COMMAND|_VARIANT)?|SSL_.+|PROXY_.+|HTTP_.+|EXEC_PATH|CONFIG_COUNT|CONFIG_(?:KEY|VALUE)_\d+)"
)
_SETTINGS = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    # Copies can be fetched again: not worth waiting for the disk in every run.
    ("core.fsync", "none"),
    # Larger blobs are streamed to disk instead of being held in memory.
    ("core.bigFileThreshold", "2m"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    # A connection that moves less than a kilobyte a second for a minute is dead.
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
)
#: Bytes of memory and seconds of computing time of a process with bounds.
_BOUNDS = ((resource.RLIMIT_DATA, 128 * 1024 * 1024), (resource.RLIMIT_CPU, 5))
#: With bounds: what git keeps because other objects are stored as changes of it must leave room for its list.
_BOUNDED_SETTINGS = (("core.deltaBaseCacheLimit", "32m"),)
_VARIABLES = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_OPTIONAL_LOCKS": "0",
    # Of thousands of commits, not each is written by itself.
    "GIT_FLUSH": "0",
    # `cache` knows the files of a copy by name.
    "GIT_DEFAULT_REF_FORMAT": "files",
}
#: glibc gives memory back to the system after each object that git deflates; keeping it makes writing a thousand files
#: six times faster (0.30 s to 0.05 s).
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "67108864", "MALLOC_TOP_PAD_": "1048576"}
#: Bytes of complaints and of traces that are kept, and of one read.
_COMPLAINT_LIMIT, _TRACE_LIMIT, _CHUNK = 64 * 1024, 256 * 1024, 64 * 1024
#: Git writes each object by itself. After so many small pieces of output it gets so many seconds to fill the pipe,
#: instead of waking us up for each. Short answers never wait.
_PIECES, _PAUSE = 16, 0.001
#: Seconds in which a process ends by itself once its input does.
_PATIENCE = 0.5
#: By its path: PATH may have nothing but git.
_ENV = "/usr/bin/env"

_LOGIN_IN_URL = re.compile(r"(?<=://)[^/@\s'\"]+@")
#: Control characters, and what reorders or hides text on a terminal.
_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class GitOutput:
    """How a git process ended: exit status, output, and standard error without secrets and control characters.

    `trace` is the end of what was traced, where that was asked for; it may contain secrets.
    """

    status: int
    out: bytes
    err: str
    trace: bytes = field(default=b"", repr=False)


class TimedOut(GitError):  # noqa: N818 - it says what happened
    """Git was stopped after its time; what it asked a remote to do may have been done."""


def error(message: str, advice: str = "") -> GitError:
    """A failure of git with the next step."""
    return GitError(Problem("failed.git", message, advice))


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in a given environment; these variables override the defaults."""

    environ: Mapping[str, str] = field(repr=False)
    variables: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    timeout: float = TIMEOUT

    def run(
        self,
        *arguments: str,
        stdin: bytes | Iterable[str] = b"",
        settings: Iterable[tuple[str, str]] = (),
        limit: int = ANSWER_LIMIT,
        cut: bool = False,
        bounded: bool = False,
        traces: Sequence[str] = (),
        look: Callable[[], None] | None = None,
    ) -> GitOutput:
        """Run `git ARGUMENTS` to its end. It reads `stdin`, bytes or lines.

        A push calls `look` when it has read the refs of the remote (before that, where `HOOK` cannot run), and sends
        nothing if that raises. A git that does not see `HOOK`, as one with files of its own, has pushed by then.

        More than `limit` bytes of output are an error; with `cut` the rest is not read. `bounded`: neither is what git
        prints after 5 s of computing time or 128 MiB of memory, as far as the system can limit these, or after 20 s;
        the status tells. `traces` are variables of git, whose traces end up in `GitOutput.trace`.

        Raises:
            TimedOut: git took longer than `timeout` seconds.
            GitError: git is not installed, or printed more than `limit` bytes.
        """
        verb = arguments[0]
        data = stdin if isinstance(stdin, bytes) else "".join(f"{line}\n" for line in stdin).encode()
        if look is not None and not all(os.access(program, os.X_OK) for program in (HOOK, SHELL)):
            look()
            look = None
        hooks = [("core.hooksPath", str(HOOK.parent))] if look is not None else []
        environment = self.environment((*settings, *hooks, *(_BOUNDED_SETTINGS if bounded else ())))
        with (
            _beside(environment, look, traces) as beside,
            _running(arguments, environment, beside.inherited, bounded=bounded) as process,
        ):
            deadline = self.deadline(bounded=bounded)
            out, err = _exchange(process, data, limit, deadline, beside)
            if len(out) <= limit:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
            is_late = len(out) <= limit and process.returncode is None
        if is_late and not bounded:
            raise self.timed_out(verb)
        if len(out) > limit and not (cut or bounded):
            message = f"git {verb} returned more than {limit >> 20} MiB"
            raise error(message, "The repository is larger than gitops-bot can read.")
        if look is not None and process.returncode != 0 and str(HOOK).encode() in err:  # the shell's own complaint
            look()
            return self.run(*arguments, settings=settings, traces=traces)
        if look is not None and process.returncode == 0 and not beside.looked:
            look()
        return GitOutput(process.returncode, out[:limit], self.printable(err), bytes(beside.trace))

    def deadline(self, *, bounded: bool) -> float:
        """When a process that starts now has to be done."""
        return time.monotonic() + (min(BOUNDED_TIMEOUT, self.timeout) if bounded else self.timeout)

    def timed_out(self, verb: str) -> TimedOut:
        """The error for a process that was not done by its deadline."""
        message = f"git {verb} took longer than {self.timeout:g} s and was stopped"
        return TimedOut(Problem("failed.git", message, "Check the network and the size of the repository."))

    def printable(self, text: bytes) -> str:
        """The text without secrets, logins in URLs (also ssh's `git@`) and control characters."""
        safe = text.decode("utf-8", "replace").replace("\r", "\n").replace("\t", " ")
        for secret in self.secrets:
            safe = safe.replace(secret, redact.STRUCK)
        return _UNPRINTABLE.sub("", redact.strike(_LOGIN_IN_URL.sub(f"{redact.STRUCK}@", safe))).strip()

    def version(self) -> tuple[int, int]:
        """The version of git, major and minor; (0, 0) if it does not report one.

        Raises:
            GitError: git cannot be executed.
        """
        answer = self.run("version")
        if answer.status != 0:
            raise error(f"git cannot be executed: {answer.err[-300:]}", INSTALL)
        match = re.search(rb"(\d{1,4})\.(\d{1,4})", answer.out)
        return (int(match[1]), int(match[2])) if match else (0, 0)

    def environment(self, settings: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The environment of a child, with the settings: other users of the machine can read arguments."""
        inherited = for_git(self.environ, _PASSED_ON)
        result = _MEMORY | inherited | _VARIABLES | dict(self.variables)
        if not {"GIT_SSH", "GIT_SSH_COMMAND"} & inherited.keys():
            result["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes -o ConnectTimeout=30"
        count = inherited.get("GIT_CONFIG_COUNT", "0")
        first = int(count) if count.isascii() and count.isdigit() else 0
        pairs = (*_SETTINGS, *settings)
        for number, (key, value) in enumerate(pairs, start=first):
            result |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return result | {"GIT_CONFIG_COUNT": str(first + len(pairs))}


def git_versions(environ: Mapping[str, str], timeout: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """The version of git on the PATH of `environ`, (0, 0) if unknown, and the oldest that works.

    Raises:
        GitError: there is none, or it does not answer within `timeout` seconds.
    """
    return Git(environ, timeout=timeout).version(), OLDEST


@dataclass(slots=True)
class Dialogue:
    """A git process that reads one request after another. It starts with the first, and again if it has ended.

    `repeats` is what git prints for a line that names no object, behind that line itself.
    """

    git: Git
    arguments: tuple[str, ...]
    repeats: bytes
    bounded: bool = False
    #: Whether the process has answered a request already.
    is_used: bool = False
    _process: subprocess.Popen[bytes] | None = None
    _running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def ask(self, lines: Iterable[str], limit: int) -> GitOutput:
        """The output for these lines; the status is 0 if it is whole. Else the process has ended.

        It is cut after `limit` bytes. If `bounded`, it also ends as that of a process with bounds, see `Git.run`.

        Raises:
            TimedOut: git took longer than the `timeout` of `git`.
            GitError: git is not installed.
        """
        if self._process is None:
            environment = self.git.environment(_BOUNDED_SETTINGS if self.bounded else ())
            self._process = self._running.enter_context(_running(self.arguments, environment, (), bounded=self.bounded))
        # Nobody can have stored what is random, so it ends the output wherever it comes last.
        mark = f"={secrets.token_hex(16)}"
        stdin = "".join(f"{line}\n" for line in (*lines, mark)).encode()
        end = mark.encode() + self.repeats
        deadline = self.git.deadline(bounded=self.bounded)
        out, err = _exchange(self._process, stdin, limit + len(end), deadline, _Beside(), end)
        if out.endswith(end) and len(out) <= limit + len(end):
            self.is_used = True
            return GitOutput(0, out[: -len(end)], "")
        is_late = len(out) <= limit and self._process.poll() is None and time.monotonic() >= deadline
        status = self.close()
        if is_late and not self.bounded:
            raise self.git.timed_out(self.arguments[0])
        return GitOutput(status or -signal.SIGKILL, out[:limit], self.git.printable(err))

    def close(self) -> int:
        """End the process; returns its exit status."""
        process, self._process, self.is_used = self._process, None, False
        if process is None:
            return 0
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                cast("IO[bytes]", pipe).close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
        self._running.close()
        return process.returncode


@dataclass(slots=True)
class _Beside:
    """Pipes beside the standard ones: git's ends, what is done with what comes out of ours, and what came of it."""

    inherited: list[int] = field(default_factory=list)
    take: dict[int, Callable[[bytes], None]] = field(default_factory=dict)
    trace: bytearray = field(default_factory=bytearray)
    looked: bool = False

    def keep(self, trace: bytes) -> None:
        self.trace.extend(trace)
        del self.trace[:-_TRACE_LIMIT]


@contextlib.contextmanager
def _beside(environment: dict[str, str], look: Callable[[], None] | None, traces: Sequence[str]) -> Iterator[_Beside]:
    """One pipe into which git writes its traces, if there are any; two for `HOOK`, to ask and to answer.

    Traces go into no file, because some versions of git do not redact every secret in the headers of HTTP.
    """
    beside = _Beside()
    with contextlib.ExitStack() as opened:
        if traces:
            out, into = _pipe(opened)
            environment |= dict.fromkeys(traces, f"/dev/fd/{into}")
            environment |= {"GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
            beside.inherited.append(into)
            beside.take[out] = beside.keep
        if look is not None:
            (asked, ask), (answer, reply) = _pipe(opened), _pipe(opened)
            environment |= {"GITOPS_BOT_ASK": f"/dev/fd/{ask}", "GITOPS_BOT_ANSWER": f"/dev/fd/{answer}"}
            beside.inherited.extend((ask, answer))

            def look_and_reply(_: bytes) -> None:
                look()
                beside.looked = True
                os.write(reply, b"\n")

            beside.take[asked] = look_and_reply
        yield beside


def _pipe(opened: contextlib.ExitStack) -> tuple[int, int]:
    out, into = os.pipe()
    opened.callback(os.close, out)
    opened.callback(os.close, into)
    return out, into


@contextlib.contextmanager
def _running(
    arguments: tuple[str, ...], environment: dict[str, str], inherited: Sequence[int], *, bounded: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of git; no process, helper or open pipe is left behind."""
    began = time.perf_counter()
    if (git := shutil.which("git", path=environment.get("PATH", os.defpath))) is None:
        raise error(*_MISSING)
    # When it is imported, GitPython runs git twice for its version, with our whole environment: this git does not run.
    os.environ |= {"GIT_PYTHON_REFRESH": "quiet", "GIT_PYTHON_GIT_EXECUTABLE": os.devnull}
    try:
        from git.cmd import Git as GitPython
        from git.exc import GitCommandNotFound
    except ImportError as failure:  # it could not start even that one
        raise _not_started(failure.__cause__) or failure from failure.__cause__

    # GitPython passes our own environment and can only add to it: env(1) removes the rest.
    without = [word for name in sorted(os.environ.keys() - environment.keys()) for word in ("-u", name)]
    command = [*([_ENV, *without] if without else []), git, *arguments]
    try:
        # It ends with this object.
        started = GitPython().execute(
            command,
            istream=subprocess.PIPE,
            as_process=True,
            env=environment,
            # Its own group can be stopped together with its helpers, and has no terminal for prompts.
            start_new_session=True,
            pass_fds=inherited,
        )
    except (GitCommandNotFound, PermissionError) as missing:
        raise error(*_MISSING) from missing
    except OSError as failure:
        raise _not_started(failure) or error(f"git cannot be executed: {failure.strerror}", INSTALL) from failure
    process = cast("subprocess.Popen[bytes]", started.proc)
    try:
        if bounded:
            with contextlib.suppress(AttributeError, OSError):  # only Linux can; the process waits for its input
                for kind, limit in _BOUNDS:
                    hard = resource.prlimit(process.pid, kind)[1]
                    most = limit if hard == resource.RLIM_INFINITY else min(hard, limit)
                    resource.prlimit(process.pid, kind, (most, most))
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        # Not the other arguments: they can be thousands of names of branches and objects.
        log.debug("git.command", verb=arguments[0], exit=process.returncode, since=began)


def _not_started(failure: BaseException | None) -> GitError | None:
    """The error if the machine cannot start more processes."""
    limit = limit_of(failure) if failure is not None else None
    return error(f"git cannot be started: {limit.message}", limit.next) if limit is not None else None


def _feed(pipe: IO[bytes], data: memoryview) -> memoryview:
    """Write as much as fits into a pipe; returns the rest."""
    try:
        return data[os.write(pipe.fileno(), data[:_CHUNK]) :]
    except BrokenPipeError:  # git reads no more
        return data[:0]


def _exchange(
    process: subprocess.Popen[bytes], stdin: bytes, limit: int, deadline: float, beside: _Beside, end: bytes = b""
) -> tuple[bytes, bytes]:
    """Feed and read a process until it closes its output, has printed more than `limit` bytes, or is late.

    With `end` only until it has printed that, and its input stays open.
    """
    pipe_in, pipe_out, pipe_err = (cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr))
    output, complaints, rest, pieces = bytearray(), bytearray(), memoryview(stdin), 0
    os.set_blocking(pipe_in.fileno(), False)
    with selectors.DefaultSelector() as ready:
        ready.register(pipe_out, selectors.EVENT_READ, output.extend)
        ready.register(pipe_err, selectors.EVENT_READ, complaints.extend)
        ready.register(pipe_in, selectors.EVENT_WRITE)
        for descriptor, take in beside.take.items():
            os.set_blocking(descriptor, False)
            ready.register(descriptor, selectors.EVENT_READ, take)
        while (
            len(ready.get_map()) > len(beside.take)
            and len(output) <= limit
            and not (end and output.endswith(end))
            and (remaining := deadline - time.monotonic()) > 0
        ):
            for key, _ in ready.select(remaining):
                if key.fileobj is pipe_in:
                    if not (rest := _feed(pipe_in, rest)):
                        ready.unregister(pipe_in)
                        if not end:
                            pipe_in.close()
                elif chunk := os.read(key.fd, _CHUNK):
                    key.data(chunk)
                    pieces += len(chunk) < _CHUNK
                    if pieces > _PIECES and not (end and output.endswith(end)):
                        time.sleep(_PAUSE)
                else:
                    ready.unregister(key.fileobj)
            del complaints[_COMPLAINT_LIMIT:]
        for descriptor, take in beside.take.items():
            with contextlib.suppress(BlockingIOError):
                take(os.read(descriptor, _CHUNK))
    return bytes(output), bytes(complaints)
