"""Who and what a proposal is shown to: all of it once, and without what GitHub refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.scene import configure, news
from tests.counterparts.world import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"
ALL = f'{{labels: [release], reviewers: [{PERSON}, "team:platform"], assignees: [{PERSON}], draft: true}}'


def dress(shop: Deploy) -> tuple[list[str], list[str], list[str], list[str], bool]:
    """Labels, people and teams asked for a review, assignees, and whether it is a draft."""
    pull = shop.pull()
    return (
        [each["name"] for each in pull["labels"]],
        [each["login"] for each in pull["requested_reviewers"]],
        [each["slug"] for each in pull["requested_teams"]],
        [each["login"] for each in pull["assignees"]],
        pull["draft"],
    )


def test_labels_reviewers_teams_assignees_and_the_draft_are_done_once(shop: Deploy) -> None:
    shop.world.forge.team(shop.name, "platform", ["bob"])
    configure(shop, ALL)
    shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    assert dress(shop) == (["release"], [PERSON], ["platform"], [PERSON], True)

    # People change all of it; a newer tag does not change it back.
    shop.call("DELETE", "/issues/1/labels/release")
    shop.call("DELETE", "/issues/1/assignees", {"assignees": [PERSON]})
    shop.call("DELETE", "/pulls/1/requested_reviewers", {"reviewers": [PERSON], "team_reviewers": ["platform"]})
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.writes == ["PATCH /pulls/1 200"]
    assert dress(shop) == ([], [], [], [], True)


@pytest.mark.parametrize("below", ["/labels", "/assignees", "/requested_reviewers"])
def test_what_an_answer_without_a_text_leaves_open_is_done_by_the_next_run(shop: Deploy, below: str) -> None:
    shop.world.forge.team(shop.name, "platform", ["bob"])
    configure(shop, ALL)
    shop.push("web", "1.1.0")
    shop.gate(lambda request, go: Answer(204) if request.path.endswith(below) else go())
    done = shop.ask("update")
    assert done.code == 1
    assert "did not answer the way GitHub does" in done.json["problems"][0]["message"]
    shop.gate(None)
    assert shop.bot("update").code == 0
    assert dress(shop) == (["release"], [PERSON], ["platform"], [PERSON], True)
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing


def test_what_is_refused_is_told_and_the_proposal_goes_on(shop: Deploy) -> None:
    configure(shop, ALL)  # there is no such team

    def refusing(request: Request, go: Callable[[], Answer]) -> Answer:
        if request.path.endswith(("/labels", "/assignees")):
            return Answer.json(403, {"message": "Resource not accessible by integration"})
        if request.path.endswith("/pulls") and b'"draft": true' in request.body:
            message = "Draft pull requests are not supported in this repository."
            return Answer.json(422, {"message": "Validation Failed", "errors": [{"message": message}]})
        return go()

    shop.gate(refusing)
    shop.push("web", "1.1.0")
    done = shop.ask("update")
    assert done.code == 0
    for told in (
        "continues without the labels release: ",
        f"continues without the assignees {PERSON}: ",
        "continues without a review by team:platform: ",
        "does not support drafts: the pull request for gitops-bot/production/all is opened as ready for review",
    ):
        assert told in done.err
    assert "`team:SLUG`" in done.err
    # Who could be asked is asked.
    assert dress(shop) == ([], [PERSON], [], [], False)
    assert news(shop, BRANCH) == {"web/web": "1.1.0"}
    with shop.watching() as seen:
        again = shop.bot("update")
    # The token may do more by now: what it was refused is asked for once more, and nothing else is written.
    assert seen.writes == ["POST /issues/1/labels 403", "POST /issues/1/assignees 403"]
    assert seen.before == seen.after
    assert again.code == 0
    assert again.err.count("pull request #1 continues without") == 2
