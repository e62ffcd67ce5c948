"""Logins by the identity that a cloud gives this workload. They are never stored, and renewed before they expire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.http import Clock
    from gitops_bot.edges.registry.login import Login


@dataclass(frozen=True, slots=True)
class Workload:
    """The environment variables and the clock of this process; `seconds` limits one login."""

    environ: Mapping[str, str] = field(repr=False)
    clock: Clock
    seconds: float


@dataclass(frozen=True, slots=True)
class ExpiringLogin:
    """A login and its lifetime in seconds."""

    login: Login
    seconds: float
