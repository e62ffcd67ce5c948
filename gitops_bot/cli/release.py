"""The commands `promote` and `rollback`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitops_bot.cli.command import command, reading, release_hold_option, remote, request
from gitops_bot.wiring.options import REASON_LIMIT

if TYPE_CHECKING:
    from gitops_bot.wiring.options import Options


def _short(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None and len(text) > REASON_LIMIT:
        raise click.BadParameter(f"it has {len(text)} characters, and the limit is {REASON_LIMIT}")
    return text


@command("promote", dry_run=True)
@remote
@release_hold_option
@click.option("--image", "images", metavar="NAME", multiple=True, help="Only this image; may be repeated.")
@click.option("--overlay", "overlays", metavar="GLOB", multiple=True, help="Only these overlays of the target.")
@click.option("--beyond-policy", is_flag=True, help="Also promote what the policy of TARGET does not allow.")
@click.option("--now", is_flag=True, help="Do not wait for the `soak` time of TARGET.")
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="TARGET")
def promote_command(
    source: str,
    target: str,
    *,
    images: tuple[str, ...],
    overlays: tuple[str, ...],
    beyond_policy: bool,
    now: bool,
    release_hold: bool,
    options: Options,
    dry_run: bool,
    output: str,
) -> int:
    """Copy the pins that SOURCE runs to TARGET.

    The digests are copied as they are, whatever their tags point to now.
    """
    from gitops_bot.engine.request import Promote, Request
    from gitops_bot.releases.choice.promotion import ByHand
    from gitops_bot.releases.layout.glob import Glob

    with reading("--overlay", "correct the glob"):
        globs = [Glob.parse(text) for text in overlays]
    asked = Promote(source, ByHand(beyond_policy, now), images, globs)
    return request("promote", options, (target,), Request(asked, release_hold, dry_run), output)


@command("rollback", dry_run=True)
@remote
@release_hold_option
@click.option(
    "--to",
    metavar="RELEASE",
    help="Release number, commit or tag; default: the release before the last change of a pin.",
)
@click.option("--image", "images", metavar="NAME", multiple=True, help="Only this image; may be repeated.")
@click.option(
    "--reason", metavar="TEXT", callback=_short, help="The reason, for the pull request and the commit message."
)
@click.option("--offline", is_flag=True, help="Do not check that the registries still have the images.")
@click.argument("environment", metavar="ENV")
def rollback_command(
    environment: str,
    *,
    to: str | None,
    images: tuple[str, ...],
    reason: str | None,
    offline: bool,
    release_hold: bool,
    options: Options,
    dry_run: bool,
    output: str,
) -> int:
    """Propose the pins that ENV ran before.

    They are read from Git; the rest of the configuration is not changed.
    """
    from gitops_bot.engine.request import Request, RollBack

    asked = RollBack(to, images, reason, offline)
    return request("rollback", options, (environment,), Request(asked, release_hold, dry_run), output)
