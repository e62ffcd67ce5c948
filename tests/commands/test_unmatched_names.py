"""A name in the configuration that means nothing is told; only a hold that holds nothing stops its environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import API, WEB
from tests.commands.offline import check
from tests.commands.scene import config, configure, news
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
        plan = newer.bot("plan")
    assert (seen.nothing, (plan.out + plan.err).count("a hold of production names `")) == (True, 1)
    done = newer.ask("update")
    problem = only(done)
    line = config(more=staging).count(b"\n") + 2
    assert (problem["file"], problem["line"], problem["column"]) == ("gitops-bot.yaml", line, 31)
    assert problem["message"] == f"a hold of production names `{newer.image('wbe')}`, but there is no such entry"
    assert problem["next"] == (
        f"did you mean `{newer.image('web')}`? Until this is corrected, nothing is written for production"
    )

    found = {each["name"]: each for each in done.json["environments"]}
    assert [(each["action"], each["reason"]["code"]) for each in found["production"]["proposals"]] == [
        ("none", "failed.config")
    ]
    assert (newer.branches.keys(), newer.pulls()) == ({"main"}, [])
    assert b"1.1.0" in newer.files("main")["apps/web/staging/kustomization.yaml"]
    assert b"1.1.0" not in newer.files("main")[WEB] + newer.files("main")[API]


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
        assert only(stages.promote())["message"].startswith("a hold of staging names `wbe`")
    assert seen.nothing


def test_a_rule_with_a_slip_is_told_with_what_it_may_mean_and_keeps_nothing_back(newer: Deploy) -> None:
    configure(newer, more=rules(f"{newer.image('wbe')}: {{ignore: true}}"))
    done = newer.ask("update")
    problem = only(done)
    assert problem["message"] == f"`images` of production names `{newer.image('wbe')}`, but there is no such entry"
    assert problem["next"] == f"did you mean `{newer.image('web')}`?"
    assert done.json["environments"][0]["failed"] == []
    assert news(newer, BRANCH) == {"api/api": "1.1.0", "web/web": "1.1.0"}


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
    assert [(each["line"], each["column"], each["message"].split(",")[0]) for each in done.json["problems"]] == [
        (5, 14, "`images` of staging names `wbe`"),
        (12, 28, "a hold of staging names `*`"),
        (8, 14, "`images` of production names `api`"),
    ]
    text = check(tmp_path, {}).err
    assert "warning: gitops-bot.yaml:11:5: the hold on production gone ended 2020-12-24 (stocktaking)" in text
    assert text.count("gone") == 1
