"""Which overlays of two environments are the same application: those whose globs captured the same.

`apps/*/overlays/staging` and `apps/*/overlays/production` correspond if the wildcard stood for the same. Captures with
a name (`{app}`) are compared by that name, and those that only one side has are free: `clusters/{cluster}/{app}` gets
one `staging/{app}` in every cluster. Wildcards without a name are compared in their order.

Overlays without wildcards capture nothing. One on each side are a pair; of several, two are if their paths differ in
one part only (`apps/web/staging`, `apps/web/production`).
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images.reference import Pin
from gitops_bot.releases.layout.glob import Glob, one_part_open
from gitops_bot.releases.layout.inference import environment_in

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.releases.decisions import EntryKey, Managed
    from gitops_bot.releases.layout.overlays import OverlayFile
    from gitops_bot.targets import Target


def pairs(
    source: Sequence[OverlayFile], target: Sequence[OverlayFile]
) -> Iterator[tuple[OverlayFile, list[list[OverlayFile]]]]:
    """Each file of the target, with the files of every overlay of the source that corresponds; there may be many."""
    by_glob: defaultdict[str, list[OverlayFile]] = defaultdict(list)
    plain: list[OverlayFile] = []
    for overlay_file in source:
        (by_glob[overlay_file.glob] if Glob.parse(overlay_file.glob).names else plain).append(overlay_file)
    alone = {overlay_file.place for overlay_file in target if not Glob.parse(overlay_file.glob).names}
    by_path = _by_path(plain)
    single = len(alone) == 1 == len({overlay_file.place for overlay_file in plain})

    @cache
    def by_captures(text: str, names: tuple[str, ...]) -> dict[tuple[str, ...], list[OverlayFile]]:
        """The source's overlays of one glob, by what it captured under these names."""
        index: defaultdict[tuple[str, ...], list[OverlayFile]] = defaultdict(list)
        for overlay_file in by_glob[text]:
            index[_capture_key(overlay_file, Glob.parse(text), names)].append(overlay_file)
        return index

    def alike(overlay_file: OverlayFile) -> Iterator[OverlayFile]:
        glob = Glob.parse(overlay_file.glob)
        if not glob.names:
            keys = one_part_open(overlay_file.place)
            yield from plain if single else chain.from_iterable(by_path.get(key, ()) for key in keys)
            return
        # The nearest counts: equal in more captures, then with fewer that stay free.
        ranked: defaultdict[tuple[int, int], list[OverlayFile]] = defaultdict(list)
        for text in by_glob:
            if (names := _common(Glob.parse(text), glob)) is not None:
                same = by_captures(text, names).get(_capture_key(overlay_file, glob, names), ())
                ranked[-len(names), len(Glob.parse(text).names) - len(names)] += same
        yield from next((ranked[rank] for rank in sorted(ranked) if ranked[rank]), ())

    for overlay_file in target:
        by_place: defaultdict[str, list[OverlayFile]] = defaultdict(list)
        for partner in alike(overlay_file):
            by_place[partner.place].append(partner)
        yield overlay_file, [by_place[place] for place in sorted(by_place)]


def _by_path(overlays: Sequence[OverlayFile]) -> Mapping[tuple[str, ...], Sequence[OverlayFile]]:
    index: defaultdict[tuple[str, ...], list[OverlayFile]] = defaultdict(list)
    for overlay_file in overlays:
        for key in one_part_open(overlay_file.place):
            index[key].append(overlay_file)
    return index


def impossible(source: Sequence[str], target: Sequence[str]) -> str | None:
    """Why the globs of two environments cannot correspond, as a sentence; None if they can.

    Only the target may have an overlay without wildcards; a glob with wildcards must have a partner.

    Raises:
        ValueError: a glob cannot be read.
    """
    shapes = {glob.names: glob for glob in map(Glob.parse, source)}.values()  # the names are all that counts
    others = [Glob.parse(text) for text in target]
    lonely = [glob for glob in others if all(_common(shape, glob) is None for shape in shapes)]
    # One with wildcards first: that is the mistake, where there is one.
    lonely.sort(key=lambda glob: not glob.names)
    if not lonely or (len(lonely) < len(others) and not lonely[0].names):
        return None
    glob = lonely[0]
    listed = ", ".join(f"`{text}`" for text in source)
    advice = (
        "use as many unnamed wildcards on both sides, or write `{app}` in both for the part that names the application"
    )
    named = next((name for shape in (glob, *shapes) for name in reversed(shape.names) if not name.isdigit()), "app")
    first, second = _name_last(source, named), _name_last(target if not glob.names else [glob.text], named)
    if first and second and _common(Glob.parse(first), Glob.parse(second)) is not None:
        advice = f"write `{first}` and `{second}`"
    captures = ", ".join("a wildcard" if name.isdigit() else f"`{{{name}}}`" for name in glob.names) or "nothing"
    return f"`{glob.text}` captures {captures}, which nothing in {listed} can match: {advice}"


def _name_last(globs: Sequence[str], name: str) -> str | None:
    """One of the globs with `{name}` for the part that most likely names the application; None if that is not clear.

    That is the last wildcard, else the only part in which the paths differ, or the last that names no environment.
    """
    paths = [text.removesuffix("/").split("/") for text in globs]
    wild = next((parts for parts in paths if any(set("*?{") & set(part) for part in parts)), None)
    parts = list(wild or paths[0])
    if wild is not None:
        places = [at for at, part in enumerate(parts) if part[0] in "*{"]
    elif len(paths) == 1:
        places = [at for at, part in enumerate(parts) if not environment_in(part)][-1:]
    else:
        places = [at for at, column in enumerate(zip(*paths, strict=False)) if len(set(column)) > 1]
        places = places if len(places) == 1 == len(set(map(len, paths))) else []
    if not places or any(set("*?{") & set(part) and part != "*" and part[:: len(part) - 1] != "{}" for part in parts):
        return None  # what a part has beside a wildcard would be lost
    for number, at in enumerate(places, 1):
        parts[at] = "{cluster}" if parts[at] == "*" and number == 1 else parts[at].replace("*", f"{{part{number}}}")
    parts[places[-1]] = f"{{{name}}}"
    names = [part for part in parts if part[0] == "{"]
    return "/".join(parts) if len(set(names)) == len(names) else None


def check(environments: Mapping[str, Environment]) -> None:
    """Refuse promotions between environments whose globs cannot correspond in any tree.

    Raises:
        ConfigError: for each of them, where the promotion is written.
        ValueError: a glob cannot be read; where a selection was made of them, all can.
    """
    wrong = []
    for name, environment in environments.items():
        if (promotion := environment.promotion) is None:
            continue
        why = impossible(environments[promotion.source].overlays, environment.overlays)
        if why is not None:
            message = f"{name} cannot be promoted from {promotion.source}: {why}"
            advice = f"correct the `overlays` of one of the two, or remove `promote_from` of {name}"
            wrong.append(Problem("failed.config", message, advice, *promotion.place))
    if wrong:
        raise ConfigError(*wrong)


def between(
    source: Sequence[OverlayFile],
    target: Sequence[OverlayFile],
    entries: Mapping[str, Sequence[Managed]],
    taken: Container[EntryKey],
) -> dict[EntryKey, tuple[Managed, ...]]:
    """The entries of the target that the source has too, by their keys: each with its `partners`.

    `entries` are those of each file.
    """
    known: dict[EntryKey, tuple[Managed, ...]] = {}
    for mine, sources in pairs(source, target):
        own = entries.get(mine.file, ())
        overlays = [[(its.target, entry) for its in files for entry in entries.get(its.file, ())] for files in sources]
        for entry in own:
            of_overlays = (partners(entry, mine.target, own, overlay, taken) for overlay in overlays)
            if its_partners := tuple(chain.from_iterable(of_overlays)):
                known[entry.key] = its_partners
    return known


def partners(
    entry: Managed,
    target: Target,
    own: Iterable[Managed],
    source: Sequence[tuple[Target, Managed]],
    taken: Container[EntryKey] = (),
) -> Sequence[Managed]:
    """The entry of a source's overlay that an entry of the target stands for: by `name`, else by repository.

    Several if nobody can tell which one it is.

    Names are compared in files of one kind, first in the file with the same name: two files of values beside each other
    both have an `image`. `taken` are the keys of entries that have a partner in their own file. Repositories are
    compared unless another entry (of `own`, those of the file) has the same: first in files of the same kind; of
    several with the same tag, the one that pins its digest too. `source` has entries with the targets of their files.
    """
    if entry.choices:
        return ()  # which slot is live is a matter of each environment
    of_one_kind = [other for its, other in source if type(its) is type(target)]
    named = {posixpath.basename(other.file): other for other in of_one_kind if other.name == entry.name}
    if (alike_in := named.get(posixpath.basename(entry.file))) is not None:
        return (alike_in,)
    directory = posixpath.dirname(entry.file)
    free = [other for file, other in named.items() if (posixpath.join(directory, file), entry.name) not in taken]
    image = entry.repository
    if len(free) == 1 or image is None or any(rival.repository == image and rival.name != entry.name for rival in own):
        return free
    for others in (of_one_kind, [other for _, other in source]):
        if alike := [other for other in others if other.repository == image]:
            fullest = max(alike, key=lambda other: other.pin.digest is not None)
            return (fullest,) if all(other.pin in (fullest.pin, Pin(fullest.pin.tag)) for other in alike) else alike
    return free


def _common(glob: Glob, other: Glob) -> tuple[str, ...] | None:
    """The names that both globs capture; None if nothing that they capture can be compared."""
    if _unnamed(glob) != _unnamed(other):
        return None
    names = tuple(name for name in glob.names if name in other.names and not name.isdigit())
    return names if names or _unnamed(glob) or not (glob.names or other.names) else None


def _unnamed(glob: Glob) -> int:
    return sum(name.isdigit() for name in glob.names)


def _capture_key(overlay_file: OverlayFile, glob: Glob, names: Sequence[str]) -> tuple[str, ...]:
    """What was captured under these names, and by the wildcards without one, in their order."""
    return tuple(overlay_file.captures[name] for name in (*names, *(name for name in glob.names if name.isdigit())))
