"""Deployments that the forge records of releases on the base branch: what was released to Git, never what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine import carry_out
from gitops_bot.engine.budget import DeploymentBudget
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.deployment import Artifact, Deployment
from gitops_bot.releases.history.changes import changed
from gitops_bot.releases.history.releases import unrecorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.config import Environment
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.releases import Release

#: Releases of an environment that are recorded where none is: those before are past. And how many at once.
_FIRST, _MOST = 1, 10
#: Artifacts of one release.
_ARTIFACTS = 100


def deploy(
    world: World, snapshot: Snapshot, every: Mapping[str, Sequence[Release]], wanted: Sequence[Environment]
) -> Iterator[tuple[str, Problem]]:
    """Record the newest releases of these environments that are not recorded yet; what went wrong, by environment."""
    if world.forge is None:
        message = "there is no token for this server"
        no_token = Problem("failed.auth", message, "Set one, or remove `records`.")
        yield from ((environment.name, no_token) for environment in wanted)
        return
    try:
        deployed = world.forge.deployments([environment.name for environment in wanted])
    except ForgeError as error:
        yield from ((environment.name, error.problem) for environment in wanted)
        return
    budget = DeploymentBudget(world.forge)
    for environment in wanted:
        name = environment.name
        recorded = {deployment.commit for deployment in deployed[name] if deployment.finished}
        known = every.get(name, ())
        for release in unrecorded(known, recorded, first=_FIRST, most=_MOST):
            artifacts = _artifacts(snapshot, known, release) if environment.artifact_metadata else ()
            deployment = Deployment(name, release.commit, artifacts)
            if (problem := budget.spend(deployment)) is not None:
                yield name, problem
                break
            try:
                problem = carry_out.deploy(world, deployment)
            except ForgeError as error:
                yield name, error.problem
                break  # the next one would come before it
            if problem is not None:
                yield name, problem


def _artifacts(snapshot: Snapshot, known: Sequence[Release], release: Release) -> tuple[Artifact, ...]:
    """The images that a release brought by their digests."""
    at = known.index(release)
    artifacts = []
    for pin in changed(known, at).pins:
        if pin.after is not None and pin.after.digest is not None:
            image = snapshot.image(*pin.key)
            artifacts.append(Artifact(image, pin.after.digest, pin.after.tag, f"{pin.file}:{pin.name}"))
    return tuple(artifacts[:_ARTIFACTS])
