"""The commands that write nothing: `status`, `history`, `explain` and `audit`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from gitops_bot.cli.command import command, reading, remote, show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.releases.history.releases import ExportedFile
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview, Status
    from gitops_bot.wiring.options import Options

_DRIFTS: Final = 4
#: Releases that `audit --keep-list` counts without `--releases`.
_KEPT: Final = 10
#: Bytes of a list of tags.
_LONGEST: Final = 64 * 1024 * 1024


@command("status", outputs=("text", "json", "markdown", "html"))
@remote
@click.option("--behind", is_flag=True, help="Show only what waits, is held, failed or is not tracked.")
@click.option("--exit-code", is_flag=True, help="Exit with 4 when an entry differs from the one it is promoted from.")
@click.option(
    "--older-than", metavar="DURATION", help="With --exit-code: only if it has differed for longer, such as 3d."
)
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def status_command(
    environments: tuple[str, ...],
    *,
    behind: bool,
    exit_code: bool,
    older_than: str | None,
    options: Options,
    output: str,
) -> int:
    """Show what waits in each environment, why and what to do next, and what runs where.

    Writes nothing. With a token, also shows what open pull requests propose, and how many commits an environment is
    behind if the labels of its images say which commits they were built from.
    """
    from gitops_bot.commands.status import overview, status
    from gitops_bot.images import duration
    from gitops_bot.results.status import Overview
    from gitops_bot.wiring.world import open_world

    if older_than is not None and not exit_code:
        raise click.UsageError("--older-than needs --exit-code.")
    if behind and output == "html":
        raise click.UsageError("--behind and --output html cannot be used together: the page folds the rest itself.")
    with reading("--older-than", "write it as in `--older-than 3d`"):
        wait = duration.parse(older_than or "0")
    result: Result[Overview] | Result[Status]
    with open_world(options, environments, history=True) as (world, scope):
        result = overview(world, scope) if output == "html" else status(world, scope, only_waiting=behind)
    shown = result.body.status if isinstance(result.body, Overview) else result.body
    return show("status", result, output, at=shown.at) or (_DRIFTS if exit_code and shown.drifts(wait) else 0)


@command("history")
@remote
@click.option("--limit", metavar="N", type=click.IntRange(1, 100_000), help="Only the newest N releases.")
@click.option("--since", metavar="DATE", help="Only releases since this day or moment (RFC 3339), in UTC.")
@click.option("--image", metavar="NAME", help="Only releases that changed this image.")
@click.option("--show", "show_release", metavar="RELEASE", help="Show one release with its diff.")
@click.option("--between", metavar="A B", nargs=2, help="Show what changed from one release to another.")
@click.option("--export", metavar="DIR", help="With --show: write all files of the release to a new folder.")
@click.option("--verify", is_flag=True, help="Compute every content digest, and compare releases with their tags.")
@click.argument("environment", metavar="ENV")
def history_command(
    environment: str,
    *,
    limit: int | None,
    since: str | None,
    image: str | None,
    show_release: str | None,
    between: tuple[str, str] | None,
    export: str | None,
    verify: bool,
    options: Options,
    output: str,
) -> int:
    """List the releases of ENV and what each changed.

    Shows number, commit, time and author; with a token, also the pull request, who approved it and who merged it.
    A RELEASE is a number, a commit or a tag.
    """
    if show_release is not None and between is not None:
        raise click.UsageError("--show and --between cannot be used together.")
    if export is not None and show_release is None:
        raise click.UsageError("--export needs --show RELEASE.")
    from gitops_bot.commands import history as commands
    from gitops_bot.config import times
    from gitops_bot.edges import disk
    from gitops_bot.wiring.world import open_world

    with reading("--since", "write a date or a moment, as in 2026-12-24"):
        after = times.moment(since) if since is not None else None
    wanted = commands.Wanted(limit, after, image, show_release, between, verify)
    place = disk.free_folder(export) if export is not None else None

    def write(files: Iterable[ExportedFile]) -> str | None:
        if place is not None:
            disk.write_folder(place, files)
        return export

    with open_world(options, (environment,), history=True) as (world, scope):
        history = commands.history(world, scope, wanted, write if export is not None else None)
    return show("history", history, output)


@command("explain")
@remote
@click.option("--tag", metavar="TAG", help="Also say why this tag is chosen, or why not.")
@click.option("--policy", metavar="POLICY", help="Try this policy on tags from standard input, one per line, offline.")
@click.option("--current", metavar="TAG", help="With --policy: the tag that is pinned now.")
@click.argument("environment", metavar="[ENV]", required=False)
@click.argument("image", metavar="[IMAGE]", required=False)
def explain_command(
    environment: str | None,
    image: str | None,
    *,
    tag: str | None,
    policy: str | None,
    current: str | None,
    options: Options,
    output: str,
) -> int:
    """Explain which pin IMAGE gets in ENV, and why; write nothing.

    Shows the tags seen, what each rule removed, the ten best candidates, every gate, and what would change the result.
    """
    if policy is not None:
        if environment is not None:
            raise click.UsageError("With --policy the tags come from standard input: leave out ENV and IMAGE.")
        from gitops_bot.commands.explain import try_policy
        from gitops_bot.edges.clock import Clock
        from gitops_bot.images.reference import Pin

        explanations = try_policy(policy, _tags(), Pin(current), tag, Clock().now())
        return show("explain", explanations, output)
    if environment is None or image is None:
        raise click.UsageError("Name an environment and an image, or try a policy with --policy.")
    if current is not None:
        raise click.UsageError("--current needs --policy: the tag of an entry is read from the repository.")
    from gitops_bot.commands.explain import explain
    from gitops_bot.wiring.world import open_world

    with open_world(options, (environment,)) as (world, scope):
        explanations = explain(world, scope, image, tag)
    return show("explain", explanations, output)


def _tags() -> list[str]:
    """The lines of standard input, without blank ones."""
    if sys.stdin.isatty():
        click.echo("Enter tags, one per line, and end with Ctrl-D.", err=True)
    text = sys.stdin.buffer.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise click.UsageError(f"The list of tags is larger than {_LONGEST // 1024 // 1024} MiB.")
    return [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]


@command("audit")
@remote
@click.option("--keep-list", is_flag=True, help="Print each repository@digest that a registry clean-up must keep.")
@click.option(
    "--export", type=click.Choice(["csv", "json"]), help="Print the releases instead: who released what, and when."
)
@click.option(
    "--releases",
    metavar="N",
    type=click.IntRange(1, 100_000),
    help=f"Only the newest N releases of each environment. --keep-list: {_KEPT}; --export: all.",
)
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def audit_command(
    environments: tuple[str, ...],
    *,
    keep_list: bool,
    export: str | None,
    releases: int | None,
    options: Options,
    output: str,
) -> int:
    """Check that every pinned image can still be pulled.

    It asks the registries for every platform, and writes nothing.
    """
    if keep_list and export is not None:
        raise click.UsageError("--keep-list and --export cannot be used together.")
    if releases is not None and not keep_list and export is None:
        raise click.UsageError("--releases needs --keep-list or --export.")
    if export == "csv" and output == "json":
        raise click.UsageError("--export csv and --output json cannot be used together.")
    from gitops_bot.commands import audit as commands
    from gitops_bot.wiring.world import open_world

    with open_world(options, environments, history=True) as (world, scope):
        if export is not None:
            audit = commands.audit_releases(world, scope, releases)
        else:
            audit = commands.audit(world, scope, (releases or _KEPT) if keep_list else None)
    return show("audit", audit, "json" if export == "json" else output)
