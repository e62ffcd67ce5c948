"""The version tag of what a source environment runs: `sha-abc1234` there is `v1.2.3` for those who read production."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.engine.candidates.absent import unless_absent
from gitops_bot.images import policy as policies
from gitops_bot.images import version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.engine.facts import Facts
    from gitops_bot.images.build import Build
    from gitops_bot.images.reference import ImageName

#: So many of the newest versions are looked at: a request each, three where the revision is wanted.
_MOST = 50


def of_digest(facts: Facts, image: ImageName, digest: str, present: str | None) -> str | None:
    """The full version whose tag names this very digest: the `present` tag, else the newest; None where none does.

    Raises:
        RegistryError: the registry refused or failed.
    """
    if present is not None and _is_full(present) and names(facts, image, present, digest):
        return present
    for tag in _versions(facts, image, unless_absent(partial(facts.describe, image, digest))):
        if names(facts, image, tag, digest):
            return tag
    return None


def of_revision(facts: Facts, image: ImageName, build: Build) -> tuple[str, str] | None:
    """The newest full version that was built of the same revision, and its digest.

    Raises:
        RegistryError: the registry refused or failed.
    """
    for tag in _versions(facts, image, build):
        digest = unless_absent(partial(facts.digest, image, tag))
        described = unless_absent(partial(facts.describe, image, digest)) if digest is not None else None
        if digest is not None and described is not None and described.revision == build.revision:
            return tag, digest
    return None


def names(facts: Facts, image: ImageName, tag: str, digest: str) -> bool:
    """Whether a tag names this very digest now."""
    return unless_absent(partial(facts.digest, image, tag)) == digest


def _versions(facts: Facts, image: ImageName, hint: Build | None) -> Iterator[str]:
    """Full versions (`1.2` moves), the newest first; before them all what the image itself says to be."""
    tags = facts.tags(image)
    claimed = hint.version if hint is not None else None
    named = [tag for tag in (claimed, f"v{claimed}") if tag in tags and _is_full(tag)] if claimed else []
    yield from dict.fromkeys([*named, *policies.ranked(policies.semver("*"), [*filter(_is_full, tags)], _MOST)])


def _is_full(tag: str) -> bool:
    read = version.parse(tag)
    return read is not None and read.parts == 3
