"""What `require` wants of checks and deployments, and why a decision waits for them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gitops_bot.config.require import CAPTURE
from gitops_bot.images.reason import Reason, counted, rfc3339
from gitops_bot.releases.checks import Check
from gitops_bot.releases.decisions import Seen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gitops_bot.config.require import CheckForm, DeploymentForm
    from gitops_bot.images.reason import Code
    from gitops_bot.releases.checks import CheckState, CommitChecks, Deployments
    from gitops_bot.releases.decisions import GateName
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.trail import Run

#: So many of the commits on which a pin stood are looked at: the newest.
MOST_COMMITS: Final = 500
#: Checks that a reason names.
_NAMED: Final = 3
#: The worst first.
_STATES: Final[tuple[CheckState, ...]] = ("failure", "pending", "skipped", "success")
_CODES: Final[Mapping[str, Code]] = {
    "checks": "held.check",
    "source_checks": "held.source_check",
    "deployment": "held.deployment",
}
_ADVICE: Final[Mapping[CheckState, str]] = {
    "failure": "run it again, or release a fix",
    "skipped": "it counts once it ran and succeeded; `skipped: passes` or `neutral: passes` lets it go",
    "pending": "it goes on as soon as that has succeeded",
}
_TOKEN: Final = re.compile(rf"\*|{CAPTURE.pattern}|[^*{{]+|\{{")


class Results(NamedTuple):
    """What was reported of commits, by name, each with the place of its commit: the oldest commit is 0.

    `unseen` says why more may have been reported than that, and `advice` what to do then. `is_cut`: only because older
    commits were not looked at, which does not matter for what goes by commit.
    """

    names: Mapping[str, Sequence[tuple[int, Check]]]
    unseen: str = ""
    advice: str = ""
    is_cut: bool = False


def commits_with(line: Line, run: Run) -> tuple[str, ...]:
    """The commits that had a pin, the oldest first; none if it arrived before the known history."""
    if run.arrived is None:
        return ()
    return line.between(run.arrived.commit, run.left.commit if run.left is not None else None)[::-1]


def by_name(reported: Iterable[CommitChecks], total: int = 0, beyond: str = "--beyond-checks") -> Results:
    """Checks by their names, of commits from the oldest to the newest; `total` is how many commits there are.

    `beyond` is the option of `promote` that goes on although not everything was seen.

    There may be many clusters, each with a check of its own on the same commits.
    """
    commits, names = list(reported), defaultdict[str, list[tuple[int, Check]]](list)
    for place, commit in enumerate(commits):
        for check in commit.checks:
            names[check.name].append((place, check))
    if lost := sum(not commit.found for commit in commits):
        what = f"{lost} of {counted(len(commits), 'commit')} are" if len(commits) > 1 else "the commit is"
        return Results(names, f"{what} not in the repository", "name the repository that has it, or push it there")
    if any(not commit.complete for commit in commits):
        advice = f"report fewer checks on one commit, or go on with `promote {beyond}`"
        return Results(names, "a commit has more checks than were looked at", advice)
    if total > len(commits):
        advice = f"name its maker and its `workflow` (a status: `by: commit`), or go on with `promote {beyond}`"
        return Results(names, f"{len(commits)} of {counted(total, 'commit')} looked at", advice, is_cut=True)
    return Results(names)


def see(gate: GateName, wanted: CheckForm, captures: Mapping[str, str], reported: Results) -> Seen:
    """The result of a check: the worst of the newest results of each name that it matches, by maker and workflow.

    All that a glob matches must have succeeded, and there must be one. What an overlay captured is never a glob.
    """
    shown, expression = _filled(wanted.name, captures)
    matches = re.compile(expression, re.DOTALL).fullmatch if "*" in wanted.name else None
    names = filter(matches, reported.names) if matches is not None else [shown]
    results = [result for name in names for result in reported.names.get(name, ())]
    mine = [(place, check) for place, check in results if _counts(wanted, check)]
    newest = _newest(mine, wanted)
    passing = [replace(its, state="success") if wanted.lets_pass(its.conclusion) else its for its in newest]
    state, check = _worst(passing)
    # What goes by commit, with one maker, needs no commits older than the newest one that has it.
    is_one = matches is None and (wanted.app or wanted.user) and newest
    by_commit = wanted.workflow or (wanted.by == "commit" and all(its.kind == "status" for its in newest))
    if state != "failure" and reported.unseen and not (reported.is_cut and is_one and by_commit):
        return Seen(gate, shown, "pending", check, f"cannot be told: {reported.unseen}", reported.advice)
    if check is not None:
        passes = state == "success" and wanted.lets_pass(check.conclusion)
        return Seen(gate, shown, state, check, f"{check.conclusion}, which passes here" if passes else "")
    return Seen(gate, shown, state, None, *_other(wanted, shown, results, reported))


def _counts(wanted: CheckForm, check: Check) -> bool:
    return wanted.is_by(check.by) and wanted.workflow in (None, check.workflow)


def _newest(results: Sequence[tuple[int, Check]], wanted: CheckForm) -> list[Check]:
    """The newest result of each name, maker and workflow; of suites without a workflow, those of the latest commit.

    A check run belongs to its commit: a later commit is newer, whenever its run ended. A status belongs to its time.
    """
    series = defaultdict[tuple[str, ...], list[tuple[int, Check]]](list)
    for place, check in results:
        series[check.name, check.by.lower(), check.kind, check.workflow].append((place, check))
    newest: list[Check] = []
    for (_, _, kind, _), own in series.items():
        last = max(place for place, _ in own) if kind == "run" or wanted.by == "commit" else None
        counting = [check for place, check in own if last in (None, place)]
        mine: list[Check] = []
        for check in sorted(counting, key=lambda its: (its.at, -_STATES.index(its.state))):
            mine = [*(other for other in mine if _is_beside(other, check)), check]
        newest += mine
    return newest


def _is_beside(check: Check, later: Check) -> bool:
    """Whether a later result replaces nothing: that of another suite, or of another job with the same name."""
    if check.suite != later.suite:
        return not later.workflow
    return bool(later.workflow and (check.state == "pending" or (later.began and later.began <= check.at)))


def _other(
    wanted: CheckForm, shown: str, results: Sequence[tuple[int, Check]], reported: Results
) -> tuple[str, str] | tuple[()]:
    """What was reported instead, by another maker, in another workflow or in other letters; and what to do then."""
    if results:
        last = max((check for _, check in results), key=lambda check: check.at)
        where = f" in {last.workflow or 'no known workflow'}" if wanted.workflow and wanted.is_by(last.by) else ""
        by = last.by or "somebody who is gone"
        note = f"was reported as {last.state} by {by}{where}, which does not count"
        return note, "correct `app`, `user` or `workflow`, or let that one report it"
    alike = next((name for name in reported.names if name.lower() == shown.lower()), None)
    return (f"was reported as `{alike}`, and names are compared exactly", "write it so") if alike is not None else ()


def _filled(name: str, captures: Mapping[str, str]) -> tuple[str, str]:
    """A name with what an overlay captured, and as an expression in which `*` is any text."""
    shown = expression = ""
    for token in _TOKEN.finditer(name):
        text = captures.get(token[1], token[0])
        shown += text
        expression += ".*" if token[0] == "*" else re.escape(text)
    return shown, expression


def deployed_to(wanted: DeploymentForm, captures: Mapping[str, str]) -> str:
    """The name of the environment of the forge."""
    return CAPTURE.sub(lambda found: captures.get(found[1], found[0]), wanted.name)


def see_deployment(wanted: DeploymentForm, name: str, commits: Collection[str], reported: Deployments) -> Seen:
    """The result of the newest deployment of one of these commits to the environment of that name."""
    known = [its for its in reported.newest if its.commit in commits]
    mine = next((its for its in known if wanted.is_by(its.by)), None)
    if mine is not None:
        return Seen("deployment", name, mine.state, mine)
    if known:
        by = known[0].by or "somebody who is gone"
        note = f"was reported as {known[0].state} by {by}, which does not count"
        return Seen("deployment", name, "pending", None, note, "correct `app` or `user`, or let that one deploy it")
    if not reported.complete:
        note = "is not among the newest deployments that were looked at"
        return Seen("deployment", name, "pending", None, note, "deploy it again, or use `promote --beyond-checks`")
    return Seen("deployment", name, "pending")


def _worst(found: Sequence[Check]) -> tuple[CheckState, Check | None]:
    for state in _STATES:
        if mine := [its for its in found if its.state == state]:
            return state, max(mine, key=lambda its: its.at)
    return "pending", None


def why_not(seen: Sequence[Seen], of: str) -> Reason | None:
    """Why the requirements of a commit or environment, named by `of`, are not met; None if they are."""
    states: tuple[CheckState, ...] = ("failure", "skipped", "pending")
    open_ones = next(filter(None, ([its for its in seen if its.state == state] for state in states)), None)
    if open_ones is None:
        return None
    first = open_ones[0]
    advice = first.advice or _ADVICE[first.state]
    link, since = (first.check.url, rfc3339(first.check.at)) if first.check is not None else (None, None)
    data: dict[str, str | int | None] = {"name": first.name, "state": first.state, "url": link, "since": since}
    return Reason(_CODES[first.gate], f"{of}: {sentences(open_ones)}; {advice}", data)


def sentences(seen: Sequence[Seen]) -> str:
    """The checks that have not succeeded, each with when, by whom and where."""
    more = [f"and {len(seen) - _NAMED} more"] if len(seen) > _NAMED else []
    return ", ".join([*map(_sentence, seen[:_NAMED]), *more])


def _sentence(seen: Seen) -> str:
    check, what = seen.check, f"the deployment to {seen.name}" if seen.gate == "deployment" else seen.name
    if check is None:
        return f"{what} {seen.note or 'was not reported yet'}"
    if isinstance(check, Check) and check.name != seen.name:
        what = f"{check.name} of {what}"
    if seen.note:
        return f"{what} {seen.note}"
    if isinstance(check, Check) and seen.state == "skipped":
        how = f"ended as {check.conclusion or 'skipped'}, not as a success, on"
    else:
        how = "failed on" if seen.state == "failure" else "has been pending since"
    by = f", by {check.by}" if check.by else ""
    return f"{what} {how} {check.at:%Y-%m-%d %H:%M} UTC{by}{f' ({check.url})' if check.url else ''}"
