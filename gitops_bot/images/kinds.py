"""The kinds of policies: which tags of a repository may be chosen, and their order. Plain values, checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, assert_never

from gitops_bot.images import expression as expressions
from gitops_bot.images.ranges import Range
from gitops_bot.images.reference import is_tag

Order = Literal["semver", "numerical", "alphabetical"]
_ORDERS: Final[dict[Order, str]] = {"semver": "version", "numerical": "number", "alphabetical": "letter"}


@dataclass(frozen=True, slots=True)
class Semver:
    """Versions inside a range, the highest first.

    Pre-releases count where the range names one, or all of them with `prereleases`. `pattern` admits only tags that
    it matches; its named group, if it has one, is the version, as in `^(?P<version>.+)-alpine$`.
    """

    range: Range
    prereleases: bool = False
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Tags that a regular expression matches, in the order of their keys: the named group, else the whole tag.

    `semver`: by version; a pre-release that the expression admits is admitted. `numerical`: by the decimal number,
    `10` and `2.5` but neither signs nor exponents, exact at any length. `alphabetical`: by the code points of the
    text. Tags whose key is no version, or no number, are no candidates.
    """

    expression: str
    order: Order


@dataclass(frozen=True, slots=True)
class Newest:
    """Tags that a regular expression matches, the one that was built last first: their texts have no order.

    Only the registry knows when a tag was built, so `images.newest` chooses, from tags and times.
    """

    expression: str


@dataclass(frozen=True, slots=True)
class Follow:
    """One moving tag, such as `main`: the digest that it points to now is wanted."""

    tag: str


#: The policies that need nothing but the texts of the tags.
ByText = Semver | Pattern | Follow
Policy = ByText | Newest


def semver(expression: str, *, prereleases: bool = False, pattern: str | None = None) -> Semver:
    """A policy by a range of versions.

    Raises:
        ValueError: no range of the grammar in `ranges`, with the place in it; or a pattern that cannot be used.
    """
    if pattern is not None:
        expressions.check(pattern)
    return Semver(Range.parse(expression), prereleases, pattern)


def pattern(expression: str, *, order: Order) -> Pattern:
    """A policy by a regular expression and an order.

    Raises:
        ValueError: the expression cannot be used; the message says what to do.
    """
    expressions.check(expression)
    return Pattern(expression, order)


def newest(expression: str) -> Newest:
    """A policy by a regular expression and the times of builds.

    Raises:
        ValueError: the expression cannot be used; the message says what to do.
    """
    expressions.check(expression)
    return Newest(expression)


def follow(tag: str) -> Follow:
    """A policy that follows one moving tag.

    Raises:
        ValueError: outside the OCI grammar.
    """
    if not is_tag(tag):
        raise ValueError(f"{tag[:300]!r} is not a tag: letters, digits, '_', '.' and '-', at most 128")
    return Follow(tag)


def describe(policy: Policy) -> str:
    """A short description of the policy, for messages: `semver >=1.0.0 <3`, `pattern ^v by version`, `digest main`."""
    match policy:
        case Semver():
            prereleases = " with pre-releases" if policy.prereleases else ""
            matching = f" of {policy.pattern}" if policy.pattern is not None else ""
            return f"semver {policy.range.expression}{prereleases}{matching}"
        case Pattern():
            return f"pattern {policy.expression} by {_ORDERS[policy.order]}"
        case Newest():
            return f"pattern {policy.expression} by build time"
        case Follow():
            return f"digest {policy.tag}"
    assert_never(policy)
