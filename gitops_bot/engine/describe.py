"""What reviewers want to know of the images in a proposal. It decides nothing: what cannot be told is left out."""

from __future__ import annotations

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
    from gitops_bot.releases.plan import Change

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


def commits_ahead(world: World, facts: Facts, images: Sequence[ImageStep]) -> Mapping[ImageStep, int]:
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
