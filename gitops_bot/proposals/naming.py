"""Groups: which changes share a proposal, and the branch that each group is proposed on.

A group is all of the environment, an overlay, an image, or one that people named. Its branch is always
`gitops-bot/<environment>/<group>`, three parts, each one slug: git cannot keep `gitops-bot/production` beside
`gitops-bot/production/web`.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from gitops_bot.images.reference import fits
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config.propose import NamedGroup, Propose
    from gitops_bot.releases.decisions import Managed

PREFIX = "gitops-bot"
DEFAULT_GROUP = "all"
#: What a proposal does: it updates pins, rolls back as a person asked, or rolls back what failed a check.
Kind = Literal["update", "rollback", "failure"]
#: How the groups of each kind begin. The kinds are proposed separately from one another.
PREFIXES: Final[Mapping[Kind, str]] = {"failure": "rollback-failed-", "rollback": "rollback-", "update": ""}
Grouping: TypeAlias = 'Literal["environment", "overlay", "image"] | Sequence[NamedGroup]'
_SLUG = re.compile(r"(?=.{1,60}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")
_HASH = 8
#: The room that a hash and its dash leave.
_ROOM = 60 - _HASH - 1
_WORD = re.compile(r"[A-Za-z0-9._-]{1,60}")
_OTHER = re.compile(r"[^a-z0-9]+")


def group_of(entry: Managed, grouping: Grouping) -> str:
    """The group of an entry; what matches no named group goes into `all`."""
    match grouping:
        case "environment":
            return DEFAULT_GROUP
        case "overlay":
            return entry.overlay
        case "image":
            return entry.image
        case named:
            return next((group.name for group in named if _belongs(entry, group)), DEFAULT_GROUP)


def _belongs(entry: Managed, group: NamedGroup) -> bool:
    images = not group.images or any(fits(glob, text) for glob in group.images for text in (entry.name, entry.image))
    overlays = (Glob.parse(text).means(entry.overlay, entry.file) for text in group.overlays)
    return images and (not group.overlays or any(overlays))


def is_together(name: str, propose: Propose) -> bool:
    """Whether one held entry of this group holds the rest."""
    named = () if isinstance(propose.group, str) else propose.group
    together = next((group.together for group in named if group.name == name), None)
    return propose.together if together is None else together


def slug(text: str) -> str:
    """An environment as `[a-z0-9-]{1,60}`: its start, with a short hash of the original if it was altered."""
    return text if _SLUG.fullmatch(text) else f"{_plain(text)[:_ROOM].strip('-')}-{_hash(text)}".strip("-")


def group_slug(text: str) -> str:
    """A group as a slug that keeps the end: an image is known by its last words, not by its registry.

    Only the groups of rollbacks begin with `rollback-`.
    """
    if _SLUG.fullmatch(text):
        return text
    prefix = PREFIXES[kind_of(text)]
    plain, room = _plain(text.removeprefix(prefix)), _ROOM - len(prefix)
    end = plain
    if len(plain) > room:  # the last whole words that fit, or the end of a word that is too long
        end = plain[-room:]
        cut = "" if plain[-room - 1] == "-" else end.partition("-")[0]
        end = end.removeprefix(cut).strip("-") or end
    while PREFIXES[kind_of(f"{prefix}{end}-")] != prefix:
        end = end.partition("-")[2]
    return prefix + f"{end}-{_hash(text)}".strip("-")


def _plain(text: str) -> str:
    return _OTHER.sub("-", text.lower()).strip("-")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def trailer_names(environment: str, group: str) -> tuple[str, str]:
    """Both as words of a trailer: unchanged if they are single words, else as slugs."""
    return (
        environment if _WORD.fullmatch(environment) else slug(environment),
        group if _WORD.fullmatch(group) else group_slug(group),
    )


def branch(environment: str, group: str = DEFAULT_GROUP) -> str:
    """The branch on which this group of this environment is always proposed."""
    return f"{beginning(environment)}{group_slug(group)}"


def beginning(environment: str) -> str:
    """What the branches of all groups of this environment begin with."""
    return f"{PREFIX}/{slug(environment)}/"


def kind_of(group: str) -> Kind:
    """The kind of a group, by its name."""
    return next(kind for kind, prefix in PREFIXES.items() if group.startswith(prefix))


def kind_of_branch(branch: str) -> Kind:
    """The kind of the group that has this branch."""
    return kind_of(branch.rpartition("/")[2])
