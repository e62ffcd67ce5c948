"""Mutate manifests, and values inside of block scalars, edit what can still be read, and let libyaml judge all levels.

The judge shares no code with the editor.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin, is_digest, is_tag
from gitops_bot.targets.pin_file import edit
from tests.fuzz.edits import BREAK, D1, D2, Outcome

if TYPE_CHECKING:
    from random import Random

    from gitops_bot.targets.helm import HelmTarget
    from gitops_bot.targets.manifests import ManifestsTarget
    from gitops_bot.targets.pin_file import FileEntry
    from gitops_bot.targets.yaml_pins import YamlPins

VALUES = [
    "image:\n  repository: web\n  tag: v1\n",
    f"# top\nweb:\n  image:\n    repository: a/b   # c\n\n    tag: 'v1' # d\n    digest: {D1}\n\n# end\n",
    'a: {image: {repository: web, tag: "v1", sha: ""}}\nb: [{image: x:1}]\n',
    f"image: web:v1@{D1}\n",
    "c: |\n  image:\n    repository: no\n    tag: v1\nimage: {repository: web, tag: v1}",
]
HEADERS = ["|", "|-", "|+", "|2", "|4-", "|-2", "| # c", "|\t", ">", '"']
INSERTS = [
    *"&*!?-:,{}[]#'\"|>%\t\n\r \\~@",
    *("#c", "---", "...", "\r\n", "&a ", "*a", "{{ x }}", "\n\n", "  ", "tag: v0\n"),
]
NAME = "a.yaml"
TAGS = ["v2", "1.10", "0123", "on", "latest", "1e5"]


def application(random: Random) -> bytes:
    """An application with values in a block, mutated."""
    indent = " " * random.choice((5, 6, 8))
    values = random.choice(VALUES)
    if random.random() < 0.3:
        values = values.rstrip("\n") + random.choice(("", "\n\n", "\n \n"))
    block = "".join(indent + line if line.strip() else line for line in values.splitlines(keepends=True))
    behind = random.choice(("", "  destination: {}\n", "# c\n", "    version: v3\n", "---\na: 1\n"))
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      valuesObject: "
        "{image: {repository: o, tag: v1}}\n"
    )
    text += f"      values: {random.choice(HEADERS)}\n{block}"
    text += behind if text.endswith("\n") else random.choice(("", "\n" + behind))
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        at = random.randrange(len(text) + 1)
        if random.random() < 0.5:
            text = text[:at] + random.choice(INSERTS) + text[at:]
        else:
            text = text[:at] + text[at + random.choice((1, 1, 2, 5)) :]
    if random.random() < 0.2:
        text = text.replace("\n", random.choice(("\r\n", "\r")))
    return text.encode()


def run(random: Random, target: HelmTarget | ManifestsTarget, data: bytes) -> Outcome:
    """Edits of some entries of a mutated file, judged."""
    try:
        pins = target.read(data, NAME)
    except EditError:
        return Outcome("file refused")
    except Exception as error:  # noqa: BLE001 - any other exception is what the fuzzer looks for
        return Outcome("CRASH", repr(error), data)
    lines = BREAK.split(data.decode())
    editable = [one for one in pins.entries if one.refusal is None and _is_plain(one) and ":" in lines[one.line - 1]]
    if not editable:
        return Outcome("no entry")
    chosen = random.sample(editable, random.choice((1, len(editable))))
    asks = [Assignment(one.name, _pin(random, one.says)) for one in chosen]
    try:
        after = edit(pins, asks)
    except EditError as error:
        kind = "UNPROVED" if "proved" in error.problem.message else "edit refused"
        return Outcome(kind, str(error), data)
    except Exception as error:  # noqa: BLE001
        return Outcome("CRASH", repr(error), data)
    wrong = judge(target, pins, asks, after)
    return Outcome("WRONG", wrong, data) if wrong else Outcome("edited")


def _is_plain(entry: FileEntry) -> bool:
    """Whether it holds nothing that the judge might take for the end of a value."""
    tag, digest = entry.pin.tag, entry.pin.digest
    is_pin = (tag is None or is_tag(tag)) and (digest is None or is_digest(digest))
    return is_pin and re.fullmatch(r"[\w./:-]*", entry.repository or "") is not None


def _pin(random: Random, says: str | None) -> Pin:
    tag = random.choice(TAGS)
    return Pin(tag) if says == "tag" else Pin(None, D2) if says == "digest" else random.choice((Pin(tag), Pin(tag, D2)))


def judge(target: HelmTarget | ManifestsTarget, pins: YamlPins, asks: list[Assignment], after: bytes) -> str:
    """What is wrong with an edit; nothing where it is right."""
    again = target.read(after, NAME)
    wanted = {ask.image: ask.pin for ask in asks}
    if len(again.entries) != len(pins.entries):
        return "there are other entries"
    for old, new in zip(pins.entries, again.entries, strict=True):
        pin = wanted.get(old.name, old.pin)
        pin = Pin(pin.tag or old.pin.tag, pin.digest)
        if (new.name, new.repository, new.pin, new.line) != (old.name, old.repository, pin, old.line):
            return f"{old} became {new}"
    if edit(again, asks) != after:
        return "the same edit again is not nothing"
    one, other = pins.data.decode(), after.decode()
    if BREAK.findall(one) != BREAK.findall(other):
        return "a line break differs"
    lines = list(zip(BREAK.split(one), BREAK.split(other), strict=True))
    touched = {entry.line for entry in pins.entries if entry.name in wanted}
    for number, (old_line, new_line) in enumerate(lines, 1):
        near = any(0 <= number - line <= 40 for line in touched)
        if old_line != new_line and not (near and _frame(old_line) == _frame(new_line)):
            return f"line {number} differs: {old_line!r} and {new_line!r}"
    return _trees(one, other)


def _frame(line: str) -> str:
    """A line without what an edit may replace in it."""
    return re.sub(r"((?:tag|digest|sha|image)\"?\s*:\s*|:)(?:\"[^\"]*\"|'[^']*'|[^\s,}\"'#]+)", r"\1", line)


def _trees(one: str, other: str) -> str:
    """By libyaml, the applications differ in values of pins only, on the level of the text inside, too."""
    try:
        old, new = (list(yaml.load_all(text, yaml.CBaseLoader)) for text in (one, other))
    except yaml.YAMLError:
        return ""  # the parsers disagree on the original, so there is no second opinion
    found: list[str] = []
    _compare(old, new, "", found)
    return "; ".join(found)


def _compare(old: Any, new: Any, key: str, found: list[str]) -> None:
    if isinstance(old, dict) and isinstance(new, dict) and list(old) == list(new):
        for name in old:
            _compare(old[name], new[name], str(name), found)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            _compare(one, other, key, found)
    elif key == "values" and isinstance(old, str) and isinstance(new, str) and old != new:
        try:
            inside = [list(yaml.load_all(text, yaml.CBaseLoader)) for text in (old, new)]
        except yaml.YAMLError:
            return
        _compare(*inside, "", found)
    elif old != new and key not in ("tag", "digest", "sha", "image"):
        found.append(f"libyaml sees another {key}: {old!r} and {new!r}")
