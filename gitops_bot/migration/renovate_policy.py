"""What Renovate may choose for a pinned tag -> a policy.

Renovate compares tags of one form only: as many numbers, and the same suffix behind a dash. So the policy of an image
follows from the tag that it has now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.migration import renovate_match, rules
from gitops_bot.migration.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.images.reference import Pin
    from gitops_bot.images.rules import OnMove, PinShape

_VERSION: Final = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)([A-Za-z0-9_]*)(?:-(.+))?", re.ASCII)
_COMMIT: Final = re.compile(r"[a-f0-9]{7,40}")
_MOST_NUMBERS: Final = 5
#: Numbers that a version has at most.
_SEMVER: Final = 3
_AGE: Final = re.compile(r"([0-9]{1,5}) ?(minute|hour|day|week|month)s?")
_UNITS: Final = {"minute": (1, "m"), "hour": (1, "h"), "day": (1, "d"), "week": (7, "d"), "month": (30, "d")}
_TEMPLATE: Final = "{{"


def rule_of(texts: Mapping[str, str], off: frozenset[str], pin: Pin) -> tuple[Rule, str | None]:
    """The rule for an entry by its settings, without a policy where nothing updates it; and why one cannot be said.

    `off` are the kinds of updates that are switched off: `major`, `minor`, `patch`, `digest`.
    """
    written, why = _chosen(texts, off, pin.tag)
    pin_digests = texts.get("pinDigests") == "true"
    if written is None:
        digests = pin.tag is not None and "digest" not in off and (pin.digest is not None or pin_digests)
        if why is not None or not digests:
            return Rule(None), why
        written = {"digest": pin.tag}
    elif minimum := texts.get("minimumReleaseAge"):
        age = _AGE.fullmatch(minimum.strip())
        if age is None:
            return Rule(None), f"minimumReleaseAge {minimum[:60]!r} is no time"
        times, unit = _UNITS[age[2]]
        written["minimum_age"] = f"{int(age[1]) * times}{unit}"
    why = rules.usable(written)
    if why is not None:
        return Rule(None), why
    tagged = pin.digest is None and not pin_digests
    on_move: OnMove | None = "hold" if "digest" in off and "digest" not in written else None
    name = rules.as_name(_name(pin.tag or ""), "tags")
    shape: PinShape | None = "tag" if tagged and "digest" not in written else None
    return Rule(written, name, shape, on_move=on_move, group=texts.get("groupName", "")), None


def _chosen(texts: Mapping[str, str], off: frozenset[str], tag: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """The policy, None where Renovate finds no newer tag; and why one cannot be said."""
    versioning = texts.get("versioning", "")
    kind, _, expression = versioning.partition(":")
    match kind:
        case "" | "docker":
            written, numbers = _by_form(tag or "") or (None, [])
        case "semver" | "semver-coerced" | "loose":
            parsed = _VERSION.fullmatch(tag or "")
            written, numbers = {"semver": "*"}, parsed[1].split(".") if parsed else []
        case "regex":
            written, numbers = _by_groups(expression, tag or ""), []
            if written is None:
                return None, f"versioning {versioning[:200]!r} has no counterpart"
        case _:
            return None, f"versioning {kind[:100]!r} has no counterpart"
    if written is None:
        return None, None
    bounds = [_below(off, numbers)] if {"major", "minor"} & off else []
    if None in bounds:
        return None, "which updates are switched off cannot be said for this tag"
    return _allowed(written, texts.get("allowedVersions", ""), [bound for bound in bounds if bound])


def _by_form(tag: str) -> tuple[dict[str, Any], list[str]] | None:
    """Tags with as many numbers and the same suffix, and the numbers of this one."""
    parsed = _VERSION.fullmatch(tag)
    if parsed is None or parsed[2] or (_COMMIT.fullmatch(tag) and not tag.isdecimal()):
        return None
    numbers = parsed[1].split(".")
    suffix = re.escape(f"-{parsed[3]}").replace("\\-", "-") if parsed[3] else ""
    if len(numbers) <= _SEMVER and not any(number.startswith("0") and number != "0" for number in numbers):
        form = r"\.".join(["[0-9]+"] * len(numbers))
        return {"semver": "*", "pattern": f"^v?(?P<version>{form}){suffix}$"}, numbers
    if len(numbers) > _MOST_NUMBERS:
        return None
    form = r"\.".join(f"(?P<n{at}>[0-9]+)" for at in range(1, len(numbers) + 1))
    return {"pattern": f"^v?{form}{suffix}$", "order": "numerical"}, numbers


_GROUP: Final = re.compile(r"\(\?<([a-z]+)>((?:[^()\\]|\\.)*)\)")
_ORDERED: Final = ("major", "minor", "patch", "build", "revision")


def _by_groups(expression: str, tag: str) -> dict[str, Any] | None:
    """A versioning by an expression whose groups are numbers, in their order, and what has to stay the same."""
    names = [match[1] for match in _GROUP.finditer(expression)]
    numbers = [name for name in names if name in _ORDERED]
    if "prerelease" in names or numbers != sorted(numbers, key=_ORDERED.index) or "major" not in numbers:
        return None
    plain = rules.without_names(expression)
    if rules.compiles(plain) is not None:
        return None
    same = rules.with_key(expression, "compatibility")
    kept = rules.matched(same, tag) if same and rules.compiles(same) is None else None

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "compatibility":
            return re.escape(kept or "").replace("\\-", "-")
        return f"(?P<{match[1]}>{match[2]})" if match[1] in _ORDERED else f"(?:{match[2]})"

    return {"pattern": _GROUP.sub(replaced, expression), "order": "numerical"}


def _below(off: frozenset[str], numbers: list[str]) -> str | None:
    """The range that is left when greater updates are switched off."""
    if not numbers or not {"major"} <= off:
        return None
    if "minor" in off and len(numbers) > 1:
        return f"{int(numbers[0])}.{int(numbers[1])}.x"
    return f"{int(numbers[0])}.x"


def _allowed(written: Mapping[str, Any], allowed: str, bounds: list[str]) -> tuple[dict[str, Any] | None, str | None]:
    """The policy with `allowedVersions` and the range of the updates that are on."""
    done = dict(written)
    text = allowed.strip()
    if _TEMPLATE in text:
        return None, f"allowedVersions {text[:100]!r} is a template"
    pattern = renovate_match.slashed(text)
    if pattern is not None and text.startswith("!"):
        done["exclude"] = [pattern]
    elif pattern is not None:
        exact = pattern.startswith("^") and pattern.endswith("$")
        if "order" in done or not exact or not str(done.get("pattern", "")).endswith("+)$"):
            return None, f"allowedVersions {text[:100]!r} is a second expression for tags of this form"
        done["pattern"] = pattern
    elif text:
        bounds = [*bounds, text]
    if bounds and "semver" not in done:
        return None, f"the range {', '.join(bounds)[:100]!r} cannot be said for tags of this form"
    if len(bounds) > 1 and any("||" in bound for bound in bounds):
        return None, f"allowedVersions {text[:100]!r} and updates that are switched off cannot be said together"
    if bounds:
        done["semver"] = ", ".join(bounds)
    return done, None


def _name(tag: str) -> str:
    """What a policy for tags of this form may be called: `x.y.z-alpine`."""
    parsed = _VERSION.fullmatch(tag)
    if parsed is None:
        return tag
    letters = "xyzuvw"
    form = ".".join(letters[at] if at < len(letters) else "n" for at in range(parsed[1].count(".") + 1))
    return f"{form}-{parsed[3]}" if parsed[3] else form
