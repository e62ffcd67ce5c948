"""How many API requests each journey costs, counted at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import WEB
from tests.commands.scene import actions, approve, configure, held, news, said
from tests.counterparts.world import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
FULL = f'{{labels: [a, b], reviewers: [{PERSON}, "team:platform"], assignees: [{PERSON}], auto_merge: true}}'
MANY = 40


def rest_only(request: Request, go: Callable[[], Answer]) -> Answer:
    """A server that has no GraphQL."""
    return Answer.json(404, {"message": "Not Found"}) if request.path == "/api/graphql" else go()


@pytest.mark.parametrize(
    ("gate", "most"),
    [(None, 2), (rest_only, 4)],
    ids=["GraphQL", "REST alone: a question in vain, what was closed, the list, the reviews"],
)
def test_an_unchanged_environment_costs_two_reads_at_most(
    shop: Deploy, gate: Callable[[Request, Callable[[], Answer]], Answer] | None, most: int
) -> None:
    shop.gate(gate)
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert len(seen.reads) <= 2, seen.reads
    shop.push("web", "1.1.0")
    shop.bot("update")
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert 1 <= len(seen.reads) <= most, seen.reads


def test_an_unchanged_environment_costs_three_git_requests_and_two_with_a_cache(shop: Deploy) -> None:
    def asked(*words: str) -> list[str]:
        before = len(shop.world.git.requests())
        assert shop.bot("update", *words).code == 0
        return [line.split()[0] for line in shop.world.git.requests()[before:]]

    shop.push("web", "1.1.0")
    shop.bot("update")
    # What the branches are, and everything in one fetch.
    assert asked() == ["GET", "POST", "POST"]
    cache = ("--cache", str(shop.folder / "cache"))
    assert asked(*cache) == ["GET", "POST", "POST"]
    assert asked(*cache) == ["GET", "POST"]
    # Where a branch moved, the bot's or the base, it is not what the cache has, which git sees only by asking twice.
    shop.push("web", "1.2.0")
    shop.bot("update")
    assert asked(*cache) == ["GET", "POST", "GET", "POST", "POST"]
    assert asked(*cache) == ["GET", "POST"]
    shop.remote.commit("main", {"README.md": b"new"})
    assert len(asked(*cache)) > 2


def test_a_new_proposal_with_everything_costs_ten_requests(shop: Deploy) -> None:
    shop.world.forge.team(shop.name, "platform", ["bob"])
    shop.world.forge.settings(shop.name, allow_auto_merge=True)
    shop.world.forge.protect(shop.name, checks=["ci"])
    configure(shop, FULL)
    shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.bot("update")
    assert (done.code, done.err) == (0, "")
    assert len(seen.api) <= 10, seen.api
    assert shop.pull()["auto_merge"] is not None


def test_forty_unchanged_environments_cost_five_reads(worldwide: World) -> None:
    numbers = range(MANY)

    def files(deploy: Deploy) -> dict[str, bytes]:
        deploy.push("web", "1.0.0")
        environments = "".join(f'  e{number}: {{overlays: ["apps/e{number}"], policy: any}}\n' for number in numbers)
        pins = f"images:\n- name: {deploy.image('web')}\n  newTag: 1.0.0\n".encode()
        return {
            "gitops-bot.yaml": f'version: 1\npolicies:\n  any: {{semver: "*"}}\nenvironments:\n{environments}'.encode(),
            **{f"apps/e{number}/kustomization.yaml": pins for number in numbers},
        }

    deploy = worldwide.deploy(files)
    with deploy.watching() as seen:
        assert deploy.bot("update").code == 0
    assert seen.nothing
    assert len(seen.reads) <= 5

    deploy.push("web", "1.1.0")
    with deploy.watching() as seen:
        assert deploy.bot("update").code == 0
    assert [line for line in seen.writes if line != "POST /pulls 201"] == []
    assert len(deploy.pulls()) == MANY
    # Each is looked up once more right before it is opened.
    assert len(seen.api) <= 2 * MANY + 5
    with deploy.watching() as seen:
        done = deploy.bot("update")
    assert seen.nothing
    assert (done.code, done.out.count("nothing to write #")) == (0, MANY)
    assert 1 <= len(seen.reads) <= 5


# A server without GraphQL, as GitHub's older and lesser relatives are: all of it by REST.


def test_proposals_live_their_life_on_a_server_without_graphql(shop: Deploy) -> None:
    shop.gate(rest_only)
    shop.push("web", "1.1.0")
    assert actions(shop.ask("update").json) == {"all": "open"}
    shop.push("web", "1.2.0")
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    assert news(shop, BRANCH) == {"web/web": "1.2.0"}

    approve(shop)
    shop.push("web", "1.3.0")
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web": ("1.3.0", "held.frozen")}

    shop.call("PATCH", "/pulls/1", {"state": "closed"})
    assert actions(shop.ask("update").json) == {"all": "open"}
    shop.call("PATCH", "/pulls/2", {"state": "closed"})
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web": ("1.3.0", "held.declined")}


def test_a_person_is_told_once_on_a_server_without_graphql(shop: Deploy) -> None:
    shop.gate(rest_only)
    shop.push("web", "1.1.0")
    shop.bot("update")
    theirs = shop.remote.commit(BRANCH, {"apps/web/production/patch.yaml": b"x: 1\n"})
    for _ in range(2):
        shop.bot("update")
    (word,) = said(shop)
    assert f"Commit {theirs[:10]}" in word
    shop.call("POST", "/issues/1/labels", {"labels": ["hand-back"]})
    assert actions(shop.ask("update").json) == {"all": "refresh"}
    tree = shop.files("main")
    assert {path for path, data in shop.files(BRANCH).items() if tree.get(path) != data} == {WEB}
