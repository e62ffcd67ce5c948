"""What annotated tags say. Their texts are anybody's: bounded, and never more than compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.git.remote import Remote
    from gitops_bot.edges.git.store import Store

#: Bytes of one text, and of all of them.
TEXT_LIMIT, TOTAL_LIMIT = 4 * 1024 * 1024, 64 * 1024 * 1024
_TAG = re.compile(rb"object [0-9a-f]{40,64}\ntype commit\n")


def texts(store: Store, remote: Remote, objects: Mapping[str, str]) -> dict[str, str | None]:
    """The text of each tag, given its object; None for one that is no object of its own, too long, or not UTF-8.

    Raises:
        GitError: the remote cannot be read.
    """
    present = set(store.present(objects.values()))
    if missing := set(objects.values()) - present:
        remote.fetch_tags(sorted(missing))
    sizes = store.sizes(set(objects.values()))
    room, wanted = TOTAL_LIMIT, []
    for oid, size in sizes.items():
        if size <= min(TEXT_LIMIT, room):
            room -= size
            wanted.append(oid)
    data = store.contents(wanted)
    return {name: _text(data.get(oid, b"")) for name, oid in objects.items()}


def _text(data: bytes) -> str | None:
    try:
        return data.partition(b"\n\n")[2].decode() if _TAG.match(data) else None
    except UnicodeDecodeError:
        return None
