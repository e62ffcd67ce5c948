"""How a question to a registry can fail. Who asks one gets Refused where the registry or its token server refused
(404: there is no such thing), NoResponse where no answer came, and Untrusted where the answer cannot be used.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from gitops_bot.edges.http import parse_json
from gitops_bot.edges.http.transport import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.edges.http import Answer


class Refused(Exception):  # noqa: N818 - often not an error: the caller decides by the status
    """An answer with a status other than 200; `message` is the server's own message, safe to print. `token_server`: it
    came from a token server; `elsewhere`: from a redirect's host, which got no credentials.
    """

    def __init__(
        self, status: int, host: str, message: str, *, token_server: bool = False, elsewhere: bool = False
    ) -> None:
        super().__init__(f"{host}: {status} {message}")
        self.status, self.host, self.message = status, host, message
        self.token_server, self.elsewhere = token_server, elsewhere

    def is_one_of(self, *statuses: int) -> bool:
        """Whether the registry itself, not a token server, answered with one of these."""
        return self.status in statuses and not self.token_server


class IfPresent(AbstractContextManager["IfPresent"]):
    """A block that ends where the registry itself answers that there is no such thing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, Refused) and error.is_one_of(404)


class _Explained(Exception):  # noqa: N818 - see above
    """A failure in words for the user, with the next step."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what, self.advice = what, advice


class Untrusted(_Explained):
    """An answer that cannot be right; `what` continues a sentence after the registry's name."""


def unexpected(answer: Answer, wanted: str) -> Untrusted:
    """A success with the wrong content: a login page, another server, half an answer."""
    got = "nothing" if not answer.body else "a web page" if answer.media_type == "text/html" else "something else"
    advice = "Check the name; a proxy or a login page may be in between."
    return Untrusted(f"answered {got} where {wanted} was expected", advice)


class NoLogin(_Explained):
    """Credentials are configured but cannot be read or used."""


def error_message(body: bytes, secrets: Iterable[str]) -> str:
    """The message in the JSON of an error, as registries and token servers write it; else empty. Without secrets."""
    match parse_json(body):
        case {"errors": [dict() as error, *_]}:  # the distribution specification
            texts = [error.get(name) for name in ("code", "message")]
        case dict() as error:  # token servers
            texts = [error.get(name) for name in ("error", "error_description", "message", "details")]
        case _:
            texts = []
    return clean(": ".join(text for text in texts if isinstance(text, str) and text), secrets)
