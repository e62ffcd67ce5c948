"""`gitops-bot status`: what each environment pins, how far it is behind, what is proposed and held."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import Stages
from tests.counterparts.world import run

if TYPE_CHECKING:
    from tests.counterparts.world import Done, World

_FIRST, _OLD, _NEW = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
_RELEASED = "2026-03-01T00:00:00Z"


def entries(done: Done, name: str = "production") -> dict[str, Any]:
    """What an environment pins, by application."""
    (environment,) = (each for each in done.json["environments"] if each["name"] == name)
    return {item["entry"]["overlay"].split("/")[1]: item for item in environment["entries"]}


@pytest.fixture
def stages(worldwide: World) -> Stages:
    """Production is two pins of web behind staging; api is the same in both."""
    made = Stages.start(worldwide, "promote_from: staging", apps=("web", "api"))
    for environment in ("staging", "production"):
        made.run(environment, "web", "1.0.1", at=_FIRST)
    made.run("staging", "web", "1.1.0", at=_OLD)
    made.run("staging", "web", "1.2.0", at=_NEW)
    return made


def status(stages: Stages, *more: str) -> Done:
    return stages.deploy.ask("status", *more)


def test_it_says_what_each_environment_pins_and_how_far_it_is_behind(stages: Stages) -> None:
    with stages.deploy.watching() as seen, stages.deploy.world.registry.counting() as asked:
        done = status(stages)
    assert (done.code, seen.nothing, list(asked)) == (0, True, [])
    web, api = (entries(done)[app] for app in ("web", "api"))
    pins = {tag: {"tag": tag, "digest": stages.digests["web", tag]} for tag in ("1.0.1", "1.2.0")}
    assert (web["pin"], web["source_pin"], web["behind_releases"]) == (pins["1.0.1"], pins["1.2.0"], 2)
    assert (api["pin"], api["source_pin"], api["behind_releases"]) == (api["pin"], api["pin"], 0)
    source = entries(done, "staging")["web"]
    assert (source["pin"], source["since"], source["source_pin"]) == (pins["1.2.0"], _RELEASED, None)
    assert source["behind_releases"] is None
    staging, production = done.json["environments"]
    assert (staging["release"], staging["released_at"]) == (stages.deploy.branches["main"], _RELEASED)
    assert production["release"] == stages.deploy.remote.git("rev-parse", "main~2").decode().strip()


def test_only_the_environments_that_are_named_are_shown(stages: Stages) -> None:
    done = status(stages, "production")
    assert [environment["name"] for environment in done.json["environments"]] == ["production"]
    assert entries(done)["web"]["behind_releases"] == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--exit-code",), 4),
        (("--exit-code", "--older-than", "2d"), 4),
        (("--exit-code", "--older-than", "366d"), 0),
        (("staging", "--exit-code"), 0),
    ],
)
def test_drift_can_fail_a_job(stages: Stages, words: tuple[str, ...], code: int) -> None:
    assert status(stages, *words).code == code


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("--exit-code", "--older-than", "soon"), "not a duration"), (("--older-than", "1d"), "needs --exit-code")],
)
def test_a_wrong_duration_is_a_mistake(stages: Stages, words: tuple[str, ...], reason: str) -> None:
    done = status(stages, *words)
    assert (done.code, reason in done.err) == (2, True)


def test_an_open_proposal_is_shown_where_a_token_sees_it(stages: Stages) -> None:
    assert stages.promote().code == 0
    web, api = (entries(status(stages))[app] for app in ("web", "api"))
    assert (web["proposal"]["number"], web["proposal"]["state"], api["proposal"]) == (1, "open", None)
    deploy = stages.deploy
    alone = run("status", "--output", "json", "--repository", str(deploy.remote.path), cwd=deploy.folder)
    assert (alone.code, entries(alone)["web"]["proposal"]) == (0, None)
    stages.merge()
    web = entries(status(stages))["web"]
    assert (web["proposal"], web["behind_releases"]) == (None, 0)


def test_what_an_environment_went_back_from_is_held(stages: Stages) -> None:
    assert stages.promote().code == 0
    stages.merge()
    assert entries(status(stages))["web"]["hold"] is None
    assert stages.rollback().code == 0
    stages.merge()
    web = entries(status(stages))["web"]
    assert (web["hold"]["code"], web["behind_releases"]) == ("held.reverted", 2)


def test_an_environment_with_a_policy_shows_what_it_went_back_from(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases")
    for tag in ("1.1.0", "1.0.0"):
        stages.run("production", "web", tag)
    held = entries(status(stages))["web"]["hold"]
    assert (held["code"], "rolled back to 1.0.0" in held["text"]) == ("held.reverted", True)
    stages.run("production", "web", "1.2.0")
    assert entries(status(stages))["web"]["hold"] is None


def test_a_written_hold_is_shown_with_its_reason(worldwide: World) -> None:
    hold = "holds: [{environment: production, until: 2999-01-01, why: audit}]"
    held = entries(status(Stages.start(worldwide, "policy: releases", more=hold)))["web"]["hold"]
    assert (held["code"], held["data"]["why"]) == ("held.hold", "audit")


def test_a_pin_that_the_source_never_had_differs(stages: Stages) -> None:
    stages.run("production", "web", "0.9.0")
    web = entries(status(stages))["web"]
    assert (web["behind_releases"], web["source_pin"]["tag"]) == (None, "1.2.0")
    assert status(stages, "--exit-code").code == 4


def test_people_read_one_line_for_each_entry_where_it_is_piped(stages: Stages) -> None:
    lines = stages.deploy.bot("status").out.splitlines()
    assert lines[0].startswith("acme/")
    assert any(line.startswith("production: release 2 (") and line.endswith("promoted from staging") for line in lines)
    (web,) = (line for line in lines if "apps/web/production" in line)
    assert web.startswith(stages.deploy.image("web"))
    assert "2 behind" in web


def test_markdown_has_a_column_for_each_environment(stages: Stages) -> None:
    lines = stages.deploy.bot("status", "--output", "markdown").out.splitlines()
    assert "| image | `staging` | `production` |" in lines
    (web,) = (line for line in lines if line.startswith(f"| `{stages.deploy.image('web')}` |"))
    assert web.endswith("2 behind |")


def test_the_page_shows_releases_with_their_pull_requests(stages: Stages) -> None:
    assert stages.promote().code == 0
    stages.merge()
    with stages.deploy.watching() as seen:
        done = stages.deploy.bot("status", "--output", "html")
    assert (done.code, seen.nothing) == (0, True)
    assert done.out.startswith("<!DOCTYPE html>")
    assert f">{stages.deploy.name}<" in done.out
    pull = stages.deploy.call("GET", "/pulls/1")
    assert f'<a href="{pull["html_url"]}">#1</a>' in done.out
    assert "promotion" in done.out
