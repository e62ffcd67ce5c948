"""What an answer in GraphQL means: data, or the refusal that REST would have given by a status.

GitHub answers 200 to most of what it refuses, and says why in `errors`: by a `type` (docs.github.com, "Rate limits and
query limits for the GraphQL API"), or, where the question does not fit its schema, by a code of the library that it is
built on (`undefinedField`). Fields that a token may not read are null, and the rest is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.failure import Refused, Unsupported, said

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What `type` says -> the status by which REST says the same.
_STATUS = {
    "NOT_FOUND": 404,
    "FORBIDDEN": 403,
    "INSUFFICIENT_SCOPES": 403,
    "RATE_LIMITED": 429,
    "RATE_LIMIT": 429,
    "MAX_NODE_LIMIT_EXCEEDED": 413,
    "RESOURCE_LIMITS_EXCEEDED": 413,
}
_UNKNOWN = re.compile(
    r"doesn't exist on type|doesn't accept argument|isn't a defined input type|(?:unknown|cannot query) field",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"result of a timeout|timed out", re.IGNORECASE)
_FINE_GRAINED = "do not support the graphql api"


@dataclass(frozen=True, slots=True)
class Answered:
    """The data of an answer; `hidden` are the names in the paths of fields that the token must not see."""

    data: dict[str, Any]
    hidden: frozenset[str]


def read(
    document: Any, headers: Mapping[str, str], secret: str, *, write: bool, spare: frozenset[str] = frozenset()
) -> Answered:
    """Read an answer. Fields named in `spare` may be missing because the token must not see them.

    Raises:
        Unsupported: the server does not know what was asked.
        Refused: it refused, with the status that REST has for that; 413 where it was asked too much at once.
    """
    errors = document.get("errors") if isinstance(document, dict) else None
    found = document.get("data") if isinstance(document, dict) else None
    if not isinstance(found, dict) and not isinstance(errors, list):
        raise Unsupported
    told = errors if isinstance(errors, list) else []
    hidden = [_hides(each, spare) for each in told]
    failed = [each for each, names in zip(told, hidden, strict=True) if not names]
    if any(_is_unknown(each) for each in failed):
        raise Unsupported
    if failed or not isinstance(found, dict):
        # Not every one of many errors tells what is wrong: the one with a meaning of its own does.
        status = next((code for each in failed if (code := _status(each)) is not None), 422 if write else 502)
        raise Refused(status, said({"errors": failed}, secret), headers, write=write)
    return Answered(found, frozenset().union(*hidden))


def over_http(refused: Refused) -> Refused | Unsupported:
    """What a status means that is not 200; a time-out is 502, with GitHub's words for it."""
    if refused.status in (404, 405, 406, 415, 501) or _FINE_GRAINED in refused.said.lower():
        return Unsupported()
    if refused.status >= 500 and _TOO_LONG.search(refused.said):
        return Refused(413, refused.said, refused.headers, write=refused.write)
    return refused


def _status(error: Any) -> int | None:
    if not isinstance(error, dict):
        return None
    message = str(error.get("message"))
    if _TOO_LONG.search(message):
        return 413
    if "rate limit" in message.lower():
        return 429
    return _STATUS.get(str(error.get("type")))


def _hides(error: Any, spare: frozenset[str]) -> frozenset[str]:
    """The names of `spare` that an error is about, if it is about a permission."""
    path = error.get("path") if isinstance(error, dict) and _status(error) == 403 else None
    return spare.intersection(map(str, path)) if isinstance(path, list) else frozenset()


def _is_unknown(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code in ("undefinedField", "argumentNotAccepted", "undefinedType") or bool(
        _UNKNOWN.search(str(error.get("message")))
    )
