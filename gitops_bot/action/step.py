"""The entry point for GitHub Actions: `python -P -m gitops_bot.action.step`, as action.yml starts it.

It reads the step's inputs, runs the command in this process, and reports the result to the runner.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot import log, redact
from gitops_bot.action import inputs, outcome, runner
from gitops_bot.action.outcome import PLAN_LIMIT, StepResult
from gitops_bot.action.runner import Annotation
from gitops_bot.commands.audit import audit
from gitops_bot.commands.check import check
from gitops_bot.commands.status import status
from gitops_bot.commands.update import plan, update
from gitops_bot.edges.clock import Clock
from gitops_bot.errors import UsageError, place_of, to_bot_error
from gitops_bot.report import document, show
from gitops_bot.results.outcome import Outcome
from gitops_bot.results.status import Status
from gitops_bot.wiring import process
from gitops_bot.wiring.forge import hide_tokens
from gitops_bot.wiring.local import on_disk
from gitops_bot.wiring.world import open_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.errors import BotError
    from gitops_bot.results.shape import JsonObject

    #: What came of a command, and the JSON of it.
    Ran = tuple[StepResult, JsonObject]

#: Events that run with the repository's secrets on input from strangers: the checkout may be theirs.
_STRANGERS = ("pull_request_target", "workflow_run", "issue_comment")
#: Bytes of the event file that are read: GitHub's largest webhook.
_EVENT_LIMIT = 25 * 1024 * 1024


def main() -> int:
    """Run one step; gives the exit code of its command."""
    environ = dict(os.environ)
    try:
        step = inputs.read(environ)
        _stay_away_from_strangers(step, environ)
    except UsageError as error:
        _report(environ, None, *_failure("set", error))
        return error.exit_code
    with runner.group(f"gitops-bot {step.command}"):
        code, ran = _run(step)
    if ran is None:
        return code
    _report(environ, step, *ran)
    if code == 1 and _is_from_a_fork(environ):
        why = "this run is for a pull request from a fork: GitHub gives it no secrets and a read-only token"
        runner.annotate("notice", Annotation(why))
    return code


def _run(step: inputs.Inputs) -> tuple[int, Ran | None]:
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
        at = result.body.at if isinstance(result.body, Status) else Clock().now()
        process.log_bugs(result.head.problems)
        show.show(step.command, result, "text", at, written=not step.request.dry_run)
        code, ran = result.head.exit_code, (result, document.of(step.command, result, at))
    except KeyboardInterrupt:
        return process.interrupted(), None
    except Exception as error:  # noqa: BLE001 - the one boundary: an unexpected exception is a bug
        failure = to_bot_error(error)
        process.log_bugs(failure.problems)
        show.show_problems(failure.problems)
        code, ran = failure.exit_code, _failure(step.command, failure)
    return code, redact.strike_all(ran)


def _result(step: inputs.Inputs) -> StepResult:
    notice = partial(show.show_notice, "text")
    match step.command:
        case "check":
            return check(*on_disk(step.options.config), Clock().now())
        case "plan":
            with open_world(step.options, step.environments, notice=notice) as (world, scope):
                return plan(world, scope, release_hold=step.request.release_hold)
        case "status" | "audit":
            with open_world(step.options, step.environments, history=True, notice=notice) as (world, scope):
                return status(world, scope) if step.command == "status" else audit(world, scope)
        case _:
            with open_world(step.options, step.environments, step.request) as (world, scope):
                return update(world, scope, step.request)


def _failure(command: inputs.Command, error: BotError) -> Ran:
    """What comes of a command that could not start."""
    return Outcome(problems=error.problems).of(), document.of_failure(command, error.problems, Clock().now())


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
        advice = "leave config out: the bot reads the one on the branch of the manifests"
        raise UsageError(inputs.problem(message, advice))
    os.chdir(environ.get("RUNNER_TEMP") or "/")


def _report(environ: Mapping[str, str], step: inputs.Inputs | None, result: StepResult, shown: JsonObject) -> None:
    """Write the outputs and the summary, print the headlines below the folded log, and annotate what is wrong."""
    written = step is None or not step.request.dry_run
    told = outcome.rows(result, written=written)
    title = outcome.title(f"gitops-bot {step.command}" if step else "gitops-bot", result, told, written=written)
    lines = outcome.headlines(title, result, told)
    outputs = outcome.outputs(result, told, json.dumps(shown, separators=(",", ":")), lines)
    runner.write_outputs(environ, outputs)
    runner.write_summary(environ, outcome.summary(title, result, told, runner.room_in_summary(environ)))
    if not outputs["plan"]:
        why = f"the output plan is left empty: the JSON has more than {PLAN_LIMIT} characters"
        runner.annotate("warning", Annotation(why))
    for line in lines:
        runner.say(line)
    named = step is not None and step.command in inputs.NEEDS and result.head.exit_code == 1
    own = result.head.repository in (None, environ.get("GITHUB_REPOSITORY"))
    for level, item in outcome.to_annotate(told, named=named):
        where = place_of(item.file, item.line, item.column)
        is_here = own or not where or (step is not None and item.file == step.options.config)
        runner.annotate(level, item if is_here else Annotation(f"{where}: {item.message}", item.next))


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
    return False


if __name__ == "__main__":
    sys.exit(main())
