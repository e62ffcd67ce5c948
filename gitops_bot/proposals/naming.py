"""Branch names: `gitops-bot/<environment>/<group>`, always three parts, each one slug.

Always three, because git cannot keep `gitops-bot/production` beside `gitops-bot/production/web`.
"""

from __future__ import annotations

import hashlib
import re

PREFIX = "gitops-bot"
DEFAULT_GROUP = "all"
#: The prefix of rollback groups, which are proposed separately from everything else.
ROLLBACK = "rollback-"
_LIMIT = 60
_HASH = 8
#: The room that a hash and its dash leave.
_ROOM = _LIMIT - _HASH - 1
_WORD = re.compile(r"[A-Za-z0-9._-]{1,60}")
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """An environment as `[a-z0-9-]{1,60}`: its start, with a short hash of the original if it was altered."""
    plain = _plain(text)
    if _is_slug(text):
        return text
    return f"{plain[:_ROOM].strip('-')}-{_hash(text)}".strip("-")


def group_slug(text: str) -> str:
    """A group as a slug that keeps the end: an image is known by its last words, not by its registry.

    Only the groups of rollbacks begin with `rollback-`.
    """
    if _is_slug(text):
        return text
    lead = ROLLBACK if text.startswith(ROLLBACK) else ""
    end = _end(_plain(text.removeprefix(lead)), _ROOM - len(lead))
    while not lead and f"{end}-".startswith(ROLLBACK):
        end = end[len(ROLLBACK) :]
    return lead + f"{end}-{_hash(text)}".strip("-")


def trailer_names(environment: str, group: str) -> tuple[str, str]:
    """Both as words of a trailer: unchanged if they are single words, else as slugs."""
    return (
        environment if _WORD.fullmatch(environment) else slug(environment),
        group if _WORD.fullmatch(group) else group_slug(group),
    )


def branch(environment: str, group: str = DEFAULT_GROUP) -> str:
    """The branch on which this group of this environment is always proposed."""
    return f"{PREFIX}/{slug(environment)}/{group_slug(group)}"


def beginning(environment: str) -> str:
    """What the branches of all groups of this environment begin with."""
    return f"{PREFIX}/{slug(environment)}/"


def is_rollback(branch: str) -> bool:
    """Whether a gitops-bot branch proposes a rollback."""
    return branch.rpartition("/")[2].startswith(ROLLBACK)


def _is_slug(text: str) -> bool:
    return text != "" and len(text) <= _LIMIT and _plain(text) == text


def _plain(text: str) -> str:
    return _OTHER.sub("-", text.lower()).strip("-")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


def _end(plain: str, room: int) -> str:
    """The last whole words that fit, or the end of a word that is too long."""
    if len(plain) <= room:
        return plain
    end = plain[-room:]
    cut = "" if plain[-room - 1] == "-" else end.partition("-")[0]
    return end.removeprefix(cut).strip("-") or end
