"""What a forge records of a release: that it was released, to which environment, and of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Artifact(NamedTuple):
    """An image that a release brought; `place` tells the entry from all others of the environment."""

    name: str
    digest: str
    version: str | None
    place: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment to be recorded; `artifacts` get records of their own."""

    environment: str
    commit: str
    artifacts: tuple[Artifact, ...] = ()


class Deployed(NamedTuple):
    """A deployment that the forge has; `finished` unless it is ours and a run died before its status."""

    commit: str
    finished: bool
