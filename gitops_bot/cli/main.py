"""The entry point: argv and environment in, exit code out. Commands import the heavy modules that they need."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from io import StringIO, UnsupportedOperation
from itertools import pairwise
from typing import TYPE_CHECKING

import click

from gitops_bot import __version__
from gitops_bot.cli import doctor, examples, init, queries, run
from gitops_bot.cli.command import DIR, cli, command, reading, release_hold_option, remote, request, show, variable
from gitops_bot.results.result import COMMANDS
from gitops_bot.wiring import process
from gitops_bot.wiring.options import REASON_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.cli.command import Asked
    from gitops_bot.wiring.options import Options

__all__ = ["cli", "doctor", "init", "main", "queries", "run"]

_WOULD_WRITE = 4
#: Seconds in which git has to print its version.
_GIT_TIMEOUT = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0 done, 1 some item failed, 2 wrong usage or configuration, 3 a bug, 4 by `--exit-code`."""
    code = 0
    process.begin()
    try:
        try:
            code = int(cli.main(args=argv, prog_name="gitops-bot", standalone_mode=False) or 0)
        except click.ClickException as error:
            code = error.exit_code
            _report_usage(error, sys.argv[1:] if argv is None else argv)
        click.echo(nl=False)  # flushes, and raises where the reader has gone away
    except SystemExit:
        # Click exits like this when the reader of our output has gone away: as below, that is no failure.
        return code
    except (click.Abort, KeyboardInterrupt):
        return process.interrupted()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            return process.bug()
        # The reader of our output has seen enough, and everything else is written. The rest of the buffer is dropped:
        # at its end Python would complain about it and change the exit code.
        with suppress(UnsupportedOperation):  # the output may be in memory
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.ENOSPC:
            click.echo(f"error: {error.strerror}: not everything could be written", err=True)
            return code or 1
    except Exception:  # noqa: BLE001 - the one boundary: whatever nobody expected is a bug, and says so
        return process.bug()
    return code


def _report_usage(error: click.ClickException, argv: Sequence[str]) -> None:
    """Report a usage error of click, also as JSON if the arguments ask for it: the options have not been parsed."""
    text = StringIO()
    error.show(text)  # it quotes the arguments, and one may be a token
    process.complain(text.getvalue())
    context = error.ctx if isinstance(error, click.UsageError) else None
    as_json = "--output=json" in argv or ("--output", "json") in pairwise(argv)
    if not any(word.startswith("--output") for word in argv):
        as_json = os.environ.get(variable("--output")) == "json"
    if context is None or context.info_name not in COMMANDS or not as_json:
        return
    from gitops_bot.edges.clock import Clock
    from gitops_bot.errors import Problem
    from gitops_bot.report.show import show_json_failure

    problem = Problem("failed.usage", error.format_message(), f"see `{context.command_path} --help`")
    show_json_failure(context.info_name, [problem], Clock().now())


@command("plan")
@remote
@release_hold_option
@click.option("--exit-code", is_flag=True, help="Exit with 4 when something would be written.")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def plan(environments: tuple[str, ...], *, exit_code: bool, release_hold: bool, options: Options, output: str) -> int:
    """Show what would change, as a table and a diff; write nothing."""
    from gitops_bot.commands import update as commands
    from gitops_bot.report.show import show_notice
    from gitops_bot.wiring.world import open_world

    with open_world(options, environments, notice=partial(show_notice, output)) as (world, scope):
        outcome = commands.plan(world, scope, release_hold=release_hold)
    code = show("plan", outcome, output, written=False)
    return _WOULD_WRITE if exit_code and code == 0 and outcome.body.would_write else code


@request("update")
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def update_command(environments: tuple[str, ...]) -> Asked:
    """Poll the registries once; open or refresh pull requests."""
    from gitops_bot.engine.request import Poll

    return environments, Poll()


@request("set")
@click.option("--allow-downgrade", is_flag=True, help="Allow an older version, or a tag that was moved.")
@click.argument("environment", metavar="ENV")
@click.argument("pins", metavar="IMAGE=PIN...", nargs=-1)
def set_command(environment: str, pins: tuple[str, ...], *, allow_downgrade: bool) -> Asked:
    """Pin what was just pushed (the step after docker push).

    PIN is TAG, TAG@DIGEST, @DIGEST, NEWNAME:TAG[@DIGEST] or NEWNAME@DIGEST. A given digest is pinned as it is;
    a missing one is looked up in the registry.
    """
    from gitops_bot.engine.request import Pins
    from gitops_bot.images.reference import parse_assignments

    named = [word for word in pins if "=" not in word]
    if "=" in environment and len(named) < 2:  # `set web=v1.4.2`, or the environment behind it
        words = " ".join([*(named or ["ENV"]), environment, *(word for word in pins if "=" in word)])
        raise click.UsageError(f"The environment comes first: `gitops-bot set {words}`.")
    if not pins:
        raise click.UsageError("Missing argument 'IMAGE=PIN...'.")
    return (environment,), Pins(parse_assignments(pins), allow_downgrade)


_images_option = click.option(
    "--image", "images", metavar="NAME", multiple=True, help="Only this image; may be repeated."
)


@request("promote")
@_images_option
@click.option("--overlay", "overlays", metavar="GLOB", multiple=True, help="Only these overlays of the target.")
@click.option("--beyond-policy", is_flag=True, help="Also promote what the policy of TARGET does not allow.")
@click.option("--beyond-checks", is_flag=True, help="Also promote what has not passed the checks that TARGET requires.")
@click.option("--now", is_flag=True, help="Do not wait for the `soak` time of TARGET.")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET", required=False)
def promote_command(
    source: str,
    target: str | None,
    *,
    images: tuple[str, ...],
    overlays: tuple[str, ...],
    beyond_policy: bool,
    beyond_checks: bool,
    now: bool,
) -> Asked:
    """Copy the pins that SOURCE runs to TARGET.

    The digests are copied as they are, whatever their tags point to now.
    """
    from gitops_bot.engine.request import Promote
    from gitops_bot.releases.choice.promotion import ByHand
    from gitops_bot.releases.layout.glob import Glob

    with reading("--overlay", "correct the glob"):
        globs = [Glob.parse(text) for text in overlays]
    # Without a target, the configuration tells which were possible.
    return (target,) if target else (), Promote(source, ByHand(beyond_policy, now, beyond_checks), images, globs)


def _short(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None and len(text) > REASON_LIMIT:
        raise click.BadParameter(f"it has {len(text)} characters, and the limit is {REASON_LIMIT}")
    return text


@request("rollback")
@click.option(
    "--to",
    metavar="RELEASE",
    help="Release number, commit or tag; default: the release before the last change of a pin.",
)
@_images_option
@click.option(
    "--reason", metavar="TEXT", callback=_short, help="The reason, for the pull request and the commit message."
)
@click.option("--offline", is_flag=True, help="Do not check that the registries still have the images.")
@click.argument("environment", metavar="ENV")
def rollback_command(environment: str, *, to: str | None, images: tuple[str, ...], reason: str | None) -> Asked:
    """Propose the pins that ENV ran before.

    They are read from Git; the rest of the configuration is not changed.
    """
    from gitops_bot.engine.request import RollBack

    return (environment,), RollBack(to, images, reason)


@command("edit", config=False, dry_run=True)
@click.argument("path", metavar="PATH")
@click.argument("pins", metavar="IMAGE=PIN...", nargs=-1, required=True)
def edit_command(path: str, pins: tuple[str, ...], *, dry_run: bool, output: str) -> int:
    """Edit a kustomization on disk, byte-exact; no git, no network.

    PATH is a file, or a directory with one kustomization. A tag alone removes a stale digest, a digest alone keeps the
    tag. Either all pins are changed, or none.
    """
    from gitops_bot.commands.edit import edit
    from gitops_bot.edges.disk import Disk
    from gitops_bot.images.reference import parse_assignments

    return show("edit", edit(Disk(), path, parse_assignments(pins), dry_run=dry_run), output, written=not dry_run)


@command("check")
def check_command(*, config: str | None, output: str) -> int:
    """Validate configuration and overlays of this checkout, offline."""
    from gitops_bot.commands.check import check
    from gitops_bot.edges.clock import Clock
    from gitops_bot.wiring.local import on_disk

    return show("check", check(*on_disk(config), Clock().now()), output)


@command("demo", config=False)
@click.option("--full", is_flag=True, help="Show the whole output of every command.")
@click.option("--keep", is_flag=True, help="Keep the servers running until Ctrl-C, and their state for --resume.")
@click.option("--resume", type=DIR, metavar="DIR", help="Resume a demo that was kept in this folder.")
def demo(*, full: bool, keep: bool, resume: str | None, output: str) -> int:
    """Run a complete demo on this machine.

    It has its own registry, Git remote and GitHub server.
    """
    import threading
    from pathlib import Path

    from gitops_bot.demo import extra, story
    from gitops_bot.edges.git import git_versions

    _ = output
    extra.require()
    git_versions(os.environ, _GIT_TIMEOUT)
    if keep or resume is not None:
        # Ctrl-C ends it, even where a script started it in the background and so had SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if resume is not None:
        return story.resume(Path(resume), sys.stdout, threading.Event())
    return story.tell(sys.stdout, threading.Event(), keep=keep, full=full)


@command("schema", config=False)
@click.argument("of", type=click.Choice(["config", *COMMANDS]), default="config")
def schema(*, of: str, output: str) -> int:
    """Print the JSON Schema of gitops-bot.yaml or of JSON output.

    Editors use the first. The second describes what a command prints with --output json.
    """
    _ = output
    if of == "config":
        from gitops_bot.config.schema import schema_text

        click.echo(schema_text(), nl=False)
    else:
        import json

        from gitops_bot.report import document

        click.echo(json.dumps(document.schema(of), indent=2))
    return 0


@cli.command("version", cls=examples.Command)
def version_command() -> None:
    """Print the version."""
    click.echo(f"gitops-bot {__version__}")


@cli.command("help", cls=examples.Command)
@click.argument("name", metavar="[COMMAND]", required=False)
@click.pass_context
def help_command(context: click.Context, name: str | None) -> None:
    """Print the help of a command, or the list of all."""
    words = [] if name is None else cli.resolve_command(context, [name])[:1]
    cli.main([*filter(None, words), "--help"], prog_name="gitops-bot", standalone_mode=False)
