"""A kustomization as a person writes it: entries in every style, and what each edit must make of the text.

The model never parses. It knows which line holds what, because it wrote the lines; so the text that it expects of an
edit owes nothing to the editor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from gitops_bot.images.reference import Pin
from gitops_bot.targets.writing import is_plain_string

ORDER = ("name", "newName", "newTag", "digest")


@dataclass(frozen=True)
class Field:
    """One pair with the style around it. `above` are whole lines that stand before it (none in braces)."""

    name: str
    text: str
    key: str
    colon: str
    quote: str
    tail: str
    above: tuple[str, ...] = ()

    @property
    def pair(self) -> str:
        return f"{self.key}{self.colon}{self.quote}{self.text}{self.quote}"

    def set(self, text: str) -> Field:
        needs = not self.quote and not is_plain_string(text)
        return replace(self, text=text, quote='"' if needs else self.quote)


def added(name: str, text: str) -> Field:
    """A pair as the editor must write it."""
    return Field(name, text, name, ": ", "" if is_plain_string(text) else '"', "")


@dataclass(frozen=True)
class Block:
    """An entry over several lines. `dash` is what stands before its first key; it may have its own line."""

    fields: tuple[Field, ...]
    dash: str
    indent: int
    below: tuple[str, ...]

    def lines(self) -> list[str]:
        lines = self.dash.split("\n")[:-1]
        first = self.dash.split("\n")[-1]
        for field in self.fields:
            lines += [*field.above, first + field.pair + field.tail]
            first = " " * self.indent
        return [*lines, *self.below]

    def edited(self, changes: dict[str, str | None]) -> Block:
        fields, left = edited(self.fields, changes)
        return replace(self, fields=fields, below=left + self.below)


@dataclass(frozen=True)
class Flow:
    """An entry in braces; `gaps` stand between its pairs, with their comma."""

    fields: tuple[Field, ...]
    dash: str
    opening: str
    gaps: tuple[str, ...]
    closing: str

    def lines(self) -> list[str]:
        text = self.dash + self.opening
        for field, gap in zip(self.fields, (*self.gaps, self.closing), strict=True):
            text += field.pair + gap
        return text.split("\n")

    def edited(self, changes: dict[str, str | None]) -> Flow:
        fields, gaps = list(self.fields), [*self.gaps, self.closing]
        for name, text in changes.items():
            if text is None:
                at = next(i for i, field in enumerate(fields) if field.name == name)
                del fields[at]
                # The comma before it goes, or the one behind where it stands first.
                del gaps[at - 1 if at else 0]
        kept = tuple(fields)
        everything, _ = edited(kept, {name: text for name, text in changes.items() if text is not None})
        for at, field in enumerate(everything):
            if field.name not in {other.name for other in kept}:
                gaps.insert(at - 1, ", ")
        return replace(self, fields=everything, gaps=tuple(gaps[:-1]), closing=gaps[-1])


def edited(fields: tuple[Field, ...], changes: dict[str, str | None]) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """The fields with some set, some added in their place, some gone; and the lines above one that was the last."""
    result: list[Field] = []
    left: tuple[str, ...] = ()
    for field in fields:
        if field.name in changes and changes[field.name] is None:
            left += field.above
            continue
        text = changes.get(field.name)
        result.append(replace(field if text is None else field.set(text), above=left + field.above))
        left = ()
    for name in ORDER:
        text = changes.get(name)
        present = [field.name for field in result]
        if text is not None and name not in present:
            behind = next(other for other in reversed(ORDER[: ORDER.index(name)]) if other in present)
            result.insert(present.index(behind) + 1, added(name, text))
    return tuple(result), left


@dataclass(frozen=True)
class File:
    """The whole text: `top` ends with the line `images:`; a removed last line leaves what stood above it."""

    mark: str
    top: tuple[str, ...]
    entries: tuple[Block | Flow, ...]
    bottom: tuple[str, ...]
    newline: str
    final: bool

    @property
    def text(self) -> str:
        lines = [*self.top, *(line for entry in self.entries for line in entry.lines()), *self.bottom]
        return self.mark + self.newline.join(lines) + (self.newline if self.final else "")

    def edited(self, changes: dict[int, dict[str, str | None]]) -> File:
        return replace(
            self,
            entries=tuple(entry.edited(changes.get(index, {})) for index, entry in enumerate(self.entries)),
        )

    def pin(self, index: int) -> Pin:
        found = {field.name: field.text for field in self.entries[index].fields}
        return Pin(found.get("newTag"), found.get("digest"))


digests = st.sampled_from([f"sha256:{letter * 64}" for letter in "0123456789abcdef"])
tags = st.sampled_from([
    "v1", "1.2.3", "1.10", "1e5", "0123", "on", "null", "2024-01-15", "latest", "main-1a2b3c4", "_", "7284872",
    "a" * 128,
])  # fmt: skip
comments = st.sampled_from([
    "# c", "#", "# - name: a", "#   newTag: v0", "# {[\"'&*!|>%@`", "# é😀 \u00a0\ufeff", "# " + "long " * 60, "#\ttab",
])  # fmt: skip


@st.composite
def noise(draw: st.DrawFn, deep: int) -> tuple[str, ...]:
    """Comments at any indentation, and blank lines with and without blanks."""
    lines = st.sampled_from([" " * deep, "      ", ""]).flatmap(lambda start: comments.map(lambda text: start + text))
    line = st.sampled_from(["", "   "]) | lines
    return tuple(draw(st.lists(line, max_size=2)))


@st.composite
def a_field(draw: st.DrawFn, name: str, text: str, *, flow: bool) -> Field:
    # In braces a plain `a:"b"` is one word; only a quoted key may do without the blank.
    key = draw(st.sampled_from([name, name, f'"{name}"', f"'{name}'"] + ([] if flow else [name.lower(), name.upper()])))
    quote = draw(st.sampled_from(["'", '"'] + ["", ""] * is_plain_string(text)))
    spaces = st.sampled_from([" ", "\t"])
    tails = st.sampled_from(["", "", "", " ", "\t", "  \t "]) | st.builds("{}{}".format, spaces, comments)
    colon = draw(st.sampled_from([": ", ": ", ":   ", " : ", ":\t"]))
    return Field(name, text, key, colon, quote, "" if flow else draw(tails))


@st.composite
def an_entry(draw: st.DrawFn, number: int, indent: int) -> Block | Flow:
    flow = draw(st.booleans())
    present = {"name": draw(st.sampled_from([f"web{number}", f"ghcr.io/acme/web-{number}", f"x{number}:1.2"]))}
    if draw(st.booleans()):
        present["newName"] = draw(st.sampled_from(["ghcr.io/acme/x", "localhost:5000/y"]))
    if draw(st.booleans()):
        present["newTag"] = draw(tags)
    if draw(st.booleans()):
        present["digest"] = draw(digests)
    fields = [draw(a_field(name, text, flow=flow)) for name, text in draw(st.permutations(list(present.items())))]
    before = " " * indent
    if flow:
        gaps = st.sampled_from([", ", ",", " , ", ",\n      ", "\n      ,  "])
        return Flow(
            tuple(fields),
            before + "- ",
            draw(st.sampled_from(["{", "{ ", "{\n        "])),
            tuple(draw(gaps) for _ in fields[1:]),
            draw(st.sampled_from(["}", " }", "\n    }", ",}", "} # c", "}\t"])),
        )
    dash = draw(st.sampled_from(["- ", "- ", "-   ", "-\n", "- # c\n"]))
    deep = indent + draw(st.integers(1, 4)) if "\n" in dash else indent + len(dash)
    dash = before + dash + (" " * deep if "\n" in dash else "")
    fields = [fields[0], *(replace(field, above=draw(noise(deep))) for field in fields[1:])]
    return Block(tuple(fields), dash, deep, draw(noise(indent)))


TOPS = [
    (),
    ("apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Component", "resources: [a.yaml] # c"),
    ("# é😀 first", "x: &x {images: [{name: web0, newTag: v1}]}", "y: *x", "# " + "z" * 3000),
    ("patches:", "- patch: |-", "    images:", "    - name: web0", "      newTag: v1", "", "    # no comment",
        "namespace: n"),
    ("%YAML 1.2", "---", 'a: "images:\\n- name: web0"', "b: >", "  folded", "", "  - name: web0",
        "c: !local {d: !!str 1}"),
]  # fmt: skip
BOTTOMS = [
    (),
    ("namespace: n",),
    ("# end", "configMapGenerator:", "- literals:", "  - |", "    images:", "    - name: web0", "      newTag: v1"),
    ("...",),
    ("z: &z", "  newTag: v1", "w:", "  <<: *z\t# c", ""),
]  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> File:
    indent = draw(st.integers(0, 4))
    images = draw(st.sampled_from(["images:", "images: # c", '"images":', "images:\t", "IMAGES:"]))
    return File(
        draw(st.sampled_from(["", "\ufeff"])),
        (*draw(st.sampled_from(TOPS)), images, *draw(noise(indent))),
        tuple(draw(an_entry(number, indent)) for number in range(draw(st.integers(1, 4)))),
        draw(st.sampled_from(BOTTOMS)),
        draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        draw(st.booleans()),
    )
