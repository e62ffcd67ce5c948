"""`promote_from` and `soak`: `update` opens promotions by itself, once the source has run the pin for long enough."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.commands.stages import Stages, actions, change, cut, environment, held, kustomization, path, reason
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

STAGING = "policy: releases\npropose: {as: commit}"


def test_what_staging_runs_is_proposed_to_production_and_nothing_that_it_does_not(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", staging=STAGING)
    stages.push("web", "1.1.0")
    before = stages.deploy.branches["main"]
    plan = stages.deploy.ask("plan")
    # The newest tag is nothing for production: staging has not run it.
    assert (actions(plan.json, "staging"), actions(plan.json)) == ({"all": "commit"}, {})
    assert stages.deploy.branches == {"main": before}

    for _ in range(2):
        assert stages.deploy.ask("update").code == 0
    assert stages.pins(environment="staging") == stages.news() == {"web": stages.pin("web", "1.1.0")}
    with stages.deploy.watching() as seen:
        again = stages.deploy.ask("update")
    assert seen.nothing
    assert (environment(again.json)["promoted_from"], actions(again.json)) == ("staging", {"all": "none"})
    assert stages.deploy.pull()["title"] == "chore(production): web 1.1.0"


def test_an_image_with_a_policy_of_its_own_goes_by_that_and_what_the_source_lacks_by_the_environments(
    worldwide: World,
) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\npolicy: releases", apps=("web", "api"))
    deploy = stages.deploy
    stages.push("cron", "1.0.0")
    lonely = {path("cron", "production"): kustomization(deploy, "cron", "1.0.0", stages.digests["cron", "1.0.0"])}
    deploy.remote.commit("main", lonely)
    own = f"images: {{{deploy.image('api')}: {{policy: releases}}}}"
    stages.configure(f"promote_from: staging\npolicy: releases\n{own}")
    for app in ("web", "api", "cron"):
        stages.push(app, "1.1.0")
    done = deploy.ask("update", "production")
    assert done.code == 0
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("api", "cron")}
    sources = {
        found["entry"]["overlay"]: found["source"] for found in environment(done.json)["proposals"][0]["changes"]
    }
    assert sources == {"apps/api/production": "policy", "apps/cron/production": "policy"}

    stages.run("staging", "web", "1.1.0")
    done = deploy.ask("update", "production")
    assert actions(done.json) == {"all": "refresh"}
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("web", "api", "cron")}


def test_a_tag_without_a_digest_is_looked_up_once_and_the_pull_request_says_so(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging")
    digest = stages.push("web", "1.1.0")
    stages.run("staging", "web", "1.1.0", digest=None)
    assert stages.deploy.bot("update", "production").code == 0
    assert stages.news() == {"web": ("1.1.0", digest)}
    assert "staging pins no digest" in stages.deploy.pull()["body"]
    stages.merge()
    # The next one goes on as the first did, although the target has a digest by now.
    digest = stages.push("web", "1.2.0")
    stages.run("staging", "web", "1.2.0", digest=None)
    assert stages.deploy.bot("update", "production").code == 0
    assert stages.news() == {"web": ("1.2.0", digest)}


def test_of_two_files_of_values_in_an_overlay_each_is_promoted_to_its_own(worldwide: World) -> None:
    targets = "targets: [{kind: helm, files: [api.yaml, web.yaml]}]"
    stages = Stages.start(worldwide, f"promote_from: staging\npin: tag\n{targets}", staging=targets)
    deploy = stages.deploy

    def files(stage: str, **tags: str) -> dict[str, bytes]:
        for app, tag in tags.items():
            deploy.push(app, tag)
        values = "image:\n  repository: {}\n  tag: {}\n"
        return {
            f"apps/x/{stage}/{app}.yaml": values.format(deploy.image(app), tag).encode() for app, tag in tags.items()
        }

    deploy.push("web", "1.1.0")  # so that api's tag would be there
    deploy.remote.commit(
        "main", files("staging", api="1.1.0", web="1.2.0") | files("production", api="1.0.0", web="1.0.0")
    )
    (proposal,) = environment(deploy.ask("plan", "production").json)["proposals"]
    tags = {change["entry"]["file"]: change["to"]["tag"] for change in proposal["changes"]}
    assert tags == {"apps/x/production/api.yaml": "1.1.0", "apps/x/production/web.yaml": "1.2.0"}


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


def test_a_newer_pin_in_the_source_begins_to_soak_and_the_open_proposal_stays_as_it_is(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 2h")
    stages.run("staging", "web", "1.1.0", at=datetime.now(UTC) - timedelta(hours=3))
    stages.deploy.bot("update")
    stages.run("staging", "web", "1.2.0")
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
    assert seen.nothing
    assert (held(done.json), actions(done.json)) == ({}, {"all": "none"})
    assert "staging is 1 release ahead of 1.1.0" in change(done.json)["reason"]["text"]
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}

    # A person may promote the newer one at once, and the next poll does not go back to the older one.
    assert stages.promote("--now").code == 0
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
    assert seen.nothing
    assert held(done.json) == {"web/production": "held.soak"}
    assert stages.news() == {"web": stages.pin("web", "1.2.0")}


def test_a_source_that_changes_more_often_than_the_soak_time_promotes_the_newest_pin_that_ran_for_it(
    worldwide: World,
) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 2h")
    now = datetime.now(UTC)
    # 1.3.0 was rolled back from; of the others 1.1.0, 1.2.0 and 1.4.0 ran for two hours.
    for tag, hours in (("1.1.0", 20), ("1.2.0", 16), ("1.3.0", 12), ("1.2.5", 9), ("1.4.0", 8), ("1.5.0", 1)):
        stages.run("staging", "web", tag, at=now - timedelta(hours=hours))
    stages.run("staging", "web", "1.6.0")
    done = stages.deploy.ask("update")
    found = change(done.json)
    assert (found["to"]["tag"], found["reason"]["data"]["ahead"]) == ("1.4.0", 2)
    assert "staging is 2 releases ahead of 1.4.0, which soaked long enough" in found["reason"]["text"]
    assert stages.news() == {"web": stages.pin("web", "1.4.0")}

    # Once that is in production, the next one is what has run for two hours since.
    stages.merge()
    done = stages.deploy.ask("update")
    assert (held(done.json), actions(done.json)) == ({"web/production": "held.soak"}, {})


def test_a_pin_that_the_source_went_back_from_or_behind_is_never_promoted_from_the_past(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 2h")
    now = datetime.now(UTC)
    for tag, hours in (("1.1.0", 20), ("1.2.0", 12), ("1.3.0", 8), ("1.0.5", 1)):
        stages.run("staging", "web", tag, at=now - timedelta(hours=hours))
    done = stages.deploy.ask("update")
    assert (held(done.json), actions(done.json)) == ({"web/production": "held.soak"}, {})
    assert reason(done.json)["text"].startswith(
        f"soaks in staging for 2h, since {now - timedelta(hours=1):%Y-%m-%d %H:%M} UTC: "
    )
    assert stages.deploy.branches.keys() == {"main"}


def test_the_reason_that_lasts_longest_is_named_before_the_soak_time(worldwide: World) -> None:
    rules = "promote_from: staging\nsoak: 2h"
    stages = Stages.start(worldwide, rules)
    stages.run("staging", "web", "1.1.0")
    soon, late = datetime.now(UTC) + timedelta(hours=1), datetime(2999, 1, 1, tzinfo=UTC)
    for until, codes in ((soon, ["held.soak", "held.hold"]), (late, ["held.hold", "held.soak"])):
        hold = f'{{environment: production, until: "{until:%Y-%m-%dT%H:%M:%SZ}", why: "it leaks"}}'
        stages.configure(rules, more=f"holds: [{hold}]")
        done = stages.deploy.ask("update")
        found = reason(done.json)
        assert (done.code, [found["code"], found["data"]["also"]]) == (0, codes)
        told = found["text"].split("; also: ")
        assert ["soaks in staging for" in text for text in told] == [code == "held.soak" for code in codes]
    assert stages.deploy.branches.keys() == {"main"}


def test_what_left_the_source_again_is_not_promoted_from_the_past(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 1h")
    stages.run("staging", "web", "1.1.0", at=datetime.now(UTC) - timedelta(hours=3))
    stages.run("staging", "web", "1.0.0", at=datetime.now(UTC) - timedelta(hours=2))
    done = stages.deploy.ask("update")
    assert (done.code, actions(done.json), environment(done.json)["unchanged"]) == (0, {}, 1)


def test_a_newer_pin_that_a_person_sets_stays_proposed_and_goes_only_for_something_newer(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\npolicy: releases")
    stages.push("web", "1.2.0")
    pin = "@".join(stages.pin("web", "1.2.0"))
    stages.deploy.ask("set", "production", f"{stages.deploy.image('web')}={pin}")
    stages.run("staging", "web", "1.1.0")
    with stages.deploy.watching() as seen:
        assert actions(stages.deploy.ask("update").json) == {"all": "none"}
    assert seen.nothing
    assert stages.news() == {"web": stages.pin("web", "1.2.0")}

    stages.run("staging", "web", "1.3.0")
    assert actions(stages.deploy.ask("update").json) == {"all": "refresh"}
    assert stages.news() == {"web": stages.pin("web", "1.3.0")}
    # A person who promotes by hand means what staging runs, whatever is proposed.
    stages.deploy.ask("set", "production", f"{stages.deploy.image('web')}={pin}", "--allow-downgrade")
    assert stages.news() == {"web": stages.pin("web", "1.2.0")}
    assert actions(stages.promote().json) == {"all": "refresh"}
    assert stages.news() == {"web": stages.pin("web", "1.3.0")}


@pytest.mark.parametrize("how", ["below what production runs", "soaking again", "held there", "deleted"])
def test_a_pin_that_its_source_is_behind_no_more_is_taken_out_of_the_open_proposal(worldwide: World, how: str) -> None:
    soak = "\nsoak: 1h"
    stages = Stages.start(worldwide, f"promote_from: staging{soak}", apps=("web", "api"))
    long_ago = datetime.now(UTC) - timedelta(hours=3)
    if how == "below what production runs":
        stages.run("staging", "web", "0.9.0", at=long_ago)
    if how == "soaking again":
        stages.run("staging", "web", "1.0.5", at=long_ago)
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0", at=long_ago)
    assert actions(stages.deploy.ask("update").json) == {"all": "open"}
    assert stages.news().keys() == {"web", "api"}
    code = {
        "below what production runs": "held.downgrade",
        "soaking again": "held.soak",
        "held there": "held.hold",
        "deleted": "held.absent_in_target",
    }[how]
    match how:
        case "below what production runs":
            stages.run("staging", "web", "0.9.0", at=long_ago)
        case "soaking again":
            stages.run("staging", "web", "1.0.5")
        case "held there":
            image = stages.deploy.image("web")
            hold = f'{{environment: staging, image: {image}, until: 2999-01-01, why: "it leaks"}}'
            stages.configure(f"promote_from: staging{soak}", more=f"holds: [{hold}]")
        case _:
            stages.deploy.world.registry.delete(f"{stages.deploy.name}/web", stages.digests["web", "1.1.0"])
    done = stages.deploy.ask("update")
    assert (held(done.json), actions(done.json)) == ({"web/production": code}, {"all": "refresh"})
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    with stages.deploy.watching() as seen:
        stages.deploy.ask("update")
    assert seen.nothing


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


def test_soak_is_held_where_the_known_history_does_not_tell_since_when(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging\nsoak: 2h")
    stages.run("staging", "web", "1.1.0", at=datetime.now(UTC) - timedelta(days=9))
    cut(stages.deploy)
    done = stages.deploy.ask("update")
    assert (done.code, held(done.json)) == (0, {"web/production": "held.history_bound"})
    assert "does not show when it started" in reason(done.json)["text"]
    assert "fetch-depth: 0" in reason(done.json)["text"]
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
    for _ in range(4):
        done = deploy.ask("update")
        assert done.code == 0
    pins = {name: deploy.files("main")[path("web", name)].count(digest.encode()) for name in names}
    assert pins == {"dev": 1, "staging": 1, "eu": 0, "us": 0}
    assert held(done.json, "us") == {"web/us": "held.soak"}
    (pull,) = deploy.pulls()
    assert pull["head"]["ref"] == "gitops-bot/eu/all"
    log = deploy.remote.log("main", "%(trailers:key=Gitops-Bot-Plan,valueonly)%x00")
    assert [line.strip("\0") for line in log if "1 " in line] == ["1 staging all promotion", "1 dev all policy"]


def test_a_circle_is_a_mistake_of_the_configuration(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", staging="promote_from: production")
    for command in (("plan",), ("update",), ("promote", "staging", "production"), ("rollback", "staging")):
        done = stages.deploy.ask(*command)
        assert done.code == 2
        places = {(problem["file"], problem["line"]) for problem in done.json["problems"]}
        assert places == {("gitops-bot.yaml", 6), ("gitops-bot.yaml", 9)}
    assert stages.deploy.branches.keys() == {"main"}
