"""The plan in a commit message, so that the next run can read it again: Git is the only state.

    Gitops-Bot-Plan: 1 <environment> <group> <source>
    Gitops-Bot-Base: <commit>
    Gitops-Bot-Change: {"file": ..., "name": ..., "from": {...}, "to": {...}}

A change is one line of ASCII JSON. `newName` and `source` are added where they say more than the plan's line does, and
`info` where values of another file follow the pin: `{"file": ..., "from": {...}, "to": {...}}`, texts by their keys.
`despiteChecks` is added where a person promoted the pin whatever checks say.
The base is the commit of the base branch that a commit on the bot's branch was made on. If it still is the parent,
nobody rebased the commit, so all below it came from the base branch, even if that has dropped it since.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.decisions import EntryKey, InfoChange, PinChange, Source
from gitops_bot.targets import release_info

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAN = "Gitops-Bot-Plan"
BASE = "Gitops-Bot-Base"
CHANGE = "Gitops-Bot-Change"
_VERSION = "1"
_MESSAGE_LIMIT = 4 << 20
_SOURCES: tuple[Source, ...] = get_args(Source)


class Trailers(NamedTuple):
    """The plan in the trailers of one commit message."""

    environment: str
    group: str
    source: Source
    changes: tuple[PinChange, ...]


def render(trailers: Trailers, base: str | None = None) -> str:
    """The trailer block, without a final newline."""
    lines = [f"{PLAN}: {_VERSION} {trailers.environment} {trailers.group} {trailers.source}"]
    if base is not None:
        lines.append(f"{BASE}: {base}")
    for change in trailers.changes:
        fields: dict[str, Any] = {
            "file": change.file,
            "name": change.name,
            "from": {"tag": change.before.tag, "digest": change.before.digest},
            "to": {"tag": change.after.tag, "digest": change.after.digest},
        }
        if change.new_name is not None:
            fields["newName"] = change.new_name
        if change.source != trailers.source:
            fields["source"] = change.source
        if change.despite_checks:
            fields["despiteChecks"] = True
        if (info := change.info) is not None:
            fields["info"] = {"file": info.file, "from": info.before, "to": info.after}
        lines.append(f"{CHANGE}: {json.dumps(fields, ensure_ascii=True)}")
    return "\n".join(lines)


def parse(message: str) -> Trailers | None:
    """The plan in a commit message; None if there is none, or if any part of it is malformed."""
    if len(message) > _MESSAGE_LIMIT:
        return None
    lines = message.splitlines()
    plans, changes = (
        [line[len(key) :] for line in lines if line.startswith(key)] for key in (f"{PLAN}: ", f"{CHANGE}: ")
    )
    if len(plans) != 1:
        return None
    fields = plans[0].split()
    if len(fields) != 4 or fields[0] != _VERSION or fields[3] not in _SOURCES:
        return None
    source = fields[3]
    known = tuple(change for text in changes if (change := _change(text, source)) is not None)
    return Trailers(fields[1], fields[2], source, known) if len(known) == len(changes) else None


def several(message: str) -> tuple[Trailers, ...]:
    """The plans in a message that forges join from those of several commits, oldest first, without malformed ones."""
    if PLAN not in message or len(message) > _MESSAGE_LIMIT:
        return ()
    joined: list[list[str]] = []
    for line in message.splitlines():
        if line.startswith(f"{PLAN}: "):
            joined.append([])
        if joined:
            joined[-1].append(line)
    return tuple(plan for lines in joined if (plan := parse("\n".join(lines))) is not None)


def fold(plans: Sequence[Trailers]) -> tuple[PinChange, ...]:
    """The combined changes of commits, oldest first: the first `from` and the last `to` of each entry."""
    total: dict[EntryKey, PinChange] = {}
    for trailers in plans:
        for change in trailers.changes:
            first = total.get(change.key, change)
            new_name = change.new_name if change.new_name is not None else first.new_name
            info = _join(first.info, change.info)
            total[change.key] = replace(change, before=first.before, new_name=new_name, info=info)
    return tuple(change for change in total.values() if change.before != change.after or change.new_name is not None)


def _join(first: InfoChange | None, last: InfoChange | None) -> InfoChange | None:
    """The first old and the last new texts; of two files, the last one."""
    if first is None or last is None or first.file != last.file:
        return last or first
    before, after = last.before | first.before, first.after | last.after
    values = tuple((key, before[key], after[key]) for key in after if before[key] != after[key])
    return InfoChange(last.file, values) if values else None


def _change(text: str, source: Source) -> PinChange | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    match fields:
        case {
            "file": str(file),
            "name": str(name),
            "from": {"tag": None | str() as old_tag, "digest": None | str() as old_digest},
            "to": {"tag": None | str() as tag, "digest": None | str() as digest},
        }:
            before, after = Pin(old_tag, old_digest), Pin(tag, digest)
        case _:
            return None
    change_source, new_name, info = fields.get("source", source), fields.get("newName"), _info(fields.get("info"))
    named = new_name is None or (isinstance(new_name, str) and ImageName.of(new_name) is not None)
    # The old text in the file may be no tag at all, as where a proposal corrects `newTag: 1.0+build`.
    if after.malformed or change_source not in _SOURCES or not named or info is False:
        return None
    despite_checks = fields.get("despiteChecks") is True
    return PinChange(file, name, before, after, change_source, new_name, info, despite_checks)


def _info(written: object) -> InfoChange | Literal[False] | None:
    """What follows a pin; False where that is malformed."""
    match written:
        case None:
            return None
        case {"file": str(file), "from": dict(before), "to": dict(after)} if before.keys() == after.keys() and after:
            values = tuple((key, before[key], after[key]) for key in after)
        case _:
            return False
    sound = all(isinstance(was, str) and isinstance(now, str) and release_info.fits(now) for _, was, now in values)
    return InfoChange(file, values) if sound else False
