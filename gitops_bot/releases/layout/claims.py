"""What environments claim: their globs, where they are written, and how they want files to be read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images.reason import shortlist
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.targets import file_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.config.values import Environment
    from gitops_bot.targets import FileRule

#: As many as a configuration may well have: reading a glob takes longer than most that is done with it.
parse = lru_cache(maxsize=16_384)(Glob.parse)


#: More places than these are counted, not listed.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """One glob of one environment; `place` is where it is written, `rules` are all of the environment."""

    environment: str
    text: str
    place: tuple[str, int, int] | None
    glob: Glob
    rules: tuple[FileRule, ...] = ()

    def problem(self, message: str, advice: str) -> Problem:
        """A problem with the glob, where it is written."""
        file, line, column = self.place or (None, None, None)
        return Problem("failed.config", message, advice, file, line, column)


def read(environments: Mapping[str, Environment]) -> Iterator[Claim]:
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
                yield Claim(name, text, place, parse(text), environment.targets)
            except ValueError as error:
                wrong.append(Problem("failed.config", str(error), "correct the glob", *(place or ())))
    if wrong:
        raise ConfigError(*wrong)


def rule_applies(rule: FileRule, file: str) -> bool:
    """Whether a rule says how a file is read."""
    directory, _, name = file.rpartition("/")
    globs = map(parse, rule.overlays)
    return rule.fits(name) and (not rule.overlays or any(glob.means(directory or ".", file) for glob in globs))


def places(owners: Mapping[str, Claim]) -> Mapping[Claim, Sequence[str]]:
    """The places that each claim has, where `owners` has the claim of each place."""
    by_claim: dict[Claim, list[str]] = {}
    for place, claim in owners.items():
        by_claim.setdefault(claim, []).append(place)
    return by_claim


def without_pins(claim: Claim, places: Sequence[str], hint: str = "") -> Problem:
    """A glob that only means files or directories that pin no image; directories end in `/`."""
    named = shortlist([place or "the repository root" for place in places], _NAMED)
    where = "which pins no image" if claim.glob.of_files else "where no file pins an image"
    message = f"`{claim.text}` of environment {claim.environment} matches {named}, {where}"
    put = "" if claim.glob.of_files else f"put a {claim.glob.file or file_names()[0]} there, or "
    return claim.problem(message, f"{put}correct the path{hint}")


def in_the_directory_of_another(owners: Mapping[str, Claim]) -> Iterator[tuple[str, Claim, Claim]]:
    """Files that one environment claims by name and another with their directory."""
    for place, claim in owners.items():
        directory, slash, name = place.rpartition("/")
        owner = owners.get(directory + slash) if name else None
        if owner is not None and owner.environment != claim.environment:
            yield place, owner, claim


def contested(first: Claim, second: Claim, files: list[str]) -> Problem:
    """Two environments claim these files."""
    more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
    message = (
        f"{files[0]}{more} is claimed by two environments: {first.environment} (`{first.text}`) and "
        f"{second.environment} (`{second.text}`)"
    )
    return second.problem(message, "narrow one of the two globs: a file belongs to one environment")
