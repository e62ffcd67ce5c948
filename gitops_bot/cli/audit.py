"""The command `audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitops_bot.cli.command import command, remote, show

if TYPE_CHECKING:
    from gitops_bot.wiring.options import Options

#: Releases that `--keep-list` counts without `--releases`.
_KEPT = 10


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
    from gitops_bot.wiring.world import opened

    with opened(options, environments, history=True) as (world, scope):
        if export is not None:
            audit = commands.audit_releases(world, scope, releases)
        else:
            audit = commands.audit(world, scope, (releases or _KEPT) if keep_list else None)
    return show("audit", audit, "json" if export == "json" else output)
