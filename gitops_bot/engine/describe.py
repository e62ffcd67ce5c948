"""What reviewers want to know of the images in a proposal. It decides nothing: what cannot be told is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.engine.workers import together
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.proposals.text.details import Described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.world import World
    from gitops_bot.images.build import Build
    from gitops_bot.releases.plan import Change

#: So many changes of a proposal are described; each takes up to six small requests to its registry.
MOST = 20
#: So many of them get the subjects of the commits in between, each for a request to the forge.
COMPARED = 3


def describe(world: World, changes: Sequence[Change]) -> Mapping[tuple[str, str], Described]:
    """What the images say of themselves before and after, and the commits in between, by the entries' keys."""
    chosen = changes[:MOST]
    if not chosen:
        return {}
    with together(lambda change: _builds(world, change), chosen, _image) as found:
        builds = list(found)
    asked: dict[tuple[str, str, str], tuple[str, ...]] = {}
    described = {}
    for change, (before, after) in zip(chosen, builds, strict=True):
        step = _step(after, before) if change.goes_back else _step(before, after)
        if step is not None and step not in asked and world.forge is not None and len(asked) < COMPARED:
            asked[step] = world.forge.commits_between(*step)
        described[change.entry.key] = Described(before, after, asked.get(step, ()) if step else ())
    return described


def _image(change: Change) -> ImageName | None:
    try:
        return ImageName.parse(change.entry.image)
    except ValueError:
        return None


def _builds(world: World, change: Change) -> tuple[Build | None, Build | None]:
    before = _build(world, change.entry.image, change.before.digest)
    return before, _build(world, change.new_name or change.entry.image, change.after.digest)


def _build(world: World, image: str, digest: str | None) -> Build | None:
    if digest is None:
        return None
    try:
        return world.registry.describe(ImageName.parse(image), digest)
    except (RegistryError, ValueError):
        return None


def _step(older: Build | None, newer: Build | None) -> tuple[str, str, str] | None:
    """The source of the newer image and the revisions of both, where they say that."""
    if older is None or newer is None or newer.source is None or older.revision is None or newer.revision is None:
        return None
    return (newer.source, older.revision, newer.revision) if older.revision != newer.revision else None
