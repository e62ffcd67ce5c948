"""What the checks have found so far: one that fails stops no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.doctor.notes import Notes, good, unknown, warning
from gitops_bot.errors import BotError, ConfigError, Problem, RegistryError

if TYPE_CHECKING:
    from collections.abc import Callable

AUTH = Problem("failed.auth", "no", "log in")


def failing(error: Exception) -> Callable[[], int]:
    def fail() -> int:
        raise error

    return fail


def test_what_a_check_gives_is_given_back_and_what_fails_is_noted() -> None:
    notes = Notes()
    assert notes.of("git", "git", lambda: 7) == 7
    assert notes.of("registry", "ghcr.io", failing(RegistryError(AUTH))) is None
    (found,) = notes.findings
    assert (found.name, found.subject, found.verdict, found.next) == ("registry", "ghcr.io", "wrong", "log in")


def test_a_bug_is_a_finding_and_the_next_check_goes_on() -> None:
    notes = Notes()
    notes.of("git", "git", failing(ZeroDivisionError()))
    notes.add(good("branch", "main", "fine"))
    assert [(finding.name, finding.verdict) for finding in notes.findings] == [("git", "wrong"), ("branch", "good")]
    assert notes.findings[0].problem is not None
    assert notes.findings[0].problem.code == "failed.bug"
    assert notes.code == 3


@pytest.mark.parametrize(
    ("errors", "code"),
    [([], 0), ([BotError(AUTH)], 1), ([ConfigError(AUTH)], 2), ([ConfigError(AUTH), BotError(AUTH)], 2)],
    ids=["none", "one", "configuration", "both"],
)
def test_the_exit_code_is_that_of_the_worst(errors: list[BotError], code: int) -> None:
    notes = Notes()
    notes.add(good("git", "git", "fine"))
    notes.add(warning("rules", "main", "open", "close it"))
    notes.add(unknown("rules", "main", "who knows", "look"))
    for error in errors:
        notes.of("repository", "acme/deploy", failing(error))
    assert notes.code == code


def test_what_several_checks_need_is_told_once() -> None:
    notes = Notes()
    notes.of("token", "the token", failing(BotError(AUTH)))
    notes.of("forge", "the forge", failing(BotError(AUTH)))
    assert [finding.name for finding in notes.findings] == ["token"]


def test_every_problem_is_told_with_its_place() -> None:
    here = Problem("failed.edit", "unknown key", "correct it", "gitops-bot.yaml", 3, 5)
    notes = Notes()
    notes.of("configuration", "gitops-bot.yaml", failing(ConfigError(here, AUTH)))
    assert [finding.text for finding in notes.findings] == ["gitops-bot.yaml:3:5: unknown key", "no"]
    assert [finding.problem for finding in notes.findings] == [here, AUTH]
