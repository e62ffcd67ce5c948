"""An environment that cannot be written, or not be read: what is known of it is said, which nothing in it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo.http import Answer
from tests.commands.conftest import WEB

if TYPE_CHECKING:
    from typing import Any

    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def broken_overlay(shop: Deploy) -> bytes:
    """`web` with a conflict that somebody pushed unresolved."""
    return shop.files("main")[WEB].replace(b"images:", b"<<<<<<< HEAD\nimages:\n=======\nimages:\n>>>>>>> theirs", 1)


def only(document: Any) -> Any:
    (environment,) = document["environments"]
    return environment


def test_a_refused_push_keeps_what_would_change_what_is_held_and_what_is_unchanged(shop: Deploy) -> None:
    extra = f"images:\n- name: {shop.image('ahead')}\n  newTag: 3.0.0\n".encode()
    shop.remote.commit("main", {"apps/ahead/production/kustomization.yaml": extra})
    shop.push("ahead", "1.0.0")
    shop.push("api", "1.0.0")
    digest = shop.push("web", "1.1.0")
    shop.remote.refuse("GH006: Protected branch update failed for refs/heads/main.")

    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 1
    environment = only(done.json)
    (proposal,) = environment["proposals"]
    assert (proposal["action"], proposal["commit"], proposal["pull_request"]) == ("none", None, None)
    assert proposal["reason"]["code"].startswith("failed.")
    assert proposal["branch"] == BRANCH
    assert [(change["entry"]["file"], change["to"]["digest"]) for change in proposal["changes"]] == [(WEB, digest)]
    assert [(item["entry"]["image"], item["reason"]["code"]) for item in environment["held"]] == [
        (shop.image("ahead"), "held.downgrade")
    ]
    assert environment["unchanged"] == 1
    (failed,) = environment["failed"]
    assert failed["entry"] is None
    assert failed["problem"]["code"] == proposal["reason"]["code"]
    text = shop.bot("update")
    assert text.code == 1
    assert f"1.1.0@{digest[:19]}" in text.out
    assert "held.downgrade" in text.out


def test_a_forge_that_refuses_keeps_them_too(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    shop.gate(lambda request, go: Answer.json(401, {"message": "Bad credentials"}))
    with shop.watching() as seen:
        done = shop.ask("update")
    assert (done.code, seen.nothing) == (1, True)
    environment = only(done.json)
    (proposal,) = environment["proposals"]
    assert (proposal["action"], proposal["reason"]["code"]) == ("none", "failed.auth")
    assert [change["to"]["digest"] for change in proposal["changes"]] == [digest]
    assert environment["unchanged"] == 1
    # Neither the failure nor the plan that waits behind it makes a script believe in a write.
    assert shop.bot("plan", "--exit-code").code == 1


def test_a_conflict_marker_on_the_base_leaves_the_open_pull_request_alone_until_it_is_mended(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    whole, before = shop.files("main")[WEB], shop.pull()
    shop.remote.commit("main", {WEB: broken_overlay(shop)}, message="merge by hand")
    shop.push("web", "1.2.0")
    shop.push("api", "1.1.0")

    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 1
    environment = only(done.json)
    (proposal,) = environment["proposals"]
    assert (proposal["action"], proposal["reason"]["code"], proposal["commit"]) == ("leave", "failed.edit", None)
    assert proposal["reason"]["data"] == {"file": WEB}
    assert proposal["pull_request"]["number"] == 1
    assert [item["problem"]["file"] for item in environment["failed"]] == [WEB]
    after = shop.pull()
    assert (after["head"]["sha"], after["title"], after["body"]) == (
        before["head"]["sha"],
        before["title"],
        before["body"],
    )

    shop.remote.commit("main", {WEB: whole}, message="mended")
    mended = shop.ask("update")
    assert mended.code == 0
    (proposal,) = only(mended.json)["proposals"]
    assert (proposal["action"], [change["to"]["tag"] for change in proposal["changes"]]) == (
        "refresh",
        ["1.1.0", "1.2.0"],
    )
    assert (shop.pull()["number"], shop.pull()["title"]) == (1, "chore(production): update api and web")
    assert shop.parents(BRANCH) == [shop.branches["main"]]


def test_without_a_token_a_branch_that_proposes_exactly_this_is_nothing_to_write(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    # nginx wants a login for everything; the embedded server, like GitHub, lets everybody read what is public.
    public = {"GITHUB_SERVER_URL": shop.world.forge.url, "GITHUB_API_URL": shop.world.forge.api_url}
    first = shop.ask("plan", "--exit-code", env=public)
    (proposal,) = only(first.json)["proposals"]
    assert (first.code, proposal["action"]) == (4, "open")
    assert proposal["reason"]["text"] == "pull requests were not checked"
    assert (first.json["repository"], first.json["complete"], first.json["problems"]) == (shop.name, False, [])
    assert "open pull requests were not read. Set GITHUB_TOKEN to include them" in shop.bot("plan", env=public).out

    shop.bot("update")
    with shop.watching() as seen:
        second = shop.ask("plan", "--exit-code", env=public)
    assert seen.api == []
    (proposal,) = only(second.json)["proposals"]
    assert (second.code, proposal["action"], proposal["pull_request"]) == (0, "none", None)
    assert "pull requests were not checked" in proposal["reason"]["text"]

    shop.push("web", "1.2.0")
    third = shop.ask("plan", "--exit-code", env=public)
    assert (third.code, only(third.json)["proposals"][0]["action"]) == (4, "open")
