"""The action and the workflows of its page: read by the linters that people use, and by what action.yml knows."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot.action.inputs import TAKES
from tests.conftest import PROJECT, program

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "action.md"
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
ACTION = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def workflows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, text in enumerate(SNIPPETS):
        (folder / f"{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def steps(text: str) -> list[Any]:
    """The uses of this action in a workflow."""
    return [
        step
        for job in yaml.safe_load(text)["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("acme/gitops-bot@")
    ]


def lint(*command: str) -> str:
    done = subprocess.run(
        [program(command[0]), *command[1:]],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return done.stdout if done.returncode else ""


def test_actionlint_finds_nothing(workflows: Path) -> None:
    assert lint("actionlint", *map(str, sorted(workflows.iterdir()))) == ""


def test_zizmor_finds_nothing(workflows: Path) -> None:
    assert lint("zizmor", "--offline", "--quiet", str(workflows), str(PROJECT / "action.yml")) == ""


def test_shellcheck_finds_nothing_in_the_scripts(tmp_path: Path) -> None:
    files = []
    for number, step in enumerate(ACTION["runs"]["steps"]):
        files.append(tmp_path / f"{number}.sh")
        files[-1].write_text(f"#!/usr/bin/env bash\n{step['run']}", encoding="utf-8")
    assert lint("shellcheck", *map(str, files)) == ""


@pytest.mark.parametrize("text", SNIPPETS, ids=[yaml.safe_load(text)["name"] for text in SNIPPETS])
def test_a_workflow_uses_what_the_action_has(text: str) -> None:
    used = steps(text)
    assert used
    for step in used:
        assert step.get("with", {}).keys() <= ACTION["inputs"].keys()
        outputs = re.findall(rf"steps\.{step['id']}\.outputs\.([\w-]+)", text) if "id" in step else []
        assert set(outputs) <= ACTION["outputs"].keys()


def table(kind: str, *columns: str) -> str:
    """The table of the inputs or outputs, as the page has it."""
    lines = [f"| {' | '.join((kind, *columns))} |", "|---" * (len(columns) + 1) + "|"]
    for name, of in ACTION[f"{kind}s"].items():
        cells = {"default": f"`{default}`" if (default := of.get("default")) else "", "description": of["description"]}
        lines.append(f"| {' | '.join((f'`{name}`', *(cells[column] for column in columns)))} |")
    return "\n".join(lines)


@pytest.mark.parametrize("text", [table("input", "default", "description"), table("output", "description")])
def test_the_page_has_each_input_and_output_as_the_action_describes_it(text: str) -> None:
    assert f"\n\n{text}\n\n" in PAGE.read_text(encoding="utf-8"), f"docs/action.md needs this table:\n{text}"


def test_the_description_names_every_command() -> None:
    assert re.findall(r"`(\w+)`", ACTION["inputs"]["command"]["description"]) == list(TAKES)
