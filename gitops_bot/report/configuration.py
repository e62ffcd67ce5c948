"""The text of a `gitops-bot.yaml`: the first one, one for the settings of other tools, and lines to add to it.

And how much of a repository it keeps current: what ends `plan` and `check`, and what `init` found.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from itertools import chain, count
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, assert_never

from gitops_bot.images import inference
from gitops_bot.images.formats import Format, format_of, policy_for
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver
from gitops_bot.images.reason import Unmanaged, counted, enumerated
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.layout import causes
from gitops_bot.releases.layout.coverage import fold_folders
from gitops_bot.report.screen import SHOWN, Screen, align, list_images, list_names
from gitops_bot.results.checkout import Ignored
from gitops_bot.targets.pin_file import NEWEST_READS
from gitops_bot.targets.writing import is_plain_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.images.kinds import PinShape, Policy
    from gitops_bot.images.reference import Pin
    from gitops_bot.migration.assemble import MigratedEnvironment, Migration
    from gitops_bot.migration.rules import Gap, ImageRule
    from gitops_bot.releases.layout.coverage import Coverage, UnmanagedGroup
    from gitops_bot.releases.layout.inventory import Unread
    from gitops_bot.results.checkout import Draft, EnvironmentDraft, Initialised, Inventory

_HEAD: Final = f"""\
# Which image pins gitops-bot keeps current, and how. `gitops-bot schema` describes every key.
# After a change: `gitops-bot check`, and `gitops-bot plan` to see what an update would do.
version: 1
reads: {NEWEST_READS}"""
#: Columns of a comment, and of one about a setting of another tool.
_WIDTH: Final = 110
_GAP_WIDTH: Final = 300
#: Characters of what would make an image an entry.
_REMEDY: Final = 2000
#: How a line to be copied begins.
_ADD: Final = "add under"
#: Parts of a directory that do not say what it is for.
_COMMON_PARTS: Final = ("*", "overlays", "apps", "clusters", "environments")
_BASES: Final = ("base", "bases", "components")
_HEADS: Final = ("ENVIRONMENT", "FILES", "ENTRIES", "OVERLAYS", "DEPLOYED BY")


def starter(draft: Draft, closed: Mapping[str, bool]) -> str:
    """The whole file. `closed` are registries that require a login, and whether a cloud gives the bot one."""
    lines = [_HEAD]
    if draft.policies:
        lines += ["", "policies:"]
        lines += (f"  {as_key(name)}: {_policy(policy)}" for name, policy in draft.policies.items())
    lines += ["", "environments:", *chain.from_iterable(map(_drafted_environment, draft.environments))]
    if clouds := [host for host, cloud in closed.items() if cloud]:
        names = list_names(clouds)
        lines += ["", f"# The login at {names} is the identity that the cloud gives the bot (docs/registries.md)."]
        lines += ["# Amazon's needs `pip install 'gitops-bot[aws]'`, which the container has."]
    if logins := [host for host, cloud in closed.items() if not cloud]:
        lines += ["", "# These registries require a login. Where the bot runs, `docker login` works too."]
        lines += ["# registries:"]
        lines += (f"#   {as_key(host)}: {{username: bot, password_env: {_variable(host)}}}" for host in logins)
    return "\n".join([*lines, ""])


def _variable(host: str) -> str:
    """A name for an environment variable with the password of a registry."""
    name = re.sub("[^A-Z0-9]", "_", host.upper())
    return f"{'REGISTRY_' if name[:1].isdigit() else ''}{name}_TOKEN"


def _drafted_environment(environment: EnvironmentDraft) -> Iterator[str]:
    found = environment.found
    keys: dict[str, Any] = {"overlays": list(found.overlays)}
    if found.exclude:
        keys["exclude"] = list(found.exclude)
    if found.reaches:
        keys["reaches"] = list(found.reaches)
    if found.promote:
        keys["promote_from"] = found.source
    if environment.policy is not None:
        keys["policy"] = environment.policy
    if environment.ignored is not None:
        keys["ignore"] = True
        yield f"  # {plain(environment.ignored.why, _WIDTH)}"
    samples = list_names(
        f"{entry.name.rpartition('/')[2] or entry.name} {entry.pin.tag or ('by digest' if entry.pin.digest else '')}"
        for entry in found.entries
    )
    entries = counted(len(found.entries), "entry")
    yield f"  # {plain(f'{entries}, such as {samples}', _WIDTH)}"
    images = list(_image_lines(environment))
    line = f"  {as_key(found.name)}: {_flow(keys)}"
    if not images and len(line) <= _WIDTH:
        yield line
        return
    yield f"  {as_key(found.name)}:"
    for key, value in keys.items():
        line = f"    {key}: {_flow(value)}"
        if key == "overlays" and len(line) > _WIDTH:
            yield from ("    overlays:", *(f"      - {quote(glob)}" for glob in found.overlays))
        else:
            yield line
    yield from images


def _image_lines(environment: EnvironmentDraft) -> Iterator[str]:
    """The images that differ, and what is left, with suggestions that may stand beside them."""
    if environment.images:
        yield "    images:"
    for image, rule in environment.images.items():
        if isinstance(rule, Ignored):
            yield f"      {as_key(image)}: {{ignore: true}}  # {plain(rule.why, _WIDTH)}"
        else:
            yield f"      {as_key(image)}: {{policy: {as_key(rule) if isinstance(rule, str) else _policy(rule)}}}"
    if environment.left and not environment.images:
        yield "    # images:"
    for why, left in environment.left.items():
        entries = counted(sum(map(len, left.values())), "entry")
        yield f"    #   # {plain(f'{entries} left, because {why}', _WIDTH)}"
        yield from (f"    #   {as_key(name)}: {{{rule_for(pins[0], counts=True)}}}" for name, pins in left.items())


def _policy(policy: Policy) -> str:
    """A policy as the file has it, on one line."""
    match policy:
        case Semver():
            pattern = f", pattern: {quote(policy.pattern)}" if policy.pattern is not None else ""
            return f"{{semver: {quote(policy.versions)}{pattern}}}"
        case Pattern(expression=expression, order=order):
            return f"{{pattern: {quote(expression)}, order: {order}}}"
        case Newest(expression=expression):
            return f"{{pattern: {quote(expression)}, order: newest}}"
        case Follow(tag=tag):
            return f"{{digest: {as_key(tag)}}}"
    assert_never(policy)


def migration_text(migration: Migration) -> str:
    """The whole file; settings without an equivalent are in comments."""
    lines = [
        f"# Converted from the settings of {' and '.join(migration.peers)} in this repository.",
        "# Switch the other tool off before you merge this file: two tools that write the same pins undo each other.",
        "# `gitops-bot plan --config gitops-bot.yaml` shows what an update would do.",
    ]
    if migration.gaps:
        lines += ["#", "# Without an equivalent:", *(f"#   {gap_text(gap)}" for gap in migration.gaps)]
    lines += ["version: 1", f"reads: {NEWEST_READS}"]
    if migration.branch is not None:
        lines += [f"branch: {as_key(migration.branch)}"]
    if named := _shared_policies(migration):
        lines += ["", "policies:", *(f"  {as_key(name)}: {_flow(policy)}" for name, policy in named.items())]
    names = {repr(policy): name for name, policy in named.items()}
    lines += ["", "environments:"]
    for environment in migration.environments:
        lines += _migrated_environment(environment, names)
    return "\n".join([*lines, ""])


def gap_text(gap: Gap) -> str:
    """A setting without an equivalent, on one line."""
    advice = f"; {gap.next}" if gap.next else ""
    return plain(f"{gap.file}:{gap.line}: {gap.what}{advice}", _GAP_WIDTH)


def _shared_policies(migration: Migration) -> dict[str, Mapping[str, Any]]:
    """The policies by name; one that several images share is named after the first of them."""
    named: dict[str, Mapping[str, Any]] = {}
    known: set[str] = set()
    for rule in (rule for environment in migration.environments for rule in environment.images.values()):
        if rule.policy is not None and repr(rule.policy) not in known:
            known.add(repr(rule.policy))
            numbered = (f"{rule.name}-{number}" for number in count(2))
            named[next(name for name in chain([rule.name], numbered) if name not in named)] = rule.policy
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
    written = {image: _keys(rule, shape, names) for image, rule in environment.images.items()}
    if any(written.values()):
        yield "    images:"
    for image, keys in written.items():
        if keys:
            yield f"      {as_key(image)}: {_flow(keys)}"
        else:
            yield f"      # {plain(image, _GAP_WIDTH)}: no policy, see above"


def _keys(rule: ImageRule, shape: PinShape, names: Mapping[str, str]) -> dict[str, Any]:
    pin = rule.pin or "tag+digest"
    keys = {
        "policy": names[repr(rule.policy)] if rule.policy is not None else None,
        "pin": pin if not rule.ignore and rule.policy is not None and pin != shape else None,
        "on_move": rule.on_move,
        "platforms": rule.platforms,
        "ignore": rule.ignore,
    }
    return {key: value for key, value in keys.items() if value}


def _flow(value: Any) -> str:
    """A value of YAML on one line."""
    match value:
        case str():
            return as_key(value)
        case dict():
            return "{" + ", ".join(f"{as_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case _:
            return json.dumps(value)


def addition(group: UnmanagedGroup, *, inferred: bool) -> str:
    """The configuration that would keep these entries current, and where it belongs."""
    first = group.entries[0]
    environment, rule = first.environment or "", rule_for(group.pin)
    if first.refusal is not None and (
        group.why in ("unset", "refused") or not first.name
    ):  # nothing in the file can mean it
        return plain(first.refusal.next)
    never = group.why == "no_repository"
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


def rule_for(pin: Pin, *, counts: bool = False) -> str:
    """The rule for an entry with this pin: for the tags of its format, else the usual one for such pins.

    `counts`: a number alone is taken for the number of a build.
    """
    form, careful = format_of(pin), inference.infer(pin)
    if isinstance(careful, Semver):
        return f"policy: {{semver: {quote(careful.versions)}}}"
    if not isinstance(careful, Unmanaged):
        return f"policy: {_policy(careful)}"
    if counts and careful.why == "major" and (number := inference.numbered(pin.tag or "")) is not None:
        return f"policy: {_policy(number)}"
    if isinstance(form, Format) and (policy := policy_for([pin.tag or ""], form)) is not None:
        return f"policy: {_policy(policy)}"
    if careful.why in ("digest", "unordered"):
        return f"policy: {{digest: {as_key(pin.tag or 'latest')}}}"
    return "ignore: true" if careful.why in ("no_tag", "placeholder", "ticket") else 'policy: {semver: ">=0.0.0-0"}'


def environment_for(folder: str) -> str:
    """An environment of these directories, to be added, named after their last distinctive part."""
    parts = [part for part in folder.split("/") if part not in _COMMON_PARTS]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", parts[-1] if parts else "").strip("-._")[:60] or "other"
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
    if coverage.suggested is not None:
        none = f"0 of {_are(coverage.total, 'entry')}" if coverage.total else "no entry is"
        yield 0, f"{none} tracked: `gitops-bot init` would track {coverage.suggested}"
    elif not coverage.total:
        nothing = "no file here pins an image" if coverage.complete else "no file that was searched pins an image"
        yield 0, f"entries: none{'' if coverage.unread or coverage.unread_files else f'; {nothing}'}"
    if coverage.total:
        yield from _entries(coverage)
    by_remedy: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for file in coverage.unread_files:
        by_remedy[file.why, file.remedy].append(file.file)
    for (reason, remedy), files in by_remedy.items():
        yield 0, f"{_are(len(files), 'file')} not read: {reason}: {list_names(files)}"
        yield 2, f"{remedy}, or leave {'it' if len(files) == 1 else 'them'} out with `exclude`"
    if not coverage.unread:
        return
    each_by_itself = "" if len(coverage.unread) == 1 else "; `--output json` has what makes each an entry"
    yield 0, coverage.unread_text + each_by_itself
    alike: defaultdict[str, list[Unread]] = defaultdict(list)
    for each in coverage.unread:
        alike[each.why].append(each)
    for unread in alike.values():
        yield 2, list_names(f"{each.file}:{each.line} {each.image}" for each in unread)
        yield 4, plain(unread[0].remedy, _REMEDY)


def _entries(coverage: Coverage) -> Iterator[tuple[int, str]]:
    outside = coverage.outside
    by_cause: Counter[str] = Counter()
    for item in outside.items:
        if item.cause is not None:
            by_cause[item.cause] += item.entries
    unclaimed = outside.folders
    counts: dict[str, int] = {
        "promoted": coverage.promoted,
        "ignored": len(coverage.ignored),
        "unmanaged": coverage.unmanaged,
        "in no environment": sum(unclaimed.values()),
        **by_cause,
    }
    numbers = [f"{coverage.tracked} tracked", *(f"{number} {label}" for label, number in counts.items() if number)]
    how = ", inferred without a gitops-bot.yaml" if coverage.inferred else ""
    yield 0, f"entries{how}: {', '.join(numbers)}"
    rule = "exempt from `checks` and `deployment`, as a policy chooses the pin: only `source_checks` apply"
    for entries, word in filter(itemgetter(0), ((coverage.ignored, "ignored"), (coverage.exempt, rule))):
        yield 2, f"{len(entries)} {word}: {list_images(entries)}"
    for group in coverage.groups:
        yield 2, f"{len(group.entries)} unmanaged: {plain(group.alike)}: {list_images(group.entries)}"
        if group.why not in ("still_source", "unread_source"):  # that is told of the source
            yield 4, addition(group, inferred=coverage.inferred)
    if unclaimed:
        folders = [folder for folder, _ in fold_folders(unclaimed)]
        yield 2, f"{sum(unclaimed.values())} in no environment: {list_names(folders)}"
        # An overlay usually pins the images of a base again.
        sample = next((folder for folder in folders if folder.rpartition("/")[2] not in _BASES), folders[0])
        yield 4, environment_for(sample)
    if outside.skipped:
        yield 2, f"not counted, because there are too many: {counted(outside.skipped, 'other kustomization')}"


def print_inventory(inventory: Inventory, screen: Screen) -> None:
    """The table of environments, and what the registries answered."""
    rows = [
        (
            plain(environment.name),
            str(environment.files),
            str(len(environment.entries)),
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
    for finding in inventory.registries:
        screen.say(f"registry {plain(finding.subject)}: {plain(finding.text, 300)}", hang=2)
    screen.say()


def print_initialised(done: Initialised, screen: Screen) -> None:
    """The file that was written and the next command, or the text; last, how much of the repository it covers."""
    if done.written:
        screen.say(f"wrote {done.file}", style="green")
        if done.gaps:
            screen.say("without an equivalent (also listed in the file):")
        for gap in done.gaps:
            screen.say_as_is(f"  {gap_text(gap)}")
        screen.say("next: `gitops-bot check`, then commit and push it; `gitops-bot plan` shows what an update would do")
    else:
        for line in done.text.splitlines():
            screen.say_as_is(line)
    # What `--dry-run` prints on standard output is the file alone.
    (screen if done.written else Screen.of(sys.stderr)).say(coverage_sentence(done.coverage))


def coverage_sentence(coverage: Coverage) -> str:
    """How many pins of the repository are kept current, and why the others are not."""
    kept, total = coverage.tracked + coverage.promoted, coverage.total
    left: Counter[str] = Counter({plain(group.alike): len(group.entries) for group in coverage.groups})
    left.update(plain(entry.refusal.message) if entry.refusal else "they are ignored" for entry in coverage.ignored)
    for item in coverage.outside.items:
        left[causes.DESCRIBED[item.cause] if item.cause else "they are in no environment"] += item.entries
    reasons = ", ".join(f"{count} because {why}" for why, count in left.most_common() if count)
    at_least = "" if coverage.complete else "at least "
    tracked = f"{kept} of {at_least}{_are(coverage.pins, 'pin')} tracked or promoted"
    if reasons:
        tracked += f"; {_are(total - kept)} left: {reasons}"
    if coverage.unread_files:
        reasons = enumerated(sorted({each.why for each in coverage.unread_files}))
        tracked += f"; {_are(len(coverage.unread_files), 'file')} not read: {reasons}"
    return f"{tracked}; {coverage.unread_text}" if coverage.unread else tracked


def _are(number: int, noun: str = "") -> str:
    return f"{counted(number, noun) if noun else number} {'is' if number == 1 else 'are'}"
