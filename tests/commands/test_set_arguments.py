"""What the arguments of `set` mean, where an entry has a name and a repository of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import CONFIG, WEB

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
A, B = (f"sha256:{letter * 64}" for letter in "ab")
IGNORING = CONFIG.replace(b"    policy: releases\n", b"    policy: releases\n    images: {'{image}': {ignore: true}}\n")


def named(world: World, config: bytes = CONFIG) -> Deploy:
    """One entry called `web`, whose repository is another name."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        image = deploy.image("web")
        return {
            "gitops-bot.yaml": config.replace(b"{image}", image.encode()),
            WEB: f"images:\n- name: web\n  newName: {image}\n  newTag: 1.0.0\n".encode(),
        }

    return world.deploy(files)


def changes(document: Any) -> list[tuple[str | None, str | None]]:
    """The new pins."""
    return [
        (change["to"]["tag"], change["to"]["digest"])
        for proposal in document["environments"][0]["proposals"]
        for change in proposal["changes"]
    ]


def test_a_digest_alone_keeps_the_tag_that_is_proposed(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{A}")
    done = shop.ask("set", "production", f"{shop.image('web')}=@{B}")
    assert (done.code, changes(done.json)) == (0, [("1.1.0", B)])
    assert f"newTag: 1.1.0\n    digest: {B}\n".encode() in shop.files(BRANCH)[WEB]
    assert shop.pull()["title"] == "chore(production): web 1.1.0"


def test_a_digest_alone_keeps_the_tag_of_the_base_where_nothing_is_proposed(shop: Deploy) -> None:
    done = shop.ask("set", "production", f"{shop.image('web')}=@{B}")
    assert (done.code, changes(done.json)) == (0, [("1.0.0", B)])


def test_two_arguments_for_one_entry_that_differ_are_wrong_usage_and_nothing_is_written(worldwide: World) -> None:
    deploy = named(worldwide)
    pins = [f"{deploy.image('web')}=1.1.0@{A}", f"web=1.2.0@{B}"]
    with deploy.watching() as seen:
        for order in (pins, pins[::-1]):
            done = deploy.ask("set", "production", *order)
            assert done.code == 2
            (problem,) = done.json["problems"]
            assert (problem["file"], problem["line"]) == (WEB, 2)
            for word in (deploy.image("web"), "both match the entry 'web'"):
                assert word in problem["message"]
            assert problem["next"] == "keep one of them"
    assert seen.nothing


def test_two_arguments_that_say_the_same_of_one_entry_are_done_once(worldwide: World) -> None:
    deploy = named(worldwide)
    done = deploy.ask("set", "production", f"web=1.1.0@{A}", f"{deploy.image('web')}=1.1.0@{A}")
    assert (done.code, changes(done.json)) == (0, [("1.1.0", A)])
    again = deploy.ask("set", "production", f"web=1.0.0@{A}", f"{deploy.image('web')}=1.0.0@{A}")
    assert again.code == 1
    assert [item["reason"]["code"] for item in again.json["environments"][0]["held"]] == ["held.downgrade"]


def test_an_ignored_entry_is_left_alone_by_its_repository_and_set_by_its_name(worldwide: World) -> None:
    deploy = named(worldwide, IGNORING)
    with deploy.watching() as seen:
        done = deploy.ask("set", "production", f"{deploy.image('web')}=1.1.0@{A}")
    assert seen.nothing
    assert (done.code, changes(done.json), done.json["environments"][0]["held"]) == (0, [], [])

    by_name = deploy.ask("set", "production", f"web=1.1.0@{A}")
    assert (by_name.code, changes(by_name.json)) == (0, [("1.1.0", A)])


def test_a_step_back_is_told_with_what_it_is_compared_to_and_the_way_through(shop: Deploy) -> None:
    back = shop.bot("set", "production", f"{shop.image('web')}=0.9.0@{A}")
    assert back.code == 1
    assert "0.9.0 is older than 1.0.0, which is pinned; `--allow-downgrade`" in back.out
    assert shop.pulls() == []

    shop.bot("set", "production", f"{shop.image('web')}=1.5.0@{A}")
    with shop.watching() as seen:
        behind = shop.bot("set", "production", f"{shop.image('web')}=1.4.0@{B}")
    assert seen.nothing
    assert behind.code == 1
    assert "1.4.0 is older than 1.5.0, which is already proposed; `--allow-downgrade`" in behind.out
    assert shop.ask("set", "--allow-downgrade", "production", f"{shop.image('web')}=1.4.0@{B}").code == 0


def test_what_a_person_declines_meanwhile_and_nobody_named_is_left_out_and_fails_nothing(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{A}")

    def closed_meanwhile(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        if request.path.endswith("/graphql"):
            # The run has just read that #1 is open, and carries its pin.
            shop.gate(None)
            shop.call("PATCH", "/pulls/1", {"state": "closed"})
        return answer

    shop.gate(closed_meanwhile)
    done = shop.ask("set", "production", f"{shop.image('api')}=1.2.0@{B}")
    assert (done.code, changes(done.json)) == (0, [("1.2.0", B)])
