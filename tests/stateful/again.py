"""One and the same world for many runs, and what must hold after each of them, whatever disturbed it."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitops_bot.demo.hub import Hub
from tests.stateful.model import is_closing_mark
from tests.stateful.world import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.demo.hub import Pull
    from tests.stateful.world import Shop

_WHY = re.compile(
    r"^Closed by gitops-bot: \S.+\. This is not a decline; newer versions will be proposed\.$", re.MULTILINE
)

LACKS = re.compile(r"<!-- gitops-bot:lacks [a-z ]+ -->")
_COMMIT = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{10})\b")
#: Since when and for how long the source runs a pin: a commit of the run itself has the time of the machine.
_SINCE = re.compile(r"for [a-z0-9 ]+, (since|from) [0-9-]{10} [0-9:]{5} UTC")


@contextmanager
def put_back(shop: Shop) -> Iterator[None]:
    """Put everything back in the end as it was at first: the repository, its pull requests, the time."""
    kept, state, moment = shop.folder / "kept", shop.folder / "forge" / f"{NAME}.json", shop.clock.moment
    shutil.copytree(shop.remote.path, kept)
    said = state.read_text()
    try:
        yield
    finally:
        shutil.rmtree(shop.remote.path)
        kept.rename(shop.remote.path)
        state.write_text(said)
        shop.forge.store._hubs[NAME] = Hub.load(state)
        shop.clock.moment = moment


def whatever_the_bot_closed_says_why(shop: Shop) -> None:
    """Nothing of the bot's own is closed without the reason in its text."""
    for pull in shop.pulls("closed"):
        if is_closing_mark(pull.body):
            assert _WHY.search(pull.body or ""), f"#{pull.number} was closed without a word: {pull.body}"


def what_is_there(shop: Shop) -> object:
    """All that a run left, without what differs between two runs: ids of commits, and comments."""
    files = {name: shop.files(commit) for name, commit in shop.branches.items()}
    messages = {name: plain(shop.remote.git("log", "--format=%B", f"main..{name}").decode()) for name in shop.proposing}
    return files, messages, [_pull(pull, queued=shop.hub.queued(pull) is not None) for pull in shop.pulls("all")]


def plain(text: str) -> str:
    text = _SINCE.sub(r"for a while, \1 some time", _COMMIT.sub("...", text))
    # Two runs on either side of a full minute would differ by it.
    assert "less than a minute" not in text, "the time of the machine is left in it"
    return text


def _pull(pull: Pull, *, queued: bool) -> object:
    text = plain(pull.body or "")
    if pull.merged_at is not None or pull.auto_merge is not None or queued:
        # It is frozen or merged as soon as the bot asked for that: what it lacked was done, and may still be said.
        text = " ".join(LACKS.sub("", text).split())
    said = (pull.title, text, sorted(pull.labels), pull.reviewers, pull.assignees)
    state = (pull.state, pull.merged_at is not None, pull.draft, pull.auto_merge is not None, queued)
    return (pull.number, pull.head, said, state)


def what_was_said(shop: Shop) -> list[tuple[int, str]]:
    """What was said, which nothing in it twice."""
    said = [(pull.number, _COMMIT.sub("...", each.body)) for pull in shop.pulls("all") for each in pull.comments]
    assert len(said) == len(set(said)), "it says something twice"
    return said
