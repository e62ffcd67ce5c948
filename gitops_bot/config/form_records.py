"""The settings of what is recorded about releases."""

from __future__ import annotations

from typing import Annotated

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import about

ReleaseTags = Annotated[
    bool | None,
    leaf.truth(),
    about(
        "Push the annotated tag `release/<environment>/<number>` for every release on the branch, so that its number "
        "stays whatever becomes of the history. What an environment says overrides what stands at the top. Without it, "
        "`false`.",
        True,
    ),
]
ArtifactMetadata = Annotated[
    bool | None,
    leaf.truth(),
    about(
        "With `records`, also write the deployment record of each image that a release brings by its digest, in the "
        "organisation that owns the repository. What an environment says overrides what stands at the top. Without "
        "it, `false`.",
        True,
    ),
]
