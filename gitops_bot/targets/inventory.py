"""Every image reference of a file, by where one may stand: for the list of what no reader of entries knows.

It reads lines, not YAML: a chart's templates, broken files and the text of a patch hold references too. What it finds
is counted and told of, and never edited.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.images.reference import is_digest, is_reference, is_tag, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: References of one file, and levels of `{` and `[`.
MOST: Final = 2000
_DEEPEST: Final = 100
#: How many of the keys above a reference are kept: a file may be nested as deep as it is long.
_KEYS: Final = 12

#: Files that a deployment may read, and those that only look like it.
_READ: Final = re.compile(r"(?:.*\.(?:ya?ml|json|env|tpl|gotmpl)|(?:.*/)?\.env(?:\.[^/]*)?)", re.IGNORECASE)
_NOT_READ: Final = re.compile(
    r"""
    (?:.*/)?(?:
        (?:\.git(?:hub|ea|lab)|\.forgejo|\.circleci|\.woodpecker|\.buildkite|\.devcontainer|\.vscode|terraform
           |node_modules)/.*
      | (?:\.gitlab-ci[^/]*|\.(?:drone|travis|woodpecker)\.ya?ml|(?:azure|bitbucket)-pipelines[^/]*|cloudbuild\.ya?ml)
      | (?:Chart|requirements)\.(?:ya?ml|lock)|Dockerfile[^/]*|\.?renovate[^/]*|package(?:-lock)?\.json
      | [^/]*schema\.json|\.pre-commit-config\.ya?ml|gitops-bot\.ya?ml|\.env\.(?:example|sample|template)
    )
    """,
    re.VERBOSE,
)
#: Only files with one of these are looked at.
_MARKS: Final = re.compile(rb"[iI]mage|IMAGE|[tT]ag|TAG|[dD]igest|DIGEST")
_SEPARATOR: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_KIND: Final = re.compile(r"""^(?:\{\s*)?["']?kind["']?\s*:\s*["']?(\w+)|^\s+"kind"\s*:\s*"(\w+)""", re.MULTILINE)
#: A line: its indentation, the dashes of items, a key, and the value.
_LINE: Final = re.compile(
    r"""([ ]*)((?:-[ ]+)*)(?:(?:"([^"]*)"|'([^']*)'|([^\s"'#{\[\]}&*!|>%@`,:-][^\s:]*))[ \t]*:(?=[ \t]|$))?[ \t]*(.*)"""
)
_ENV_LINE: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)")
_VALUE: Final = re.compile(
    r"""(?:[&!]\S*[ \t]+)*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"'#{\[][^\s]*))[ \t]*(?:\#.*)?$"""
)
#: What is written in braces: texts, a word, or a character that has a meaning.
_TOKEN: Final = re.compile(
    r""""((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|\#[^\n]*|([\n{}\[\],:])|([^\s{}\[\],"':][^\s{}\[\],]*)"""
)
_BLOCK: Final = re.compile(r"[|>][-+0-9]*(?:\s+#.*)?$")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
#: What is behind the first part of such a key: `newTag`, `image_tag`, `tag`; `sha` may be a digest without `sha256:`.
_PIN_KEY: Final = re.compile(r"(.*?)(tag|digest|sha256|sha)")
_BARE_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class _Text(NamedTuple):
    """A text and its line."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Reference:
    """An image with a tag or a digest: the lines that it takes, the keys that lead to it, and its document's `kind`."""

    line: int
    last_line: int
    image: str
    keys: tuple[str, ...]
    kind: str

    @property
    def name(self) -> str:
        """The repository as written."""
        return split(self.image)[0]

    def is_on(self, lines: Iterable[int]) -> bool:
        """Whether one of these lines is its own."""
        return any(self.line <= line <= self.last_line for line in lines)


def may_have_references(path: str) -> bool:
    """Whether a deployment may read a file of that name: no workflow, no recipe of an image, no chart's own file."""
    return _READ.fullmatch(path) is not None and _NOT_READ.fullmatch(path) is None


def references(data: bytes, path: str) -> tuple[Reference, ...]:
    """The references of a file in their order, at most `MOST`: each place in it once."""
    if not _MARKS.search(data) or b"\0" in data:
        return ()
    text = data.decode("utf-8-sig", "replace")
    found: dict[tuple[int, int, str], Reference] = {}
    every = _of_env(text) if ".env" in path.rpartition("/")[2] else _of_documents(text)
    for reference in every:
        found.setdefault((reference.line, reference.last_line, reference.image), reference)
        if len(found) >= MOST:
            break
    return tuple(sorted(found.values(), key=lambda each: (each.line, each.last_line, each.image)))


def _of_env(text: str) -> Iterator[Reference]:
    mapping = _Mapping(0, (), 1)
    for line, content in enumerate(text.split("\n"), 1):
        if (match := _ENV_LINE.match(content)) and (value := _plain(match[2].rstrip())):
            mapping.texts[match[1].lower()] = _Text(value, line)
    yield from mapping.references("")


def _of_documents(text: str) -> Iterator[Reference]:
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    line = 1
    for start, end in pairwise(starts):
        document = text[start:end]
        match = _KIND.search(document)
        kind = (match[1] or match[2]) if match else ""
        if kind != "CustomResourceDefinition":
            yield from _Document(document, line, kind).references()
        line += document.count("\n")


@dataclass(slots=True)
class _Mapping:
    """A mapping at a column, the keys that lead to it, its first line, and its texts by their keys in small letters."""

    column: int
    keys: tuple[str, ...]
    line: int
    last_key: str = ""
    texts: dict[str, _Text] = field(default_factory=dict)

    @property
    def inner(self) -> tuple[str, ...]:
        """The keys that lead to what stands at its last key."""
        return (*self.keys, self.last_key)[-_KEYS:] if self.last_key else self.keys

    def put(self, key: str, text: str, line: int, kind: str) -> Iterator[Reference]:
        """Take a text in; a key that is there again, as in the branches of a template, begins another mapping."""
        if key.lower() in self.texts:
            yield from self.references(kind)
            self.texts, self.line = {}, line
        self.texts[key.lower()] = _Text(text, line)

    def end_value(self, text: str, line: int, kind: str) -> Iterator[Reference]:
        """Take in what stands in braces at its last key, or as an item; behind it stands another key."""
        if text:
            yield from (
                self.put(self.last_key, text, line, kind) if self.last_key else _item(text, line, self.keys, kind)
            )
        self.last_key = ""

    def references(self, kind: str) -> Iterator[Reference]:
        """The references of its own texts."""
        above = self.keys[-1].lower() if self.keys else ""
        texts = self.texts
        pairs = self._pairs(above, kind)
        paired = {key for keys, _ in pairs for key in keys}
        yield from (reference for _, reference in pairs)
        for key, (text, line) in texts.items():
            label = ""
            if key == "value":  # of a JSON patch, a parameter or a variable
                label = (texts.get("path") or texts.get("name") or _Text("", 0)).text.lower()
            is_place = (
                key.endswith(("image", "imagename"))
                or label.endswith("image")
                or (above.endswith("images") and not key.startswith(("name", "new", "digest")))
                or (key == "reference" and above.endswith("image"))
            )
            if is_place and key not in paired and is_pinned(text):
                yield Reference(line, line, text, (*self.keys, key), kind)

    def _pairs(self, above: str, kind: str) -> list[tuple[set[str], Reference]]:
        """Those whose tag or digest has a key of its own, each with the keys that are part of it."""
        texts = {re.sub(r"[-_.]", "", key): (key, text) for key, text in self.texts.items()}
        pins: dict[str, dict[str, tuple[str, _Text]]] = {}
        for short, (key, (text, line)) in texts.items():
            if (match := _PIN_KEY.fullmatch(short)) and (pin := _pin_text(match[2], text)):
                pins.setdefault(match[1].removesuffix("new"), {}).setdefault(pin[0], (key, _Text(pin, line)))
        pairs = []
        for stem, parts in pins.items():
            key, name = next((texts[key] for key in _name_keys(stem) if key in texts), ("", _Text("", 0)))
            of_anything = key.endswith("name") and not key.endswith(("newname", "imagename")) and "newtag" not in texts
            if of_anything and "/" not in name.text and not above.endswith(("image", "images")):
                continue
            registry = self.texts.get("registry") if stem in ("", "image") else None
            image = f"{registry.text}/{name.text}" if registry is not None else name.text.lstrip("/")
            if any(split(image)[1:]):
                continue  # the key has all of it
            image += "".join(parts[mark][1].text for mark in (":", "@") if mark in parts)
            if is_pinned(image):
                last = max(name.line, *(pin.line for _, pin in parts.values()))
                keys = {key, *(key for key, _ in parts.values())}
                pairs.append((keys, Reference(self.line, last, image, self.keys, kind)))
        return pairs


def _pin_text(key: str, text: str) -> str:
    """A tag or a digest as it stands behind a repository; empty where the text is none."""
    if key == "tag":
        tag, at, digest = text.partition("@")
        return f":{text}" if is_tag(tag) and (not at or is_digest(digest)) else ""
    return f"@{text}" if is_digest(text) else f"@sha256:{text}" if _BARE_DIGEST.fullmatch(text) else ""


def _name_keys(stem: str) -> Iterator[str]:
    """The keys at which the repository of a tag or digest may stand, the likeliest first."""
    if stem == "":
        yield "newname"
    yield from (f"{stem}repository", f"{stem}image", f"{stem}repo", f"{stem}name", f"{stem}imagerepository", stem)
    if stem in ("", "image"):
        yield from ("repository", "image", "imagename", "imagerepository", "name")


def is_pinned(text: str) -> bool:
    """Whether a text is a reference with a tag or a digest."""
    return any(split(text)[1:]) and is_reference(text)


def _plain(text: str) -> str:
    """The text of a value that ends on its line; empty where it is none."""
    match = _VALUE.match(text)
    return next(filter(None, match.groups()), "") if match else ""


@dataclass(slots=True)
class _Document:
    """One document: its text, the number of its first line, its `kind`, and the mappings that are open.

    `done` is the last line of what is in braces, and `whole` says whether all of these ended so far.
    """

    text: str
    first: int
    kind: str
    stack: list[_Mapping] = field(default_factory=list)
    done: int = 0
    whole: bool = True

    def references(self) -> Iterator[Reference]:
        self.stack = [_Mapping(-1, (), self.first)]
        start = 0
        for line, content in enumerate(self.text.split("\n"), self.first):
            if line > self.done and (match := _LINE.match(content)) and not match[6].startswith("#"):
                yield from self._line(match, line, start)
            start += len(content) + 1
        yield from self._close(-1)

    def _close(self, column: int) -> Iterator[Reference]:
        """End the mappings that are further to the right."""
        while len(self.stack) > 1 and self.stack[-1].column > column:
            yield from self.stack.pop().references(self.kind)

    def _line(self, match: re.Match[str], line: int, start: int) -> Iterator[Reference]:
        key, value = match[3] or match[4] or match[5] or "", match[6].rstrip()
        if not key and not match[2] and (not value or value.startswith("{{")):
            return  # a line of a template has any indentation
        column = len(match[1]) + len(match[2])
        yield from self._close(len(match[1]) if match[2] else column)
        if key:
            if self.stack[-1].column < column:
                self.stack.append(_Mapping(column, self.stack[-1].inner, line))
            self.stack[-1].last_key = key
        mapping = self.stack[-1]
        if value.startswith(("{", "[")) and not value.startswith("{{") and key != _LAST_APPLIED:
            yield from self._flow(start + match.start(6), line)
        elif (text := _plain(value)) and not _BLOCK.match(value):
            # The text may stand below its key.
            below = not key and not match[2] and mapping.last_key.lower().endswith("image")
            if key or (below and mapping.last_key.lower() not in mapping.texts):
                yield from mapping.put(mapping.last_key, text, line, self.kind)
            elif match[2]:
                yield from _item(text, line, mapping.inner, self.kind)

    def _flow(self, start: int, line: int) -> list[Reference]:
        """The references in braces or brackets from there; none if these never end."""
        found: list[Reference] = []
        levels, text = [self.stack[-1]], ""
        for mark, word in _tokens(self.text, start) if self.whole else ():
            mapping = levels[-1]
            if mark == "\n":
                line += 1
            elif not mark:
                text = word
            elif mark == ":":
                mapping.last_key, text = text, ""
            elif mark in "{[":
                levels.append(_Mapping(0, mapping.inner, line))
            else:
                found += mapping.end_value(text, line, self.kind)
                text = ""
                if mark != ",":
                    found += levels.pop().references(self.kind)
            if len(levels) == 1 or len(found) > MOST:
                self.done = line
                return found
            if len(levels) > _DEEPEST:
                break
        self.whole = False  # nor would the next ones end
        return []


def _tokens(text: str, start: int) -> Iterator[tuple[str, str]]:
    """What is written in braces: characters that have a meaning, or else words and texts."""
    for match in _TOKEN.finditer(text, start):
        double, single, mark, plain = match.groups()
        if plain is not None and plain.endswith(":"):
            yield "", plain[:-1]
            yield ":", ""
        elif mark is not None:
            yield mark, ""
        elif not match[0].startswith("#"):
            yield "", double or single or plain or ""


def _item(text: str, line: int, keys: tuple[str, ...], kind: str) -> Iterator[Reference]:
    """An item of a list, in which Argo CD writes `name=image`."""
    if keys and keys[-1].lower().endswith("images"):
        image = text.rpartition("=")[2]
        if is_pinned(image):
            yield Reference(line, line, image, keys, kind)
