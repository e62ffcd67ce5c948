from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import PROJECT
from tests.examples.place import COMMIT
from tests.examples.workflow import Run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.examples.place import Place

BRANCH = "gitops-bot/production/all"
FILES = sorted((PROJECT / "examples" / "github").glob("*.yml"))


def run(place: Place, name: str, folder: Path, inputs: dict[str, str] | None = None, **github: str) -> Run:
    folder.mkdir(exist_ok=True)
    return Run(place, place.text(f"github/{name}.yml"), folder, {"github": github, "inputs": inputs or {}})


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["build", "build-elsewhere"])
def test_a_push_is_pinned_in_staging_by_the_digest_that_was_pushed(name: str, place: Place, tmp_path: Path) -> None:
    made = run(place, name, tmp_path)
    with place.deploy.watching() as seen:
        assert made.run() == ["build", "staging"]
    assert place.pin("web", "staging") == (f"sha-{COMMIT}", made.done["build"]["digest"])
    assert seen.api == [], "a commit needs no permission for pull requests"


def test_a_version_is_proposed_for_production_by_the_bytes_that_staging_runs(place: Place, tmp_path: Path) -> None:
    built = run(place, "build", tmp_path)
    built.run()
    with place.deploy.watching() as seen:
        run(place, "build", tmp_path).run()
    assert seen.nothing, "`Re-run all jobs` writes nothing new"

    released = run(place, "release", tmp_path, ref_name="v1.1.0")
    assert released.run() == ["image", "production"]
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", built.done["build"]["digest"])
    pull = place.deploy.pull()
    assert pull["head"]["ref"] == BRANCH
    assert [label["name"] for label in pull["labels"]] == ["release"]
    assert released.told[-1].out == f"::notice title=Waiting for a review::{pull['html_url']}\n"


def test_a_promotion_is_shown_before_it_is_approved_and_then_proposed(place: Place, tmp_path: Path) -> None:
    inputs = {"source": "staging", "target": "production", "image": ""}
    with place.deploy.watching() as seen:
        assert run(place, "promote", tmp_path, inputs).run() == ["plan"], "nobody is asked to approve nothing"
    assert seen.nothing

    for app in ("web", "api"):
        digest = place.push(app, "v1.1.0")
        assert place.deploy.bot("set", "staging", f"{place.deploy.image(app)}=v1.1.0@{digest}").code == 0
    made = run(place, "promote", tmp_path, {**inputs, "image": place.deploy.image("api")})
    assert made.run() == ["plan", "promote"]
    assert place.pin("api", "production", BRANCH) == place.pin("api", "staging")
    assert place.pin("web", "production", BRANCH)[0] == "v1.0.0"


def test_the_schedule_proposes_what_is_newer(place: Place, tmp_path: Path) -> None:
    digest = place.push("web", "v1.1.0")
    assert run(place, "update", tmp_path, event_name="schedule").run() == ["update"]
    assert place.pin("web", "production", BRANCH) == ("v1.1.0", digest)
    with place.deploy.watching() as seen:
        run(place, "update", tmp_path, event_name="schedule").run()
    assert seen.nothing


def test_a_pull_request_is_checked_offline(place: Place, tmp_path: Path) -> None:
    with place.deploy.watching() as seen:
        assert run(place, "check", tmp_path, event_name="pull_request").run() == ["check"]
    assert seen.asked == []


def test_the_status_is_written_as_a_page_to_publish(place: Place, tmp_path: Path) -> None:
    made = run(place, "status", tmp_path, repository=place.deploy.name)
    job = made.jobs()["page"]
    (step,) = (step for step in job["steps"] if step.get("name") == "Write the page")
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "gitops-bot").symlink_to(PROJECT)
    with place.deploy.watching() as seen:
        made.job({"steps": [step]}, made._contexts(job))
    assert seen.nothing
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_job_has_the_permissions_that_it_needs_and_no_others(file: Path) -> None:
    workflow = load(file)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        used = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
        mine = [step.get("with", {}) for step in job["steps"] if step.get("uses", "").startswith("acme/gitops-bot@")]
        own = mine and "actions/create-github-app-token" not in used
        writes = own and mine[0].get("command") != "check" and not mine[0].get("dry-run")
        level = {"contents": "write", "pull-requests": "write"} if writes else {}
        if own and mine[0].get("dry-run"):
            level = {"contents": "read", "pull-requests": "read"}
        if "actions/checkout" in used:
            level["contents"] = "read"
        if "actions/upload-pages-artifact" in used:
            level["pull-requests"] = "read"
        if "actions/deploy-pages" in used:
            level |= {"pages": "write", "id-token": "write"}
        if "docker/login-action" in used:
            level["packages"] = "write"
        elif "registry-password" in (mine[0] if mine else {}):
            level["packages"] = "read"
        assert job["permissions"] == level
        assert not ("docker/build-push-action" in used and mine), "a build never holds the token that writes"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_action_is_one_commit_and_the_same_everywhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = re.findall(
        r"uses: (\S+?)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+|your copy and its commit: .*)$", text, re.MULTILINE
    )
    assert len(named) == len(re.findall(r"\buses:", text)) > 0
    everywhere = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    for action, commit, version in named:
        assert set(re.findall(rf"uses: {action}@(\S+) # (.+)", everywhere)) == {(commit, version)}


def test_secrets_are_out_of_reach_of_strangers() -> None:
    for file in FILES:
        workflow = load(file)
        events = workflow[True]  # YAML 1.1 reads `on` as a truth
        assert not {"pull_request_target", "workflow_run", "issue_comment"} & {
            *([events] if events == str(events) else events)
        }
        for job in workflow["jobs"].values():
            assert "secrets." not in str(job) or job["environment"] == "manifests"
