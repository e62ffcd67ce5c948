"""What stands on this machine: git and the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gitops_bot.doctor import examine, forge
from tests.tables import rows

OLDEST = (2, 32)


@rows("version verdict says", {
    "none": ((0, 0), "wrong", "does not report its version"),
    "another age": ((1, 99), "wrong", "git 1.99 is too old: the bot needs 2.32"),
    "one too old": ((2, 31), "wrong", "git 2.31 is too old"),
    "the oldest": ((2, 32), "warning", '"Update branch"'),
    "no merge-tree yet": ((2, 37), "warning", '"Update branch"'),
    "with merge-tree": ((2, 38), "good", "git 2.38"),
    "the future": ((3, 0), "good", "git 3.0"),
})  # fmt: skip
def test_git_is_new_enough(version: tuple[int, int], verdict: str, says: str) -> None:
    found = examine.git(version, OLDEST)
    assert (found.name, found.verdict) == ("git", verdict)
    assert says in found.text
    assert (found.next == "") == (verdict == "good")


@pytest.mark.parametrize(
    ("seconds", "verdict", "says"),
    [
        (0, "good", "within 1 s"),
        (-60, "good", "within 60 s"),
        (60.5, "wrong", "is 60 s behind"),
        (-61, "wrong", "is 61 s ahead of"),
        (600, "wrong", "is 10 min behind"),
        (-86400, "wrong", "is 24 h ahead of"),
    ],
)
def test_a_clock_is_right_within_a_minute(seconds: float, verdict: str, says: str) -> None:
    found = forge.clock(timedelta(seconds=seconds), "api.github.com")
    assert (found.subject, found.verdict) == ("api.github.com", verdict)
    assert says in found.text
