"""What all commands share: their group, their common options, and how they report a failure."""

from __future__ import annotations

import errno
import time
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from gitops_bot import __version__
from gitops_bot.cli import examples
from gitops_bot.errors import to_bot_error
from gitops_bot.wiring import process
from gitops_bot.wiring.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from gitops_bot.engine.request import Pins, Poll, Promote, RollBack
    from gitops_bot.errors import BotError
    from gitops_bot.results.result import Result

    #: Environments (all without names), and what is asked for them.
    Asked = tuple[Sequence[str], Poll | Pins | Promote | RollBack]

DIR = click.Path(file_okay=False)


@click.group(cls=examples.Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="gitops-bot", message="%(prog)s %(version)s")
def cli() -> None:
    """Keep the image pins of a GitOps repository current: byte-exact edits, one pull request per environment."""


#: Options that lift a rule for once: only a command line gives them, and no environment that outlasts it.
_GIVEN_ONLY = {
    *("--release-hold", "--allow-downgrade", "--beyond-policy", "--beyond-checks", "--now"),
    "rollback --offline",  # that of `init` lifts no rule
}


def variable(option: str) -> str:
    """The environment variable that stands for an option where that is not given."""
    return f"GITOPS_BOT_{option.removeprefix('--').replace('-', '_').upper()}"


def command(
    name: str, *, config: bool = True, dry_run: bool = False, outputs: Sequence[str] = ("text", "json")
) -> Callable[[Callable[..., Any]], click.Command]:
    """Define a command with the options that all commands take. It reports failures in the format of `--output`."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(*, output: str, log_format: str, quiet: bool, verbose: bool, **arguments: Any) -> int:
            from gitops_bot import log
            from gitops_bot.wiring.forge import hide_tokens

            hide_tokens()
            if quiet and verbose:
                raise click.UsageError("--quiet and --verbose cannot be used together.")
            log.use(log_format, least="warning" if quiet else "debug" if verbose else "info")
            log.debug("command.started", command=name, version=__version__)
            began = time.perf_counter()
            try:
                code = int(function(output=output, **arguments) or 0)
            except (click.ClickException, click.Abort, click.exceptions.Exit):
                raise
            except Exception as error:
                if isinstance(error, OSError) and error.errno in (errno.EPIPE, errno.ENOSPC):
                    raise  # nobody reads the output, or it has no room
                code = _show_failure(name, to_bot_error(error), output)
            log.debug("command.ended", command=name, exit=code, since=began)
            return code

        options: list[Callable[..., Any]] = [
            click.option("--output", type=click.Choice(outputs), default="text", help="Output format."),
            click.option(
                "--log-format",
                type=click.Choice(["auto", "text", "json"]),
                default="auto",
                help="Log format on standard error; auto: text on a terminal, else JSON.",
            ),
            click.option("-q", "--quiet", is_flag=True, help="Log warnings and errors only; show no progress."),
            click.option("-v", "--verbose", is_flag=True, help="Also log every request and every wait."),
        ]
        if config:
            options.append(click.option("--config", metavar="FILE", help="Use this file instead of gitops-bot.yaml."))
        if dry_run:
            options.append(click.option("--dry-run", is_flag=True, help="Show what would be written; write nothing."))
        for option in reversed(options):
            run = option(run)
        defined = cli.command(name, cls=examples.Command)(run)
        _read_environment(defined)
        return defined

    return decorate


def _read_environment(defined: click.Command) -> None:
    """Let variables stand for the options of a command."""
    for param in defined.params:
        option = param.opts[-1]
        if isinstance(param, click.Option) and _GIVEN_ONLY.isdisjoint({option, f"{defined.name} {option}"}):
            param.envvar = variable(option)


def _show_failure(name: str, failure: BotError, output: str) -> int:
    from gitops_bot.edges.clock import Clock
    from gitops_bot.report import show

    process.log_bugs(failure.problems)
    if output == "json":
        show.show_json_failure(name, failure.problems, Clock().now())
    show.show_problems(failure.problems)
    return failure.exit_code


def show(name: str, result: Result[object], output: str, *, written: bool = True, at: datetime | None = None) -> int:
    """Show the result of a command as of now, or of the moment that it is about; returns its exit code."""
    from gitops_bot.edges.clock import Clock
    from gitops_bot.report import show as report

    process.log_bugs(result.head.problems)
    report.show(name, result, output, at or Clock().now(), written=written)
    return result.head.exit_code


def request(name: str) -> Callable[[Callable[..., Asked]], click.Command]:
    """Define a command that proposes something: its function says what, and for which environments."""

    def decorate(function: Callable[..., Asked]) -> click.Command:
        @command(name, dry_run=True)
        @remote
        @release_hold_option
        @wraps(function)
        def run(*, options: Options, release_hold: bool, dry_run: bool, output: str, **arguments: Any) -> int:
            offline = arguments.pop("offline", False)  # of `rollback` alone
            environments, what = function(**arguments)
            from gitops_bot.commands.update import update
            from gitops_bot.engine.request import Request
            from gitops_bot.wiring.world import open_world

            asked = Request(what, release_hold, dry_run, offline)
            with open_world(options, environments, asked) as (world, scope):
                outcome = update(world, scope, asked)
            return show(name, outcome, output, written=not dry_run)

        return run

    return decorate


@contextmanager
def reading(option: str, advice: str) -> Iterator[None]:
    """Turn a ValueError about the value of an option into a usage error."""
    from gitops_bot.errors import Problem, UsageError

    try:
        yield
    except ValueError as error:
        raise UsageError(Problem("failed.usage", f"{option}: {error}", advice)) from error


repository_option = click.option(
    "--repository",
    metavar="OWNER/NAME | URL | PATH",
    help="The repository with the manifests; default: the origin of this checkout.",
)


def remote(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that read the repository from its remote, as one argument `options`."""

    @repository_option
    @click.option("--cache", type=DIR, help="Cache the clone, build times and manifests here; safe to delete.")
    @wraps(function)
    def with_options(*, repository: str | None, config: str | None, cache: str | None, **arguments: Any) -> Any:
        return function(options=Options(repository, config, cache), **arguments)

    return with_options


release_hold_option = click.option(
    "--release-hold",
    is_flag=True,
    help="Also propose pins that were rolled back or are listed under `holds:`, this once.",
)
