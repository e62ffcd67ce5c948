"""How GitHub can fail. Each failure becomes a ForgeError in `messages.explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: Characters of GitHub's own message that are shown.
_SHOWN = 300


class Refused(Exception):  # noqa: N818 - often not an error: the caller decides by the status
    """An answer with a status of 300 or more.

    `message` is GitHub's message on one line, `headers` have lower-case names, `write` is set for writes.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str], *, write: bool) -> None:
        super().__init__(f"{status} {message}")
        self.status, self.message, self.headers, self.write = status, message, headers, write

    @property
    def limited(self) -> bool:
        """Whether it is a primary or secondary rate limit, which GitHub reports by 403 and 422 as well as 429."""
        phrases = ("rate limit", "abuse detection", "try again later", "before you try again")
        if self.status == 403:
            spent = self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers
            return spent or any(phrase in self.message.lower() for phrase in phrases)
        return self.status == 429 or (self.status == 422 and "submitted too quickly" in self.message.lower())

    def pause(self, now: datetime) -> int | None:
        """The seconds until a rate limit ends; None if GitHub does not say it."""
        after, reset = self.headers.get("retry-after", ""), self.headers.get("x-ratelimit-reset", "")
        if is_number(after):
            return int(after)
        if self.headers.get("x-ratelimit-remaining") == "0" and is_number(reset):
            return max(int(reset) - int(now.timestamp()), 0)
        return None


def is_number(text: str) -> bool:
    """Whether the text of a header is a number of seconds, small enough for a `datetime`."""
    return text.isascii() and text.isdigit() and len(text) <= 10


class Late(NoResponse):
    """The answer was not complete in time."""


class TooLarge(NoResponse):
    """The answer is larger than any single answer of GitHub's; a smaller query may work."""


class Unsupported(Exception):  # noqa: N818 - likewise: there is REST
    """The server has no GraphQL, or lacks these fields: an old GitHub Enterprise, or another forge."""


def error_message(document: object, secret: str) -> str:
    """The message of an error's body and of its `errors`, without the secret."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    parts = [document.get("message"), *(map(_error, errors) if isinstance(errors, list) else ())]
    text = "; ".join(part for part in parts if isinstance(part, str) and part)
    return clean(text, (secret,), _SHOWN)


def _error(error: object) -> str:
    """One of `errors`: a sentence, or a field and what is wrong with it."""
    if isinstance(error, dict):
        text, field, code = (error.get(name) for name in ("message", "field", "code"))
        return str(text) if text else f"{field} {code}"
    return str(error)
