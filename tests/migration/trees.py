"""A checkout in memory, and what `init --from` makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot import config
from gitops_bot.commands.check import check
from gitops_bot.commands.migrate import migrate
from gitops_bot.engine.read import read_disk
from gitops_bot.images.kinds import Newest
from gitops_bot.images.policy import Chosen, Current, choose
from gitops_bot.report.configuration import gap_text, migration_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.config import Config
    from gitops_bot.results.result import Peer

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Tree:
    """Files by their paths."""

    files: Mapping[str, str]

    @property
    def modes(self) -> Mapping[str, str]:
        return dict.fromkeys(self.files, "100644")

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        return {path: self.files[path].encode() for path in paths if path in self.files}


@dataclass(frozen=True)
class Written:
    """The file that was written: its text and contents, and what is named as without a counterpart."""

    tree: Tree
    text: str
    gaps: tuple[str, ...]

    @property
    def contents(self) -> Any:
        return yaml.safe_load(self.text)

    @property
    def config(self) -> Config:
        return config.read(self.text, "gitops-bot.yaml")

    def chosen(self, environment: str, image: str, tags: Iterable[str]) -> str | None:
        """The tag that a plan would choose for an entry, among these."""
        snapshot = read_disk(self.tree, self.tree.modes, self.config, NOW)
        (entry,) = snapshot.states[environment].matching(image)
        assert entry.policy is not None
        assert not isinstance(entry.policy, Newest)
        match choose(entry.policy, list(tags), entry.pin):
            case Chosen(tag=tag):
                return tag
            case Current():
                return entry.pin.tag
            case _:
                return None


def written(files: Mapping[str, str], *peers: Peer) -> Written:
    """What the settings of these tools become; the file is one that `check` takes."""
    tree = Tree(files)
    migration = migrate(tree, tree.modes, NOW, peers)
    text = migration_text(migration)
    checked = check(tree, tree.modes, config.read(text, "gitops-bot.yaml"), NOW)
    assert checked.head.problems == ()
    return Written(tree, text, tuple(gap_text(gap) for gap in migration.gaps))


def kustomization(*images: str) -> str:
    """A file that pins these images, as in `nginx:1.2`."""
    entries = (f"- name: {image.rpartition(':')[0]}\n  newTag: {image.rpartition(':')[2]!r}\n" for image in images)
    return "images:\n" + "".join(entries)


def policies(table: str) -> list[Any]:
    """Rows of three lines: settings, the policy that they become, and tags, with the chosen one in brackets."""
    lines = [line.strip() for line in table.strip().splitlines()]
    rows = []
    for settings, policy, tags in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        (chosen,) = re.findall(r"\[(.*)\]", tags)
        rows.append(
            pytest.param(settings, yaml.safe_load(policy), re.sub(r"[][]", "", tags).split(), chosen, id=settings)
        )
    return rows
