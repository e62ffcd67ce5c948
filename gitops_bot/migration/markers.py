"""The markers of Flux: comments such as `# {"$imagepolicy": "flux-system:web:tag"}` behind a value of a YAML file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

Field = Literal["", "name", "tag", "digest"]

#: What a file with markers contains.
MARK: Final = b'"$imagepolicy"'
_KEY: Final = "$imagepolicy"
#: Bytes of a file, and of a line, beyond which nobody wrote it by hand.
_MOST_BYTES: Final = 1 << 20
_MOST_COLUMNS: Final = 2000
_SETTER: Final = re.compile(r"([a-z0-9.-]{1,253}):([a-z0-9.-]{1,253})(?::(name|tag|digest))?")


@dataclass(frozen=True, slots=True)
class Marker:
    """A value that follows an `ImagePolicy`: the whole image, or one part of it."""

    file: str
    line: int
    namespace: str
    policy: str
    field: Field

    @property
    def key(self) -> tuple[str, str]:
        """What its policy is called."""
        return self.namespace, self.policy


def markers(file: str, data: bytes) -> Iterator[Marker]:
    """The markers of a file, in their order."""
    if MARK not in data or len(data) > _MOST_BYTES:
        return
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if _KEY in line and len(line) <= _MOST_COLUMNS and (marker := _marker(file, number, line)) is not None:
            yield marker


def _marker(file: str, number: int, line: str) -> Marker | None:
    at = line.index(_KEY)
    start, end = line.rfind("{", 0, at), line.find("}", at)
    before = line[: max(start, 0)]
    # A comment on a line of its own marks nothing.
    if "#" not in before or not before.partition("#")[0].strip():
        return None
    try:
        written = json.loads(line[start : end + 1])
    except ValueError:
        return None
    text = written.get(_KEY) if isinstance(written, dict) else None
    setter = _SETTER.fullmatch(text) if isinstance(text, str) else None
    return Marker(file, number, setter[1], setter[2], cast("Field", setter[3] or "")) if setter else None
