"""What went wrong on the way to GitHub and back, in words."""

from __future__ import annotations

import requests
import urllib3

from gitops_bot.edges import http
from gitops_bot.edges.github.failure import Late, Unanswered

_LATER = "run again later; see githubstatus.com"
#: All by which `requests` and what is below it say that there was no answer, or half of one.
ERRORS = (http.Unanswered, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def told(error: Exception, timeout: int) -> Unanswered:
    """What to say of one of `ERRORS`; `timeout` is what was waited for the next bytes."""
    if isinstance(error, http.Unanswered):
        return Late(error.what, _LATER)
    if isinstance(error, requests.exceptions.SSLError):
        return Unanswered(
            "has a certificate that is not trusted here",
            "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise, or correct GITHUB_API_URL",
        )
    if _is_timeout(error):
        return Late(f"did not answer within {timeout} seconds", _LATER)
    return Unanswered(
        "cannot be reached, or closed the connection early",
        "check the network, the proxy and GITHUB_API_URL, and run again",
    )


def late_again(times: int) -> Unanswered:
    """What to say where nothing is asked any more."""
    return Unanswered(f"timed out {times} times in a row, so no more requests are sent", _LATER)


def _is_timeout(error: Exception) -> bool:
    """Whether the time was over; after the last try requests wraps the reason that urllib3 gave."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.Timeout) or isinstance(reason, urllib3.exceptions.ReadTimeoutError)
