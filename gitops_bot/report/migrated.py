"""The text of a `gitops-bot.yaml` that is equivalent to the settings of other tools."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.coverage import as_key, quoted
from gitops_bot.targets.scalars import is_plain_string

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.images.rules import PinShape
    from gitops_bot.migration.assemble import MigratedEnvironment, Migration
    from gitops_bot.migration.rules import Gap, Rule

_WIDTH: Final = 300


def migrated(migration: Migration) -> str:
    """The whole file; settings without an equivalent are in comments."""
    return "".join(f"{line}\n" for line in _lines(migration))


def gap_text(gap: Gap) -> str:
    """A setting without an equivalent, on one line."""
    advice = f"; {gap.next}" if gap.next else ""
    return plain(f"{gap.file}:{gap.line}: {gap.what}{advice}", _WIDTH)


def _lines(migration: Migration) -> Iterator[str]:
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
    named = _named(migration)
    if named:
        yield ""
        yield "policies:"
        yield from (f"  {as_key(name)}: {_flow(policy)}" for name, policy in named.items())
    names = {repr(policy): name for name, policy in named.items()}
    yield ""
    yield "environments:"
    for environment in migration.environments:
        yield from _environment(environment, names)


def _named(migration: Migration) -> dict[str, Mapping[str, Any]]:
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


def _environment(environment: MigratedEnvironment, names: Mapping[str, str]) -> Iterator[str]:
    yield f"  {as_key(environment.name)}:"
    yield "    overlays:"
    yield from (f"      - {quoted(glob)}" for glob in environment.overlays)
    if environment.targets:
        yield "    targets:"
    yield from (f"      - {_flow(dict(target))}" for target in environment.targets)
    shape = _shape(environment)
    if shape is not None:
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
            yield f"      # {plain(image, _WIDTH)}: no policy, see above"


def _keys(rule: Rule, shape: PinShape | None, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if rule.policy is not None:
        yield "policy", names[repr(rule.policy)]
    wanted = rule.pin or "tag+digest"
    if not rule.ignore and rule.policy is not None and wanted != (shape or "tag+digest"):
        yield "pin", wanted
    if rule.on_move is not None:
        yield "on_move", rule.on_move
    if rule.platforms:
        yield "platforms", list(rule.platforms)
    if rule.ignore:
        yield "ignore", True


def _shape(environment: MigratedEnvironment) -> PinShape | None:
    """The pin shape of most of its images, if it is not the default."""
    shapes = Counter(rule.pin or "tag+digest" for rule in environment.images.values() if rule.policy is not None)
    shape = shapes.most_common(1)[0][0] if shapes else None
    return None if shape == "tag+digest" else shape


def _flow(value: Any) -> str:
    """A value of YAML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value if is_plain_string(value) else quoted(value)
        case dict():
            return "{" + ", ".join(f"{as_key(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case _:
            return str(value)
