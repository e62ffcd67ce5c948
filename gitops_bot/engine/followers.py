"""Files that follow a pin: labels of the image go into the file that describes it, in the commit of the pin."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.pullable import no_image, problem_with
from gitops_bot.errors import EditError, RegistryError
from gitops_bot.images.age import EARLIEST
from gitops_bot.images.build import CREATED
from gitops_bot.images.reason import rfc3339
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.decisions import Change, Decision, Failed, InfoChange
from gitops_bot.targets import release_info

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.context import Context
    from gitops_bot.releases.choice.rollback import Goal
    from gitops_bot.releases.layout.release_info import Described


async def describe_release(decision: Decision, context: Context) -> Decision:
    """A gate: add the values that a file describes the image with; fail the decision where that is not possible."""
    if not isinstance(decision, Change) or decision.source == "rollback":
        return decision
    if (described := context.state.infos.get(decision.entry.key)) is None:
        return decision
    if described.wrong is not None:
        return Failed(decision.entry, described.wrong)
    if described.file is None or context.request.offline:
        return decision
    image = ImageName.of(decision.new_name or decision.entry.image)
    if image is None:
        return Failed(decision.entry, no_image(decision.entry))
    try:
        digest = decision.after.digest or await context.facts.digest(image, decision.after.tag or "", will_read=True)
        build = await context.facts.describe(image, digest)
    except RegistryError as error:
        return Failed(decision.entry, problem_with(error, decision.entry))
    created = rfc3339(build.created) if build.created is not None and build.created >= EARLIEST else None
    labels: Mapping[str, str | None] = {**build.labels, CREATED: created}
    values = {key: labels.get(label) for key, label in described.labels.items() if label is not None}
    whys = dict.fromkeys(described.labels, "no label is configured for it")
    whys |= {key: f"the image has no usable {label}" for key, label in described.labels.items() if label is not None}
    return _with_values(decision, described, values, whys)


def restore(change: Change, context: Context, goal: Goal) -> Change:
    """A rollback, with the values of the file at the release to go back to. No registry is asked."""
    if (described := context.state.infos.get(change.entry.key)) is None:
        return change
    if described.file is None:
        why = described.wrong.message if described.wrong is not None else "it cannot be edited"
        return add_to_reason(change, f"{described.name} stays as it is: {why}", {"release_info": described.path})
    then: Mapping[str, str] = {}
    with suppress(EditError):  # it cannot be read
        if (data := goal.content(described.path, context.snapshot.layout.files[described.path])) is not None:
            then = release_info.read(data, described.path, described.labels).values
    return _with_values(change, described, then, dict.fromkeys(described.labels, "not told by that release"))


def edit(context: Context, changes: Sequence[Change]) -> tuple[list[Change], list[Failed], dict[str, bytes]]:
    """The changes, each with what its file says now and then, those that cannot be done, and the bytes of the files.

    A file that no longer describes the entry, or cannot be edited, stays as it is: what a proposal carries goes on.
    """
    done: list[Change] = []
    failed: list[Failed] = []
    files: dict[str, bytes] = {}
    for change in changes:
        described = context.state.infos.get(change.entry.key)
        file = described.file if described is not None else None
        info = change.info
        if info is None or described is None or file is None or described.path != info.file:
            done.append(replace(change, info=None))
            continue
        now = file.values
        values = tuple((key, now[key], text) for key, text in info.after.items() if now.get(key, text) != text)
        try:
            data = file.with_values({key: text for key, _, text in values})
        except EditError as error:
            failed.append(Failed(change.entry, error.problem))
            continue
        done.append(replace(change, info=InfoChange(described.path, values) if values else None))
        if values:
            files[described.path] = data
    return done, failed, files


def _with_values(
    change: Change, described: Described, values: Mapping[str, str | None], whys: Mapping[str, str]
) -> Change:
    """The change with these values for the keys that the file has; its reason names those that stay, and why."""
    present = described.file.values if described.file is not None else {}
    new = {key: text for key in present if (text := values.get(key)) is not None and release_info.fits(text)}
    info = InfoChange(described.path, tuple((key, present[key], text) for key, text in new.items()))
    gets = [key for key, text in new.items() if text != present[key]]
    keeps = [f"{key} ({whys[key]})" for key in present if key not in new]
    parts = [f"{verb} {_join(keys)}" for verb, keys in (("gets", gets), ("keeps", keeps)) if keys]
    data = {"release_info": described.path, "release_info_left": ", ".join(key for key in present if key not in new)}
    text = f"{described.name} {' and '.join(parts)}" if parts else ""
    return replace(add_to_reason(change, text, data), info=info)


def _join(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def add_to_reason(change: Change, text: str, data: Mapping[str, str] | None = None) -> Change:
    """The change, with a text behind its reason."""
    reason = change.reason.with_more(text) if text else change.reason
    return replace(change, reason=replace(reason, data={**reason.data, **(data or {})}))
