"""`status` asks no registry, and says of promotions what `plan` would do with the same commit, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.scene import closed
from tests.commands.stages import BRANCH, Stages, kustomization, path
from tests.counterparts.world import overlay, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.counterparts.world import Done, World

_PROMOTED = "promote_from: staging"


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration of production, what happens then, and the state that each application comes to."""

    production: str
    happens: Callable[[Stages], object]
    states: Mapping[str, str]
    #: Environment, application and end of a hold.
    hold: tuple[str, str, str] | None = None
    apps: tuple[str, ...] = ("web", "api")


def ago(**span: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)


def newer(stages: Stages, app: str = "web", **how: Any) -> None:
    """Staging gets another pin of an application."""
    stages.run("staging", app, "1.1.0", **{"at": ago(hours=1)} | how)


def proposed(stages: Stages) -> None:
    newer(stages)
    assert stages.deploy.bot("update").code == 0


def one_proposed(stages: Stages) -> None:
    proposed(stages)
    newer(stages, "api")


def proposed_with_something_newer(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0", at=ago(hours=5))
    assert stages.deploy.bot("update").code == 0
    stages.run("staging", "web", "1.2.0", at=ago(minutes=10))


def soaked_before(stages: Stages) -> None:
    stages.run("staging", "web", "1.1.0", at=ago(hours=9))
    stages.run("staging", "web", "1.2.0", at=ago(hours=1))


def labelled(stages: Stages) -> None:
    proposed(stages)
    stages.deploy.call("POST", "/issues/1/labels", {"labels": ["hold"]})


def two_proposed_and_one_labelled(stages: Stages) -> None:
    """What waits for room comes after the one that can be merged, though the other is older."""
    labelled(stages)
    newer(stages, "api")
    assert stages.deploy.bot("update").code == 0
    newer(stages, "worker")
    assert entries(stages.deploy.ask("status", "production"))["worker"]["next"] == "after #2"


def pinned_by_set(stages: Stages) -> None:
    digest = stages.push("web", "1.1.0")
    image = stages.deploy.image("web")
    assert stages.deploy.bot("set", "production", f"{image}=1.1.0@{digest}").code == 0


def declined(stages: Stages) -> None:
    proposed(stages)
    stages.deploy.call("PATCH", "/pulls/1", {"state": "closed"})


def taken_over(stages: Stages) -> None:
    proposed(stages)
    stages.deploy.remote.commit(BRANCH, {"README.md": b"by a person\n"}, message="a person's")


def stepped_back(stages: Stages) -> None:
    newer(stages)
    stages.run("production", "web", "1.1.0")
    stages.run("production", "web", "1.0.0")


CLUSTERS = """\
version: 1
environments:
  staging: {overlays: ["clusters/{cluster}/{app}"]}
  production: {overlays: ["apps/{app}/production"], promote_from: staging, soak: 30m}
"""


def in_two_clusters(stages: Stages) -> None:
    """Two clusters of staging run the same pin of web, and different ones of api."""
    files = {
        f"clusters/{cluster}/{app}/kustomization.yaml": kustomization(stages.deploy, app, tag, stages.push(app, tag))
        for app in ("web", "api")
        for cluster, tag in (("east", "1.1.0"), ("west", "1.1.0" if app == "web" else "1.2.0"))
    }
    stages.deploy.remote.commit("main", {**files, "gitops-bot.yaml": CLUSTERS.encode()}, at=ago(hours=1))


def ignored(stages: Stages) -> None:
    newer(stages)
    stages.configure(f"images: {{{stages.deploy.image('web')}: {{ignore: true}}}}")


def hold(stages: Stages, case: Case) -> None:
    environment, app, until = case.hold or ("", "", "")
    more = f"holds: [{{environment: {environment}, image: {stages.deploy.image(app)}, until: {until}, why: fair}}]"
    stages.configure(case.production, more=more)


def malformed(stages: Stages) -> None:
    newer(stages)
    text = overlay([(stages.deploy.image("web"), "newTag: 1.0.0; digest: sha256:12")])
    stages.deploy.remote.commit("main", {path("web", "production"): text})


CASES = {
    "ready": Case(_PROMOTED, newer, {"web": "next", "api": "current"}),
    "an earlier pin has soaked": Case(f"{_PROMOTED}\nsoak: 4h", soaked_before, {"web": "next", "api": "current"}),
    "the schedule": Case(f"{_PROMOTED}\npropose: {{{closed()}}}", newer, {"web": "window", "api": "current"}),
    "a hold": Case(_PROMOTED, newer, {"web": "held", "api": "current"}, hold=("production", "web", "2999-01-01")),
    "a hold on what is current": Case(
        _PROMOTED, newer, {"web": "next", "api": "held"}, hold=("production", "api", "2999-01-01")
    ),
    "pinned by `set`, and proposed": Case("", pinned_by_set, {"web": "review", "api": "untracked"}),
    "a limit, and a label": Case(
        f"{_PROMOTED}\npropose: {{group: overlay, limit: {{open: 2}}}}",
        two_proposed_and_one_labelled,
        {"web": "held", "api": "review", "worker": "limit"},
        apps=("web", "api", "worker"),
    ),
    "soak beyond a hold": Case(
        f"{_PROMOTED}\nsoak: 30d",
        newer,
        {"web": "soak", "api": "current"},
        hold=("production", "web", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}"),
    ),
    "a hold in the source": Case(
        _PROMOTED,
        newer,
        {"web": "held", "api": "current"},
        hold=("staging", "web", "2999-01-01"),
    ),
    "stepped back": Case(_PROMOTED, stepped_back, {"web": "held", "api": "current"}),
    "proposed, and something newer soaks": Case(
        f"{_PROMOTED}\nsoak: 4h", proposed_with_something_newer, {"web": "review", "api": "current"}
    ),
    "a label": Case(_PROMOTED, labelled, {"web": "held", "api": "current"}),
    "declined": Case(_PROMOTED, declined, {"web": "held", "api": "current"}),
    "a person's commit": Case(_PROMOTED, taken_over, {"web": "review", "api": "current"}),
    "a limit an hour": Case(
        f"{_PROMOTED}\npropose: {{group: overlay, limit: {{new_per_hour: 1}}}}",
        one_proposed,
        {"web": "review", "api": "limit"},
    ),
    "several sources": Case(_PROMOTED, in_two_clusters, {"web": "next", "api": "held"}),
    "ignored, and not tracked": Case("", ignored, {"web": "current", "api": "untracked"}),
    "a malformed digest": Case(_PROMOTED, malformed, {"web": "failed", "api": "current"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_says_what_plan_would_do_and_why(worldwide: World, case: Case) -> None:
    stages = Stages.start(worldwide, case.production, apps=case.apps)
    case.happens(stages)
    if case.hold is not None:
        hold(stages, case)
    found = entries(stages.deploy.ask("status", "production"))
    assert {app: item["state"] for app, item in found.items()} == case.states
    planned = stages.deploy.ask("plan", "production").json["environments"][0]
    decided = [(held["entry"], held["candidate"], held["reason"]["code"]) for held in planned["held"]]
    decided += [(failed["entry"], None, failed["problem"]["code"]) for failed in planned["failed"]]
    kept = {app_of(entry) for entry, _, _ in decided}
    for proposal in planned["proposals"]:
        code = proposal["reason"]["code"] if proposal["action"] == "leave" else None
        changes = [change for change in proposal["changes"] if app_of(change["entry"]) not in kept]
        decided += [(change["entry"], change["to"], code) for change in changes]
    expected = {app_of(entry): (candidate, code) for entry, candidate, code in decided}
    for app, item in found.items():
        if item["state"] == "review":  # it is what the pull request has, whatever else waits
            assert item["candidate"] == {"tag": "1.1.0", "digest": stages.digests[app, "1.1.0"]}
            assert item["next"] == f"merge #{item['proposal']['number']}"
        elif item["state"] == "current":
            assert app not in expected
        else:
            reason = item["reason"]["code"] if item["state"] != "next" else None
            assert (item["candidate"], reason) == expected[app]


def app_of(entry: Mapping[str, str]) -> str:
    return entry["overlay"].split("/")[1]


def entries(done: Done) -> dict[str, Any]:
    """The entries of production, by application."""
    (environment,) = done.json["environments"]
    assert sum(environment["counts"].values()) == len(environment["entries"])
    return {app_of(item["entry"]): item for item in environment["entries"]}


def test_without_a_token_nobody_is_asked_and_git_tells_what_soaks_and_what_is_held(worldwide: World) -> None:
    case = CASES["a hold on what is current"]
    stages = Stages.start(worldwide, case.production, apps=("web", "api"))
    newer(stages)
    hold(stages, case)
    deploy = stages.deploy
    words = ("--output", "json", "--repository", str(deploy.remote.path))
    with deploy.watching() as seen, deploy.world.registry.counting() as asked:
        done = run("status", "production", *words, cwd=deploy.folder)
    found = {app: item["state"] for app, item in entries(done).items()}
    assert (done.code, found, seen.nothing, list(asked)) == (0, dict(case.states), True, [])


def test_what_a_source_pins_without_a_digest_is_told_by_its_tag(worldwide: World) -> None:
    stages = Stages.start(worldwide, _PROMOTED, apps=("web", "api"))
    stages.run("staging", "web", "1.0.0", digest=None)
    stages.run("staging", "api", "1.1.0", digest=None)
    found = entries(stages.deploy.ask("status", "production"))
    assert {app: (item["state"], item["candidate"]) for app, item in found.items()} == {
        "web": ("current", None),
        "api": ("next", {"tag": "1.1.0", "digest": None}),
    }


def test_a_hold_that_names_nothing_stops_the_environment_and_is_told(worldwide: World) -> None:
    more = "holds: [{environment: production, image: wep, until: 2999-01-01, why: fair}]"
    done = Stages.start(worldwide, _PROMOTED, more=more).deploy.ask("status", "production")
    (problem,) = done.json["problems"]
    assert (done.code, "wep" in problem["message"]) == (1, True)


def test_another_build_of_a_revision_is_not_taken_for_something_new(worldwide: World) -> None:
    stages = Stages.start(worldwide, f"{_PROMOTED}\nsoak: 2d\nmatch: revision\ntag: release", apps=("web",))
    newer(stages)
    web = entries(stages.deploy.ask("status", "production"))["web"]
    assert (web["state"], web["candidate"], web["reason"]["text"]) == (
        "current",
        None,
        "only the registry tells whether the images differ",
    )
