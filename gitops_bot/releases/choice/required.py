"""What `require` wants of checks and deployments, and why a decision waits for them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from gitops_bot.config.require import CAPTURE
from gitops_bot.images.reason import Reason, rfc3339
from gitops_bot.releases.checks import Check
from gitops_bot.releases.decisions import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.config.require import CheckForm
    from gitops_bot.images.reason import Code
    from gitops_bot.releases.checks import CheckState, DeploymentState
    from gitops_bot.releases.decisions import GateName
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.trail import Run

#: If a pin was there for many commits, so many of the first and of the last are looked at.
_EDGE: Final = 50
#: Checks that a reason names.
_NAMED: Final = 3
#: The worst first.
_STATES: Final[tuple[CheckState, ...]] = ("failure", "pending", "skipped", "success")
_CODES: Final[Mapping[str, Code]] = {
    "checks": "held.check",
    "source_checks": "held.source_check",
    "deployment": "held.deployment",
}
_TOKEN: Final = re.compile(rf"\*|{CAPTURE.pattern}|[^*{{]+|\{{")


def commits_with(line: Line, run: Run) -> tuple[str, ...]:
    """The commits that had a pin, the oldest first; none if it arrived before the known history."""
    if run.arrived is None:
        return ()
    stood = line.between(run.arrived.commit, run.left.commit if run.left is not None else None)[::-1]
    return stood if len(stood) <= 2 * _EDGE else (*stood[:_EDGE], *stood[-_EDGE:])


def by_name(reported: Iterable[Check]) -> Mapping[str, Sequence[Check]]:
    """Checks by their names: there may be many clusters, each with a check of its own on the same commits."""
    names: defaultdict[str, list[Check]] = defaultdict(list)
    for check in reported:
        names[check.name].append(check)
    return names


def see(
    gate: GateName, wanted: CheckForm, captures: Mapping[str, str], reported: Mapping[str, Sequence[Check]]
) -> Seen:
    """The result of a check: the worst of the newest results of each name that it matches.

    All that a glob matches must have succeeded, and there must be one. What an overlay captured is never a glob.
    """
    shown = expression = ""
    for token in _TOKEN.finditer(wanted.name):
        text = captures.get(token[1], token[0])
        shown += text
        expression += ".*" if token[0] == "*" else re.escape(text)
    matches = re.compile(expression, re.DOTALL).fullmatch if "*" in wanted.name else None
    names = filter(matches, reported) if matches is not None else [shown]
    results = ([check for check in reported.get(name, ()) if wanted.is_by(check.by)] for name in names)
    newest = [max(own, key=lambda check: (check.at, -_STATES.index(check.state))) for own in results if own]
    return Seen(gate, shown, *_worst(newest))


def see_deployment(environment: str, commits: Sequence[str], reported: Sequence[DeploymentState]) -> Seen:
    """The result of the newest deployment of one of these commits; reports are newest first."""
    return Seen("deployment", environment, *_worst([its for its in reported if its.commit in commits][:1]))


def _worst(found: Sequence[Check] | Sequence[DeploymentState]) -> tuple[CheckState, Check | DeploymentState | None]:
    for state in _STATES:
        if mine := [its for its in found if its.state == state]:
            return state, max(mine, key=lambda its: its.at)
    return "pending", None


def why_not(seen: Sequence[Seen], of: str) -> Reason | None:
    """Why the requirements of a commit or environment, named by `of`, are not met; None if they are."""
    failed, waiting = ([its for its in seen if its.state in states] for states in (["failure"], ["pending", "skipped"]))
    if not (open_ones := failed or waiting):
        return None
    first = open_ones[0]
    advice = "run it again, or release a fix" if failed else "it goes on as soon as that has succeeded"
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
        return f"{what} was not reported yet"
    if isinstance(check, Check) and check.name != seen.name:
        what = f"{check.name} of {what}"
    how = "failed on" if seen.state == "failure" else "has been pending since"
    by = f", by {check.by}" if check.by else ""
    return f"{what} {how} {check.at:%Y-%m-%d %H:%M} UTC{by}{f' ({check.url})' if check.url else ''}"
