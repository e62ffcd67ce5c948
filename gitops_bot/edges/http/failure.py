"""Why no usable answer came, in words for the user, and whether another try may help."""

from __future__ import annotations

import math
import re
import ssl
from email.utils import parsedate_to_datetime
from socket import EAI_NONAME, gaierror
from typing import TYPE_CHECKING

import httpx

from gitops_bot.redact import STRUCK, strike

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Characters of a server's own message that are shown.
SHOWN = 200


class NoResponse(Exception):  # noqa: N818 - the registry edge turns it into an error with the registry's name
    """No usable answer came. `what` continues a sentence after the host's name: "ghcr.io did not answer in time".

    `again`: the same request may succeed at once; `reached`: there was a connection; `status`: the HTTP status if any.
    The caller fills in `host`.
    """

    def __init__(
        self, what: str, advice: str = "", *, again: bool = False, reached: bool = True, status: int | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        self.again = again
        self.reached = reached
        self.status = status
        self.host = ""


def busy(seconds: float) -> NoResponse:
    """The host answered "too many requests" and wants a longer pause than this run can wait."""
    return NoResponse(
        f"is limiting requests, and asks for none for {seconds:.0f} s",
        "Run again later; `registries:` in gitops-bot.yaml can set a lower `rate` and `concurrency` for it.",
        status=429,
    )


def nowhere() -> NoResponse:
    """Nothing can be at this address."""
    return NoResponse("is not a valid host and port", reached=False)


def late(seconds: float) -> NoResponse:
    """The request as a whole took more than `seconds`; bytes may have arrived until then."""
    return NoResponse(f"took more than {seconds:g} s to send one answer", "Run again later.")


def broken(error: httpx.TransportError) -> NoResponse:
    """The connection failed or broke."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                what = f"has a certificate that cannot be trusted: {cause.verify_message}"
                return NoResponse(what, "Set SSL_CERT_FILE to a file with the CA certificates to trust.", reached=False)
            case ssl.SSLError():
                what = f"does not speak TLS as expected: {_plain(cause)}"
                advice = "A registry without TLS needs `plain_http: true` under `registries:` in gitops-bot.yaml."
                return NoResponse(what, advice, reached=False)
            case gaierror():
                what = f"cannot be found: {cause.strerror}"
                passing = cause.errno != EAI_NONAME
                return NoResponse(what, "Check its name, and the DNS of this machine.", again=passing, reached=False)
            case _:
                cause = cause.__cause__ or cause.__context__
    check = "Check that it is running, and that this machine can reach it."
    match error:
        case httpx.ProxyError():
            what = f"cannot be reached through the proxy: {_plain(error)}"
            return NoResponse(what, "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", reached=False)
        case httpx.LocalProtocolError():
            # The text quotes the header at fault, which may be the one with the secret.
            return NoResponse("cannot be queried: a credential or address has characters that HTTP does not allow")
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return NoResponse(f"does not accept connections: {_plain(error)}", check, again=True, reached=False)
        case httpx.TimeoutException():
            return NoResponse("did not answer in time", check, again=True)
        case _:
            return NoResponse(f"closed the connection: {_plain(error)}", "Run again later.", again=True)


def _plain(error: BaseException) -> str:
    """One short printable line: parsers quote what the other side sent."""
    return re.sub(r"[^ -~]+", " ", str(error))[:200].strip() or type(error).__name__


def retry_after(text: str | None, now: float) -> float | None:
    """The seconds in a `Retry-After` (a number or a date); None without a sensible one."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text.strip()):
        return float(text)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def clean(text: str, secrets: Iterable[str] = (), limit: int = SHOWN) -> str:
    """Foreign text on one line, cut short, without secrets and without control or invisible characters."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, STRUCK)
    printable = (character if character.isprintable() else " " for character in strike(text)[: 10 * limit])
    line = " ".join("".join(printable).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
