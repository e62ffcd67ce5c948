"""The kinds of policies: which tags of a repository may be chosen, and their order.

Making one raises ValueError where it cannot be used; the message says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, assert_never

from gitops_bot.images import expression as expressions
from gitops_bot.images import families
from gitops_bot.images.reference import is_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.ranges import Range

Order = Literal["semver", "numerical", "calver", "alphabetical"]
_ORDERS: Final[dict[Order, str]] = {
    "semver": "version",
    "numerical": "number",
    "calver": "date",
    "alphabetical": "letter",
}


#: Each costs a look at every tag.
MOST_EXCLUDED: Final = 20


@dataclass(frozen=True, slots=True)
class Semver:
    """Versions inside a range (`ranges`), the highest first.

    Pre-releases count where the range names one, or all of them with `prereleases`. `pattern` admits only tags that
    it matches; its first named group, if it has one, is the version, as in `^(?P<version>.+)-alpine$`, and further
    ones order the tags of one version. `prefer` admits only tags of these families (`families`), and among tags of
    one version prefers the family that comes first. Tags that match one of `exclude` are left out. With a `minimum_age`
    a tag has to be that old by its build time (`age`).
    """

    versions: str
    prereleases: bool = False
    pattern: str | None = None
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    minimum_age: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if self.pattern is not None:
            expressions.check(self.pattern)
        if self.prefer and self.pattern is not None:
            raise ValueError(
                "`pattern` and `prefer` cannot be used together: remove one; a pattern can include the suffix"
            )
        families.check(self.prefer)
        _ = self.range  # raises what is wrong with it
        _check_excluded(self.exclude)

    @property
    def range(self) -> Range:
        """The versions that count."""
        from gitops_bot.images.ranges import parse

        return parse(self.versions)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Tags that a regular expression matches, in the order of their keys: the named groups, else the whole tag.

    Several named groups make one key, compared from left to right. `semver`: by version; a pre-release that the
    expression admits is admitted. `numerical`: by the decimal number, `10` and `2.5` but neither signs nor exponents,
    exact at any length. `calver`: by date, as `calver` reads it. `alphabetical`: by the code points of the text. Tags
    whose key is no version, number or date are no candidates, and neither are those that match one of `exclude`.
    """

    expression: str
    order: Order
    exclude: tuple[str, ...] = ()
    minimum_age: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        expressions.check(self.expression)
        _check_excluded(self.exclude)


@dataclass(frozen=True, slots=True)
class Newest:
    """Tags that a regular expression matches, the one that was built last first: their texts have no order.

    Only the registry knows when a tag was built, so `images.newest` chooses, from tags and times.
    """

    expression: str
    exclude: tuple[str, ...] = ()
    minimum_age: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        expressions.check(self.expression)
        _check_excluded(self.exclude)


@dataclass(frozen=True, slots=True)
class Follow:
    """One moving tag, such as `main`: the digest that it points to now is wanted."""

    tag: str

    def __post_init__(self) -> None:
        if not is_tag(self.tag):
            raise ValueError(f"{self.tag[:300]!r} is not a tag: letters, digits, '_', '.' and '-', at most 128")


#: The policies that need nothing but the texts of the tags.
ByText = Semver | Pattern | Follow
Policy = ByText | Newest


def _check_excluded(expressed: Sequence[str]) -> None:
    if len(expressed) > MOST_EXCLUDED:
        raise ValueError(f"{len(expressed)} expressions exclude tags, and the limit is {MOST_EXCLUDED}")
    for expression in expressed:
        expressions.check(expression)


def describe(policy: Policy) -> str:
    """A short description of the policy, for messages: `semver >=1.0.0 <3`, `pattern ^v by version`, `digest main`."""
    match policy:
        case Semver():
            prereleases = " with pre-releases" if policy.prereleases else ""
            matching = f" of {policy.pattern}" if policy.pattern is not None else ""
            family = f" of {' or '.join(map(families.name, policy.prefer))}" if policy.prefer else ""
            return f"semver {policy.range.expression}{prereleases}{matching}{family}{_without(policy.exclude)}"
        case Pattern():
            return f"pattern {policy.expression} by {_ORDERS[policy.order]}{_without(policy.exclude)}"
        case Newest():
            return f"pattern {policy.expression} by build time{_without(policy.exclude)}"
        case Follow():
            return f"digest {policy.tag}"
    assert_never(policy)


def _without(exclude: Sequence[str]) -> str:
    return f" without {' and '.join(exclude)}" if exclude else ""
