"""Mutate real kustomizations, edit what can still be read, and let another parser judge every byte.

Each run follows from its seed and number alone. The judge is libyaml (through PyYAML), which shares no code with the
editor.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import yaml

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import Kustomization, read
from gitops_bot.targets.pin_file import FileEntry, edit, pin_after

D1, D2 = "sha256:" + "0123456789abcdef" * 4, "sha256:" + "fedcba9876543210" * 4
#: Tags of every kind that some parser takes for something else, beside ordinary ones.
TAGS = [
    *("v1.4.2", "latest", "sha-1a2b3c4", "1.2.3", "v2_", "__X__", "1.10", "1e5", "0123", "0o17", "0x1f"),
    *("1_000", "1._2", "on", "y", "null", "2024-01-15", "706798e8"),
]
SEEDS = [
    "images:\n- name: web\n  newTag: v1\n",
    f"images:\n  - name: web # c\n    digest: {D1} # d\n    # e\n    newTag: 'v1'\t# f\n  # g\n  - name: db\n",
    f'images: [{{name: web, newTag: "v1"}}, {{digest: {D1}, name: db}}, {{name: "x:1", newTag: v1@{D1} }}]\n',
    f'{{"images": [{{"name": "web", "newTag": "v1",\n  "digest": "{D1}"\n}}]}}',
    f"# top\nkind: Component\nimages:\n-\n  digest: {D1}\n  name: a/b\n\n- newName: r.io/c # x\n  name: c\n",
    f"images:\n- digest: {D1}\n  name: d\npatches:\n- patch: |\n    images:\n    - name: w",
    f"a: &a {{name: q}}\nimages:\n- *a\n- &b\n  name: z\n- <<: *a\n  newTag: v1\n- NAME: w\n  NEWTAG: v1@{D1}\n",
    f"%YAML 1.1\n---\nimages:\n    - digest: {D1}\n      newTag: 1.0\n      newName: h:5000/n\n      name: n\n...\n",
]
#: What is put anywhere; `_` stands for a blank.
INSERTS = [
    *"&*!?-:,{}[]#'\"|>%\\~=@`\t\n\r\x85\u2028\ufeffé😀\u00a0",
    *("#c", "---", "...", "<<", "\r\n", "&a_", "*a", "!!str_", "?_", "-_", ":_", "_#", "${X}", "{{_x_}}"),
    *("$(X)", "<X>", "name:_", "newTag:_v2", "digest:_", "newName:", "images:", "newtag:_x", "digest:_" + D2),
    "images: []\n",
]
BREAK = re.compile("\r\n|\r|\n")


class Wrong(Exception):  # noqa: N818 - a finding
    """What an edit must never do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: str
    detail: str = ""
    data: bytes = b""
    asked: str = ""


def seeds(folder: Path | None) -> list[str]:
    """What is mutated: the corpus without its few long files, and shapes that it does not have."""
    found = list(SEEDS)
    for path in sorted(folder.iterdir()) if folder else ():
        text = path.read_bytes().decode()
        if len(text) < 1500:
            found.append(text)
    return found


def mutate(random: Random, sources: list[str]) -> bytes:
    text = random.choice(sources)
    for _ in range(random.choice((0, 1, 1, 2, 2, 3, 5))):
        text = random.choice(_MUTATIONS)(random, text, sources)
    data = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.01:
        at = random.randrange(len(data) + 1)
        data = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
    return data


def _insert(random: Random, text: str, _: list[str]) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(INSERTS).replace("_", " ") + text[at:]


def _delete(random: Random, text: str, _: list[str]) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + random.choice((1, 1, 1, 2, 5, 20)) :]


def _near_images(random: Random, text: str, _: list[str]) -> str:
    """Where it hurts: an insertion inside the list of images."""
    spots = [found.start() for found in re.finditer(r"name:|newTag:|digest:|newName:|(?<=: )\S|$", text, re.MULTILINE)]
    at = random.choice(spots)
    return text[:at] + random.choice(INSERTS).replace("_", " ") + text[at:]


def _lines(random: Random, text: str, _: list[str]) -> str:
    lines = text.split("\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            lines[one], lines[other] = lines[other], lines[one]
        case 1:
            lines.insert(other, lines[one])
        case 2:
            del lines[one]
        case 3:
            lines[one] = " " * random.choice((1, 2)) + lines[one]
        case 4:
            lines[one] = lines[one].removeprefix(" " * random.choice((1, 2)))
        case _:
            ends = (" # c", "\t# c", " ", "\t", "#", " #: {", "\n\n", "\n# c", "\n      # - name: x")
            lines[one] += random.choice(ends)
    return "\n".join(lines)


def _endings(random: Random, text: str, _: list[str]) -> str:
    match random.randrange(5):
        case 0:
            return text.replace("\n", "\r\n")
        case 1:
            return text.replace("\n", "\r")
        case 2:
            return "\ufeff" + text
        case 3:
            return text.rstrip("\n")
        case _:
            return re.sub("\n", lambda _: random.choice(("\n", "\r\n", "\r")), text)


def _quotes(random: Random, text: str, _: list[str]) -> str:
    quote = random.choice("'\"")
    return re.sub(
        r"(?m)((?:newTag|digest|name|newName):[ ]*)([\w./:@-]+)",
        lambda m: f"{m[1]}{quote}{m[2]}{quote}" if random.random() < 0.5 else m[0],
        text,
    )


def _flow(random: Random, text: str, _: list[str]) -> str:
    """Put one entry into braces, spread over lines or not."""
    gap = random.choice((", ", ",", " , ", ",\n      ", ", # c\n      "))
    return re.sub(
        r"(?m)^( *- )(\w+: *[^\n#]*)((?:\n +\w+: *[^\n#]*)*)$",
        lambda m: (
            m[1] + "{" + gap.join(part.strip() for part in (m[2] + m[3]).split("\n")) + random.choice(("}", " }"))
        ),
        text,
        count=random.choice((1, 5)),
    )


def _add_fields(random: Random, text: str, _: list[str]) -> str:
    """Give one entry a further field, in front or behind."""
    extras = (f"digest: {D1}", f'digest: "{D1}" # c', "tagSuffix: x", "newName: a/b", "newTag: v0", "x: 1")
    behind, extra, count = random.random() < 0.5, random.choice(extras), random.choice((1, 2))
    more = rf"\1- \2\n\1  {extra}" if behind else rf"\1- {extra}\n\1  \2"
    return re.sub(r"(?m)^( *)- (name:.*)$", more, text, count=count)


def _join(random: Random, text: str, sources: list[str]) -> str:
    other = random.choice(sources)
    return text[: random.randrange(len(text) + 1)] + other[random.randrange(len(other) + 1) :]


_MUTATIONS = (
    *(_insert, _delete, _near_images, _near_images, _lines, _lines),
    *(_endings, _quotes, _flow, _add_fields, _add_fields, _join),
)


def run(number: int, seed: int, sources: list[str]) -> Outcome:
    """One mutated file, one edit of it, judged."""
    random = Random(seed * 1_000_000_007 + number)  # noqa: S311 - repeatable on purpose
    data = mutate(random, sources)
    asked = ""
    try:
        before = read(data, "k.yaml")
        if before.data != data:
            return Outcome("WRONG", "reading changed the text", data)
        editable = [entry for entry in before.entries if entry.refusal is None]
        if not editable:
            return Outcome("no entry" if not before.entries else "entries refused")
        asks = [_ask(random, entry) for entry in random.sample(editable, random.choice((1, 1, 1, len(editable))))]
        asked = repr(asks)
        after = edit(before, asks)
    except EditError as error:
        if "proved" in error.problem.message:
            return Outcome("UNPROVED", str(error), data, asked)
        return Outcome("edit refused" if asked else "file refused")
    except Exception as error:  # noqa: BLE001 - any other exception is what the fuzzer looks for
        return Outcome("CRASH", repr(error), data, asked)
    try:
        judge(before, asks, after)
    except (Wrong, EditError) as error:
        return Outcome("WRONG", str(error), data, asked)
    return Outcome("edited" if after != data else "nothing to do")


def _ask(random: Random, entry: FileEntry) -> Assignment:
    tag = random.choice(TAGS)
    pin = random.choice((Pin(tag), Pin(None, D2), Pin(tag, D2), Pin(tag, D1), entry.pin))
    if (entry.pin.tag, pin) == (None, entry.pin) or not re.fullmatch(r"[\w.][\w.-]{0,127}", pin.tag or "x", re.ASCII):
        pin = Pin(tag)
    if pin.digest not in (None, D1, D2):
        pin = Pin(pin.tag)
    return Assignment(entry.name, pin, random.choice((None, None, None, "r.example:5000/a/b")))


def judge(before: Kustomization, asks: list[Assignment], data: bytes) -> None:
    """What must hold for every edit, whatever the file.

    Raises:
        Wrong: it does not hold.
        EditError: the result cannot be read any more.
    """
    again = read(data, "k.yaml")
    by_name = {ask.image: ask for ask in asks}
    fields = moved = 0
    for old, new in zip_longest(before.entries, again.entries):
        ask = by_name.get(old.name) if old.refusal is None else None
        pin = pin_after(old, ask.pin) if ask else old.pin
        new_name = ask.new_name if ask and ask.new_name else old.new_name
        if (new.name, new.new_name, new.pin) != (old.name, new_name, pin):
            raise Wrong(f"entry {old} became {new}")
        fields += (new_name != old.new_name) + (pin.tag != old.pin.tag) + (pin.digest != old.pin.digest)
        if pin.digest is None and old.pin.digest is not None and ask:
            # `- digest: ...` goes and the next key takes its place behind the dash; in braces a comma goes.
            first = BREAK.split(before.data.decode())[old.line - 1].casefold()
            moved += "digest" in first or "{" in first
        if ask and edit(again, [ask]) != data:
            raise Wrong("the same edit again is not nothing")
    _judge_lines(before.data.decode(), data.decode(), fields + moved, alone=len(asks) == 1)
    _judge_tree(before, by_name, data.decode())


def _judge_lines(before: str, after: str, fields: int, *, alone: bool) -> None:
    """No more lines come or go than fields were asked for, and the others keep their order."""
    old, new = BREAK.split(before), BREAK.split(after)
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    gone.pop("", None)  # blank lines between a comma and the pair that goes with it
    if gone.total() > fields or come.total() > fields:
        raise Wrong(f"{gone.total()} lines went and {come.total()} came for {fields} fields")
    # When the last line goes, a blank one before it becomes the last and ends the text with its line break.
    ends = before.endswith(("\n", "\r")) or (len(old) > 1 and not old[-2] and after.endswith(("\n", "\r")))
    if ends != after.endswith(("\n", "\r")) or before[:1] != after[:1]:
        raise Wrong("the end or the start of the file changed")
    if {found.group() for found in BREAK.finditer(after)} - {found.group() for found in BREAK.finditer(before)}:
        raise Wrong("a line break of another kind came in")
    keep_old, keep_new = [line for line in old if line not in gone], [line for line in new if line not in come]
    if alone and Counter(keep_old) == Counter(keep_new) and keep_old != keep_new:
        raise Wrong("lines changed their order")


def _judge_tree(before: Kustomization, asks: dict[str, Assignment], after: str) -> None:
    """By libyaml, the trees differ in the asked fields only, and these are strings."""
    try:
        old = _tree(yaml.compose(before.data.decode(), Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError):
        return  # the two parsers disagree on the original, so there is no second opinion
    new = _tree(yaml.compose(after, Loader=yaml.CSafeLoader))
    old_images, new_images = _images(old), _images(new)
    if [pair for pair in old[2] if pair[1] is not old_images] != [pair for pair in new[2] if pair[1] is not new_images]:
        raise Wrong("libyaml sees another change outside the images")
    if (old_images[:2], len(old_images[2])) != (new_images[:2], len(new_images[2])):
        raise Wrong("libyaml sees another list of images")
    for entry, one, other in zip(before.entries, old_images[2], new_images[2], strict=True):
        ask = asks.get(entry.name) if entry.refusal is None else None
        if ask is None and one != other:
            raise Wrong("libyaml sees a change in another entry")
        if ask is not None:
            _judge_entry(entry, ask, one, other)


def _judge_entry(entry: FileEntry, ask: Assignment, old: Any, new: Any) -> None:
    touched = {"newname", "newtag", "digest"}
    was, now = ({key[2].casefold(): value for key, value in pairs} for pairs in (old[2], new[2]))
    if (len(was), len(now)) != (len(old[2]), len(new[2])):
        raise Wrong("libyaml sees a key twice")
    if [p for p in old[2] if p[0][2].casefold() not in touched] != [
        p for p in new[2] if p[0][2].casefold() not in touched
    ]:
        raise Wrong("libyaml sees another field changed")
    for key in touched:
        if was.get(key) != now.get(key) and key in now and now[key][1] != "tag:yaml.org,2002:str":
            raise Wrong(f"libyaml sees {now[key]}, which is no string")
    said = ":".join(filter(None, (now.get("newtag", ("", "", ""))[2], now.get("digest", ("", "", ""))[2])))
    pin = pin_after(entry, ask.pin)
    if said.replace("@", ":", 1) != ":".join(filter(None, (pin.tag, pin.digest))) and pin.tag not in ("null", "~"):
        raise Wrong(f"libyaml sees the pin {said}")


def _images(root: Any) -> Any:
    return next(value for key, value in root[2] if isinstance(key[2], str) and key[2].casefold() == "images")


def _tree(node: yaml.Node, depth: int = 0) -> Any:
    """Kind, tag and value of a node, as plain tuples; deep or endless ones are cut off alike on both sides."""
    if depth > 12:
        return ("deep", "", "")
    match node:
        case yaml.ScalarNode():
            return ("scalar", node.tag, node.value)
        case yaml.SequenceNode():
            return ("sequence", node.tag, [_tree(child, depth + 1) for child in node.value])
        case _:
            pairs = [(_tree(key, depth + 1), _tree(value, depth + 1)) for key, value in node.value]
            return ("mapping", node.tag, pairs)


def corpus_folder() -> Path | None:
    project = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("GITOPS_BOT_CORPUS", project.parent / "shared" / "corpus")) / "kustomizations"
    return folder if folder.is_dir() else None
