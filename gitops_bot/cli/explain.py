"""The command `explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import click

from gitops_bot.cli.command import command, remote, show

if TYPE_CHECKING:
    from gitops_bot.wiring.options import Options

#: Bytes of a list of tags.
_LONGEST: Final = 64 * 1024 * 1024


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
        from gitops_bot.commands.try_policy import try_policy
        from gitops_bot.edges.clock import SystemClock
        from gitops_bot.images.reference import Pin

        explanations = try_policy(policy, _tags(), Pin(current), tag, SystemClock().now())
        return show("explain", explanations, output)
    if environment is None or image is None:
        raise click.UsageError("Name an environment and an image, or try a policy with --policy.")
    if current is not None:
        raise click.UsageError("--current needs --policy: the tag of an entry is read from the repository.")
    from gitops_bot.commands.explain import explain
    from gitops_bot.wiring.world import opened

    with opened(options, (environment,)) as (world, scope):
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
