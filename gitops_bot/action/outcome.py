"""The result of a step's command as headlines for the log, as outputs, as annotations, and as a summary.

All of them tell the same rows: what became of each image, the most urgent first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeVar, get_args

from gitops_bot.action.runner import SHOWN, Annotation
from gitops_bot.images.reason import counted, shortlist
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text import markdown as md
from gitops_bot.proposals.text.details import pull_command
from gitops_bot.proposals.text.markdown import code, plain, prose
from gitops_bot.releases.decisions import Failed, Held, Kept, has_failed
from gitops_bot.report import status
from gitops_bot.report.screen import frozen, place, short, unstopped
from gitops_bot.report.show import LABELS
from gitops_bot.results.audit import Audit
from gitops_bot.results.checkout import Checked
from gitops_bot.results.outcome import WRITING, Outcome
from gitops_bot.results.result import Result
from gitops_bot.results.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from gitops_bot.action.runner import Level
    from gitops_bot.errors import Problem
    from gitops_bot.images.reference import Pin
    from gitops_bot.proposals.proposal import Proposal
    from gitops_bot.releases.decisions import Managed, Seen
    from gitops_bot.results.outcome import EnvironmentOutcome

StepResult = Result[Outcome] | Result[Checked] | Result[Status] | Result[Audit]
#: What became of an image, the most urgent first. `present`: it was pinned or proposed already.
Kind = Literal["check_failed", "failed", "held", "changed", "present", "untracked"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: GitHub keeps 1 MiB of the outputs of a job, counted as UTF-16; beyond this many characters `plan` is left empty.
PLAN_LIMIT = 256 * 1024
_SUMMARY_LIMIT = 16 * 1024
Key = TypeVar("Key")
#: Images that a headline names.
_NAMED: Final = 5
#: Bytes of one UTF-16 code unit in UTF-8, at most.
_BYTES: Final = 3


@dataclass(frozen=True, slots=True)
class Row:
    """What became of an entry; without one, of a proposal or an environment. `result` and `why` say it in words.

    `image` is the repository that is pulled from once it is done, `after` what it is pinned to then. `carried`: an
    earlier run proposed it, and this step names other entries. `seen` is what its gates saw.
    """

    environment: str
    kind: Kind
    result: str
    why: str = ""
    entry: Managed | None = None
    image: str = ""
    before: Pin | None = None
    after: Pin | None = None
    proposal: Proposal | None = None
    problem: Problem | None = None
    carried: bool = False
    seen: tuple[Seen, ...] = ()

    @property
    def is_pinned(self) -> bool:
        """Whether the step may say that this pin is in place: in a proposal, or on the base branch."""
        return self.kind in ("changed", "present") and self.after is not None and not self.carried

    @property
    def name(self) -> str:
        """What people call the image."""
        return self.image.rpartition("/")[2]

    def pins(self, show: Callable[[Pin], str], arrow: str) -> str:
        """From what to what."""
        return arrow.join(dict.fromkeys(show(pin) for pin in (self.before, self.after) if pin is not None))


def rows(result: StepResult, *, written: bool) -> list[Row]:
    """What became of each image. `written` is false for a command that only shows what it would write."""
    found: list[Row] = []
    match result.body:
        case Outcome(environments=environments):
            for environment in environments:
                found += [*_proposed(environment, written=written), *_decided(environment)]
        case Audit(environments=audited):
            entries = ((name, item) for name, items in audited for item in items)
            found = [_failure(item.problem, name, item.entry) for name, item in entries if item.problem is not None]
    told = {row.problem for row in found}
    found += [_failure(problem) for problem in dict.fromkeys(result.head.problems) if problem not in told]
    return sorted(found, key=lambda row: KINDS.index(row.kind))


def _proposed(environment: EnvironmentOutcome, *, written: bool) -> Iterator[Row]:
    """The changes of its proposals, and what became of those that have none."""
    held = {(item.entry.key, item.candidate): item.reason.text for item in environment.held}
    for proposal in environment.proposals:
        action, did = proposal.action, LABELS[proposal.action.name][written]
        if not proposal.changes:
            kind: Kind = "changed" if action.name in WRITING else "held"
            yield Row(environment.name, kind, did, action.reason.text, proposal=proposal)
        for change in proposal.changes:
            image = change.new_name or change.entry.image
            pins = change.before, change.after
            row = Row(environment.name, "changed", did, "", change.entry, image, *pins, proposal, seen=change.seen)
            if proposal.failed:
                yield replace(row, kind="failed", result="not done", why=action.reason.text)
            elif action.name == "leave":
                waits = held.get((change.entry.key, change.after))
                yield replace(row, kind="held", result="held" if waits else did, why=waits or action.reason.text)
            elif change.carried and environment.named:
                yield replace(row, kind="present", result="carried on", carried=True)
            elif change.carried or action.name == "none":
                yield replace(row, kind="present", result="already proposed")
            else:
                yield row


def _decided(environment: EnvironmentOutcome) -> Iterator[Row]:
    """What stays as it is, but for what no one asked about and is current."""
    left = (proposal for proposal in environment.proposals if proposal.action.name == "leave")
    told = {(change.entry.key, change.after) for proposal in left for change in proposal.changes}
    untracked: dict[str, list[Managed]] = {}
    for decision in environment.decisions:
        entry = decision.entry
        named = entry is not None and entry.key in environment.named
        match decision:
            case Failed(problem=problem):
                yield _failure(problem, environment.name, entry)
            case Held() if decision.only_frozen and not named:
                continue  # a line above says what is frozen
            case Held(entry=entry, candidate=pin, reason=reason, seen=seen) if (entry.key, pin) not in told:
                kind: Kind = "check_failed" if has_failed(seen) else "held"
                did, pins = kind.replace("_", " "), (entry.pin, pin)
                yield Row(environment.name, kind, did, reason.text, entry, entry.image, *pins, seen=seen)
            case Kept(entry=entry) if decision.is_current and named:
                yield Row(environment.name, "present", "already pinned", "", entry, entry.image, entry.pin, entry.pin)
            case Kept(entry=entry, reason=reason) if reason.code == "unmanaged" or (named and not decision.is_current):
                untracked.setdefault(reason.text, []).append(entry)
    for why, (entry, *others) in untracked.items():
        result = f"not tracked, and {len(others):,} more" if others else "not tracked"
        yield Row(environment.name, "untracked", result, why, entry, entry.image, entry.pin)


def _failure(problem: Problem, environment: str = "", entry: Managed | None = None) -> Row:
    if entry is None:
        why = ": ".join(filter(None, (problem.where, problem.message)))
        return Row(environment, "failed", "failed", why, problem=problem)
    # Without the image, which stands beside it.
    why = problem.what if entry.image in problem.about else problem.message
    return Row(environment, "failed", "failed", why, entry, entry.image, entry.pin, problem=problem)


def title(command: str, result: StepResult, told: Sequence[Row], *, written: bool) -> str:
    """The command and how it went, in one line that begins with "failed" where the step does."""
    if isinstance(result.body, Checked):
        coverage = result.body.coverage
        others = {"unmanaged": coverage.unmanaged, "in no environment": coverage.outside.entries}
        read = [counted(result.body.files, "file"), counted(coverage.entries, "entry")]
        read += [f"{count:,} {where}" for where, count in others.items() if count]
        went = f"{', '.join(read)}: {result.body.verdict(len(result.head.problems))}"
    else:
        names = [environment.name for environment in result.body.environments]
        command += f" {names[0]}" if len(names) == 1 else ""
        words = ("with a failed check", "failed", "held", "changed" if written else "to change", "already in place")
        # Where no entry failed, something else did.
        counts = Counter(row.kind for row in told if row.entry) | Counter({row.kind: 1 for row in told if names})
        went = ", ".join(f"{counts[kind]:,} {word}" for kind, word in zip(KINDS, words, strict=False) if counts[kind])
    return ("failed: " if result.head.exit_code else "") + ": ".join(filter(None, (plain(command), went)))


def headlines(head: str, result: StepResult, told: Sequence[Row]) -> list[str]:
    """The outcome in a few lines for people: what shares its result is one of them. `head` is its title."""
    groups = []
    for row in told:
        pull = row.proposal.pull_request if row.proposal and row.kind in ("changed", "present") else None
        number = f"{' in' if row.kind == 'present' else ''} #{pull.number}" if pull else ""
        name = f"{row.name} {(row.after and row.after.tag) or ''}".strip()
        groups.append(((row.environment, row.result + number, row.why), name))
    lines = [head] if result.head.exit_code or isinstance(result.body, Checked) else []
    lines += _frozen(result)
    for (environment, did, why), names in _together(groups).items():
        text = ": ".join(filter(None, (environment, did, names)))
        lines.append(f"{text} ({why})" if names and why else ": ".join(filter(None, (text, why))))
    return [plain(line, 1000) for line in (*lines, *_overview(result, told))]


def _together(pairs: Iterable[tuple[Key, str]]) -> Mapping[Key, str]:
    """The names that share a key, in short."""
    groups: dict[Key, dict[str, None]] = {}
    for key, name in pairs:
        groups.setdefault(key, {})[name] = None
    return {key: shortlist(list(filter(None, names)), _NAMED) for key, names in groups.items()}


def _frozen(result: StepResult) -> list[str]:
    return frozen(result.body.environments) if isinstance(result.body, Outcome) else []


def _overview(result: StepResult, told: Sequence[Row]) -> list[str]:
    """A line for each environment, or for each of which there is nothing else to tell."""
    match result.body:
        case Status() as shown:
            headlines = (status.headline(shown, environment) for environment in shown.environments)
            return [*frozen(shown.environments), *unstopped(shown.environments), *headlines]
        case Audit(environments=audited):
            return [f"{environment.name}: {environment.headline}" for environment in audited]
        case Outcome(environments=environments):
            busy = {row.environment for row in told}
            return [f"{item.name}: nothing to do" for item in environments if item.name not in busy]
    return []


def to_annotate(told: Sequence[Row], *, named: bool) -> Iterator[tuple[Level, Annotation]]:
    """What is wrong, and what was not done although the command named it (`named`): as many as GitHub shows."""
    problems = list(dict.fromkeys(row.problem for row in told if row.problem is not None))
    for problem in problems[:SHOWN]:
        yield "error", Annotation(problem.message, problem.next, problem.file, problem.line, problem.column)
    held = (row for row in told if named and row.kind in ("check_failed", "held"))
    undone = [(row, row.entry) for row in held if row.entry is not None]
    for row, entry in undone[:SHOWN]:
        message = f"{row.result}: {row.image} {row.pins(str, ' -> ')}: {row.why}"
        yield "warning" if problems else "error", Annotation(message, "", entry.file, entry.line)


def outputs(result: StepResult, told: Sequence[Row], plan: str, lines: Sequence[str]) -> dict[str, str]:
    """The outputs of the step. `plan` is the result as JSON; `lines` are the headlines."""
    pinned = [row for row in told if row.is_pinned]
    proposals = [row.proposal for row in pinned if row.proposal is not None]
    pulls = [proposal.pull_request for proposal in proposals if proposal.pull_request]
    branches = [(row.proposal and row.proposal.branch) or result.head.branch for row in pinned]
    pins = [(row.image, row.after) for row in pinned if row.after and not (row.entry and row.entry.choices)]
    return {
        "changed": str(isinstance(result.body, Outcome) and result.body.would_write).lower(),
        "pull-request-number": _lines(str(pull.number) for pull in pulls),
        "pull-request-url": _lines(pull.url for pull in pulls),
        "branch": _lines(branch for branch in branches if branch),
        "commit": _lines(proposal.commit for proposal in proposals if proposal.commit),
        "image": _lines(
            image + (f":{pin.tag}" if pin.tag else "") + (f"@{pin.digest}" if pin.digest else "") for image, pin in pins
        ),
        "digest": _lines(pin.digest for _, pin in pins if pin.digest),
        "plan": plan if len(plan) <= PLAN_LIMIT else "",
        "summary": "\n".join(md.cut(lines, str, _SUMMARY_LIMIT, lambda left: f"… {left} more")),
    }


def _lines(values: Iterable[str]) -> str:
    """Each value once, on a line of its own."""
    return "\n".join(dict.fromkeys(plain(value) for value in values))


def summary(head: str, result: StepResult, told: Sequence[Row], room: int) -> str:
    """One table of what needs attention and what was done, and folded, where that is and how to pull it.

    `room` is in bytes. What does not fit is left out, and a line says how much that is.
    """
    room //= _BYTES
    lines = [f"### {prose(head)}", ""]

    def add(head: Sequence[str], items: Sequence[str], *foot: str, more: str = "… {} more: the log has all") -> None:
        lines.extend(md.enclose(head, items, room - md.cost(lines), more.format, [*foot, ""]))

    several = len({row.environment for row in told if row.environment}) > 1
    same_name = Counter(row.name for row in {row.image: row for row in told}.values())
    rows = [_row(row, row.image if same_name[row.name] > 1 else row.name, several=several) for row in told]
    add([], [f"**{prose(text, 2000)}**  " for text in _frozen(result)])
    add(md.table(["image", "from → to", "result", "pull request"]), rows, more="| … {} more: the log has all | | | |")
    advice = _together((row.problem.next, row.name) for row in told if row.problem and row.problem.next)
    steps = [f"- {prose(names)}{': ' if names else ''}{prose(step, 2000)}" for step, names in advice.items()]
    add(["**Next:**", ""], steps)
    if isinstance(result.body, Status):
        add([], status.markdown(result.body).splitlines())
    else:
        add([], [f"{prose(line)}  " for line in _overview(result, told)])
    details = [_details(row, row.entry) for row in told if row.entry is not None]
    add(["<details><summary>Files and full digests</summary>", ""], details, "", "</details>")
    pulls = (pull_command(row.image, row.after.digest) for row in told if row.is_pinned and row.after)
    commands = list(dict.fromkeys(pull for pull in pulls if pull))
    fence = ["<details><summary>Pull these images</summary>", "", "```sh"]
    add(fence, commands, "```", "", "</details>", more="# … {} more")
    return "\n".join([*lines, ""]) if md.cost(lines) <= room else ""


def _row(row: Row, name: str, *, several: bool) -> str:
    image = code(name) + (f"<br>{prose(row.environment)}" if several else "")
    result = f"**{row.result}**" if row.kind in ("check_failed", "failed", "held") else row.result
    result += f": {prose(row.why, 2000)}" if row.why else ""
    result = "<br>".join([result, *evidence.markdown(row.seen)])
    pull, commit = (row.proposal.pull_request, row.proposal.commit) if row.proposal else (None, None)
    link = code(commit[:10]) if commit else ""
    if pull is not None:
        link = f"[#{pull.number}]({pull.url})" if md.address(pull.url) else code(pull.url)
    return f"| {image} | {row.pins(lambda pin: code(short(pin)), ' → ')} | {result} | {link} |"


def _details(row: Row, entry: Managed) -> str:
    commit = f", commit {code(row.proposal.commit)}" if row.proposal and row.proposal.commit else ""
    return f"- {code(row.image)} in {code(place(entry))}: {row.pins(lambda pin: code(str(pin)), ' → ')}{commit}"
