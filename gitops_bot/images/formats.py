"""The formats of pinned tags, for a first configuration: what tags have in common, and a policy that keeps to it.

A person reads it before it acts, so it goes further than `inference`: commits are chosen by build time, build numbers
by the number, and moving tags by their digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.images import inference
from gitops_bot.images.kinds import Follow, Newest, Pattern, Semver
from gitops_bot.images.order import rank
from gitops_bot.images.reason import Unmanaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reference import Pin

#: Names of branches and channels: the newest build of one gets the tag, so the tag moves.
_CHANNELS: Final = inference.BRANCHES | {
    *("alpha", "beta", "canary", "current", "edge", "head", "latest", "live", "lts", "mainline", "next", "nightly"),
    *("preprod", "preview", "rolling", "slim", "stage", "unstable"),
}
#: Words that say the same in the tags of any image.
_COMMON: Final = (
    _CHANNELS
    | inference.PLATFORMS
    | inference.COUNTERS
    | inference.COMMITS
    | {"amd", "arm", "cr", "ea", "pre", "rc", "v", "ver", "x"}
)
_ENDS: Final = r"(?=$|[-_.])"
_CLOCK: Final = rf"(?:{inference.TIME}|[0-2][0-9]-[0-5][0-9]-[0-5][0-9])(?![0-9])"
_MOMENT: Final = rf"{inference.DAY}(?:[-_.Tt]?{_CLOCK}[Zz]?)?"
_COMMIT: Final = rf"(?=[0-9]*[a-f])(?:[0-9a-f]{{7,40}}|[0-9a-f]{{64}}){_ENDS}"
#: A further number of a version.
_FURTHER: Final = rf"\.(?!{_COMMIT})[0-9]+"
_PART: Final = re.compile(
    rf"""
      (?P<date>{_MOMENT}(?:[-_.][0-9]{{1,6}})*){_ENDS}
    | (?P<commit>{_COMMIT})
    | (?P<version>(?<![0-9]\.)[0-9]+(?:{_FURTHER}){{1,3}})(?![0-9]|{_FURTHER})
    | (?P<variant>(?:amd|arm|x86[-_]|{"|".join(sorted(inference.PLATFORMS))})-?[0-9]+(?:\.[0-9]+)*){_ENDS}
    | (?P<number>[0-9]+){_ENDS}
    | (?P<word>g(?=[0-9a-f]{{7,40}}{_ENDS})|[A-Za-z]+)
    | (?P<other>.)
    """,
    re.VERBOSE,
)
_Kind = Literal["date", "commit", "version", "number", "text"]
_DATE: Final = re.compile(_MOMENT)
_DAY: Final = re.compile(inference.DAY)
#: Numbers that a policy compares; a tag with more is read by nobody.
_MOST_NUMBERS: Final = 4
#: Versions as high as this are years or counters: the next one asks for no other work than this one.
_NO_MAJOR: Final = 1000


@dataclass(frozen=True, slots=True)
class Format:
    """What some tags have in common; formats with one `key` are one.

    `auto`: `inference` keeps the format by itself. `moving`: the tag itself is wanted, by its digest. The others are
    what a policy of that kind is called. `words` are those that nobody but this tag uses, as far as it alone tells.
    A policy keeps within the `major` version, where that means anything.
    """

    kind: Literal["auto", "moving", "dates", "builds", "commits"]
    key: tuple[str, ...]
    words: frozenset[str] = field(default=frozenset(), compare=False)
    major: int | None = None


def format_of(pin: Pin) -> Format | Unmanaged:
    """The format of a pin, or why it has none: a placeholder, a ticket, a word, a digest alone."""
    policy = inference.infer(pin)
    match policy:
        case Follow(tag):
            return Format("moving", (tag,))
        case Semver(pattern=expression) | Pattern(expression=expression) | Newest(expression=expression):
            return Format("auto", (re.sub("[0-9]+", "0", expression or ""),))
        case Unmanaged(why="nothing" | "digest" | "no_tag" | "ticket"):
            return policy
        case Unmanaged(why="major" | "year"):
            form = _parse(pin.tag or "")
            return form if form is not None and form.kind == "dates" else Format("moving", (pin.tag or "",))
        case Unmanaged():
            return _parse(pin.tag or "") or policy


def _parse(tag: str) -> Format | None:
    parts = list(_parts(tag))
    words = {word for kind, text in parts if kind == "text" for word in re.findall("[A-Za-z]+", text)}
    unknown = frozenset(word for word in words if word.lower() not in _COMMON)
    key = tuple(part for kind, text in parts for part in (kind, text if kind == "text" else _shape(kind, text)))
    kinds = {kind for kind, _ in parts}
    if kinds == {"text"}:
        return Format("moving", (tag,)) if words and not unknown else None
    # Several builds of one day differ by their commits only, which have no order.
    if any(kind == "date" and not ("commit" in kinds and _DAY.fullmatch(text)) for kind, text in parts):
        return Format("dates", key, unknown)
    if "commit" in kinds:
        return Format("builds" if "number" in kinds else "commits", key, unknown)
    # A version of others may ask for work with its next major one; builds of a commit are one's own.
    kind, first = next(part for part in parts if part[0] != "text")
    major = int(first.partition(".")[0])
    return Format("builds", key, unknown, major if kind == "version" and major < _NO_MAJOR else None)


def _parts(tag: str) -> Iterator[tuple[_Kind, str]]:
    """The parts of a tag from left to right: texts that a format has in common, and what changes between them."""
    text = word = ""
    for match in _PART.finditer(tag):
        kind, found = match.lastgroup, match[0]
        if kind == "number" and len(found) >= 7 and word in inference.COMMITS:
            kind = "commit"  # one commit in 27 has no letter in its first seven digits
        if kind == "number" and text in ("v", "V"):
            kind = "version"
        if kind == "word":
            word = found.lower()
        if kind == "version" and found.count(".") > 2:
            # No version has a fourth number: what is after the major one is counted up.
            major, *numbers = found.split(".")
            text += major
            for number in numbers:
                yield "text", f"{text}."
                yield "number", number
                text = ""
            continue
        match kind:
            case "date" | "commit" | "version" | "number":
                if text:
                    yield "text", text
                yield kind, found
                text = ""
            case _:
                text += found
    if text:
        yield "text", text


def _shape(kind: _Kind, text: str) -> str:
    """What a part has in common with those of other tags of the format: an expression, but for commits."""
    match kind:
        case "date":
            match = _DATE.match(text)
            end = match.end() if match is not None else 0
            day = re.sub("[0-9]+", lambda run: f"[0-9]{{{len(run[0])}}}", _escape(text[:end]))
            return day + re.sub("[0-9]+", "[0-9]{1,6}", _escape(text[end:]))
        case "version":
            return re.sub("[0-9]+", "[0-9]+", _escape(text))
        case "number":
            return "[0-9]+"
        case _:
            return ""


def policy_for(tags: Sequence[str], form: Format) -> Policy | None:
    """The policy that chooses tags of this format, of which some are pinned; None where nothing orders them."""
    if form.kind == "moving":
        return Follow(form.key[0])
    parsed = [list(_parts(tag)) for tag in tags]
    first = [(kind, text) for kind, text in parsed[0] if kind not in ("text", "commit")]
    if form.kind == "dates" and not (first[0][0] == "version" and all(text.isdecimal() for _, text in first[1:])):
        # A version and the number of a day order as any version and number do; else the day alone does.
        first = [next(part for part in first if part[0] == "date")]
    ordered: list[str] = []
    expression = ""
    for column in zip(*parsed, strict=True):
        kind, text = column[0]
        if kind == "text":
            expression += _escape(text)
        elif kind == "commit":
            lengths = sorted({len(text) for _, text in column})
            bounds = dict.fromkeys((lengths[0], lengths[-1]))
            expression += f"[0-9a-f]{{{','.join(map(str, bounds))}}}"
        elif form.kind == "commits" or (kind, text) not in first:
            expression += _shape(kind, text)
        else:
            name = "build" if kind == "number" else kind
            ordered.append(name)
            number = ordered.count(name)
            expression += f"(?P<{name}{number if number > 1 else ''}>{_shape(kind, text)})"
    policy = _ordered(f"^{expression}$", ordered, form, first) if len(ordered) <= _MOST_NUMBERS else None
    # Not every date or number that looks like one is one.
    return policy if policy is not None and (isinstance(policy, Newest) or rank(policy, tags[:1], 1)) else None


def _ordered(expression: str, ordered: Sequence[str], form: Format, parts: Sequence[tuple[_Kind, str]]) -> Policy:
    """The policy by an expression, with the names of the groups that order its tags, and what the first one has."""
    if form.kind == "commits":
        return Newest(expression)
    if ordered[0] == "version":
        bounds = ">=0.0.0-0" if form.major is None else f">={form.major}.0.0-0 <{form.major + 1}.0.0"
        return Semver(bounds, pattern=expression)
    if form.kind == "dates":
        return Pattern(expression, order="numerical" if parts[0][1].isdecimal() else "calver")
    return Pattern(expression, order="semver" if "version" in ordered else "numerical")


def _escape(text: str) -> str:
    return re.escape(text).replace(r"\-", "-")
