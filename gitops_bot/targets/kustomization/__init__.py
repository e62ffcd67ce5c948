"""kustomize's own file: the pins are in its list `images:`."""

from __future__ import annotations

from gitops_bot.targets.kustomization.dead import dead
from gitops_bot.targets.kustomization.file import FILE_NAMES, count, read

__all__ = ["FILE_NAMES", "NOUN", "count", "dead", "read"]

NOUN = "kustomization"
