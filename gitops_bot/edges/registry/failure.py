"""What a registry may do other than answer. Each becomes a RegistryError in one place: `words.explain`."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from gitops_bot.redact import STRUCK, strike

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.edges.http import Answer

#: Characters of a server's own message that are shown.
SHOWN = 200


class Refused(Exception):  # noqa: N818 - a status is for the caller to judge, and often has a second way
    """An answer with a status other than 200; `said` are the server's own words, safe to print.

    `token_server` tells a token server from the registry itself, `elsewhere` a host that a redirect led to and that
    was shown no credentials.
    """

    def __init__(
        self, status: int, host: str, said: str, *, token_server: bool = False, elsewhere: bool = False
    ) -> None:
        super().__init__(f"{host}: {status} {said}")
        self.status = status
        self.host = host
        self.said = said
        self.token_server = token_server
        self.elsewhere = elsewhere

    def is_one_of(self, *statuses: int) -> bool:
        """Whether the registry itself, and no token server, answered with one of these."""
        return self.status in statuses and not self.token_server


class Untrusted(Exception):  # noqa: N818 - see above
    """An answer that cannot be right; `what` goes on after the registry's name."""

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


def unexpected(answer: Answer, wanted: str) -> Untrusted:
    """A success that is not what was asked for: a login page, another server, half an answer."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    got = "nothing" if not answer.body else "a web page" if kind == "text/html" else "something else"
    advice = "Check the name; a proxy or a login page may be in between."
    return Untrusted(f"answered {got} where {wanted} was expected", advice)


class NoLogin(Exception):  # noqa: N818 - see above
    """Credentials that are configured and cannot be had."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


def said(body: bytes, secrets: Iterable[str]) -> str:
    """The message in an error's body, if it is JSON as registries and token servers write it; else nothing.

    Whatever was sent to authenticate is struck out, should the server repeat it.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return clean(_message(document), secrets)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Text of the other side on one line, without control and invisible characters and without secrets, cut short."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    text = strike(text)
    # Cs, Co and Cn cannot be printed everywhere; Cc and Cf hold escape sequences and the marks that turn text around.
    shown = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in text[: 10 * SHOWN])
    shown = re.sub(r" +", " ", shown).strip()
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"


def _message(document: Any) -> str:
    """`{"errors": [{"code", "message"}]}` of the distribution specification, or what token servers have instead."""
    if not isinstance(document, dict):
        return ""
    names: tuple[str, ...] = ("error", "error_description", "message", "details")
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        document, names = errors[0], ("code", "message")
    return ": ".join(document[name] for name in names if isinstance(document.get(name), str) and document[name])
