"""The releases of an environment, also as JSON, and the pull requests that brought them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from gitops_bot.images.reference import is_digest, is_tag
from gitops_bot.proposals.pull_request import State
from gitops_bot.releases.history.record import Kind
from gitops_bot.results.shape import COMMIT, LINE, TEXT, TIME, define, many, one_of, or_null, record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.proposals.pull_request import Merge
    from gitops_bot.releases.history.record import Between, Record
    from gitops_bot.releases.history.releases import Content


class ReleaseMerge(NamedTuple):
    """A release, how it came to the base branch, and its content where that was asked for."""

    record: Record
    merge: Merge
    content: Content | None = None

    @property
    def content_digest(self) -> str | None:
        """The digest of its content."""
        return self.content.digest if self.content is not None else None


@dataclass(frozen=True, slots=True)
class History:
    """Releases of an environment, the newest first; `bounded` where older ones are missing: how to know `more`."""

    environment: str
    bounded: bool
    releases: tuple[ReleaseMerge, ...]
    #: Where one release is asked for: each file that it changed, before and after.
    files: Mapping[str, tuple[bytes, bytes]] | None = None
    between: Between | None = None
    #: Where the content of the one release was written to.
    exported: str | None = None
    more: str = ""

    @property
    def content(self) -> Content | None:
        """The content of the one release that is shown."""
        return self.releases[0].content if self.files is not None else None


#: Scripts get what registries and kustomize take as a tag and a digest; what else stands in a file is a problem.
PIN = define(
    "pin",
    tag=or_null(TEXT).of(lambda pin: pin.tag if is_tag(pin.tag or "") else None),
    digest=or_null(TEXT).of(lambda pin: pin.digest if is_digest(pin.digest or "") else None),
)
PULL_REQUEST = define("pull_request", number=LINE, url=TEXT, state=one_of(*get_args(State)))
ENTRY_CHANGE = record(overlay=TEXT, name=TEXT, from_=or_null(PIN).of("before"), to=or_null(PIN).of("after"))
RELEASE = record(
    id=TEXT.of("record.id"),
    number=or_null(LINE).of("record.release.number"),
    commit=COMMIT.of("record.release.commit"),
    at=TIME.of("record.at"),
    author=TEXT.of("record.release.step.who"),
    merged_by=or_null(TEXT).of("merge.merged_by"),
    approved_by=many(TEXT).of("merge.approved_by"),
    pull_request=or_null(PULL_REQUEST).of("merge.pull_request"),
    kind=one_of(*get_args(Kind)).of("record.kind"),
    from_release=or_null(TEXT).of("record.from_release"),
    rollback_of=or_null(TEXT).of("record.rollback_of"),
    changes=many(ENTRY_CHANGE).of("record.changes"),
    config=many(TEXT).of("record.config"),
    content_digest=or_null(TEXT),
)
#: What the forge tells of a release, and Git does not.
_OF_FORGE: Final = frozenset({"merged_by", "approved_by", "pull_request"})


def text(release: ReleaseMerge) -> str:
    """The text of its tag."""
    return json.dumps(RELEASE.write(release), indent=2) + "\n"


def differences(release: ReleaseMerge, tagged: str) -> tuple[str, ...] | None:
    """The fields that a tag's text gives another value than Git does; None where the text is no release.

    Nobody can tell later whether the forge told the rest. A field that the text lacks is younger than the tag.
    """
    try:
        document = json.loads(tagged)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or "commit" not in document:
        return None
    wanted = json.loads(text(release))
    return tuple(key for key in wanted if key not in _OF_FORGE and key in document and document[key] != wanted[key])
