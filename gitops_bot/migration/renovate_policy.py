"""What Renovate may choose for a pinned tag -> a policy. It compares tags of one form only (as many numbers, and the
same suffix behind a dash), so the policy of an image follows from the tag that it has now.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images import expression
from gitops_bot.migration import rules
from gitops_bot.migration.rules import ImageRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.images.kinds import OnMove, PinShape
    from gitops_bot.images.reference import Pin

_SLASHED: Final = re.compile(r"!?/(.*)/(i?)", re.DOTALL)
_GLOB: Final = re.compile(r"\*\*/|\*\*|\*|\?|\{([^{}]{0,200})\}|[\s\S]")
_WILD: Final = re.compile(r"[*?{/]")
_LONGEST: Final = 300

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEK: Final = "sunday|monday|tuesday|wednesday|thursday|friday|saturday"
_SENTENCE: Final = re.compile(
    r"(?:after (?P<after>[0-9]{1,2}(?::[0-9]{2})? ?(?:am|pm)?))?(?: ?and )?"
    r"(?: ?before (?P<before>[0-9]{1,2}(?::[0-9]{2})? ?(?:am|pm)?))?"
    rf"(?: ?(?:on|every|and on)? ?(?P<days>weekday|weekend|day|(?:{_WEEK})(?:(?:,| and|, and) (?:{_WEEK}))*))?"
)
_TIME: Final = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))? ?(am|pm)?")
_WEEKDAY: Final = re.compile(_WEEK)
_SPANS: Final = {"weekday": ["mon-fri"], "weekend": ["sat-sun"]}
_HOURS: Final = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")
_LAST_HOUR: Final = 23
_NOON: Final = 12
_VERSION: Final = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)([A-Za-z0-9_]*)(?:-(.+))?", re.ASCII)
_COMMIT: Final = re.compile(r"[a-f0-9]{7,40}")
_MOST_NUMBERS: Final = 5
#: Numbers that a version has at most.
_SEMVER: Final = 3
_AGE: Final = re.compile(r"([0-9]{1,5}) ?(minute|hour|day|week|month)s?")
_UNITS: Final = {"minute": (1, "m"), "hour": (1, "h"), "day": (1, "d"), "week": (7, "d"), "month": (30, "d")}
_GROUP: Final = re.compile(r"\(\?<([a-z]+)>((?:[^()\\]|\\.)*)\)")
_ORDERED: Final = ("major", "minor", "patch", "build", "revision")


def between_slashes(pattern: str) -> str | None:
    """The expression between slashes, as RE2 has it; None where the pattern is not one."""
    match = _SLASHED.fullmatch(pattern)
    return ("(?i)" if match[2] else "") + rules.without_names(match[1]) if match else None


def names_any(patterns: Sequence[str], *texts: str) -> bool:
    """Whether a list of patterns means one of these texts: one of the plain ones does, and none with a `!` in front."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    named = not wanted or any(_names(pattern, text) for pattern in wanted for text in texts)
    return named and not any(_names(pattern, text) for pattern in unwanted for text in texts)


def unusable(patterns: Sequence[str]) -> str | None:
    """Why one of these patterns cannot be used, None where all can."""
    return next((why for pattern in patterns if (why := _unusable(pattern.removeprefix("!"))) is not None), None)


@functools.lru_cache(maxsize=4096)
def _unusable(pattern: str) -> str | None:
    return rules.compiles(_expression(pattern))


@functools.lru_cache(maxsize=65_536)
def _names(pattern: str, text: str) -> bool:
    if pattern in ("*", "**") or pattern.lower() == text.lower():
        return True
    if not _WILD.search(pattern):
        return False
    return _unusable(pattern) is None and expression.extract(_expression(pattern), text[:_LONGEST]) is not None


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> str:
    return between_slashes(pattern) or "(?i)^" + "".join(_of_glob(pattern)) + "$"


def _of_glob(glob: str) -> Iterator[str]:
    for part in _GLOB.finditer(glob):
        match part[0]:
            case "**/":
                yield "(?:.*/)?"
            case "**":
                yield ".*"
            case "*":
                yield "[^/]*"
            case "?":
                yield "[^/]"
            case _ if part[1] is not None:
                yield f"(?:{'|'.join(re.escape(choice) for choice in part[1].split(','))})"
            case char:
                yield re.escape(char)


def windows(texts: tuple[str, ...], timezone: str) -> tuple[list[dict[str, Any]] | None, str | None]:
    """The windows; the first sentence that has no counterpart. No windows at all: any time."""
    known: list[dict[str, Any]] = []
    for text in texts:
        if text.strip().lower() in ("at any time", ""):
            return None, None
        window = _crontab(text.split()) if text.startswith(("*", "0")) else _sentence(text.strip().lower())
        if window is None:
            return None, text
        known += [{**part, **({"timezone": timezone} if timezone else {})} for part in window]
    return known or None, None


def _sentence(text: str) -> list[dict[str, Any]] | None:
    match = _SENTENCE.fullmatch(text)
    if match is None or not text:
        return None
    after, before = _clock(match["after"]), _clock(match["before"])
    window: dict[str, Any] = {}
    if (days := match["days"] or "day") != "day":
        window["days"] = _SPANS.get(days) or [name[:3] for name in _WEEKDAY.findall(days)]
    if after or before:
        if "" in (after, before):
            return None
        window["hours"] = f"{after or '00:00'}-{before or '24:00'}"
    return [window] if window else None


def _clock(text: str | None) -> str | None:
    """A time of day as `HH:MM`; None without one, and an empty text where it cannot be read."""
    match = _TIME.fullmatch(text) if text else None
    if match is None:
        return None
    hour = int(match[1])
    if match[3]:
        hour = hour % _NOON + (_NOON if match[3] == "pm" else 0)
    return f"{hour:02}:{match[2] or '00'}" if hour <= _LAST_HOUR else ""


def _crontab(fields: list[str]) -> list[dict[str, Any]] | None:
    if len(fields) != 5 or {fields[0], *fields[2:4]} != {"*"}:
        return None
    _, hours, _, _, days = fields
    window: dict[str, Any] = {}
    if days != "*":
        named = [_span(part) for part in days.split(",")]
        if None in named:
            return None
        window["days"] = named
    if hours == "*":
        return [window] if window else None
    spans = [_HOURS.fullmatch(part) for part in hours.split(",")]
    found = [{**window, "hours": f"{int(span[1]):02}:00-{int(span[2] or span[1]) + 1:02}:00"} for span in spans if span]
    return found if all(span and int(span[2] or span[1]) <= _LAST_HOUR for span in spans) else None


def _span(part: str) -> str | None:
    first, dash, last = part.partition("-")
    if not all(day.isdecimal() and len(day) == 1 and int(day) < len(_DAYS) for day in (first, last or "0")):
        return None
    return f"{_DAYS[int(first)]}-{_DAYS[int(last)]}" if dash else _DAYS[int(first)]


def rule_of(texts: Mapping[str, str], off: frozenset[str], pin: Pin) -> ImageRule:
    """The rule for an entry by its settings, without a policy where nothing updates it. `off` are the kinds of updates
    that are switched off. Raises ValueError, which says why, if no policy of ours means the same.
    """
    written = _policy(texts, off, pin.tag)
    pin_digests = texts.get("pinDigests") == "true"
    if written is None:
        if pin.tag is None or "digest" in off or (pin.digest is None and not pin_digests):
            return ImageRule(None)
        written = {"digest": pin.tag}
    elif minimum := texts.get("minimumReleaseAge"):
        age = _AGE.fullmatch(minimum.strip())
        if age is None:
            raise ValueError(f"minimumReleaseAge {minimum[:60]!r} is not a time")
        times, unit = _UNITS[age[2]]
        written["minimum_age"] = f"{int(age[1]) * times}{unit}"
    rules.check(written)
    on_move: OnMove | None = "hold" if "digest" in off and "digest" not in written else None
    name = rules.as_name(_name(pin.tag or ""), "tags")
    shape: PinShape | None = "tag" if pin.digest is None and not pin_digests and "digest" not in written else None
    return ImageRule(written, name, shape, on_move=on_move, group=texts.get("groupName", ""))


def _policy(texts: Mapping[str, str], off: frozenset[str], tag: str | None) -> dict[str, Any] | None:
    """The policy as it is written, None where Renovate finds no newer tag; see `rule_of`."""
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
                raise ValueError(f"versioning {versioning[:200]!r} has no counterpart")
        case _:
            raise ValueError(f"versioning {kind[:100]!r} has no counterpart")
    if written is None:
        return None
    bounds = []
    if {"major", "minor"} & off:
        # The range that is left when greater updates are switched off.
        if "major" not in off or not numbers:
            raise ValueError("which updates are switched off cannot be said for this tag")
        narrow = "minor" in off and len(numbers) > 1
        bounds = [f"{int(numbers[0])}.{int(numbers[1])}.x" if narrow else f"{int(numbers[0])}.x"]
    return _with_allowed_versions(written, texts.get("allowedVersions", ""), bounds)


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


def _by_groups(versioning: str, tag: str) -> dict[str, Any] | None:
    """A versioning by an expression whose groups are numbers, in their order, and what has to stay the same."""
    names = [match[1] for match in _GROUP.finditer(versioning)]
    numbers = [name for name in names if name in _ORDERED]
    if "prerelease" in names or numbers != sorted(numbers, key=_ORDERED.index) or "major" not in numbers:
        return None
    plain = rules.without_names(versioning)
    if rules.compiles(plain) is not None:
        return None
    same = rules.with_key(versioning, "compatibility")
    kept = expression.extract(same, tag) if same and rules.compiles(same) is None else None

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "compatibility":
            return re.escape(kept[0] if kept else "").replace("\\-", "-")
        return f"(?P<{match[1]}>{match[2]})" if match[1] in _ORDERED else f"(?:{match[2]})"

    return {"pattern": _GROUP.sub(replacement, versioning), "order": "numerical"}


def _with_allowed_versions(written: Mapping[str, Any], allowed: str, bounds: list[str]) -> dict[str, Any]:
    """The policy with `allowedVersions` and the range of the updates that are on; see `rule_of`."""
    done = dict(written)
    text = allowed.strip()
    if "{{" in text:
        raise ValueError(f"allowedVersions {text[:100]!r} is a template")
    pattern = between_slashes(text)
    if pattern is not None and text.startswith("!"):
        done["exclude"] = [pattern]
    elif pattern is not None:
        exact = pattern.startswith("^") and pattern.endswith("$")
        if "order" in done or not exact or not str(done.get("pattern", "")).endswith("+)$"):
            raise ValueError(f"allowedVersions {text[:100]!r} is a second expression for tags of this form")
        done["pattern"] = pattern
    elif text:
        bounds = [*bounds, text]
    if bounds and "semver" not in done:
        raise ValueError(f"the range {', '.join(bounds)[:100]!r} cannot be said for tags of this form")
    if len(bounds) > 1 and any("||" in bound for bound in bounds):
        raise ValueError(f"allowedVersions {text[:100]!r} and updates that are switched off cannot be said together")
    if bounds:
        done["semver"] = ", ".join(bounds)
    return done


def _name(tag: str) -> str:
    """What a policy for tags of this form may be called: `x.y.z-alpine`."""
    parsed = _VERSION.fullmatch(tag)
    if parsed is None:
        return tag
    form = ".".join("xyzuvw"[at : at + 1] or "n" for at in range(parsed[1].count(".") + 1))
    return f"{form}-{parsed[3]}" if parsed[3] else form
