"""What every command gives back: a head as all documents have it, and a body of the command's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from gitops_bot.errors import exit_code_of

if TYPE_CHECKING:
    from gitops_bot.errors import Problem

#: The commands that print JSON.
COMMANDS: Final = (
    *("plan", "update", "set", "promote", "rollback"),
    *("check", "doctor", "edit", "init", "explain", "history", "audit", "status"),
)
#: The tools whose settings `init --from` converts.
Peer = Literal["argocd-image-updater", "flux", "renovate"]
Body_co = TypeVar("Body_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Head:
    """What was read, and everything that failed.

    `saw_all` is false where something was not looked at, and `least_code` the exit code where nothing failed.
    """

    repository: str | None = None
    branch: str | None = None
    commit: str | None = None
    problems: tuple[Problem, ...] = ()
    saw_all: bool = True
    least_code: int = 0

    @property
    def complete(self) -> bool:
        """Whether everything was seen, read and done."""
        return self.saw_all and not self.problems

    @property
    def where(self) -> str:
        """Repository, branch and commit for people, as far as they are known."""
        commit = f"at {self.commit[:10]}" if self.commit else ""
        return " ".join(filter(None, (self.repository, self.branch, commit)))

    @property
    def exit_code(self) -> int:
        """At least 1 where something failed, 3 where that is a bug; the rest was done."""
        return max(self.least_code, exit_code_of(self.problems))


@dataclass(frozen=True, slots=True)
class Result(Generic[Body_co]):
    """The result of a command."""

    head: Head
    body: Body_co
