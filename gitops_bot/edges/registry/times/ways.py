from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.edges.http import Answer
    from gitops_bot.edges.registry.login import Credential


@dataclass(frozen=True, slots=True)
class Ways:
    """How requests are sent. `own`: to the registry, below a prefix, with its own login. `get`: to any address."""

    own: Callable[[str, str], Answer]
    get: Callable[[str, Mapping[str, str]], Answer]
    scheme: str
    credential: Credential | None
    #: A token of the forge that has the packages, where the registry has no login of its own.
    token: str | None = field(repr=False)
