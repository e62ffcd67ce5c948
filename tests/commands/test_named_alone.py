"""A command that names images shows those, and not whatever else is proposed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.commands.stages import Stages

if TYPE_CHECKING:
    from tests.counterparts.world import Done, World

APPS = ("web", "api", "db")


def newer(worldwide: World, group: str) -> Stages:
    """Staging runs 1.1.0 of every application, and there is a pull request that promotes `api`."""
    stages = Stages.start(worldwide, f"propose: {{group: {group}}}", apps=APPS)
    for app in APPS:
        stages.run("staging", app, "1.1.0")
    assert stages.promote("--image", "api").code == 0
    return stages


def rows(stages: Stages, done: Done) -> list[str]:
    """The applications that have a row in a table of changes."""
    return [
        app
        for app in APPS
        if re.search(rf"^    {re.escape(stages.deploy.image(app))} +1\.0\.0", done.out, re.MULTILINE)
    ]


PROMOTE, SET = ("promote", "staging", "production", "--image", "web"), ("set", "production", "web=1.1.0")


def test_of_the_other_pins_in_the_pull_request_only_the_images_are_named(worldwide: World) -> None:
    stages = newer(worldwide, "environment")
    for more in (("--dry-run",), ()):
        done = stages.deploy.bot(*PROMOTE, *more)
        assert (done.code, rows(stages, done)) == (0, ["web"])
        assert f"it also has, from before: {stages.deploy.image('api')}\n" in done.out
        assert ("+++ b/apps/web" in done.out, "+++ b/apps/api" in done.out) == (bool(more), False)
    # All of them are in the pull request, and in the JSON.
    (proposal,) = stages.deploy.ask(*PROMOTE).json["environments"][0]["proposals"]
    assert len(proposal["changes"]) == 2
    assert stages.news() == {app: stages.pin(app, "1.1.0") for app in ("api", "web")}
    # A whole promotion shows everything.
    done = stages.deploy.bot("promote", "staging", "production")
    assert (done.code, rows(stages, done)) == (0, list(APPS))
    assert "from before" not in done.out


def test_pull_requests_of_other_groups_are_not_shown(worldwide: World) -> None:
    stages = newer(worldwide, "image")
    before = stages.deploy.pull()
    done = stages.deploy.bot(*SET)
    assert (done.code, rows(stages, done)) == (0, ["web"])
    assert stages.deploy.image("api") not in done.out
    (proposal,) = stages.deploy.ask(*SET).json["environments"][0]["proposals"]
    assert [change["entry"]["name"] for change in proposal["changes"]] == [stages.deploy.image("web")]
    assert before["head"]["sha"] in [pull["head"]["sha"] for pull in stages.deploy.pulls()]
