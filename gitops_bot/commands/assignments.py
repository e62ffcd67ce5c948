"""The `IMAGE=PIN` arguments of a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reference import Assignment

if TYPE_CHECKING:
    from collections.abc import Sequence

_ADVICE = "write IMAGE=TAG, IMAGE=TAG@DIGEST, IMAGE=@DIGEST or IMAGE=NEWNAME:TAG"


def parse(texts: Sequence[str]) -> tuple[Assignment, ...]:
    """Read every `IMAGE=PIN` of a command line.

    Raises:
        UsageError: with one problem for each that cannot be read, and for each image that is given twice.
    """
    read: dict[str, Assignment] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            assignment = Assignment.parse(text)
        except ValueError as error:
            problems.append(Problem("failed.usage", str(error), _ADVICE))
            continue
        if read.setdefault(assignment.image, assignment) != assignment:
            problems.append(Problem("failed.usage", f"{assignment.image} is given two pins", "give each image one pin"))
    if problems:
        raise UsageError(*problems)
    return tuple(read.values())
