"""What the embedded forge keeps: a repository's pull requests with all that hangs on them, in one JSON file.

Only data and its file; the rules stand in `pulls.py`. Everything that git knows (where branches are, what they
changed) is asked of git, so a push by hand into the bare repository is seen like any other.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "PENDING"]


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
class Pull:
    """A pull request; times are RFC 3339 in UTC. `head_sha` and `base_sha` stand still once it is closed."""

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
    reviewers: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Hub:
    """The state of one repository on the forge."""

    owner: str
    name: str
    id: int
    created_at: str
    private: bool = False
    last_id: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    def next_id(self) -> int:
        """Give an id that nothing else here has."""
        self.last_id += 1
        return self.id * 100_000 + self.last_id

    def save(self, file: Path) -> None:
        """Write the state in one step."""
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        os.replace(draft, file)  # noqa: PTH105 - says more clearly than Path.replace that the target may exist

    @classmethod
    def load(cls, file: Path) -> Hub:
        """Read the state that `save` wrote."""
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        pulls = [_pull(each) for each in kept.pop("pulls").values()]
        return cls(**kept, pulls={pull.number: pull for pull in pulls})


def _pull(kept: dict[str, Any]) -> Pull:
    reviews = [Review(**each) for each in kept.pop("reviews")]
    comments = [Comment(**each) for each in kept.pop("comments")]
    return Pull(**kept, reviews=reviews, comments=comments)
