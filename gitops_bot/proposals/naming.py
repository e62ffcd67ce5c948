"""Branch names: `gitops-bot/<environment>/<group>`, always three parts, each one slug.

Always three, because git cannot keep `gitops-bot/production` beside `gitops-bot/production/web`.
"""

from __future__ import annotations

import hashlib
import re

PREFIX = "gitops-bot"
DEFAULT_GROUP = "all"
#: What the groups of rollbacks begin with: they are proposed beside everything else.
ROLLBACK = "rollback-"
_LIMIT = 60
_HASH = 8
_WORD = re.compile(r"[A-Za-z0-9._-]{1,60}")
_OTHER = re.compile(r"[^a-z0-9]+")


def slug(text: str) -> str:
    """`text` as `[a-z0-9-]{1,60}`; with a short hash of the original where it had to be altered."""
    plain = _OTHER.sub("-", text.lower()).strip("-")
    if plain and plain == text and len(plain) <= _LIMIT:
        return plain
    short = hashlib.sha256(text.encode()).hexdigest()[:_HASH]
    return f"{plain[: _LIMIT - _HASH - 1].strip('-')}-{short}".strip("-")


def word(text: str) -> str:
    """`text` as one word of a trailer: as it stands where it is one, else its slug."""
    return text if _WORD.fullmatch(text) else slug(text)


def branch(environment: str, group: str = DEFAULT_GROUP) -> str:
    """The branch on which this group of this environment is always proposed."""
    return f"{PREFIX}/{slug(environment)}/{slug(group)}"
