"""Which files environments claim, by their globs and settings alone: also those that are gone."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.releases.layout.claims import parse, rule_applies
from gitops_bot.releases.layout.release_info import following
from gitops_bot.targets import FileClaim

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config.values import Environment
    from gitops_bot.releases.layout.owners import Owners
    from gitops_bot.targets import FileRule


@dataclass(frozen=True, slots=True)
class _Settings:
    """What an environment says of files."""

    globs: tuple[str, ...]
    rules: tuple[FileRule, ...]
    #: The names of files whose values follow pins, and their keys.
    following: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, environment: Environment) -> _Settings:
        files = following(environment.release_info)
        return cls(tuple(environment.overlays), tuple(environment.targets), tuple(files.items()))


@dataclass(frozen=True, slots=True)
class FileClaims:
    """Implements the protocol of this name. Whose a path is tells `owners`, which follow from the same globs."""

    environments: tuple[tuple[str, _Settings], ...]
    owners: Owners = field(compare=False, repr=False)
    _by_name: Mapping[str, _Settings] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", dict(self.environments))

    @classmethod
    def of(cls, environments: Mapping[str, Environment], owners: Owners) -> FileClaims:
        """Those of these environments."""
        return cls(tuple((name, _Settings.of(environment)) for name, environment in environments.items()), owners)

    def claim(self, path: str) -> FileClaim | None:
        """A file deep below an overlay is none of its files with pins; see the protocol."""
        if (owner := self.owners.owner(path)) is None:
            return None
        settings = self._by_name[owner[0]]
        directory, name = posixpath.split(path)
        globs = [parse(text) for text in settings.globs]
        keys = next((keys for file, keys in settings.following if file == name), ())
        if keys and any(glob.match(f"{directory}/" if directory else "") is not None for glob in globs):
            return FileClaim(following=keys)
        meaning = [glob for glob in globs if glob.means(directory or ".", path)]
        if not meaning:
            return None
        target = next((rule.target for rule in settings.rules if rule_applies(rule, path)), None)
        return FileClaim(target, any(glob.of_files for glob in meaning))
