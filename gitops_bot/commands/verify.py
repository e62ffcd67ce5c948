"""Whether tags still say what the history comes to. A tag's text is anybody's: it is compared, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.errors import Problem
from gitops_bot.images.reason import shortlist
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.history.releases import foreign_tags, tag_name
from gitops_bot.results.release import differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.releases import Release
    from gitops_bot.results.history import History

#: Tags that are named for one reason.
_NAMED = 20


def differing(
    world: World, history: History, branch: str, known: Sequence[Release], tags: Mapping[str, str]
) -> Iterator[Problem]:
    """What is wrong with the tags of the releases that are listed, and of tags that only look like them.

    `known` are all releases of the environment on `branch`, `tags` those of the repository with their commits.

    Raises:
        GitError: the remote cannot be read.
    """
    listed = {tag_name(release.record.release): release for release in history.releases}
    listed = {name: release for name, release in listed.items() if tags.get(name) == release.record.id}
    texts = world.repository.tag_texts(list(listed)) if listed else {}
    unread = [name for name in listed if name not in texts]
    other = []
    for name, text in texts.items():
        fields = differences(listed[name], text) if text is not None else None
        if fields is None:
            other.append(name)
        elif fields:
            message = f"{name} says something else than the history: {', '.join(fields)}"
            advice = "Since it was pushed, the tag, the history or gitops-bot.yaml changed."
            yield Problem("failed.git", message, advice)
    if unread:
        message = f"these tags were not compared: {_names(unread)}"
        advice = "Each is larger than 4 MiB, or all of them larger than 64 MiB (list fewer), or was deleted meanwhile."
        yield Problem("failed.git", message, advice)
    if other:
        message = f"these tags do not hold a release as JSON: {_names(other)}"
        yield Problem("failed.git", message, "People pushed them: their numbers count, and their texts do not.")
    if not history.bounded and (foreign := foreign_tags(history.environment, known, tags)):
        message = f"these tags number no release of {history.environment} on {branch}: {_names(foreign)}"
        advice = "The branch was rewritten, or people pushed them: they are ignored, and their numbers not used again."
        yield Problem("failed.git", message, advice)


def _names(tags: Sequence[str]) -> str:
    return shortlist([plain(tag) for tag in tags], _NAMED)
