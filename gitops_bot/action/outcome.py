"""The result of a step's command as headlines for the log, as outputs, as annotations, and as a summary."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Assignment, ImageName
from gitops_bot.proposals.text.details import pull_command
from gitops_bot.proposals.text.markdown import code, plain, prose
from gitops_bot.report.show import LABELS
from gitops_bot.results.checkout import Checked
from gitops_bot.results.outcome import WRITING, Outcome
from gitops_bot.results.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.proposal import Written
    from gitops_bot.releases.decisions import Change, Held
    from gitops_bot.results.outcome import EnvironmentOutcome

StepResult = Result[Outcome] | Result[Checked]

#: GitHub keeps 1 MiB of the outputs of a job, counted as UTF-16; beyond this many characters `plan` is left empty.
PLAN_LIMIT = 256 * 1024
_SUMMARY_LIMIT = 16 * 1024
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,500}")
#: Bytes of the summary reserved for the end of a block and for the line that says what is missing.
_END = 1024


@dataclass(frozen=True, slots=True)
class Annotation:
    """A message for people, with file and line if they are known."""

    message: str
    next: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


def outcome_of(result: StepResult) -> Outcome:
    """The outcome; that of `check` has no environments."""
    return result.body if isinstance(result.body, Outcome) else Outcome()


def repository(change: Change) -> str:
    """The repository that an entry pulls from once the change is made."""
    return change.new_name or change.entry.image


def pin_text(pin: Pin) -> str:
    """A pin in full, as kustomize reads it."""
    return plain(str(pin)) or "(none)"


def _headline(environment: EnvironmentOutcome, proposed: Written, *, written: bool) -> str:
    """One proposal in one line."""
    pull = f" #{proposed.pull_request.number}" if proposed.pull_request else ""
    pins = dict.fromkeys(
        f"{repository(change).rpartition('/')[2]} {change.after.tag or ''}".strip() for change in proposed.changes
    )
    shown = ", ".join([*list(pins)[:5], *([f"{len(pins) - 5} more"] if len(pins) > 5 else [])])
    details = f": {shown}" if shown else ""
    why = "" if proposed.action.name in WRITING else f" ({proposed.action.reason.text})"
    return f"{environment.name}: {LABELS[proposed.action.name][written]}{pull}{details}{why}"


def count_line(checked: Checked) -> str:
    """How much `check` read, and how much of that nothing updates."""
    coverage = checked.coverage
    others = {"unmanaged": coverage.unmanaged, "in no environment": coverage.outside.entries}
    counts = {"files": checked.files, "entries": coverage.entries} | {k: n for k, n in others.items() if n}
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def split_held(environment: EnvironmentOutcome) -> tuple[list[Held], str | None]:
    """The entries that are held, and one line for those that are unmanaged: there may be hundreds."""
    unmanaged = [entry for entry in environment.all_held if entry.reason.code == "unmanaged"]
    others = [entry for entry in environment.held if entry.reason.code != "unmanaged"]
    if not unmanaged:
        return others, None
    first = unmanaged[0]
    sample = f"such as {first.entry.image}: " if len(unmanaged) > 1 else f"{first.entry.image}: "
    return others, f"{len(unmanaged)} unmanaged, {sample}{first.reason.text}"


def headlines(result: StepResult, *, written: bool) -> list[str]:
    """The outcome in a few lines for people, without its problems: see `errors`."""
    if isinstance(result.body, Checked):
        return [f"{count_line(result.body)}: {result.body.verdict(len(result.head.problems))}"]
    lines = []
    for environment in result.body.environments:
        entries, unmanaged = split_held(environment)
        own = [_headline(environment, proposed, written=written) for proposed in environment.proposals]
        own += [f"{environment.name}: held {_held_text(entry)}" for entry in entries]
        own += [f"{environment.name}: {unmanaged}"] if unmanaged else []
        lines += [plain(line, 1000) for line in own or [f"{environment.name}: nothing to do"]]
    return lines


def errors(result: StepResult) -> list[str]:
    """A line for each problem; none for `check`, whose one line counts them."""
    problems = () if isinstance(result.body, Checked) else result.head.problems
    return [plain(": ".join(filter(None, ("error", problem.where, problem.message))), 1000) for problem in problems]


def to_annotate(result: StepResult, *, named: bool) -> tuple[list[Annotation], list[Annotation]]:
    """What is wrong, and what was not done although the command named it (`named`)."""
    outcome = outcome_of(result)
    wrong = [
        Annotation(problem.message, problem.next, problem.file, problem.line, problem.column)
        for problem in dict.fromkeys(result.head.problems)
    ]
    if not named:
        return wrong, []
    undone = [
        Annotation(f"held {_held_text(entry)}", "", entry.entry.file, entry.entry.line)
        for environment in outcome.environments
        for entry in environment.all_held
    ]
    left_alone = (proposal for _, proposal in outcome.proposals if proposal.action.name == "leave" and proposal.changes)
    return wrong, undone + [
        Annotation(f"{proposal.branch} is left alone: {proposal.action.reason.text}") for proposal in left_alone
    ]


def outputs(result: StepResult, plan: str, images: Sequence[str], *, written: bool, done: bool) -> dict[str, str]:
    """The outputs of the step. `plan` is the result as JSON; `images` are those that the step named, with their pins.

    `done`: the step did all that it names.
    """
    all_proposals = [proposed for _, proposed in outcome_of(result).proposals]
    kept = [proposal for proposal in all_proposals if proposal.action.name != "close"]
    if images:
        # Only those with one of the pins that the step names.
        kept = [
            proposal
            for proposal in kept
            if not _is_undone(proposal) and any(not change.carried for change in proposal.changes)
        ]
    pulls = [proposal.pull_request for proposal in kept if proposal.pull_request]
    pins = _pins(all_proposals, images)
    if not pins and done:
        # The step's own pins that have a digest. Everything succeeded, so they are in place.
        given = [Assignment.parse(image) for image in images if "=" in image]
        pins = [_reference(own.image, own.pin) for own in given if own.pin.digest]
    return {
        "changed": str(any(proposal.action.name in WRITING for proposal in all_proposals)).lower(),
        "pull-request-number": _lines(str(pull.number) for pull in pulls),
        "pull-request-url": _lines(pull.url for pull in pulls),
        "branch": _lines(proposal.branch for proposal in kept if proposal.branch),
        "commit": _lines(proposal.commit for proposal in kept if proposal.commit),
        "image": _lines(image for image, _ in pins),
        "digest": _lines(digest for _, digest in pins if digest),
        "plan": plan if len(plan) <= PLAN_LIMIT else "",
        "summary": _cut([*headlines(result, written=written), *errors(result)]),
    }


def _is_undone(proposed: Written) -> bool:
    return proposed.action.name == "leave" or proposed.failed


def _pins(proposed: Iterable[Written], images: Sequence[str]) -> list[tuple[str, str]]:
    """Each pin that was (or would be) proposed or written for the named images, as a full reference and its digest."""
    names = {_normal(image.partition("=")[0]) for image in images}
    pins = []
    for proposal in proposed:
        for change in () if _is_undone(proposal) else proposal.changes:
            entry = change.entry
            if names and change.carried:
                continue  # of an earlier run: what this step named was decided now, or not done
            if not names or names & {_normal(entry.name), _normal(entry.image)}:
                pins.append(_reference(repository(change), change.after))
    return pins


def _reference(image: str, pin: Pin) -> tuple[str, str]:
    tag = f":{pin.tag}" if pin.tag else ""
    return image + tag + (f"@{pin.digest}" if pin.digest else ""), pin.digest or ""


def _normal(image: str) -> str:
    return str(ImageName.of(image) or image)


def _lines(values: Iterable[str]) -> str:
    """Each value once, on a line of its own."""
    return "\n".join(dict.fromkeys(plain(value) for value in values))


def _cut(lines: Sequence[str]) -> str:
    """The first lines, as many as fit into an output."""
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > _SUMMARY_LIMIT:
            return "\n".join([*lines[:number], f"… {len(lines) - number} more"])
    return "\n".join(lines)


def _held_text(held: Held) -> str:
    candidate = f" -> {pin_text(held.candidate)}" if held.candidate else ""
    where = f"{plain(held.entry.file)}:{held.entry.line}"
    return f"{held.entry.image} {pin_text(held.current)}{candidate}: {held.reason.text} ({held.reason.code}, {where})"


@dataclass(slots=True)
class _Text:
    """Collects lines up to a number of bytes and counts those that do not fit."""

    room: int
    lines: list[str] = field(default_factory=list)
    left_out: int = 0

    def block(self, head: Sequence[str], rows: Iterable[str], tail: Sequence[str] = ()) -> None:
        """Add rows between a head and a tail, which are written completely or not at all."""
        rows = list(rows)
        frame = sum(len(line.encode()) + 1 for line in (*head, *tail))
        if not rows or self.left_out or frame > self.room:
            self.left_out += len(rows)
            return
        self.room -= frame
        self.lines += head
        for number, row in enumerate(rows):
            size = len(row.encode()) + 1
            if size > self.room:
                self.left_out += len(rows) - number
                break
            self.room -= size
            self.lines.append(row)
        self.lines += tail


def summary(title: str, result: StepResult, room: int, *, written: bool) -> str:
    """What was done: changes with digests in full, how to pull them, what was held and what failed.

    `room` is in bytes; what does not fit is left out, and the last line says how much that is.
    """
    if room < 2 * _END:
        return ""
    text = _Text(room - _END)
    text.block([], [f"### {prose(title)}"])
    if isinstance(result.body, Checked):
        text.block([""], [count_line(result.body)])
    outcome = outcome_of(result)
    for environment, proposed in outcome.proposals:
        text.block(["", _heading(environment, proposed, written=written)], [""])
        text.block(["| Image | From | To | Where |", "|---|---|---|---|"], map(_change_row, proposed.changes), [""])
        pulls = (pull_command(repository(change), change.after.digest) for change in proposed.changes)
        text.block(["```sh"], dict.fromkeys(pull for pull in pulls if pull), ["```"])
    for environment in outcome.environments:
        entries, unmanaged = split_held(environment)
        text.block(["", f"**{prose(environment.name)}** held:", ""], map(_held_row, entries))
        text.block([""], [f"**{prose(environment.name)}**: {prose(unmanaged)}"] if unmanaged else [], [""])
        if not environment.proposals and not environment.all_held:
            text.block(["", f"**{prose(environment.name)}**: nothing to do"], [""])
    text.block(["", "**Failed:**", ""], map(_problem_row, dict.fromkeys(result.head.problems)))
    if text.left_out:
        text.lines += ["", f"… {text.left_out} more do not fit here; the log has all of them."]
    return "\n".join([*text.lines, "", ""])


def _heading(environment: EnvironmentOutcome, proposed: Written, *, written: bool) -> str:
    pull, action = proposed.pull_request, LABELS[proposed.action.name][written]
    link = ""
    if pull:
        link = f" [#{pull.number}]({pull.url})" if _ADDRESS.fullmatch(pull.url) else f" {code(pull.url)}"
    branch = f" on {code(proposed.branch)}" if proposed.branch else ""
    commit = f" at {code(proposed.commit)}" if proposed.commit else ""
    why = "" if proposed.action.name in WRITING else f": {prose(proposed.action.reason.text)}"
    return f"**{prose(environment.name)}**: {action}{link}{branch}{commit}{why}"


def _change_row(change: Change) -> str:
    entry, before, after = change.entry, pin_text(change.before), pin_text(change.after)
    cells = (repository(change), before, after, f"{entry.file}:{entry.line}")
    return f"| {' | '.join(code(cell) for cell in cells)} |"


def _held_row(held: Held) -> str:
    candidate = f" → {code(pin_text(held.candidate))}" if held.candidate else ""
    where = code(f"{held.entry.file}:{held.entry.line}")
    return f"- {code(held.entry.image)} {code(pin_text(held.current))}{candidate}: {prose(held.reason.text)} ({where})"


def _problem_row(problem: Problem) -> str:
    where = f"{code(problem.where)}: " if problem.where else ""
    advice = f" *Next:* {prose(problem.next, 2000)}" if problem.next else ""
    return f"- {where}{prose(problem.message, 2000)}{advice}"
