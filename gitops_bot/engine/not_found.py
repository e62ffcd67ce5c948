"""A tag or a repository that there is not: what was probably meant, and where to correct it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gitops_bot.errors import BotError, FailureCode, Problem, RegistryError
from gitops_bot.images.reference import ImageName, nearest

if TYPE_CHECKING:
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
    """The digest of a tag that somebody wrote down: in a policy, or (None) in a command.

    Raises:
        RegistryError: the registry refused or failed, or does not have the tag; `no_tag` says so.
    """
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
        return replace(
            problem, next=f"{problem.next} If there is no such repository, correct {_written(entry)} of the entry."
        )
    return problem


def _written(entry: Managed) -> str:
    """What of an entry says its repository."""
    if entry.entry.repository is not None:
        return "the image"
    return "`newName`" if entry.new_name is not None else "`name`"


def no_image(entry: Managed) -> Problem:
    """An entry whose repository is none."""
    image = entry.image[:300]
    message = f"{image}: not an image repository name"
    advice = f"Correct {_written(entry)} of this entry, or set `ignore: true` for it in the configuration."
    if "${" in image:
        advice = f"Give the variable a default, as in `${{NAME:=repository}}`. {advice}"
    return Problem("failed.edit", message, advice, entry.file, entry.line, entry.column, image)


def _no_tag(entry: Managed, image: ImageName, tag: str, tags: tuple[str, ...], policy: NamedPolicy | None) -> Problem:
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
