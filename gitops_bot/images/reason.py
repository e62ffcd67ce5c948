"""The reasons of decisions, each with its code, and why an entry is unmanaged: no policy, and none can be inferred."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import TYPE_CHECKING, Final, Literal, get_args

from gitops_bot.errors import FailureCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

#: Every code that a reason or a problem may carry. Scripts rely on them: a later version may add, never rename.
Code = Literal[
    "chosen",
    "current",
    "adopted",
    "promoted",
    "set",
    "rolled_back",
    "ignored",
    "unmanaged",
    "nothing_new",
    "person",
    "held.downgrade",
    "held.older_build",
    "held.reverted",
    "held.declined",
    "held.vanished",
    "held.moved",
    "held.unordered",
    "held.no_release_tag",
    "held.no_digest",
    "held.absent_in_target",
    "held.no_partner",
    "held.policy",
    "held.platforms",
    "held.no_image",
    "held.age",
    "held.age_unknown",
    "held.soak",
    "held.check",
    "held.source_check",
    "held.deployment",
    "held.slot",
    "held.window",
    "held.limit",
    "held.label",
    "held.hold",
    "held.frozen",
    "held.history_bound",
    FailureCode,
]
CODES: Final[tuple[Code, ...]] = get_args(Code)


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason for a decision: a code for scripts, a sentence for people, and the facts behind it. `ends` is when a
    hold ends by itself; None where something else has to change first.
    """

    code: Code
    text: str
    data: Mapping[str, str | int | None] = field(default_factory=dict)
    ends: datetime | None = None

    def with_more(self, text: str) -> Reason:
        """The reason with more to say."""
        return replace(self, text=f"{self.text}; {text}")


def shortlist(texts: Sequence[str], most: int) -> str:
    """The first few, and how many more there are: `a, b and 3 more`."""
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def enumerated(texts: Sequence[str]) -> str:
    """All of them: `a, b and c`."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def counted(number: int, noun: str) -> str:
    """How many of something: `1 entry`, `2 entries`, `1,200 open pull requests`."""
    if number == 1:
        return f"1 {noun}"
    stem = f"{noun[:-1]}ie" if re.search("[^aeiou]y$", noun) else noun
    return f"{number:,} {stem}{'es' if re.search('(s|x|ch|sh)$', noun) else 's'}"


def rfc3339(moment: datetime) -> str:
    """A time as scripts read it: in UTC, to the second."""
    return f"{moment.astimezone(UTC).isoformat()[:19]}Z"


#: Why no policy can be inferred from a tag.
TagWhy = Literal[
    "commit", "counter", "digits", "major", "no_tag", "number", "placeholder", "ticket", "unordered", "year"
]
#: `no_policy` and `not_in_source` come from a configuration, and so do those of rules that move nothing; the others
#: come from what is pinned.
Why = Literal[
    TagWhy, "digest", "nothing", "no_repository", "overridden", "unset", "no_policy", "not_in_source",
    "refused", "no_partner", "one_build", "still_source", "unread_source",
]  # fmt: skip

#: The text for one entry, and the one for all such entries together where that is another.
_TEXTS: Final[dict[Why, tuple[str, ...]]] = {
    "commit": ("{0} is a commit, and commits have no order", "the tag is a commit, and commits have no order"),
    "counter": (
        "{0} is more than a version: nobody can tell what comes after the rest of it",
        "the tag is more than a version",
    ),
    "digits": ("{0} may be a commit made of digits only", "the tag may be a commit"),
    "major": ("{0} is only a major version, which floats", "the tag is only a major version"),
    "no_tag": ("{0} is not a tag", "the tag is not valid"),
    "number": ("{0} may be a version or a build number", "the tag may be a version or a build number"),
    "placeholder": ("{0} stands where something else writes the tag", "a placeholder stands in the place of the tag"),
    "ticket": (
        "{0} is a pull request or ticket; the next number is a different one",
        "the tag names a pull request or ticket",
    ),
    "unordered": ("{0} has no order: it is not a version, number or date in a known format", "the tag has no order"),
    "year": ("{0} may be a year, which floats", "the tag may be a year"),
    "digest": ("a digest alone does not say which tags to follow", "only a digest is pinned"),
    "nothing": ("nothing is pinned, so there is no tag format to follow", "nothing is pinned"),
    "no_repository": ("the file does not name a repository that can be asked for tags",),
    "overridden": ("{0} has an entry for this image, which wins",),
    "unset": ("nothing here sets the variable {0} ({1})",),
    "no_policy": ("{0} has no `policy`, and this image has none", "{0} has no `policy`"),
    "not_in_source": ("{0} has no `policy`, and its source {1} has no such entry",),
    "refused": ("{0}",),
    "no_partner": ("{0}",),
    "one_build": ("the tag {0} is one build for good", "the policy follows a tag that is one build for good"),
    "unread_source": ("a file of {0} cannot be read, and may have this image",),
    "still_source": ("no rule moves it in {0}, from which it is promoted",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged(Reason):
    """The reason, with its kind. `alike` is the text for all entries of that kind together."""

    why: Why
    alike: str


def unmanaged(why: Why, *about: str) -> Unmanaged:
    """The reason of a kind, `about` a tag, an environment and its source, a file, or a variable and its place."""
    text, *alike = (form.format(*about) for form in _TEXTS[why])
    of_tag = why in (*get_args(TagWhy), "digest")
    data = {"tag": about[0] if about else None} if of_tag else {}
    return Unmanaged(code="unmanaged", text=text, data=data, why=why, alike=alike[0] if alike else text)
