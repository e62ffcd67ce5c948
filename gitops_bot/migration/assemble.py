"""What tools keep current, put together as environments: those that deploy, else those that the directories suggest.

A directory goes into the first environment of its name in which no image has two rules and everything is proposed in
one way; a further one is named after what asks for it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images.reference import ImageName
from gitops_bot.migration import rules
from gitops_bot.migration.rules import Gap
from gitops_bot.releases.layout.folding import fold
from gitops_bot.releases.layout.inference import environment_in, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gitops_bot.migration.rules import ImageRule, Tracked
    from gitops_bot.releases.decisions import EntryKey, Managed

#: The environment of what no name tells.
_OTHER: Final = "default"
#: Lines between a marker and the entry that it stands in.
_NEAR: Final = 4
#: Groups that one environment may have.
_MOST_GROUPS: Final = 100


@dataclass(frozen=True, slots=True)
class MigratedEnvironment:
    """An environment: its overlays, and the rule of each image, by how `gitops-bot.yaml` names it."""

    name: str
    overlays: tuple[str, ...]
    images: Mapping[str, ImageRule]
    propose: Mapping[str, Any]
    #: Which files only `targets` can tell to hold pins, or where in them: as `gitops-bot.yaml` has it.
    targets: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Migration:
    """What the settings of other tools mean: environments, the branch, and what has no counterpart."""

    peers: tuple[str, ...]
    environments: tuple[MigratedEnvironment, ...]
    gaps: tuple[Gap, ...]
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory or a file: the rule of each of its images, None for those that the tool leaves alone."""

    path: str
    name: str
    hint: str
    #: By the repository, or the name of an entry; with how it is written.
    rules: Mapping[str, tuple[str, ImageRule | None]]
    propose: Mapping[str, Any]


@dataclass(slots=True)
class _Growing:
    places: list[_Place]
    rules: dict[str, tuple[str, ImageRule | None]]

    def takes(self, place: _Place) -> bool:
        """Whether a place of the same name has no other rule for any image, and is proposed in the same way."""
        first = self.places[0]
        return (first.name, first.propose) == (place.name, place.propose) and all(
            key not in self.rules or self.rules[key][1] == rule for key, (_, rule) in place.rules.items()
        )


def assemble(
    tracked: Sequence[Tracked],
    entries: Mapping[str, Sequence[Managed]],
    words: Mapping[str, str],
    existing: Collection[str],
    kinds: Mapping[str, Mapping[str, Any]],
) -> tuple[tuple[MigratedEnvironment, ...], list[Gap]]:
    """The environments for what is tracked, and what of it has no entry. `entries` are those of each place, `words` the
    environments that directories suggest, `existing` all directories, `kinds` what `targets` says of files.
    """
    gaps: list[Gap] = []
    by_place: dict[str, list[Tracked]] = defaultdict(list)
    for image in tracked:
        by_place[image.place].append(image)
    growing: list[_Growing] = []
    for path, asked in by_place.items():
        place = _place(path, asked, entries.get(path, ()), words, gaps)
        if all(rule is None for _, rule in place.rules.values()):
            continue
        if fitting := next((grown for grown in growing if grown.takes(place)), None):
            fitting.places.append(place)
            fitting.rules |= place.rules
        else:
            growing.append(_Growing([place], dict(place.rules)))
    order = {name: at for at, name in enumerate(in_order({grown.places[0].name for grown in growing}))}
    growing.sort(key=lambda grown: order.get(grown.places[0].name, len(order)))
    environments: list[MigratedEnvironment] = []
    taken: set[str] = set()
    for environment in growing:
        first = environment.places[0]
        name = rules.as_name(f"{first.name}-{first.hint}", first.name) if first.name in taken else first.name
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        name = next(free for free in itertools.chain([name], numbered) if free not in taken)
        taken.add(name)
        paths = {place.path for place in environment.places}
        folders = paths & set(existing)
        images = {written: rule for written, rule in environment.rules.values() if rule is not None}
        overlays = (*fold(folders, existing), *sorted(paths - folders))
        targets = tuple(_targets({path: kinds[path] for path in sorted(paths & kinds.keys())}))
        propose = {**first.propose, **_grouping(images)}
        environments.append(MigratedEnvironment(name, overlays, dict(sorted(images.items())), propose, targets))
    return tuple(environments), gaps


def _place(
    path: str, asked: Sequence[Tracked], entries: Sequence[Managed], words: Mapping[str, str], gaps: list[Gap]
) -> _Place:
    placed: dict[EntryKey, tuple[Managed, ImageRule]] = {}
    for image in asked:
        matching = _matching(image, entries)
        if not matching:
            what = f"{image.repository[:200] or 'an image'}: {path[:200]} has no entry for it that gitops-bot can edit"
            gaps.append(Gap(*(image.within or image.source), what, "see `targets` in the configuration reference"))
        for entry in matching:
            if placed.setdefault(entry.key, (entry, image.rule))[1] != image.rule:
                what = f"{entry.image[:200]} in {path[:200]} has two different rules; the first one is kept"
                gaps.append(Gap(*image.source, what))
    hints = [hint for image in asked for hint in image.hints]
    word = words.get(path) or words.get(path.rpartition("/")[0]) or environment_in(path)
    word = word or next((word for hint in hints if (word := environment_in(hint))), None)
    ruled = _by_image(entries, {key: rule for key, (_, rule) in placed.items()})
    return _Place(path, word or _OTHER, hints[0] if hints else "", ruled, asked[0].propose)


def _matching(tracked: Tracked, entries: Sequence[Managed]) -> list[Managed]:
    image = ImageName.of(tracked.repository)
    if tracked.within is None:
        return [entry for entry in entries if _has_image(entry, image) or entry.name == tracked.entry]
    file, line = tracked.within
    near = [entry for entry in entries if entry.file == file and abs(entry.line - line) <= _NEAR]
    # The entry that begins on the line of the marker, or last before it; its repository may stand there too.
    near.sort(key=lambda entry: (not _has_image(entry, image), entry.line > line, abs(entry.line - line)))
    return near[:1]


def _has_image(entry: Managed, image: ImageName | None) -> bool:
    return image is not None and image in (entry.repository, ImageName.of(entry.name))


def _by_image(
    entries: Sequence[Managed], ruled: Mapping[EntryKey, ImageRule]
) -> dict[str, tuple[str, ImageRule | None]]:
    """The rules by repository where each entry of it has the same one, else by the names of entries."""
    by_repository: dict[str, list[Managed]] = defaultdict(list)
    for entry in entries:
        by_repository[str(entry.repository or entry.name)].append(entry)
    rules_by_image: dict[str, tuple[str, ImageRule | None]] = {}
    for repository, same in by_repository.items():
        first = ruled.get(same[0].key)
        if all(ruled.get(entry.key) == first for entry in same):
            # As people wrote it, where that is the repository too.
            named = ImageName.of(same[0].name) == same[0].repository
            rules_by_image[repository] = (same[0].name if named else same[0].image, first)
        else:
            rules_by_image |= {entry.name: (entry.name, ruled.get(entry.key)) for entry in same}
    return rules_by_image


def _group(text: str) -> str:
    """A name for a group; two words mean something else there."""
    name = rules.as_name(text, "group")
    return f"group-{name}" if name.lower() == "all" or name.lower().startswith("rollback") else name


def _targets(kinds: Mapping[str, Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """One rule for files of which the same is to be said; by their paths too where others are called the same."""
    alike: dict[str, list[str]] = defaultdict(list)
    for path, target in kinds.items():
        alike[repr(target)].append(path)
    called = Counter(name for paths in alike.values() for name in {path.rpartition("/")[2] for path in paths})
    for paths in alike.values():
        names = sorted({path.rpartition("/")[2] for path in paths})
        only = {"overlays": paths} if any(called[name] > 1 for name in names) else {}
        target = kinds[paths[0]]
        yield {"kind": target["kind"], "files": names, **only, **target}


def _grouping(images: Mapping[str, ImageRule]) -> Mapping[str, Any]:
    """Which images share a proposal, where the tool has such a thing; all of the environment need no word."""
    by_group: dict[str, list[str]] = defaultdict(list)
    for image, rule in images.items():
        if rule.group is not None and rule.policy is not None:
            by_group[rule.group].append(image)
    alone = by_group.pop("", [])
    if not by_group or len(by_group) + len(alone) > _MOST_GROUPS:
        return {"group": "image"} if alone or by_group else {}
    if not alone and len(by_group) == 1:
        return {}
    named = [{"name": _group(name), "images": sorted(own)} for name, own in sorted(by_group.items())]
    named += [{"name": _group(image), "images": [image]} for image in sorted(alone)]
    return {"group": named} if len({group["name"] for group in named}) == len(named) else {"group": "image"}
