"""A Flux `ImagePolicy` and its `ImageRepository` -> a policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.migration import rules
from gitops_bot.migration.rules import EVERY_TAG, Rule, gap

if TYPE_CHECKING:
    from gitops_bot.images.rules import OnMove, PinShape
    from gitops_bot.migration.rules import Gap
    from gitops_bot.targets.yaml_values import Placed

#: `$name` and `${name}`, alone: what of the tag is ordered.
_EXTRACT: Final = re.compile(r"\$(?:\{([A-Za-z0-9_]{1,100})\}|([A-Za-z0-9_]{1,100}))")
_LITERAL: Final = re.compile(r"\^([A-Za-z0-9_][A-Za-z0-9_-]{0,127})\$")
_ON_MOVE: Final[dict[str, OnMove]] = {"Always": "follow", "IfNotPresent": "hold"}
#: What an `ImageRepository` leaves out where it says nothing: signatures.
_SIGNATURES: Final = r"^.*\.sig$"


def rule_of(policy: Placed, repository: Placed, gaps: list[Gap]) -> Rule:
    """The rule for an `ImagePolicy`; what of it has no counterpart goes to `gaps`."""
    name = policy.at("metadata", "name").text
    spec = policy.at("spec")
    chosen = spec.at("policy")
    reflection = spec.at("digestReflectionPolicy").text
    written, why = _chosen(chosen, spec.at("filterTags"))
    excluded = repository.at("spec", "exclusionList").texts
    if written and not excluded and written.get("pattern") == EVERY_TAG:
        excluded = (_SIGNATURES,)
    if written and excluded and "digest" not in written:
        written["exclude"] = list(excluded)
    if written is not None and reflection == "Always" and (tag := _LITERAL.fullmatch(str(written.get("pattern", "")))):
        written = {"digest": tag[1]}
    why = why or rules.usable(written or {})
    if why is not None or written is None:
        gaps.append(gap(chosen, f"ImagePolicy {name[:100]}: {why}", "write a policy for it by hand"))
        return Rule(None)
    pin: PinShape | None = None if reflection in _ON_MOVE else "tag"
    # What a moving tag points to is followed in any case.
    on_move = None if "digest" in written else _ON_MOVE.get(reflection)
    return Rule(written, rules.as_name(name, "image"), pin, on_move=on_move)


def _chosen(chosen: Placed, filtered: Placed) -> tuple[dict[str, Any] | None, str | None]:
    """The policy, or why there is none."""
    pattern, extract = filtered.at("pattern").text, filtered.at("extract").text
    if pattern:
        if why := rules.compiles(pattern):
            return None, why
        group = _EXTRACT.fullmatch(extract)
        if not extract:
            pattern = rules.without_names(pattern)
        elif group is None or (keyed := rules.with_key(pattern, group[1] or group[2])) is None:
            return None, f"extract {extract[:100]!r} is more than one group of the pattern"
        else:
            pattern = keyed
    if chosen.has("semver"):
        return {"semver": chosen.at("semver", "range").text} | ({"pattern": pattern} if pattern else {}), None
    for order in ("alphabetical", "numerical"):
        if chosen.has(order):
            if chosen.at(order, "order").text.lower() == "desc":
                return None, f"{order} in descending order has no counterpart"
            return {"pattern": pattern or EVERY_TAG, "order": order}, None
    return None, "it has none of semver, alphabetical and numerical"
