"""Whether a registry has what is written down: a tag, and by its digest an image, whole, for the platforms needed.

What a digest names never changes, and is remembered for every repository. Whether one has it is another question, and
free where this repository answered the first. All of this raises a RegistryError, unless it says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.errors import BotError, FailureCode, Problem, RegistryError
from gitops_bot.images.build import MOST_PLATFORMS, Manifest
from gitops_bot.images.reference import ImageName, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.engine.facts import Asked, Facts
    from gitops_bot.images.kinds import NamedPolicy
    from gitops_bot.releases.decisions import Managed

Answer = TypeVar("Answer")

_DENIED, _NOT_FOUND = (401, 403), 404
#: Tags that are named where none is near.
_SAMPLE = 5


async def digest_of(
    facts: Facts, entry: Managed, image: ImageName, tag: str, policy: NamedPolicy | None, *, will_read: bool = False
) -> str:
    """The digest of a tag that somebody wrote down: in a policy, or (None) in a command."""
    try:
        return await facts.digest(image, tag, will_read=will_read)
    except RegistryError as error:
        if error.status != _NOT_FOUND:
            raise
        tags = await facts.tags(image)
        if tag in tags:
            raise
        raise RegistryError(_no_tag(entry, image, tag, tags, policy), no_tag=True) from error


async def unless_absent(question: Asked[Answer]) -> Answer | None:
    """What a registry answers; None where it has no such tag or digest."""
    try:
        return await question
    except RegistryError as error:
        if error.status != _NOT_FOUND:
            raise
        return None


async def unless_unknown(question: Asked[Answer]) -> Answer | None:
    """What a registry answers; None where it lists a tag and says that it knows no manifest of it."""
    try:
        return await question
    except RegistryError as error:
        if not error.no_manifest:
            raise
        return None


async def why_left_out(facts: Facts, entry: Managed, image: ImageName, tag: str) -> str | None:
    """Why a listed tag cannot be pinned, to follow its name; None where it can."""
    digest = await unless_unknown(facts.digest(image, tag, will_read=True))
    if digest is None:
        return "is listed, but the registry has no manifest of it"
    what = await unlike_pinned(facts, entry, image, digest)
    return None if what is None else f"is no image, but {what}"


def problem_with(error: BotError, entry: Managed) -> Problem:
    """The failure of a registry, with what to correct in the entry where its repository may be the wrong one."""
    problem = error.problem
    if not isinstance(error, RegistryError):
        return problem
    if error.no_repository:
        advice = f"If the repository has another name, correct {_written(entry)} of this entry. {problem.next}"
        return replace(problem, next=advice, file=entry.file, line=entry.line, column=entry.column)
    if error.status in _DENIED:
        # Without a place: where many entries lack one login, that is one problem.
        advice = f"If there is no such repository, correct {_written(entry)} of the entry."
        return replace(problem, next=f"{problem.next} {advice}")
    return problem


def _written(entry: Managed) -> str:
    """What of an entry says its repository."""
    if entry.entry.repository is not None:
        return "the image"
    return "`newName`" if entry.entry.new_name is not None else "`name`"


def no_image(entry: Managed) -> Problem:
    """An entry whose repository is none."""
    image = entry.image[:300]
    message = f"{image}: not an image repository name"
    advice = f"Correct {_written(entry)} of this entry, or set `ignore: true` for it in the configuration."
    if "${" in image:
        advice = f"Give the variable a default, as in `${{NAME:=repository}}`. {advice}"
    return Problem("failed.edit", message, advice, entry.file, entry.line, entry.column, image)


def _no_tag(entry: Managed, image: ImageName, tag: str, tags: Sequence[str], policy: NamedPolicy | None) -> Problem:
    close = nearest(tag, tags)
    named = ", ".join(f"`{name}`" for name in close or tags[:_SAMPLE])
    hint = f"Did you mean {named}? " if close else f"Some of its tags: {named}. " if tags else "It has no tags yet. "
    code: FailureCode
    if policy is None:
        code, where = "failed.registry", "in the command"
    else:
        called = f" `{policy.name}`" if policy.name is not None else ""
        code, where = "failed.config", f"in the policy{called} (`digest: {tag}`)"
    message, advice = f"{image}: there is no tag `{tag}`", f"{hint}Correct it {where}, or push it."
    return Problem(code, message, advice, entry.file, entry.line, entry.column, str(image))


async def find(facts: Facts, image: ImageName, digest: str) -> Manifest | None:
    """What a digest names, if the repository has it."""
    manifest = await unless_absent(facts.manifest(image, digest))
    return manifest if manifest is not None and await facts.exists(image, digest) else None


async def artifact(facts: Facts, image: ImageName, digest: str) -> str | None:
    """What a digest names, in words, where that is no image; an index is what its representative is."""
    manifest = await facts.manifest(image, digest)
    chosen = manifest.representative
    if manifest.artifact is not None or chosen is None:
        return manifest.artifact
    child = await unless_absent(facts.manifest(image, chosen.digest))
    return child.artifact if child is not None else None


async def unlike_pinned(facts: Facts, entry: Managed, image: ImageName, digest: str) -> str | None:
    """What a candidate is, in words, where it is no image; None also where what is pinned is such a thing, too."""
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
    """The platforms of an index whose own manifests are gone, in its order; none for a single image."""
    gone = [child.name for child in manifest.images[:MOST_PLATFORMS] if not await facts.exists(image, child.digest)]
    return tuple(dict.fromkeys(gone))


async def platforms(facts: Facts, image: ImageName, digest: str) -> tuple[str, ...]:
    """What an image is built for, by its index and those in it, or by its configuration; empty where none says it."""
    manifest = await facts.manifest(image, digest)
    names = {*manifest.platforms}
    for child in manifest.children[:MOST_PLATFORMS]:
        if child.nested and (inner := await unless_absent(facts.manifest(image, child.digest))):
            names |= {*inner.platforms}
    return tuple(sorted(names)) or (await facts.describe(image, digest)).platforms
