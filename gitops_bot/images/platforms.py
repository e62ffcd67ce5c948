"""Platforms, as in `linux/amd64` or `linux/arm/v7` (OCI image specification 1.1; containerd for what is the same)."""

from __future__ import annotations

from typing import Final

_PART = "[a-z0-9][a-z0-9._-]{0,31}"
#: What a platform looks like.
FORM: Final = rf"{_PART}/{_PART}(?:/{_PART})?"
#: Two spellings of one architecture.
_SAME = {"amd64/v1": "amd64", "arm64/v8": "arm64"}


def normalised(platform: str) -> str:
    """The platform in the shorter of its two spellings."""
    os, _, processor = platform.partition("/")
    return f"{os}/{_SAME.get(processor, processor)}"
