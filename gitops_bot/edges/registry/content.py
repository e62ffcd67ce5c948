"""What is asked for by its digest: a JSON document that counts only with the very bytes that the digest names."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.registry.failure import Untrusted, unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.http import Answer

#: Commas in one document. JSON has one between any two values: they are counted before the values become objects, each
#: of which takes many times the room of its text. An index of 1,000 manifests has about 10,000.
_MOST_COMMAS = 100_000


def document(answer: Answer, digest: str, wanted: str) -> Mapping[str, Any]:
    """The JSON object in an answer; empty where the digest names something else, or a manifest of schema 1.

    The digest of schema 1 is that of a part of its bytes, without their signature. `wanted` is for the error, as in
    "a manifest".

    Raises:
        Untrusted: the bytes are not those that the digest names, or too many values.
    """
    if answer.body.count(b",") > _MOST_COMMAS:
        raise Untrusted(f"has {wanted} of more than {_MOST_COMMAS} values", "Check what was pushed there.")
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        parsed = None
    found: Mapping[str, Any] = parsed if isinstance(parsed, dict) else {}
    algorithm = digest.partition(":")[0]
    actual = f"{algorithm}:{hashlib.new(algorithm, answer.body).hexdigest()}"
    if actual == digest:
        return found
    if found.get("schemaVersion") == 1:
        return {}
    if not found:
        raise unexpected(answer, wanted)
    raise Untrusted(
        f"answered the request for {digest} with content that has the digest {actual}",
        "Something in between changes what the registry sends.",
    )
