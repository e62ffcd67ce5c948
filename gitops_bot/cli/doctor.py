"""The command `doctor`: assembles what it checks; any part may be missing."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from gitops_bot.cli.command import command, repository_option, show
from gitops_bot.wiring.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import Config
    from gitops_bot.doctor.notes import Notes
    from gitops_bot.doctor.setup import CheckedForge, Setup
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.registry import Registry
    from gitops_bot.errors import Problem
    from gitops_bot.wiring.local import Local

#: The share of `--timeout` that one answer may take.
_SHARE = 0.3
#: Attempts for each registry: one broken connection is no finding.
_ATTEMPTS = 2


@command("doctor")
@repository_option
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=25,
    show_default=True,
    metavar="SECONDS",
    help="Stop waiting for answers after this time.",
)
def doctor_command(*, repository: str | None, timeout: float, config: str | None, output: str) -> int:
    """Check that everything a run needs is in place; write nothing.

    It checks configuration, git, token, branch rules and registries.
    """
    from gitops_bot.doctor.examine import examine
    from gitops_bot.doctor.notes import Notes
    from gitops_bot.edges.clock import Clock

    notes, clock, environ = Notes(), Clock(), os.environ
    local, sound = _local(Options(repository, config), environ, notes)
    setup = _setup(local, environ, clock, timeout, notes, sound=sound)
    return show("doctor", examine(setup, timeout), output)


def _local(options: Options, environ: Mapping[str, str], notes: Notes) -> tuple[Local | None, bool]:
    """What the command line and the checkout say, and whether the file of `--config` (if any) is usable."""
    from gitops_bot.config import FILE
    from gitops_bot.errors import BotError, ConfigError
    from gitops_bot.wiring.local import Local

    try:
        return Local.read(options, environ), True
    except BotError as error:
        failed = error
    try:
        local = Local.read(options._replace(config=None), environ)
    except BotError as error:
        if isinstance(failed, ConfigError):
            notes.fail("configuration", options.config or FILE, failed)
        notes.fail("repository", "the repository", error)  # the option may hold a login
        return None, False
    notes.fail("configuration", options.config or FILE, failed)
    return local, False


def _setup(
    local: Local | None, environ: Mapping[str, str], clock: Clock, seconds: float, notes: Notes, *, sound: bool
) -> Setup:
    from gitops_bot.doctor.setup import Setup
    from gitops_bot.edges.git import git_versions
    from gitops_bot.wiring.forge import servers
    from gitops_bot.wiring.local import chosen_config
    from gitops_bot.wiring.world import remote

    share = seconds * _SHARE
    where = local.address if local is not None else None
    name = where.name if where is not None else None
    server = notes.of("token", "the token", lambda: local.server if local is not None else servers(environ)[0])
    token: str | Problem | None = None
    forge: CheckedForge | None = None
    if server is not None and where is not None and name is not None and not server.takes_token(where):
        token = server.elsewhere(where.host)
    elif server is not None and (where is None or name is not None):  # a local folder needs none
        token = server.variable or server.no_token(name)
        inspect = partial(server.inspect, name, clock=clock, timeout=max(round(share), 1))
        forge = notes.of("token", "the token", inspect)  # even without a token
    git, registry = partial(git_versions, environ, share), partial(registry_for, environ, clock, share, local=local)
    setup = Setup(notes, clock, git, registry, forge=forge, token=token)
    if local is None:
        return setup
    return replace(
        setup,
        where=name or local.address.url,
        name=name,
        branch=local.config.branch if local.config is not None else None,
        remote=partial(remote(local, environ), timeout=share, attempts=_ATTEMPTS),
        choose=partial(chosen_config, local, infer=True) if sound else None,
    )


def registry_for(
    environ: Mapping[str, str], clock: Clock, seconds: float, config: Config, local: Local | None = None
) -> Registry:
    """The registries, each asked with the login that a run would have."""
    from gitops_bot.wiring import world
    from gitops_bot.wiring.forge import servers

    logins = world.access(config, environ, servers(environ))
    return world.registry(logins, local, environ, clock, seconds=seconds, attempts=_ATTEMPTS)
