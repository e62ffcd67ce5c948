"""What a new forge costs: a folder, and a line in `wiring.forge`. Here the process that runs adds the line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB, shop_files
from tests.counterparts.world import PROJECT, TOKEN, Done, world
from tests.wiring.small_forge import Server, SmallForge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.counterparts.world import Deploy, World

BOT = """\
from gitops_bot.wiring import forge
from tests.wiring import small_forge
forge.FORGES = (*forge.FORGES, small_forge.Server)
from gitops_bot.cli.main import main
raise SystemExit(main())
"""
BRANCH = "gitops-bot/production/all"


@pytest.fixture(scope="module")
def worldwide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


def variables(shop: Deploy) -> Mapping[str, str]:
    return {
        "SMALL_URL": shop.world.git.address,
        "SMALL_FILE": str(shop.folder / "pulls"),
        "SMALL_REPOSITORY": str(shop.remote.path),
        "SMALL_TOKEN": TOKEN,
    }


def update(shop: Deploy) -> tuple[str, str]:
    """What `update` did with the only proposal, and what the forge has of it."""
    env = {**variables(shop), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROJECT), "HOME": str(shop.folder)}
    command = [sys.executable, "-c", BOT, "update", "--repository", shop.name, "--output", "json"]
    done = subprocess.run(command, check=False, cwd=shop.folder, env=env, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    (proposed,) = Done(done.returncode, done.stdout, done.stderr).json["environments"][0]["proposals"]
    (pull,) = SmallForge(Server.read(variables(shop)), shop.name).pulls().values()
    assert proposed["pull_request"]["url"] == pull.url
    return proposed["action"], pull.state


def test_update_opens_refreshes_and_closes_a_proposal_there(worldwide: World) -> None:
    shop = worldwide.deploy(shop_files)
    shop.push("web", "1.1.0")
    assert update(shop) == ("open", "open")
    assert b"newTag: 1.1.0" in shop.files(BRANCH)[WEB]

    shop.push("web", "1.2.0")
    assert update(shop) == ("refresh", "open")
    assert b"newTag: 1.2.0" in shop.files(BRANCH)[WEB]

    shop.remote.commit("main", {WEB: shop.files(BRANCH)[WEB]}, message="by hand")
    assert update(shop) == ("close", "closed")
    assert not shop.world.forge.asked, "nobody has asked GitHub"
