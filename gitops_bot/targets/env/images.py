"""Which keys of a `.env` file hold what of which image, as compose files or the keys themselves say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.images.reference import is_pinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitops_bot.targets.env.statements import Statement

#: How the keys of images end.
_ENDING = "IMAGE"


@dataclass(frozen=True, slots=True)
class EnvImage:
    """An image and its keys: `image` for all of it, or `tag` and `digest`.

    `repository` may have variables of the same file in it. `others` are further images that the first key is a part of;
    `or_default`: an empty value counts for none.
    """

    name: str
    image: str = ""
    repository: str = ""
    tag: str = ""
    digest: str = ""
    others: tuple[str, ...] = ()
    or_default: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys, the first of which names it."""
        return tuple(key for key in (self.image, self.tag, self.digest) if key)


def in_compose(texts: Iterable[str]) -> Iterator[EnvImage]:
    """What the images of compose files make of variables."""
    from gitops_bot.targets.compose import interpolation

    by_name: dict[str, EnvImage] = {}
    for text in texts:
        image = interpolation.read(text)
        variables = image.in_variables if image is not None else ()
        if image is None or not variables:
            continue
        default = any(variable.how.startswith(":") for variable in variables)
        name = variables[0].name
        if image.whole is not None:
            use = EnvImage(name, image=name, or_default=default)
        else:
            parts = image.tag_variable, image.digest_variable
            tag, digest = (variable.name if variable is not None else "" for variable in parts)
            use = EnvImage(name, repository=image.repository, tag=tag, digest=digest, or_default=default)
        known = by_name.setdefault(name, use)
        if (use.keys, use.repository) != (known.keys, known.repository) and text not in known.others:
            by_name[name] = replace(known, others=(*known.others, text))
    yield from by_name.values()


def inferred(statements: Iterable[Statement]) -> Iterator[EnvImage]:
    """The keys that end in IMAGE and have an image with a tag or a digest."""
    for statement in statements:
        if statement.key.endswith(_ENDING) and is_pinned(statement.text):
            yield EnvImage(statement.key, image=statement.key)
