"""The pins of a compose file: an image of a service, or the default of a variable in it that nothing sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gitops_bot.images.reference import Pin, split
from gitops_bot.targets import refusals
from gitops_bot.targets.compose import interpolation
from gitops_bot.targets.compose.services import services
from gitops_bot.targets.nodes import Pair
from gitops_bot.targets.pin_file import FileEntry
from gitops_bot.targets.pin_location import Frame, Place, pin_of
from gitops_bot.targets.yaml_pins import Slot, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.targets.compose.interpolation import Image, Variable
    from gitops_bot.targets.compose.services import Service
    from gitops_bot.targets.document import Document

_SET = "Set it in .env beside the file, or give it a default, as in ${%s:-%s}."


def places(document: Document, known: Mapping[str, str]) -> Iterator[Place[Slot]]:
    """The images of every service, but for those that `.env` beside it pins; `known` are the variables that it sets."""
    for service in services(document):
        text = service.image.text or ""
        image = interpolation.read(text)
        if "$" not in text or image is None:
            yield reference(document, service.name, service.image, refusal=service.refusal)
        elif not image.in_variables or not all(variable.is_set(known) for variable in image.in_variables):
            yield _place(document, service, image, known)


def _place(document: Document, service: Service, image: Image, known: Mapping[str, str]) -> Place[Slot]:
    repository, pin, frame, why = _parts(image, known)
    refusal, value = service.refusal, service.value
    if refusal is None:
        refusal = refusals.unclear(document, "image", Pair(value, value))
    if refusal is None and refusals.tagged(document, value):
        refusal = document.problem(value, "image has an explicit YAML tag", "Remove the tag.")
    if refusal is None and why is not None:
        refusal = document.problem(value, why.message, why.advice)
    mark, unset = value.start_mark, why.unset if why is not None else None
    entry = FileEntry(service.name, None, pin, mark.line + 1, mark.column + 1, refusal, repository, unset=unset)
    return Place(entry, reference=service.image, frame=frame)


class _Why(NamedTuple):
    """Why an image cannot be edited, and what to do; `unset` is the variable that nothing sets, if it is that."""

    message: str
    advice: str
    unset: str | None = None


def _parts(image: Image, known: Mapping[str, str]) -> tuple[str, Pin, Frame | None, _Why | None]:
    """The repository, the pin, what stays around it, and why it cannot be edited."""
    if image.whole is not None:
        if not image.whole.has_default() or not image.whole.default:
            return "", Pin(), None, _unset(image.whole, "repository:tag")
        repository, tag, digest = split(image.whole.default)
        before = f"${{{image.whole.name}{image.whole.how}"
        return repository, Pin(tag, digest), Frame(before, repository, "}"), None
    repository = interpolation.substituted(image.repository, known) or ""
    tag_variable, digest_variable = image.tag_variable, image.digest_variable
    if not repository:
        unset = [variable for variable in interpolation.variables(image.repository) if not variable.has_default()]
        name = next((variable for variable in unset if not variable.is_set(known)), None)
        return (
            repository,
            Pin(),
            None,
            _unset(name, "text") if name else _Why("the image has no repository", "Write it."),
        )
    if image.fixed:
        return repository, Pin(image.tag, image.digest), Frame("", image.repository, ""), None
    if digest_variable is not None or (tag_variable is not None and image.digest is not None):
        return repository, Pin(), None, _apart(tag_variable or digest_variable)
    if tag_variable is None:
        advice = "Let one variable be all of the tag: `${TAG:-v1.2.3}`."
        return repository, Pin(), None, _Why("the tag is put together from a variable and other text", advice)
    if not tag_variable.has_default() or not tag_variable.default:
        return repository, Pin(), None, _unset(tag_variable, "tag")
    pin, _ = pin_of(tag_variable.default, None)
    before = f"{image.repository}:${{{tag_variable.name}{tag_variable.how}"
    return repository, pin, Frame(before, None, "}"), None


def _unset(variable: Variable, what: str) -> _Why:
    name = variable.name[:100]
    return _Why(f"nothing here sets the variable {name}", _SET % (name, what), name)


def _apart(variable: Variable | None) -> _Why:
    name = variable.name[:100] if variable is not None else "TAG"
    advice = f"Set both in .env, or write both into the default: ${{{name}:-v1.2.3@sha256:...}}."
    return _Why("the tag and the digest of the image stand in different places", advice)
