"""The stored state of a repository: its pull requests, settings and rules, in one JSON file.

This is only data; `pulls.py` has the behaviour. Branches and commits are always read from Git, so a push straight into
the bare repository counts like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.demo.rules import Protection, Settings, Team

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.rules import Method

#: IDs per repository: an ID shows which repository it belongs to.
IDS = 100_000

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]


@dataclass(slots=True)
class Review:
    """A review of one commit of a pull request."""

    id: int
    user: str
    state: ReviewState
    body: str
    commit: str
    submitted_at: str


@dataclass(slots=True)
class Comment:
    """A comment."""

    id: int
    user: str
    body: str
    created_at: str
    updated_at: str


@dataclass(slots=True)
class AutoMerge:
    """Who merges, or enabled auto-merge and when, and how; GitHub's default text where `title` or `message` is None."""

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
    """A change of a branch; `before` or `after` is forty zeros if it was created or deleted."""

    id: int
    branch: str
    before: str
    after: str
    at: str
    kind: str


@dataclass(slots=True)
class Labelled:
    """A label that was added."""

    id: int
    name: str
    at: str


@dataclass(slots=True)
class Check:
    """A status of a commit; `state` is `success`, `pending`, `failure` or `error`.

    With an `app`, it is a check run, and `state` is its conclusion, or its status as long as that is not `completed`.
    It belongs to a `suite`: that of a `workflow` (`build.yml`), or one of the App alone.
    """

    context: str
    state: str
    user: str = ""
    at: str = ""
    description: str = ""
    url: str | None = None
    app: str | None = None
    suite: int = 1
    workflow: str | None = None


@dataclass(slots=True)
class DeploymentStatus:
    """A status of a deployment: `success`, `inactive` and so on."""

    id: int
    state: str
    description: str
    user: str
    at: str
    url: str | None = None


@dataclass(slots=True)
class Deployment:
    """A deployment of a commit to an environment, and its statuses, the oldest first."""

    id: int
    commit: str
    ref: str
    task: str
    environment: str
    description: str | None
    user: str
    at: str
    statuses: list[DeploymentStatus] = field(default_factory=list)

    @property
    def state(self) -> str | None:
        """That of the newest status."""
        return self.statuses[-1].state if self.statuses else None


@dataclass(slots=True)
class Pull:
    """A pull request; times are RFC 3339 in UTC. `head_sha` and `base_sha` no longer change once it is closed.

    `enabled_at`: every time auto-merge was enabled; `queued_at`: every time it was added to the merge queue.
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
    #: What became of auto-merge: the type of the event, when, and by whom.
    auto_merges: list[tuple[str, str, str]] = field(default_factory=list)
    queued_at: list[str] = field(default_factory=list)
    labelled: list[Labelled] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Hub:
    """One repository. `queue` is in order; `checks` are by commit, the oldest first."""

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
    deployments: list[Deployment] = field(default_factory=list)
    last_moment: str = ""

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    def next_id(self) -> int:
        """A new ID."""
        self.last_id += 1
        return self.id * IDS + self.last_id

    def queued(self, pull: Pull) -> Queued | None:
        """The entry of a pull request in the merge queue."""
        return next((entry for entry in self.queue if entry.number == pull.number), None)

    def save(self, file: Path) -> None:
        """Write the file atomically."""
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(self, default=_plain), encoding="utf-8")
        draft.replace(file)

    @classmethod
    def load(cls, file: Path) -> Hub:
        """Read what `save` wrote; missing fields get their defaults."""
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        pulls = [_pull(item) for item in data.pop("pulls").values()]
        return cls(
            settings=Settings(**data.pop("settings", {})),
            protected={name: Protection(**item) for name, item in data.pop("protected", {}).items()},
            teams={slug: Team(**item) for slug, item in data.pop("teams", {}).items()},
            queue=[Queued(**item) for item in data.pop("queue", ())],
            checks={commit: [Check(**item) for item in items] for commit, items in data.pop("checks", {}).items()},
            deployments=[
                Deployment(**{**item, "statuses": [DeploymentStatus(**status) for status in item["statuses"]]})
                for item in data.pop("deployments", ())
            ],
            activity=[Pushed(**item) for item in data.pop("activity", ())],
            pulls={pull.number: pull for pull in pulls},
            **data,
        )


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass for JSON; `asdict` would be slow, because it copies deeply."""
    return {member.name: getattr(value, member.name) for member in fields(value)}


def _pull(data: dict[str, Any]) -> Pull:
    for name, kind in (("reviews", Review), ("comments", Comment), ("labelled", Labelled)):
        data[name] = [kind(**item) for item in data.get(name, ())]
    auto_merge = data.pop("auto_merge", None)
    return Pull(**data, auto_merge=AutoMerge(**auto_merge) if auto_merge else None)
