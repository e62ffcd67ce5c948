"""Which target reads each file of a repository, also one that held pins once."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from gitops_bot.targets import TARGETS, by_content, completed, may_hold_pins, reads_beside, target_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.targets import Target


@dataclass(frozen=True, slots=True)
class FileClaim:
    """How an environment claims a file, whether it is there or not.

    `target` is what a setting says; without one, name and content tell. `named`: a glob means the file itself, and not
    its directory. `following` are the keys of its values that follow a pin.
    """

    target: Target | None = None
    named: bool = False
    following: tuple[str, ...] = ()

    def by_content(self, path: str) -> bool:
        """Whether nothing but the content of the file can tell how it is read."""
        return self.target is None and target_of(path) is None and may_hold_pins(path)

    def reads_beside(self, path: str) -> bool:
        """Whether other files of its directory may tell how it is read."""
        name = posixpath.basename(path)
        target = self.target or target_of(path)
        possible = [target] if target is not None else [candidate for candidate in TARGETS if candidate.known_by(name)]
        return any(reads_beside(candidate) for candidate in possible)

    def target_then(self, path: str, files: Mapping[str, bytes]) -> Target | None:
        """The target that read a version of it, None where that held no pins.

        `files` are the version and what is beside it, by their names.
        """
        name = posixpath.basename(path)
        target = self.target or target_of(path)
        if target is None and name in files:
            target = by_content(name, files[name], files)
        return completed(target, files) if target is not None else None


class FileClaims(Protocol):
    """Which files environments claim, by globs and settings. An immutable value: equal ones answer alike."""

    def __hash__(self) -> int:
        """Of all that it is made of."""
        ...

    def claim(self, path: str) -> FileClaim | None:
        """How a file is claimed; None for one that no environment claims as a file of its overlays."""
        ...


@dataclass(frozen=True, slots=True)
class FileTargets:
    """Which target reads each file: as the overlays say, and any other file by its name.

    `claims` are for files that were there earlier, and that nothing here tells of.
    """

    #: The files whose names tell another target, or none.
    _special: frozenset[tuple[str, Target]] = frozenset()
    #: Files without pins whose values follow those of others, and the keys of these values.
    _following: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    claims: FileClaims | None = None
    _by_path: dict[str, Target] = field(init=False, repr=False, compare=False)
    _keys: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_path", dict(self._special))
        object.__setattr__(self, "_keys", dict(self._following))

    @classmethod
    def of(
        cls,
        targets: Mapping[str, Target],
        following: Mapping[str, tuple[str, ...]] | None = None,
        claims: FileClaims | None = None,
    ) -> FileTargets:
        """For these files, by their paths."""
        special = frozenset(item for item in targets.items() if target_of(item[0]) != item[1])
        return cls(special, frozenset((following or {}).items()), claims)

    def plus(self, targets: Mapping[str, Target], following: Mapping[str, tuple[str, ...]]) -> FileTargets:
        """With further files."""
        return FileTargets.of({**self._by_path, **targets}, {**self._keys, **following}, self.claims)

    def following(self, path: str) -> tuple[str, ...]:
        """The keys of a file whose values follow pins; none of any other file."""
        return self._keys.get(path, ())

    def holds_pins(self, path: str) -> bool:
        """Whether a file is read, for pins or for values that follow them."""
        return self[path] is not None or path in self._keys

    def __getitem__(self, path: str) -> Target | None:
        """The target of a file, or of one that was there earlier; None for a file without pins."""
        return self._by_path.get(path) or target_of(path)


BY_NAME: Final = FileTargets()
