"""The policy inferred from a pinned tag if none is configured: the next tag in exactly the same format.

Nobody reviewed it, so whatever could be a commit, a major version that moves by itself, or a build counter behind a
version is left alone, with the reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.images import kinds
from gitops_bot.images.reason import Unmanaged, unmanaged
from gitops_bot.images.reference import Pin, is_tag

if TYPE_CHECKING:
    from gitops_bot.images.kinds import Policy

_NUMBER = "[0-9]+"
_THREE = rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
_VERSION = re.compile(
    r"(?P<prefix>(?:(?!v[0-9])[A-Za-z][A-Za-z0-9_.]*-)*)(?P<v>v?)(?P<numbers>[0-9]+(?:\.[0-9]+){0,2})(?P<suffix>(?:-[A-Za-z0-9_.]+)*)"
)
_BUILD = re.compile(r"(?P<prefix>(?:[A-Za-z]+[-_.])*(?:[A-Za-z]+[-_.]?)?)(?P<digits>[0-9]+)")
DAY = r"(?:19|20)[0-9]{2}(?P<dash>[-_.]?)(?:0[1-9]|1[0-2])(?P=dash)(?:0[1-9]|[12][0-9]|3[01])"
TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?"
_DATE = re.compile(rf"(?P<prefix>(?:[A-Za-z]+[-_.])*)(?P<date>{DAY}(?:[-_.Tt]?{TIME}[Zz]?)?)")
#: A count of that day, or a time in parts: with more digits each could be a commit.
_DATE_AND_NUMBERS = re.compile(rf"(?P<prefix>(?:[A-Za-z]+[-_.])*)(?P<date>{DAY})(?P<rest>(?:[-_.][0-9]{{1,6}}){{1,3}})")
#: With at least one letter, or the `g` of `git describe`: digits alone may be a number.
_COMMIT = re.compile(r"(?:^|[-_.])(?:g|(?=[0-9]*[a-f]))[0-9a-f]{7,64}(?:$|[-_.])")
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
#: As long as an abbreviated or full commit. One commit in 27 has no letter in its first seven digits.
_COMMIT_LENGTHS = (7, 8, 40)

_PRERELEASE = re.compile(
    r"-(?P<kind>alpha|beta|rc|cr|pre|preview|dev|snapshot|milestone|m|ea)(?P<dot>[.-]?)(?P<number>[0-9]*)",
    re.IGNORECASE,
)
#: What may follow a version as its variant: `alpine`, `alpine3.20`, `debian-12`, `jre_headless`.
_WORD = re.compile(r"(?P<word>[A-Za-z_]+)(?P<number>[0-9]+(?:\.[0-9]+)*)?")
PLATFORMS = frozenset(
    {"alpine", "cuda", "debian", "el", "fedora", "java", "jdk", "jre", "node", "php", "python", "rhel", "ubi", "ubuntu"}
)
#: A number after one of these is a build number.
COUNTERS = frozenset({"b", "build", "ci", "job", "ls", "n", "number", "p", "patch", "pipeline", "r", "rev", "run"})
#: A number after one of these is a build of that branch.
BRANCHES = frozenset(
    {"dev", "develop", "development", "main", "master", "prod", "production", "qa", "release", "stable", "staging"}
    | {"test", "trunk", "uat"}
)
#: A number after one of these is not a build: the next number is unrelated.
_FOREIGN = frozenset({"issue", "mr", "pr", "pull", "ticket"})
#: Whatever follows one of these is a commit.
COMMITS = frozenset({"commit", "g", "git", "sha", "sha256"})
#: What stands where a pipeline writes the tag.
_PLACEHOLDER = re.compile(
    r"^(?:image[_-]?)?tag$|^__\w+__$|_TAG$|placeholder|change[_-]?me|replace[_-]?me|to[_-]be[_-]replaced", re.IGNORECASE
)


def infer(pin: Pin) -> Policy | Unmanaged:
    """The policy that keeps the format of the pinned tag, or why there is none (`unmanaged`)."""
    tag = pin.tag
    if tag is None:
        return unmanaged("nothing") if pin.digest is None else unmanaged("digest")
    if is_placeholder(tag):
        return unmanaged("placeholder", tag)
    if not is_tag(tag):
        return unmanaged("no_tag", repr(tag[:100]))
    if _COMMIT.search(tag) or _words(tag) & COMMITS:
        return unmanaged("commit", tag)
    if match := _DATE.fullmatch(tag):
        return _date(match["prefix"], match["date"])
    if match := _DATE_AND_NUMBERS.fullmatch(tag):
        return _date(match["prefix"], match["date"], re.sub("[0-9]+", "[0-9]{1,6}", re.escape(match["rest"])))
    if match := _BUILD.fullmatch(tag):
        return _build(tag, match["prefix"], match["digits"], pin)
    if match := _VERSION.fullmatch(tag):
        return _version(tag, match, pin)
    return unmanaged("unordered", tag)


def is_placeholder(tag: str) -> bool:
    """Whether a pipeline writes over a tag: `IMAGE_TAG`, `changeme`."""
    return _PLACEHOLDER.search(tag) is not None


def is_one_build(tag: str) -> bool:
    """Whether a tag names one build or commit for good, so that following its digest moves nothing."""
    kind = infer(Pin(tag))
    if isinstance(kind, Unmanaged):
        return kind.why in ("commit", "digits", "ticket")
    return isinstance(kind, kinds.Pattern)


def _words(text: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", text.lower()))


def _date(prefix: str, date: str, rest: str = "") -> Policy:
    """Dates of the same length, and the expression of what follows. All in digits it is a number."""
    if date.isdecimal() and not rest:
        return kinds.Pattern(f"^{re.escape(prefix)}(?P<date>(?:19|20)[0-9]{{{len(date) - 2}}})$", order="numerical")
    same = re.sub(r"[0-9]+", lambda run: f"[0-9]{{{len(run[0])}}}", re.escape(date))
    return kinds.Pattern(f"^{re.escape(prefix)}(?P<date>{same}{rest})$", order="calver")


def _build(tag: str, prefix: str, digits: str, pin: Pin) -> Policy | Unmanaged:
    names = _words(prefix) - {""}
    if prefix in ("", "v") and len(digits) <= 2:
        return _major(tag, pin)
    if names & _FOREIGN:
        return unmanaged("ticket", tag)
    if names & COUNTERS:
        return _numbered(prefix, _NUMBER)
    if prefix in ("", "v") and _YEAR.fullmatch(digits):
        return unmanaged("year", tag)
    if len(digits) in _COMMIT_LENGTHS:
        return unmanaged("digits", tag)
    if len(digits) <= 3 and not names & BRANCHES:
        return unmanaged("number", tag)
    # So that a date or a commit is never taken for the next build number.
    return _numbered(prefix, "[0-9]{1,6}" if len(digits) <= 6 else f"[0-9]{{{len(digits)}}}")


def numbered(tag: str) -> Policy | None:
    """The policy for builds that a number alone names, with its prefix."""
    match = _BUILD.fullmatch(tag)
    return _numbered(match["prefix"], "[0-9]{1,6}") if match is not None else None


def _numbered(prefix: str, number: str) -> Policy:
    return kinds.Pattern(f"^{re.escape(prefix)}(?P<number>{number})$", order="numerical")


def _major(tag: str, pin: Pin) -> Policy | Unmanaged:
    """A tag of a major version has no successor within it: it floats."""
    return kinds.Follow(tag) if pin.digest is not None else unmanaged("major", tag)


def _version(tag: str, match: re.Match[str], pin: Pin) -> Policy | Unmanaged:
    prefix, v, suffix = match["prefix"], match["v"], match["suffix"]
    numbers = match["numbers"].split(".")
    names = _words(prefix)
    if names & _FOREIGN:
        return unmanaged("ticket", tag)
    if not prefix and len(numbers) == 3:
        major = int(numbers[0])
        if not suffix:
            return kinds.Semver(f"^{major}", pattern=f"^{v}{_THREE}$")
        if kind := _PRERELEASE.fullmatch(suffix):
            same = f"-{kind['kind']}{re.escape(kind['dot'])}" + (_NUMBER if kind["number"] else "")
            # The range names a pre-release of the major version itself, which `^2` would not admit.
            return kinds.Semver(f">={major}.0.0-0 <{major + 1}.0.0", pattern=f"^{v}{_THREE}(?:{same})?$")
    if not _belongs(suffix.split("-")[1:]) or not _belongs(prefix.split("-")[:-1]):
        return unmanaged("counter", tag)
    if len(numbers) == 1:
        return _major(tag, pin)
    version = rf"{numbers[0]}" + r"\.[0-9]+" * (len(numbers) - 1)
    return kinds.Pattern(f"^{re.escape(prefix)}{v}(?P<version>{version}){re.escape(suffix)}$", order="semver")


def _belongs(parts: list[str]) -> bool:
    """Whether the parts are a variant, equal for every version, and not a build counter."""
    before = ""
    for part in parts:
        if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)*", part):
            match = _WORD.fullmatch(part)
            if match is None or match["word"].lower() in COUNTERS or _PRERELEASE.fullmatch(f"-{part}"):
                return False
            before = match["word"].lower()
        elif before in PLATFORMS:
            before = ""
        else:
            return False
    return True
