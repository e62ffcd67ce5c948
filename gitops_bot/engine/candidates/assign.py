"""Candidates of `set`: the pins that a person or a pipeline names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.context import Candidate, Candidates, Context, Entrant, as_it_is
from gitops_bot.engine.pullable import digest_of, no_image, problem_with
from gitops_bot.errors import Problem, RegistryError, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Assignment, ImageName, Pin
from gitops_bot.releases.choice import choose as choice
from gitops_bot.releases.decisions import IGNORED, Change, Decision, EntryKey, Failed, Kept, Managed
from gitops_bot.targets.pin_file import matching

if TYPE_CHECKING:
    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.request import Pins


async def candidates(context: Context, asked: Pins) -> Candidates:
    """The pins that the command line names, for the entries that they match.

    Raises:
        UsageError: two assignments ask for different pins of one entry, or none of them matches one.
    """
    by_entry: dict[EntryKey, Assignment] = {}
    matched: list[tuple[Managed, Assignment] | Failed] = []
    for assignment in asked.assignments:
        entries = context.state.meant(assignment.image)
        if not entries:
            matched.append(Failed(None, context.unknown(assignment.image)))
        for entry in entries:
            first = by_entry.setdefault(entry.key, assignment)
            if (first.pin, first.new_name) != (assignment.pin, assignment.new_name):
                message = f"{first.image} and {assignment.image} both match the entry {entry.name!r}"
                where = (entry.file, entry.line, entry.column)
                raise UsageError(Problem("failed.usage", message, "keep one of them", *where))
            if first is assignment:
                matched.append((entry, assignment))

    async def candidate(entry: Managed, assignment: Assignment) -> Candidate:
        proposed = context.branches.proposed.get(entry.key)
        return Candidate(await _assign(context.facts, entry, assignment, proposed), assignment)

    unknown = [item.problem for item in matched if isinstance(item, Failed)]
    if not by_entry:
        context.refuse(unknown)
    told = [item for item in matched if not isinstance(item, Failed) or context.causes([item.problem])]
    entrants = [as_it_is(item) if isinstance(item, Failed) else Entrant(item[0], candidate(*item)) for item in told]
    return Candidates(context, entrants, frozenset(by_entry))


async def _assign(facts: Facts, entry: Managed, assignment: Assignment, proposed: Pin | None) -> Decision:
    """An entry with the pin that was asked for; `proposed` is what the open proposal pins it to, if it does.

    A digest is taken as it is; with a short name, it may belong to another image: the registry must have it.
    """
    present = entry.pin
    if entry.rules.ignore and not entry.choices and entry.name != assignment.image:
        # Its repository alone is not a clear enough word against `ignore: true`; its name is.
        return Kept(entry, IGNORED)
    if entry.refusal is not None:
        return Failed(entry, entry.refusal)
    if entry.choices:
        return _select(entry, assignment)
    try:
        after = await _resolve(facts, entry, assignment, proposed)
    except RegistryError as error:
        return Failed(entry, problem_with(error, entry) if assignment.new_name is None else error.problem)
    new_name = assignment.new_name if assignment.new_name != entry.entry.new_name else None
    if after == present and new_name is None and proposed is None:
        return Kept(entry, Reason("nothing_new", f"{after} is already pinned"))
    reason = Reason("set", f"set to {assignment.pin} by hand or by a pipeline")
    return Change(entry, after, "set", choice.direction(present, after, entry.policy), reason, new_name)


def _select(entry: Managed, assignment: Assignment) -> Decision:
    """A selector with the slot that was asked for; registries know nothing of slots."""
    pin = assignment.pin
    if pin.tag not in entry.choices or pin.digest is not None or assignment.new_name is not None:
        message = f"{entry.name} selects a slot, and {pin} is none"
        advice = f"give {' or '.join(f'{entry.name}={slot}' for slot in entry.choices)}"
        return Failed(entry, Problem("failed.usage", message, advice, entry.file, entry.line, entry.column))
    if pin == entry.pin:
        return Kept(entry, Reason("nothing_new", f"{pin} is live already"))
    return Change(entry, pin, "set", "forward", Reason("set", f"switched to {pin} by hand or by a pipeline"))


async def _resolve(facts: Facts, entry: Managed, assignment: Assignment, proposed: Pin | None) -> Pin:
    tag, digest = assignment.pin.tag, assignment.pin.digest
    image = ImageName.parse(assignment.new_name) if assignment.new_name else entry.repository
    if digest is not None and not matching([entry.entry], assignment.image):
        await _require(facts, entry, image, digest, assignment.image)
    shape = entry.rules.pin
    if tag is None:
        # A digest alone keeps the tag: the one that is proposed, where there is a proposal.
        return Pin((proposed or entry.pin).tag, digest)
    if digest is not None:
        # `pin: tag` does not apply: somebody asked for this very digest.
        return choice.shaped("digest", entry.pin, tag, digest) if shape == "digest" else Pin(tag, digest)
    if image is None:
        raise RegistryError(no_image(entry))
    digest = await digest_of(facts, entry, image, tag, None, will_read=tag != entry.pin.tag)
    return choice.shaped(shape, entry.pin, tag, digest)


async def _require(facts: Facts, entry: Managed, image: ImageName | None, digest: str, short: str) -> None:
    """Raises a RegistryError where the repository that a short name matches does not have a digest."""
    advice = f"`{short[:100]}` stands for this image: write its name in full if it is right, else the right one."
    if image is None:
        raise RegistryError(no_image(entry))
    try:
        if await facts.exists(image, digest):
            return
    except RegistryError as error:
        problem = error.problem
        raise RegistryError(replace(problem, next=f"{problem.next} {advice}"), status=error.status) from error
    message = f"{image}: there is no digest {digest[:19]}"
    raise RegistryError(Problem("failed.registry", message, advice, about=str(image)))
