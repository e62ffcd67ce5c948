"""The kinds of policies (which tags of a repository may be chosen, and their order), and the rules for an entry.

Making a policy raises ValueError where it cannot be used; the message says what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Literal, assert_never

from gitops_bot.images import expression as expressions
from gitops_bot.images.reference import Pin
from gitops_bot.images.version import parse_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.reason import Unmanaged

Order = Literal["semver", "numerical", "calver", "alphabetical"]
#: By what tags are ordered, for people.
ORDERS: Final[dict[Order, str]] = {
    "semver": "version",
    "numerical": "number",
    "calver": "date",
    "alphabetical": "letter",
}

#: A family of tags: those with one suffix (`-alpine3.19`), with one prefix (`release-`), or with neither (empty). A
#: suffix begins and a prefix ends with what separates it from the version.
FAMILY: Final = r"(?:|[._-][A-Za-z0-9._-]{0,60}|[A-Za-z0-9][A-Za-z0-9._-]{0,60}[._-])"
_IS_FAMILY = re.compile(rf"{FAMILY}\Z", re.ASCII)
_SEPARATORS: Final = ("-", "_", ".")
MOST_FAMILIES: Final = 10
#: Each costs a look at every tag.
MOST_EXCLUDED: Final = 20


@dataclass(frozen=True, slots=True)
class Semver:
    """Versions inside a range, the highest first; pre-releases where it names one, or all with `prereleases`.

    `pattern` admits only tags that it matches; its first named group, if any, is the version, as in
    `^(?P<version>.+)-alpine$`, and further ones order the tags of one version. `prefer` admits only tags of these
    families (`FAMILY`), and of one version prefers the family that comes first. Tags that match one of `exclude` are
    left out. With a `minimum_age` a tag has to be that old by its build time (`age`).
    """

    versions: str
    prereleases: bool = False
    pattern: str | None = None
    prefer: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    minimum_age: timedelta = timedelta(0)
    order: ClassVar[Order] = "semver"

    def __post_init__(self) -> None:
        if self.pattern is not None:
            expressions.check(self.pattern)
        if self.prefer and self.pattern is not None:
            why = "`pattern` and `prefer` cannot be used together: remove one; a pattern can include the suffix"
            raise ValueError(why)
        check_families(self.prefer)
        parse_range(self.versions)
        _check_excluded(self.exclude)


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
    """Tags that a regular expression matches, the one that was built last first: their texts have no order. Only the
    registry knows when that was, so `images.age` chooses.
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
        if malformed := Pin(self.tag).malformed:
            raise ValueError(malformed[0])


#: The policies that need nothing but the texts of the tags.
ByText = Semver | Pattern | Follow
Policy = ByText | Newest


def _check_excluded(expressed: Sequence[str]) -> None:
    if len(expressed) > MOST_EXCLUDED:
        raise ValueError(f"{len(expressed)} expressions exclude tags, and the limit is {MOST_EXCLUDED}")
    for expression in expressed:
        expressions.check(expression)


def called(policy: Policy, name: str | None = None) -> str:
    """What a reason calls the policy: by its name, else in words, without any expression."""
    if name is not None:
        return f"policy `{name}`"
    match policy:
        case Semver():
            prereleases = " with pre-releases" if policy.prereleases else ""
            family = f" of {' or '.join(map(family_name, policy.prefer))}" if policy.prefer else ""
            return f"semver {parse_range(policy.versions).expression}{prereleases}{family}"
        case Pattern() | Newest():
            return "its pattern"
        case Follow():
            return f"digest {policy.tag}"
    assert_never(policy)


def describe(policy: Policy) -> str:
    """A short description of the policy: `semver >=1.0.0 <3`, `pattern ^v by version`, `digest main`."""
    exclude = () if isinstance(policy, Follow) else policy.exclude
    without = f" without {' and '.join(exclude)}" if exclude else ""
    match policy:
        case Semver():
            matching = f" of {policy.pattern}" if policy.pattern is not None else ""
            return f"{called(policy)}{matching}{without}"
        case Pattern() | Newest():
            order = ORDERS[policy.order] if isinstance(policy, Pattern) else "build time"
            return f"pattern {policy.expression} by {order}{without}"
        case Follow():
            return called(policy)
    assert_never(policy)


def check_families(families: Sequence[str]) -> None:
    """Validate families before they are used.

    Raises:
        ValueError: not all of them are prefixes or suffixes, or one is there twice; the message says what to do.
    """
    for family in families:
        if not _IS_FAMILY.match(family):
            raise ValueError(
                f"{family[:100]!r} is neither a suffix such as '-alpine', nor a prefix such as 'release-', nor empty "
                "(tags with neither)"
            )
    if len(set(families)) < len(families) or len(families) > MOST_FAMILIES:
        raise ValueError(f"the families are at most {MOST_FAMILIES}, each once")


def family_name(family: str) -> str:
    """What messages call it."""
    return family or "neither"


def _split(longest_first: Sequence[str], tag: str) -> tuple[str, str] | None:
    """The tag without its prefix or suffix, and that one; the longest where several fit, None where none does."""
    for family in longest_first:
        rest = tag.removesuffix(family) if family.startswith(_SEPARATORS) else tag.removeprefix(family)
        if rest and (rest != tag or not family):
            return rest, family
    return None


def scan_families(families: Sequence[str], tags: Sequence[str]) -> tuple[list[str], tuple[list[str], list[str]]]:
    """The tags of these families, with what is left of each, and its family."""
    longest_first = sorted(families, key=len, reverse=True)
    parts = [(tag, part) for tag in tags if (part := _split(longest_first, tag)) is not None]
    return [tag for tag, _ in parts], ([part[0] for _, part in parts], [part[1] for _, part in parts])


#: What is written for a chosen tag. `tag` writes no digest, `digest` no tag where there is none.
PinShape = Literal["tag+digest", "tag", "digest"]
#: What to do when the present tag points to a digest other than the pinned one.
OnMove = Literal["hold", "follow"]


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy, its name in the configuration (None for an inline or inferred one), who decided on it, and where
    (file:line).
    """

    name: str | None
    policy: Policy
    origin: Literal["config", "inferred"]
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rules:
    """What applies to one entry.

    `on_move` is None where the kind of the tag decides. An image has to be built for all `platforms`; where none are
    said, for those of the present one. `unmanaged` says why there is no policy, where there is none. `own_policy`: the
    policy is said of this very image, and so beats a promotion. `no_room`: digests are wanted, and `pin` is `tag` only
    since the file has no place for one.
    """

    policy: NamedPolicy | None
    pin: PinShape = "tag+digest"
    on_move: OnMove | None = None
    platforms: tuple[str, ...] = ()
    ignore: bool = False
    unmanaged: Unmanaged | None = None
    own_policy: bool = False
    no_room: bool = False

    @property
    def takes_promotions(self) -> bool:
        """Whether pins come from another environment, where that has the entry."""
        elsewhere = self.unmanaged is not None and self.unmanaged.why in ("overridden", "unset")
        return not self.own_policy and not elsewhere
