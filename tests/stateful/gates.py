"""What gates see, by a second opinion: what the forge was told of commits, and what a wave requires of that."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

from gitops_bot.edges.github.deployments import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.demo.hub import Check, Hub

#: The worst first.
State = Literal["failure", "pending", "success"]
#: What is written of it: by a status, by a check run, and by the newest status of a deployment.
WRITTEN: Mapping[State, tuple[str, str, tuple[str, ...]]] = {
    "failure": ("error", "timed_out", ("in_progress", "failure")),
    "pending": ("pending", "in_progress", ("success", "in_progress")),
    "success": ("success", "neutral", ("failure", "success", "inactive")),
}
_WORDS: Mapping[State, Sequence[str]] = {
    "failure": ("failure", "error", "timed_out"),
    "pending": ("pending", "in_progress"),
    "success": ("success", "neutral"),
}
#: The requirements of a wave, by the code that an entry is held with.
CODES = {"held.check": "checks", "held.deployment": "deployment"}


def of(what: str, source: str) -> Any:
    """One part of `require` for a wave that follows `source`: what an app says of each place, or anybody of any."""
    return source if what == "deployment" else [*after(source), "e2e*"]


def after(wave: str) -> Any:
    """What a wave requires of its own releases: what an app says of each place."""
    return [{"name": f"cd/{{place}}-{wave}", "app": "argocd"}]


def judge(hub: Hub, require: Mapping[str, Any], place: str, commits: Sequence[str]) -> dict[str, State]:
    """How it stands with each part of `require`, for a pin that stood in a place of the source on these commits."""
    found: dict[str, State] = {}
    if "checks" in require:
        found["checks"] = worst(_check(hub, form, place, commits) for form in require["checks"])
    if "deployment" in require:
        found["deployment"] = _deployment(hub, require["deployment"], commits)
    return found


def worst(states: Iterable[State]) -> State:
    """The worst of them; what nobody told of is pending."""
    return min(states, key=get_args(State).index, default="pending")


def _check(hub: Hub, form: str | Mapping[str, str], place: str, commits: Sequence[str]) -> State:
    """The newest result of each name counts, and the worst of those of one second."""
    form = {"name": form} if isinstance(form, str) else form
    name, maker = form["name"].replace("{place}", place), f"{form['app']}[bot]" if "app" in form else None
    results: dict[str, dict[str, list[State]]] = {}
    for check in _latest(hub, commits):
        by = f"{check.app}[bot]" if check.app is not None else check.user
        if fnmatchcase(check.context, name) and maker in (None, by):
            results.setdefault(check.context, {}).setdefault(check.at, []).append(_state(check.state))
    return worst(worst(at[max(at)]) for at in results.values())


def _latest(hub: Hub, commits: Sequence[str]) -> Iterator[Check]:
    """On each commit, the last word of each context and of each app's run."""
    for commit in commits:
        yield from {(check.context, check.app): check for check in hub.checks.get(commit, ())}.values()


def _deployment(hub: Hub, environment: str, commits: Sequence[str]) -> State:
    """The last word of the newest deployment; what the bot records itself says nothing."""
    for made in reversed(hub.deployments):
        told = [status.state for status in made.statuses if status.state != "inactive"]
        if (made.environment, made.description != TEXT) == (environment, True) and made.commit in commits and told:
            return _state(told[-1])
    return "pending"


def _state(written: str) -> State:
    return next(state for state, words in _WORDS.items() if written in words)
