"""Checks this machine: its git and its clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gitops_bot.doctor.finding import good, warning, wrong
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from gitops_bot.results.diagnosis import Finding

Version = tuple[int, int]

#: `git merge-tree --write-tree`, which tells a clean "Update branch" from a person's commit.
_MERGES: Version = (2, 38)
#: Some tokens may begin a minute in the future at most, and schedules go by the minute.
_SKEW = timedelta(seconds=60)


def git(version: Version, oldest: Version) -> Finding:
    """Whether this git is new enough; (0, 0) if it does not report a version."""
    shown, needed = _shown(version), _shown(oldest)
    if version == (0, 0):
        message = "the git on PATH does not report its version"
        return wrong("git", "git", Problem("failed.git", message, f"install git {needed} or newer"))
    if version < oldest:
        message = f"git {shown} is too old: the bot needs {needed}"
        return wrong("git", "git", Problem("failed.git", message, f"install git {needed} or newer"))
    if version < _MERGES:
        text = f'git {shown} works, but mistakes "Update branch" on a pull request for a person\'s commit'
        return warning("git", "git", text, f"install git {_shown(_MERGES)} or newer")
    return good("git", "git", f"git {shown}; {needed} or newer is required")


def clock(skew: timedelta, host: str) -> Finding:
    """Whether this machine's clock agrees with the forge's."""
    seconds = round(abs(skew).total_seconds())
    if abs(skew) <= _SKEW:
        return good("clock", host, f"within {max(seconds, 1)} s of the forge's")
    ahead = "behind" if skew > timedelta(0) else "ahead of"
    message = f"this machine's clock is {_long(seconds)} {ahead} the forge's"
    advice = "synchronise it (NTP): schedules, soak times and some tokens depend on it"
    return wrong("clock", host, Problem("failed.forge", message, advice))


def _shown(version: Version) -> str:
    return ".".join(map(str, version))


def _long(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
