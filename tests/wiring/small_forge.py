"""A forge that only tests have: its pull requests are in a file, and their heads are what the Git repository says."""

from __future__ import annotations

import pickle
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gitops_bot.edges.facts import fixed
from gitops_bot.errors import Problem
from gitops_bot.proposals.pull_request import HandBackTimes, Merge, PullRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.edges.facts import Refusal, Token


@dataclass(frozen=True, slots=True)
class Server:
    """What `wiring.forge` wants of a forge: here projects lie in groups."""

    TOKENS: ClassVar[Sequence[str]] = ("SMALL_TOKEN",)
    SECRETS: ClassVar[Sequence[str]] = TOKENS
    USER: ClassVar[str] = "x-access-token"  # whom the Git server of the tests knows
    RIGHTS: ClassVar[str] = "everything"
    TOKEN_ELSEWHERE: ClassVar[str] = "set SMALL_URL"
    PARTS: ClassVar[range] = range(2, 23)
    REFUSALS: ClassVar[Sequence[Refusal]] = ()

    url: str
    file: Path
    repository: Path
    token: str | None
    variable: str | None

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Server:
        url, file, repository = environ["SMALL_URL"], Path(environ["SMALL_FILE"]), Path(environ["SMALL_REPOSITORY"])
        token = environ.get(cls.TOKENS[0])
        return cls(url, file, repository, token, cls.TOKENS[0] if token is not None else None)

    @property
    def host(self) -> str:
        return "small"

    def packages(self, repository: str | None) -> None:
        del repository

    def token_for(self, repository: str | None, purpose: str) -> Token | None:
        del repository, purpose
        return fixed(self.token) if self.token is not None else None

    def takes_token(self, where: Any) -> bool:
        return bool(where.server == self.url)

    def has_registry(self, host: str) -> bool:
        return host == self.host

    def reserves(self, variable: str) -> None:
        del variable

    def connect(self, repository: str, **_: Any) -> SmallForge:
        return SmallForge(self, repository)

    def inspect(self, repository: str | None, **_: Any) -> None:
        del repository

    def no_token(self, repository: str | None) -> Problem:
        return Problem("failed.auth", f"no token for {repository}", "set one")

    def elsewhere(self, host: str | None) -> Problem:
        return Problem("failed.auth", f"{host} is elsewhere", "name it")


class SmallForge:
    """Fulfils `engine.world.Forge`, with what `update` asks for."""

    def __init__(self, server: Server, repository: str) -> None:
        self._server, self._repository = server, repository

    def disconnect(self) -> None: ...

    def pulls(self) -> dict[int, PullRequest]:
        known = pickle.loads(self._server.file.read_bytes()) if self._server.file.exists() else {}  # noqa: S301 - our own
        return {number: self._seen(pull) for number, pull in known.items()}

    def find(
        self, branches: Sequence[str], base: str, *, closed: str | None = None
    ) -> dict[str, tuple[PullRequest, ...]]:
        found = sorted(self.pulls().values(), key=lambda pull: (pull.state != "open", -pull.number))
        wanted = {*branches, *(pull.branch for pull in found if closed is not None and pull.branch.startswith(closed))}
        return {name: tuple(pull for pull in found if (pull.branch, pull.base) == (name, base)) for name in wanted}

    def rate_limit(self) -> None:
        return None

    def commits_between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        del source, old, new
        return ()

    def commits_ahead(self, source: str, old: str, new: str) -> None:
        del source, old, new

    def merges(self, base: str, commits: Sequence[str]) -> dict[str, Merge]:
        del base, commits
        return {}

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        number = len(self.pulls()) + 1
        url = f"{self._server.url}/{self._repository}/proposal/{number}"
        return self._keep(PullRequest(number, url, "open", branch, base, "", title, body, draft=draft))

    def read(self, number: int) -> PullRequest:
        return self.pulls()[number]

    def refresh(self, number: int, *, title: str, body: str) -> PullRequest:
        return self._keep(replace(self.read(number), title=title, body=body))

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        del number, branch, label
        return HandBackTimes()

    def label(self, number: int, labels: Sequence[str]) -> bool:
        self._keep(replace(self.read(number), labels=tuple(labels)))
        return True

    def unlabel(self, number: int, label: str) -> None: ...

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> bool:
        del number, people, teams
        return True

    def assign(self, number: int, people: Sequence[str]) -> bool:
        del number, people
        return True

    def comment(self, number: int, body: str, *, edits: int | None = None) -> None: ...

    def take_back(self, comment: int) -> None: ...

    def comments(self, number: int) -> tuple[str, ...]:
        del number
        return ()

    def merge_when_ready(self, number: int, **_: Any) -> PullRequest:
        return self.read(number)

    def merge_by_hand(self, number: int) -> PullRequest:
        return self.read(number)

    def convert(self, number: int, *, draft: bool) -> PullRequest:
        return self._keep(replace(self.read(number), draft=draft))

    def close(self, number: int, *, body: str) -> PullRequest:
        return self._keep(replace(self.read(number), body=body, state="closed"))

    def _keep(self, pull: PullRequest) -> PullRequest:
        self._server.file.write_bytes(pickle.dumps(self.pulls() | {pull.number: pull}))
        return self.read(pull.number)

    def _seen(self, pull: PullRequest) -> PullRequest:
        command = [
            "git",
            "-C",
            str(self._server.repository),
            "rev-parse",
            "--verify",
            "-q",
            f"refs/heads/{pull.branch}",
        ]
        head = subprocess.run(command, check=False, capture_output=True, encoding="ascii").stdout.strip()
        return replace(pull, head=head or pull.head)
