from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.commands.conftest import API, WEB, pinned
from tests.commands.scene import proposal

if TYPE_CHECKING:
    from typing import Any

    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def held(document: Any) -> list[tuple[str, str | None, str]]:
    """The image, the candidate's tag and the code of every held entry."""
    return [
        (item["entry"]["image"].rpartition("/")[2], (item["candidate"] or {}).get("tag"), item["reason"]["code"])
        for environment in document["environments"]
        for item in environment["held"]
    ]


def with_web(shop: Deploy, tag: str, digest: str, ref: str = "main") -> dict[str, bytes]:
    """The whole tree of `ref`, with another pin of `web`."""
    tree = shop.files(ref)
    old = next(line.split()[1] for line in tree[WEB].decode().splitlines() if line.strip().startswith("digest:"))
    return tree | {WEB: pinned(tree[WEB], ("newTag: 1.0.0\n", f"newTag: {tag}\n"), (old, digest))}


def test_a_new_tag_becomes_a_pull_request_that_changes_only_the_pins(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    main, modes = shop.branches["main"], shop.remote.modes("main")

    with shop.watching() as seen:
        done = shop.ask("update")

    assert done.code == 0
    assert shop.files(BRANCH) == with_web(shop, "1.1.0", digest)
    assert shop.remote.modes(BRANCH) == modes
    assert shop.branches == {"main": main, BRANCH: seen.after[BRANCH]}
    assert shop.parents(BRANCH) == [main]
    assert seen.writes == ["POST /pulls 201", "POST /issues/1/labels 200", "PATCH /pulls/1 200"]

    pull = shop.pull()
    assert (pull["head"]["ref"], pull["base"]["ref"], pull["head"]["sha"]) == (BRANCH, "main", seen.after[BRANCH])
    assert pull["title"] == "chore(production): web 1.1.0"
    assert [label["name"] for label in pull["labels"]] == ["release", "bot"]
    for word in (shop.image("web"), "1.0.0", "1.1.0", digest, WEB, "highest version of 2 that match policy"):
        assert word in pull["body"]
    assert "api" not in pull["body"].partition("<!--")[0]

    lines = shop.message(BRANCH).splitlines()
    assert lines[0] == pull["title"]
    assert "Gitops-Bot-Plan: 1 production all policy" in lines
    (said,) = (json.loads(line.partition(": ")[2]) for line in lines if line.startswith("Gitops-Bot-Change: "))
    assert (said["file"], said["name"]) == (WEB, shop.image("web"))
    assert (said["from"]["tag"], said["to"]) == ("1.0.0", {"tag": "1.1.0", "digest": digest})

    found = proposal(done.json)
    assert (found["action"], found["branch"], found["commit"]) == ("open", BRANCH, seen.after[BRANCH])
    assert found["pull_request"] == {"number": 1, "url": pull["html_url"], "state": "open"}
    (change,) = found["changes"]
    assert change["entry"] == {
        "environment": "production",
        "overlay": "apps/web/production",
        "file": WEB,
        "line": 7,
        "name": shop.image("web"),
        "image": shop.image("web"),
    }
    assert (change["source"], change["direction"]) == ("policy", "forward")
    assert done.json["commit"] == main

    with shop.watching() as seen:
        second = shop.bot("update")
    assert (second.code, seen.nothing, len(seen.api)) == (0, True, 1)
    assert "nothing to write #1" in second.out
    newer = shop.push("web", "1.2.0")
    with shop.watching() as seen:
        third = shop.bot("update")
    assert seen.writes == ["PATCH /pulls/1 200"]
    assert "refreshed #1" in third.out
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert shop.files(BRANCH) == with_web(shop, "1.2.0", newer)
    pull = shop.pull()
    assert (pull["number"], pull["title"]) == (1, "chore(production): web 1.2.0")
    assert "1.1.0" not in pull["title"] + pull["body"]


def test_a_base_that_moves_disturbs_no_review_but_where_the_file_changes_until_all_is_merged(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    first = shop.bot("update")
    assert (first.code, first.err) == (0, "")
    assert f"opened #1 {shop.pull()['html_url']} {BRANCH}" in first.out
    news = {"README.md": b"# new\n"}
    shop.remote.commit("main", news)
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    # "Update branch" is neutral.
    message, parents = f"Merge branch 'main' into {BRANCH}", [shop.branches[BRANCH], shop.branches["main"]]
    shop.remote.commit(BRANCH, news, message=message, parents=parents)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert (seen.nothing, proposal(done.json)["action"]) == (True, "none")

    shop.remote.commit("main", {WEB: shop.files("main")[WEB].replace(b"x=y", b"x=z")})
    with shop.watching() as seen:
        done = shop.ask("update")
    assert proposal(done.json)["action"] == "refresh"
    assert shop.parents(BRANCH) == [shop.branches["main"]]
    assert shop.files(BRANCH) == with_web(shop, "1.1.0", digest)
    assert b"x=z" in shop.files(BRANCH)[WEB]
    # The changes are the same, so the text is: only the branch was written.
    assert (seen.writes, shop.pull()["number"]) == ([], 1)

    shop.call("PUT", "/pulls/1/merge", {"merge_method": "rebase"})
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert (done.code, done.json["environments"][0]["proposals"]) == (0, [])
    newer = shop.push("api", "1.0.1")
    assert shop.bot("update").code == 0
    assert (shop.pull()["number"], shop.parents(BRANCH)) == (2, [shop.branches["main"]])
    tree = shop.files("main")
    changed = {path: data for path, data in shop.files(BRANCH).items() if tree[path] != data}
    assert list(changed) == [API]
    assert changed[API].startswith(b"\xef\xbb\xbf#")
    assert f"newTag: 1.0.1\r\n    digest: {newer}\r\n".encode() in changed[API]


def test_closing_declines_exactly_these_pins(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    shop.call("PATCH", "/pulls/1", {"state": "closed"})

    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert (done.code, held(done.json)) == (0, [("web", "1.1.0", "held.declined")])
    text = shop.bot("update").out
    assert "held.declined" in text
    assert "#1 was closed unmerged; reopen it to undo that" in text

    # Another image is not meant by it, and neither is a newer tag of the same one.
    shop.push("api", "1.0.1")
    done = shop.ask("update")
    assert held(done.json) == [("web", "1.1.0", "held.declined")]
    assert [change["entry"]["file"] for change in proposal(done.json)["changes"]] == [API]
    assert shop.pull()["number"] == 2
    assert "Held back, and why" in shop.pull()["body"]

    shop.push("web", "1.2.0")
    done = shop.ask("update")
    assert held(done.json) == []
    assert [change["to"]["tag"] for change in proposal(done.json)["changes"]] == ["1.0.1", "1.2.0"]
    assert [pull["number"] for pull in shop.pulls("all")] == [2, 1]


def test_a_persons_commit_takes_the_branch_over(shop: Deploy) -> None:
    author = "Ada <ada@example.test>"
    shop.push("web", "1.1.0")
    shop.bot("update")
    theirs = shop.remote.commit(BRANCH, {"apps/web/production/patch.yaml": b"x: 1\n"}, author=author)
    shop.push("web", "1.2.0")

    with shop.watching() as seen:
        done = shop.ask("update")
    assert (seen.before, seen.writes) == (seen.after, ["POST /issues/1/comments 201"])
    assert shop.branches[BRANCH] == theirs
    assert done.code == 0
    found = proposal(done.json)
    assert (found["action"], found["reason"]["code"], found["commit"]) == ("leave", "person", None)
    assert found["reason"]["data"] == {"commit": theirs, "branch": BRANCH, "author": author}
    assert found["pull_request"]["number"] == 1
    text = shop.bot("update").out
    assert "left alone #1" in text
    assert f"commit {theirs[:10]} by {author}" in text


def test_what_the_base_has_by_now_is_taken_back(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    shop.bot("update")
    shop.remote.commit("main", {WEB: with_web(shop, "1.1.0", digest)[WEB]}, message="by hand")

    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.writes == ["POST /issues/1/comments 201", "PATCH /pulls/1 200"]
    assert proposal(done.json)["action"] == "close"
    assert shop.branches == {"main": seen.before["main"]}
    (pull,) = shop.pulls("all")
    assert (pull["state"], pull["merged_at"]) == ("closed", None)
    assert "<!-- gitops-bot:closed -->" in pull["body"]
    (comment,) = shop.call("GET", "/issues/1/comments")
    assert "Closing: the base branch already pins 1.1.0 for " in comment["body"]

    # The bot's own closing declines nothing: only the step back holds the pin now, and that can be lifted.
    shop.remote.commit("main", {WEB: shop.files(f"{seen.before['main']}~1")[WEB]}, message="back")
    assert shop.ask("update").json["environments"][0]["proposals"] == []
    assert proposal(shop.ask("update", "--release-hold").json)["action"] == "open"


def test_what_a_person_writes_into_title_and_body_stays_as_long_as_the_plan_does(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    body = shop.pull()["body"].replace("nothing else.", "nothing else. cc @bob")
    shop.call("PATCH", "/pulls/1", {"title": "Release on Monday", "body": body.replace("\n", "\r\n")})
    with shop.watching() as seen:
        shop.bot("update")
    assert seen.nothing
    assert shop.pull()["title"] == "Release on Monday"


def test_a_bot_whose_words_are_others_does_not_write_open_proposals_again(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    # As an earlier version proposed the same pins: other words in the commit and the text, the same marks and trailers.
    words, plan, trailers = shop.message(BRANCH).partition("Gitops-Bot-Plan:")
    message = f"{words.partition(chr(10))[0]}\n\nhighest of 2 tags matched by semver >=1.0.0\n\n{plan}{trailers}"
    data = {WEB: shop.files(BRANCH)[WEB]}
    earlier = shop.remote.commit(BRANCH, data, message=message, parents=[shop.branches["main"]])
    lines = [line for line in shop.pull()["body"].split("\n") if line.startswith("<!--")]
    lines.insert(1, "web: 1.0.0 to 1.1.0, highest of 2 tags matched by semver >=1.0.0")
    shop.call("PATCH", "/pulls/1", {"body": "\n".join(lines)})
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert shop.branches[BRANCH] == earlier
    assert (proposal(done.json)["action"], proposal(done.json)["reason"]["code"]) == ("none", "nothing_new")

    newer = shop.push("web", "1.2.0")  # it is still the bot's
    assert proposal(shop.ask("update").json)["action"] == "refresh"
    assert shop.files(BRANCH) == with_web(shop, "1.2.0", newer)


def test_only_the_named_environment_is_touched(shop: Deploy) -> None:
    more = (
        shop.files("main")["gitops-bot.yaml"] + b'  staging:\n    overlays: ["apps/*/staging"]\n    policy: releases\n'
    )
    staging = shop.files("main")[WEB]
    shop.remote.commit("main", {"gitops-bot.yaml": more, "apps/web/staging/kustomization.yaml": staging})
    shop.push("web", "1.1.0")
    done = shop.ask("update", "staging")
    assert [environment["name"] for environment in done.json["environments"]] == ["staging"]
    assert [pull["head"]["ref"] for pull in shop.pulls()] == ["gitops-bot/staging/all"]
