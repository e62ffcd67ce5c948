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
from gitops_bot.images.reason import Unmanaged, unmanaged

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
#: A number after one of these is counted up within a version; after any other word it may be a major version (`pg17`).
_COUNTED: Final = (
    inference.BRANCHES | inference.COUNTERS | {"alpha", "beta", "canary", "edge", "nightly", "pre", "preview", "rc"}
) - {"release", "stable"} | {"u", "v"}


@dataclass(frozen=True, slots=True)
class Format:
    """What some tags have in common; formats with one `key` are one.

    `auto`: `inference` keeps the format by itself. `moving`: the tag itself is wanted, by its digest. The others are
    what a policy of that kind is called. `words` are those that nobody but this tag uses, as far as it alone tells.
    A policy keeps within the `major` version, where that means anything, and leaves as they are the texts that parts
    of the tag begin with in `kept`, by their places.
    """

    kind: Literal["auto", "moving", "dates", "builds", "commits"]
    key: tuple[str, ...]
    words: frozenset[str] = field(default=frozenset(), compare=False)
    major: int | None = None
    kept: tuple[tuple[int, str], ...] = ()


def format_of(pin: Pin, *, own: bool = False, has_majors: bool = True) -> Format | Unmanaged:
    """The format of a pin, or why it has none: a placeholder, a ticket, a word, a digest alone.

    Tags of an image that is not one's `own` keep every major version in them: the next one may ask for work.
    `has_majors`: a number alone is a major version, whose tag moves, and not a build.
    """
    policy = inference.infer(pin)
    match policy:
        case Follow(tag):
            return Format("moving", (tag,))
        case Semver(pattern=expression) | Pattern(expression=expression) | Newest(expression=expression):
            return Format("auto", (re.sub("[0-9]+", "0", expression or ""),))
        case Unmanaged(why="nothing" | "digest" | "no_tag" | "placeholder" | "ticket"):
            return policy
        case Unmanaged(why="major") if not has_majors and (pin.tag or "").removeprefix("v").isdecimal():
            return unmanaged("number", pin.tag or "")
        case Unmanaged(why="major" | "year"):
            form = _parse(pin.tag or "", own=own)
            return form if form is not None and form.kind == "dates" else Format("moving", (pin.tag or "",))
        case Unmanaged():
            return _parse(pin.tag or "", own=own) or policy


def _parse(tag: str, *, own: bool) -> Format | None:
    parts = list(_parts(tag))
    words = {word for kind, text in parts if kind == "text" for word in re.findall("[A-Za-z]+", text)}
    unknown = frozenset(word for word in words if word.lower() not in _COMMON)
    key = tuple(part for kind, text in parts for part in (kind, text if kind == "text" else _shape(kind, text)))
    kinds = {kind for kind, _ in parts}
    if kinds == {"text"}:
        return Format("moving", (tag,)) if words and not unknown else None
    kept = () if own else tuple(_kept(parts))
    numbers = {at for at, (kind, _) in enumerate(parts) if kind == "number"} - {at for at, _ in kept}
    if not numbers and kinds <= {"text", "number"}:
        return Format("moving", (tag,))
    # A version of others may ask for work with its next major one; builds of a commit are one's own.
    kind, first = next(part for part in parts if part[0] != "text")
    major = None if kind != "version" or (own and "commit" in kinds) else _major(first, own=own)
    # Several builds of one day differ by their commits only, which have no order.
    if any(kind == "date" and not ("commit" in kinds and _DAY.fullmatch(text)) for kind, text in parts):
        return Format("dates", key, unknown, None if own else major, kept)
    if "commit" in kinds and not numbers:
        return Format("commits", key, unknown, None, kept)
    return Format("builds", key, unknown, major, kept)


def _major(version: str, *, own: bool) -> int | None:
    """The major version; None where the next one is like any other. The year of somebody else's version may be one."""
    number = int(version.partition(".")[0])
    return number if number < _NO_MAJOR or (not own and 1900 <= number < 2200) else None


def _kept(parts: Sequence[tuple[_Kind, str]]) -> Iterator[tuple[int, str]]:
    """What stays as it is in tags of somebody else's image, by its place: major versions, and what may be one."""
    before: set[_Kind] = set()
    text = ""
    for at, (kind, found) in enumerate(parts):
        words = re.findall("[a-z]+", text.lower())
        later = {kind for kind, _ in parts[at + 1 :]}
        is_first = not before and not re.search("[0-9]", text)
        if kind == "version" and _major(found, own=False) is not None:
            yield at, found.partition(".")[0]
        elif kind == "number" and (
            not _COUNTED & {words[-1], *(words[-2:-1] if len(words[-1]) == 1 else ())}
            if words
            else is_first and (len(found) < 3 or later & {"number", "version"})
        ):
            yield at, found
        text = found if kind == "text" else ""
        before |= {kind} - {"text"}


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


def _shape(kind: _Kind, text: str, kept: str = "") -> str:
    """What a part has in common with those of other tags of the format: an expression, but for commits.

    It may have `kept`, its beginning, in common too.
    """
    if kept:
        return kept + (_shape(kind, text[len(kept) :]) if text != kept else "")
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
    kept = dict(form.kept)
    first = [part for at, part in enumerate(parsed[0]) if part[0] not in ("text", "commit") and part[1] != kept.get(at)]
    if form.kind == "dates" and not (first[0][0] == "version" and all(text.isdecimal() for _, text in first[1:])):
        # A version and the number of a day order as any version and number do; else the day alone does.
        first = [next(part for part in first if part[0] == "date")]
    ordered: list[str] = []
    expression = ""
    for at, column in enumerate(zip(*parsed, strict=True)):
        kind, text = column[0]
        if kind == "text":
            expression += _escape(text)
        elif kind == "commit":
            lengths = sorted({len(text) for _, text in column})
            bounds = dict.fromkeys((lengths[0], lengths[-1]))
            expression += f"[0-9a-f]{{{','.join(map(str, bounds))}}}"
        elif form.kind == "commits" or (kind, text) not in first or text == kept.get(at):
            expression += _shape(kind, text, kept.get(at, ""))
        else:
            name = "build" if kind == "number" else kind
            in_range = name == "version" and not ordered and form.major is not None
            ordered.append(name)
            number = ordered.count(name)
            shape = _shape(kind, text, "" if in_range else kept.get(at, ""))
            expression += f"(?P<{name}{number if number > 1 else ''}>{shape})"
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
