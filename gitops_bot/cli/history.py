"""The command `history`."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING

import click

from gitops_bot.cli.command import command, reading, remote
from gitops_bot.cli.command import show as show_result

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.wiring.options import Options


@command("history")
@remote
@click.option("--limit", metavar="N", type=click.IntRange(1, 100_000), help="Only the newest N releases.")
@click.option("--since", metavar="DATE", help="Only releases since this day or moment (RFC 3339), in UTC.")
@click.option("--image", metavar="NAME", help="Only releases that changed this image.")
@click.option("--show", metavar="RELEASE", help="Show one release with its diff.")
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
    show: str | None,
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
    if show is not None and between is not None:
        raise click.UsageError("--show and --between cannot be used together.")
    if export is not None and show is None:
        raise click.UsageError("--export needs --show RELEASE.")
    from gitops_bot.commands import history as commands
    from gitops_bot.config import times
    from gitops_bot.edges import folder
    from gitops_bot.wiring.world import opened

    with reading("--since", "write a date or a moment, as in 2026-12-24"):
        after = times.moment(since) if since is not None else None
    wanted = commands.Wanted(limit, after, image, show, between, verify)
    place = folder.free(export) if export is not None else None

    def write(files: Iterable[commands.ExportedFile]) -> str | None:
        if place is not None:
            folder.write(place, starmap(folder.NewFile, files))
        return export

    with opened(options, (environment,), history=True) as (world, scope):
        history = commands.history(world, scope, wanted, write if export is not None else None)
    return show_result("history", history, output)
