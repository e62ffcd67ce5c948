"""Commits that a force-push takes off the base branch are not a person's on the bot's branch, and do not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB
from tests.commands.scene import actions, approve, news, proposals, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
A = f"sha256:{'a' * 64}"
SECRET = "apps/web/production/secret.env"
NOTES = "apps/web/production/notes.txt"


def leak(shop: Deploy, more: int = 0) -> str:
    """A person commits a secret to the base branch, and `more` commits after that; the commit before it is given."""
    before = shop.branches["main"]
    shop.remote.commit("main", {SECRET: b"TOKEN=x\n"}, message="oops")
    for number in range(more):
        shop.remote.commit("main", {"README.md": b"%d\n" % number})
    return before


def propose(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    assert shop.bot("update").code == 0


def rewrite(shop: Deploy, onto: str | None, files: Mapping[str, bytes | None] | None = None) -> str:
    """A person force-pushes the base branch: one commit on `onto`, or a history of its own."""
    present = shop.files("main")
    shop.remote.git("update-ref", "-d", "refs/heads/main")
    everything = {path: data for path, data in present.items() if path != SECRET} if onto is None else {}
    return shop.remote.commit(
        "main", {**everything, "README.md": b"clean\n", **(files or {})}, parents=[onto] if onto else []
    )


def history(shop: Deploy, ref: str) -> list[str]:
    return shop.remote.git("rev-list", ref).decode().split()


@pytest.mark.parametrize("whole", [False, True])
def test_a_branch_on_commits_that_were_dropped_is_rebuilt_without_them(shop: Deploy, whole: bool) -> None:
    before = leak(shop, 3)
    leaked = shop.remote.git("rev-list", f"{before}..main").decode().split()
    propose(shop)
    base = rewrite(shop, None if whole else before)

    planned = proposals(shop.ask("plan").json)
    done = shop.ask("update")

    assert (done.code, actions(done.json)) == (0, {"all": "refresh"})
    for document in (planned, proposals(done.json)):
        text = document[0]["reason"]["text"]
        assert "the base branch was rewritten" in text
        assert f"no longer has commit {leaked[0][:10]}" in text
    assert shop.parents(BRANCH) == [base]
    assert not set(history(shop, BRANCH)) & set(leaked)
    assert news(shop, BRANCH) == {"web/web": "1.1.0"}
    assert (shop.pull()["number"], said(shop)) == (1, [])
    with shop.watching() as seen:
        assert actions(shop.ask("update").json) == {"all": "none"}
    assert seen.nothing


def test_what_was_set_goes_on_and_what_was_merged_and_dropped_is_proposed_again(shop: Deploy) -> None:
    before = shop.branches["main"]
    propose(shop)
    shop.call("PUT", "/pulls/1/merge", {"merge_method": "squash"})
    # The bot's own words stand in the commit that is dropped: it is none of the new proposal's for all that.
    shop.bot("set", "production", f"{shop.image('api')}=1.0.1@{A}")
    shop.push("web", "1.2.0")
    shop.bot("update")
    rewrite(shop, before)
    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "refresh"})
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert news(shop, BRANCH) == {"api/api": "1.0.1", "web/web": "1.2.0"}
    assert shop.call("GET", "/pulls/2")["state"] == "open"


def test_a_frozen_one_says_what_a_merge_would_bring_back_and_is_rebuilt_when_it_is_let_go(shop: Deploy) -> None:
    before = leak(shop)
    propose(shop)
    head, leaked, review = shop.branches[BRANCH], shop.branches["main"], approve(shop)
    rewrite(shop, before)
    (left,) = proposals(shop.ask("update").json)
    assert (left["action"], left["reason"]["code"]) == ("leave", "held.frozen")
    assert f"no longer has commit {leaked[:10]}, which a merge would bring back" in left["reason"]["text"]
    assert shop.branches[BRANCH] == head
    shop.call("PUT", f"/pulls/1/reviews/{review}/dismissals", {"message": "the base was rewritten"})
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert shop.parents(BRANCH) == [shop.branches["main"]]


def test_a_persons_commit_on_top_stays_until_it_is_handed_back(shop: Deploy) -> None:
    before = leak(shop)
    shop.bot("set", "production", f"{shop.image('api')}=1.0.1@{A}")
    propose(shop)
    leaked, theirs = shop.branches["main"], shop.remote.commit(BRANCH, {NOTES: b"mine\n"})
    rewrite(shop, before)
    (left,) = proposals(shop.ask("update").json)
    assert (left["action"], left["reason"]["code"], shop.branches[BRANCH]) == ("leave", "person", theirs)
    assert f"commit {theirs[:10]}" in left["reason"]["text"]
    assert f"no longer has commit {leaked[:10]}, which a merge would bring back" in left["reason"]["text"]
    (word,) = said(shop)
    assert f"Commit {theirs[:10]}" in word
    shop.call("POST", "/issues/1/labels", {"labels": ["hand-back"]})
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert news(shop, BRANCH) == {"api/api": "1.0.1", "web/web": "1.1.0"}


def test_a_persons_commit_below_the_bots_stays(shop: Deploy) -> None:
    before = leak(shop)
    propose(shop)
    files, message, base = shop.files(BRANCH), shop.message(BRANCH), shop.branches["main"]
    # As `git rebase --interactive` puts it: the person's commit first, then the bot's with its message.
    below = shop.remote.commit(BRANCH, {NOTES: b"mine\n"}, parents=[base])
    above = shop.remote.commit(BRANCH, {WEB: files[WEB]}, message=message)
    rewrite(shop, before)
    with shop.watching() as seen:
        (left,) = proposals(shop.ask("update").json)
    assert (left["action"], left["reason"]["code"], shop.branches[BRANCH]) == ("leave", "person", above)
    assert seen.before == seen.after
    assert below in history(shop, BRANCH)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_update_of_the_branch_by_its_button_changes_nothing_of_that(shop: Deploy, when: str) -> None:
    before = leak(shop)
    propose(shop)
    leaked = shop.branches["main"]
    if when == "before":
        rewrite(shop, before)
    else:
        shop.remote.commit("main", {"README.md": b"on\n"})
    shop.remote.commit(
        BRANCH, {"README.md": shop.files("main")["README.md"]}, parents=[shop.branches[BRANCH], shop.branches["main"]]
    )
    if when == "after":
        rewrite(shop, before)
    done = shop.ask("update")
    if when == "after":
        # Nobody can tell whether what was merged in had been on the base branch: people win.
        assert actions(done.json) == {"all": "leave"}
        return
    assert actions(done.json) == {"all": "refresh"}
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert leaked not in history(shop, BRANCH)
