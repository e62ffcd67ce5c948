"""The command `status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitops_bot.cli.command import command, reading, remote

if TYPE_CHECKING:
    from gitops_bot.wiring.options import Options

_DRIFTS = 4


@command("status", outputs=("text", "json", "markdown", "html"))
@remote
@click.option("--exit-code", is_flag=True, help="Exit with 4 when an entry differs from the one it is promoted from.")
@click.option(
    "--older-than", metavar="DURATION", help="With --exit-code: only if it has differed for longer, such as 3d."
)
@click.argument("environments", metavar="[ENV]...", nargs=-1)
def status_command(
    environments: tuple[str, ...], *, exit_code: bool, older_than: str | None, options: Options, output: str
) -> int:
    """Show what each environment pins and how far it is behind.

    Writes nothing. With a token, also shows open proposals, and how many commits an environment is behind if the
    labels of its images say which commits they were built from.
    """
    from gitops_bot.images import duration
    from gitops_bot.report import show
    from gitops_bot.wiring.world import opened

    if older_than is not None and not exit_code:
        raise click.UsageError("--older-than needs --exit-code.")
    with reading("--older-than", "write it as in `--older-than 3d`"):
        wait = duration.parse(older_than or "0")
    if output == "html":
        from gitops_bot.commands.overview import overview as look_over

        with opened(options, environments, history=True) as (world, scope):
            overview = look_over(world, scope)
        head, status = overview.head, overview.body.status
        show.show_overview(overview)
    else:
        from gitops_bot.commands.status import status as look

        with opened(options, environments, history=True) as (world, scope):
            result = look(world, scope)
        head, status = result.head, result.body
        if output == "markdown":
            show.show_markdown(result)
        else:
            show.show("status", result, output, status.at)
    return head.exit_code or (_DRIFTS if exit_code and status.drifts(wait) else 0)
