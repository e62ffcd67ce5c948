"""Compose files: the pins are images of services, or the defaults of variables in them that nothing sets.

Variables are substituted as the compose specification says,
https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md: `$VAR`, `${VAR}`, with a default as in
`${VAR:-default}` (also where the variable is empty) and `${VAR-default}`, or required as in `${VAR:?message}`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Pin, split
from gitops_bot.targets import document, dotenv, nodes, yaml_pins
from gitops_bot.targets.nodes import KeyAndValue
from gitops_bot.targets.pin_file import FileEntry, Frame, Place, pin_of
from gitops_bot.targets.yaml_pins import Slot, YamlTarget, reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: Where docker compose reads variables from, in the directory of its file.
VARIABLES: Final = ".env"
_SERVICES: Final = re.compile(rb"^[\"']?services[\"']?[ \t]*:", re.MULTILINE)
_KEY: Final = re.compile(rb"^(?!x-)([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t\r\n]|\Z)", re.MULTILINE)
_TOP: Final = frozenset(
    {b"configs", b"include", b"models", b"name", b"networks", b"secrets", b"services", b"version", b"volumes"}
)
#: Names of services that a message lists.
_MOST_LISTED = 5
#: How deep mappings are merged into others.
_DEPTH = 10
_VARIABLE: Final = re.compile(
    r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^{}$]*))?\})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ComposeTarget(YamlTarget):
    """A compose file; see `Target`. `known` are the variables in its images that `.env` beside it sets."""

    NOUN: ClassVar = "compose file"
    FILE_NAMES: ClassVar = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
    #: docker compose's own, and what people call a file that is laid over another.
    NAMES: ClassVar = re.compile(r"(?:docker-compose[^/]*|compose(?:[._-][^/]*)?)\.ya?ml")
    CUT: ClassVar = True
    SEVERAL: ClassVar = False
    READS: ClassVar = re.compile(re.escape(VARIABLES))

    known: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def places(self, parsed: Document) -> Iterator[Place[Slot]]:
        """The images of all its services, but for those that `.env` beside it pins; see `YamlTarget`."""
        known = dict(self.known)
        for service in _services(parsed):
            text = service.image.text or ""
            image = read_image(text)
            if "$" not in text or image is None:
                yield reference(parsed, service.name, service.image, aliases=True, refusal=service.refusal)
            elif not image.in_variables or not all(variable.is_set(known) for variable in image.in_variables):
                yield _place(parsed, service, image, known)

    def count(self, data: bytes) -> int:
        """How many services have an image; none where the file has keys that docker compose refuses."""
        if not _SERVICES.search(data) or b"image" not in data or any(key not in _TOP for key in _KEY.findall(data)):
            return 0
        return YamlTarget.count(self, data)

    def beside(self, files: Mapping[str, bytes]) -> ComposeTarget:
        """With the variables that `.env` sets, as far as images use them: it may hold secrets."""
        try:
            known = dotenv.values(files.get(VARIABLES, b"").decode("utf-8"))
        except ValueError:
            return self  # what is wrong with the file is said where it is read
        used = {variable.name for image in images(files) for variable in variables(image)}
        return ComposeTarget(tuple(sorted((name, known[name]) for name in used & known.keys())))


def images(files: Mapping[str, bytes]) -> Iterator[str]:
    """The images in those of the files that are compose files, as they are written; none of one that cannot be read."""
    for name, data in sorted(files.items()):
        if ComposeTarget.NAMES.fullmatch(name):
            try:
                parsed = document.read(data, name)
            except EditError:
                continue
            yield from (service.image.text or "" for service in _services(parsed))


def _place(parsed: Document, service: Service, image: ImageParts, known: Mapping[str, str]) -> Place[Slot]:
    repository, pin, frame, why = _parts(image, known)
    value = service.value
    refusal = service.refusal or yaml_pins.form_refusal(parsed, "image", KeyAndValue(value, value))
    if refusal is None and yaml_pins.has_tag(parsed, value):
        refusal = parsed.problem(value, "image has an explicit YAML tag", "Remove the tag.")
    if refusal is None and why is not None:
        refusal = parsed.problem(value, why.message, why.advice)
    if refusal is None and frame is not None and (pair := service.image.pair):
        refusal = yaml_pins.escape_refusal(parsed, pair, f"{frame.before}{frame.repository or ''}")
    mark, unset = value.start_mark, why.unset if why is not None else None
    entry = FileEntry(service.name, None, pin, mark.line + 1, mark.column + 1, refusal, repository, unset=unset)
    return Place(entry, reference=service.image, frame=frame)


class _Why(NamedTuple):
    """Why an image cannot be edited, and what to do; `unset` is the variable that nothing sets, if it is that."""

    message: str
    advice: str
    unset: str | None = None


def _parts(image: ImageParts, known: Mapping[str, str]) -> tuple[str, Pin, Frame | None, _Why | None]:
    """The repository, the pin, what stays around it, and why it cannot be edited."""
    if image.whole is not None:
        if not image.whole.has_default() or not image.whole.default:
            return "", Pin(), None, _without_value(image.whole, "repository:tag")
        repository, tag, digest = split(image.whole.default)
        before = f"${{{image.whole.name}{image.whole.how}"
        return repository, Pin(tag, digest), Frame(before, repository, "}"), None
    repository, tag_variable = substitute(image.repository, known) or "", alone(image.tag)
    if not repository:
        unset = [variable for variable in variables(image.repository) if not variable.has_default()]
        name = next((variable for variable in unset if not variable.is_set(known)), None)
        why = _without_value(name, "text") if name else _Why("the image has no repository", "Write it.")
        return repository, Pin(), None, why
    if "$" not in f"{image.tag or ''}{image.digest or ''}":
        return repository, Pin(image.tag, image.digest), Frame("", image.repository, ""), None
    variable = tag_variable or alone(image.digest)
    if variable is not None and image.digest is not None:
        advice = f"Set both in .env, or write both into the default: ${{{variable.name[:100]}:-v1.2.3@sha256:...}}."
        why = _Why("the tag and the digest of the image stand in different places", advice)
        return repository, Pin(), None, why
    if tag_variable is None:
        advice = "Let one variable be all of the tag: `${TAG:-v1.2.3}`."
        return repository, Pin(), None, _Why("the tag is put together from a variable and other text", advice)
    if not tag_variable.has_default() or not tag_variable.default:
        return repository, Pin(), None, _without_value(tag_variable, "tag")
    pin, _ = pin_of(tag_variable.default, None)
    before = f"{image.repository}:${{{tag_variable.name}{tag_variable.how}"
    return repository, pin, Frame(before, None, "}"), None


def _without_value(variable: Variable, what: str) -> _Why:
    name = variable.name[:100]
    advice = f"Set it in .env beside the file, or give it a default, as in ${{{name}:-{what}}}."
    return _Why(f"nothing here sets the variable {name}", advice, name)


class Service(NamedTuple):
    """A service, where its image stands, and why that cannot be edited."""

    name: str
    image: Slot
    value: ScalarNode
    refusal: Problem | None


def _services(parsed: Document) -> tuple[Service, ...]:
    """Every service that runs an image of a registry, in the order of the file.

    One with `build:` is built, whatever it is called. One that `extends:` another has its image there.
    """
    with_image: list[tuple[ScalarNode, Slot, ScalarNode]] = []
    listed = nodes.value(parsed.root, "services")
    for key, value in listed.value if isinstance(listed, MappingNode) else ():
        # A name may be there twice, which is refused.
        if isinstance(key, ScalarNode) and isinstance(value, MappingNode) and _provides(value, "build") is None:
            mapping = _provides(value, "image")
            image = nodes.value(mapping, "image")
            if mapping is not None and isinstance(image, ScalarNode):
                with_image.append((key, Slot(mapping, "image"), image))
    names = Counter(key.value for key, _, _ in with_image)
    users: defaultdict[int, list[str]] = defaultdict(list)
    for key, _, image in with_image:
        users[id(image)].append(str(key.value))
    return tuple(
        Service(str(key.value), slot, image, _refusal(parsed, key, slot, names, users[id(image)]))
        for key, slot, image in {str(service[0].value): service for service in with_image}.values()
    )


def _refusal(
    parsed: Document, key: ScalarNode, slot: Slot, names: Counter[str], users: Sequence[str]
) -> Problem | None:
    if names[key.value] > 1:
        message = f"the file has {names[key.value]} services {str(key.value)[:100]!r}"
        return parsed.problem(key, message, "Keep one of them: docker compose refuses the file.")
    images = [(key, value) for key, value in slot.mapping.value if key.value == "image"]
    if len(images) > 1:
        message = f"{str(key.value)[:100]} has {len(images)} keys `image`"
        return parsed.problem(images[1][0], message, "Keep one of them: docker compose refuses the file.")
    _, value = images[0]
    if len(users) > 1:
        others = [name for name in users if name != key.value]
        more = f" and {len(others) - _MOST_LISTED} more" if len(others) > _MOST_LISTED else ""
        message = f"the image of {key.value} is shared by an alias with {', '.join(others[:_MOST_LISTED])}{more}"
        return parsed.problem(value, message[:400], "Write `image:` in each of these services, or change it by hand.")
    if parsed.uses[id(value)] > 1:
        message = f"the image of {key.value} is shared by an alias with another value"
        return parsed.problem(value, message, "Write it out where it is meant to change.")
    return None


def _provides(mapping: MappingNode, name: str, depth: int = 0) -> MappingNode | None:
    """The mapping that gives a key its value: this one, or one that is merged into it by `<<`."""
    if any(key.value == name for key, _ in mapping.value):
        return mapping
    for key, value in mapping.value if depth < _DEPTH else ():
        if key.value == "<<":
            for merged in value.value if isinstance(value, SequenceNode) else [value]:
                if isinstance(merged, MappingNode) and (provided := _provides(merged, name, depth + 1)) is not None:
                    return provided
    return None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable where it stands; `how` is what stands behind its name, and `default` what comes then."""

    name: str
    how: str
    default: str

    def is_set(self, variables: Mapping[str, str]) -> bool:
        """Whether its value counts, and no default."""
        return self.name in variables and bool(variables[self.name] or not self.how.startswith(":"))

    def has_default(self) -> bool:
        """Whether it has a value where nothing sets it."""
        return self.how.endswith("-")


@dataclass(frozen=True, slots=True)
class ImageParts:
    """The parts of an image as they are written; an image that is one variable has that, too."""

    repository: str
    tag: str | None = None
    digest: str | None = None
    whole: Variable | None = None

    @property
    def in_variables(self) -> tuple[Variable, ...]:
        """The variables that are all of the tag and the digest, or of the image, where nothing else pins it."""
        if self.whole is not None:
            return (self.whole,)
        parts = [part for part in (self.tag, self.digest) if part is not None]
        found = [variable for variable in map(alone, parts) if variable is not None]
        return tuple(found) if len(found) == len(parts) else ()


def read_image(text: str) -> ImageParts | None:
    """The parts of an image; None where a `$` means something else."""
    if "$" in (masked := _VARIABLE.sub(lambda match: "_" * len(match[0]), text)):
        return None
    if (whole := alone(text)) is not None:
        return ImageParts(text, whole=whole)
    at = masked.find("@")
    end = len(text) if at < 0 else at
    colon = masked.find(":", masked.rfind("/", 0, end) + 1, end)
    return ImageParts(
        text[: end if colon < 0 else colon],
        None if colon < 0 else text[colon + 1 : end],
        None if at < 0 else text[at + 1 :],
    )


def variables(text: str) -> Iterator[Variable]:
    """The variables in a text."""
    for match in _VARIABLE.finditer(text):
        yield Variable(match[1] or match[2], match[3] or "", match[4] or "")


def substitute(text: str, known: Mapping[str, str]) -> str | None:
    """The text with the values of its variables, or their defaults; None where one has neither."""
    found = list(variables(text))
    if not all(variable.is_set(known) or variable.has_default() for variable in found):
        return None
    values = iter([known[one.name] if one.is_set(known) else one.default for one in found])
    return _VARIABLE.sub(lambda _: next(values), text)


def alone(text: str | None) -> Variable | None:
    """The variable that is all of a text."""
    return next(variables(text)) if text and _VARIABLE.fullmatch(text) else None
