"""What GitHub may do other than answer. Each becomes a ForgeError in one place: `words.explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.redact import STRUCK, strike

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Characters of GitHub's own message that are shown.
_SHOWN = 300


class Refused(Exception):  # noqa: N818 - a status is for the caller to judge, and often has a second way
    """An answer with a status of 300 or more.

    `said` are GitHub's own words on one line, `headers` have names in lower case, `write` tells a write from a read.
    """

    def __init__(self, status: int, said: str, headers: Mapping[str, str], *, write: bool) -> None:
        super().__init__(f"{status} {said}")
        self.status, self.said, self.headers, self.write = status, said, headers, write

    @property
    def limited(self) -> bool:
        """Whether it is a rate limit, primary or secondary: GitHub says that by 403 and 422 as well as by 429."""
        words = ("rate limit", "abuse detection", "try again later", "before you try again")
        if self.status == 403:
            spent = self.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in self.headers
            return spent or any(word in self.said.lower() for word in words)
        return self.status == 429 or (self.status == 422 and "submitted too quickly" in self.said.lower())


class Unanswered(Exception):  # noqa: N818 - likewise
    """No answer, or one that cannot be used; `what` goes on after the host's name."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


class Late(Unanswered):
    """No answer came in time, to its last byte."""


class TooLarge(Unanswered):
    """An answer larger than any that GitHub gives to one question: fewer questions at once may do."""


class Unsupported(Exception):  # noqa: N818 - likewise: there is REST
    """The server has no GraphQL, or does not know these fields: an old GitHub Enterprise, or another forge."""


def said(document: object, secret: str) -> str:
    """The words of an error's body: its message, and each of its `errors`, as GitHub lists them.

    The secret, if there is one, is struck out.
    """
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    parts = [document.get("message"), *(map(_error, errors) if isinstance(errors, list) else ())]
    text = "; ".join(part for part in parts if isinstance(part, str) and part)
    text = strike(text.replace(secret, STRUCK) if secret else text)
    shown = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"


def _error(error: object) -> str:
    """One of `errors`: a sentence, or a field and what is wrong with it."""
    if isinstance(error, dict):
        message, field, code = (error.get(name) for name in ("message", "field", "code"))
        return str(message) if message else f"{field} {code}"
    return str(error)
