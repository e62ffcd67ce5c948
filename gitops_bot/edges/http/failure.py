"""What went wrong on the wire, in words: they tell what the user can mend from what only time can."""

from __future__ import annotations

import re
import ssl
from socket import EAI_NONAME, gaierror

import httpx


class Unanswered(Exception):  # noqa: N818 - the registry edge turns it into an error with the registry's name
    """No usable answer came. `what` goes on after the host's name, as in "ghcr.io did not answer in time".

    `advice` is the next step, `again` whether the same request may succeed at once, `reached` whether there was a
    connection at all, `status` the HTTP status if any. `host` is filled in by who knows it.
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


def busy(seconds: float) -> Unanswered:
    """The host said "too many requests" and wants a pause that this run has no patience for."""
    return Unanswered(
        f"is limiting requests, and asks for none for {seconds:.0f} s",
        "Run again later; `registries:` in gitops-bot.yaml can set a lower `rate` and `concurrency` for it.",
        status=429,
    )


def nowhere() -> Unanswered:
    """The address is one that nothing can be at."""
    return Unanswered("is not a valid host and port", reached=False)


def late(seconds: float) -> Unanswered:
    """The request as a whole was given `seconds`; bytes may have come until then."""
    return Unanswered(f"took more than {seconds:g} s to send one answer", "Run again later.")


def flooded(most: int) -> Unanswered:
    """More bytes came before a body than any answer has there."""
    return Unanswered(
        f"closed the connection: more than {most} bytes before the answer", "Run again later.", again=True
    )


def broken(error: httpx.TransportError) -> Unanswered:
    """A connection that did not come about, or did not last."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case ssl.SSLCertVerificationError():
                what = f"has a certificate that cannot be trusted: {cause.verify_message}"
                return Unanswered(what, "Set SSL_CERT_FILE to a file with the CA certificates to trust.", reached=False)
            case ssl.SSLError():
                what = f"does not speak TLS as expected: {_plain(cause)}"
                advice = "A registry without TLS needs `plain_http: true` under `registries:` in gitops-bot.yaml."
                return Unanswered(what, advice, reached=False)
            case gaierror():
                what = f"cannot be found: {cause.strerror}"
                passing = cause.errno != EAI_NONAME
                return Unanswered(what, "Check its name, and the DNS of this machine.", again=passing, reached=False)
            case _:
                cause = cause.__cause__ or cause.__context__
    check = "Check that it is running, and that this machine can reach it."
    match error:
        case httpx.ProxyError():
            what = f"cannot be reached through the proxy: {_plain(error)}"
            return Unanswered(what, "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", reached=False)
        case httpx.LocalProtocolError():
            # The text quotes the header at fault, which may be the one with the secret.
            return Unanswered("cannot be queried: a credential or address has characters that HTTP does not allow")
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return Unanswered(f"does not accept connections: {_plain(error)}", check, again=True, reached=False)
        case httpx.TimeoutException():
            return Unanswered("did not answer in time", check, again=True)
        case _:
            return Unanswered(f"closed the connection: {_plain(error)}", "Run again later.", again=True)


def _plain(error: BaseException) -> str:
    """One short printable line: parsers quote what the other side sent."""
    return re.sub(r"[^ -~]+", " ", str(error))[:200].strip() or type(error).__name__
