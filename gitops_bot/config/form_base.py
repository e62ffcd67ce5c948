"""What the forms of `gitops-bot.yaml` share."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from gitops_bot.config import leaves as leaf


class Form(BaseModel):
    """What all of them share: no other key, no change after reading, no copy of the file in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def _named_once(glob: str) -> None:
    names = re.findall(r"\{[^{}]*\}", glob)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` stands in it twice")


Overlay = Annotated[
    str,
    *leaf.text(
        "must be a path from the repository root, with `*`, `?`, `**` or `{name}` (no `..`, no `[...]`, no leading "
        "`/`)",
        'overlays: ["apps/*/overlays/staging"]',
        leaf.GLOB,
        check=_named_once,
    ),
]
