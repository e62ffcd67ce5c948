"""What is kept of releases beside the history itself."""

from __future__ import annotations

from typing import Annotated

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import about

ReleaseTags = Annotated[
    bool,
    *leaf.truth(),
    about(
        "Push the annotated tag `release/<environment>/<number>` for every release on the branch, so that its number "
        "stays whatever becomes of the history. An environment may choose otherwise.",
        True,
    ),
]
OwnReleaseTags = Annotated[
    bool | None,
    *leaf.truth(),
    about("Whether the releases of this environment get tags. Without it, the value of `release_tags`.", True),
]
