"""What the embedded forge keeps: a repository's pull requests and rules with all that hangs on them, in one JSON file.

Only data and its file; the rules stand in `pulls.py`. Everything that git knows (where branches are, what they
changed) is asked of git, so a push by hand into the bare repository is seen like any other.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.demo.rules import Protection, Settings, Team

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.rules import Method

#: How many ids there are for what one repository has: an id tells whose it is.
IDS = 100_000

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]


@dataclass(slots=True)
class Review:
    """What one person said about one commit of a pull request."""

    id: int
    user: str
    state: ReviewState
    body: str
    commit: str
    submitted_at: str


@dataclass(slots=True)
class Comment:
    """A comment in the conversation."""

    id: int
    user: str
    body: str
    created_at: str
    updated_at: str


@dataclass(slots=True)
class AutoMerge:
    """Who let a pull request merge by itself, and how; `title` and `message` None: GitHub's own text."""

    user: str
    at: str
    method: Method
    title: str | None = None
    message: str | None = None


@dataclass(slots=True)
class Queued:
    """A place in the merge queue of a base branch."""

    id: int
    number: int
    user: str
    at: str


@dataclass(slots=True)
class Pushed:
    """A branch came to another commit; forty zeros where there was none, or is none any more."""

    id: int
    branch: str
    before: str
    after: str
    at: str
    kind: str


@dataclass(slots=True)
class Labelled:
    """A label was put on."""

    id: int
    name: str
    at: str


@dataclass(slots=True)
class Check:
    """What a system said of a commit: a status, or a check run.

    `state` is one of GitHub's `success`, `pending`, `failure`, `error` for a status. For a check run it is its
    conclusion, or None as long as `status` is not `completed`.
    """

    id: int
    kind: Literal["status", "run"]
    context: str
    state: str | None
    user: str
    created_at: str
    updated_at: str
    status: str = "completed"
    description: str | None = None
    target_url: str | None = None


@dataclass(slots=True)
class Pull:
    """A pull request; times are RFC 3339 in UTC. `head_sha` and `base_sha` stand still once it is closed.

    `queued_at`: when it was put into the merge queue, each time; `edited_at`: when its text was changed last.
    """

    number: int
    id: int
    title: str
    body: str | None
    user: str
    head: str
    base: str
    head_sha: str
    base_sha: str
    created_at: str
    updated_at: str
    draft: bool = False
    maintainer_can_modify: bool = False
    state: Literal["open", "closed"] = "open"
    closed_at: str | None = None
    merged_at: str | None = None
    merged_by: str | None = None
    merge_commit_sha: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    auto_merge: AutoMerge | None = None
    queued_at: list[str] = field(default_factory=list)
    labelled: list[Labelled] = field(default_factory=list)
    edited_at: str | None = None
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Hub:
    """The state of one repository on the forge. `queue` is in order; `checks` are by commit, the oldest first."""

    owner: str
    name: str
    id: int
    created_at: str
    private: bool = False
    last_id: int = 0
    settings: Settings = field(default_factory=Settings)
    protected: dict[str, Protection] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    queue: list[Queued] = field(default_factory=list)
    checks: dict[str, list[Check]] = field(default_factory=dict)
    activity: list[Pushed] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    last_moment: str = ""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    def next_id(self) -> int:
        """Give an id that nothing else here has."""
        self.last_id += 1
        return self.id * IDS + self.last_id

    def queued(self, pull: Pull) -> Queued | None:
        """The place of a pull request in the merge queue."""
        return next((each for each in self.queue if each.number == pull.number), None)

    def save(self, file: Path) -> None:
        """Write the state in one step."""
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(self, default=_plain), encoding="utf-8")
        os.replace(draft, file)  # noqa: PTH105 - says more clearly than Path.replace that the target may exist

    @classmethod
    def load(cls, file: Path) -> Hub:
        """Read the state that `save` wrote; what it did not know of has its default."""
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        pulls = [_pull(each) for each in kept.pop("pulls").values()]
        return cls(
            settings=Settings(**kept.pop("settings", {})),
            protected={name: Protection(**each) for name, each in kept.pop("protected", {}).items()},
            teams={slug: Team(**each) for slug, each in kept.pop("teams", {}).items()},
            queue=[Queued(**each) for each in kept.pop("queue", ())],
            checks={commit: [Check(**each) for each in said] for commit, said in kept.pop("checks", {}).items()},
            activity=[Pushed(**each) for each in kept.pop("activity", ())],
            pulls={pull.number: pull for pull in pulls},
            **kept,
        )


def _plain(kept: Any) -> dict[str, Any]:
    """One of the data classes for JSON: a request must not wait for the deep copies that `asdict` makes."""
    return {each.name: getattr(kept, each.name) for each in fields(kept)}


def _pull(kept: dict[str, Any]) -> Pull:
    reviews = [Review(**each) for each in kept.pop("reviews")]
    comments = [Comment(**each) for each in kept.pop("comments")]
    labelled = [Labelled(**each) for each in kept.pop("labelled", ())]
    auto_merge = kept.pop("auto_merge", None)
    return Pull(
        **kept,
        reviews=reviews,
        comments=comments,
        labelled=labelled,
        auto_merge=AutoMerge(**auto_merge) if auto_merge else None,
    )
