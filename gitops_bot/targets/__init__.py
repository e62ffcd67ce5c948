"""The kinds of files that hold pins. A new one is a folder here, and a line in `TARGETS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gitops_bot.errors import EditError
from gitops_bot.targets import kustomization

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.targets.pin_file import PinFile


class Target(Protocol):
    """A kind of file that holds pins. A directory has one such file at most."""

    @property
    def NOUN(self) -> str:  # noqa: N802 - a module has it as a constant
        """What people call such a file."""
        ...

    @property
    def FILE_NAMES(self) -> tuple[str, ...]:  # noqa: N802
        """How such a file may be called; the first is what most people write."""
        ...

    def read(self, data: bytes, file: str) -> PinFile:
        r"""Read a file; `file` is its path, for messages.

        Raises:
            EditError: the file as a whole cannot be edited. `\0` alone stands for what git could not show: refuse it.
        """
        ...

    def count(self, data: bytes) -> int:
        """How many entries the file has, 0 where it cannot be read. A repository may have thousands of such files."""
        ...

    def dead(
        self,
        files: Sequence[PinFile],
        tree: Mapping[str, str],
        read: Callable[[Collection[str]], Iterable[PinFile]],
    ) -> Iterator[Problem]:
        """The entries of these files that change nothing; files of other targets are not looked at.

        `tree` are the paths that there are, with git's modes; `read` gives further files, as far as they can be read.
        """
        ...


TARGETS: tuple[Target, ...] = (kustomization,)


def target_of(path: str) -> Target | None:
    """The target that a file is one of, by its name."""
    name = path.rpartition("/")[2]
    return next((target for target in TARGETS if name in target.FILE_NAMES), None)


def read(data: bytes, file: str) -> PinFile:
    """Read a file that holds pins. One of any other name, which only a person can give, is taken for the first target.

    Raises:
        EditError: the file as a whole cannot be edited.
    """
    return (target_of(file) or TARGETS[0]).read(data, file)


def read_all(paths: Iterable[str], data: Mapping[str, bytes]) -> tuple[list[PinFile], list[Problem]]:
    """These files, and what is wrong with those that cannot be read. One that is missing is empty."""
    files: list[PinFile] = []
    refused: list[Problem] = []
    for path in paths:
        try:
            files.append(read(data.get(path, b""), path))
        except EditError as error:
            refused += error.problems
    return files, refused


def file_names() -> tuple[str, ...]:
    """How files that hold pins may be called."""
    return tuple(name for target in TARGETS for name in target.FILE_NAMES)


def nouns() -> str:
    """What people call files that hold pins."""
    return " or ".join(target.NOUN for target in TARGETS)


def by_directory(paths: Iterable[str]) -> dict[str, list[str]]:
    """The files that hold pins, by their directories: `apps/web/`, and the empty string for the top."""
    names = file_names()
    found: dict[str, list[str]] = {}
    for path in paths:
        if path.endswith(names):
            directory, slash, name = path.rpartition("/")
            if name in names:
                found.setdefault(directory + slash, []).append(path)
    return found
