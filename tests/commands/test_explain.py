"""`explain`: the decision of `update`, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.images.reason import CODES
from gitops_bot.report.explain import _WHAT_CHANGES_IT
from tests.commands.conftest import WEB
from tests.commands.scene import configure
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy


def explained(deploy: Deploy, name: str, *args: str) -> dict[str, Any]:
    done = deploy.ask("explain", "production", deploy.image(name), *args)
    assert done.code == 0
    (entry,) = done.json["entries"]
    found: dict[str, Any] = entry
    return found


def gates(entry: dict[str, Any]) -> dict[str, str | None]:
    """What each gate said, by name: nothing, or the code of its reason."""
    return {gate["gate"]: gate["reason"] and gate["reason"]["code"] for gate in entry["gates"]}


def test_a_choice_is_told_from_the_tags_to_the_proposal_and_nothing_is_written(shop: Deploy) -> None:
    for tag in ("1.1.0", "1.2.0", "2.0.0-rc.1", "latest"):
        shop.push("web", tag)
    with shop.watching() as seen:
        entry = explained(shop, "web")
    assert seen.nothing
    assert entry["entry"]["file"] == WEB
    assert entry["policy"] == {
        "name": "releases",
        "kind": "semver",
        "origin": "config",
        "text": "semver >=1.0.0",
        "place": "gitops-bot.yaml:3",
    }
    assert entry["seen"] == 5
    removed = [(step["removed"], step["sample"]) for step in entry["steps"] if step["removed"]]
    assert removed == [(1, ["latest"]), (1, ["2.0.0-rc.1"])]
    assert [candidate["tag"] for candidate in entry["candidates"]] == ["1.2.0", "1.1.0", "1.0.0"]
    assert (entry["outcome"], entry["pin"]["tag"], entry["reason"]["code"]) == ("chosen", "1.2.0", "chosen")
    assert set(gates(entry).values()) == {None}
    assert list(gates(entry))[-1] == "proposal"


def test_why_not_this_tag(shop: Deploy) -> None:
    for pushed in ("1.1.0", "1.2.0", "2.0.0-rc.1"):
        shop.push("web", pushed)
    for tag, rule, text in (
        ("1.1.0", None, "it is admitted, but 1.2.0 comes first"),
        ("1.0.0", None, "it is pinned now"),
        ("2.0.0-rc.1", "not a pre-release", "it does not pass `not a pre-release`"),
        ("9.9.9", "listed", "the registry does not list it"),
    ):
        assert explained(shop, "web", "--tag", tag)["asked"] == {"tag": tag, "rule": rule, "text": text}


def test_what_holds_a_pin_is_the_gate_that_says_so(shop: Deploy) -> None:
    image = shop.image("web")
    configure(shop, more=f"holds:\n  - {{environment: production, image: {image}, until: 2999-01-01, why: fair}}\n")
    shop.push("web", "1.1.0")
    entry = explained(shop, "web", "--tag", "1.1.0")
    assert (entry["outcome"], entry["pin"]["tag"]) == ("held", "1.1.0")
    assert [code for code in gates(entry).values() if code] == ["held.hold"]
    assert entry["asked"]["text"].startswith("it is held: held until 2999-01-01")
    told = shop.bot("explain", "production", image).out
    lines = [" ".join(line.split()) for line in told.splitlines()]
    at = lines.index("what would open it: the end of the hold, or its entry under `holds`")
    assert lines[at - 1].startswith("not on hold: no, held until 2999-01-01 (fair) by gitops-bot.yaml:")
    assert lines[at - 1].endswith(" (held.hold)")
    assert lines[-1].startswith("held 1.1.0@sha256:")
    assert told.count("held until 2999-01-01") == 1


def test_what_the_choice_itself_holds_is_told_before_the_gates(shop: Deploy) -> None:
    shop.remote.commit("main", {WEB: shop.files("main")[WEB].replace(b"1.0.0", b"1.9.0")})
    shop.push("web", "1.1.0")
    entry = explained(shop, "web")
    assert entry["gates"][0]["gate"] == "choice"
    assert gates(entry)["choice"] == entry["reason"]["code"] == "held.downgrade"


def test_a_promoted_pin_is_told_with_the_line_that_promotes_it(shop: Deploy) -> None:
    digest = shop.push("web", "1.1.0")
    config = shop.files("main")["gitops-bot.yaml"].replace(b"    policy: releases\n", b"    promote_from: staging\n")
    staging = shop.files("main")[WEB].replace(b"1.0.0", b"1.1.0")
    old = staging.split(b"digest: ")[1][:71]
    files = {
        "gitops-bot.yaml": config + b'  staging: {overlays: ["apps/*/staging"]}\n',
        WEB.replace("production", "staging"): staging.replace(old, digest.encode()),
    }
    shop.remote.commit("main", files)
    entry = explained(shop, "web", "--tag", "1.0.5")
    assert (entry["outcome"], entry["pin"]) == ("chosen", {"tag": "1.1.0", "digest": digest})
    assert (entry["policy"]["kind"], entry["policy"]["place"]) == ("promotion", "gitops-bot.yaml:7")
    assert entry["asked"]["text"] == "only what staging runs is promoted, and it does not run this tag"
    assert (entry["seen"], entry["steps"]) == (0, [])


def test_a_hold_that_names_nothing_stops_what_it_stops_in_an_update(shop: Deploy) -> None:
    configure(shop, more="holds:\n  - {environment: production, image: wbe, until: 2999-01-01, why: fair}\n")
    shop.push("web", "1.1.0")
    done = shop.ask("explain", "production", shop.image("web"))
    assert (done.code, done.json["entries"]) == (2, [])
    (problem,) = done.json["problems"]
    assert problem["message"] in shop.bot("update").out
    assert not shop.pulls()


def test_a_pin_that_the_open_proposal_keeps_passes_its_gates_again(shop: Deploy) -> None:
    shop.push("web", "2.0.0-rc.1")
    assert shop.bot("set", "production", "web=2.0.0-rc.1").code == 0
    entry = explained(shop, "web")
    assert (entry["outcome"], list(gates(entry))[-2:]) == ("current", ["carried slot", "carried left before"])
    assert set(gates(entry).values()) == {None}
    out = shop.bot("explain", "production", shop.image("web")).out
    assert out.count("the proposed pin was not rolled back since: ok") == 1
    assert "slot" not in out


def test_an_ignored_image_says_so(shop: Deploy) -> None:
    shop.push("web", "1.1.0")
    configure(shop, more=f"    images: {{{shop.image('web')}: {{ignore: true}}}}\n")
    entry = explained(shop, "web", "--tag", "1.1.0")
    assert (entry["outcome"], entry["reason"]["code"], entry["policy"]["kind"]) == ("ignored", "ignored", "semver")
    assert entry["asked"] == {"tag": "1.1.0", "rule": None, "text": "the configuration has `ignore: true`"}


def test_what_is_named_wrongly_is_told(shop: Deploy) -> None:
    for args, message in (
        (("explain", "production"), "Name an environment and an image"),
        (("explain", "production", "web", "--current", "1.0.0"), "--current needs --policy"),
        (("explain", "nowhere", "web"), "nowhere"),
        (("explain", "production", "nothing-like-it"), "nothing-like-it"),
        (("explain", "production", "web", "--policy", "auto"), "leave out ENV and IMAGE"),
    ):
        done = shop.bot(*args)
        assert (done.code, message in done.err) == (2, True), args


def tried(tmp_path: Path, policy: str, tags: str, *args: str) -> dict[str, Any]:
    done = run("explain", "--policy", policy, *args, "--output", "json", cwd=tmp_path, stdin=tags)
    assert (done.code, done.err) == (0, "")
    (entry,) = done.json["entries"]
    found: dict[str, Any] = entry
    return found


@pytest.mark.parametrize(
    ("policy", "args", "outcome", "pin"),
    [
        ('{semver: ">=1"}', (), "chosen", "v2.0.0"),
        ("semver: ^1", ("--current", "v1.2.3"), "chosen", "v1.3.0"),
        ("semver: ^1\nprereleases: true", ("--current", "v1.3.0"), "chosen", "1.4.0-rc.1"),
        ("auto", ("--current", "v1.2.3"), "chosen", "v1.3.0"),
        ("{digest: latest}", (), "chosen", "latest"),
        ('{pattern: "^v(?P<major>[0-9])", order: numerical}', (), "chosen", "v2.0.0"),
        ("{semver: ^1}", ("--current", "v1.9.0"), "held", "v1.3.0"),
    ],
)
def test_a_policy_is_tried_on_a_list_of_tags(
    tmp_path: Path, policy: str, args: tuple[str, ...], outcome: str, pin: str | None
) -> None:
    entry = tried(tmp_path, policy, "v1.2.3\nv1.3.0\n\nv2.0.0\nlatest\n1.4.0-rc.1\n", *args)
    assert (entry["outcome"], entry["pin"] and entry["pin"]["tag"], entry["seen"]) == (outcome, pin, 5)


def test_a_tried_policy_says_why_not_this_tag_and_that_it_knows_no_build_times(tmp_path: Path) -> None:
    policy = '{pattern: "^v", order: newest}'
    entry = tried(tmp_path, policy, "v1.2.3\nv1.3.0\n", "--current", "v1.2.3", "--tag", "v1.3.0")
    why = "its image does not say when it was built"
    assert entry["asked"] == {"tag": "v1.3.0", "rule": "a known build time", "text": why}
    advice = "a list of tags has no build times: `gitops-bot explain ENV IMAGE` asks the registry"
    assert advice in entry["reason"]["text"]
    entry = tried(tmp_path, '{semver: ">=1", minimum_age: 3d}', "v1.2.3\nv1.3.0\n", "--current", "v1.2.3")
    assert entry["reason"]["text"].endswith(f"its `minimum_age` is not checked, {advice}")


@pytest.mark.parametrize(
    ("policy", "place"),
    [
        ("semver: ^1\nprereleses: true", "--policy:2:1: unknown key 'prereleses'"),
        ("semver: ^1\n---\nb: 1", "--policy:2:1: a second document starts here"),
        ("auto", "--policy: "),
    ],
)
def test_a_policy_that_is_none_is_told_with_its_place(tmp_path: Path, policy: str, place: str) -> None:
    done = run("explain", "--policy", policy, cwd=tmp_path, stdin="1.0.0\n")
    assert done.code == 2
    assert place in done.err


def test_hostile_tags_come_out_escaped_and_bounded(tmp_path: Path) -> None:
    tags = "1.0.0\n\x1b[31mred\n::set-output name=x::y\n" + "a" * 5000 + "\n" + "x\n" * 1000
    done = run("explain", "--policy", "{semver: '*'}", cwd=tmp_path, stdin=tags)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert not any(line.startswith("::") for line in done.out.splitlines())
    assert max(map(len, done.out.splitlines())) < 1500


def test_each_hold_says_what_would_change_it() -> None:
    assert {code for code in CODES if code.startswith("held.")} <= set(_WHAT_CHANGES_IT)


def test_explain_says_where_semver_itself_has_another_order(tmp_path: Path) -> None:
    policy = ("explain", "--policy", '{semver: ">=7.0.0-0"}', "--current", "7.8.0-rc9")
    done = run(*policy, cwd=tmp_path, stdin="7.8.0-rc8\n7.8.0-rc9\n7.8.0-rc10\n")
    assert "order    7.8.0-rc10\n           7.8.0-rc9\n           7.8.0-rc8\n" in done.out
    assert "SemVer itself, by text, has rc9 above rc10: here the number counts\n" in done.out
    done = run(*policy, cwd=tmp_path, stdin="7.8.0-rc8\n7.8.0-rc9\n7.8.0\n")
    assert "SemVer" not in done.out
