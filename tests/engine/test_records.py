"""Tags of releases, in a world of dictionaries where others are faster, or refuse them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitops_bot.engine.request import Poll, Request
from gitops_bot.engine.update import update
from gitops_bot.errors import GitError, LostRace, Problem
from tests.engine.situations import ONE, THREE, TWO
from tests.engine.world import Repository, Shop, commit_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.releases.history.releases import NewTag

TAGGED = "version: 1\nrelease_tags: true\nenvironments:\n  production: {overlays: [apps/*/production]}\n"
FASTER = Problem("failed.git", "somebody was faster", "Try again.")


def problems(shop: Shop, *names: str) -> list[str]:
    """What goes wrong when the releases of these environments are tagged."""
    body = update(shop.world, shop.facts(*names).snapshot, Request(Poll())).body
    return [problem.message for problem in body.problems]


@dataclass(slots=True)
class Overtaken(Repository):
    """Other runs always create a tag just before the bot does: `others` are their names and commits."""

    others: list[tuple[str, str]] = field(default_factory=list)

    def create_tags(self, tags: Sequence[NewTag]) -> None:
        if self.others:
            name, commit = self.others.pop(0)
            self.release_tags[name] = commit
        if any(tag.name in self.release_tags for tag in tags):
            raise LostRace(FASTER)
        self.release_tags |= {tag.name: tag.commit for tag in tags}


def test_a_run_that_is_overtaken_reads_again_and_overwrites_nothing() -> None:
    first, second, third = map(commit_id, (1, 2, 3))
    others = [("release/production/1", first), ("release/production/3", first)]
    shop = Shop(TAGGED, Overtaken(others=others), forge=None)
    for pin in (ONE, TWO, THREE):
        shop.run(pin, "production")
    assert problems(shop, "production") == []
    names = [f"release/production/{number}" for number in (1, 2, 3, 4)]
    assert shop.repository.release_tags == dict(zip(names, (first, second, first, third), strict=True))


@dataclass(slots=True)
class Unreachable(Repository):
    """Tags of staging are refused; those of production are overtaken, and then the tags cannot be read again."""

    overtaken: bool = False

    def create_tags(self, tags: Sequence[NewTag]) -> None:
        if tags[0].name.startswith("release/staging/"):
            raise GitError(Problem("failed.git", "staging is protected", "Allow it."))
        self.overtaken = True
        raise LostRace(FASTER)

    def tags(self) -> Mapping[str, str]:
        if self.overtaken:
            raise GitError(Problem("failed.git", "the remote went away", "Look at the network."))
        return {}


def test_what_went_wrong_before_is_told_where_the_tags_cannot_be_read_again() -> None:
    staging = TAGGED.replace("environments:\n", "environments:\n  staging: {overlays: [apps/*/staging]}\n")
    shop = Shop(staging, Unreachable(), forge=None)
    shop.run(ONE, "staging", "production")
    assert problems(shop, "staging", "production") == [
        "releases are not tagged (staging): staging is protected",
        "releases are not tagged (production): the remote went away",
    ]
