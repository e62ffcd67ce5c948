"""How much of a repository is kept current: which entries of environments, and what no environment claims."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.images.reason import Unmanaged, counted
from gitops_bot.releases.layout.glob import one_part_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.images.kinds import Rules
    from gitops_bot.images.reason import Why
    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.causes import Cause, OutsideFile
    from gitops_bot.releases.layout.inventory import Unread
    from gitops_bot.releases.layout.overlays import UnreadFile

#: `tracked` by a policy, `promoted` from another environment.
Kind = Literal["tracked", "promoted", "ignored"]
#: What no rule can move, and whose cause stands in the files.
_CAUSES: Final[Mapping[Why, Cause]] = {"overridden": "overridden", "placeholder": "template"}


@dataclass(frozen=True, slots=True)
class UnmanagedGroup:
    """Entries that are unmanaged for one reason; `pin` is the first one's."""

    why: Why
    alike: str
    entries: tuple[Managed, ...]
    pin: Pin


@dataclass(frozen=True, slots=True)
class OutsideEntries:
    """Entries of one directory that no environment claims, or pins of it that need no updates, with the cause."""

    overlay: str
    cause: Cause | None
    entries: int


@dataclass(frozen=True, slots=True)
class Outside:
    """The pins that need no updates, and entries that no environment claims. `skipped` further files were not read."""

    items: tuple[OutsideEntries, ...] = ()
    skipped: int = 0

    @property
    def entries(self) -> int:
        """How many there are."""
        return sum(item.entries for item in self.items)

    @property
    def folders(self) -> Mapping[str, int]:
        """How many without a cause each directory has."""
        return {item.overlay: item.entries for item in self.items if item.cause is None}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What becomes of every entry; `inferred` without a configuration.

    `suggested`: nothing is kept current, and `init` would keep so many entries current.
    `exempt` are tracked, and pass the `checks` and `deployment` that their environment requires of promotions. `unread`
    are images that are no entries; there may be more where not all files were searched, which `complete` says, and in
    `unread_files` of the environments, which are links or encrypted.
    """

    tracked: int = 0
    promoted: int = 0
    ignored: tuple[Managed, ...] = ()
    groups: tuple[UnmanagedGroup, ...] = ()
    outside: Outside = Outside()
    inferred: bool = False
    suggested: int | None = None
    exempt: tuple[Managed, ...] = ()
    unread: tuple[Unread, ...] = ()
    complete: bool = True
    unread_files: tuple[UnreadFile, ...] = ()

    @property
    def unmanaged(self) -> int:
        """How many entries of the environments nothing keeps current."""
        return sum(len(group.entries) for group in self.groups)

    @property
    def entries(self) -> int:
        """How many entries the environments have."""
        return self.tracked + self.promoted + len(self.ignored) + self.unmanaged

    @property
    def total(self) -> int:
        """How many entries the repository has, with what needs no updates by a cause."""
        return self.entries + self.outside.entries

    @property
    def pins(self) -> int:
        """How many images with a tag or a digest the repository has."""
        return self.total + len(self.unread)

    @property
    def unread_text(self) -> str:
        """How many pins are not read, in how many files, and why."""
        from gitops_bot.releases.layout.inventory import UNREAD

        why = Counter(each.why for each in self.unread)
        reasons = ", ".join(
            f"{number if len(why) > 1 else ''} {UNREAD[each]}".strip() for each, number in why.most_common()
        )
        pins = f"{'' if self.complete else 'at least '}{counted(len(self.unread), 'pin')}"
        files = counted(len({each.file for each in self.unread}), "file")
        return f"{pins} in {files} {'is' if len(self.unread) == 1 else 'are'} not read: {reasons}"


def outside(
    files: Iterable[OutsideFile], skipped: int = 0, more: Mapping[tuple[str, Cause], int] = MappingProxyType({})
) -> Outside:
    """Add up the entries of files that no environment claims, and `more` by directory and cause."""
    counts: Counter[tuple[str, Cause | None]] = Counter(
        (file.directory, cause) for file in files for cause in file.causes
    )
    counts.update(more)
    return Outside(tuple(OutsideEntries(*key, number) for key, number in counts.items()), skipped)


def kind(rules: Rules, *, promoted: bool) -> Kind | Unmanaged:
    """What becomes of an entry; `promoted`: its environment's source has it, and it has no policy of its own."""
    if rules.unmanaged is not None and rules.unmanaged.why == "overridden":
        return rules.unmanaged
    if rules.ignore:
        return "ignored"
    if promoted:
        return "promoted"
    return rules.unmanaged if rules.unmanaged is not None else "tracked"


def cover(kinds: Iterable[tuple[Managed, Pin, Kind | Unmanaged]], outside: Outside, *, inferred: bool) -> Coverage:
    """Add up what becomes of the entries, the largest group first."""
    counts: Counter[str] = Counter()
    ignored: list[Managed] = []
    groups: dict[tuple[Why, str], list[tuple[Managed, Pin]]] = defaultdict(list)
    outside_by: Counter[tuple[str, Cause | None]] = Counter()
    for entry, pin, kind in kinds:
        if isinstance(kind, Unmanaged) and (cause := _CAUSES.get(kind.why)) is not None:
            outside_by[entry.overlay, cause] += 1
        elif isinstance(kind, Unmanaged):
            groups[kind.why, kind.alike].append((entry, pin))
        elif kind == "ignored":
            ignored.append(entry)
        else:
            counts[kind] += 1
    alike_groups = tuple(
        UnmanagedGroup(why, alike, tuple(entry for entry, _ in items), items[0][1])
        for (why, alike), items in sorted(groups.items(), key=lambda group: -len(group[1]))
    )
    items = tuple(OutsideEntries(*key, number) for key, number in outside_by.items())
    outside = replace(outside, items=(*items, *outside.items))
    return Coverage(counts["tracked"], counts["promoted"], tuple(ignored), alike_groups, outside, inferred)


def fold_folders(folders: Mapping[str, int]) -> Sequence[tuple[str, int]]:
    """Directories as globs, with `*` for a part in which several differ; the most entries first."""
    alike: Counter[tuple[str, ...]] = Counter()
    for folder in folders:
        alike.update(one_part_open(folder))
    counts: Counter[str] = Counter()
    for folder, entries in folders.items():
        # The part that most of the others differ in; of two, the one nearer to the top.
        best = max(one_part_open(folder), key=lambda parts: alike[parts])
        counts["/".join(best) if alike[best] > 1 else folder] += entries
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
