"""A name in the configuration that means nothing is told; only a hold that holds nothing stops its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import API, WEB
from tests.commands.offline import check
from tests.commands.scene import actions, config, configure, news, proposals
from tests.commands.stages import Stages, path

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, Done, World

BRANCH = "gitops-bot/production/all"
FAIR = "until: 2999-12-24, why: fair"


def hold(image: str) -> str:
    return f"holds:\n  - {{environment: production, image: {image}, {FAIR}}}\n"


def rules(*lines: str) -> str:
    return "    images:\n" + "".join(f"      {line}\n" for line in lines)


def only(done: Done) -> dict[str, Any]:
    """The one thing that is wrong."""
    assert (done.code, done.json["complete"]) == (1, False)
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.config"
    assert isinstance(problem, dict)
    return problem


@pytest.fixture
def newer(shop: Deploy) -> Deploy:
    """There is 1.1.0 of `web` and `api`."""
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    return shop


def test_a_hold_with_a_slip_stops_its_environment_and_no_other(newer: Deploy) -> None:
    staging = '  staging: {overlays: ["apps/*/staging"], policy: releases, propose: {as: commit}}\n'
    newer.remote.commit("main", {"apps/web/staging/kustomization.yaml": newer.files("main")[WEB]})
    configure(newer, more=staging + hold(newer.image("wbe")))
    with newer.watching() as seen:
        plan = newer.ask("plan")
    assert seen.nothing
    problem = only(plan)
    line = config(more=staging).count(b"\n") + 2
    assert (problem["file"], problem["line"], problem["column"]) == ("gitops-bot.yaml", line, 31)
    assert problem["message"] == f"a hold of production names `{newer.image('wbe')}`, but there is no such entry"
    assert problem["next"] == (
        f"did you mean `{newer.image('web')}`? Until this is corrected, nothing is written for production"
    )

    done = newer.ask("update")
    only(done)
    found = {each["name"]: each for each in done.json["environments"]}
    assert [(each["action"], each["reason"]["code"]) for each in found["production"]["proposals"]] == [
        ("none", "failed.config")
    ]
    assert (newer.branches.keys(), newer.pulls()) == ({"main"}, [])
    assert b"1.1.0" in newer.files("main")["apps/web/staging/kustomization.yaml"]
    assert b"1.1.0" not in newer.files("main")[WEB] + newer.files("main")[API]


def test_what_is_open_already_stays_as_it_is_while_a_hold_holds_nothing(newer: Deploy) -> None:
    newer.bot("update")
    before = {key: newer.pull()[key] for key in ("state", "title", "body", "head")}
    configure(newer, more=hold("nobody"))
    with newer.watching() as seen:
        only(newer.ask("update"))
    assert seen.nothing
    assert {key: newer.pull()[key] for key in before} == before


def test_a_hold_that_holds_nothing_stops_set_too_unless_a_person_lifts_it(newer: Deploy) -> None:
    configure(newer, more=hold("nobody"))
    with newer.watching() as seen:
        only(newer.ask("set", "production", f"{newer.image('web')}=1.1.0"))
    assert seen.nothing
    assert newer.ask("set", "production", f"{newer.image('web')}=1.1.0", "--release-hold").code == 0
    assert news(newer, BRANCH) == {"web/web": "1.1.0"}


def test_a_hold_of_the_source_that_holds_nothing_stops_the_promotion(worldwide: World) -> None:
    lost = f"holds:\n  - {{environment: staging, image: wbe, {FAIR}}}\n"
    stages = Stages.start(worldwide, "promote_from: staging", more=lost)
    web = stages.deploy.files("main")[path("web", "staging")]
    digest = stages.push("web", "1.1.0").encode()
    newer = web.replace(b"1.0.0\n", b"1.1.0\n").replace(stages.digests["web", "1.0.0"].encode(), digest)
    stages.deploy.remote.commit("main", {path("web", "staging"): newer})
    with stages.deploy.watching() as seen:
        for command in (("promote", "staging", "production"), ("update", "production")):
            assert only(stages.deploy.ask(*command))["message"].startswith("a hold of staging names `wbe`")
    assert seen.nothing


def test_a_rule_with_a_slip_is_told_with_what_it_may_mean_and_keeps_nothing_back(newer: Deploy) -> None:
    configure(newer, more=rules(f"{newer.image('wbe')}: {{ignore: true}}"))
    done = newer.ask("update")
    problem = only(done)
    assert problem["message"] == f"`images` of production names `{newer.image('wbe')}`, but there is no such entry"
    assert problem["next"] == f"did you mean `{newer.image('web')}`?"
    assert done.json["environments"][0]["failed"] == []
    assert news(newer, BRANCH) == {"api/api": "1.1.0", "web/web": "1.1.0"}


def test_a_rule_for_an_image_that_left_is_told_and_keeps_nothing_back(newer: Deploy) -> None:
    configure(newer, more=rules(f"{newer.image('billing')}: {{policy: releases}}"))
    done = newer.ask("update")
    assert only(done)["next"].startswith("remove it if it is obsolete, or correct it (production has `")
    assert actions(done.json) == {"all": "open"}
    assert news(newer, BRANCH) == {"api/api": "1.1.0", "web/web": "1.1.0"}


def test_a_group_of_nothing_is_a_mistake_for_check_and_changes_nothing_of_what_is_proposed(
    newer: Deploy, tmp_path: Path
) -> None:
    groups = '{group: [{name: web, images: ["*/wbe"]}, {name: db, overlays: ["apps/db/**"]}]}'
    configure(newer, groups)
    done = newer.ask("update")
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert len(proposals(done.json)[0]["changes"]) == 2
    files = {path: data.decode("utf-8-sig") for path, data in newer.files("main").items() if path in (WEB, API)}
    checked = check(tmp_path, {**files, "gitops-bot.yaml": config(groups).decode()}, "--output", "json")
    assert checked.code == 1
    assert [(each["code"], each["line"], each["column"]) for each in checked.json["problems"]] == [
        ("failed.config", 8, 44),
        ("failed.config", 8, 77),
    ]


def test_what_is_wrong_is_told_once(newer: Deploy) -> None:
    configure(newer, more=hold("nobody"))
    done = newer.bot("plan")
    assert (done.out + done.err).count("a hold of production names `nobody`") == 1


def test_check_tells_every_name_that_means_nothing_and_every_hold_that_has_ended(tmp_path: Path) -> None:
    text = """\
version: 1
environments:
  staging:
    overlays: [staging]
    images: {wbe: {ignore: true}, web: {ignore: true}}
  production:
    overlays: [production]
    images: {api: {ignore: true}}
holds:
  - {environment: production, image: web, until: 2999-12-24, why: fair}
  - {environment: production, image: gone, until: 2020-12-24, why: stocktaking}
  - {environment: staging, image: "*", until: 2999-12-24, why: fair}
"""
    overlay = "images:\n- name: web\n  newTag: 1.0.0\n"
    files = {"gitops-bot.yaml": text, "staging/kustomization.yaml": overlay, "production/kustomization.yaml": overlay}
    done = check(tmp_path, files, "--output", "json")
    assert done.code == 1
    assert [(each["line"], each["column"], each["message"], each["next"]) for each in done.json["problems"]] == [
        (
            5,
            14,
            "`images` of staging names `wbe`, but there is no such entry",
            "remove it if it is obsolete, or correct it (staging has `web`)",
        ),
        (
            12,
            28,
            "a hold of staging names `*`, but there is no such entry",
            "write one exact name: `*` is not a wildcard here. Until this is corrected, nothing is written for staging",
        ),
        (
            8,
            14,
            "`images` of production names `api`, but there is no such entry",
            "remove it if it is obsolete, or correct it (production has `web`)",
        ),
    ]
    text = check(tmp_path, {}).err
    assert "warning: gitops-bot.yaml:11:5: the hold on production gone ended 2020-12-24 (stocktaking)" in text
    assert text.count("gone") == 1
