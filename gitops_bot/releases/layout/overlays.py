"""From the globs of environments, and how they want files to be read, to the overlays in a commit."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from gitops_bot import targets
from gitops_bot.errors import ConfigError, EditError, Problem, bugs_as
from gitops_bot.images.reason import shortlist
from gitops_bot.releases.layout.glob import Glob, any_means, is_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.targets import FileRule, Target

SYMBOLIC_LINK, SUBMODULE = "120000", "160000"
#: The modes of all other files.
REGULAR = frozenset({"100644", "100755"})
#: More places than these are counted, not listed.
_NAMED = 3
FOREIGN = {SYMBOLIC_LINK: "a symbolic link", SUBMODULE: "a submodule"}


@dataclass(frozen=True, slots=True)
class Claim:
    """One glob of one environment; `place` is where it is written, `rules` and `reads` are of the environment."""

    environment: str
    text: str
    place: tuple[str, int, int] | None
    glob: Glob
    rules: tuple[FileRule, ...] = ()
    reads: int = 1

    def problem(self, message: str, advice: str) -> Problem:
        """A problem with the glob, where it is written."""
        return Problem("failed.config", message, advice, *(self.place or ()))

    def without_pins(self, places: Sequence[str], hint: str = "") -> Problem:
        """It matches only files or directories that pin no image; directories end in `/`."""
        named = shortlist([place or "the repository root" for place in places], _NAMED)
        where = "of which no image is read" if self.glob.of_files else "where no image is read"
        message = f"`{self.text}` of environment {self.environment} matches {named}, {where}"
        put = (
            ""
            if self.glob.of_files
            else f"put a {self.glob.file or targets.file_names()[0]} there, name a file of it, or "
        )
        return self.problem(message, f"{put}correct the path{hint}")


@dataclass(frozen=True, slots=True)
class OverlayFile:
    """An overlay that an environment claims: a directory (`.` is the top) and a file in it that holds pins.

    `captures` are what the wildcards of the glob stood for, by name or by number from 1. `by_content`: only the content
    of the file tells whether it holds pins. `named`: the glob matches the file, not its directory.
    """

    directory: str
    file: str
    glob: str
    captures: Mapping[str, str]
    target: Target = field(default=targets.TARGETS[0], compare=False)
    by_content: bool = field(default=False, compare=False)
    named: bool = False

    @property
    def place(self) -> str:
        """The path that the glob found: of the file, or of its directory."""
        return self.file if self.named else self.directory

    def known_by(self, files: Mapping[str, bytes]) -> OverlayFile | None:
        """The same, with the target by the content of the file if necessary; None if it has none.

        `files` are those of its directory, by name.
        """
        name = self.file.rpartition("/")[2]
        if not self.by_content or name not in files:
            return self
        target = targets.by_content(name, files[name], files, self.target.reads)
        return replace(self, target=target) if target is not None else None


class UnreadFile(NamedTuple):
    """A file of an environment that nobody can look into, and what would help."""

    file: str
    why: str
    remedy: str

    @classmethod
    def link(cls, file: str) -> UnreadFile:
        """A symbolic link: what it points to may be anything, also outside of the repository."""
        return cls(file, "a symbolic link is not followed", "list the file that it points to")

    @classmethod
    def sealed(cls, file: str, by: str) -> UnreadFile:
        """A file that is encrypted as a whole."""
        return cls(file, f"encrypted with {by}", "keep its pins in a file that is not encrypted")


@dataclass(frozen=True, slots=True)
class Selection:
    """The overlays of each environment, sorted by path, and what could not be selected.

    `claimed` are the directories (`apps/web/`) and files that an environment claims, including those with problems.
    """

    overlays: Mapping[str, tuple[OverlayFile, ...]]
    problems: tuple[Problem, ...]
    claimed: frozenset[str] = frozenset()
    #: The globs that matched only files whose content will tell, with these places.
    doubtful: tuple[tuple[Claim, tuple[str, ...]], ...] = ()
    #: Files that are links, or encrypted: they are no overlays, and no mistake either.
    unread: tuple[UnreadFile, ...] = ()

    @property
    def targets(self) -> Mapping[str, Target]:
        """The files of all overlays, and what they are."""
        return {overlay.file: overlay.target for overlays in self.overlays.values() for overlay in overlays}

    def with_pins(self, files: Mapping[str, bytes]) -> Selection:
        """With targets by the content of files, and without the files that have none or are encrypted."""
        every = [overlay for overlays in self.overlays.values() for overlay in overlays]
        sealed = {overlay.file: by for overlay in every if (by := targets.sealed_by(files.get(overlay.file, b"")))}
        if not sealed and not any(overlay.by_content for overlay in every):
            return self
        near = contents_by_directory(files)
        overlays = {
            name: tuple(
                known
                for overlay in overlays
                if overlay.file not in sealed and (known := overlay.known_by(near[overlay.directory])) is not None
            )
            for name, overlays in self.overlays.items()
        }
        globs = {(name, overlay.glob) for name in overlays for overlay in overlays[name]}
        globs |= {
            (name, overlay.glob) for name, own in self.overlays.items() for overlay in own if overlay.file in sealed
        }
        empty = (
            claim.without_pins(places)
            for claim, places in self.doubtful
            if (claim.environment, claim.text) not in globs
        )
        unread = (*self.unread, *(UnreadFile.sealed(*each) for each in sorted(sealed.items())))
        problems = (*self.problems, *empty)
        return replace(self, overlays=MappingProxyType(overlays), problems=problems, doubtful=(), unread=unread)


def select(environments: Mapping[str, Environment], tree: Mapping[str, str]) -> Selection:
    """The overlays of each environment in a tree (path -> git mode).

    A directory with two kustomizations, a path that cannot be written, a link or submodule on the way and a glob that
    matches nothing are problems; the others go on. A file that is a link is `unread`.

    Raises:
        ConfigError: two environments claim a file, or a glob cannot be read.
    """
    looked_at = _Tree(tree, max((environment.reads for environment in environments.values()), default=1))
    problems: dict[Problem, None] = {}  # a set that keeps the order
    owners: dict[str, Claim] = {}
    places: dict[Claim, list[str]] = defaultdict(list)
    contested: dict[tuple[Claim, Claim], list[str]] = defaultdict(list)
    selected: dict[str, dict[str, list[OverlayFile]]] = {name: {} for name in environments}
    for claim in _claims(environments):
        blocked = looked_at.on_the_way(claim.glob, wild=False)
        problems |= {_foreign(link, tree[link]): None for link in blocked}
        matched = False
        for place, usable, wrong in looked_at.matching(claim):
            matched = True
            owner = owners.setdefault(place, claim)
            if owner.environment != claim.environment:
                contested[owner, claim].append(
                    place if claim.glob.of_files else min(looked_at.targets_of(place, claim))
                )
            elif owner is claim:
                places[claim].append(place)
                selected[claim.environment][place] = usable
                problems |= dict.fromkeys(wrong)
        if not matched and not blocked:
            problems[looked_at.nothing(claim)] = None
    for file, claim in owners.items():
        directory, slash, name = file.rpartition("/")
        owner = owners.get(directory + slash, claim) if name else claim
        if owner.environment == claim.environment:
            continue
        # One names the file, the other means it with its directory: it is left to the first, unless the second
        # certainly means it too.
        beside = selected[owner.environment].get(directory + slash, [])
        if any(overlay.file == file and not overlay.by_content for overlay in beside):
            contested[owner, claim].append(file)
        else:
            selected[owner.environment][directory + slash] = [overlay for overlay in beside if overlay.file != file]
    if contested:
        raise ConfigError(*(_contest(*pair, files) for pair, files in contested.items()))
    overlays = {
        # A file that one glob names and another means with its directory is one overlay.
        name: tuple({overlay.file: overlay for place in sorted(by_place) for overlay in by_place[place]}.values())
        for name, by_place in selected.items()
    }
    certain = {(name, overlay.glob) for name in overlays for overlay in overlays[name] if not overlay.by_content}
    doubtful = tuple(
        (claim, tuple(own))
        for claim, own in places.items()
        # Where globs are inferred, and have no place in a file, nobody expects anything.
        if claim.place is not None and (claim.environment, claim.text) not in certain
    )
    unread = tuple(UnreadFile.link(file) for file in sorted(looked_at.links_met))
    return Selection(MappingProxyType(overlays), tuple(problems), frozenset(owners), doubtful, unread)


def unclaimed(selection: Selection, tree: Mapping[str, str]) -> tuple[str, ...]:
    """Every file with pins outside of all overlays: bases, components, and what nobody thought of."""
    return tuple(
        path
        for directory, paths in targets.by_directory(tree).items()
        if directory not in selection.claimed
        for path in paths
        if path not in selection.claimed and tree[path] not in FOREIGN
    )


class _Tree:
    """One tree (path -> git mode), and what claims match in it."""

    def __init__(self, tree: Mapping[str, str], reads: int) -> None:
        self._tree = tree
        self._files = targets.by_directory(tree, by_content=True, reads=reads)
        self._links = [path for path, mode in tree.items() if mode in FOREIGN]
        self._directories = sorted(self._files)
        #: The links that would be overlays if they were files.
        self.links_met: set[str] = set()

    def matching(self, claim: Claim) -> Iterator[tuple[str, list[OverlayFile], list[Problem]]]:
        """Every directory (`apps/web/`) or file with pins that a claim's glob matches: its pin files, and problems."""
        glob = claim.glob
        directories = self._all_directories if claim.rules or glob.of_files else self._directories
        for at in range(bisect_left(directories, glob.prefix), len(directories)):
            directory = directories[at]
            if not directory.startswith(glob.prefix):
                return
            try:
                with bugs_as(EditError, directory):
                    yield from self._meant(directory, claim)
            except EditError as error:
                yield directory, [], [replace(error.problem, file=directory.rstrip("/") or ".")]

    def _meant(self, directory: str, claim: Claim) -> Iterator[tuple[str, list[OverlayFile], list[Problem]]]:
        glob = claim.glob
        if not glob.of_files and glob.file is not None and directory + glob.file not in self._files.get(directory, ()):
            return
        for place in self.targets_of(directory, claim) if glob.of_files else (directory,):
            captures = glob.match(place)
            if captures is not None and (glob.of_files or not claim.rules or self.targets_of(directory, claim)):
                yield place, *self._usable(place, claim, captures)

    def targets_of(self, directory: str, claim: Claim) -> Mapping[str, tuple[Target, bool]]:
        """The files of a directory that may hold pins: their targets, and whether only their content can tell.

        Rules of the environment come first, then names. A glob of files also matches beside a kustomization.
        """
        every = claim.glob.of_files
        reads = claim.reads
        named = (path for path in self._names[directory] if targets.may_hold_pins(path, reads)) if every else ()
        files = named if every else self._files.get(directory, ())
        readers = {
            directory + name: (target, targets.target_of(name) is None)
            for name, target in targets.in_directory([file.rpartition("/")[2] for file in files], reads).items()
        }
        for file in self._names[directory] if claim.rules else ():
            if (target := target_by_rules(claim.rules, file)) is not None:
                readers[file] = (target, False)
        return readers

    def _usable(self, place: str, claim: Claim, captures: Mapping[str, str]) -> tuple[list[OverlayFile], list[Problem]]:
        """The pin files of a directory, or the one file, and problems with others."""
        files: list[OverlayFile] = []
        problems: list[Problem] = []
        directory = place.rpartition("/")[0]
        readers = self.targets_of(f"{directory}/" if directory else "", claim)
        if claim.glob.of_files:
            readers = {place: readers[place]} if place in readers else {}
        elif claim.glob.file is not None:
            meant = targets.target_of(claim.glob.file, claim.reads)
            readers = {file: reader for file, reader in readers.items() if reader[0] == meant}
        alone = [file for file, (target, _) in readers.items() if target.ALONE]
        if len(alone) > 1:
            names = " and ".join(file.rpartition("/")[2] for file in sorted(alone))
            noun = readers[alone[0]][0].NOUN
            where = f"{directory}/" if directory else "the repository root"
            message = f"{where} has {names}; a directory has one {noun}"
            problems.append(Problem("failed.edit", message, "keep one of them", min(alone)))
        for file in sorted(readers.keys() - (alone if len(alone) > 1 else ())):
            target, by_content = readers[file]
            if not claim.glob.means(directory or ".", file):
                continue
            if not is_path(file):
                message = f"{file!r} is not written: it has control characters, or git keeps it for itself"
                problems.append(Problem("failed.edit", message, "rename the file or directory", repr(file)[1:-1]))
            elif (mode := self._tree[file]) not in FOREIGN:
                files.append(
                    OverlayFile(directory or ".", file, claim.text, captures, target, by_content, claim.glob.of_files)
                )
            elif mode == SYMBOLIC_LINK and not by_content:
                self.links_met.add(file)
            elif not by_content:
                problems.append(_foreign(file, mode))
        return files, problems

    def on_the_way(self, glob: Glob, *, wild: bool) -> list[str]:
        """Links and submodules in the way of a glob; git has nothing below them. `wild`: also in that of wildcards."""
        links = (f"{link}/" for link in self._links)
        near = [link[:-1] for link in links if link.startswith(glob.prefix) or glob.prefix.startswith(link)]
        ways = list(glob.on_the_way(wild=wild)) if near else []
        return [link for link in near if any(way.match(f"{link}/") for way in ways)]

    def nothing(self, claim: Claim) -> Problem:
        """Why a glob matches nothing."""
        glob = claim.glob
        if glob.of_files:
            message = f"`{claim.text}` of environment {claim.environment} matches no file"
            return claim.problem(message, "correct the path, which is relative to the repository root")
        bare = [directory for directory in self._every_directory if glob.match(directory) is not None]
        met = self.on_the_way(glob, wild=True)
        hint = f"; {met[0]} is {FOREIGN[self._tree[met[0]]]}, which gitops-bot does not follow" if met else ""
        if not bare:
            left = " that `exclude` leaves" if glob.exclude else ""
            message = f"`{claim.text}` of environment {claim.environment} matches no directory{left}"
            return claim.problem(message, f"correct the path, which is relative to the repository root{hint}")
        return claim.without_pins(bare, hint)

    @cached_property
    def _names(self) -> Mapping[str, list[str]]:
        files: dict[str, list[str]] = defaultdict(list)
        for path in self._tree:
            directory, slash, _ = path.rpartition("/")
            files[directory + slash].append(path)
        return files

    @cached_property
    def _all_directories(self) -> list[str]:
        return sorted(self._names)

    @cached_property
    def _every_directory(self) -> list[str]:
        ends = ((directory, at) for directory in self._names for at, char in enumerate(directory, 1) if char == "/")
        return sorted({directory[:end] for directory, end in ends})


def _foreign(path: str, mode: str) -> Problem:
    message = f"{FOREIGN[mode]} is not followed"
    return Problem("failed.edit", message, "use the directory that really holds the files", path)


def _claims(environments: Mapping[str, Environment]) -> Iterator[Claim]:
    """Every glob of every environment, in the order of the file.

    Raises:
        ConfigError: globs that cannot be read, at the end, after all that can.
    """
    wrong: list[Problem] = []
    for name, environment in environments.items():
        places = environment.places
        for at, text in enumerate(environment.overlays):
            place = places[at] if at < len(places) else None
            try:
                glob = Glob.parse(text, environment.exclude)
                yield Claim(name, text, place, glob, environment.targets, environment.reads)
            except ValueError as error:
                wrong.append(Problem("failed.config", str(error), "correct the glob", *(place or ())))
    if wrong:
        raise ConfigError(*wrong)


def target_by_rules(rules: Sequence[FileRule], file: str) -> Target | None:
    """The target by the first rule for a file; None if there is none."""
    directory, _, name = file.rpartition("/")
    named = (rule for rule in rules if any(fnmatchcase(name, wanted) for wanted in rule.names))
    return next((rule.target for rule in named if any_means(rule.overlays, directory or ".", file)), None)


def contents_by_directory(files: Mapping[str, bytes]) -> Mapping[str, Mapping[str, bytes]]:
    """Files by their names, those of each directory (`.` is the top)."""
    directories: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for path, data in files.items():
        directories[posixpath.dirname(path) or "."][posixpath.basename(path)] = data
    return directories


def _contest(first: Claim, second: Claim, files: list[str]) -> Problem:
    """Two environments claim these files."""
    more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
    message = (
        f"{files[0]}{more} is claimed by two environments: {first.environment} (`{first.text}`) and "
        f"{second.environment} (`{second.text}`)"
    )
    return second.problem(message, "narrow one of the two globs: a file belongs to one environment")
