from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import API, CONFIG, WEB, pinned
from tests.commands.scene import meanwhile
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from typing import Any

    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")


def changes(document: Any) -> dict[str, tuple[str | None, str | None, str, str]]:
    """For each image that changes: its new tag and digest, the source and the direction."""
    return {
        change["entry"]["image"].rpartition("/")[2]: (
            change["to"]["tag"],
            change["to"]["digest"],
            change["source"],
            change["direction"],
        )
        for environment in document["environments"]
        for proposal in environment["proposals"]
        for change in proposal["changes"]
    }


def holds(document: Any) -> list[tuple[str, str]]:
    """The image and the code of every held entry."""
    return [
        (item["entry"]["image"].rpartition("/")[2], item["reason"]["code"])
        for environment in document["environments"]
        for item in environment["held"]
    ]


def test_a_given_digest_is_the_truth_and_a_missing_one_is_asked_for_once(shop: Deploy) -> None:
    digest = shop.push("api", "1.1.0")
    base = shop.files("main")
    with shop.world.registry.counting() as asked:
        done = shop.ask("set", "production", f"{shop.image('web')}=1.1.0@{A}", f"{shop.image('api')}=1.1.0")
    assert done.code == 0
    # What is asked of the digests is for the text only.
    assert [line for line in asked if "sha256:" not in line] == [f"GET /v2/{shop.name}/api/manifests/1.1.0 200"]
    assert changes(done.json) == {
        "web": ("1.1.0", A, "set", "forward"),
        "api": ("1.1.0", digest, "set", "forward"),
    }
    tree = shop.files(BRANCH)
    assert f"newTag: 1.1.0\n    digest: {A}\n".encode() in tree[WEB]
    assert f"newTag: 1.1.0\r\n    digest: {digest}\r\n".encode() in tree[API]
    assert {path for path in tree if tree[path] != base[path]} == {WEB, API}
    assert shop.pull()["title"] == "chore(production): update api and web"
    assert "Gitops-Bot-Plan: 1 production all set" in shop.message(BRANCH)


def test_set_lays_its_pins_over_the_open_proposal(shop: Deploy) -> None:
    shop.ask("set", "production", f"{shop.image('web')}=1.1.0@{A}")
    done = shop.ask("set", "production", f"{shop.image('api')}=1.1.0@{B}")
    assert changes(done.json) == {"web": ("1.1.0", A, "set", "forward"), "api": ("1.1.0", B, "set", "forward")}
    assert shop.pull()["number"] == 1
    assert shop.parents(BRANCH) == [shop.branches["main"]]

    # The same again writes nothing.
    with shop.watching() as seen:
        again = shop.ask("set", "production", f"{shop.image('api')}=1.1.0@{B}")
    assert seen.nothing
    assert again.code == 0

    # Older than the carried pin, by the policy: held, and the command failed in what it was asked for.
    with shop.watching() as seen:
        older = shop.ask("set", "production", f"{shop.image('web')}=1.0.5@{C}")
    assert seen.nothing
    assert (older.code, holds(older.json)) == (1, [("web", "held.downgrade")])
    (held,) = older.json["environments"][0]["held"]
    assert "1.0.5 is older than 1.1.0, which is already proposed; `--allow-downgrade`" in held["reason"]["text"]

    # Said expressly, it is done; back to what the base has, the pin leaves the proposal.
    allowed = shop.ask("set", "--allow-downgrade", "production", f"{shop.image('web')}=1.0.5@{C}")
    assert allowed.code == 0
    assert changes(allowed.json)["web"] == ("1.0.5", C, "set", "forward")
    was = next(line.split()[1] for line in shop.files("main")[WEB].decode().splitlines() if "digest:" in line)
    gone = shop.ask("set", "--allow-downgrade", "production", f"{shop.image('web')}=1.0.0@{was}")
    assert gone.code == 0
    assert list(changes(gone.json)) == ["api"]
    assert (gone.json["environments"][0]["unchanged"], holds(gone.json)) == (1, [])  # web is pinned as it was asked for
    assert shop.files(BRANCH)[WEB] == shop.files("main")[WEB]


def test_what_cannot_be_done_is_said_and_the_rest_is_done(shop: Deploy) -> None:
    done = shop.ask(
        "set",
        "production",
        "nothing=1.0.0",
        f"{shop.image('api')}=0.9.0@{A}",
        f"{shop.image('web')}=7.7.7",
        f"127.0.0.1/other/api=2.0@{B}",
    )
    assert done.code == 1
    assert not done.json["complete"]
    assert holds(done.json) == [("api", "held.downgrade")]
    messages = [problem["message"] for problem in done.json["problems"]]
    assert messages[0] == "nothing matches no entry of production, neither by name nor by repository"
    assert messages[1] == f"{shop.image('web')}: there is no tag `7.7.7`"
    assert done.json["problems"][0]["next"] == (
        f"the entries of production are: {shop.image('api')}, {shop.image('web')}"
    )
    assert len(messages) == 3
    assert shop.pulls() == []

    partly = shop.ask("set", "production", "nothing=1.0.0", f"{shop.image('web')}=1.1.0@{A}")
    assert partly.code == 1
    assert changes(partly.json) == {"web": ("1.1.0", A, "set", "forward")}
    assert shop.pull()["number"] == 1


def test_a_new_name_is_written_and_reviewed_with_the_pin(shop: Deploy) -> None:
    done = shop.ask("set", "production", f"{shop.image('web')}=ghcr.io/acme/web:2.0.0@{A}")
    assert done.code == 0
    base = shop.files("main")[WEB]
    old = next(line.split()[1] for line in base.decode().splitlines() if "digest:" in line)
    assert shop.files(BRANCH)[WEB] == pinned(
        base, ("    newTag: 1.0.0\n", "    newName: ghcr.io/acme/web\n    newTag: 2.0.0\n"), (old, A)
    )
    (change,) = done.json["environments"][0]["proposals"][0]["changes"]
    assert change["reason"]["data"]["new_name"] == "ghcr.io/acme/web"
    assert "ghcr.io/acme/web" in shop.pull()["body"]


def test_a_poll_keeps_what_a_pipeline_set_unless_it_finds_something_newer(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.5.0@{A}")
    shop.push("web", "1.2.0")
    with shop.watching() as seen:
        kept = shop.ask("update")
    assert seen.nothing
    assert changes(kept.json) == {"web": ("1.5.0", A, "set", "forward")}

    newest = shop.push("web", "1.6.0")
    assert changes(shop.ask("update").json) == {"web": ("1.6.0", newest, "policy", "forward")}


def test_a_branch_that_a_person_took_over_is_left_alone_and_fails_the_command(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{A}")
    shop.remote.commit(BRANCH, {"more": b"by hand"})
    with shop.watching() as seen:
        done = shop.ask("set", "production", f"{shop.image('web')}=1.2.0@{B}")
    assert (seen.before, seen.writes) == (seen.after, ["POST /issues/1/comments 201"])
    assert done.code == 1
    assert done.json["environments"][0]["proposals"][0]["action"] == "leave"


def test_wrong_pins_are_told_all_at_once_before_anything_is_read(shop: Deploy) -> None:
    rows = [
        (["web"], ["'web' is not of the form IMAGE=PIN"]),
        (["web=1 2", "api=@sha256:abc"], ["'1 2' is not a tag", "'sha256:abc' is not a digest"]),
        (["web=1.0.0", "web=2.0.0"], ["web is given two pins"]),
    ]
    with shop.watching() as seen:
        for pins, words in rows:
            done = shop.ask("set", "production", *pins)
            assert done.code == 2
            messages = [problem["message"] for problem in done.json["problems"]]
            for message, word in zip(messages, words, strict=True):
                assert word in message
                assert word in done.err
    assert (seen.nothing, seen.api) == (True, [])


def test_two_arguments_for_one_entry_are_done_once_where_they_say_the_same_and_else_wrong_usage(
    worldwide: World,
) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        return {"gitops-bot.yaml": CONFIG, WEB: overlay([("web", f"newName: {deploy.image('web')}; newTag: 1.0.0")])}

    deploy = worldwide.deploy(files)
    with deploy.watching() as seen:
        done = deploy.ask("set", "production", f"{deploy.image('web')}=1.1.0@{A}", f"web=1.2.0@{B}")
    (problem,) = done.json["problems"]
    assert (done.code, seen.nothing, problem["file"], problem["line"]) == (2, True, WEB, 7)
    assert "both match the entry 'web'" in problem["message"]
    assert problem["next"] == "keep one of them"
    done = deploy.ask("set", "production", f"web=1.1.0@{A}", f"{deploy.image('web')}=1.1.0@{A}")
    assert (done.code, changes(done.json)) == (0, {"web": ("1.1.0", A, "set", "forward")})


def test_what_a_person_declines_meanwhile_and_nobody_named_is_left_out_and_fails_nothing(shop: Deploy) -> None:
    shop.bot("set", "production", f"{shop.image('web')}=1.1.0@{A}")
    # The run has just read that #1 is open, and carries its pin.
    meanwhile(shop, lambda: shop.call("PATCH", "/pulls/1", {"state": "closed"}))
    done = shop.ask("set", "production", f"{shop.image('api')}=1.2.0@{B}")
    assert (done.code, changes(done.json)) == (0, {"api": ("1.2.0", B, "set", "forward")})


def test_a_pin_by_digest_adds_no_tag_and_keeps_one_that_is_there_in_step(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        old = deploy.push("web", "1.0.0")
        config = CONFIG.replace(b"policy: releases", b"policy: releases\n    pin: digest")
        pins = {WEB: f"digest: {old}", API: f"newTag: 1.0.0; digest: {old}"}
        return {"gitops-bot.yaml": config} | {path: overlay([(deploy.image("web"), pin)]) for path, pin in pins.items()}

    deploy = worldwide.deploy(files)
    old, new = deploy.push("web", "1.0.0"), deploy.push("web", "1.1.0")
    base = deploy.files("main")
    assert deploy.bot("set", "production", f"{deploy.image('web')}=1.1.0").code == 0
    found = deploy.files(BRANCH)
    assert found[WEB] == pinned(base[WEB], (old, new))
    assert found[API] == pinned(base[API], (old, new), ("newTag: 1.0.0\n", "newTag: 1.1.0\n"))
