"""`gitops-bot promote SOURCE TARGET`: the very pins that one environment runs, and nothing else, to the next."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import pinned
from tests.commands.stages import (
    BRANCH,
    Stages,
    actions,
    change,
    config,
    environment,
    held,
    kustomization,
    path,
    reason,
    visible,
)
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

WEB = path("web", "production")


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """`web` and `api` at 1.0.0 in staging and production; neither follows anything by itself."""
    return Stages.start(worldwide, apps=("web", "api"))


def test_the_pins_of_the_source_are_proposed_with_their_release_and_no_other_byte(stages: Stages) -> None:
    release = stages.run("staging", "web", "1.1.0", at=datetime.now(UTC) - timedelta(hours=5))
    stages.run("staging", "api", "1.0.0")
    done = stages.promote()
    assert (done.code, actions(done.json)) == (0, {"all": "open"})
    assert (environment(done.json)["promoted_from"], environment(done.json)["unchanged"]) == ("staging", 1)

    before = stages.deploy.files("main")
    tag, digest = stages.pin("web", "1.1.0")
    wanted = pinned(before[WEB], (": 1.0.0", f": {tag}"), (stages.digests["web", "1.0.0"], digest))
    assert stages.deploy.files(BRANCH) == before | {WEB: wanted}
    assert stages.deploy.parents(BRANCH) == [stages.deploy.branches["main"]]

    found = change(done.json)
    assert (found["source"], found["direction"], found["to"]) == (
        "promotion",
        "forward",
        {"tag": tag, "digest": digest},
    )
    assert found["reason"]["code"] == "promoted"
    assert (found["reason"]["data"]["source"], found["reason"]["data"]["release"]) == ("staging", release)
    pull = stages.deploy.pull()
    assert pull["title"] == "chore(production): web 1.1.0"
    (row,) = (line for line in pull["body"].splitlines() if line.startswith("| `"))
    for word in ("`1.0.0`", "`1.1.0`", f"`{digest[:19]}`", "for 5 hours, since ", f"release 2 ({release[:10]})"):
        assert word in row, word
    assert digest in pull["body"]
    assert "Gitops-Bot-Plan: 1 production all promotion\n" in stages.deploy.message(BRANCH)


def test_again_it_writes_nothing_and_a_newer_pin_refreshes_the_same_pull_request(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    stages.promote()
    with stages.deploy.watching() as seen:
        again = stages.promote()
    assert seen.nothing
    assert (again.code, actions(again.json)) == (0, {"all": "none"})

    stages.run("staging", "web", "1.2.0")
    assert actions(stages.promote().json) == {"all": "refresh"}
    assert [pull["number"] for pull in stages.deploy.pulls("all")] == [1]
    assert stages.news() == {"web": stages.pin("web", "1.2.0")}


def test_a_tag_that_moved_in_the_registry_since_ships_the_digest_that_was_tested(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    tested = stages.digests["web", "1.1.0"]
    assert stages.deploy.push("web", "1.1.0", "other bytes") != tested
    assert stages.promote().code == 0
    assert stages.news() == {"web": ("1.1.0", tested)}


def differ(stages: Stages, *apps: str) -> dict[str, tuple[str, str]]:
    """Production runs 1.0.0 of each application and staging 1.1.0, no two of the same bytes; gives those of staging."""
    files = {}
    for app in apps:
        for name, tag in (("production", "1.0.0"), ("staging", "1.1.0")):
            repository, labels = f"{stages.deploy.name}/{app}", {"of": f"{app} {tag}"}
            digest = stages.deploy.world.registry.push_image(repository, tag, labels=labels)
            stages.digests[app, tag] = digest
            files[path(app, name)] = kustomization(stages.deploy, app, tag, digest)
    stages.deploy.remote.commit("main", files)
    return {app: stages.pin(app, "1.1.0") for app in apps}


def asked(stages: Stages, *apps: str) -> list[str]:
    """What registries are asked about 1.1.0 instead of 1.0.0: what both are, and what they are built for."""
    registry, name = stages.deploy.world.registry, stages.deploy.name
    lines = []
    for app in apps:
        for digest in (stages.digests[app, "1.0.0"], stages.digests[app, "1.1.0"]):
            config = registry.manifest(f"{name}/{app}", digest)["config"]["digest"]
            lines += [f"GET /v2/{name}/{app}/manifests/{digest} 200", f"GET /v2/{name}/{app}/blobs/{config} 200"]
    return sorted(lines)


def test_a_promotion_of_many_asks_the_registry_nothing_else_for_its_text_either(worldwide: World) -> None:
    apps = [f"app{number}" for number in range(21)]
    stages = Stages.start(worldwide, apps=apps)
    pins = differ(stages, *apps)
    with stages.deploy.world.registry.counting() as seen:
        assert actions(stages.promote().json) == {"all": "open"}
    assert sorted(seen) == asked(stages, *apps)
    assert stages.news() == pins


def test_a_dry_run_says_what_would_be_written_and_touches_nothing(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    with stages.deploy.watching() as seen:
        text = stages.deploy.bot("promote", "staging", "production", "--dry-run")
    assert seen.nothing
    assert text.code == 0
    assert "production (from staging)\n  would open a pull request gitops-bot/production/all\n" in text.out
    assert re.search(r"staging has run 1\.1\.0 for [^,]+, since \d{4}-\d\d-\d\d \d\d:\d\d UTC, as release \d", text.out)
    document = stages.promote("--dry-run").json
    assert (actions(document), environment(document)["proposals"][0]["commit"]) == ({"all": "open"}, None)
    assert stages.deploy.pulls("all") == []


def test_what_only_one_side_has_is_listed_and_left_alone(stages: Stages) -> None:
    deploy = stages.deploy
    added = {
        path("job", "staging"): kustomization(deploy, "job", "3.0.0", None),
        path("cron", "production"): kustomization(deploy, "cron", "4.0.0", None),
    }
    deploy.remote.commit("main", added)
    stages.run("staging", "web", "1.1.0")
    done = stages.promote()
    assert done.code == 0
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    assert held(done.json) == {"cron/production": "unmanaged", "job/staging": "unmanaged"}
    texts = {item["entry"]["overlay"]: item["reason"]["text"] for item in environment(done.json)["held"]}
    assert texts == {
        "apps/cron/production": "staging has no such entry to promote",
        "apps/job/staging": "production has no such entry",
    }
    # A person who asks for some entries is not told of the others.
    assert held(stages.promote("--image", deploy.image("web")).json) == {}


def test_an_entry_without_a_digest_in_the_source_is_resolved_once_pinned_and_said(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0", digest=None)
    digest = stages.push("web", "1.1.0")
    with stages.deploy.world.registry.counting() as seen:
        stages.promote("--dry-run")
    asked = [line for line in seen if "/manifests/1.1.0 " in line]
    assert len(asked) == 1
    done = stages.promote()
    assert stages.news() == {"web": ("1.1.0", digest)}
    words = "staging pins no digest, so this is what the tag points to now"
    assert words in change(done.json)["reason"]["text"]
    assert words in stages.deploy.pull()["body"]


def test_new_names_stay_and_a_digest_that_the_targets_repository_lacks_is_held(stages: Stages) -> None:
    deploy = stages.deploy
    digest = stages.push("web", "1.1.0")
    mirrored = f"newName: {deploy.image('mirror')}"
    files = {
        path("web", "staging"): overlay([(deploy.image("web"), f"newTag: 1.1.0; digest: {digest}")]),
        WEB: overlay([(deploy.image("web"), f"{mirrored}; newTag: 1.0.0; digest: {deploy.push('mirror', '1.0.0')}")]),
    }
    deploy.remote.commit("main", files)
    done = stages.promote()
    assert (done.code, held(done.json)) == (0, {"web/production": "held.absent_in_target"})
    assert f"{deploy.image('mirror')} does not have {digest}, which staging runs" in reason(done.json)["text"]
    assert deploy.branches.keys() == {"main"}
    assert stages.promote("--image", deploy.image("web")).code == 1

    assert deploy.push("mirror", "other-tag", "1.1.0") == digest
    assert actions(stages.promote().json) == {"all": "open"}
    after = deploy.files(BRANCH)[WEB].decode()
    assert f"newName: {deploy.image('mirror')}\n    newTag: 1.1.0\n    digest: {digest}\n" in after


def test_a_digest_that_was_deleted_is_held(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    stages.deploy.world.registry.delete(f"{stages.deploy.name}/web", stages.digests["web", "1.1.0"])
    done = stages.promote()
    assert held(done.json) == {"web/production": "held.absent_in_target"}
    assert "it was deleted: push it again" in reason(done.json)["text"]


def test_backwards_is_held_whatever_is_asked_for(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    stages.run("production", "web", "1.1.0")
    done = stages.promote()
    assert (done.code, held(done.json)) == (0, {"web/production": "held.downgrade"})
    assert "downgrades are never automatic" in reason(done.json)["text"]
    assert stages.promote("--image", stages.deploy.image("web")).code == 1
    assert stages.deploy.branches.keys() == {"main"}


RC = "1.1.0-rc.1"
#: The production of `images:`, of which web's policy is one of its own.
OWN = "images: {%s: {policy: {semver: ~1.0}}}"

#: What production says -> what promoting 1.1.0-rc.1 by hand is held for, each with the option that promotes it anyway.
BEYOND = {
    "a policy of the image, and a soak time": (
        f"promote_from: staging\nsoak: 2h\n{OWN}",
        {"held.policy": "--beyond-policy", "held.soak": "--now"},
    ),
    "a policy for what staging does not have": ("promote_from: staging\npolicy: releases", {}),
    "a policy, and pins from elsewhere": ("promote_from: dev\npolicy: releases", {"held.policy": "--beyond-policy"}),
}


@pytest.mark.parametrize("what", BEYOND)
def test_what_goes_beyond_policy_or_soak_time_is_held_until_a_person_says_so(worldwide: World, what: str) -> None:
    keys, expected = BEYOND[what]
    stages = Stages.start(worldwide)
    image = stages.deploy.image("web")
    stages.configure(keys.replace("%s", image), more='  dev: {overlays: ["apps/*/dev"]}')
    stages.run("dev", "web", "1.0.0")
    stages.run("staging", "web", RC)
    if expected:
        done = stages.promote("--image", image)
        found = reason(done.json)
        assert (done.code, held(done.json)) == (1, {"web/production": next(iter(expected))})
        assert found["data"].get("also", "") == ", ".join(list(expected)[1:])
        assert all(f"`{option}` promotes it anyway" in found["text"] for option in expected.values())
        assert stages.deploy.branches.keys() == {"main"}

    done = stages.promote("--image", image, *expected.values())
    assert (done.code, held(done.json), actions(done.json)) == (0, {}, {"all": "open"})
    assert change(done.json)["reason"]["data"].get("beyond", "") == ", ".join(expected)
    assert stages.news() == {"web": stages.pin("web", RC)}
    assert stages.deploy.pull()["body"].count("promoted anyway") == len(expected)

    # It was asked for, so the next promotion leaves it proposed.
    with stages.deploy.watching() as seen:
        assert stages.promote().code == 0
    assert seen.nothing


def test_what_is_held_in_the_source_does_not_go_on(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    stages.run("staging", "api", "1.1.0")
    hold = f'environment: staging, image: {stages.deploy.image("web")}, until: 2999-01-01, why: "it leaks"'
    stages.configure(more=f"holds: [{{{hold}}}]")
    done = stages.promote()
    assert (done.code, held(done.json)) == (0, {"web/production": "held.hold"})
    assert "is held in staging itself: held until 2999-01-01 (it leaks)" in reason(done.json)["text"]
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    assert actions(stages.promote("--release-hold").json) == {"all": "refresh"}
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("web", "api")}


def test_a_version_tag_that_was_moved_is_not_promoted_by_what_it_names_now(stages: Stages) -> None:
    stages.run("staging", "web", "1.0.0", digest=None)
    stages.push("web", "1.0.0", "other bytes")
    done = stages.promote()
    assert (done.code, held(done.json)) == (0, {"web/production": "held.moved"})
    assert stages.promote("--image", stages.deploy.image("web")).code == 1
    assert stages.deploy.branches.keys() == {"main"}


def test_a_tag_alone_has_to_name_what_was_tested(worldwide: World) -> None:
    stages = Stages.start(worldwide, "pin: tag")
    stages.run("staging", "web", "1.1.0")
    stages.push("web", "1.1.0", "other bytes")
    done = stages.promote()
    assert held(done.json) == {"web/production": "held.absent_in_target"}
    assert "does not have 1.1.0 for sha256:" in reason(done.json)["text"]
    assert stages.deploy.branches.keys() == {"main"}


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_an_ignored_entry_that_is_asked_for_by_name_is_not_passed_over(worldwide: World, command: str) -> None:
    stages = Stages.start(worldwide)
    for place in ("staging", "production") if command == "rollback" else ("staging",):
        stages.run(place, "web", "1.1.0")
    image = stages.deploy.image("web")
    stages.configure(f"images: {{{image}: {{ignore: true}}}}")
    done = stages.promote("--image", image) if command == "promote" else stages.rollback("--image", image)
    assert (done.code, held(done.json)) == (1, {"web/production": "ignored"})
    assert reason(done.json)["text"] == "the configuration has `ignore: true`"


def test_a_newer_proposal_that_is_open_in_the_source_is_told(worldwide: World) -> None:
    stages = Stages.start(worldwide, staging="policy: releases")
    stages.run("staging", "web", "1.1.0")
    stages.push("web", "1.2.0")
    stages.deploy.bot("update", "staging")
    done = stages.promote()
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}
    assert change(done.json)["reason"]["data"]["open_in_source"] == 1
    (pull,) = (pull for pull in stages.deploy.pulls() if pull["head"]["ref"] == BRANCH)
    assert "a proposal for the source is still open: " in pull["body"]
    assert "#1 pins 1.2.0@sha256:" in change(done.json)["reason"]["text"]


def test_images_and_overlays_narrow_it_down_and_a_name_that_means_nothing_costs_no_other(stages: Stages) -> None:
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    image = stages.deploy.image
    for words in (("--image", image("web")), ("--overlay", "apps/web/*"), ("--overlay", "apps/w*/production")):
        document = stages.promote("--dry-run", *words).json
        assert change(document)["entry"]["name"] == image("web"), words
    done = stages.promote("--image", "nosuch", "--image", image("api"))
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["message"] == "nosuch matches no entry of production, neither by name nor by repository"
    assert image("web") in problem["next"]
    assert stages.news() == {"api": stages.pin("api", "1.1.0")}
    # What was proposed before stays in the proposal when the next one is promoted alone.
    stages.promote("--image", image("web"))
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("web", "api")}
    assert len(stages.deploy.pulls("all")) == 1


NONSENSE = {
    ("staging", "staging"): "staging cannot be promoted to itself",
    ("nosuch", "production"): "there is no environment 'nosuch'",
    ("staging", "nosuch"): "there is no environment 'nosuch'",
    ("staging", "production", "--overlay", "apps/nosuch/*"): "no overlay of production is in apps/nosuch/*",
    ("staging", "production", "--overlay", "a/***/b"): "***",
    ("staging", "island"): "staging and island cannot correspond",
}


def test_what_cannot_be_meant_is_wrong_usage(stages: Stages) -> None:
    stages.configure(more='  island: {overlays: ["clusters/{cluster}/{app}"]}')
    stages.run("staging", "web", "1.1.0")
    with stages.deploy.watching() as seen:
        for words, told in NONSENSE.items():
            done = stages.deploy.ask("promote", *words)
            (problem,) = done.json["problems"]
            assert (done.code, told in problem["message"]) == (2, True), words
            assert problem["next"]
    assert seen.nothing


def test_commit_mode_goes_straight_to_the_branch(worldwide: World) -> None:
    stages = Stages.start(worldwide, "propose: {as: commit}")
    stages.run("staging", "web", "1.1.0")
    done = stages.promote()
    assert (done.code, actions(done.json)) == (0, {"all": "commit"})
    assert environment(done.json)["proposals"][0]["commit"] == stages.deploy.branches["main"]
    assert stages.pins() == {"web": stages.pin("web", "1.1.0")}
    assert stages.deploy.branches.keys() == {"main"}
    assert stages.deploy.pulls("all") == []
    assert actions(stages.promote().json) == {}


def test_one_overlay_becomes_many_by_a_named_capture(worldwide: World) -> None:
    clusters = ("eu", "us")

    def files(deploy: Deploy) -> dict[str, bytes]:
        text = config().replace(b'"apps/*/staging"', b'"staging/{app}"')
        digests = {tag: deploy.push("web", tag) for tag in ("1.0.0", "1.1.0")}
        pins = {tag: overlay([(deploy.image("web"), f"newTag: {tag}; digest: {digests[tag]}")]) for tag in digests}
        return {
            "gitops-bot.yaml": text.replace(b'"apps/*/production"', b'"clusters/{cluster}/{app}"'),
            "staging/web/kustomization.yaml": pins["1.1.0"],
            **{f"clusters/{cluster}/web/kustomization.yaml": pins["1.0.0"] for cluster in clusters},
            "clusters/eu/local/kustomization.yaml": pins["1.0.0"],
        }

    deploy = worldwide.deploy(files)
    only_eu = deploy.ask("promote", "staging", "production", "--dry-run", "--overlay", "clusters/eu/*")
    assert change(only_eu.json)["entry"]["overlay"] == "clusters/eu/web"
    done = deploy.ask("promote", "staging", "production")
    assert done.code == 0
    assert held(done.json) == {"clusters/eu/local": "unmanaged"}
    before, after = deploy.files("main"), deploy.files(BRANCH)
    assert {file for file in after if after[file] != before[file]} == {
        f"clusters/{cluster}/web/kustomization.yaml" for cluster in clusters
    }
    assert all(
        after[f"clusters/{cluster}/web/kustomization.yaml"] == after["staging/web/kustomization.yaml"]
        for cluster in clusters
    )


def test_many_overlays_go_back_into_one_with_the_newest_pin_that_all_of_them_ran(worldwide: World) -> None:
    pins: dict[str, bytes] = {}

    def files(deploy: Deploy) -> dict[str, bytes]:
        text = config().replace(b'"apps/*/staging"', b'"clusters/{cluster}/{app}"')
        digests = {tag: deploy.push("web", tag) for tag in ("1.0.0", "1.1.0", "1.2.0", "1.3.0")}
        pins.update(
            (tag, overlay([(deploy.image("web"), f"newTag: {tag}; digest: {digests[tag]}")])) for tag in digests
        )
        return {
            "gitops-bot.yaml": text.replace(b'"apps/*/production"', b'"production/{app}"'),
            "clusters/eu/web/kustomization.yaml": pins["1.1.0"],
            "clusters/us/web/kustomization.yaml": pins["1.2.0"],
            "production/web/kustomization.yaml": pins["1.0.0"],
        }

    deploy = worldwide.deploy(files)

    def run(cluster: str, tag: str) -> None:
        deploy.remote.commit("main", {f"clusters/{cluster}/web/kustomization.yaml": pins[tag]})

    def promoted() -> str | None:
        assert deploy.ask("promote", "staging", "production").code == 0
        proposed = deploy.files(BRANCH)["production/web/kustomization.yaml"] if BRANCH in deploy.branches else None
        return next((tag for tag, text in pins.items() if text == proposed), None)

    done = deploy.ask("promote", "staging", "production")
    assert held(done.json) == {"production/web": "held.unordered"}
    assert "no other: 1.1.0 in clusters/eu/web, 1.2.0 in clusters/us/web" in reason(done.json)["text"]
    run("eu", "1.2.0")
    run("eu", "1.3.0")
    assert promoted() == "1.2.0"
    assert "staging ran 1.2.0" in deploy.pull()["body"]
    run("us", "1.3.0")
    assert promoted() == "1.3.0"
    # What one of them went back from is no pin that all of them trust.
    run("eu", "1.2.0")
    deploy.ask("promote", "staging", "production")
    assert promoted() == "1.2.0"


def test_overlays_that_fan_in_wait_for_the_last_of_them_without_a_word_of_alarm(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        digests = {tag: deploy.push("web", tag) for tag in ("1.0.0", "1.1.0")}
        pins = {tag: overlay([(deploy.image("web"), f"newTag: {tag}; digest: {digests[tag]}")]) for tag in digests}
        config = (
            'version: 1\nenvironments:\n  staging: {overlays: ["eu/{app}", "us/{app}"]}\n'
            '  production: {overlays: ["live/{app}"], promote_from: staging, soak: 1h}\n'
        )
        return {
            "gitops-bot.yaml": config.encode(),
            "eu/web/kustomization.yaml": pins["1.1.0"],
            **{f"{name}/web/kustomization.yaml": pins["1.0.0"] for name in ("us", "live")},
        }

    deploy = worldwide.deploy(files)
    us = deploy.files("main")["us/web/kustomization.yaml"]
    deploy.remote.commit("main", {"eu/web/kustomization.yaml": us})
    deploy.remote.commit("main", {"eu/web/kustomization.yaml": deploy.files("main~1")["eu/web/kustomization.yaml"]})
    before = deploy.branches
    done = deploy.ask("update")
    assert (done.code, deploy.branches) == (0, before)
    production = environment(done.json)
    assert (production["held"], production["failed"], production["unchanged"]) == ([], [], 1)
    (explained,) = deploy.ask("explain", "production", "web").json["entries"]
    assert explained["outcome"] == "current"
    assert explained["reason"]["text"] == (
        "every overlay of staging ran this pin, and none that is newer; staging runs 1.1.0 in eu/web"
    )


def test_a_source_overlay_that_was_renamed_has_no_partner_any_more_and_what_is_proposed_stays(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0")
    stages.promote()
    web = stages.deploy.files("main")[path("web", "staging")]
    stages.deploy.remote.commit("main", {path("web", "staging"): None, path("site", "staging"): web})
    done = stages.promote()
    assert done.code == 0
    assert held(done.json) == {"web/production": "unmanaged", "site/staging": "unmanaged"}
    # Nobody decided this entry anew: what people were asked is still the question.
    assert stages.news() == {"web": stages.pin("web", "1.1.0")}

    mine = stages.deploy.files("main")[WEB]
    stages.deploy.remote.commit("main", {WEB: None, path("site", "production"): mine})
    done = stages.promote()
    assert done.code == 0
    assert stages.news() == {"site": stages.pin("web", "1.1.0")}


def test_an_environment_without_a_release_yet_gets_its_first_where_it_has_an_entry_for_it(stages: Stages) -> None:
    stages.deploy.remote.commit("main", {WEB: None, path("api", "production"): None})
    done = stages.promote()
    assert (done.code, held(done.json)) == (1, {"web/staging": "unmanaged", "api/staging": "unmanaged"})
    (problem,) = done.json["problems"]
    assert problem["message"] == "`apps/*/production` of environment production matches no directory"
    # Its first release: an entry that pins nothing yet.
    stages.deploy.remote.commit("main", {WEB: overlay([(stages.deploy.image("web"), "")])})
    done = stages.promote()
    assert (done.code, change(done.json)["from"]) == (0, {"tag": None, "digest": None})
    assert stages.news() == {"web": stages.pin("web", "1.0.0")}


def test_a_reviewer_reads_what_will_run_and_the_way_between_the_sources(stages: Stages) -> None:
    deploy = stages.deploy
    name = f"{deploy.name}/web"
    old, new = "1" * 40, "2" * 40
    for tag, revision in (("2.0.0", old), ("2.1.0", new)):
        labels = {
            "org.opencontainers.image.source": "https://github.com/acme/web",
            "org.opencontainers.image.revision": revision,
        }
        stages.digests["web", tag] = deploy.world.registry.push_image(name, tag, labels=labels)
    stages.run("production", "web", "2.0.0")
    release = stages.run("staging", "web", "2.1.0", at=datetime.now(UTC) - timedelta(days=3))
    stages.promote()
    body = deploy.pull()["body"]
    assert f"https://github.com/acme/web/compare/{old}...{new}" in body
    assert "staging has run 2.1.0 for 3 days, since " in body
    assert f"as release 2 ({release[:10]})" in body
    assert visible(body)[0] == "**production**: 1 pin changed, nothing else."
