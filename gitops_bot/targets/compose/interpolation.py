"""Variables in the images of a compose file, as the compose specification substitutes them.

https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md: `$VAR`, `${VAR}`, with a default as in
`${VAR:-default}` (also where the variable is empty) and `${VAR-default}`, or required as in `${VAR:?message}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VARIABLE: Final = re.compile(
    r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^{}$]*))?\})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable where it stands; `how` is what stands behind its name, and `default` what comes then."""

    name: str
    how: str
    default: str

    def is_set(self, variables: Mapping[str, str]) -> bool:
        """Whether its value counts, and no default."""
        return self.name in variables and bool(variables[self.name] or not self.how.startswith(":"))

    def has_default(self) -> bool:
        """Whether it has a value where nothing sets it."""
        return self.how.endswith("-")


@dataclass(frozen=True, slots=True)
class Image:
    """The parts of an image as they are written; a part that is one variable has that, too."""

    repository: str
    tag: str | None = None
    digest: str | None = None
    whole: Variable | None = None

    @property
    def tag_variable(self) -> Variable | None:
        """The variable that is all of the tag."""
        return _alone(self.tag)

    @property
    def digest_variable(self) -> Variable | None:
        """The variable that is all of the digest."""
        return _alone(self.digest)

    @property
    def fixed(self) -> bool:
        """Whether no variable is in the tag and in the digest."""
        return "$" not in (self.tag or "") + (self.digest or "") and self.whole is None

    @property
    def in_variables(self) -> tuple[Variable, ...]:
        """The variables that are all of the tag and the digest, or of the image, where nothing else pins it."""
        if self.whole is not None:
            return (self.whole,)
        alone = (self.tag_variable, self.digest_variable)
        parts = zip((self.tag, self.digest), alone, strict=True)
        if any(part is not None and variable is None for part, variable in parts):
            return ()
        return tuple(variable for variable in alone if variable is not None)


def read(text: str) -> Image | None:
    """The parts of an image; None where a `$` means something else."""
    masked = _VARIABLE.sub(lambda match: "_" * len(match[0]), text)
    if "$" in masked:
        return None
    if (whole := _alone(text)) is not None:
        return Image(text, whole=whole)
    at = masked.find("@")
    end = len(text) if at < 0 else at
    colon = masked.find(":", masked.rfind("/", 0, end) + 1, end)
    return Image(
        text[: end if colon < 0 else colon],
        None if colon < 0 else text[colon + 1 : end],
        None if at < 0 else text[at + 1 :],
    )


def variables(text: str) -> Iterator[Variable]:
    """The variables in a text."""
    for match in _VARIABLE.finditer(text):
        yield Variable(match[1] or match[2], match[3] or "", match[4] or "")


def substitute(text: str, known: Mapping[str, str]) -> str | None:
    """The text with the values of its variables, or their defaults; None where one has neither."""
    texts = []
    for variable in variables(text):
        if variable.is_set(known):
            texts.append(known[variable.name])
        elif variable.has_default():
            texts.append(variable.default)
        else:
            return None
    values = iter(texts)
    return _VARIABLE.sub(lambda _: next(values), text)


def _alone(text: str | None) -> Variable | None:
    match = _VARIABLE.fullmatch(text or "")
    return next(variables(text or "")) if match else None
