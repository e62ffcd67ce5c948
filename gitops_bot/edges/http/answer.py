"""An HTTP answer, and what its body holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `url` is the final one after redirects. Only the `body` of a failure may be cut."""

    method: str
    url: httpx.URL
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        """The host that answered, with a port other than the scheme's own."""
        return self.url.netloc.decode("ascii")

    @property
    def media_type(self) -> str:
        """The media type in the header, in lower case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The JSON value in the body; None if it cannot be read."""
        return parse_json(self.body)


def parse_json(text: bytes | str) -> Any:
    """The JSON value of a text from outside; None if it cannot be read, or is nested too deeply.

    No exception escapes, because it would hold the whole text, secrets included.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
