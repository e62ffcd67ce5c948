"""`gitops-bot status`: what each environment pins, how far it is behind, what is proposed and held."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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


def behind(world: World) -> Stages:
    """Production is two pins of web behind staging; api is the same in both."""
    made = Stages.start(world, "promote_from: staging", apps=("web", "api"))
    for environment in ("staging", "production"):
        made.run(environment, "web", "1.0.1", at=_FIRST)
    made.run("staging", "web", "1.1.0", at=_OLD)
    made.run("staging", "web", "1.2.0", at=_NEW)
    return made


@pytest.fixture
def stages(worldwide: World) -> Stages:
    return behind(worldwide)


@pytest.fixture(scope="module")
def unchanged(worldwide: World) -> Stages:
    """For tests that only read."""
    return behind(worldwide)


def status(stages: Stages, *more: str) -> Done:
    return stages.deploy.ask("status", *more)


def test_it_says_what_each_environment_pins_and_how_far_it_is_behind(unchanged: Stages) -> None:
    with unchanged.deploy.watching() as seen:
        done = status(unchanged)
    assert (done.code, seen.nothing) == (0, True)
    web, api = (entries(done)[app] for app in ("web", "api"))
    pins = {tag: {"tag": tag, "digest": unchanged.digests["web", tag]} for tag in ("1.0.1", "1.2.0")}
    assert (web["pin"], web["source_pin"], web["behind_releases"]) == (pins["1.0.1"], pins["1.2.0"], 2)
    assert (api["pin"], api["source_pin"], api["behind_releases"]) == (api["pin"], api["pin"], 0)
    source = entries(done, "staging")["web"]
    assert (source["pin"], source["since"], source["source_pin"]) == (pins["1.2.0"], _RELEASED, None)
    assert source["behind_releases"] is None
    staging, production = done.json["environments"]
    assert (staging["release"], staging["released_at"]) == (unchanged.deploy.branches["main"], _RELEASED)
    assert production["release"] == unchanged.deploy.remote.git("rev-parse", "main~2").decode().strip()


def labelled(stages: Stages, app: str, tag: str, created: datetime | None = None, **labels: str) -> None:
    """Push an image that says where it comes from."""
    registry, name = stages.deploy.world.registry, f"{stages.deploy.name}/{app}"
    named = {f"org.opencontainers.image.{key}": value for key, value in labels.items()}
    moment = created.isoformat() if created is not None else None
    stages.digests[app, tag] = registry.push_image(name, tag, labels=named, created=moment)


def comparisons(stages: Stages, since: int) -> int:
    return len([asked for asked in stages.deploy.world.forge.asked[since:] if "/compare/" in asked.line])


def test_the_commits_that_an_environment_is_behind_are_counted_where_the_forge_knows_them(stages: Stages) -> None:
    deploy = stages.deploy
    home = f"{deploy.world.forge.api_url.partition('/api')[0]}/{deploy.name}"
    new, _, _, old = deploy.remote.log("main", "%H")[:4]
    for app in ("web", "api"):
        for environment, tag, revision in (("production", "2.0.0", old), ("staging", "2.1.0", new)):
            labelled(stages, app, tag, source=home, revision=revision)
            stages.run(environment, app, tag)
    asked = len(deploy.world.forge.asked)
    done = status(stages)
    found = {app: entries(done)[app] for app in ("web", "api")}
    assert {app: (item["behind_releases"], item["behind_commits"]) for app, item in found.items()} == {
        "web": (None, 3),
        "api": (None, 3),
    }
    assert comparisons(stages, asked) == 1
    assert "2.0.0 -> 2.1.0 (3 commits)" in deploy.bot("status", "--output", "markdown").out
    # Where an image, or the forge, knows nothing of it, and without a token: nothing is said, and nothing fails.
    labelled(stages, "web", "2.2.0", source=home, revision="f" * 40)
    stages.run("staging", "web", "2.2.0")
    deploy.world.registry.delete(f"{deploy.name}/api", stages.digests["api", "2.1.0"])
    done = status(stages)
    assert (done.code, [item["behind_commits"] for item in entries(done).values()]) == (0, [None, None])
    with deploy.world.registry.counting() as requests:
        alone = run("status", "--output", "json", "--repository", str(deploy.remote.path), cwd=deploy.folder)
    assert (alone.code, list(requests), entries(alone)["api"]["behind_commits"]) == (0, [], None)


def test_the_lead_time_of_the_page_begins_with_the_build_of_the_image(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging")
    now = datetime.now(UTC).replace(microsecond=0)
    for tag, days in (("1.1.0", 6), ("1.2.0", 4)):
        labelled(stages, "web", tag, created=now - timedelta(days=days + 3))
        stages.run("staging", "web", tag, at=now - timedelta(days=days))
        stages.run("production", "web", tag, at=now - timedelta(days=days - 1))
    assert leads(stages.deploy.bot("status", "--output", "html")) == {"staging": "3 days", "production": "4 days"}
    # Without a token nobody asks for it: Git tells how long it took from one environment to the next.
    alone = run("status", "--output", "html", "--repository", str(stages.deploy.remote.path), cwd=stages.deploy.folder)
    assert leads(alone)["production"] == "1 day"


def leads(done: Done) -> dict[str, str]:
    """The lead time of each environment on the page."""
    rows = re.findall(r'<tr><th scope="row">(\w+)</th><td>\d+</td><td>[\d.]+</td><td>([^<]+)</td>', done.out)
    return dict(rows)


def test_drift_can_fail_a_job_and_a_wrong_duration_is_a_mistake(unchanged: Stages) -> None:
    rows = [
        ("", 0),
        ("--exit-code", 4),
        ("--exit-code --older-than 2d", 4),
        ("--exit-code --older-than 366d", 0),
        ("staging --exit-code", 0),
    ]
    for words, code in rows:
        assert status(unchanged, *words.split()).code == code, words
    for words, told in (("--exit-code --older-than soon", "not a duration"), ("--older-than 1d", "needs --exit-code")):
        done = status(unchanged, *words.split())
        assert (done.code, told in done.err) == (2, True)


def test_a_proposal_is_shown_while_it_waits_for_review_and_its_release_then_until_that_is_rolled_back(
    stages: Stages,
) -> None:
    assert stages.promote().code == 0
    web, api = (entries(status(stages))[app] for app in ("web", "api"))
    assert (web["proposal"]["number"], web["proposal"]["state"], api["proposal"]) == (1, "open", None)
    deploy = stages.deploy
    alone = run("status", "--output", "json", "--repository", str(deploy.remote.path), cwd=deploy.folder)
    assert (alone.code, entries(alone)["web"]["proposal"]) == (0, None)
    page = deploy.bot("status", "--output", "html").out
    assert '<a class="chip review" href="#review-production">1 waits for review</a>' in page
    (body,) = re.findall('<tbody id="review-production".*?</tbody>', page, re.DOTALL)
    (row,) = re.findall('<tr><th scope="row">(.*?)</tr>', body)
    image, *tags, why = (re.sub("<[^>]*>", "", cell) for cell in row.split("<td>"))
    assert (image, why) == ("web", "waits less than a minute · merge #1")
    assert [tag.split()[-2] for tag in tags] == ["1.0.1", "1.2.0"]
    link = f'<a href="{deploy.pull()["html_url"]}">'
    assert f"{link}merge #1</a>" in row

    stages.merge()
    web = entries(status(stages))["web"]
    assert (web["proposal"], web["behind_releases"], web["behind_commits"], web["hold"]) == (None, 0, 0, None)
    with deploy.watching() as seen:
        page = deploy.bot("status", "--output", "html").out
    assert (seen.nothing, page.startswith("<!DOCTYPE html>")) == (True, True)
    assert all(words in page for words in (f">{deploy.name}<", f"{link}#1</a>", "promotion"))
    assert stages.rollback().code == 0
    stages.merge()
    web = entries(status(stages))["web"]
    assert (web["hold"]["code"], web["behind_releases"]) == ("held.reverted", 2)


def test_only_what_waits_is_shown_where_that_is_asked_for(unchanged: Stages) -> None:
    everything, waiting = (unchanged.deploy.bot("status", "production", *more) for more in ((), ("--behind",)))
    shown, left = ({tuple(line.split()[:3]) for line in done.out.splitlines()} for done in (everything, waiting))
    assert (everything.code, waiting.code) == (0, 0)
    assert "production: 1 of 2 behind: 1 comes next" in everything.out.splitlines()
    assert shown - left == {(unchanged.deploy.image("api"), "production", "current")}
    # The counts stay those of all.
    document = status(unchanged, "production", "--behind").json["environments"][0]
    assert [item["state"] for item in document["entries"]] == ["next"]
    assert (document["behind"], document["counts"]["next"], document["counts"]["current"]) == (1, 1, 1)
    page = unchanged.deploy.bot("status", "--behind", "--output", "html")
    assert (page.code, "--behind and --output html" in page.err) == (2, True)


def test_markdown_has_what_waits_first_and_folds_what_runs_where(unchanged: Stages) -> None:
    lines = unchanged.deploy.bot("status", "--output", "markdown").out.splitlines()
    at = lines.index("**production: 1 of 2 behind: 1 comes next**")
    assert lines[at + 2] == "| image | change | why | next |"
    assert lines[at + 4] == "| **`web`** | `1.0.1 -> 1.2.0` | nothing holds it | `gitops-bot update production` |"
    folded = lines[next(at for at, line in enumerate(lines) if line.startswith("<details>")) :]
    assert "| image | `staging` | `production` |" in folded
    assert any(re.match(r"\| `web` \| 1\.2\.0 \(\d+ days\) \| 1\.0\.1 \(\d+ days\) \|", line) for line in folded)


def test_an_environment_with_a_policy_shows_what_it_went_back_from(worldwide: World) -> None:
    stages = Stages.start(worldwide, "policy: releases")
    for tag in ("1.1.0", "1.0.0"):
        stages.run("production", "web", tag)
    held = entries(status(stages))["web"]["hold"]
    assert (held["code"], "rolled back to 1.0.0" in held["text"]) == ("held.reverted", True)
