"""One and the same world for many runs, and what must hold after each of them, whatever disturbed it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gitops_bot.demo.hub import Hub
from tests.stateful.model import is_closing_mark
from tests.stateful.world import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.demo.hub import Pull
    from tests.stateful.world import Shop

_WHY = re.compile(
    r"^Closed by gitops-bot: \S.+\. This is not a decline; newer versions will be proposed\.$", re.MULTILINE
)

_CLOSING = "<!-- gitops-bot:closing -->\n"

#: All that is there, by what it is part of.
State = dict[str, dict[Any, Any]]
#: The parts about branches: the files of each, and what its commits say.
BRANCHES = ("tree of", "messages on")
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
    """Nothing of the bot's own is closed without the reason in its text, and a comment for those who are notified."""
    for pull in shop.pulls("closed"):
        if is_closing_mark(pull.body):
            assert _WHY.search(pull.body or ""), f"#{pull.number} was closed without a word: {pull.body}"
            told = [comment.body for comment in pull.comments if comment.body.startswith(_CLOSING)]
            assert told, f"#{pull.number} was closed without a comment"


def what_is_there(shop: Shop) -> tuple[State, Mapping[Any, int]]:
    """All that a run left, and what was said, nothing of it twice."""
    found = state(shop)
    said = found.pop("comments")
    assert not said or max(said.values()) == 1, "it says something twice"
    return found, said


def plain(text: str) -> str:
    text = _SINCE.sub(r"for a while, \1 some time", _COMMIT.sub("...", text))
    # Two runs on either side of a full minute would differ by it.
    assert "less than a minute" not in text, "the time of the machine is left in it"
    return text


def state(shop: Shop) -> State:
    """All that is there, without what differs between two undisturbed runs: ids and times."""
    git = shop.remote.git
    numbers = {commit: at for at, commit in enumerate(git("rev-list", "--reverse", "main").decode().split())}
    tags = git("for-each-ref", "--format=%(refname) %(*objectname)", "refs/tags").decode().splitlines()
    found: State = {
        BRANCHES[0]: {name: shop.files(commit) for name, commit in shop.branches.items()},
        BRANCHES[1]: {
            name: "\n".join(sorted(plain(git("log", "-z", "--format=%B", line).decode()).split("\0")))
            for name, line in {name: name if name == "main" else f"main..{name}" for name in shop.branches}.items()
        },
        "comments": Counter((pull.number, plain(said.body)) for pull in shop.pulls("all") for said in pull.comments),
        "deployments": Counter(
            (each.environment, numbers.get(each.commit), *sorted({status.state for status in each.statuses}))
            for each in shop.hub.deployments
        ),
        "tag": {name: numbers.get(commit) for name, commit in (line.split() for line in tags)},
    }
    for pull in shop.pulls("all"):
        found[f"#{pull.number}"] = _pull(pull, queued=shop.hub.queued(pull) is not None)
    return found


def _pull(pull: Pull, *, queued: bool) -> dict[Any, Any]:
    text = plain(pull.body or "")
    if pull.merged_at is not None or pull.auto_merge is not None or queued:
        # It is frozen or merged as soon as the bot asked for that: what it lacked was done, and may still be said.
        text = " ".join(LACKS.sub("", text).split())
    return {
        "branch": pull.head,
        "base": pull.base,
        "title": pull.title,
        "text": text,
        "labels": sorted(pull.labels),
        "reviewers": sorted(pull.reviewers),
        "assignees": sorted(pull.assignees),
        "state": "merged" if pull.merged_at is not None else pull.state,
        "draft": pull.draft,
        "lands by itself": pull.auto_merge is not None or queued,
        "reviews": [(review.user, review.state) for review in pull.reviews],
    }
