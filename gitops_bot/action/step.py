"""The door for GitHub Actions: `python -P -m gitops_bot.action.step`, as action.yml starts it.

It reads the step's inputs, runs the command that they ask for in this process, and tells the runner what came of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitops_bot.action import inputs, runner
from gitops_bot.action.document import PLAN_LIMIT, Finding, findings, headlines, log, outputs
from gitops_bot.action.summary import summary
from gitops_bot.action.workflow_command import SHOWN, annotation
from gitops_bot.cli import main as cli
from gitops_bot.edges.clock import SystemClock
from gitops_bot.errors import UsageError, place_of
from gitops_bot.report import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.action.workflow_command import Level

#: Events that bring the secrets of the repository together with what strangers wrote: a checkout may be theirs.
_STRANGERS = ("pull_request_target", "workflow_run", "issue_comment")
#: Bytes of the event file that are read: GitHub's largest webhook.
_EVENT_LIMIT = 25 * 1024 * 1024
#: How a command ends that was cancelled: it has said so, and has nothing to tell.
_INTERRUPTED = 130
#: The commands that fail where they cannot do what they name.
_NAMING = ("set", "promote", "rollback")


def main() -> int:
    """Run one step; gives the exit code of its command."""
    environ = dict(os.environ)
    try:
        step = inputs.read(environ)
        _stay_away_from_strangers(step, environ)
    except UsageError as error:
        failed = show.failure_json("set", error.problems, SystemClock().now())
        _tell(environ, failed, "gitops-bot", written=True, done=False)
        _annotate(environ, failed, named=False)
        return error.exit_code
    title = f"gitops-bot {step.command}"
    with runner.group(title):
        code, document = _run(step)
        for line in log(document, written=not step.dry_run) if document else ():
            runner.say(line)
    if document is None and code == _INTERRUPTED:
        return code
    if document is None:
        runner.command(annotation("error", Finding(f"{title} met a bug", "report the lines above"), "gitops-bot"))
        return code or 3
    _tell(environ, document, title, step, written=not step.dry_run, done=code == 0)
    _annotate(environ, document, step.config, named=code == 1 and step.command in _NAMING)
    if code == 1 and _is_from_a_fork(environ):
        why = "this run is for a pull request from a fork: GitHub gives it no secrets, and a token that only reads"
        runner.command(annotation("notice", Finding(why)))
    return code


def _run(step: inputs.Step) -> tuple[int, dict[str, Any] | None]:
    """Run the command with nothing in its environment but what it may see; gives its code and the JSON it printed."""
    os.environ.clear()
    os.environ.update(step.environ)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = cli.main(step.arguments)
    try:
        document = json.loads(printed.getvalue())
    except ValueError:
        return code, None
    return code, document if isinstance(document, dict) else None


def _stay_away_from_strangers(step: inputs.Step, environ: Mapping[str, str]) -> None:
    """Use no configuration of a checkout that a stranger may have written: it says where passwords go.

    Raises:
        UsageError: the step names such a configuration.
    """
    if environ.get("GITHUB_EVENT_NAME") not in _STRANGERS or step.command == "check":
        return
    if step.config:
        event = environ["GITHUB_EVENT_NAME"]
        message = f"config is a file of the workspace, which may be a stranger's in a run for {event}"
        raise UsageError(inputs.problem(message, "leave config out: the branch of the manifests has its own"))
    os.chdir(environ.get("RUNNER_TEMP") or "/")


def _tell(
    environ: Mapping[str, str],
    document: dict[str, Any],
    title: str,
    step: inputs.Step | None = None,
    *,
    written: bool,
    done: bool,
) -> None:
    """Outputs and summary, and the gist in the log, where it is not folded away."""
    images: Sequence[str] = step.images if step else ()
    set_ = outputs(document, images, written=written, done=done)
    runner.write_outputs(environ, set_)
    if room := runner.room_in_summary(environ):
        runner.write_summary(environ, summary(title, document, room, written=written))
    if not set_["plan"]:
        why = f"the output plan is left empty: the JSON has more than {PLAN_LIMIT} characters"
        runner.command(annotation("warning", Finding(why)))
    if step is not None:
        for line in headlines(document, written=written):
            if not line.startswith("error: "):  # an annotation says it
                runner.say(line)


def _annotate(environ: Mapping[str, str], document: dict[str, Any], config: str = "", *, named: bool) -> None:
    """Put what is wrong on its file and line, where the file is one of the repository that the workflow runs for."""
    wrong, undone = findings(document, named=named)
    own = document.get("repository") in (None, environ.get("GITHUB_REPOSITORY"))
    levels: tuple[tuple[Level, list[Finding]], ...] = (
        ("error", wrong),
        ("warning" if wrong else "error", undone),
    )
    for level, found in levels:
        for finding in found[:SHOWN]:
            here = finding if own or finding.file == config else _elsewhere(finding)
            runner.command(annotation(level, here))


def _elsewhere(finding: Finding) -> Finding:
    """A finding whose place is told in words: no file of this repository is meant."""
    where = place_of(finding.file, finding.line, finding.column)
    return Finding(f"{where}: {finding.message}" if where else finding.message, finding.next)


def _is_from_a_fork(environ: Mapping[str, str]) -> bool:
    """Whether the event is a pull request whose branch lies in another repository."""
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
