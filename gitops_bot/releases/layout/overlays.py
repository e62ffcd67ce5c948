"""From the globs of the environments to the overlays that a commit has."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from gitops_bot import targets
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.releases.layout.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYMBOLIC_LINK, SUBMODULE = "120000", "160000"
_FOREIGN = {SYMBOLIC_LINK: "a symbolic link", SUBMODULE: "a submodule"}
#: More of them are counted, not listed.
_MOST_LISTED = 3


class Claimant(Protocol):
    """What claims overlays: an environment. `places` are file, line and column of each of its globs, if known."""

    @property
    def overlays(self) -> Sequence[str]:
        """Globs."""
        ...

    @property
    def places(self) -> Sequence[tuple[str, int, int]]:
        """Where they are written, or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """An overlay that an environment claims: a directory (`.` is the top) and the file in it that holds pins.

    `captures` are what the wildcards of the glob stood for, by name in braces or by number from 1.
    """

    directory: str
    file: str
    glob: str
    captures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selection:
    """The overlays of each environment in the order of their paths, and what could not be selected.

    `claimed` are the directories that some environment means, also those in which something is wrong.
    """

    overlays: Mapping[str, tuple[Found, ...]]
    problems: tuple[Problem, ...]
    claimed: frozenset[str] = frozenset()


def select(environments: Mapping[str, Claimant], tree: Mapping[str, str]) -> Selection:
    """The overlays of each environment in a tree (path -> git mode).

    A directory with two files of one target, a link or a submodule on the way and a glob that means nothing are
    problems; the others go on.

    Raises:
        ConfigError: two environments claim a file, or a glob cannot be read.
    """
    return _Selecting(tree).select(environments)


def unclaimed(selection: Selection, tree: Mapping[str, str]) -> tuple[str, ...]:
    """Every file with pins that is in no overlay of an environment: bases, components, and what nobody thought of."""
    return tuple(
        path
        for directory, paths in targets.by_directory(tree).items()
        if directory not in selection.claimed
        for path in paths
        if tree[path] not in _FOREIGN
    )


@dataclass(frozen=True, slots=True)
class _Claim:
    environment: str
    text: str
    place: tuple[str, int, int] | None
    glob: Glob

    def problem(self, message: str, advice: str) -> Problem:
        file, line, column = self.place or (None, None, None)
        return Problem("failed.config", message, advice, file, line, column)


class _Selecting:
    """One tree, while the claims on it are looked at one after the other."""

    def __init__(self, tree: Mapping[str, str]) -> None:
        self._tree = tree
        self._files = targets.by_directory(tree)
        self._links = [path for path, mode in tree.items() if mode in _FOREIGN]
        self._directories = sorted(self._files)
        self._problems: dict[Problem, None] = {}  # a set that keeps the order

    def select(self, environments: Mapping[str, Claimant]) -> Selection:
        owners: dict[str, _Claim] = {}
        contested: dict[tuple[_Claim, _Claim], list[str]] = defaultdict(list)
        found: dict[str, dict[str, list[Found]]] = {name: {} for name in environments}
        for claim in _claims(environments):
            blocked = self._on_the_way(claim.glob, wild=False)
            for link in blocked:
                self._tell(_foreign(link, self._tree[link]))
            matched = False
            for directory, captures in self._matching(claim.glob):
                matched = True
                owner = owners.setdefault(directory, claim)
                if owner.environment != claim.environment:
                    contested[owner, claim].append(self._files[directory][0])
                elif owner is claim:
                    name = directory.removesuffix("/") or "."
                    files = self._usable(directory, claim.glob.file)
                    found[claim.environment][directory] = [Found(name, file, claim.text, captures) for file in files]
            if not matched and not blocked:
                self._tell(self._nothing(claim))
        if contested:
            raise ConfigError(*(_contested(*pair, files) for pair, files in contested.items()))
        overlays = {name: tuple(one for path in sorted(each) for one in each[path]) for name, each in found.items()}
        return Selection(MappingProxyType(overlays), tuple(self._problems), frozenset(owners))

    def _tell(self, problem: Problem) -> None:
        self._problems[problem] = None

    def _matching(self, glob: Glob) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Every directory with a file of pins that the glob means."""
        for at in range(bisect_left(self._directories, glob.prefix), len(self._directories)):
            directory = self._directories[at]
            if not directory.startswith(glob.prefix):
                return
            if glob.file is not None and directory + glob.file not in self._files[directory]:
                continue
            captures = glob.match(directory)
            if captures is not None:
                yield directory, captures

    def _usable(self, directory: str, named: str | None) -> Iterator[str]:
        """The files of a directory, one of each target (of `named` alone, if given), unless something is wrong."""
        meant = targets.TARGETS if named is None else (targets.target_of(named),)
        for target in meant:
            files = sorted(file for file in self._files[directory] if targets.target_of(file) is target)
            if len(files) > 1:
                names = " and ".join(file.rpartition("/")[2] for file in files)
                noun = target.NOUN if target else targets.nouns()
                message = f"{directory or 'the repository root'} has {names}; a directory has one {noun}"
                self._tell(Problem("failed.edit", message, "keep one of them", files[0]))
                continue
            for file in files:
                if (mode := self._tree[file]) in _FOREIGN:
                    self._tell(_foreign(file, mode))
                else:
                    yield file

    def _on_the_way(self, glob: Glob, *, wild: bool) -> list[str]:
        """Links and submodules in the way of a glob: git keeps each as one entry with nothing below.

        What a wildcard meets may be any file that happens to be a link; what the glob writes out was meant.
        """
        near = [link for link in self._links if _leads(f"{link}/", glob.prefix)]
        ways = list(glob.on_the_way(wild=wild)) if near else []
        return [link for link in near if any(way.match(f"{link}/") for way in ways)]

    def _nothing(self, claim: _Claim) -> Problem:
        """Why a glob means nothing."""
        glob = claim.glob
        bare = [directory for directory in self._every_directory if glob.match(directory) is not None]
        met = self._on_the_way(glob, wild=True)
        hint = f"; {met[0]} is {_FOREIGN[self._tree[met[0]]]}, which gitops-bot does not follow" if met else ""
        message = f"`{claim.text}` of environment {claim.environment} matches"
        if not bare:
            advice = f"correct the path, which is relative to the repository root{hint}"
            return claim.problem(f"{message} no directory", advice)
        more = f" and {len(bare) - _MOST_LISTED} more" if len(bare) > _MOST_LISTED else ""
        message = f"{message} {', '.join(bare[:_MOST_LISTED])}{more}, without a {targets.nouns()}"
        return claim.problem(message, f"put a {glob.file or targets.file_names()[0]} there, or correct the path{hint}")

    @cached_property
    def _every_directory(self) -> list[str]:
        found: set[str] = set()
        for path in self._tree:
            directory = path.rpartition("/")[0]
            while directory and f"{directory}/" not in found:
                found.add(f"{directory}/")
                directory = directory.rpartition("/")[0]
        return sorted(found)


def _leads(link: str, prefix: str) -> bool:
    return link.startswith(prefix) or prefix.startswith(link)


def _claims(environments: Mapping[str, Claimant]) -> Iterator[_Claim]:
    wrong: list[Problem] = []
    for name, environment in environments.items():
        places = environment.places
        for at, text in enumerate(environment.overlays):
            place = places[at] if at < len(places) else None
            try:
                yield _Claim(name, text, place, Glob.parse(text))
            except ValueError as error:
                wrong.append(Problem("failed.config", str(error), "correct the glob", *(place or ())))
    if wrong:
        raise ConfigError(*wrong)


def _foreign(path: str, mode: str) -> Problem:
    message = f"{path} is {_FOREIGN[mode]}, which gitops-bot does not follow"
    return Problem("failed.edit", message, "use the directory that really holds the files", path)


def _contested(first: _Claim, second: _Claim, files: list[str]) -> Problem:
    more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
    message = (
        f"{files[0]}{more} is claimed by two environments: {first.environment} (`{first.text}`) and "
        f"{second.environment} (`{second.text}`)"
    )
    return second.problem(message, "narrow one of the two globs: a file belongs to one environment")
