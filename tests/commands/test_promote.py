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
    # What was tested is what ships, also where its tag has moved in the registry since.
    assert stages.deploy.push("web", "1.1.0", "other bytes") != stages.digests["web", "1.1.0"]
    with stages.deploy.watching() as seen:
        text = stages.deploy.bot("promote", "staging", "production", "--dry-run")
    assert (text.code, seen.nothing) == (0, True)
    assert "production (from staging)\n  would open a pull request gitops-bot/production/all\n" in text.out
    assert re.search(r"staging has run 1\.1\.0 for [^,]+, since \d{4}-\d\d-\d\d \d\d:\d\d UTC, as release \d", text.out)

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

    with stages.deploy.watching() as seen:
        assert actions(stages.promote().json) == {"all": "none"}
    assert seen.nothing
    stages.run("staging", "web", "1.2.0")
    assert actions(stages.promote().json) == {"all": "refresh"}
    assert [pull["number"] for pull in stages.deploy.pulls("all")] == [1]
    assert stages.news() == {"web": stages.pin("web", "1.2.0")}


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
    apps = ["web", "api"]
    stages = Stages.start(worldwide, apps=apps)
    pins = differ(stages, *apps)
    with stages.deploy.world.registry.counting() as seen:
        assert actions(stages.promote().json) == {"all": "open"}
    assert sorted(seen) == asked(stages, *apps)
    assert stages.news() == pins


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


RC = "1.1.0-rc.1"


def test_what_goes_beyond_policy_and_soak_time_is_held_until_a_person_says_so(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    image = stages.deploy.image("web")
    stages.configure(f"promote_from: staging\nsoak: 2h\nimages: {{{image}: {{policy: {{semver: ~1.0}}}}}}")
    stages.run("staging", "web", RC)
    done = stages.promote("--image", image)
    found = reason(done.json)
    assert (done.code, held(done.json), found["data"]["also"]) == (1, {"web/production": "held.policy"}, "held.soak")
    assert all(f"`{option}` promotes it anyway" in found["text"] for option in ("--beyond-policy", "--now"))
    assert stages.deploy.branches.keys() == {"main"}

    done = stages.promote("--image", image, "--beyond-policy", "--now")
    assert (done.code, held(done.json), actions(done.json)) == (0, {}, {"all": "open"})
    assert change(done.json)["reason"]["data"]["beyond"] == "held.policy, held.soak"
    assert stages.news() == {"web": stages.pin("web", RC)}
    assert stages.deploy.pull()["body"].count("promoted anyway") == 2

    # It was asked for, so the next promotion leaves it proposed.
    with stages.deploy.watching() as seen:
        assert stages.promote().code == 0
    assert seen.nothing


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
    document = stages.promote("--dry-run", "--overlay", "apps/w*/production").json
    assert change(document)["entry"]["name"] == image("web")
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
