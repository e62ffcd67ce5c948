"""The order of tags under a policy."""

from __future__ import annotations

import heapq
import re
import string
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from gitops_bot.images import expression, version
from gitops_bot.images.kinds import (
    ORDERS,
    ByText,
    Follow,
    Newest,
    Order,
    Pattern,
    Policy,
    Semver,
    family_name,
    scan_families,
)
from gitops_bot.images.reference import is_floating, is_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.images.expression import Columns

#: A version, an exact number, a date or a text; keys of one policy compare with one another.
SortKey = Any
#: What a key has to be, by the order.
KEY_OF: Final[dict[Order, str]] = {**ORDERS, "alphabetical": "text"}

#: Signatures, attestations and SBOMs of cosign, and the fallback tags of the OCI referrers API.
_SIGNATURE = re.compile(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\.(?:sig|att|sbom))?\Z")
_TAG_BYTES = (string.ascii_letters + string.digits + "._-\n").encode()
_TAG_LIMIT = 128
#: One number with as many digits as no version has, or a year; and the rule by which these are left out.
_LONE_NUMBER = re.compile(r"v?(?:[0-9]{6,}|(?:19|20|21)[0-9]{2})\Z", re.ASCII)
_FIRST_YEAR, _SERIAL = 1900, 100_000
LONE_NUMBER: Final = "no date or serial number beside versions"
_FRACTION = re.compile(r"[0-9]+\.[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class RankedTag:
    """A tag with its key in the order, and the texts of the key (the tag, or what its named groups matched)."""

    tag: str
    key: SortKey
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """The tags that are left after one rule of a policy: those of `tags` at the indexes `at`, all where it is None."""

    rule: str
    tags: Sequence[str]
    at: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The tags that a policy admits, with their keys and the texts of the keys, a list for each part of the key.

    Parallel lists: 100,000 objects would cost more than all the rest. `matched` counts the tags that the policy's
    expression matched, were they of the wanted kind or not. `stages` are the rules as they were applied, in order.
    """

    tags: list[str]
    keys: list[SortKey]
    columns: Columns
    matched: int
    stages: tuple[Stage, ...]

    def only(self, rule: str, kept: Sequence[int]) -> Admitted:
        """Those at the indexes `kept`, by one more rule."""
        if len(kept) == len(self.tags):
            return replace(self, stages=(*self.stages, Stage(rule, self.tags)))
        tags = [self.tags[at] for at in kept]
        columns = tuple(tags if column is self.tags else [column[at] for at in kept] for column in self.columns)
        stages = (*self.stages, Stage(rule, tags))
        return Admitted(tags, [self.keys[at] for at in kept], columns, self.matched, stages)

    def ranked_tag(self, at: int) -> RankedTag:
        """The tag at an index."""
        return RankedTag(self.tags[at], self.keys[at], tuple(column[at] for column in self.columns))

    def best(self, like: RankedTag | None = None) -> tuple[RankedTag, ...]:
        """The tags with the highest key, each once, first the one that `_preference` prefers."""
        if not self.tags:
            return ()
        highest, at, equals = max(self.keys), -1, {}
        for _ in range(self.keys.count(highest)):
            at = self.keys.index(highest, at + 1)
            equals[self.tags[at]] = self.ranked_tag(at)
        return tuple(sorted(equals.values(), key=lambda candidate: _preference(candidate, like), reverse=True))

    def highest(self, limit: int, like: RankedTag | None = None) -> list[RankedTag]:
        """The best, best first, at most `limit`."""
        if limit < 1 or not self.tags:
            return []
        least = heapq.nlargest(limit, self.keys)[-1]
        highest = [self.ranked_tag(at) for at, key in enumerate(self.keys) if key >= least]
        highest.sort(key=lambda candidate: (candidate.key, _preference(candidate, like)), reverse=True)
        return highest[:limit]


def candidates(tags: Sequence[str]) -> list[str]:
    """The tags without those outside the OCI grammar and without signatures, in the given order."""
    # Nearly always every tag is one, and a check of all of them as one text is three times faster.
    text = "\n".join(tags)
    if (
        text.isascii()
        and not text.encode().translate(None, _TAG_BYTES)
        and text.count("\n") == len(tags) - 1
        and min(tags) >= "0"  # of what is left, only the empty tag and those that begin with . or - sort below
        and max(map(len, tags)) <= _TAG_LIMIT
        and "sha256-" not in text
        and "sha512-" not in text
    ):
        return list(tags)
    return [tag for tag in tags if is_tag(tag) and not _SIGNATURE.match(tag)]


def admit(policy: Policy, tags: Sequence[str], pinned: str | None = None) -> Admitted:
    """What the policy admits of a registry's list, in no order. By build time all keys are equal: texts have none.

    A lone date or serial number (`2026090805`) is no version beside versions, unless the tag that is `pinned` is one.
    """
    remaining = candidates(tags)
    stages = [Stage("all tags", tags), Stage("a valid tag, and no signature", remaining)]
    for excluded in () if isinstance(policy, Follow) else policy.exclude:
        remaining = expression.without(excluded, remaining)
        stages.append(Stage(f"exclude {excluded}", remaining))
    match policy:
        case Follow(tag):
            remaining = [tag] if tag in remaining else []
            return Admitted(
                remaining, remaining, (remaining,), len(remaining), (*stages, Stage(f"digest {tag}", remaining))
            )
        case Newest(expression=regular):
            remaining, columns = expression.scan(regular, remaining)
            stages.append(Stage(f"pattern {regular}", remaining))
            return Admitted(remaining, [()] * len(remaining), columns, len(remaining), tuple(stages))
        case Semver(prereleases=prereleases):
            versions = version.parse_range(policy.versions)
            keyed = _keyed(policy, remaining, stages)
            first = keyed.keys if len(keyed.columns) == 1 else [key[0] for key in keyed.keys]
            bounds, inside = versions.within(first, prereleases=prereleases)
            within = Stage(f"semver {versions.expression}", keyed.tags, bounds)
            keyed = replace(keyed, stages=(*keyed.stages, within)).only("not a pre-release", inside)
            return _without_lone_numbers(policy, keyed, pinned)
        case Pattern(order="semver"):
            return _without_lone_numbers(policy, _keyed(policy, remaining, stages), pinned)
        case Pattern():
            return _keyed(policy, remaining, stages)
    assert_never(policy)


def _without_lone_numbers(policy: Semver | Pattern, admitted: Admitted, pinned: str | None) -> Admitted:
    texts = admitted.columns[0]
    versions = admitted.keys if len(admitted.columns) == 1 else [key[0] for key in admitted.keys]
    lone = {at for at, key in enumerate(versions) if key[0] >= _FIRST_YEAR and _LONE_NUMBER.match(texts[at])}
    if not lone or not any(
        key[0] < _SERIAL and "." in text.partition("-")[0] for key, text in zip(versions, texts, strict=True)
    ):
        return admitted
    present = ranked_tag(policy, pinned) if pinned is not None else None
    if present is not None and _LONE_NUMBER.match(present.texts[0]):
        return admitted
    return admitted.only(LONE_NUMBER, [at for at in range(len(texts)) if at not in lone])


def lone_numbers(policy: Policy, tags: Sequence[str], pinned: str | None) -> set[str]:
    """The tags that the policy would admit if no versions were listed beside them."""
    *_, before, last = admit(policy, tags, pinned).stages
    return {*before.tags} - {*last.tags} if last.rule == LONE_NUMBER else set()


def _keyed(policy: Semver | Pattern, tags: list[str], stages: list[Stage]) -> Admitted:
    rule, matched, columns = _read(policy, tags)
    sortable = _keys(policy, columns)
    matching = (*stages, Stage(rule, matched)) if rule else tuple(stages)
    kept = [at for at, key in enumerate(sortable) if key is not None] if None in sortable else range(len(matched))
    return Admitted(matched, sortable, columns, len(matched), matching).only(f"a {KEY_OF[policy.order]}", kept)


def _read(policy: Semver | Pattern, tags: list[str]) -> tuple[str | None, list[str], Columns]:
    """The tags that may have a key, and the texts of the keys, by which rule."""
    regular = policy.expression if isinstance(policy, Pattern) else policy.pattern
    if regular is not None:
        return f"pattern {regular}", *expression.scan(regular, tags)
    if isinstance(policy, Semver) and policy.prefer:
        return f"prefer {' or '.join(map(family_name, policy.prefer))}", *scan_families(policy.prefer, tags)
    return None, tags, (tags,)


def _keys(policy: Semver | Pattern, columns: Columns) -> list[SortKey | None]:
    """The key of each tag, from the parts of its text, a list for each; None where a part is not of that kind."""
    first, *further = columns
    keys_of_first = _column(policy.order, first)
    if isinstance(policy, Semver) and policy.prefer:
        # The family that comes first is the highest.
        rank = {family: (-at,) for at, family in enumerate(policy.prefer)}
        pairs = zip(keys_of_first, *further, strict=True)
        return [None if key is None else (key, rank.get(family, ())) for key, family in pairs]
    if not further:
        return keys_of_first
    parts = [
        [(key,) if text else () for text, key in zip(column, _column(policy.order, column), strict=True)]
        for column in further  # a part that is empty sorts lowest
    ]
    return [None if None in key or (None,) in key else key for key in zip(keys_of_first, *parts, strict=True)]


def _column(order: Order, texts: list[str]) -> list[Any]:
    match order:
        case "semver":
            return version.keys(texts)
        case "numerical":
            if "".join(texts).isdecimal() and "" not in texts:
                return list(map(int, texts))  # nearly every list that people order by number
            return [_number(text) for text in texts]
        case "calver":
            return [version.parse_date(text) for text in texts]
        case "alphabetical":
            return texts
    assert_never(order)


def _number(text: str) -> SortKey | None:
    if text.isdecimal():
        return int(text)
    if not _FRACTION.match(text):
        return None
    from fractions import Fraction

    return Fraction(text)


def admits(policy: Policy, tag: str) -> bool:
    """Whether the policy may choose this tag."""
    return bool(admit(policy, [tag]).tags)


def ranked_tag(policy: Policy, tag: str) -> RankedTag | None:
    """A tag with its key, whether the policy admits it or not; None if it has no order.

    One that the policy's expression does not match is read whole: a present `1.4.2` holds back a `1.3.0-alpine`. By
    letters only a tag that does not move by nature: `latest` is no later than `2024-01-05`.
    """
    if not is_tag(tag) or isinstance(policy, Follow | Newest):
        return None
    _, matched, columns = _read(policy, [tag])
    if not matched:
        if policy.order == "alphabetical" and is_floating(tag):
            return None
        columns = ([tag], *([""] for _ in columns[1:]))
    (key,) = _keys(policy, columns)
    return None if key is None else RankedTag(tag, key, tuple(text for (text,) in columns))


def compare(policy: Policy | None, first_tag: str, second_tag: str) -> int | None:
    """The order of two tags by the policy's key, ignoring ranges: -1, 0, 1; None if unknown. Without a policy: by
    version where both are full versions (`v1.2.3`, `1.2.3-rc.1`).
    """
    if first_tag == second_tag:
        return 0
    if policy is None:
        keys = [parsed.key for parsed in map(version.parse, (first_tag, second_tag)) if parsed and parsed.parts == 3]
    else:
        keys = [ranked.key for tag in (first_tag, second_tag) if (ranked := ranked_tag(policy, tag)) is not None]
    return (keys[0] > keys[1]) - (keys[0] < keys[1]) if len(keys) == 2 else None


def rank(policy: ByText, tags: Sequence[str], limit: int) -> tuple[str, ...]:
    """The tags that the policy admits, best first, at most `limit`, each once."""
    return tuple(candidate.tag for candidate in admit(policy, tuple(dict.fromkeys(tags))).highest(limit))


def _preference(candidate: RankedTag, like: RankedTag | None) -> tuple[bool, bool, bool, bool, str]:
    """The order among tags with one key: first those that look like the present tag (the same text around the key; the
    same prefix and number of parts), then the full version, then without the prefix `v`, then the later text.
    """
    prefix, parts = _shape(candidate)
    return (
        like is not None and _around(candidate) == _around(like),
        like is not None and (prefix, parts) == _shape(like),
        parts == 3,
        not prefix,
        candidate.tag,
    )


def _shape(candidate: RankedTag) -> tuple[str, int]:
    parsed = version.parse(candidate.texts[0])
    return (parsed.prefix, parsed.parts) if parsed else ("", 0)


def _around(candidate: RankedTag) -> str:
    """The text of the tag around its key."""
    text = candidate.tag
    for part in candidate.texts:
        text = text.replace(part, "\n", 1) if part else text
    return text
