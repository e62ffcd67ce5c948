"""The entry point for GitHub Actions: `python -P -m gitops_bot.action.step`, as action.yml starts it.

It reads the step's inputs, runs the command in this process, and reports the result to the runner.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from gitops_bot import log, redact
from gitops_bot.action import inputs, outcome, runner
from gitops_bot.action.outcome import PLAN_LIMIT, Annotation, StepResult
from gitops_bot.commands.check import check
from gitops_bot.commands.update import plan, update
from gitops_bot.edges.clock import Clock
from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack
from gitops_bot.errors import UsageError, place_of, to_bot_error
from gitops_bot.images.reference import parse_assignments
from gitops_bot.releases.choice.promotion import ByHand
from gitops_bot.releases.layout.coverage import Coverage
from gitops_bot.report import document, show
from gitops_bot.results.checkout import Checked
from gitops_bot.results.outcome import Outcome
from gitops_bot.results.result import Head, Result
from gitops_bot.wiring import process
from gitops_bot.wiring.forge import hide_tokens
from gitops_bot.wiring.local import on_disk
from gitops_bot.wiring.world import open_world

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.action.runner import Level
    from gitops_bot.errors import Problem

#: Events that run with the repository's secrets on input from strangers: the checkout may be theirs.
_STRANGERS = ("pull_request_target", "workflow_run", "issue_comment")
#: Bytes of the event file that are read: GitHub's largest webhook.
_EVENT_LIMIT = 25 * 1024 * 1024
#: The commands that fail if they cannot change everything that they name.
_NAMING = ("set", "promote", "rollback")


def main() -> int:
    """Run one step; gives the exit code of its command."""
    environ = dict(os.environ)
    try:
        step = inputs.read(environ)
        _stay_away_from_strangers(step, environ)
    except UsageError as error:
        failed = _failure("set", error.problems)
        _report(environ, failed, "gitops-bot", None, done=False)
        _annotate(environ, failed, named=False)
        return error.exit_code
    title = f"gitops-bot {step.command}"
    with runner.group(title):
        code, result = _run(step)
    if result is None:
        return code
    _report(environ, result, title, step, done=code == 0)
    _annotate(environ, result, step.options.config, named=code == 1 and step.command in _NAMING)
    if code == 1 and _is_from_a_fork(environ):
        why = "this run is for a pull request from a fork: GitHub gives it no secrets and a read-only token"
        runner.annotate("notice", Annotation(why))
    return code


def _run(step: inputs.Inputs) -> tuple[int, StepResult | None]:
    """Run the command in its own environment and show its result; returns the exit code and the result.

    The result contains no secrets. It is None after an interruption.
    """
    os.environ.clear()
    os.environ.update(step.environ)
    hide_tokens()
    log.use("text")
    process.begin()
    try:
        result = _result(step)
        process.log_bugs(result.head.problems)
        show.show(step.command, result, "text", Clock().now(), written=not step.dry_run)
        code = result.head.exit_code
    except KeyboardInterrupt:
        return process.interrupted(), None
    except Exception as error:  # noqa: BLE001 - the one boundary: an unexpected exception is a bug
        failure = to_bot_error(error)
        process.log_bugs(failure.problems)
        show.show_problems(failure.problems)
        result, code = _failure(step.command, failure.problems), failure.exit_code
    struck: StepResult = redact.strike_all(result)
    return code, struck


def _result(step: inputs.Inputs) -> StepResult:
    action: Poll | Pins | Promote | RollBack
    match step.command:
        case "check":
            return check(*on_disk(step.options.config), Clock().now())
        case "plan":
            notice = partial(show.show_notice, "text")
            with open_world(step.options, step.environments, notice=notice) as (world, scope):
                return plan(world, scope, release_hold=step.release_hold)
        case "update":
            action = Poll()
        case "set":
            action = Pins(parse_assignments(step.images), step.allow_downgrade)
        case "promote":
            action = Promote(step.source, ByHand(step.beyond_policy, step.now), step.images)
        case "rollback":
            action = RollBack(step.to, step.images, step.reason)
        case _:
            assert_never(step.command)
    request = Request(action, step.release_hold, step.dry_run)
    with open_world(step.options, step.environments, request) as (world, scope):
        return update(world, scope, request)


def _failure(command: inputs.Command, problems: Sequence[Problem]) -> StepResult:
    """The result of a command that could not start."""
    if command == "check":
        return Result(Head(problems=tuple(problems)), Checked(0, Coverage()))
    return Outcome(problems=tuple(problems), coverage=Coverage() if command == "plan" else None).of()


def _stay_away_from_strangers(step: inputs.Inputs, environ: Mapping[str, str]) -> None:
    """Refuse a configuration from a checkout that anyone may have written: it decides where passwords are sent.

    Raises:
        UsageError: the step names such a configuration.
    """
    if environ.get("GITHUB_EVENT_NAME") not in _STRANGERS or step.command == "check":
        return
    if step.options.config:
        event = environ["GITHUB_EVENT_NAME"]
        message = f"config names a file in the workspace, and in a run for {event} anyone may have written it"
        raise UsageError(
            inputs.problem(message, "leave config out: the bot reads the one on the branch of the manifests")
        )
    os.chdir(environ.get("RUNNER_TEMP") or "/")


def _report(
    environ: Mapping[str, str], result: StepResult, title: str, step: inputs.Inputs | None, *, done: bool
) -> None:
    """Write the outputs and the summary, and print the headlines below the folded log."""
    written, images = (not step.dry_run, step.images) if step else (True, ())
    shown = document.of(step.command if step else "set", result, Clock().now())
    plan = json.dumps(shown, separators=(",", ":"))
    outputs = outcome.outputs(result, plan, images, written=written, done=done)
    runner.write_outputs(environ, outputs)
    if room := runner.room_in_summary(environ):
        runner.write_summary(environ, outcome.summary(title, result, room, written=written))
    if not outputs["plan"]:
        why = f"the output plan is left empty: the JSON has more than {PLAN_LIMIT} characters"
        runner.annotate("warning", Annotation(why))
    if step is not None:
        for line in outcome.headlines(result, written=written):  # annotations say what is wrong
            runner.say(line)


def _annotate(environ: Mapping[str, str], result: StepResult, config: str | None = None, *, named: bool) -> None:
    """Annotate each problem, with file and line if the file is in the repository of the workflow."""
    wrong, undone = outcome.to_annotate(result, named=named)
    own = result.head.repository in (None, environ.get("GITHUB_REPOSITORY"))
    levels: dict[Level, list[Annotation]] = {"error": wrong, "warning": undone} if wrong else {"error": undone}
    for level, items in levels.items():
        for annotation in items[: runner.SHOWN]:
            where = place_of(annotation.file, annotation.line, annotation.column)
            if own or annotation.file == config or not where:
                runner.annotate(level, annotation)
            else:
                runner.annotate(level, Annotation(f"{where}: {annotation.message}", annotation.next))


def _is_from_a_fork(environ: Mapping[str, str]) -> bool:
    """Whether the event is a pull request from another repository."""
    try:
        with Path(environ.get("GITHUB_EVENT_PATH") or os.devnull).open("rb") as file:
            event = json.loads(file.read(_EVENT_LIMIT))
    except (OSError, ValueError, RecursionError):
        return False
    match event:
        case {"pull_request": {"head": {"repo": head}, "base": {"repo": {"full_name": str(base)}}}}:
            return not (isinstance(head, dict) and head.get("full_name") == base)
        case _:
            return False


if __name__ == "__main__":
    sys.exit(main())
