"""`promote_from` and `soak`: `update` opens promotions by itself, once the source has run the pin for long enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.commands.stages import Stages, actions, environment, held, path, reason
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World


def test_a_tag_without_a_digest_is_looked_up_once_and_the_pull_request_says_so(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging")
    digest = stages.push("web", "1.1.0")
    stages.run("staging", "web", "1.1.0", digest=None)
    assert stages.deploy.bot("update", "production").code == 0
    assert stages.news() == {"web": ("1.1.0", digest)}
    assert "staging pins no digest" in stages.deploy.pull()["body"]


def test_a_pin_soaks_from_the_commit_that_brought_it_and_the_rest_goes_on(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 2h", apps=("web", "api"))
    now = datetime.now(UTC)
    for app, hours in (("web", 3), ("api", 1)):
        stages.run("staging", app, "1.1.0", at=now - timedelta(hours=hours))
    done = stages.deploy.ask("update")
    assert done.code == 0
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    assert held(done.json) == {"api/production": "held.soak"}
    found = reason(done.json)
    assert found["text"].startswith(f"soaks in staging for 2h, since {now - timedelta(hours=1):%Y-%m-%d %H:%M} UTC: ")
    assert found["data"]["soak"] == "2h"
    assert 3000 < found["data"]["left"] <= 3600
    assert re.search(r": open on [A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d UTC$", found["text"])
    # Configuration that changes is no new beginning.
    stages.deploy.remote.commit("main", {"apps/api/staging/note.txt": b"x"})
    assert reason(stages.deploy.ask("update").json)["data"]["left"] <= found["data"]["left"]

    # A person who says so promotes at once.
    assert stages.promote("--image", stages.deploy.image("api"), "--now").code == 0
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("web", "api")}


def test_a_group_that_goes_together_is_taken_back_with_the_first_of_it(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\npropose: {together: true}", apps=("web", "api"))
    stages.run("staging", "web", "0.9.0")
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    stages.run("staging", "web", "0.9.0")
    done = stages.deploy.ask("update")
    assert actions(done.json) == {"all": "close"}
    assert held(done.json) == {"web/production": "held.downgrade", "api/production": "held.downgrade"}
    assert stages.deploy.branches.keys() == {"main"}


CHAIN = """\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments:
  dev: {overlays: ["apps/*/dev"], policy: releases, propose: {as: commit}}
  staging: {overlays: ["apps/*/staging"], promote_from: dev, propose: {as: commit}}
  eu: {overlays: ["apps/*/eu"], promote_from: staging}
  us: {overlays: ["apps/*/us"], promote_from: staging, soak: 1h}
"""


def test_a_chain_goes_one_step_after_the_other_and_fans_out(worldwide: World) -> None:
    names = ("dev", "staging", "eu", "us")

    def files(deploy: Deploy) -> dict[str, bytes]:
        entry = overlay([(deploy.image("web"), f"newTag: 1.0.0; digest: {deploy.push('web', '1.0.0')}")])
        return {"gitops-bot.yaml": CHAIN.encode()} | {path("web", name): entry for name in names}

    deploy = worldwide.deploy(files)
    digest = deploy.push("web", "1.1.0")
    plan = deploy.ask("plan").json
    # The newest tag is nothing for an environment whose source has not run it.
    assert {name: actions(plan, name) for name in names} == {
        "dev": {"all": "commit"},
        "staging": {},
        "eu": {},
        "us": {},
    }
    for _ in range(3):
        done = deploy.ask("update")
        assert done.code == 0
    with deploy.watching() as seen:
        done = deploy.ask("update")
    assert seen.nothing
    assert (environment(done.json, "eu")["promoted_from"], actions(done.json, "eu")) == ("staging", {"all": "none"})
    pins = {name: deploy.files("main")[path("web", name)].count(digest.encode()) for name in names}
    assert pins == {"dev": 1, "staging": 1, "eu": 0, "us": 0}
    assert held(done.json, "us") == {"web/us": "held.soak"}
    (pull,) = deploy.pulls()
    assert (pull["head"]["ref"], pull["title"]) == ("gitops-bot/eu/all", "chore(eu): web 1.1.0")
    log = deploy.remote.log("main", "%(trailers:key=Gitops-Bot-Plan,valueonly)%x00")
    assert [line.strip("\0") for line in log if "1 " in line] == ["1 staging all promotion", "1 dev all policy"]
