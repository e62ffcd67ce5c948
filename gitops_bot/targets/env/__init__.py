"""Files of `KEY=value` lines, as docker compose reads them: images, or tags and digests, in values."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from gitops_bot.errors import Problem
from gitops_bot.images.reference import Pin, is_reference, is_tag, split
from gitops_bot.targets import compose, dotenv, yaml_pins
from gitops_bot.targets.pin_file import FileEntry, Place, Span, Target, TextPins, pin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.images.reference import Assignment

#: How the keys of images end.
_ENDING: Final = "IMAGE"
#: What a line with an image looks like; a file without one need not be read.
_IMAGE: Final = re.compile(rb"IMAGE[ \t]*=")


@dataclass(frozen=True, slots=True)
class EnvImage:
    """An image and its keys: `image` for all of it, or `tag` and `digest`; `repository` may have variables in it.

    `others` are further images that the first key is a part of; `or_default`: an empty value counts for none.
    """

    name: str
    image: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    others: tuple[str, ...] = ()
    or_default: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys, the first of which names it."""
        return tuple(key for key in (self.image, self.tag, self.digest) if key)


@dataclass(frozen=True, slots=True)
class EnvPins(TextPins):
    """A `.env` file; see `PinFile`."""

    def with_pins(self, wanted: Mapping[int, Assignment]) -> bytes:
        """The bytes of the file with these entries edited; see `PinFile`."""
        after, changed = self.spliced(wanted)
        if changed:
            dotenv.prove(self.text, after, {statement.key: text for statement, text in changed.items()}, self.file)
        return after.encode()


@dataclass(frozen=True, slots=True)
class EnvTarget(Target):
    """A `.env` file; see `Target`. `images` are those whose keys a configuration or compose files name."""

    NOUN: ClassVar = ".env file"
    FILE_NAMES: ClassVar = (".env",)
    #: `.env`, `.env.production` and `production.env`, but no examples of one. No name tells: most hold no image.
    POSSIBLE_NAMES: ClassVar = re.compile(
        r"(?:\.env(?:\.[^/]+)?|[^/]+\.env)(?<!\.example)(?<!\.sample)(?<!\.template)(?<!\.dist)"
    )
    CUT: ClassVar = True
    #: Compose files, also one that is laid over another: they tell what its variables are for.
    READS: ClassVar = compose.ComposeTarget.NAMES

    images: tuple[EnvImage, ...] = ()

    def parse(self, data: bytes, file: str) -> EnvPins:
        """The pins of its images, of which the first that names a key has it, and of keys that end in IMAGE."""
        text, read_statements, over_lines = dotenv.read(data, file)
        by_key: defaultdict[str, list[Span]] = defaultdict(list)
        for statement in read_statements:
            by_key[statement.key].append(statement)
        values = {statement.key: statement.text for statement in read_statements}
        places: dict[str, Place[Span]] = {}
        taken: set[str] = set()
        by_ending = (
            EnvImage(statement.key, image=statement.key)
            for statement in read_statements
            if statement.key.endswith(_ENDING) and yaml_pins.pins_image(statement.text)
        )
        for image in (*self.images, *by_ending):
            keys = [key for key in image.keys if key in by_key]
            empty = image.or_default and not all(values[key] for key in keys)
            if keys and not empty and taken.isdisjoint(keys) and image.name not in places:
                taken.update(keys)
                places[image.name] = _place(image, by_key, values, over_lines, file)
        ordered = tuple(sorted(places.values(), key=lambda place: place.entry.line))
        return EnvPins(file, tuple(place.entry for place in ordered), ordered, text)

    def count(self, data: bytes) -> int:
        """How many images it has."""
        if not _IMAGE.search(data) and not any(key.encode() in data for image in self.images for key in image.keys):
            return 0
        return Target.count(self, data)

    def beside(self, files: Mapping[str, bytes]) -> EnvTarget:
        """With what the compose files of the directory make of its variables."""
        taken = {key for image in self.images for key in image.keys}
        further = (image for image in _in_compose(compose.images(files)) if taken.isdisjoint(image.keys))
        return replace(self, images=(*self.images, *further))


def _in_compose(texts: Iterable[str]) -> Iterator[EnvImage]:
    """What the images of compose files make of variables."""
    by_name: dict[str, EnvImage] = {}
    for text in texts:
        image = compose.read_image(text)
        variables = image.in_variables if image is not None else ()
        if image is None or not variables:
            continue
        default = any(variable.how.startswith(":") for variable in variables)
        name = variables[0].name
        if image.whole is not None:
            use = EnvImage(name, image=name, or_default=default)
        else:
            parts = compose.alone(image.tag), compose.alone(image.digest)
            tag, digest = (variable.name if variable is not None else "" for variable in parts)
            use = EnvImage(name, repository=image.repository, tag=tag, digest=digest, or_default=default)
        known = by_name.setdefault(name, use)
        if (use.keys, use.repository) != (known.keys, known.repository) and text not in known.others:
            by_name[name] = replace(known, others=(*known.others, text))
    yield from by_name.values()


def _place(
    image: EnvImage,
    by_key: Mapping[str, Sequence[Span]],
    values: Mapping[str, str],
    over_lines: Mapping[str, int],
    file: str,
) -> Place[Span]:
    whole, tag, digest = (by_key[key][-1] if key in by_key else None for key in (image.image, image.tag, image.digest))
    first = next(statement for statement in (whole, tag, digest) if statement is not None)
    if whole is not None:
        repository, *parts = split(whole.text)
        pin, says = Pin(*parts), None
    else:
        repository = compose.substitute(image.repository, values) or ""
        pin, says = pin_of(tag.text if tag is not None else None, digest.text if digest is not None else None)
    refusal = None
    hidden = (key for key in image.keys if key in by_key and over_lines.get(key, 0) > by_key[key][-1].line)
    if key := next(hidden, None):
        message = f"{key[:100]} is given twice, and the last value, which counts, runs over several lines"
        refusal = Problem("failed.edit", message, "Keep one of them, on one line.", file, over_lines[key])
    elif given := next((by_key[key] for key in image.keys if len(by_key.get(key, ())) > 1), None):
        lines = ", ".join(str(statement.line) for statement in given[:10])
        message = f"{given[0].key[:100]} is given {len(given)} times (lines {lines}), and the last one counts"
        refusal = Problem("failed.edit", message, "Keep one of them.", file, given[-1].line, given[-1].column)
    elif why := _unreadable(whole, tag, digest):
        statement, message, advice = why
        refusal = Problem("failed.edit", message, advice, file, statement.line, statement.column)
    elif image.others:
        listed = ", ".join((image.repository or first.key, *image.others)[:5])
        message = f"{first.key[:100]} is a part of {len(image.others) + 1} images: {listed}"
        advice = "Give each of them a variable of its own: one value can hold one pin."
        refusal = Problem("failed.edit", message[:400], advice, file, first.line, first.column)
    entry = FileEntry(image.name, None, pin, first.line, first.column, refusal, repository, says)
    return Place(entry, whole, tag=tag, digest=digest, digest_stays=digest is not None and pin.digest is not None)


def _unreadable(whole: Span | None, tag: Span | None, digest: Span | None) -> tuple[Span, str, str] | None:
    """Which value is no image, tag or digest, why, and what to do; a whole one is not shown: it may be anything."""
    for statement in (whole, tag, digest):
        if statement is not None and yaml_pins.has_placeholder(statement.text, fits=is_tag(statement.text)):
            return statement, f"{statement.key[:100]} is put together from other variables", "Write its value out."
    if whole is not None and whole.text and not is_reference(whole.text):
        return whole, f"{whole.key[:100]} is not an image", "Write it as in ghcr.io/acme/web:v1.2.3."
    if tag is not None and tag.text:
        name, joint, behind = tag.text.partition("@")
        if malformed := Pin(name, behind if joint else None).malformed:
            return tag, f"{tag.key[:100]}: {malformed[0]}", malformed[1]
        if joint and digest is not None:
            return tag, f"{tag.key[:100]} has a digest beside the one in {digest.key[:100]}", "Keep one of them."
    if digest is not None and digest.text and (malformed := Pin(None, digest.text).malformed):
        return digest, f"{digest.key[:100]}: {malformed[0]}", malformed[1]
    return None
