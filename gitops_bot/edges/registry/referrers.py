"""What refers to a manifest: signatures, attestations, SBOMs. Rules: OCI distribution 1.1, "Listing Referrers"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.edges.http import parse_json
from gitops_bot.edges.registry.failure import Refused, Untrusted, unexpected
from gitops_bot.edges.registry.manifest import INDEXES, MANIFEST_BYTES, children_of
from gitops_bot.edges.registry.tags import next_query
from gitops_bot.images.reference import is_digest

if TYPE_CHECKING:
    from gitops_bot.edges.registry.host import ImageRepository
    from gitops_bot.images.build import Child

#: What registries without that API answer, as oras and go-containerregistry take it.
_NONE = (400, 404, 405, 406, 501)
_MOST_PAGES, _MOST_REFERRERS = 100, 10_000
_ADVICE = "Ask the registry's operator: what refers to an image is not known, and must not be deleted."


def list_referrers(repository: ImageRepository, digest: str) -> tuple[Child, ...] | None:
    """What refers to a digest; None if the registry has no API for that: clients then push tags instead."""
    found: dict[str, Child] = {}
    query: str | None = ""
    asked: set[str] = set()
    while query is not None:
        asked.add(query)
        try:
            answer = repository.get(f"referrers/{digest}{query and '?'}{query}", INDEXES[0], MANIFEST_BYTES)
        except Refused as refused:
            if len(asked) == 1 and refused.is_one_of(*_NONE):
                return None
            raise
        match parse_json(answer.body):
            case {"schemaVersion": 2, "manifests": list() | None as manifests} if all(map(_is_usable, manifests or ())):
                found |= {child.digest: child for child in children_of({"manifests": manifests})}
            case _ if len(asked) == 1 and answer.media_type not in INDEXES:
                return None  # such as the web page that some servers have at every address
            case _:
                raise unexpected(answer, "a list of referrers")
        query = next_query(answer, "list of referrers")
        if query in asked or len(asked) >= _MOST_PAGES or len(found) > _MOST_REFERRERS:
            raise Untrusted("has an endless list of referrers", _ADVICE)
    return tuple(found.values())


def _is_usable(entry: object) -> bool:
    digest = entry.get("digest") if isinstance(entry, dict) else None
    return isinstance(digest, str) and is_digest(digest)
