"""Values that nobody expects, put into documents and headers that are otherwise as they should be."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from gitops_bot.demo.http import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.demo.http import Request

#: Texts that some parser or other takes for something, or chokes on.
WORDS = (
    "", " ", "a b", "-1", "1.0.0", "1.2.0", "latest", "x" * 129, "x" * 70_000, "\ud800",
    "\udfff\ud800", "\x1b[2J", "\0",
    "\r\n", "\u2028", "\u202e", "sha256:abc", f"sha256:{'a' * 64}", f"sha256:{'A' * 64}", f"sha512:{'b' * 128}",
    "md5:d41d8cd98f00b204e9800998ecf8427e", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-02",
    "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789Z", "24:00", "nan", "inf", "1e999", "9" * 5000, "0x10", "٣",
    "linux/amd64", "unknown", "http://", "https://[", "http://a:99999/", "file:///etc/passwd",
    "//x", "../..", "%00", "%",
    "<http://[/>; rel=next", '</v2/x?last=%ff>; rel="next"', "<>;", "null", "true", "{}", "refs/heads/", "@{u}", "HEAD",
    "MERGED", "CLOSED", "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.config.v1+json",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 1.5, 1e308, float("inf"), float("nan"))
texts = st.sampled_from(WORDS) | st.text(max_size=12)
leaves = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | texts
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)


class Change(NamedTuple):
    """A value for one place in a document, counted around; `gone`: the place is taken away instead."""

    place: int
    value: Any
    gone: bool


changes = st.lists(
    st.builds(Change, st.integers(0, 300), values, st.sampled_from((False, False, False, True))), max_size=3
)
#: Headers may hold no line break and nothing beyond Latin-1: the server could not send it.
header_values = (texts | st.sampled_from(("0", "60000", "soon", "Fri, 31 Dec 99999 23:59:59 GMT"))).map(
    lambda text: re.sub("[^\t\x20-\x7e\xa0-\xff]", "", text)[:5000]
)
headers = st.dictionaries(
    st.sampled_from((
        "Content-Type", "Docker-Content-Digest", "Link", "Date", "Location", "RateLimit-Remaining", "X-RateLimit-Limit",
        "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-OAuth-Scopes", "X-Accepted-OAuth-Scopes",
        "ETag", "X-GitHub-SSO",
        "GitHub-Authentication-Token-Expiration", "X-GitHub-Enterprise-Version", "Content-Encoding", "Set-Cookie",
    )),
    header_values,
    max_size=2,
)  # fmt: skip


def changed(document: Any, changes: Sequence[Change]) -> Any:
    """A document with other values in some places, or without them."""
    top = {"": copy.deepcopy(document)}
    for change in changes:
        places = list(_places(top))
        holder, key = places[change.place % len(places)]
        if change.gone and holder is not top:
            del holder[key]
        else:
            holder[key] = change.value
    return top[""]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


def mutated(answer: Answer, changes: Sequence[Change], more: Mapping[str, str]) -> Answer:
    """An answer with other values in its JSON, and further headers."""
    body = answer.body
    if changes and body[:1] in b"[{":
        body = json.dumps(changed(json.loads(body), changes)).encode("utf-8", "surrogatepass")
    return Answer(answer.status, body, {**answer.headers, **more})


_CONFIG = {
    "created": "2026-01-02T03:04:05Z",
    "architecture": "amd64",
    "os": "linux",
    "config": {"Labels": {"org.opencontainers.image.revision": "a" * 40, "org.opencontainers.image.version": "1.2.0"}},
    "rootfs": {"type": "layers", "diff_ids": []},
}
_IMAGE, _INDEX = (f"application/vnd.oci.image.{kind}.v1+json" for kind in ("manifest", "index"))
_PATH = re.compile(r"/v2/.*?/(?P<kind>tags|manifests|blobs|referrers)/(?P<name>[^/]*)")


@dataclass(slots=True)
class Shelf:
    """A registry whose documents are hostile but have the digests that they are asked for by.

    `lists`, `configs`, `manifests` and `indexes` change documents of that kind, `more` adds headers to each answer.
    """

    lists: Sequence[Change] = ()
    configs: Sequence[Change] = ()
    manifests: Sequence[Change] = ()
    indexes: Sequence[Change] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    blobs: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def tag(self) -> str:
        """Put an index with its image and configuration there; gives the digest."""
        config = self._put(_CONFIG, self.configs, "application/vnd.oci.image.config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": _IMAGE, "config": config, "layers": []}
        image = self._put(manifest, self.manifests, _IMAGE)
        platform = {"platform": {"os": "linux", "architecture": "amd64"}}
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [{**image, **platform}]}
        return str(self._put(index, self.indexes, _INDEX)["digest"])

    def answer(self, request: Request) -> Answer:
        """What it says."""
        match = _PATH.fullmatch(request.path)
        if match is None:
            return Answer.json(200, {}, self.more)
        if match["kind"] == "tags":
            listed = {"name": "x", "tags": ["1.0.0", "1.1.0", "1.2.0", "build-7"]}
            return mutated(Answer.json(200, listed), self.lists, self.more)
        name = match["name"] if match["name"].startswith("sha") else self.tag()
        if match["kind"] == "referrers" or name not in self.blobs:
            return Answer.json(404, {"errors": [{"code": "UNKNOWN", "message": "x"}]}, self.more)
        body, kind = self.blobs[name]
        return Answer(200, body, {"Content-Type": kind, "Docker-Content-Digest": name, **self.more})

    def _put(self, document: Any, changes: Sequence[Change], kind: str) -> dict[str, Any]:
        body = json.dumps(changed(document, changes)).encode("utf-8", "surrogatepass")
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.blobs[digest] = body, kind
        return {"mediaType": kind, "digest": digest, "size": len(body)}
