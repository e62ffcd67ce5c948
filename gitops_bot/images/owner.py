"""Whose images are one's own: a rule may cross a major version of these only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.images.reference import fits

if TYPE_CHECKING:
    from gitops_bot.images.reference import ImageName


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose images are one's own: those of an organisation, in any registry, and those that a glob matches."""

    organisation: str | None = None
    globs: tuple[str, ...] = ()

    def owns(self, image: ImageName | None) -> bool:
        """Whether an image is one's own; one without a name is not."""
        if image is None:
            return False
        first = image.path.partition("/")[0].casefold()
        return first == (self.organisation or "").casefold() or any(fits(glob, str(image)) for glob in self.globs)


#: Where nobody says whose the repository is.
NOBODY = Owner()
