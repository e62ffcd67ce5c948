from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import WEB, pinned

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy


def test_plan_shows_a_table_and_a_diff_of_the_pins_and_writes_nothing(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.bot("plan")
    assert seen.nothing
    assert (done.code, done.err) == (0, "")
    assert f"{shop.name} main at {shop.branches['main'][:10]}" in done.out
    row = next(line for line in done.out.splitlines() if shop.image("web") in line and "1.1.0@" in line)
    assert f"1.1.0@{digest[:19]}" in row
    assert f"  {WEB}:7  " in row
    removed = [line for line in done.out.splitlines() if line.startswith("-") and not line.startswith("---")]
    added = [line for line in done.out.splitlines() if line.startswith("+") and not line.startswith("+++")]
    assert [line.split()[1] for line in removed] == ["newTag:", "digest:"]
    assert added == ["+    newTag: 1.1.0", f"+    digest: {digest}"]
    assert "would open a pull request gitops-bot/production/all" in done.out
    assert done.out.splitlines()[-1] == "1 change in 1 pull request"
    assert shop.bot("update").out.splitlines()[-1] == "written: 1 change in 1 pull request"
    assert shop.bot("update").out.splitlines()[-1] == "written: no changes, 1 proposed already"


def test_exit_code_four_says_that_something_would_be_written_and_one_beats_it(shop: Deploy) -> None:
    assert shop.bot("plan", "--exit-code").code == 0
    shop.push("web", "1.1.0")
    assert shop.ask("plan", "--exit-code").code == 4

    # Without the option it is 0; with a failure it is 1, and the rest of the plan is there all the same.
    shop.remote.commit("main", {"apps/api/production/kustomization.yaml": b"images: [{name: a, newTag: [}]\n"})
    done = shop.ask("plan", "--exit-code")
    assert done.code == 1
    assert not done.json["complete"]
    (environment,) = done.json["environments"]
    assert environment["proposals"][0]["action"] == "open"
    (failed,) = environment["failed"]
    assert (failed["entry"], failed["problem"]["file"]) == (None, "apps/api/production/kustomization.yaml")
    assert failed["problem"]["line"] == 1


def test_without_a_token_it_works_and_says_that_it_saw_no_pull_requests(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    # nginx wants a login for everything; the embedded server, like GitHub, lets everybody read what is public.
    public = {"GITHUB_SERVER_URL": shop.world.forge.url, "GITHUB_API_URL": shop.world.forge.api_url}
    with shop.watching() as seen:
        done = shop.ask("plan", "--exit-code", env=public)
    assert seen.api == []
    assert done.code == 4
    assert done.json["repository"] == shop.name
    assert done.json["complete"] is False
    assert done.json["problems"] == []
    text = shop.bot("plan", env=public)
    assert text.code == 0
    assert "open pull requests were not read. Set GITHUB_TOKEN to include them" in text.out


def test_a_plan_over_an_open_proposal_shows_what_it_carries(shop: Deploy) -> None:
    given = "sha256:" + "a" * 64
    assert shop.bot("set", "production", f"{shop.image('api')}=2.0.0@{given}").code == 0
    digest = shop.push("web", "1.1.0")
    with shop.watching() as seen:
        done = shop.ask("plan")
    assert seen.nothing
    (found,) = done.json["environments"][0]["proposals"]
    assert (found["action"], found["commit"]) == ("refresh", None)
    assert [(change["source"], change["to"]) for change in found["changes"]] == [
        ("set", {"tag": "2.0.0", "digest": given}),
        ("policy", {"tag": "1.1.0", "digest": digest}),
    ]


def test_policies_choose_among_what_the_registry_has(shop: Deploy) -> None:
    main = shop.files("main")
    config = main["gitops-bot.yaml"].replace(
        b"    policy: releases\n",
        b"    policy: releases\n    images:\n"
        + f"      {shop.image('floating')}: {{policy: {{digest: main}}}}\n".encode()
        + f"      {shop.image('builds')}: {{policy: {{pattern: '^build-(?P<n>[0-9]+)$', order: numerical}}}}\n".encode()
        + f"      {shop.image('ignored')}: {{ignore: true}}\n".encode()
        + f"      {shop.image('tags')}: {{pin: tag}}\n".encode(),
    )
    was = shop.push("floating", "main", "one")
    entries = [
        ("floating", f"newTag: main; digest: {was}"),
        ("builds", "newTag: build-9"),
        ("ignored", "newTag: 1.0.0"),
        ("tags", "newTag: '1.0'"),
        ("moved", f"newTag: 1.0.0; digest: sha256:{'b' * 64}"),
        ("gone", "newTag: 3.0.0"),
        ("ahead", "newTag: 3.0.0"),
    ]
    text = "images:\n" + "".join(
        f"- name: {shop.image(name)}\n" + "".join(f"  {pin.strip()}\n" for pin in pins.split(";"))
        for name, pins in entries
    )
    shop.remote.commit("main", {"gitops-bot.yaml": config, WEB: text.encode()})
    now = shop.push("floating", "main", "two")
    build = shop.push("builds", "build-10")
    shop.push("builds", "build-9")
    shop.push("builds", "latest")
    shop.push("ignored", "2.0.0")
    shop.push("tags", "1.1.0")
    moved = shop.push("moved", "1.0.0")
    shop.push("gone", "1.0.0")
    shop.push("ahead", "3.0.0-rc.1")
    shop.push("ahead", "3.0.0")
    shop.push("ahead", "4.0.0-rc.1")

    done = shop.ask("update")
    assert done.code == 0
    (environment,) = done.json["environments"]
    assert {
        (item["entry"]["name"].rpartition("/")[2], item["reason"]["code"], (item["candidate"] or {}).get("digest"))
        for item in environment["held"]
    } == {("moved", "held.moved", moved), ("gone", "held.downgrade", None)}
    after = pinned(
        text.encode(),
        (was, now),
        ("newTag: build-9\n", f"newTag: build-10\n  digest: {build}\n"),
        ("newTag: '1.0'", "newTag: '1.1.0'"),
    )
    # `ahead` had a tag alone, and gets no digest for it: nothing was chosen.
    assert shop.files("gitops-bot/production/all")[WEB] == after
    # What has nothing newer, and `api`; what is ignored is not kept current.
    assert environment["unchanged"] == 2
