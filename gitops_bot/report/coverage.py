"""The summary that ends `plan` and `check`: how much is kept current, and the configuration that covers the rest."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, assert_never

from gitops_bot.images import inference
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver
from gitops_bot.images.unmanaged import Unmanaged
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.layout.coverage import folded
from gitops_bot.targets.scalars import is_plain_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitops_bot.images.reference import Pin
    from gitops_bot.images.unmanaged import Why
    from gitops_bot.releases.decisions import Entry
    from gitops_bot.releases.layout.coverage import Coverage, Group
    from gitops_bot.report.screen import Screen

#: How many names of entries and directories, and of environments, are listed; the rest is counted.
_SHOWN: Final = 3
_ENVIRONMENTS: Final = 6
_LONGEST_NAME: Final = 100
_ADD: Final = "add under"
_BASES: Final = ("base", "bases", "components")
#: Parts of a directory that do not say what it is for.
_COMMON_PARTS: Final = ("*", "overlays", "apps", "clusters", "environments")
#: Characters that no name of an environment has.
_COMMIT: Final = re.compile(r"(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z])")
_RUNS: Final = re.compile(r"[0-9]+|[^0-9]+")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def print_coverage(coverage: Coverage, screen: Screen) -> None:
    """One line of numbers; then for each reason a line with samples and a line to add to the configuration."""
    screen.say()
    for indent, text in _lines(coverage):
        if text.startswith(_ADD):
            screen.say_as_is(" " * indent + text)  # what is to be copied stays one line
        else:
            screen.say(text, indent=indent, hang=2)


def _lines(coverage: Coverage) -> Iterator[tuple[int, str]]:
    """Each line with its indentation."""
    outside = coverage.outside
    if not coverage.entries and not outside.entries:
        yield 0, "entries: none; no file here pins an image"
        return
    counts = {
        "promoted": coverage.promoted,
        "ignored": len(coverage.ignored),
        "unmanaged": coverage.unmanaged,
        "in no environment": outside.entries,
    }
    numbers = [f"{coverage.tracked} tracked", *(f"{number} {label}" for label, number in counts.items() if number)]
    how = ", inferred without a gitops-bot.yaml" if coverage.inferred else ""
    yield 0, f"entries{how}: {', '.join(numbers)}"
    if coverage.ignored:
        yield 2, f"{len(coverage.ignored)} ignored: {list_images(coverage.ignored)}"
    for group in coverage.groups:
        yield 2, f"{len(group.entries)} unmanaged: {plain(group.alike)}: {list_images(group.entries)}"
        yield 4, _answer(group, inferred=coverage.inferred)
    if outside.entries:
        folders = [folder for folder, _ in folded(outside.folders)]
        yield 2, f"{outside.entries} in no environment: {list_names(folders)}"
        # An overlay usually pins the images of a base again.
        sample = next((folder for folder in folders if folder.rpartition("/")[2] not in _BASES), folders[0])
        yield 4, f"{_ADD} `environments`: {as_key(_name(sample))}: {{overlays: [{quoted(sample)}]}}"
    if outside.unread:
        yield 2, f"{outside.unread} other kustomizations were not counted: there are too many"


def list_names(names: Iterable[str], *, most: int = _SHOWN) -> str:
    """The first few, each once, and how many others there are."""
    known = list(dict.fromkeys(names))
    more = [f"{len(known) - most} more"] if len(known) > most else []
    shown = [*(plain(name, _LONGEST_NAME) for name in known[:most]), *more]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def list_images(entries: Iterable[Entry], *, environments: bool = True) -> str:
    """Samples of entries, and the environments that they are in."""
    known = list(entries)
    names = list_names(entry.name.rpartition("/")[2] or entry.name for entry in known)
    if not environments:
        return names
    known_environments = list_names((entry.environment or "" for entry in known), most=_ENVIRONMENTS)
    return f"{names}, in {known_environments}"


def _answer(group: Group, *, inferred: bool) -> str:
    """The configuration that would keep these entries current, and where it belongs."""
    first = group.entries[0]
    environment, rule = first.environment or "", rule_for(group.pin)
    if group.why == "unset" and first.refusal is not None:
        return plain(first.refusal.next)
    never = group.why in ("decided_elsewhere", "no_repository")
    if never:
        rule = "ignore: true"
    if inferred:
        overlays = {entry.overlay: 1 for entry in group.entries if entry.environment == environment}
        globs = ", ".join(quoted(glob) for glob, _ in folded(overlays)[:_SHOWN])
        if never:
            rule = f"policy: auto, images: {{{as_key(first.name)}: {{{rule}}}}}"
        return f"{_ADD} `environments`: {as_key(environment)}: {{overlays: [{globs}], {rule}}}"
    if group.why == "no_policy":
        return f"{_ADD} `environments.{plain(environment)}`: {rule}"
    return f"{_ADD} `environments.{plain(environment)}.images`: {as_key(first.name)}: {{{rule}}}"


def rule_for(pin: Pin) -> str:
    """The rule for an entry with this pin: the one that would be inferred, else the usual one for such pins."""
    policy = inference.infer(pin)
    match policy:
        case Semver(range=versions):
            return f"policy: {{semver: {quoted(versions.expression)}}}"
        case Pattern(expression=expression, order=order):
            return f"policy: {{pattern: {quoted(expression)}, order: {order}}}"
        case Newest(expression=expression):
            return f"policy: {{pattern: {quoted(expression)}, order: newest}}"
        case Follow(tag=tag):
            return f"policy: {{digest: {as_key(tag)}}}"
        case Unmanaged(why=why):
            return _guess(why, pin.tag or "latest")
    assert_never(policy)


def _guess(why: Why, tag: str) -> str:
    match why:
        case "decided_elsewhere" | "no_repository" | "no_tag" | "ticket" | "unset":
            return "ignore: true"
        case "commit":
            return f"policy: {{pattern: {quoted(_builds_like(tag))}, order: newest}}"
        case "digest" | "major" | "unordered" | "year":
            return f"policy: {{digest: {as_key(tag)}}}"
        case "digits" | "number":
            before = re.escape(tag.rstrip("0123456789"))
            return f"policy: {{pattern: {quoted(f'^{before}(?P<number>[0-9]+)$')}, order: numerical}}"
        case "counter" | "nothing" | "no_policy" | "not_in_source":
            return 'policy: {semver: ">=0.0.0-0"}'
    assert_never(why)


def _builds_like(tag: str) -> str:
    """An expression for tags of the same form, with another commit and other numbers."""
    # A number such as a Unix time looks like a commit too, so a match with letters is preferred.
    match = max(_COMMIT.finditer(tag), key=lambda match: (not match[0].isdecimal(), len(match[0])), default=None)
    if match is None:
        return f"^{_counting(tag)}$"
    commit = f"[0-9a-f]{{{len(match[0])}}}"
    return f"^{_counting(tag[: match.start()])}{commit}{_counting(tag[match.end() :])}$"


def _counting(part: str) -> str:
    """An expression for the same text with other numbers."""
    return "".join("[0-9]+" if run.isdecimal() else re.escape(run).replace(r"\-", "-") for run in _RUNS.findall(part))


def _name(glob: str) -> str:
    """A name for an environment of these directories: their last distinctive part."""
    parts = [part for part in glob.split("/") if part not in _COMMON_PARTS]
    return _NO_NAME.sub("-", parts[-1] if parts else "").strip("-._")[:60] or "other"


def as_key(text: str) -> str:
    """A key of YAML, quoted where necessary."""
    return text if is_plain_string(text) else quoted(text)


def quoted(text: str) -> str:
    """A YAML string in double quotes; unprintable characters are escaped."""
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(text, ensure_ascii=False)
    )
