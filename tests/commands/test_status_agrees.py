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


def ago(**span: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**span)


def newer(stages: Stages, *apps: str, **how: Any) -> None:
    """Staging gets another pin of applications."""
    for app in apps or ("web",):
        stages.run("staging", app, "1.1.0", **{"at": ago(hours=5)} | how)


def proposed_with_something_newer(stages: Stages) -> None:
    newer(stages)
    assert stages.deploy.bot("update").code == 0
    stages.run("staging", "web", "1.2.0", at=ago(minutes=10))


def some_proposed_and_one_labelled(stages: Stages) -> None:
    """What waits for room comes after the one that can be merged, though the other is older."""
    newer(stages, "gone", "web")
    assert stages.deploy.bot("update").code == 0
    numbers = {pull["title"].split()[1]: pull["number"] for pull in stages.deploy.pulls()}
    stages.deploy.call("PATCH", f"/pulls/{numbers['gone']}", {"state": "closed"})
    stages.deploy.call("POST", f"/issues/{numbers['web']}/labels", {"labels": ["hold"]})
    newer(stages, "api")
    assert stages.deploy.bot("update").code == 0
    newer(stages, "worker")
    assert entries(stages.deploy.ask("status", "production"))["worker"]["next"] == "after #3"


def taken_over(stages: Stages) -> None:
    newer(stages)
    assert stages.deploy.bot("update").code == 0
    stages.deploy.remote.commit(BRANCH, {"README.md": b"by a person\n"}, message="a person's")


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


def held(stages: Stages, *holds: tuple[str, str, str]) -> None:
    """Hold applications in environments until then."""
    items = [
        f"{{environment: {name}, image: {stages.deploy.image(app)}, until: '{until}', why: fair}}"
        for name, app, until in holds
    ]
    stages.configure(_SOAKING, more=f"holds: [{', '.join(items)}]")


def one_of_each(stages: Stages) -> None:
    newer(stages, "back", "bad", "earlier", "kept", "source", "web")
    newer(stages, "long", at=ago(hours=1))
    stages.run("staging", "earlier", "1.2.0", at=ago(hours=1))
    for tag in ("1.1.0", "1.0.0"):
        stages.run("production", "back", tag)
    text = overlay([(stages.deploy.image("bad"), "newTag: 1.0.0; digest: sha256:12")])
    stages.deploy.remote.commit("main", {path("bad", "production"): text})
    soon = f"{datetime.now(UTC) + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"  # before it has soaked
    far = [
        ("production", "kept", "2999-01-01"),
        ("production", "new", "2999-01-01"),
        ("staging", "source", "2999-01-01"),
    ]
    held(stages, *far, ("production", "long", soon))


_SOAKING = f"{_PROMOTED}\nsoak: 2h"
CASES = {
    "nothing proposed": Case(
        _SOAKING,
        one_of_each,
        {
            "api": "current",
            "back": "held",
            "bad": "failed",
            "earlier": "next",
            "kept": "held",
            "long": "soak",
            "new": "held",  # though it is current
            "source": "held",
            "web": "next",
        },
    ),
    "the schedule": Case(f"{_PROMOTED}\npropose: {{{closed()}}}", newer, {"web": "window", "api": "current"}),
    "a limit, and a label": Case(
        f"{_PROMOTED}\npropose: {{group: overlay, limit: {{open: 2}}}}",
        some_proposed_and_one_labelled,
        {"web": "held", "gone": "held", "api": "review", "worker": "limit"},
    ),
    "proposed, and something newer soaks": Case(
        f"{_PROMOTED}\nsoak: 4h", proposed_with_something_newer, {"web": "review", "api": "current"}
    ),
    "a person's commit": Case(_PROMOTED, taken_over, {"web": "review", "api": "current"}),
    "several sources": Case(_PROMOTED, in_two_clusters, {"web": "next", "api": "held"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_says_what_plan_would_do_and_why(worldwide: World, case: Case) -> None:
    stages = Stages.start(worldwide, case.production, apps=tuple(case.states))
    case.happens(stages)
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


def test_what_is_newer_than_its_source_is_ahead_and_a_rollback_is_not_behind(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging", staging="policy: releases", apps=("web", "api", "worker"))
    stages.run("production", "web", "1.1.0", at=ago(hours=5))
    newer(stages, "api")
    stages.run("production", "worker", "1.1.0", at=ago(hours=4))
    stages.run("staging", "worker", "1.1.0", at=ago(hours=4))
    (found,) = stages.deploy.ask("status", "production").json["environments"]
    told = {app_of(item["entry"]): (item["state"], item["ahead"]) for item in found["entries"]}
    assert told == {"web": ("held", True), "api": ("next", False), "worker": ("current", False)}
    assert (found["behind"], found["ahead"]) == (1, 1)
    headline = "production: 1 of 3 behind, 1 ahead of staging: 1 comes next, 1 held"
    assert headline in stages.deploy.bot("status", "production").out.splitlines()
    assert stages.rollback("--image", "worker").code == 0
    (found,) = stages.deploy.ask("status", "production").json["environments"]
    assert (found["counts"]["review"], found["behind"], found["ahead"]) == (1, 1, 1)


def test_without_a_token_nobody_is_asked_and_git_tells_what_soaks_and_what_is_held(worldwide: World) -> None:
    stages = Stages.start(worldwide, _SOAKING, apps=("web", "api"))
    newer(stages)
    held(stages, ("production", "api", "2999-01-01"))
    deploy = stages.deploy
    words = ("--output", "json", "--repository", str(deploy.remote.path))
    with deploy.watching() as seen, deploy.world.registry.counting() as asked:
        done = run("status", "production", *words, cwd=deploy.folder)
    found = {app: item["state"] for app, item in entries(done).items()}
    assert (done.code, found, seen.nothing, list(asked)) == (0, {"web": "next", "api": "held"}, True, [])
