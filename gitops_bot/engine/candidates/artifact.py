"""What a target would get of a pin that its source runs: the very digest, or what the configuration wants instead."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from gitops_bot.engine.candidates.not_found import no_image, unless_absent
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images import kinds, version
from gitops_bot.images.order import ranked
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.choice import promotion
from gitops_bot.releases.choice.promotion import Artifact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.config import Environment
    from gitops_bot.engine.facts import Facts
    from gitops_bot.images.build import Build
    from gitops_bot.releases.decisions import Held, Managed
    from gitops_bot.releases.history.trail import Run


def artifact(facts: Facts, environment: Environment, entry: Managed, running: Run) -> Artifact | Held:
    """What the target would get, asked of the registries; held where it wants a version tag and there is none.

    Raises:
        RegistryError: a registry refused or failed.
    """
    target = entry.repository
    source = ImageName.parse(running.entry.image)
    if target is None:
        raise RegistryError(no_image(entry))
    digest = running.pin.digest
    way: Literal["copied", "resolved"] = "copied"
    if digest is None and (entry.rules.pin != "tag" or environment.release_tag):
        # Said in the proposal: nobody wrote down what the source's tag meant when it was tested.
        digest, way = facts.digest(source, running.pin.tag or ""), "resolved"
    if environment.match_by == "revision" and digest is not None:
        return _rebuilt(facts, entry, running, source, target, digest)
    if digest is not None:
        exists = facts.exists(target, digest)
    else:
        exists = bool(running.pin.tag and unless_absent(partial(facts.digest, target, running.pin.tag)))
    alone = entry.rules.pin == "tag" and not environment.release_tag
    if exists and alone and digest is not None and running.pin.tag:
        # The tag alone is what is written: it has to be there, and to name what was tested.
        exists = _names(facts, target, running.pin.tag, digest)
    pin = Pin(running.pin.tag, digest)
    if environment.release_tag and digest is not None and exists:
        tag = _of_digest(facts, target, digest, running.pin.tag)
        if tag is None:
            return promotion.no_release_tag(entry, running)
        return Artifact(Pin(tag, digest), exists, way, renamed=tag != running.pin.tag)
    return Artifact(pin, exists, way)


def _rebuilt(
    facts: Facts, entry: Managed, running: Run, source: ImageName, target: ImageName, digest: str
) -> Artifact | Held:
    build = facts.describe(source, digest)
    if build.revision is None:
        text = (
            f"{source}: {digest[:19]} does not say which revision it was built from, and `match: revision` needs that"
        )
        advice = "label it with org.opencontainers.image.revision"
        raise RegistryError(Problem("failed.registry", text, advice, about=str(source)))
    release = _of_revision(facts, target, build)
    if release is None:
        return promotion.no_release_tag(entry, running, build.revision)
    tag, theirs = release
    if theirs == digest:
        return Artifact(Pin(tag, theirs), exists=True, renamed=tag != running.pin.tag)
    return Artifact(Pin(tag, theirs), exists=True, way="rebuilt", revision=build.revision)


#: So many of the newest versions are looked at: a request each, three where the revision is wanted.
_MOST = 50


def _of_digest(facts: Facts, image: ImageName, digest: str, present: str | None) -> str | None:
    """The full version whose tag names this very digest: the `present` tag, else the newest; None where none does.

    Raises:
        RegistryError: the registry refused or failed.
    """
    if present is not None and _is_full(present) and _names(facts, image, present, digest):
        return present
    for tag in _versions(facts, image, unless_absent(partial(facts.describe, image, digest))):
        if _names(facts, image, tag, digest):
            return tag
    return None


def _of_revision(facts: Facts, image: ImageName, build: Build) -> tuple[str, str] | None:
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


def _names(facts: Facts, image: ImageName, tag: str, digest: str) -> bool:
    """Whether a tag names this very digest now."""
    return unless_absent(partial(facts.digest, image, tag)) == digest


def _versions(facts: Facts, image: ImageName, hint: Build | None) -> Iterator[str]:
    """Full versions (`1.2` moves), the newest first; before them all what the image itself says to be."""
    tags = facts.tags(image)
    claimed = hint.version if hint is not None else None
    named = [tag for tag in (claimed, f"v{claimed}") if tag in tags and _is_full(tag)] if claimed else []
    yield from dict.fromkeys([*named, *ranked(kinds.Semver("*"), [*filter(_is_full, tags)], _MOST)])


def _is_full(tag: str) -> bool:
    read = version.parse(tag)
    return read is not None and read.parts == 3
