"""`require`: what the forge tells of a release decides whether it goes on. Real registry, git and GitHub's own API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.stages import BRANCH, Stages, actions, change, environment, held, path, reason
from tests.counterparts.gitops_statuses import ARGO_CD, FLUX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    assert environment(gated.stages.deploy.ask("status").json)["entries"][0]["state"] == "held"
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


def test_a_later_commit_counts_as_long_as_the_pin_stood_there_and_the_newest_result_of_all(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    before = gated.stages.deploy.remote.git("rev-parse", f"{gated.commit}~1").decode().strip()
    gated.status("success", commit=before)  # it told of the pin before
    assert gated.update() == "held.check"
    later = gated.other()
    gated.status("success", commit=later)
    assert gated.update() == "promoted"
    gated.status("pending", commit=gated.other("even later"))
    assert gated.update() == "held.check"
    gated.status("failure", commit=gated.commit)  # newer, although on the older commit
    assert gated.update() == "held.check"
    assert BRANCH not in gated.stages.deploy.branches, "what failed is withdrawn"


def test_what_was_reported_while_another_pin_stood_says_nothing_of_this_one(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    gated.status("success")
    again = gated.stages.run("staging", "web", "1.2.0")
    assert gated.update() == "held.check"
    gated.status("success", commit=again)
    assert gated.update() == "promoted"
    assert gated.stages.news() == {"web": gated.stages.pin("web", "1.2.0")}


@dataclass(frozen=True, slots=True)
class Row:
    """One environment of a release that others share. Its checks have its name in front."""

    gated: Gated
    name: str

    def run(self, state: str, name: str = "e2e", **how: Any) -> None:
        """A check run of the release."""
        self.gated.run(state, f"{self.name}-{name}", **how)

    def status(self, state: str, **how: Any) -> None:
        """A status of the release."""
        self.gated.status(state, f"{self.name}-e2e", **how)


def decided(gated: Gated, requires: Sequence[str], report: Callable[[Row, int], object]) -> list[str]:
    """What one update says of environments that each require something else of the same release: see `Gated.update`."""
    deploy, rows = gated.stages.deploy, [f"row{number}" for number in range(len(requires))]
    text = deploy.files("main")["gitops-bot.yaml"].decode().rstrip()
    for row, require in zip(rows, requires, strict=True):
        rule = require.replace("e2", f"{row}-e2").replace("ROW", row)
        text += f"\n  {row}: {{overlays: ['apps/{{app}}/{row}'], promote_from: staging, require: {rule}}}"
    pins = deploy.files("main")[path("web", "production")]
    files = {path("web", row): pins for row in rows}
    deploy.remote.commit("main", {"gitops-bot.yaml": text.encode(), **files})
    for number, row in enumerate(rows):
        report(Row(gated, row), number)
    done = deploy.ask("update", *rows)
    assert done.code == 0, done.json
    codes = [next(iter(held(done.json, row).values()), "promoted") for row in rows]
    opened = {branch for branch in deploy.branches if branch.startswith("gitops-bot/row")}
    assert opened == {f"gitops-bot/{row}/all" for row, code in zip(rows, codes, strict=True) if code == "promoted"}
    return codes


#: What is required, what is reported, and what comes of it.
CHECKS: dict[str, tuple[str, Callable[[Row], object], str]] = {
    "a check run": ("e2e", lambda row: row.run("success"), "promoted"),
    "skipped": ("e2e", lambda row: row.run("skipped"), "promoted"),
    "neutral": ("e2e", lambda row: row.run("neutral"), "promoted"),
    "under way": ("e2e", lambda row: row.run("in_progress"), "held.check"),
    "cancelled": ("e2e", lambda row: row.run("cancelled"), "held.check"),
    "timed out": ("e2e", lambda row: row.run("timed_out"), "held.check"),
    "a re-run": ("e2e", lambda row: (row.run("failure"), row.run("success")), "promoted"),
    "a re-run waits": ("e2e", lambda row: (row.run("success"), row.run("queued")), "held.check"),
    "another name": ("e2e", lambda row: row.run("success", "e2e2"), "held.check"),
    "a glob": ("e2*", lambda row: row.run("success", "e2e2"), "promoted"),
    "one of a glob": ("e2*", lambda row: (row.run("success", "e2a"), row.run("failure", "e2b")), "held.check"),
    "by the app": ("{name: e2e, app: github-actions}", lambda row: row.run("success"), "promoted"),
    "by another app": ("{name: e2e, app: github-actions}", lambda row: row.run("success", app="evil"), "held.check"),
    "a user who is called like the app": (
        "{name: e2e, app: github-actions}",
        lambda row: row.status("success", by="github-actions"),
        "held.check",
    ),
    "a status of an app": ("{name: e2e, app: argocd}", lambda row: row.status("success"), "promoted"),
    "by the user": ("{name: e2e, user: ann}", lambda row: row.status("success", by="Ann"), "promoted"),
    "by another user": ("{name: e2e, user: ann}", lambda row: row.status("success", by="eve"), "held.check"),
    "who may not say so cannot stop it": (
        "{name: e2e, user: ann}",
        lambda row: (row.status("success", by="ann"), row.run("failure", app="evil")),
        "promoted",
    ),
}


def test_a_check_counts_by_name_and_maker(worldwide: World) -> None:
    requires = [f"{{checks: [{wanted}]}}" for wanted, _, _ in CHECKS.values()]
    reports = [report for _, report, _ in CHECKS.values()]
    codes = decided(Gated.start(worldwide, CHECK), requires, lambda row, number: reports[number](row))
    assert dict(zip(CHECKS, codes, strict=True)) == {label: expected for label, (_, _, expected) in CHECKS.items()}


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_commit_on_the_base_branch_is_asked_however_it_was_merged(worldwide: World, method: str) -> None:
    gated = Gated.start(worldwide, CHECK, staging="policy: releases")
    deploy = gated.stages.deploy
    gated.stages.push("web", "1.2.0")
    assert deploy.ask("update", "staging").code == 0
    head = deploy.branches["gitops-bot/staging/all"]
    released = gated.stages.merge(method)
    if head != released:
        gated.status("success", commit=head)
        assert gated.update() == "held.check", "what was tested before the merge is not what was released"
    gated.status("success", commit=released)
    assert gated.update() == "promoted"


#: The states of each deployment of the release, the oldest first, and what comes of it.
DEPLOYED: dict[str, tuple[Sequence[Sequence[str]], str]] = {
    "none": ((), "held.deployment"),
    "a success": ((("success",),), "promoted"),
    "under way": ((("in_progress",),), "held.deployment"),
    "a success that a newer one made inactive": ((("success", "inactive"),), "promoted"),
    "a failure that is inactive": ((("failure", "inactive"),), "held.deployment"),
    "deployed again": ((("failure",), ("success",)), "promoted"),
    "the newest one failed": ((("success",), ("error",)), "held.deployment"),
    "without a status": (((),), "held.deployment"),
}


def test_the_newest_deployment_decides(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    deploy, forge = gated.stages.deploy, gated.stages.deploy.world.forge
    before = deploy.remote.git("rev-parse", f"{gated.commit}~1").decode().strip()
    forge.deployment(deploy.name, "qa", gated.commit, "success")
    deployed = [states for states, _ in DEPLOYED.values()]

    def report(row: Row, number: int) -> None:
        forge.deployment(deploy.name, row.name, before, "success")
        for states in deployed[number]:
            forge.deployment(deploy.name, row.name, gated.commit, *states)

    codes = decided(gated, ["{deployment: ROW}"] * len(DEPLOYED), report)
    assert dict(zip(DEPLOYED, codes, strict=True)) == {label: expected for label, (_, expected) in DEPLOYED.items()}


def test_each_part_of_require_says_what_it_saw(worldwide: World) -> None:
    gated = Gated.start(worldwide, "promote_from: staging\nrequire: {checks: [e2e], deployment: staging}")
    gated.run("failure")
    plan = gated.stages.deploy.ask("plan", "production").json
    (entry,) = environment(plan)["held"]
    assert [(seen["gate"], seen["state"]) for seen in entry["evidence"]] == [
        ("checks", "failure"),
        ("deployment", "pending"),
    ]
    assert "e2e failed on " in entry["reason"]["text"]
    assert "the deployment to staging was not reported yet" in entry["reason"]["text"]
    assert (entry["reason"]["code"], entry["reason"]["data"]["also"]) == ("held.check", "held.deployment")


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


def test_what_the_bot_records_itself_is_no_deployment(worldwide: World) -> None:
    required = "promote_from: staging\nrequire: {deployment: staging}"
    gated = Gated.start(worldwide, required, staging="records: github")
    assert gated.stages.deploy.ask("update").code == 0
    recorded = gated.stages.deploy.call("GET", "/deployments")
    assert [(each["environment"], each["sha"]) for each in recorded] == [("staging", gated.commit)]
    assert gated.update() == "held.deployment"


def test_an_unchanged_cycle_asks_nothing_and_a_watched_one_once(worldwide: World) -> None:
    gated = Gated.start(
        worldwide,
        'promote_from: staging\nrequire: {checks: ["continuous-delivery/{app}-staging"], deployment: staging}',
    )
    deploy = gated.stages.deploy

    def asked() -> int:
        before = len(deploy.world.forge.asked)
        assert deploy.ask("plan").code == 0
        return len(deploy.world.forge.asked) - before

    watched = asked()
    gated.stages.run("production", "web", "1.1.0")
    assert asked() == watched - 1


def test_a_person_goes_on_in_spite_of_it_and_the_proposal_says_so(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    gated.status("failure")
    refused = gated.stages.promote()
    assert (refused.code, held(refused.json)) == (0, {"web/production": "held.check"})
    assert "`--beyond-checks` promotes it anyway" in reason(refused.json)["text"]
    assert gated.stages.promote("--beyond-checks").code == 0
    body = gated.stages.deploy.pull()["body"]
    assert "promoted anyway" in body
    assert "--beyond-checks" in body


def test_without_a_token_nothing_goes_on_and_the_plan_says_why(worldwide: World) -> None:
    gated = Gated.start(worldwide, CHECK)
    gated.status("success")
    forge = gated.stages.deploy.world.forge
    env = {"GITHUB_SERVER_URL": forge.url, "GITHUB_API_URL": forge.api_url}
    plan = gated.stages.deploy.ask("plan", "production", env=env)
    assert held(plan.json) == {"web/production": "held.check"}
    assert "without a token" in reason(plan.json)["text"]


@pytest.mark.parametrize(
    "text", ["\x1b[2J\u202e", "a\n::error::b", "<img src=x onerror=alert(1)>", "|`*_[x](y)@all #1"]
)
def test_hostile_names_links_and_descriptions_do_no_harm(worldwide: World, text: str) -> None:
    gated = Gated.start(worldwide, 'promote_from: staging\nrequire: {checks: ["*"]}')
    gated.status("failure", (text * 20)[:200], text=text * 5, url=f"javascript:{text}")
    for output in ((), ("--output", "json")):
        done = gated.stages.deploy.bot("plan", "production", *output)
        assert done.code == 0
        assert "javascript:" not in done.out
        assert "\x1b" not in done.out
    assert gated.update() == "held.check"


SOURCE = """require:
  source_checks: {images: {"*/web": acme/%s}, checks: [test, {name: trivy, app: github-actions}]}"""
REVISION = "5" * 40


@pytest.mark.parametrize("way", ["a policy", "a promotion"])
def test_an_image_waits_for_the_checks_of_the_commit_that_it_was_built_from(worldwide: World, way: str) -> None:
    rule = "policy: releases" if way == "a policy" else "promote_from: staging"
    name = f"web-by-{way.rpartition(' ')[2]}"
    stages = Stages.start(worldwide, f"{rule}\n{SOURCE % name}", apps=("web", "api"))
    deploy, forge = stages.deploy, stages.deploy.world.forge
    source = forge.create(f"acme/{name}", {"main.go": b"package main\n"})
    revision = source.branches()["main"]
    for app in ("web", "api"):
        digest = deploy.world.registry.push_image(
            f"{deploy.name}/{app}", "1.1.0", labels={"org.opencontainers.image.revision": revision}
        )
        if way == "a promotion":
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
