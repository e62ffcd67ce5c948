"""The command `init`: scans the checkout, asks the registries, and writes the file."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, get_args

import click

from gitops_bot.cli.command import command, show
from gitops_bot.cli.doctor import registry_for
from gitops_bot.results.result import Peer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.edges.clock import Clock
    from gitops_bot.results.checkout import Finding, FoundEnvironment, Inventory

#: Seconds in which the registries have to answer.
_SECONDS: Final = 15.0


@command("init", config=False, dry_run=True)
@click.option("--offline", is_flag=True, help="Do not check whether the registries can be read.")
@click.option(
    "--from",
    "peers",
    multiple=True,
    type=click.Choice([*get_args(Peer), "auto"]),
    help="Convert the settings of this tool that are in this checkout; `auto`: of all these tools. Repeatable.",
)
@click.option(
    "--own",
    multiple=True,
    metavar="GLOB",
    help="Images of your own, such as `registry.example.com/*`: their policies may cross a major version. Those of the "
    "owner of the repository, such as ghcr.io/acme/web for acme/deploy, are your own without it. Repeatable.",
)
def init_command(*, offline: bool, peers: tuple[str, ...], own: tuple[str, ...], dry_run: bool, output: str) -> int:
    """Look at this checkout and write a first gitops-bot.yaml.

    It has a policy for each format of tags, and promotions where two environments have the same images. Nothing acts
    until you have reviewed and pushed it. An existing file is never replaced. On a terminal, init asks before it
    promotes one environment from another.

    With --from, it converts the settings of another tool, and lists those without an equivalent.
    """
    from gitops_bot import config
    from gitops_bot.commands.check import check
    from gitops_bot.commands.compose import compose
    from gitops_bot.commands.init import take_inventory
    from gitops_bot.edges import disk
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.registry.cloud import is_cloud
    from gitops_bot.errors import Problem, UsageError
    from gitops_bot.images.owner import Owner
    from gitops_bot.report.configuration import migration_text, print_inventory, starter
    from gitops_bot.report.screen import Screen
    from gitops_bot.results.checkout import Initialised
    from gitops_bot.results.result import Head, Result
    from gitops_bot.wiring.local import organisation, surroundings

    checkout, clock = surroundings(), Clock()
    if checkout is None:
        advice = "change to the checkout of your manifests"
        raise UsageError(Problem("failed.usage", "not inside a Git checkout", advice))
    tree = checkout.tree(os.environ)
    if not dry_run:
        _refuse_existing(tree)
    now = clock.now()
    migration, text, converted = None, "", None
    if chosen := tuple(peer for peer in get_args(Peer) if peer in peers or "auto" in peers):
        from gitops_bot.commands.migrate import migrate  # nothing else needs what knows these tools

        migration = migrate(checkout, tree, now, chosen)
        text = migration_text(migration)
        with _few_enough():
            converted = config.read(text, config.FILE)
    inventory = take_inventory(checkout, tree, now, converted, Owner(organisation(checkout, os.environ), own))
    if not offline:
        inventory = replace(inventory, registries=tuple(_answers(inventory, clock)))
    if output == "text":  # with JSON it is part of the result
        # On standard output is the text of the file, where `--dry-run` prints it.
        print_inventory(inventory, Screen.of(sys.stderr))
    if migration is None and output == "text" and sys.stdin.isatty() and sys.stderr.isatty():
        inventory = replace(inventory, environments=tuple(map(_ask_to_promote, inventory.environments)))
    if converted is not None:
        coverage = check(checkout, tree, converted, now).body.coverage
    else:
        refused = (item for item in inventory.registries if item.problem and item.problem.code == "failed.auth")
        closed = {item.subject: is_cloud(item.subject) for item in refused}
        with _few_enough():
            inventory, text, coverage = compose(checkout, tree, inventory, now, lambda draft: starter(draft, closed))
    if not dry_run:
        disk.create(checkout.top / config.FILE, text.encode())
    gaps = migration.gaps if migration else ()
    initialised = Initialised(inventory, coverage, os.path.relpath(checkout.top / config.FILE), text, not dry_run, gaps)
    head = Head(problems=(*inventory.problems, *(gap.bug for gap in gaps if gap.bug is not None)))
    return show("init", Result(head, initialised), output)


def _refuse_existing(tree: Mapping[str, str]) -> None:
    from gitops_bot.config import FILE
    from gitops_bot.errors import ConfigError, Problem
    from gitops_bot.wiring.local import refuse_misnamed

    if FILE in tree:
        advice = "edit that one; `gitops-bot init --dry-run` prints what init would write"
        raise ConfigError(Problem("failed.config", f"{FILE} already exists, and init never replaces it", advice))
    refuse_misnamed(tree)


@contextmanager
def _few_enough() -> Iterator[None]:
    """Say what to do where there are more overlays than a configuration may list, with nothing in common."""
    from gitops_bot.config import FILE
    from gitops_bot.errors import ConfigError, Problem

    try:
        yield
    except ConfigError as error:
        message = f"cannot describe this repository in {FILE}: {error.problem.message}"
        advice = "write it by hand, with wider globs such as `apps/*/overlays/staging`"
        raise ConfigError(Problem("failed.config", message, advice)) from error


def _ask_to_promote(environment: FoundEnvironment) -> FoundEnvironment:
    """Ask whether an environment gets its pins from the one before it, where most of them look alike."""
    if not environment.promote:
        return environment
    question = f"Promote {environment.name} from {environment.source}?"
    return replace(environment, promote=click.confirm(question, default=True, err=True))


def _answers(inventory: Inventory, clock: Clock) -> Iterator[Finding]:
    """What each registry answers about its first image."""
    from gitops_bot.config import Config
    from gitops_bot.doctor import registries
    from gitops_bot.doctor.notes import Bounded, wrong
    from gitops_bot.errors import BotError

    bounded = Bounded(clock, _SECONDS)
    with registry_for(os.environ, clock, _SECONDS / 2, Config(None, {})) as registry:
        for host, answer in registries.begin(registry, inventory.images, bounded).items():
            try:
                yield registries.judge(*inventory.images[host], bounded.wait(answer, "failed.registry", host))
            except BotError as error:
                yield wrong("registry", host, error.problem)
