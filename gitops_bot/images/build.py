"""What is known about an image besides its digest, for reviewers to read before they merge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Build:
    """The description of a manifest or index. None, or no platforms, if the image does not say.

    `source` (an http or https address), `revision` and `version` are the annotations or labels
    `org.opencontainers.image.*` (OCI image specification, "Pre-Defined Annotation Keys"). `platforms` are as in
    `linux/amd64`, sorted. `size` is what has to be pulled, in bytes, compressed, for `sized`, one of the platforms.
    """

    created: datetime | None = None
    source: str | None = None
    revision: str | None = None
    version: str | None = None
    platforms: tuple[str, ...] = ()
    size: int | None = None
    sized: str | None = None
