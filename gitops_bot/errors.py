"""What can go wrong, as the user reads it. Everyone may import this; it imports nothing of ours."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The code of a problem: whether the command line, the configuration, a registry, a login, a manifest, the forge or git
#: caused it, or a bug of our own.
FailureCode = Literal[
    "failed.usage",
    "failed.config",
    "failed.registry",
    "failed.auth",
    "failed.edit",
    "failed.forge",
    "failed.git",
    "failed.bug",
]
#: The exit code of a bug.
BUG: Final = 3


def place_of(file: str | None, line: int | None, column: int | None) -> str:
    """`file:line:column` as far as known, else the empty string."""
    return ":".join(str(part) for part in (file, line, column) if part is not None)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong: what, where, and what to do next.

    `line` and `column` count from 1. `about` is what `message` begins with (`about: ...`) where others may have the
    same problem. `traceback` is that of a bug, for the log.
    """

    code: FailureCode
    message: str
    next: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    about: str = ""
    traceback: str = field(default="", compare=False, repr=False)

    @property
    def what(self) -> str:
        """The message without what it is about: the same for all that fail for one reason."""
        return self.message.removeprefix(f"{self.about}: ") if self.about else self.message

    @property
    def where(self) -> str:
        """`file:line:column` as far as known, else the empty string."""
        return place_of(self.file, self.line, self.column)

    def __str__(self) -> str:
        first = f"{self.where}: {self.message}" if self.where else self.message
        return f"{first}\n  {self.next}" if self.next else first


class BotError(Exception):
    """A failure of a command or of one item, with what to do about it; anything else that escapes is a bug (exit 3)."""

    usual_exit_code: ClassVar = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @property
    def problem(self) -> Problem:
        """The first problem: most failures have exactly one."""
        return self.problems[0]

    @property
    def exit_code(self) -> int:
        """The exit code of a command that it ends."""
        return exit_code_of(self.problems, self.usual_exit_code)


class UsageError(BotError):
    """The command line cannot be used as it is."""

    usual_exit_code = 2


class ConfigError(BotError):
    """The configuration cannot be used; carries every problem at once."""

    usual_exit_code = 2


class EditError(BotError):
    """A file or an entry is refused, or an edit could not be proved."""


class RegistryError(BotError):
    """A registry did not give a usable answer; `status` is the HTTP status where there was one.

    `no_repository`: it has no such repository, or hides it. `no_tag`: it has the repository but not the tag.
    `no_manifest`: it says that it knows no manifest of that tag or digest.
    """

    def __init__(
        self,
        *problems: Problem,
        status: int | None = None,
        no_repository: bool = False,
        no_tag: bool = False,
        no_manifest: bool = False,
    ) -> None:
        super().__init__(*problems)
        self.status = status
        self.no_repository = no_repository
        self.no_tag = no_tag
        self.no_manifest = no_manifest


class GitError(BotError):
    """Git could not read or write the repository."""


class LostRace(GitError):  # noqa: N818 - a lost race is an event to plan again after, not a fault
    """Somebody else moved the branch first: read it again and plan again."""


class ForgeError(BotError):
    """The forge refused or did not answer."""


def exit_code_of(problems: Iterable[Problem], usual: int = 1) -> int:
    """The exit code of a command with these problems: 0 without any, and that of a bug where one of them is one."""
    codes = {BUG if problem.code == "failed.bug" else usual for problem in problems}
    return max(codes, default=0)


def bug_of(error: Exception, about: str = "") -> Problem:
    """The problem of an unexpected exception, which costs the one item that it is `about`.

    Raises:
        Exception: the error itself, where the machine has run out of something: that is about no item.
    """
    from traceback import format_exception

    if limit_of(error) is not None:
        raise error
    message = f"{f'{about}: ' if about else ''}this is a bug in gitops-bot, please report it ({type(error).__name__})"
    return Problem(
        "failed.bug",
        message,
        "Report it with the traceback in the log.",
        about=about,
        traceback="".join(format_exception(error)),
    )


@contextmanager
def bugs_as(kind: type[BotError], about: str = "") -> Iterator[None]:
    """An unexpected exception in the block becomes an error of that `kind`: it costs the one item that it is `about`.

    Raises:
        BotError: of that `kind`, for a bug; others as they are.
    """
    try:
        yield
    except BotError:
        raise
    except Exception as error:
        raise kind(bug_of(error, about)) from error


@contextmanager
def noted(problems: list[Problem], about: str) -> Iterator[None]:
    """What is refused in the block, or a bug there, joins the problems: it costs the one item that it is `about`."""
    try:
        with bugs_as(EditError, about):
            yield
    except EditError as error:
        problems += error.problems


def to_bot_error(error: Exception) -> BotError:
    """What ended a command: an error that the bot can explain, a limit of the machine, or a bug."""
    if isinstance(error, BotError):
        return error
    return BotError(limit_of(error) or bug_of(error))


#: What the machine has run out of, by the number of the error.
_LIMITS = {
    errno.ENOMEM: "is out of memory",
    errno.EMFILE: "does not let this process open more files",
    errno.ENFILE: "cannot open more files",
}
RAISE_THE_LIMIT = (
    "raise the limit (`ulimit -a` shows those of a shell; containers have `pids` and `memory`), "
    "or stop other processes; then run again"
)


def limit_of(error: BaseException) -> Problem | None:
    """The problem where the machine ran out of something; None for any other error."""
    match error:
        case RuntimeError() if "can't start new thread" in str(error):
            what = "cannot start more threads"
        case BlockingIOError(strerror="Resource temporarily unavailable"):  # from fork, never from a write
            what = "cannot start more processes"
        case MemoryError():
            what = _LIMITS[errno.ENOMEM]
        case ImportError() if "failed to map segment" in str(error):  # from the loader of shared libraries
            what = _LIMITS[errno.ENOMEM]
        case OSError(errno=number) if number in _LIMITS:
            what = _LIMITS[number]
        case _:
            return None
    return Problem("failed.usage", f"this machine {what}", RAISE_THE_LIMIT)
