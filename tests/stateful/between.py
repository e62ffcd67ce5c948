"""What a person may do between any two requests of a run, and which ends are right.

A run and an act come one after the other, whatever their requests do in between: the end, after one more run, is that
of one of both orders. What only keeps the bot away for a while is taken back, and another run makes up for it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.demo import conversation, landing
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.refusal import Invalid
from tests.stateful.again import BRANCHES, LACKS, State, put_back, state
from tests.stateful.disturbed import Traffic, differences, ends
from tests.stateful.model import HAND_BACK, HOLD, is_closing_mark
from tests.stateful.world import ALICE, NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    from gitops_bot.demo.http import Answer
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests
    from tests.stateful.disturbed import Asked
    from tests.stateful.journeys import Journey
    from tests.stateful.world import Shop

#: A branch beside the base, to which a person changes the base of a pull request.
OTHER = "release"


@dataclass(frozen=True, slots=True)
class Act:
    """`do` it to one pull request, as it is then; False where that is not possible. Without `each`, it is done once."""

    name: str
    do: Callable[[Shop, PullRequests, Pull], bool]


def _labels(pulls: PullRequests, pull: Pull, *, add: str = "", remove: str = "") -> bool:
    names = [*(name for name in pull.labels if name != remove), *([add] if add else [])]
    if names == pull.labels or (add and add in pull.labels):
        return False
    conversation.label(pulls, pull, names)
    return True


def _loses_a_label(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
    kept = next((name for name in pull.labels if name not in (HOLD, HAND_BACK)), "")
    return bool(kept) and _labels(pulls, pull, remove=kept)


def _approves(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
    conversation.review(pulls, pull, user=ALICE, event="APPROVE", body="so", commit=None)
    return True


def _comments(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
    conversation.comment(pulls, pull, user=ALICE, body="Not before Monday.")
    return True


def _edits(**changes: str) -> Callable[[Shop, PullRequests, Pull], bool]:
    def edit(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
        pulls.edit(pull, **{"title": None, "body": None, "state": None, "base": None, **changes})
        return True

    return edit


def _writes_around(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
    pulls.edit(pull, title=None, body=f"Before.\n\n{pull.body or ''}\n\nBehind.", state=None, base=None)
    return True


def _merges(_: Shop, pulls: PullRequests, pull: Pull) -> bool:
    with suppress(Invalid):
        landing.merge(pulls, pull, AutoMerge(ALICE, pulls.time(), "squash"), expected=None)
        return True
    return False


def _pushes(shop: Shop, _: PullRequests, pull: Pull) -> bool:
    head = shop.branches.get(pull.head)
    if head is None:
        return False
    notes = shop.files(head).get("apps/notes.txt", b"")
    shop.remote.commit(pull.head, {"apps/notes.txt": notes + b"mine\n"})
    return True


def _deletes(shop: Shop, _: PullRequests, pull: Pull) -> bool:
    head = shop.branches.get(pull.head)
    if head is not None:
        shop.forge.bare(NAME).delete(pull.head, expected=head)
    return head is not None


#: What is done to pull requests.
ACTS: Sequence[Act] = (
    Act("holds", lambda _, pulls, pull: _labels(pulls, pull, add=HOLD)),
    Act("hands back", lambda _, pulls, pull: _labels(pulls, pull, add=HAND_BACK)),
    Act("takes the hand-back away", lambda _, pulls, pull: _labels(pulls, pull, remove=HAND_BACK)),
    Act("takes a label away", _loses_a_label),
    Act("approves", _approves),
    Act("comments", _comments),
    Act("writes around the text", _writes_around),
    Act("closes", _edits(state="closed")),
    Act("changes the base", _edits(base=OTHER)),
    Act("merges", _merges),
    Act("pushes to the branch", _pushes),
    Act("deletes the branch", _deletes),
)


def _moves(shop: Shop) -> None:
    shop.remote.commit("main", {"README.md": b"# Deploy, and on\n"}, message="on")


def _rewrites(shop: Shop) -> None:
    """The newest commit is put beside what it was, as by `git commit --amend` and a force-push."""
    parents = shop.remote.git("log", "-1", "--format=%P", "main").decode().split()
    files = dict(shop.files(shop.branches["main"]))
    shop.remote.commit("main", {**files, "README.md": b"# Deploy, amended\n"}, message="amended", parents=parents)


#: What is done to the base branch.
BASE_ACTS: dict[str, Callable[[Shop], None]] = {"pushes to the base": _moves, "rewrites the base": _rewrites}
#: These only keep the bot away, as long as they are not taken back.
KEEP_AWAY = ("holds", "approves")
#: These decide on one pull request while others are written, so a run of several comes neither before nor after.
DECIDE = (*KEEP_AWAY, "closes", "changes the base", "merges", "deletes the branch", "pushes to the branch")
NAMES = (*(act.name for act in ACTS), *BASE_ACTS)


def act(shop: Shop, name: str, numbers: Collection[int] | None = None) -> tuple[int, ...] | None:
    """Do it to the open pull requests (of these numbers); gives to which, and None where nothing could be done."""
    if name in BASE_ACTS:
        BASE_ACTS[name](shop)
        shop.settle()
        return ()
    (chosen,) = (each for each in ACTS if each.name == name)
    done = []
    for pull in shop.pulls("all" if name == "comments" else "open"):
        if numbers is None or pull.number in numbers:
            with shop.acting() as pulls:
                if chosen.do(shop, pulls, pull):
                    done.append(pull.number)
            shop.settle()
    return tuple(done) or None


def begin(shop: Shop, journey: Journey) -> None:
    journey.begin(shop)
    shop.remote.commit("main", {"README.md": b"# Deploy this\n"}, message="README")
    shop.remote.git("branch", OTHER, "main")
    shop.settle()
    shop.over_http = True


#: To what it was done, how the runs ended, and what is there then.
End = tuple[tuple[int, ...] | None, str, State]


def before(shop: Shop, journey: Journey, name: str) -> End:
    with put_back(shop):
        done = act(shop, name)
        how = ends(shop, journey.command, Traffic())
        return done, how or _finish(shop, journey, name), state(shop)


def after(shop: Shop, journey: Journey, name: str, numbers: Collection[int]) -> End:
    with put_back(shop):
        how = ends(shop, journey.command, Traffic())
        done = act(shop, name, numbers)
        return done, how or _finish(shop, journey, name), state(shop)


def between(shop: Shop, journey: Journey, name: str, at: Asked) -> End:
    done: list[tuple[int, ...] | None] = []

    def gate(asked: Asked, go: Callable[[], Answer]) -> Answer:
        if asked == at and not done:
            done.append(act(shop, name))
        return go()

    with put_back(shop):
        how = ends(shop, journey.command, Traffic(gate))
        return (done[0] if done else None), how or _finish(shop, journey, name), state(shop)


def _finish(shop: Shop, journey: Journey, name: str) -> str:
    """Run once more; once more again without what kept the bot away. Says how that failed."""
    how = ends(shop, journey.command, Traffic())
    if name not in KEEP_AWAY:
        return how
    for pull in shop.pulls():
        with shop.acting() as pulls:
            _labels(pulls, pull, remove=HOLD)
            for review in pull.reviews:
                if review.state == "APPROVED":
                    conversation.dismiss(pulls, pull, review.id, "not now")
    return how or ends(shop, journey.command, Traffic())


def has_two_orders(name: str, at: Asked, asked: Collection[Asked]) -> bool:
    """Whether an act before that request, of all that a run asks, must come to one of both orders.

    A text is written over what was read right before it: the forge takes no condition. A pull request that is opened to
    be merged at once has no time in which it could be ended.
    """
    method, path, *_ = at[0].split()
    if (name == "writes around the text" and method == "PATCH" and "/pulls/" in path) or path.endswith("/merge"):
        return False
    written = {what for what, _ in asked if what.startswith("PATCH ") and "/pulls/" in what}
    opened = [what for what, _ in asked if what.startswith("POST ") and what.endswith("/pulls")]
    return name not in DECIDE or len(written) + len(opened) <= 1


def closest(allowed: Sequence[State], found: State) -> list[str]:
    """How it differs from the end that is most like it; empty where it is one of them.

    What is over keeps the text and the labels that it had then. Whoever has reviewed it is asked again, or was before.
    What is a person's by now is not dressed any more.
    """
    return min((differences(_main_facts(expected), _main_facts(found)) for expected in allowed), key=len)


def _main_facts(found: State) -> State:
    merged = {pull["branch"] for part, pull in found.items() if part.startswith("#") and pull["state"] == "merged"}
    facts = {part: _pull_facts(found, values) if part.startswith("#") else values for part, values in found.items()}
    # What is left of a branch that was merged says nothing.
    left = {part: {name: it for name, it in facts[part].items() if name not in merged} for part in BRANCHES}
    return facts | left


def _pull_facts(found: State, pull: dict[str, Any]) -> dict[str, Any]:
    facts = pull | ({"reviewers": []} if pull["reviews"] else {})
    if pull["state"] != "open":
        return {"branch": pull["branch"], "state": pull["state"], "closed by the bot": is_closing_mark(pull["text"])}
    if "apps/notes.txt" in found["tree of"].get(pull["branch"], {}):
        return {"branch": pull["branch"], "state": pull["state"], "base": pull["base"]}
    return {**facts, "text": " ".join(LACKS.sub("", pull["text"]).split())}
