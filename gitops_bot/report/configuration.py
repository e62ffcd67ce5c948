"""The text of a `gitops-bot.yaml`: the first one, one for the settings of other tools, and lines to add to it.

And how much of a repository it keeps current: what ends `plan` and `check`, and what `init` found.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, assert_never

from gitops_bot.images import inference
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver
from gitops_bot.images.reason import Unmanaged
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.layout.coverage import fold_folders
from gitops_bot.report.screen import SHOWN, align, list_images, list_names
from gitops_bot.targets.writing import is_plain_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.images.kinds import PinShape
    from gitops_bot.images.reason import Why
    from gitops_bot.images.reference import Pin
    from gitops_bot.migration.assemble import MigratedEnvironment, Migration
    from gitops_bot.migration.rules import Gap, ImageRule
    from gitops_bot.releases.layout.coverage import Coverage, UnmanagedGroup
    from gitops_bot.report.screen import Screen
    from gitops_bot.results.checkout import FoundEnvironment, Initialised, Inventory

_HEAD: Final = """\
# Which image pins gitops-bot keeps current, and how. `gitops-bot schema` describes every key.
# After a change: `gitops-bot check`, and `gitops-bot plan` to see what an update would do.
version: 1

environments:
"""
#: Names of one group that get a line of their own.
_LINES: Final = 10
#: Columns of a comment, and of one about a setting of another tool.
_WIDTH: Final = 110
_GAP_WIDTH: Final = 300
#: How a line to be copied begins.
_ADD: Final = "add under"
#: Parts of a directory that do not say what it is for.
_COMMON_PARTS: Final = ("*", "overlays", "apps", "clusters", "environments")
#: Characters that no name of an environment has.
_COMMIT: Final = re.compile(r"(?<![0-9a-z])[0-9a-f]{7,64}(?![0-9a-z])")
_RUNS: Final = re.compile(r"[0-9]+|[^0-9]+")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


_BASES: Final = ("base", "bases", "components")
_HEADS: Final = ("ENVIRONMENT", "FILES", "ENTRIES", "TRACKED", "OVERLAYS", "DEPLOYED BY")


def starter(inventory: Inventory) -> str:
    """The whole file. Without the comments, it describes what `plan` does without a file."""
    return _HEAD + "".join(f"{line}\n" for line in _starter_lines(inventory))


def _starter_lines(inventory: Inventory) -> Iterator[str]:
    for number, environment in enumerate(inventory.environments):
        if number:
            yield ""
        yield from _found_environment(environment)
    if inventory.elsewhere:
        yield "  # Deployed from this repository, but in no environment yet:"
        for name, directories in inventory.elsewhere.items():
            globs = ", ".join(quote(directory) for directory in directories)
            yield f"  # {as_key(name)}: {{overlays: [{globs}], policy: auto}}"
    if closed := [item.subject for item in inventory.registries if item.problem and item.problem.code == "failed.auth"]:
        yield ""
        yield "# These registries require a login. Where the bot runs, `docker login` works too."
        yield "# registries:"
        for host in closed:
            variable = "".join(char if char.isalnum() else "_" for char in host.upper())
            yield f"#   {as_key(host)}: {{username: bot, password_env: {variable}_TOKEN}}"


def _found_environment(environment: FoundEnvironment) -> Iterator[str]:
    yield f"  {as_key(environment.name)}:"
    yield "    overlays:"
    for glob in environment.overlays:
        yield f"      - {quote(glob)}"
    if (source := environment.source) is not None:
        count = environment.corresponding
        of = f"{count} of {environment.coverage.entries} entries"
        if environment.promote:
            yield f"    # Promote the digests that {source} runs; it has {of} too. `policy` covers the others."
            yield f"    promote_from: {as_key(source)}"
        else:
            yield f"    # {source} has {of} too. To promote the digests that it runs, instead of polling for them:"
            yield f"    # promote_from: {as_key(source)}"
    yield "    # Choose newer tags in the format of the pinned ones:"
    for policy, entries in environment.followed.items():
        pins = [f"{entry.name.rpartition('/')[2] or entry.name} {entry.pin.tag or 'by digest'}" for entry in entries]
        yield _comment(f"{len(entries)} by {policy}: {list_names(pins)}", indent=2)
    if not environment.followed:
        yield "    #   none yet"
    yield "    policy: auto"
    groups = environment.coverage.groups
    for group in groups:
        yield _comment(f"{len(group.entries)} unmanaged: {group.alike}:")
        yield _comment(list_images(group.entries, environments=False), indent=2)
    if groups:
        yield "    # To track them:"
        yield "    # images:"
        for group in groups:
            yield from _answers(group)


def _answers(group: UnmanagedGroup) -> Iterator[str]:
    """A suggestion for each image of a group, on separate lines because people may want only some."""
    pins = {entry.name: entry.pin for entry in reversed(group.entries)}
    for name in sorted(pins)[:_LINES]:
        yield f"    #   {as_key(name)}: {{{rule_for(pins[name])}}}"
    if len(pins) > _LINES:
        yield f"    #   and {len(pins) - _LINES} more"


def _comment(text: str, *, indent: int = 0) -> str:
    return f"    # {' ' * indent}{plain(text, _WIDTH)}"


def migration_text(migration: Migration) -> str:
    """The whole file; settings without an equivalent are in comments."""
    return "".join(f"{line}\n" for line in _migrated_lines(migration))


def gap_text(gap: Gap) -> str:
    """A setting without an equivalent, on one line."""
    advice = f"; {gap.next}" if gap.next else ""
    return plain(f"{gap.file}:{gap.line}: {gap.what}{advice}", _GAP_WIDTH)


def _migrated_lines(migration: Migration) -> Iterator[str]:
    yield f"# Converted from the settings of {' and '.join(migration.peers)} in this repository."
    yield "# Switch the other tool off before you merge this file: two tools that write the same pins undo each other."
    yield "# `gitops-bot plan --config gitops-bot.yaml` shows what an update would do."
    if migration.gaps:
        yield "#"
        yield "# Without an equivalent:"
        yield from (f"#   {gap_text(gap)}" for gap in migration.gaps)
    yield "version: 1"
    if migration.branch is not None:
        yield f"branch: {as_key(migration.branch)}"
    named = _shared_policies(migration)
    if named:
        yield ""
        yield "policies:"
        yield from (f"  {as_key(name)}: {_flow(policy)}" for name, policy in named.items())
    names = {repr(policy): name for name, policy in named.items()}
    yield ""
    yield "environments:"
    for environment in migration.environments:
        yield from _migrated_environment(environment, names)


def _shared_policies(migration: Migration) -> dict[str, Mapping[str, Any]]:
    """The policies by name; one that several images share is named after the first of them."""
    named: dict[str, Mapping[str, Any]] = {}
    known: set[str] = set()
    for environment in migration.environments:
        for rule in environment.images.values():
            if rule.policy is None or repr(rule.policy) in known:
                continue
            known.add(repr(rule.policy))
            name, number = rule.name, 2
            while name in named:
                name, number = f"{rule.name}-{number}", number + 1
            named[name] = rule.policy
    return named


def _migrated_environment(environment: MigratedEnvironment, names: Mapping[str, str]) -> Iterator[str]:
    yield f"  {as_key(environment.name)}:"
    yield "    overlays:"
    yield from (f"      - {quote(glob)}" for glob in environment.overlays)
    if environment.targets:
        yield "    targets:"
    yield from (f"      - {_flow(dict(target))}" for target in environment.targets)
    shapes = Counter(rule.pin or "tag+digest" for rule in environment.images.values() if rule.policy is not None)
    shape = shapes.most_common(1)[0][0] if shapes else "tag+digest"
    if shape != "tag+digest":
        yield f"    pin: {shape}"
    if environment.propose:
        yield f"    propose: {_flow(environment.propose)}"
    written = {image: dict(_keys(rule, shape, names)) for image, rule in environment.images.items()}
    if any(written.values()):
        yield "    images:"
    for image, keys in written.items():
        if keys:
            yield f"      {as_key(image)}: {_flow(keys)}"
        else:
            yield f"      # {plain(image, _GAP_WIDTH)}: no policy, see above"


def _keys(rule: ImageRule, shape: PinShape, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if rule.policy is not None:
        yield "policy", names[repr(rule.policy)]
    wanted = rule.pin or "tag+digest"
    if not rule.ignore and rule.policy is not None and wanted != shape:
        yield "pin", wanted
    if rule.on_move is not None:
        yield "on_move", rule.on_move
    if rule.platforms:
        yield "platforms", list(rule.platforms)
    if rule.ignore:
        yield "ignore", True


def _flow(value: Any) -> str:
    """A value of YAML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return as_key(value)
        case dict():
            return "{" + ", ".join(f"{as_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case _:
            return str(value)


def addition(group: UnmanagedGroup, *, inferred: bool) -> str:
    """The configuration that would keep these entries current, and where it belongs."""
    first = group.entries[0]
    environment, rule = first.environment or "", rule_for(group.pin)
    if first.refusal is not None and (group.why == "unset" or not first.name):  # nothing in the file can mean it
        return plain(first.refusal.next)
    never = group.why in ("decided_elsewhere", "no_repository")
    if never:
        rule = "ignore: true"
    if inferred:
        overlays = {entry.overlay: 1 for entry in group.entries if entry.environment == environment}
        globs = ", ".join(quote(glob) for glob, _ in fold_folders(overlays)[:SHOWN])
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
            return f"policy: {{semver: {quote(versions.expression)}}}"
        case Pattern(expression=expression, order=order):
            return f"policy: {{pattern: {quote(expression)}, order: {order}}}"
        case Newest(expression=expression):
            return f"policy: {{pattern: {quote(expression)}, order: newest}}"
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
            # A number such as a Unix time looks like a commit too, so a match with letters is preferred.
            matches = _COMMIT.finditer(tag)
            match = max(matches, key=lambda match: (not match[0].isdecimal(), len(match[0])), default=None)
            alike = _counting(tag)
            if match is not None:
                commit = f"[0-9a-f]{{{len(match[0])}}}"
                alike = f"{_counting(tag[: match.start()])}{commit}{_counting(tag[match.end() :])}"
            return f"policy: {{pattern: {quote(f'^{alike}$')}, order: newest}}"
        case "digest" | "major" | "unordered" | "year":
            return f"policy: {{digest: {as_key(tag)}}}"
        case "digits" | "number":
            before = re.escape(tag.rstrip("0123456789"))
            return f"policy: {{pattern: {quote(f'^{before}(?P<number>[0-9]+)$')}, order: numerical}}"
        case "counter" | "nothing" | "no_policy" | "not_in_source":
            return 'policy: {semver: ">=0.0.0-0"}'
    assert_never(why)


def _counting(part: str) -> str:
    """An expression for the same text with other numbers."""
    return "".join("[0-9]+" if run.isdecimal() else re.escape(run).replace(r"\-", "-") for run in _RUNS.findall(part))


def environment_for(folder: str) -> str:
    """An environment of these directories, to be added, named after their last distinctive part."""
    parts = [part for part in folder.split("/") if part not in _COMMON_PARTS]
    name = _NO_NAME.sub("-", parts[-1] if parts else "").strip("-._")[:60] or "other"
    return f"{_ADD} `environments`: {as_key(name)}: {{overlays: [{quote(folder)}]}}"


def as_key(text: str) -> str:
    """A key or a text of YAML, in quotes where necessary."""
    return text if is_plain_string(text) else quote(text)


def quote(text: str) -> str:
    """A YAML string in double quotes; unprintable characters are escaped."""
    return "".join(
        char if char.isprintable() else f"\\U{ord(char):08x}" for char in json.dumps(text, ensure_ascii=False)
    )


def print_coverage(coverage: Coverage, screen: Screen) -> None:
    """One line of numbers; then for each reason a line with samples and a line to add to the configuration."""
    screen.say()
    for indent, text in _coverage_lines(coverage):
        if text.startswith(_ADD):
            screen.say_as_is(" " * indent + text)  # what is to be copied stays one line
        else:
            screen.say(text, indent=indent, hang=2)


def _coverage_lines(coverage: Coverage) -> Iterator[tuple[int, str]]:
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
        yield 4, addition(group, inferred=coverage.inferred)
    if outside.entries:
        folders = [folder for folder, _ in fold_folders(outside.folders)]
        yield 2, f"{outside.entries} in no environment: {list_names(folders)}"
        # An overlay usually pins the images of a base again.
        sample = next((folder for folder in folders if folder.rpartition("/")[2] not in _BASES), folders[0])
        yield 4, environment_for(sample)
    if outside.unread:
        yield 2, f"{outside.unread} other kustomizations were not counted: there are too many"


def print_inventory(inventory: Inventory, screen: Screen) -> None:
    """The table of environments, and then what no environment covers."""
    rows = [
        (
            plain(environment.name),
            str(environment.files),
            str(environment.coverage.entries),
            str(environment.coverage.tracked),
            list_names(environment.overlays, most=2),
            list_names(environment.deployed_by, most=1),
        )
        for environment in inventory.environments
    ]
    lines, width = align((_HEADS, *rows))
    if screen.width is None or width <= screen.width:
        for number, line in enumerate(lines):
            screen.say(line, style=None if number else "bold")
    else:
        for name, *cells in rows:
            screen.say(name, style="bold")
            for head, cell in zip(_HEADS[1:], cells, strict=True):
                screen.say(f"{head.lower()}: {cell}", indent=2, hang=2)
    for name, directories in inventory.elsewhere.items():
        screen.say(f"deployed, but in no environment: {list_names(directories)} ({plain(name)}?)", hang=2)
    if others := inventory.outside.entries:
        folders = (folder for folder, _ in fold_folders(inventory.outside.folders))
        screen.say(f"entries in no environment: {others}, in {list_names(folders)}", hang=2)
    for finding in inventory.registries:
        screen.say(f"registry {plain(finding.subject)}: {plain(finding.text, 300)}", hang=2)
    screen.say()


def print_initialised(done: Initialised, screen: Screen) -> None:
    """The file that was written and the next command; the text itself where nothing was written."""
    if done.written:
        screen.say(f"wrote {done.file}", style="green")
        if done.gaps:
            screen.say("without an equivalent (also listed in the file):")
        for gap in done.gaps:
            screen.say_as_is(f"  {gap_text(gap)}")
        screen.say("next: `gitops-bot check`, then commit and push it; `gitops-bot plan` shows what an update would do")
        return
    for line in done.text.splitlines():
        screen.say_as_is(line)
