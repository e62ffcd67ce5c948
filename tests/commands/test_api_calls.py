"""How many API requests each journey costs, counted at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.commands.scene import actions, approve, configure, held, news

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
MANY = 12


def rest_only(request: Request, go: Callable[[], Answer]) -> Answer:
    """A server that has no GraphQL."""
    return Answer.json(404, {"message": "Not Found"}) if request.path == "/api/graphql" else go()


def test_many_unchanged_environments_cost_five_reads(worldwide: World) -> None:
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
    configure(shop, more="records: github")
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
    (recorded,) = shop.call("GET", "/deployments?environment=production")
    assert [each["state"] for each in shop.call("GET", f"/deployments/{recorded['id']}/statuses")] == ["success"]
