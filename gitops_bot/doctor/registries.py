"""The checks on registries: can the bot read there, with which login, and does one pinned image exist?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.doctor.notes import good, unknown, warning, wrong
from gitops_bot.engine.read import select
from gitops_bot.errors import Problem
from gitops_bot.images.reason import counted
from gitops_bot.releases.layout.read import read_overlays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from gitops_bot.config import Config
    from gitops_bot.doctor.notes import Bounded, Notes
    from gitops_bot.edges.facts import Served
    from gitops_bot.edges.registry import Registry
    from gitops_bot.engine.world import Repository
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.results.checkout import Finding


#: How many registries are checked; few repositories use more than five.
MOST = 20
#: Pulls. Docker Hub allows a hundred or two in six hours, and counts everyone behind one address together.
_FEW = 10


@dataclass(frozen=True, slots=True)
class TrackedOverlays:
    """The overlays of a commit. `images` has the first tracked image of each registry, with its pin."""

    files: int
    entries: int
    images: Mapping[str, tuple[ImageName, Pin]]
    problems: tuple[Problem, ...]


def read_tracked(config: Config, repository: Repository, commit: str) -> TrackedOverlays:
    """Read every overlay of every environment. A refused file or entry is a problem; the others are still read.

    Raises:
        ConfigError: a file is claimed by two environments, or the globs of a promotion cannot correspond.
        GitError: the remote cannot be read.
    """
    environments = config.environments
    layout = select(config, repository.tree(commit), environments, partial(repository.read, commit))
    selection = layout.selection
    images: dict[str, tuple[ImageName, Pin]] = {}
    problems, entries = [*selection.problems], 0
    for name, overlay_files in selection.overlays.items():
        read, refused = read_overlays(environments[name], overlay_files, layout.targets, layout.files)
        problems += refused
        for entry in (entry for overlay in read for entry in overlay.entries):
            entries += 1
            promoted = environments[name].promotion is not None and entry.rules.takes_promotions
            if entry.rules.ignore or not (promoted or entry.rules.policy is not None or entry.choices):
                continue
            if entry.mistake is not None:
                problems.append(entry.mistake)
            elif entry.repository is not None:
                images.setdefault(entry.repository.registry, (entry.repository, entry.pin))
    return TrackedOverlays(len(selection.targets), entries, images, tuple(problems))


def overlays(tracked: TrackedOverlays, branch: str) -> list[Finding]:
    """Each overlay that cannot be read, else how many there are."""
    if tracked.problems:
        return [wrong("overlays", branch, problem) for problem in tracked.problems]
    if not tracked.files:
        text = "no overlay was found: there is nothing to update"
        return [warning("overlays", branch, text, "list environments and their overlays in gitops-bot.yaml")]
    text = f"{counted(tracked.entries, 'entry')} in {counted(tracked.files, 'file')}"
    if not tracked.images:
        return [warning("overlays", branch, f"{text}, but no policy for any of them", "give them a `policy`")]
    return [good("overlays", branch, text)]


def begin(
    registry: Registry, images: Mapping[str, tuple[ImageName, Pin]], bounded: Bounded
) -> dict[str, Future[Served]]:
    """Start querying each registry for one image."""
    return {host: bounded.put(partial(registry.served, image, pin)) for host, (image, pin) in [*images.items()][:MOST]}


def end(
    asked: dict[str, Future[Served]], tracked: TrackedOverlays, config: Config, bounded: Bounded, notes: Notes
) -> None:
    """Record the answers, and the registries that were not checked."""
    for host, answer in asked.items():
        served = notes.of("registry", host, partial(bounded.wait, answer, "failed.registry", host))
        if served is not None:
            notes.add(judge(*tracked.images[host], served))
    for host in [*tracked.images][MOST:]:
        text = f"not checked: only the first {MOST} registries are"
        notes.add(unknown("registry", host, text, "`gitops-bot plan` queries them all"))
    mirrors = {access.mirror.partition("/")[0].lower() for access in config.registries.values() if access.mirror}
    for host in config.registries:
        if host not in tracked.images and host not in mirrors:
            text = "it is listed under `registries`, but no overlay tracks an image from it"
            notes.add(warning("registry", host, text, "correct its name in `registries`, or remove it"))


def judge(image: ImageName, pin: Pin, served: Served) -> Finding:
    """Whether the bot can read there, with which login, and whether the pinned image exists."""
    host = image.registry
    text = f"{image.path} can be read {served.login}"
    if served.left == 0:
        message = f"{text}, but its rate limit has no pulls left"
        advice = "log in (`docker login`), because anonymous pulls are counted by IP address, or run again later"
        return wrong("registry", host, Problem("failed.registry", message, advice))
    if not served.present:
        advice = "push it again, or pin one that exists: the running image can no longer be pulled"
        return warning("registry", host, f"{text}, but it does not have the pinned {pin}", advice)
    if served.left is not None:
        text = f"{text}; {counted(served.left, 'pull')} left"
        if served.left < _FEW:
            return warning("registry", host, text, "log in (`docker login`): anonymous pulls are counted by IP address")
    return good("registry", host, text)
