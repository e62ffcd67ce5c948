"""Checks for contradictions between the keys of one `propose`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.config import times
from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import suggestion
from gitops_bot.config.places import Scalar
from gitops_bot.config.propose import FOR_PULL_REQUESTS

if TYPE_CHECKING:
    from gitops_bot.config.places import Document, Path, Tree


def check(document: Document, path: Path) -> None:
    """Add a problem for each contradiction in the `propose` at `path`."""
    if document.at((*path, "as")) == "commit":
        _commit(document, path)
    else:
        _merging(document, path)
    _groups(document, (*path, "group"))
    limit = (*path, "limit")
    if document.at(limit) == {}:
        document.tell(document.value(limit), "`limit` limits nothing", "set `open`, `new_per_hour` or both")
    for at in range(_length(document, (*path, "schedule"))):
        _window(document, (*path, "schedule", at))


def slug(name: str) -> str:
    """Equal for names that are easily confused and whose branches would have nearly the same name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _commit(document: Document, path: Path) -> None:
    for key in FOR_PULL_REQUESTS:
        written = document.at((*path, key))
        if written is not None and not _says_nothing(key, written):
            message = f"`{key}` is for pull requests, and this environment commits directly"
            document.tell(document.key((*path, key)), message, f"remove `{key}`, or set `as: pull-request`")


def _says_nothing(key: str, written: Tree) -> bool:
    if not isinstance(written, Scalar):
        return written == []
    if written.kind in ("broken", "nothing"):
        return True  # told by itself
    return _is_truth(written, "false") or (key == "group" and written == "environment")


def _is_truth(written: Tree | None, word: str) -> bool:
    return isinstance(written, Scalar) and written.kind == "truth" and written.lower() == word


def _merging(document: Document, path: Path) -> None:
    auto_merge, method = (*path, "auto_merge"), (*path, "merge_method")
    written = document.at(auto_merge)
    merges = written is not None and not _is_truth(written, "false")
    if merges and _is_truth(document.at((*path, "draft")), "true"):
        message = "a draft does not merge by itself: somebody has to mark it as ready"
        document.tell(document.key(auto_merge), message, "remove `auto_merge`, or `draft`")
    if not merges and document.at(method) is not None:
        message = "`merge_method` has no effect without `auto_merge`"
        document.tell(document.key(method), message, "remove `merge_method`, or set `auto_merge: true`")


def _groups(document: Document, path: Path) -> None:
    """Groups without globs, and groups with the same branch."""
    seen: dict[str, tuple[str, int]] = {}
    for at in range(_length(document, path)):
        group, here = document.at((*path, at)), document.value((*path, at))
        if not isinstance(group, dict):
            continue
        if group.keys() <= {"name", "together"}:
            advice = 'add one or both: `images: ["ghcr.io/acme/web*"]`, `overlays: ["apps/web/**"]`'
            document.tell(here, "this group has neither `images` nor `overlays`", advice)
        name = group.get("name")
        if isinstance(name, Scalar) and name.kind in ("text", "number"):
            place = document.value((*path, at, "name"))
            first, line = seen.setdefault(slug(name), (name, place.line))
            if first is not name:
                message = (
                    f"{quoted(name)}: its branch would have the same name as that of {quoted(first)} in line {line}"
                )
                document.tell(place, message, "rename or remove one of the two")


def _window(document: Document, path: Path) -> None:
    window = document.at(path)
    if isinstance(window, dict) and window.keys() <= {"timezone"}:
        advice = 'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
        document.tell(document.value(path), "this window has neither `days` nor `hours`", advice)
    written = document.at((*path, "timezone"))
    if isinstance(written, Scalar) and times.is_zone(written):
        _zone(document, (*path, "timezone"), written)


def _zone(document: Document, path: Path, written: Scalar) -> None:
    try:
        times.zone(written)
    except ValueError:
        city = written.rpartition("/")[2].lower()
        known = times.cities(city[0])
        close = suggestion(document, city, known)
        advice = f"did you mean `{known[close]}`?" if close else "use an IANA name, as in `timezone: Europe/Berlin`"
        document.tell(document.value(path), f"there is no time zone {quoted(written)}", advice)


def _length(document: Document, path: Path) -> int:
    here = document.at(path)
    return len(here) if isinstance(here, list) else 0
