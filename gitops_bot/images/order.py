"""The order of tags under a policy."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from gitops_bot.images import expression, version
from gitops_bot.images.floating import is_floating
from gitops_bot.images.kinds import ByText, Follow, Newest, Order, Pattern, Policy, Semver
from gitops_bot.images.listing import candidates
from gitops_bot.images.reference import is_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A version key, an exact number or a text; keys of one policy compare with one another.
SortKey = Any
_FRACTION = re.compile(r"[0-9]+\.[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a tag in the order: its key, and the text of the key (the tag, or what its named group matched)."""

    tag: str
    key: SortKey
    text: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """The tags that a policy admits, with their keys and the texts of the keys.

    Parallel lists instead of a list of `Place`: 100,000 objects would cost more than all the rest. `matched` counts
    the tags that the policy's expression matched, were they of the wanted kind or not.
    """

    tags: list[str]
    keys: list[SortKey]
    texts: list[str]
    matched: int

    def only(self, kept: Sequence[int]) -> Admitted:
        """Those at the indexes `kept`."""
        if len(kept) == len(self.tags):
            return self
        tags = [self.tags[at] for at in kept]
        texts = tags if self.texts is self.tags else [self.texts[at] for at in kept]
        return Admitted(tags, [self.keys[at] for at in kept], texts, self.matched)

    def best(self, like: Place | None = None) -> Place | None:
        """The tag with the highest key; among equal keys the one that `_preference` prefers."""
        if not self.tags:
            return None
        highest, at, equals = max(self.keys), -1, []
        for _ in range(self.keys.count(highest)):
            at = self.keys.index(highest, at + 1)
            equals.append(Place(self.tags[at], highest, self.texts[at]))
        return max(equals, key=lambda place: _preference(place, like))


def admitted(policy: Policy, tags: Sequence[str]) -> Admitted:
    """What the policy admits of a registry's list, in no order. By build time all keys are equal: texts have none."""
    found = candidates(tags)
    match policy:
        case Follow(tag):
            found = [tag] if tag in found else []
            return Admitted(found, found, found, len(found))
        case Semver(range=versions, prereleases=prereleases):
            texts = found
            if policy.pattern is not None:
                found, texts = expression.scan(policy.pattern, found)
            known = _keyed(found, version.keys(texts), texts)
            return known.only(versions.inside(known.keys, prereleases=prereleases))
        case Pattern(expression=regular, order=order):
            found, texts = expression.scan(regular, found)
            return _keyed(found, _keys(order, texts), texts)
        case Newest(expression=regular):
            found, texts = expression.scan(regular, found)
            return Admitted(found, [()] * len(found), texts, len(found))
    assert_never(policy)


def _keys(order: Order, texts: list[str]) -> list[Any]:
    match order:
        case "semver":
            return version.keys(texts)
        case "numerical":
            return _numbers(texts)
        case "alphabetical":
            return texts
    assert_never(order)


def admits(policy: Policy, tag: str) -> bool:
    """Whether the policy may choose this tag."""
    return bool(admitted(policy, [tag]).tags)


def _keyed(tags: list[str], keys: list[Any], texts: list[str]) -> Admitted:
    """Drops the tags whose text the policy cannot order."""
    every = Admitted(tags, keys, texts, len(tags))
    return every.only([at for at, key in enumerate(keys) if key is not None]) if None in keys else every


def place(policy: Policy, tag: str) -> Place | None:
    """The place of a tag by its text, whether the policy admits it or not; None if it has no order.

    A tag that the policy's expression does not match is read whole, so that a present `1.4.2` holds back a
    `1.3.0-alpine`. By letters only a tag that does not move by nature: `latest` is no later than `2024-01-05`.
    """
    if not is_tag(tag):
        return None
    match policy:
        case Follow() | Newest():
            return None
        case Semver(pattern=pattern):
            order: Order = "semver"
        case Pattern(expression=pattern, order=order):
            pass
        case _:
            assert_never(policy)
    text = expression.extract(pattern, tag) if pattern is not None else tag
    match order:
        case "semver":
            parsed = version.parse(text or tag)
            key: SortKey = parsed.key if parsed else None
        case "numerical":
            key = _number(text or tag)
        case "alphabetical":
            key = text or (None if is_floating(tag) else tag)
        case _:
            assert_never(order)
    return None if key is None else Place(tag, key, text or tag)


def compare(policy: Policy | None, left: str, right: str) -> int | None:
    """The order of two tags by the policy's key, ignoring ranges: -1, 0, 1; None if unknown.

    Without a policy: by version where both are full versions (`v1.2.3`, `1.2.3-rc.1`).
    """
    if left == right:
        return 0
    if policy is None:
        full = [parsed.key for parsed in map(version.parse, (left, right)) if parsed and parsed.parts == 3]
        return (full[0] > full[1]) - (full[0] < full[1]) if len(full) == 2 else None
    one, other = place(policy, left), place(policy, right)
    if one is None or other is None:
        return None
    if one.key == other.key:
        return 0
    return 1 if one.key > other.key else -1


def ranked(policy: ByText, tags: Sequence[str], limit: int) -> tuple[str, ...]:
    """The tags that the policy admits, best first, at most `limit`, each once."""
    found = admitted(policy, tuple(dict.fromkeys(tags)))
    if limit < 1 or not found.tags:
        return ()
    least = heapq.nlargest(limit, found.keys)[-1]
    places = [Place(found.tags[at], key, found.texts[at]) for at, key in enumerate(found.keys) if key >= least]
    places.sort(key=lambda place: (place.key, _preference(place, None)), reverse=True)
    return tuple(place.tag for place in places[:limit])


def _preference(candidate: Place, like: Place | None) -> tuple[bool, bool, bool, bool, str]:
    """The order among tags with one key, the same whatever the order of the list.

    First those that look like the present tag (the same text around the key; the same prefix and number of parts),
    then the full version (1.2.0 before 1.2), then without the prefix `v`, then the later text.
    """
    prefix, parts = _shape(candidate.text)
    return (
        like is not None and _around(candidate) == _around(like),
        like is not None and (prefix, parts) == _shape(like.text),
        parts == 3,
        not prefix,
        candidate.tag,
    )


def _shape(text: str) -> tuple[str, int]:
    parsed = version.parse(text)
    return (parsed.prefix, parsed.parts) if parsed else ("", 0)


def _around(place: Place) -> str:
    return place.tag.replace(place.text, "\n", 1)


def _numbers(texts: list[str]) -> list[SortKey]:
    if "".join(texts).isdecimal():
        return list(map(int, texts))  # no text is empty; nearly every list that people order by number
    return [_number(text) for text in texts]


def _number(text: str) -> SortKey:
    if text.isdecimal():
        return int(text)
    if not _FRACTION.match(text):
        return None
    from fractions import Fraction

    return Fraction(text)
