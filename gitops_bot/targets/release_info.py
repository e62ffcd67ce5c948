"""A ConfigMap that says of an image what it is: values that follow a pin. It holds no pins, so it is not a target."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ruamel.yaml.nodes import MappingNode

from gitops_bot.errors import EditError, Problem
from gitops_bot.targets import document, encryption, nodes, yaml_pins
from gitops_bot.targets.changes import MappingEdit, apply_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gitops_bot.targets.document import Document

#: What a value may be: one line that needs no escapes in YAML, and nothing that a template fills in.
_VALUE: Final = re.compile(r"[A-Za-z0-9#][A-Za-z0-9 ._:/+~,=()#-]{0,199}\Z")
#: The lines of `data`, and how far its keys are indented: what is deeper is part of a value.
_DATA: Final = re.compile(
    rb"^data:[ \t]*(?:#[^\n]*|\r?)\n(?:[ \t]*(?:#[^\n]*|\r?)\n)*"
    rb"(?P<lines>(?P<indent> +)[^ \n][^\n]*(?:\n(?:[ \t#][^\n]*|\r(?=\n))?)*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class InfoFile:
    """Such a file, and the texts of those keys that were asked for and are there, in the order of the file."""

    document: Document = field(repr=False, compare=False)
    data: MappingNode = field(repr=False, compare=False)
    values: Mapping[str, str]

    def with_values(self, wanted: Mapping[str, str]) -> bytes:
        """The bytes of the file with these texts for keys of `values`; proved to differ in nothing else.

        Raises:
            EditError: that cannot be done without touching something else.
        """
        fields = {key: text for key, text in wanted.items() if self.values[key] != text}
        if not fields:
            return self.document.text.encode()
        return apply_changes(self.document, {None: (MappingEdit(self.data, {**fields}),)})


def fits(text: str) -> bool:
    """Whether a text may become a value."""
    return _VALUE.match(text) is not None and not text.endswith(" ")


def read(data: bytes, file: str, keys: Collection[str]) -> InfoFile:
    """Read a file; `keys` are those whose values may have to change, of which it need not have all.

    Raises:
        EditError: it is not a ConfigMap, or one of these values cannot be edited.
    """
    parsed = document.read(data, file)
    if parsed.root is None:
        raise EditError(Problem("failed.edit", "the file is empty", "Write a ConfigMap into it.", file))
    if nodes.text(parsed.root, "kind") != "ConfigMap":
        advice = "Put the values into the `data` of a ConfigMap, alone in its file."
        raise EditError(parsed.problem(parsed.root, "the file is not a ConfigMap", advice))
    mapping = nodes.value(parsed.root, "data")
    if not isinstance(mapping, MappingNode):
        advice = f'Add the keys to fill in, as in `data: {{{next(iter(keys), "version")}: ""}}`.'
        raise EditError(parsed.problem(mapping or parsed.root, "the ConfigMap has no `data`", advice))
    if (mac := encryption.covering_mac(data, file)) is not None:
        raise EditError(encryption.refusal(file, mac, *parsed.place(mapping)))
    pairs = {key: pair for key, pair in nodes.pairs(mapping).items() if key in keys}
    advice = "Write a value, or leave the key to the template and give the value by another one."
    unsafe = (yaml_pins.value_refusal(parsed, mapping, pair, lambda _: False, advice) for pair in pairs.values())
    if problems := list(filter(None, unsafe)):
        raise EditError(*problems)
    return InfoFile(parsed, mapping, {key: str(pair.value.value) for key, pair in pairs.items()})


def only_values(before: bytes, after: bytes, keys: Collection[str]) -> bool:
    """Whether two versions of a file differ in these values alone; on lines of their own, their comments may, too."""
    if before == after or _without_values(before, keys) == _without_values(after, keys):
        return before != after
    try:
        old, new = read(before, "", keys), read(after, "", keys).values
        return old.values.keys() == new.keys() and all(map(fits, new.values())) and old.with_values(new) == after
    except EditError:
        return False


def _without_values(data: bytes, keys: Collection[str]) -> bytes:
    """The text of a file without these values, where they stand on lines of their own."""
    if (match := _DATA.search(data)) is None:
        return data
    names = b"|".join(re.escape(key).encode() for key in sorted(keys))
    value = rb"^(%b[\"']?(?:%b)[\"']?:)[^\r\n]*" % (match["indent"], names)
    lines = re.sub(value, rb"\1", match["lines"], flags=re.MULTILINE)
    return data[: match.start("lines")] + lines + data[match.end() :]
