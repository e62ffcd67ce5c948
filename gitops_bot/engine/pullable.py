"""Whether what a digest names can be pulled: an image, whole, and built for the platforms that are needed.

What a digest names never changes: the edges remember it, for every repository. Whether a repository has it is another
question, which costs nothing where this very repository answered what it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.not_found import unless_absent
from gitops_bot.errors import RegistryError
from gitops_bot.images.build import MOST_PLATFORMS, Manifest

if TYPE_CHECKING:
    from gitops_bot.engine.facts import Facts
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.decisions import Managed


async def find(facts: Facts, image: ImageName, digest: str) -> Manifest | None:
    """What a digest names, if the repository has it.

    Raises:
        RegistryError: the registry refused or failed.
    """
    manifest = await unless_absent(facts.manifest(image, digest))
    return manifest if manifest is not None and await facts.exists(image, digest) else None


async def artifact(facts: Facts, image: ImageName, digest: str) -> str | None:
    """What a digest names, in words, where that is no image; an index is what its representative is.

    Raises:
        RegistryError: the registry refused or failed; `status` 404 where the digest is gone.
    """
    manifest = await facts.manifest(image, digest)
    chosen = manifest.representative
    if manifest.artifact is not None or chosen is None:
        return manifest.artifact
    child = await unless_absent(facts.manifest(image, chosen.digest))
    return child.artifact if child is not None else None


async def unlike_pinned(facts: Facts, entry: Managed, image: ImageName, digest: str) -> str | None:
    """What a candidate is, in words, where it is no image; None also where what is pinned is the same, as a module is.

    Raises: as `artifact`, about the candidate.
    """
    what = await artifact(facts, image, digest)
    if what is None or (pinned := await pinned_digest(facts, entry)) is None or entry.repository is None:
        return what
    try:
        same = await artifact(facts, entry.repository, pinned) == what and await facts.exists(entry.repository, pinned)
    except RegistryError:
        same = False
    return None if same else what


async def pinned_digest(facts: Facts, entry: Managed) -> str | None:
    """The digest that an entry pins, or that its tag names now; None where nobody knows."""
    pin, image = entry.pin, entry.repository
    if pin.digest is not None or pin.tag is None or image is None:
        return pin.digest
    try:
        return await facts.digest(image, pin.tag, will_read=True)
    except RegistryError:
        return None


async def lost(facts: Facts, image: ImageName, manifest: Manifest) -> tuple[str, ...]:
    """The platforms of an index whose own manifests are gone, in its order; none for a single image.

    Raises:
        RegistryError: the registry refused or failed.
    """
    gone = [child.name for child in manifest.images[:MOST_PLATFORMS] if not await facts.exists(image, child.digest)]
    return tuple(dict.fromkeys(gone))


async def platforms(facts: Facts, image: ImageName, digest: str) -> tuple[str, ...]:
    """What an image is built for, by its index and those in it, or by its configuration; empty where none says it.

    Raises: as `artifact`.
    """
    manifest = await facts.manifest(image, digest)
    names = {*manifest.platforms}
    for child in manifest.children[:MOST_PLATFORMS]:
        if child.nested and (inner := await unless_absent(facts.manifest(image, child.digest))):
            names |= {*inner.platforms}
    return tuple(sorted(names)) or (await facts.describe(image, digest)).platforms
