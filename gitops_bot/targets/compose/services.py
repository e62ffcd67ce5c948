"""Where the services of a compose file have their images."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from gitops_bot.targets import nodes
from gitops_bot.targets.yaml_pins import Slot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from gitops_bot.errors import Problem
    from gitops_bot.targets.document import Document

#: Names of services that a message lists.
_MOST_LISTED = 5
#: How deep mappings are merged into others.
_DEPTH = 10


class Service(NamedTuple):
    """A service, where its image stands, and why that cannot be edited."""

    name: str
    image: Slot
    value: ScalarNode
    refusal: Problem | None


def services(document: Document) -> tuple[Service, ...]:
    """Every service that runs an image of a registry, in the order of the file.

    One with `build:` is built, whatever it is called. One that `extends:` another has its image there.
    """
    with_image: list[tuple[ScalarNode, Slot, ScalarNode]] = []
    for key, value in _pairs(_value(document.root, "services")):
        if isinstance(value, MappingNode) and _provides(value, "build") is None:
            mapping = _provides(value, "image")
            image = _value(mapping, "image")
            if mapping is not None and isinstance(image, ScalarNode):
                with_image.append((key, Slot(mapping, "image"), image))
    names = Counter(key.value for key, _, _ in with_image)
    users: defaultdict[int, list[str]] = defaultdict(list)
    for key, _, image in with_image:
        users[id(image)].append(str(key.value))
    uses = _uses(document.roots)
    return tuple(
        Service(str(key.value), slot, image, _refusal(document, key, slot, names, users[id(image)], uses))
        for key, slot, image in {str(service[0].value): service for service in with_image}.values()
    )


def _refusal(
    document: Document, key: ScalarNode, slot: Slot, names: Counter[str], users: Sequence[str], uses: Counter[int]
) -> Problem | None:
    if names[key.value] > 1:
        message = f"the file has {names[key.value]} services {str(key.value)[:100]!r}"
        return document.problem(key, message, "Keep one of them: docker compose refuses the file.")
    images = [(key, value) for key, value in slot.mapping.value if key.value == "image"]
    if len(images) > 1:
        message = f"{str(key.value)[:100]} has {len(images)} keys `image`"
        return document.problem(images[1][0], message, "Keep one of them: docker compose refuses the file.")
    _, value = images[0]
    if len(users) > 1:
        others = [name for name in users if name != key.value]
        more = f" and {len(others) - _MOST_LISTED} more" if len(others) > _MOST_LISTED else ""
        message = f"the image of {key.value} is shared by an alias with {', '.join(others[:_MOST_LISTED])}{more}"
        return document.problem(value, message[:400], "Write `image:` in each of these services, or change it by hand.")
    if uses[id(value)] > 1:
        message = f"the image of {key.value} is shared by an alias with another value"
        return document.problem(value, message, "Write it out where it is meant to change.")
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


def _uses(roots: Sequence[Node]) -> Counter[int]:
    """How often each text stands somewhere, by the `id` of its node: an alias makes it stand in two places."""
    counts: Counter[int] = Counter()
    waiting, seen = [*roots], set()
    while waiting:
        node = waiting.pop()
        for child in nodes.children(node):
            if isinstance(child, ScalarNode):
                counts[id(child)] += 1
            elif id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)
    return counts


def _pairs(node: Node | None) -> Iterator[tuple[ScalarNode, Node]]:
    for key, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(key, ScalarNode):
            yield key, value


def _value(node: Node | None, name: str) -> Node | None:
    return next((value for key, value in _pairs(node) if key.value == name), None)
