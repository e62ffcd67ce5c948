"""How often YAML is composed: each blob once in a run, and the result of an edit once, for its proof."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from tests.commands.offline import write
from tests.commands.scene import config
from tests.conftest import PROJECT
from tests.counterparts.world import overlay, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

COUNTING = """\
import json
from gitops_bot.targets import loader
compose = loader.compose
def counting(text, *args, **kwargs):
    with open({!r}, "a") as file:
        print(json.dumps(text), file=file)
    return compose(text, *args, **kwargs)
loader.compose = counting
"""
PATHS = [f"apps/{name}/production/kustomization.yaml" for name in ("api", "cron", "web")]


def counting(folder: Path) -> tuple[dict[str, str], Path]:
    """The environment of a bot that writes down what it composes, and the file that it writes to."""
    told = folder / "composed"
    (folder / "sitecustomize.py").write_text(COUNTING.format(str(told)))
    return {"PYTHONPATH": f"{folder}:{PROJECT}"}, told


def composed(told: Path) -> Counter[str]:
    return Counter(json.loads(line) for line in told.read_text().splitlines())


def test_plan_composes_a_file_once_and_what_it_makes_of_it_once(worldwide: World, tmp_path: Path) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        for version in ("1.0.0", "1.1.0"):
            deploy.push("web", version)
        pins = {path: overlay([(deploy.image("web"), f"newTag: 1.{at // 2}.0")]) for at, path in enumerate(PATHS)}
        return {"gitops-bot.yaml": config("{as: commit}"), **pins}

    deploy = worldwide.deploy(files)
    env, told = counting(tmp_path)
    assert deploy.bot("plan", "--exit-code", env={**deploy.env, **env}).code == 4
    pinned = deploy.files("main")
    before = [pinned[path].decode() for path in PATHS]
    assert len(set(before)) == 2  # files that are equal are read one by one
    seen = composed(told)
    assert {text: seen[text] for text in before} == Counter(before)
    assert seen.total() == len(before) + 2  # one of the three is up to date


def test_check_composes_a_file_that_it_refuses_once(tmp_path: Path) -> None:
    env, told = counting(tmp_path)
    refused = "images:\n- {name: a, newTag: [\n"
    write(tmp_path, {"checkout/.git/HEAD": "ref: refs/heads/main\n", f"checkout/{PATHS[0]}": refused})
    assert run("check", cwd=tmp_path / "checkout", env=env).code == 1
    assert composed(told) == {refused: 1}
