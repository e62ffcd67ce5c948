"""`on_failure: rollback`: what fails its checks after its release is proposed to be rolled back, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot.demo.http import Answer
from tests.commands.conftest import pinned
from tests.commands.killed import kill_at
from tests.commands.scene import closed, meanwhile
from tests.commands.slots import Shop
from tests.commands.stages import BRANCH, ROLLBACK, Stages, actions, change, environment, held, path, reason
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import World

FAILED = "gitops-bot/production/rollback-failed-all"
AFTER = 'require_after: ["continuous-delivery/{app}-production"]\non_failure: rollback'
WEB = path("web", "production")
OPEN, CLOSE, NONE = ({"rollback-failed-all": action} for action in ("open", "close", "none"))


@dataclass(frozen=True, slots=True)
class Watched:
    """Production ran 1.0.0 of every application, and since `commit` web 1.1.0."""

    stages: Stages
    commit: str

    @classmethod
    def start(cls, world: World, rule: str = "policy: releases", *, after: str = AFTER, **more: Any) -> Watched:
        stages = Stages.start(world, f"{rule}\n{after}", **more)
        config = stages.deploy.files("main")["gitops-bot.yaml"].replace(b"apps/*/", b"apps/{app}/")
        stages.deploy.remote.commit("main", {"gitops-bot.yaml": config})
        return cls(stages, stages.run("production", "web", "1.1.0"))

    def status(self, state: str, app: str = "web", *, commit: str | None = None, **how: Any) -> None:
        """A status of the release, or of another commit."""
        deploy, context = self.stages.deploy, f"continuous-delivery/{app}-production"
        deploy.world.forge.status(deploy.name, commit or self.commit, context, state, **how)

    def update(self, *more: str) -> dict[str, str]:
        """What an update does with each group of production."""
        done = self.stages.deploy.ask("update", *more)
        assert done.code == 0, done.json
        return actions(done.json)

    def standing(self) -> dict[str, set[str]]:
        """The applications that each open pull request changes."""
        return {pull["head"]["ref"]: set(self.stages.news(pull["head"]["ref"])) for pull in self.stages.deploy.pulls()}


@pytest.fixture
def watched(worldwide: World) -> Watched:
    return Watched.start(worldwide, apps=("web", "api"))


def afterwards(watched: Watched) -> Any:
    """How `explain` tells of web, and of the gate that rolls back."""
    (explained,) = watched.stages.deploy.ask("explain", "production", "web").json["entries"]
    (gate,) = (gate for gate in explained["gates"] if gate["gate"] == "afterwards")
    return explained, gate


def test_what_failed_is_proposed_to_be_rolled_back_with_the_check_as_the_reason_until_that_succeeds(
    watched: Watched,
) -> None:
    deploy = watched.stages.deploy
    watched.status("failure", url="https://argocd.test/web", text="it is degraded")
    base = deploy.files("main")
    with deploy.watching() as seen:
        plan = deploy.ask("plan", "production").json
    assert (seen.nothing, actions(plan)) == (True, OPEN)
    found = change(plan)
    assert (found["source"], found["direction"], found["reason"]["code"]) == ("rollback", "backward", "rolled_back")
    why = found["reason"]["data"]["because"]
    assert why.startswith("continuous-delivery/web-production failed on ")
    assert why.endswith(" UTC, by argocd[bot] (https://argocd.test/web)")
    (evidence,) = found["evidence"]
    assert (evidence["gate"], evidence["state"], evidence["by"]) == ("checks", "failure", "argocd[bot]")
    explained, gate = afterwards(watched)
    assert (explained["outcome"], gate["passed"], gate["reason"]["code"]) == ("current", False, "rolled_back")
    assert [item["state"] for item in explained["evidence"]] == ["failure"]
    with deploy.watching() as seen:
        assert watched.update() == OPEN
    assert seen.writes == ["POST /pulls 201"]
    old, new = (watched.stages.digests["web", tag] for tag in ("1.1.0", "1.0.0"))
    assert deploy.files(FAILED) == base | {WEB: pinned(base[WEB], (": 1.1.0", ": 1.0.0"), (old, new))}
    pull = deploy.pull()
    assert pull["title"] == "chore(production): roll back web to 1.0.0"
    assert (
        "**production**: 1 pin rolled back, nothing else.\n\n**Why:** continuous-delivery/web-production"
        in pull["body"]
    )
    assert "check [`continuous-delivery/web-production`](https://argocd.test/web): failure since " in pull["body"]
    assert "Why: continuous-delivery/web-production failed on " in deploy.message(FAILED)
    assert "Gitops-Bot-Plan: 1 production rollback-failed-all rollback\n" in deploy.message(FAILED)
    entries = environment(deploy.ask("status", "production").json)["entries"]
    (web,) = (entry for entry in entries if entry["entry"]["overlay"] == "apps/web/production")
    assert web["proposal"]["number"] == 1
    assert [item["url"] for item in web["evidence"]] == ["https://argocd.test/web"]
    # The check runs again for another commit, and succeeds there.
    fixed = deploy.remote.commit("main", {"apps/web/production/patch.yaml": b"replicas: 3\n"})
    watched.status("pending", commit=fixed)
    with deploy.watching() as seen:
        assert watched.update() == NONE
    assert seen.nothing
    watched.status("success", commit=fixed)
    explained, gate = afterwards(watched)
    assert (gate["passed"], explained["evidence"][0]["state"]) == (True, "success")
    assert watched.update() == CLOSE
    assert FAILED not in deploy.branches
    pull = deploy.call("GET", "/pulls/1")
    assert pull["state"] == "closed"
    assert "Closed by gitops-bot: none of its checks fails any more." in pull["body"]
    assert watched.update() == {}


def test_one_that_a_person_closes_is_not_opened_again_for_that_release(watched: Watched) -> None:
    deploy = watched.stages.deploy
    watched.status("failure")
    watched.update()
    watched.stages.close()
    with deploy.watching() as seen:
        done = deploy.ask("update")
    assert (seen.nothing, actions(done.json)) == (True, {})
    assert held(done.json) == {"web/production": "held.declined"}
    # A release that goes back the same way is another one.
    later = datetime.now(UTC) + timedelta(minutes=1)
    watched.stages.run("production", "web", "1.0.0", at=later)
    again = watched.stages.run("production", "web", "1.2.0", at=later + timedelta(minutes=1))
    watched.status("failure", commit=again)
    assert watched.update() == OPEN
    assert watched.stages.news(FAILED) == {"web": watched.stages.pin("web", "1.0.0")}


def test_a_rollback_that_fails_is_not_rolled_back_and_the_pin_does_not_come_again(watched: Watched) -> None:
    stages = watched.stages
    watched.status("failure")
    assert watched.update() == OPEN
    watched.status("failure", commit=stages.merge())
    done = stages.deploy.ask("update")
    assert (actions(done.json), held(done.json)) == ({}, {"web/production": "held.reverted"})
    assert reason(done.json)["text"].startswith("rolled back to 1.0.0 in ")
    assert stages.deploy.pulls() == []


def test_only_what_failed_of_a_release_is_rolled_back(worldwide: World) -> None:
    watched = Watched.start(worldwide, apps=("web", "api", "shop"))
    stages = watched.stages
    for app in ("web", "api", "shop"):
        stages.push(app, "1.3.0")
    assert watched.update() == {"all": "open"}
    released = stages.merge()
    watched.status("failure", "api", commit=released)
    assert watched.update() == OPEN
    assert watched.standing() == {FAILED: {"api"}}
    watched.status("success", "api", commit=released)
    watched.status("failure", "shop", commit=released)
    assert watched.update() == {"rollback-failed-all": "refresh"}
    assert stages.news(FAILED) == {"shop": stages.pin("shop", "1.0.0")}


def test_of_several_releases_of_an_overlay_the_one_that_turned_it_red_goes_back_or_all_where_nobody_can_tell(
    worldwide: World,
) -> None:
    watched = Watched.start(worldwide)
    stages, deploy = watched.stages, watched.stages.deploy

    def release(web: str, api: str) -> str:
        entries = [
            (deploy.image(app), f"newTag: {tag}; digest: {stages.digests.get((app, tag)) or stages.push(app, tag)}")
            for app, tag in (("web", web), ("api", api))
        ]
        return deploy.remote.commit("main", {WEB: overlay(entries)})

    def back() -> list[str]:
        images = yaml.safe_load(deploy.files(FAILED)[WEB])["images"]
        return sorted(f"{image['name'].rpartition('/')[2]} {image['newTag']}" for image in images)

    first, second, third = (release(*tags) for tags in (("1.1.0", "1.0.0"), ("1.1.0", "1.2.0"), ("1.2.0", "1.2.0")))
    watched.status("success", commit=first)
    watched.status("failure", commit=third)
    assert watched.update() == OPEN
    assert back() == ["api 1.0.0", "web 1.1.0"]
    told = f"which of them cannot be told: api and web changed since the last green release {first[:10]}"
    assert told in deploy.pull()["body"]
    assert told in " ".join(deploy.bot("plan", "production").out.split())
    # What was not reported is told after all.
    watched.status("failure", commit=second)
    assert watched.update() == {"rollback-failed-all": "refresh"}
    assert back() == ["api 1.0.0", "web 1.2.0"]
    assert f"seen red at {second[:10]}, which changed api" in deploy.pull()["body"]
    _, gate = afterwards(watched)
    assert (gate["passed"], gate["reason"]["text"].rpartition("; ")[2]) == (
        False,
        f"seen red at {second[:10]}, and not by this pin",
    )
    watched.status("success", commit=second)
    assert watched.update() == {"rollback-failed-all": "refresh"}
    assert back() == ["api 1.2.0", "web 1.1.0"]


def test_it_gives_way_to_a_newer_pin_before_that_is_proposed(watched: Watched) -> None:
    stages = watched.stages
    watched.status("failure")
    assert watched.update() == OPEN
    stages.push("web", "1.2.0")
    with stages.deploy.watching() as seen:
        done = stages.deploy.ask("update")
    assert actions(done.json) == {"all": "open", **CLOSE}
    assert "; what is pinned now failed: continuous-delivery/web-production" in change(done.json)["reason"]["text"]
    writes = [line.split()[:2] for line in seen.writes if "comments" not in line]
    assert writes == [["PATCH", "/pulls/1"], ["POST", "/pulls"]]
    assert (
        "another pin is proposed for it, and the rollback gives way to that"
        in stages.deploy.call("GET", "/pulls/1")["body"]
    )
    assert watched.standing() == {BRANCH: {"web"}}
    # Once people decline the newer one, going back is what is left.
    stages.close()
    assert watched.update() == OPEN
    assert watched.standing() == {FAILED: {"web"}}
    explained, _ = afterwards(watched)
    assert (explained["outcome"], explained["reason"]["code"]) == ("held", "held.declined")


def test_one_with_a_persons_commit_is_left_to_people_who_are_told_once(watched: Watched) -> None:
    stages = watched.stages
    watched.status("failure")
    watched.update()
    stages.deploy.remote.commit(FAILED, {"apps/web/production/patch.yaml": b"x: 1\n"})
    head = stages.deploy.branches[FAILED]
    watched.status("success")
    stages.push("web", "1.2.0")
    for writes in (["POST /issues/1/comments 201"], []):
        with stages.deploy.watching() as seen:
            done = stages.deploy.ask("update")
        assert (seen.writes, actions(done.json)) == (writes, {"rollback-failed-all": "leave"})
        assert held(done.json) == {"web/production": "held.reverted"}
    assert stages.deploy.branches[FAILED] == head


def test_where_releases_are_committed_it_is_a_pull_request_and_a_forge_that_refuses_costs_that_alone(
    worldwide: World,
) -> None:
    watched = Watched.start(worldwide, "policy: releases\npropose: {as: commit}", apps=("web", "api"))
    stages, deploy = watched.stages, watched.stages.deploy
    watched.status("failure")
    base = deploy.branches["main"]
    assert watched.update() == OPEN
    assert (watched.standing(), deploy.branches["main"]) == ({FAILED: {"web"}}, base)
    stages.push("web", "1.2.0")
    deploy.gate(lambda request, go: Answer.json(403, {"message": "no"}))
    done = deploy.ask("update")
    deploy.gate(None)
    assert done.code == 1
    (problem,) = (item["problem"] for item in environment(done.json)["failed"])
    assert problem["code"].startswith("failed.")
    assert stages.pins()["web"] == stages.pin("web", "1.2.0")
    assert watched.update() == CLOSE
    assert watched.standing() == {}


def test_it_never_merges_by_itself_and_no_window_stops_it(worldwide: World) -> None:
    watched = Watched.start(worldwide, f"policy: releases\npropose: {{auto_merge: without-checks, {closed()}}}")
    watched.status("failure")
    watched.stages.push("web", "1.2.0")  # what waits for the window is no fix yet
    for action in (OPEN, NONE):
        done = watched.stages.deploy.ask("update")
        assert actions(done.json)["rollback-failed-all"] == action["rollback-failed-all"]
        assert held(done.json) == {"web/production": "held.window"}
        assert watched.stages.deploy.pull()["auto_merge"] is None
    assert watched.standing() == {FAILED: {"web"}}


def test_a_person_who_rolls_back_takes_its_place(watched: Watched) -> None:
    stages = watched.stages
    watched.status("failure")
    watched.update()
    done = stages.rollback("--reason", "as it says")
    assert (done.code, actions(done.json)) == (0, {"rollback-all": "open", **CLOSE})
    assert "it is being rolled back" in stages.deploy.call("GET", "/pulls/1")["body"]
    assert watched.standing() == {ROLLBACK: {"web"}}
    with stages.deploy.watching() as seen:
        assert watched.update() == {}
    assert seen.nothing


HOSTILE = ("\x1b[2J\u202e", "a\n::error::b", "<img src=x onerror=alert(1)>", "|`*_[x](y)@all #1")


def test_hostile_names_links_and_descriptions_do_no_harm(worldwide: World) -> None:
    watched = Watched.start(worldwide, after='require_after: ["*"]\non_failure: rollback')
    deploy = watched.stages.deploy
    for text in HOSTILE:
        url = f"javascript:{text}"
        deploy.world.forge.status(deploy.name, watched.commit, (text * 20)[:200], "failure", text=text * 5, url=url)
    out = deploy.bot("plan", "production").out
    assert "\x1b" not in out
    assert "\n::error::" not in out
    assert watched.update() == OPEN
    body, message = deploy.pull()["body"], deploy.message(FAILED)
    for said in (out, body, message):
        assert "javascript:" not in said
    assert not re.search(r"(?<!\\)<img", re.sub(r"`+[^`]*`+", "", body))
    assert not [line for line in message.splitlines() if line.startswith("::")]
    assert watched.update() == NONE


def test_a_switch_between_slots_is_left_to_people(worldwide: World) -> None:
    shop = Shop.start(worldwide, rules="policy: releases\n    require_after: [e2e]\n    on_failure: rollback")
    shop.give("green", "1.1.0", minutes=5)
    shop.switch("green")
    shop.deploy.world.forge.status(shop.deploy.name, shop.deploy.branches["main"], "e2e", "failure")
    assert environment(shop.update())["proposals"] == []


def test_two_runs_at_once_open_one(watched: Watched) -> None:
    watched.status("failure")
    meanwhile(watched.stages.deploy, lambda: watched.stages.deploy.bot("update"))
    # Within one second both make the same commit, and the later one only finishes the pull request.
    assert watched.update()["rollback-failed-all"] in ("none", "refresh")
    assert watched.standing() == {FAILED: {"web"}}
    assert len(watched.stages.deploy.pulls("all")) == 1


def test_a_run_that_is_killed_is_carried_on(watched: Watched) -> None:
    watched.status("failure")
    kill_at(watched.stages.deploy, "POST /pulls", done=True)
    assert watched.update() == NONE
    assert watched.standing() == {FAILED: {"web"}}
