"""What people want to know of images, in proposals and in `status`: it decides nothing, and may be unknown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gitops_bot.engine.ask import Work, settle, settled
from gitops_bot.errors import BotError, RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.proposals.text.details import Described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.world import World
    from gitops_bot.images.build import Build
    from gitops_bot.releases.decisions import Change
    from gitops_bot.results.status import EntryStatus, Status

    Step = tuple[str, str, str]

Key = TypeVar("Key")
#: So many changes of a proposal are described; each takes up to six small requests to its registry.
MOST = 20
#: So many of them get the subjects of the commits in between, each for a request to the forge.
COMPARED = 3


class ImageStep(NamedTuple):
    """An image before and after: names and digests. `goes_back`: the one before is the newer build."""

    before: str
    before_digest: str | None
    after: str
    after_digest: str | None
    goes_back: bool = False


def describe(world: World, facts: Facts, changes: Sequence[Change]) -> Mapping[tuple[str, str], Described]:
    """What the images say of themselves before and after, and the commits in between, by the entries' keys."""
    images = {
        change.entry.key: ImageStep(
            change.entry.image,
            change.before.digest,
            change.new_name or change.entry.image,
            change.after.digest,
            change.goes_back,
        )
        for change in changes[:MOST]
    }
    return describe_images(world, facts, images)


def describe_images(world: World, facts: Facts, images: Mapping[Key, ImageStep]) -> Mapping[Key, Described]:
    """The same for any images, by any keys; the first few of them get the subjects of their commits."""
    answers = builds(world, facts, list(images.values()))
    steps = [
        _step(after, before) if image.goes_back else _step(before, after)
        for image, (before, after) in zip(images.values(), answers, strict=True)
    ]
    compared = (
        [*dict.fromkeys(step for step in steps if step is not None)][:COMPARED] if world.forge is not None else []
    )
    commits = settled(world, facts, lambda: {step: facts.commits_between(*step) for step in compared})
    return {
        key: Described(before, after, commits.get(step, ()) if step is not None else ())
        for key, (before, after), step in zip(images, answers, steps, strict=True)
    }


def builds(world: World, facts: Facts, images: Sequence[ImageStep]) -> list[tuple[Build | None, Build | None]]:
    """What each image says of itself before and after, asked for side by side; None where it cannot be had."""
    works = [Work(partial(_builds, facts, image), ImageName.of(image.before)) for image in images]
    return [build for build in settle(world, facts, works) if not isinstance(build, BotError)]


def _commits_ahead(world: World, facts: Facts, images: Sequence[ImageStep]) -> Mapping[ImageStep, int]:
    """How many commits lie between the builds of these images, of the first few of them, where that can be told."""
    asked = images[:MOST]
    steps: dict[ImageStep, Step] = {}
    known: dict[ImageStep, int] = {}
    for image, (before, after) in zip(asked, builds(world, facts, asked), strict=True):
        if (step := _step(before, after)) is not None:
            steps[image] = step
        elif before is not None and after is not None and before.revision is not None:
            known |= {image: 0} if before.revision == after.revision else {}
    counts = settled(world, facts, lambda: {step: facts.commits_ahead(*step) for step in dict.fromkeys(steps.values())})
    return known | {image: count for image, step in steps.items() if (count := counts[step]) is not None}


def with_commits(world: World, facts: Facts, status: Status) -> Status:
    """With the commits between what an entry and its source pin, where both images name them and the forge knows them.

    Only entries that differ are asked about, and each pair of images once.
    """
    if world.forge is None:
        return status
    entries = [entry for environment in status.environments for entry in environment.entries]
    steps = dict.fromkeys(step for entry in entries if (step := _behind(entry)) is not None)
    counts = _commits_ahead(world, facts, list(steps))

    def counted(entry: EntryStatus) -> EntryStatus:
        step = _behind(entry)
        return replace(entry, behind_commits=counts.get(step)) if step is not None else entry

    environments = (
        replace(environment, entries=tuple(map(counted, environment.entries))) for environment in status.environments
    )
    return replace(status, environments=tuple(environments))


def _behind(entry: EntryStatus) -> ImageStep | None:
    """From what an entry pins to what its source pins; None where that is the same, or not known."""
    if entry.behind_commits is not None or entry.source_pin is None or entry.source_image is None:
        return None
    older, newer = entry.pin.digest, entry.source_pin.digest
    if older is None or newer is None:
        return None
    return ImageStep(entry.entry.image, older, entry.source_image, newer)


def _builds(facts: Facts, image: ImageStep) -> tuple[Build | None, Build | None]:
    before = _build(facts, image.before, image.before_digest)
    return before, _build(facts, image.after, image.after_digest)


def _build(facts: Facts, image: str, digest: str | None) -> Build | None:
    name = ImageName.of(image)
    if name is None or digest is None:
        return None
    try:
        return facts.describe(name, digest)
    except RegistryError:
        return None


def _step(older: Build | None, newer: Build | None) -> Step | None:
    """The source of the newer image and the revisions of both, where they say that."""
    if older is None or newer is None or newer.source is None or older.revision is None or newer.revision is None:
        return None
    return (newer.source, older.revision, newer.revision) if older.revision != newer.revision else None
