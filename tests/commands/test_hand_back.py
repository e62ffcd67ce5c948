"""A person takes a branch over by a commit, is told so once, and may give it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.commands.scene import actions, news, said

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
PATCH = "apps/web/production/patch.yaml"
A = f"sha256:{'a' * 64}"


def hand_back(shop: Deploy) -> None:
    """Give the branch back, as a person does."""
    shop.call("POST", "/issues/1/labels", {"labels": ["hand-back"]})


def test_one_comment_says_whose_the_branch_is_and_follows_what_the_person_does(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    ours = shop.branches[BRANCH]
    assert "hand-back" not in shop.pull()["body"]
    theirs = shop.remote.commit(BRANCH, {PATCH: b"x: 1\n"}, author="Eve @root <eve@example.test>")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.writes == ["POST /issues/1/comments 201"]
    (word,) = said(shop)
    assert f"Commit {theirs[:10]}" in word
    assert "label `hand-back`" in word
    assert "@root" not in word

    # More on top of it, and newer tags: all has been said.
    shop.remote.commit(BRANCH, {PATCH: b"x: 2\n"})
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    # The person writes the branch anew: the comment speaks of the new commit.
    other = shop.remote.commit(BRANCH, {PATCH: b"x: 3\n"}, parents=[ours])
    with shop.watching() as seen:
        shop.bot("update")
    (line,) = seen.writes
    assert line.startswith("PATCH /issues/comments/")
    (word,) = said(shop)
    assert f"Commit {other[:10]}" in word
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_a_branch_that_is_handed_back_is_written_anew_with_what_the_bot_had_on_it(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('api')}=1.0.1@{A}")
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit(BRANCH, {PATCH: b"x: 1\n"})
    newer = shop.push("web", "1.2.0")
    shop.bot("update")
    hand_back(shop)

    done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "refresh"})
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert news(shop, BRANCH) == {"api/api": "1.0.1", "web/web": "1.2.0"}
    assert PATCH not in shop.files(BRANCH)
    pull = shop.pull()
    assert newer in pull["body"]
    assert [label["name"] for label in pull["labels"]] == ["release", "bot"]
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    # The word was for that commit: the next one takes the branch over again.
    theirs = shop.remote.commit(BRANCH, {PATCH: b"x: 2\n"})
    assert actions(shop.ask("update").json) == {"all": "leave"}
    assert shop.branches[BRANCH] == theirs


def handed_back(shop: Deploy) -> str:
    """A pull request with a person's commit, which is handed back; gives the commit."""
    shop.bot("set", "production", f"{shop.image('api')}=1.0.1@{A}")
    theirs = shop.remote.commit(BRANCH, {PATCH: b"x: 1\n"})
    shop.push("web", "1.1.0")
    shop.bot("update")
    hand_back(shop)
    return theirs


def assert_taken_back(shop: Deploy) -> None:
    """The branch is the bot's, the word is used up, and there is nothing left to do."""
    assert news(shop, BRANCH) == {"api/api": "1.0.1", "web/web": "1.1.0"}
    assert PATCH not in shop.files(BRANCH)
    assert [label["name"] for label in shop.pull()["labels"]] == ["release", "bot"]
    assert len(said(shop)) == 1
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_a_refused_removal_of_the_label_is_told_and_tried_again(shop: Deploy) -> None:
    handed_back(shop)
    refusal = Answer.json(403, {"message": "Resource not accessible by integration"})
    shop.gate(lambda request, go: refusal if request.method == "DELETE" else go())
    done = shop.ask("update")
    assert (done.code, done.json["problems"][0]["code"]) == (1, "failed.auth")
    assert done.json["environments"][0]["proposals"][0]["commit"] == shop.branches[BRANCH]
    shop.gate(None)
    assert shop.bot("update").code == 0
    assert_taken_back(shop)


def test_what_is_pushed_after_the_word_stays_until_the_word_is_given_again(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit(BRANCH, {PATCH: b"x: 1\n"})
    shop.bot("update")
    hand_back(shop)
    # The time in the commit says the opposite: it is what the author claims.
    theirs = shop.remote.commit(BRANCH, {PATCH: b"x: 2\n"}, at=datetime(2001, 1, 1, tzinfo=UTC))
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "leave"})
    assert shop.branches[BRANCH] == theirs
    assert seen.writes == ["POST /issues/1/comments 201"]
    assert "was given before the last push" in done.json["environments"][0]["proposals"][0]["reason"]["text"]
    late = said(shop)[-1]
    assert f"somebody pushed commit {theirs[:10]}" in late
    assert "remove the label `hand-back` and add it again" in late
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing

    shop.call("DELETE", "/issues/1/labels/hand-back")
    hand_back(shop)
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert PATCH not in shop.files(BRANCH)
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}
