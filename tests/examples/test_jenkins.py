from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import PROJECT
from tests.counterparts.world import TOKEN
from tests.examples import jenkinsfile
from tests.examples.place import COMMIT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.examples.place import Place

FILES = sorted((PROJECT / "examples").rglob("Jenkinsfile"))
BRANCH = "gitops-bot/production/all"
CREDENTIALS = {"ghcr": ("acme-builder", "ghp_registry"), "gitops-bot": ("12345", TOKEN)}


def build(place: Place, file: str, *, parameters: dict[str, str] | None = None, **variables: str) -> jenkinsfile.Build:
    """What Jenkins sets; and where GitHub is, which it has from its own environment for a GitHub Enterprise Server."""
    known = {"GIT_COMMIT": COMMIT, "BUILD_NUMBER": "7", **place.forge, **variables}
    return jenkinsfile.Build(place, jenkinsfile.parse(place.text(file)), known, CREDENTIALS, parameters or {})


def ran(made: jenkinsfile.Build, stage: str, folder: Path) -> str:
    """What the last step of a stage printed. Nothing that a step prints holds the token."""
    done = made.run(stage, folder)
    assert [each.code for each in done] == [0] * len(done), done[-1].err
    assert not any(TOKEN in each.out + each.err for each in done)
    return done[-1].out


def test_a_push_is_pinned_in_staging_and_its_tag_is_proposed_for_production(place: Place, tmp_path: Path) -> None:
    pushed = build(place, "jenkins/app/Jenkinsfile", BRANCH_NAME="main")
    assert pushed.stages() == ["Build", "Staging"]
    for stage in pushed.stages():
        ran(pushed, stage, tmp_path)
    tag, digest = place.pin("web", "staging")
    assert (tag, len(digest or "")) == (f"sha-{COMMIT}", 71)

    tagged = build(place, "jenkins/app/Jenkinsfile", BRANCH_NAME="v1.1.0", TAG_NAME="v1.1.0")
    assert tagged.stages() == ["Release", "Production"]
    for stage in tagged.stages():
        ran(tagged, stage, tmp_path)
    assert place.pin("web", "production")[0] == "v1.0.0", "until somebody merges it"
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)
    assert place.deploy.pull()["head"]["ref"] == BRANCH


@pytest.mark.parametrize("ref", ["v1.1.0-rc.1", "feature", "PR-7"])
def test_nothing_runs_for_another_branch_tag_or_pull_request(ref: str, place: Place) -> None:
    assert build(place, "jenkins/app/Jenkinsfile", BRANCH_NAME=ref, TAG_NAME=ref).stages() == []


def test_the_manifests_are_updated_by_schedule_and_promoted_by_hand(place: Place, tmp_path: Path) -> None:
    digest = place.push("web", "v1.1.0")
    scheduled = build(place, "jenkins/deploy/Jenkinsfile", parameters={"ACTION": "update"})
    assert scheduled.stages() == ["Update"]
    ran(scheduled, "Update", tmp_path)
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)

    digest = place.push("api", "v1.2.0")
    done = place.deploy.bot("set", "staging", f"{place.deploy.image('api')}=v1.2.0@{digest}")
    assert done.code == 0, done.err
    by_hand = build(place, "jenkins/deploy/Jenkinsfile", parameters={"ACTION": "promote"})
    assert by_hand.stages() == ["Plan", "Promote"]
    with place.deploy.watching() as seen:
        assert "v1.2.0" in ran(by_hand, "Plan", tmp_path)
    assert seen.nothing
    ran(by_hand, "Promote", tmp_path)
    assert place.pin("api", "production", BRANCH) == ("v1.2.0", digest)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_a_jenkinsfile_is_a_declarative_pipeline(file: Path) -> None:
    root = jenkinsfile.parse(file.read_text(encoding="utf-8"))
    (pipeline,) = jenkinsfile.calls(root, "pipeline")
    assert {"agent", "stages"} <= set(jenkinsfile.inside(pipeline))
    for name, allowed in jenkinsfile.SECTIONS.items():
        for node in jenkinsfile.calls(root, name):
            assert set(jenkinsfile.inside(node)) <= allowed, name
    for stage in jenkinsfile.calls(root, "stage"):
        assert "steps" in jenkinsfile.inside(stage)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_groovy_writes_nothing_into_a_command(file: Path) -> None:
    # In double quotes Groovy would put secrets, and what a tag or branch is called, into the text of the script.
    steps = jenkinsfile.calls(jenkinsfile.parse(file.read_text(encoding="utf-8")), "sh")
    texts = [each.text or b"" for step in steps for each in jenkinsfile.walk(step) if each.type.endswith("_literal")]
    assert len(texts) >= len(steps) > 0
    assert all(text.startswith(b"'") for text in texts)


@pytest.mark.parametrize(
    "text",
    ["pipeline {", "pipeline { stages { stage('x') { steps { sh 'true } } } }", "pipeline { agent { label } ) }"],
)
def test_what_is_no_groovy_is_refused(text: str) -> None:
    with pytest.raises(SyntaxError):
        jenkinsfile.parse(text)
