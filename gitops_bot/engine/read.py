"""Read the repository: one commit of the base branch, the overlays that it holds, and the bot's own branches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitops_bot.engine.snapshot import Snapshot
from gitops_bot.errors import GitError, Problem, UsageError
from gitops_bot.releases.layout import correspondence, overlays
from gitops_bot.releases.layout import read as layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Config, Environment
    from gitops_bot.engine.world import World

#: Files that no environment claims and that are read all the same, to count what they pin.
MOST_OTHERS = 20_000


def read(
    world: World,
    config: Config,
    branch: str,
    repository: str | None,
    names: Sequence[str] = (),
    *,
    also: Sequence[str] = (),
    commit: str | None = None,
    whole: bool = False,
) -> Snapshot:
    """Read these environments (all without names), at `commit` where the branch's present one is known.

    Those that their pins come from, and `also`, are read along, and nothing is proposed to them. `whole`: so is what no
    environment claims.

    Raises:
        UsageError: an environment that does not exist is named.
        GitError: the branch does not exist, or the remote cannot be read.
        ConfigError: a file is claimed by two environments, or the globs of a promotion cannot correspond.
    """
    environments = _named(config, names)
    wanted = {environment.name for environment in (*environments, *(_named(config, also) if also else ()))}
    wanted |= {environment.promotion.source for environment in environments if environment.promotion is not None}
    commit = commit or world.repository.head(branch)
    tree = world.repository.tree(commit)
    claims = selection = overlays.select(config.environments, tree)
    readable = {name: environment for name, environment in config.environments.items() if name in wanted}
    if len(readable) < len(config.environments):
        # The others count for the question whose a file is; what is wrong with them is not asked here.
        selection = overlays.select(readable, tree)
    paths = layout.paths(config.environments, selection, tree)
    others = overlays.unclaimed(claims, tree) if whole else ()
    files = _files(world, commit, paths, others)
    selection, claims = selection.with_pins(files), claims.with_pins(files)
    if config.file is None:  # directories that are called like an environment and pin nothing are none
        environments = tuple(environment for environment in environments if claims.overlays[environment.name])
    correspondence.check(config.environments)
    return Snapshot(
        config=config,
        repository=repository,
        branch=branch,
        commit=commit,
        at=world.clock.now(),
        environments=environments,
        readable=tuple(readable.values()),
        selection=selection,
        claims=claims,
        others=others,
        files=files,
        own_branches=world.repository.branches(),
        sees_pull_requests=world.forge is not None,
    )


def read_again(world: World, before: Snapshot) -> Snapshot:
    """Read the present commit, and of its files what is not known from the reading before.

    Raises:
        GitError: the remote cannot be read.
        ConfigError: a file is claimed by two environments now.
    """
    now = read(
        world,
        before.config,
        before.branch,
        before.repository,
        [environment.name for environment in before.environments],
        also=[environment.name for environment in before.readable],
        whole=bool(before.others),
    )
    return replace(now, parsed=before.parsed)


def committed(before: Snapshot, commit: str, files: Mapping[str, bytes]) -> Snapshot:
    """What a commit of our own made of the base branch: all is as it was, but for these files."""
    return replace(before, commit=commit, files={**before.files, **files}, known={})


def _files(world: World, commit: str, paths: Sequence[str], others: Sequence[str]) -> Mapping[str, bytes]:
    if others:
        try:  # all at once: what is fetched later is waited for again
            return world.repository.read(commit, [*paths, *others[:MOST_OTHERS]])
        except GitError:
            pass  # too much of what nobody needs
    return world.repository.read(commit, paths)


def _named(config: Config, names: Sequence[str]) -> tuple[Environment, ...]:
    for name in names:
        if name not in config.environments:
            known = ", ".join(config.environments)
            advice = f"known: {known}" if known else "no environments are known in this repository"
            raise UsageError(Problem("failed.usage", f"there is no environment {name[:100]!r}", advice))
    return tuple(environment for environment in config.environments.values() if not names or environment.name in names)
