from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.targets.kustomization.entry import Entry


def matching(entries: Sequence[Entry], image: str) -> tuple[int, ...]:
    """The places of the entries of one file that a person means by `image`.

    Those whose `name` is exactly that, else those whose repository it is: two tags of one repository are told apart
    by name, and one pin is never put into both by accident.
    """
    if by_name := tuple(index for index, entry in enumerate(entries) if entry.name == image):
        return by_name
    try:
        repository = ImageName.parse(image)
    except ValueError:
        return ()
    return tuple(index for index, entry in enumerate(entries) if entry.image == repository)
