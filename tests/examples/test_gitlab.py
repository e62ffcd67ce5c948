from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import TOKEN
from tests.examples.gitlab import Pipeline
from tests.examples.place import COMMIT, Place

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import World

APP, DEPLOY = "gitlab/app/.gitlab-ci.yml", "gitlab/deploy/.gitlab-ci.yml"
PROTECTED = {name: {"DEPLOY_TOKEN": TOKEN} for name in ("staging", "production", "update")}


@pytest.fixture
def place(worldwide: World) -> Place:
    return Place.make(worldwide, "examples/gitlab/deploy/gitops-bot.yaml", database=True)


def pipeline(place: Place, file: str, **variables: str) -> Pipeline:
    """What GitLab sets, for a project that is pushed to its own registry. Git over https is all that is asked of it."""
    own = {
        "CI_COMMIT_SHA": COMMIT,
        "CI_DEFAULT_BRANCH": "main",
        "CI_PROJECT_URL": place.deploy.remote.url.removesuffix(".git"),
        "CI_REGISTRY": place.deploy.world.registry.host,
        "CI_REGISTRY_IMAGE": place.deploy.image("web"),
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": "glcbt-64_registry",
        "CI_JOB_TOKEN": "glcbt-64_registry",
        "CI_SERVER_URL": place.deploy.world.git.address,
    }
    return Pipeline(place, place.text(file), own | variables, PROTECTED)


def test_a_push_is_pinned_in_staging_and_its_tag_in_production_by_the_same_bytes(place: Place, tmp_path: Path) -> None:
    pushed = pipeline(place, APP, CI_PIPELINE_SOURCE="push", CI_COMMIT_BRANCH="main")
    assert list(pushed.jobs) == ["build", "staging"]
    with place.deploy.watching() as seen:
        for job in pushed.jobs:
            done = pushed.run(job, tmp_path / job)
            assert done.code == 0, done.err
            assert TOKEN not in done.out + done.err
    assert seen.api == [], "no API of GitHub is asked"
    tag, digest = place.pin("web", "staging")
    assert (tag, len(digest or "")) == (f"sha-{COMMIT}", 71)
    assert place.pin("web", "production")[0] == "v1.0.0"

    tagged = pipeline(place, APP, CI_PIPELINE_SOURCE="push", CI_COMMIT_TAG="v1.1.0")
    assert {name: job["rules"][0].get("when") for name, job in tagged.jobs.items()} == {
        "release": None,
        "production": "manual",
    }
    for job in tagged.jobs:
        done = tagged.run(job, tmp_path / job)
        assert done.code == 0, done.err
    assert place.pin("web", "production") == ("v1.1.0", digest)
    assert place.deploy.branches.keys() == {"main"}


def test_the_manifests_are_updated_by_schedule_and_promoted_by_hand(place: Place, tmp_path: Path) -> None:
    # What a build has set in staging; GitLab's registry is not here, and the bot asks the one that the images name.
    digest = place.push("web", "v1.1.0")
    done = place.deploy.bot("set", "staging", f"{place.deploy.image('web')}=v1.1.0@{digest}")
    assert done.code == 0, done.err

    scheduled = pipeline(place, DEPLOY, CI_PIPELINE_SOURCE="schedule", CI_COMMIT_BRANCH="main")
    assert list(scheduled.jobs) == ["update"]
    before = place.deploy.branches
    assert scheduled.run("update", tmp_path / "update").code == 0
    assert place.deploy.branches == before, "what has no policy is left alone"

    by_hand = pipeline(place, DEPLOY, CI_PIPELINE_SOURCE="web", CI_COMMIT_BRANCH="main")
    assert list(by_hand.jobs) == ["plan-promotion", "promote"]
    plan = by_hand.run("plan-promotion", tmp_path / "plan")
    assert (plan.code, place.deploy.branches) == (0, before)
    assert "v1.1.0" in plan.out
    assert by_hand.run("promote", tmp_path / "promote").code == 0
    assert place.pin("web", "production") == ("v1.1.0", digest)


def test_a_merge_request_is_checked_without_any_secret(place: Place, tmp_path: Path) -> None:
    asked = pipeline(place, DEPLOY, CI_PIPELINE_SOURCE="merge_request_event")
    assert list(asked.jobs) == ["check"]
    assert "environment" not in asked.jobs["check"]
    for name, data in place.deploy.files("main").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert asked.run("check", tmp_path).code == 0
    (tmp_path / "gitops-bot.yaml").write_text("version: 2\n")
    done = asked.run("check", tmp_path)
    assert (done.code, "gitops-bot.yaml:1" in done.err) == (2, True)
