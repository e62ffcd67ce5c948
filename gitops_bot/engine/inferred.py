"""What to keep current in a repository without a `gitops-bot.yaml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config import Config
from gitops_bot.releases.layout import inference

if TYPE_CHECKING:
    from collections.abc import Mapping


def inferred(tree: Mapping[str, str]) -> Config:
    """The configuration that the directories of a tree (path -> git mode) suggest."""
    return Config.inferred(inference.infer(tree))
