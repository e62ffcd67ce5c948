"""`require`: what the forge tells of a release decides whether it goes on. Real registry, git and GitHub's own API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.stages import BRANCH, Stages, actions, change, environment, held, reason
from tests.counterparts.gitops_statuses import ARGO_CD, FLUX
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import World

CHECK = 'promote_from: staging\nrequire: {checks: ["continuous-delivery/{app}-staging"]}'
NAME = "continuous-delivery/web-staging"


@dataclass(frozen=True, slots=True)
class Gated:
    """Staging runs web 1.1.0 since `commit`, and production would get it."""

    stages: Stages
    commit: str

    @classmethod
    def start(cls, world: World, production: str, **more: Any) -> Gated:
        stages = Stages.start(world, production, **more)
        config = stages.deploy.files("main")["gitops-bot.yaml"].replace(b"apps/*/", b"apps/{app}/")
        stages.deploy.remote.commit("main", {"gitops-bot.yaml": config})
        return cls(stages, stages.run("staging", "web", "1.1.0"))

    def status(self, state: str, context: str = NAME, *, commit: str | None = None, **how: Any) -> None:
        """A status of the release, or of another commit."""
        deploy = self.stages.deploy
        deploy.world.forge.status(deploy.name, commit or self.commit, context, state, **how)

    def run(self, state: str, name: str = "e2e", *, commit: str | None = None, **how: Any) -> None:
        """A check run."""
        deploy = self.stages.deploy
        deploy.world.forge.check_run(deploy.name, commit or self.commit, name, state, **how)

    def other(self, text: str = "more") -> str:
        """A commit on the base branch that has nothing to do with it."""
        return self.stages.deploy.remote.commit("main", {"README.md": f"# {text}\n".encode()})

    def update(self) -> str:
        """What an update says of production: `promoted`, or the code that holds it; what is written agrees."""
        done = self.stages.deploy.ask("update", "production")
        assert done.code == 0, done.json
        opened = BRANCH in self.stages.deploy.branches
        if codes := held(done.json):
            assert not opened or actions(done.json) == {"all": "none"}
            return str(next(iter(codes.values())))
        assert actions(done.json)
        assert opened
        return "promoted"


def test_a_release_goes_on_once_its_check_succeeded_and_says_what_it_waits_for(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    assert gated.update() == "held.check"
    plan = gated.stages.deploy.ask("plan", "production").json
    said = reason(plan)["text"]
    assert said == (
        f"released to staging by {gated.commit[:10]}: {NAME} was not reported yet; "
        "it goes on as soon as that has succeeded"
    )
    assert environment(plan)["held"][0]["candidate"]["tag"] == "1.1.0"
    gated.status("pending", url="https://argocd.test/web")
    assert gated.update() == "held.check"
    (entry,) = environment(gated.stages.deploy.ask("status").json)["entries"]
    assert (entry["state"], entry["hold"]["code"]) == ("checks", "held.check")
    assert "production: 1 of 1 behind: 1 waits for checks" in gated.stages.deploy.bot("status").out
    gated.status("failure", url="https://argocd.test/web", text="it is degraded")
    own = environment(gated.stages.deploy.ask("status").json)
    assert (own["entries"][0]["state"], own["counts"]["check_failed"], own["behind"]) == ("check_failed", 1, 1)
    assert own["entries"][0]["hold"]["code"] == "held.check"
    assert "production: 1 of 1 behind: 1 failed its check" in gated.stages.deploy.bot("status").out
    seen = {"gate": "checks", "name": NAME, "by": "argocd[bot]", "url": "https://argocd.test/web"}
    seen |= {"state": "failure", "text": "it is degraded"}
    asked = (
        lambda: gated.stages.deploy.ask("plan", "production").json["environments"][0]["held"],
        lambda: gated.stages.deploy.ask("explain", "production", "web").json["entries"],
        lambda: environment(gated.stages.deploy.ask("status").json)["entries"],
    )
    for ask in asked:
        (shown,) = (item for entry in ask() for item in entry["evidence"])
        assert {name: shown[name] for name in seen} == seen
        assert shown["since"].endswith("Z")
    plan = gated.stages.deploy.ask("plan", "production").json
    assert "failed on " in reason(plan)["text"]
    assert "by argocd[bot] (https://argocd.test/web); run it again" in reason(plan)["text"]
    assert reason(plan)["data"]["url"] == "https://argocd.test/web"
    gated.status("success")
    assert gated.update() == "promoted"
    assert gated.stages.news() == {"web": gated.stages.pin("web", "1.1.0")}
    ((shown,),) = (entry["evidence"] for entry in environment(gated.stages.deploy.ask("status").json)["entries"])
    assert (shown["state"], shown["text"]) == ("success", "")


@pytest.mark.parametrize("events", [pytest.param(ARGO_CD, id="Argo CD"), pytest.param(FLUX, id="Flux")])
def test_what_argo_cd_and_flux_write_opens_and_closes_the_gate(worldwide: World, events: Any) -> None:
    context = next(iter(events.values())).context
    wanted = context.replace("web", "{app}").replace("0c9c2e41", "*")
    gated = Gated.start(worldwide, f'promote_from: staging\nrequire: {{checks: ["{wanted}"]}}')
    for event in events.values():
        gated.status(event.state, event.context, text=event.description, url=event.target_url)
        expected = "promoted" if event.state == "success" else "held.check"
        assert gated.update() == expected, event
        if expected == "promoted":
            gated.stages.close()
            return
    raise AssertionError("none of them is a success")


def test_the_commit_on_the_base_branch_is_asked_and_not_the_one_that_was_merged(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK, staging="policy: releases")
    deploy = gated.stages.deploy
    gated.stages.push("web", "1.2.0")
    assert deploy.ask("update", "staging").code == 0
    head = deploy.branches["gitops-bot/staging/all"]
    released = gated.stages.merge("squash")
    gated.status("success", commit=head)
    assert gated.update() == "held.check", "what was tested before the merge is not what was released"
    gated.status("success", commit=released)
    assert gated.update() == "promoted"


def test_a_server_without_graphql_tells_the_same_by_rest(worldwide: World) -> None:
    gated = Gated.start(worldwide, 'promote_from: staging\nrequire: {checks: [e2e, "*-staging"], deployment: staging}')
    deploy, forge = gated.stages.deploy, gated.stages.deploy.world.forge

    def old(request: Request, go: Callable[[], Answer]) -> Answer:
        return Answer.json(404, {"message": "Not Found"}) if request.path.endswith("/graphql") else go()

    deploy.gate(old)
    assert gated.update() == "held.check"
    gated.run("failure")
    gated.run("success")
    gated.status("success", "web-staging", by="ann")
    assert gated.update() == "held.deployment"
    forge.deployment(deploy.name, "staging", gated.commit, "failure")
    forge.deployment(deploy.name, "staging", gated.commit, "success", "inactive")
    forge.deployment(deploy.name, "staging", gated.commit)
    assert gated.update() == "held.deployment", "the newest has no status yet"
    forge.deployment(deploy.name, "staging", gated.commit, "success")
    assert gated.update() == "promoted"
    evidence = change(deploy.ask("plan", "production").json)["evidence"]
    makers = [("e2e", "github-actions[bot]"), ("web-staging", "ann"), ("staging", "argocd[bot]")]
    assert [(seen["name"], seen["by"]) for seen in evidence] == makers
    gated.run("in_progress")
    assert gated.update() == "held.check"
    later = gated.other()
    gated.run("timed_out", commit=later)
    assert gated.update() == "held.check"
    assert BRANCH not in deploy.branches, "what failed is withdrawn"


def test_a_skipped_check_holds_until_the_configuration_lets_it_pass_and_another_maker_is_named(
    worldwide: World,
) -> None:
    gated = Gated.start(worldwide, "promote_from: staging\nrequire: {checks: [{name: e2e, app: github-actions}]}")
    deploy = gated.stages.deploy

    def says(text: str) -> bool:
        return gated.update() == "held.check" and text in reason(deploy.ask("plan", "production").json)["text"]

    gated.status("success", "e2e")
    assert says("e2e was reported as success by argocd[bot], which does not count")
    gated.run("skipped")
    assert says("e2e ended as skipped, not as a success, on ")
    config = deploy.files("main")["gitops-bot.yaml"].replace(b"github-actions}", b"github-actions, skipped: passes}")
    deploy.remote.commit("main", {"gitops-bot.yaml": config})
    assert gated.update() == "promoted"
    # Nobody may see of which workflow it is: it counts until a later commit has one.
    gated.run("failure", suite=7)
    assert gated.update() == "held.check"
    gated.run("success", suite=8, commit=gated.other())
    assert gated.update() == "promoted"


def test_what_the_bot_records_itself_is_no_deployment(worldwide: World) -> None:
    required = "promote_from: staging\nrequire: {deployment: staging}"
    gated = Gated.start(worldwide, required, staging="records: github")
    assert gated.stages.deploy.ask("update").code == 0
    recorded = gated.stages.deploy.call("GET", "/deployments")
    assert [(each["environment"], each["sha"]) for each in recorded] == [("staging", gated.commit)]
    assert gated.update() == "held.deployment"


WATCHED = 'policy: releases\nrequire_after: ["continuous-delivery/{app}-staging"]\non_failure: rollback'


def test_what_fails_in_staging_is_rolled_back_there_and_goes_no_further(worldwide: World) -> None:
    gated = Gated.start(worldwide, "promote_from: staging", staging=WATCHED)
    deploy = gated.stages.deploy
    assert gated.update() == "promoted"
    gated.status("failure")
    assert deploy.ask("update").code == 0
    branches = {pull["head"]["ref"] for pull in deploy.pulls()}
    assert branches == {"gitops-bot/staging/rollback-failed-all"}, "what was proposed to production is withdrawn"
    gated.stages.configure("promote_from: staging\npropose: {as: commit}", staging=WATCHED)
    config = deploy.files("main")["gitops-bot.yaml"].replace(b"apps/*/", b"apps/{app}/")
    base = deploy.remote.commit("main", {"gitops-bot.yaml": config})
    for command in (("update",), ("promote", "staging", "production")):
        done = deploy.ask(*command)
        assert (held(done.json), deploy.branches["main"]) == ({"web/production": "held.check"}, base)
        said = reason(done.json)["text"]
        assert said.startswith(f"1.1.0 failed `require_after` of staging: {NAME} failed on ")
        assert said.endswith("run it again, or release a fix; `--release-hold` promotes it anyway")
    explained = deploy.bot("explain", "production", "web").out
    assert "it failed in no earlier wave: no, 1.1.0 failed `require_after` of staging" in explained
    assert "(of an earlier environment: `--release-hold`)" in explained
    assert deploy.ask("promote", "staging", "production", "--release-hold").code == 0
    assert deploy.branches["main"] != base


def test_a_source_that_never_rests_promotes_the_newest_that_passed_and_says_why_the_newer_waits(
    worldwide: World,
) -> None:
    gated = Gated.start(worldwide, CHECK)
    gated.status("success")
    later = gated.stages.run("staging", "web", "1.2.0")
    assert gated.update() == "promoted"
    assert gated.stages.news() == {"web": gated.stages.pin("web", "1.1.0")}
    found = change(gated.stages.deploy.ask("plan", "production").json)
    assert f"1.2.0 waits: released to staging by {later[:10]}: {NAME} was not reported yet" in found["reason"]["text"]
    assert [seen["state"] for seen in found["evidence"]] == ["success"]
    gated.status("success", commit=later)
    assert gated.update() == "promoted"
    assert gated.stages.news() == {"web": gated.stages.pin("web", "1.2.0")}


@rows("flag staging", {"of its release": ("--beyond-checks", ""), "of an earlier wave": ("--release-hold", WATCHED)})
def test_later_runs_leave_what_a_person_promoted_in_spite_of_its_checks(
    worldwide: World, flag: str, staging: str
) -> None:
    gated = Gated.start(worldwide, "promote_from: staging" if staging else CHECK, staging=staging)
    deploy = gated.stages.deploy
    gated.status("success")
    gated.status("failure", commit=gated.stages.run("staging", "web", "1.2.0"))
    assert gated.update() == "promoted"
    assert gated.stages.news() == {"web": gated.stages.pin("web", "1.1.0")}, "the newest that passed"
    assert deploy.ask("promote", "staging", "production", flag).code == 0
    expected = {"web": gated.stages.pin("web", "1.2.0")}
    assert gated.stages.news() == expected
    gated.other()
    for _ in range(2):
        assert deploy.ask("update", "production").code == 0
        assert gated.stages.news() == expected
    assert BRANCH in deploy.branches


SOURCE = """require:
  source_checks: {images: {"*/web": acme/%s}, checks: [test, {name: trivy, app: github-actions}]}"""
REVISION = "5" * 40


def test_an_image_waits_for_the_checks_of_the_commit_that_it_was_built_from(worldwide: World) -> None:
    name = "web-by-promotion"
    stages = Stages.start(worldwide, f"promote_from: staging\n{SOURCE % name}", apps=("web", "api"))
    deploy, forge = stages.deploy, stages.deploy.world.forge
    source = forge.create(f"acme/{name}", {"main.go": b"package main\n"})
    revision = source.branches()["main"]
    for app in ("web", "api"):
        digest = deploy.world.registry.push_image(
            f"{deploy.name}/{app}", "1.1.0", labels={"org.opencontainers.image.revision": revision}
        )
        stages.run("staging", app, "1.1.0", digest=digest)

    def update() -> tuple[dict[str, str], set[str]]:
        done = deploy.ask("update", "production")
        return held(done.json), {
            change["entry"]["overlay"] for each in environment(done.json)["proposals"] for change in each["changes"]
        }

    waits = {"web/production": "held.source_check"}, {"apps/api/production"}
    assert update() == waits
    said = reason(deploy.ask("plan", "production").json)["text"]
    assert said.startswith(f"built from {revision[:10]} of acme/{name}, as the image claims: test was not reported yet")
    forge.check_run(f"acme/{name}", revision, "test")
    forge.check_run(f"acme/{name}", revision, "trivy", "failure", url="https://ci.test/7")
    assert update() == waits
    assert "trivy failed on" in reason(deploy.ask("plan", "production").json)["text"]
    forge.check_run(f"acme/{name}", revision, "trivy")
    assert update() == ({}, {"apps/api/production", "apps/web/production"})


def test_an_image_that_names_no_commit_is_held_and_a_repository_that_cannot_be_read_fails_its_image_alone(
    worldwide: World,
) -> None:
    stages = Stages.start(worldwide, f"policy: releases\n{SOURCE % 'nowhere'}", apps=("web", "api"))
    deploy = stages.deploy
    for app in ("web", "api"):
        deploy.world.registry.push_image(
            f"{deploy.name}/{app}", "1.1.0", labels={"org.opencontainers.image.revision": "main"}
        )
    plan = deploy.ask("plan", "production")
    assert (plan.code, held(plan.json)) == (0, {"web/production": "held.source_check"})
    assert "does not say from which commit of acme/nowhere" in reason(plan.json)["text"]
    deploy.world.registry.push_image(
        f"{deploy.name}/web", "1.2.0", labels={"org.opencontainers.image.revision": REVISION}
    )
    done = deploy.ask("update", "production")
    assert done.code == 1
    (failed,) = environment(done.json)["failed"]
    assert failed["entry"]["overlay"] == "apps/web/production"
    assert failed["problem"]["message"] == "the checks of acme/nowhere cannot be read"
    assert "`checks: read`" in failed["problem"]["next"]
    assert actions(done.json) == {"all": "open"}
