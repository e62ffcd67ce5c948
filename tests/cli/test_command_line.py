"""What the command line takes beside the commands themselves: help, version, variables, completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from gitops_bot import __version__
from gitops_bot.cli.examples import MEANT, SECTIONS
from gitops_bot.cli.main import cli
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

#: The options that lift a rule.
LIFT = {"--release-hold", "--allow-downgrade", "--beyond-policy", "--beyond-checks", "--now", "--offline"}


@pytest.mark.parametrize("words", [["version"], ["-V"], ["--version"]], ids=" ".join)
def test_the_version_is_where_people_look_for_it(tmp_path: Path, words: list[str]) -> None:
    done = run(*words, cwd=tmp_path)
    assert (done.code, done.out, done.err) == (0, f"gitops-bot {__version__}\n", "")


@pytest.mark.parametrize(
    ("asked", "same"), [(["help"], ["--help"]), (["help", "promote"], ["promote", "--help"])], ids=["all", "one"]
)
def test_help_is_a_command_too(tmp_path: Path, asked: list[str], same: list[str]) -> None:
    done = run(*asked, cwd=tmp_path)
    assert (done.code, done.out) == (0, run(*same, cwd=tmp_path).out)
    assert done.out


def test_help_of_what_is_no_command_suggests_one(tmp_path: Path) -> None:
    done = run("help", "pln", cwd=tmp_path)
    assert done.code == 2
    assert "No such command 'pln'. (Did you mean one of: 'explain', 'plan'?)" in done.err


@rows("words told", {
    "set or update": (["bump", "dev"], "No such command 'bump'. Did you mean:\n  update    Poll the registries once; "),
    "rollback": (["undo", "dev"], "No such command 'undo'. Did you mean:\n  rollback  Propose the pins"),
    "a pin first": (["set", "web=1", "dev"], "The environment comes first: `gitops-bot set dev web=1`."),
    "no environment": (["set", "web=1", "api=2"], "The environment comes first: `gitops-bot set ENV web=1 api=2`."),
    "no pin": (["set", "dev"], "Missing argument 'IMAGE=PIN...'."),
})  # fmt: skip
def test_what_was_probably_meant_is_written_out(tmp_path: Path, words: list[str], told: str) -> None:
    done = run(*words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"Error: {told}" in done.err


def test_other_words_for_commands_are_no_commands() -> None:
    assert MEANT.keys() <= cli.commands.keys()
    assert cli.commands.keys().isdisjoint(" ".join(MEANT.values()).split())


def test_every_command_is_in_one_section_of_the_help() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(cli.commands)
    text = cli.get_help(click.Context(cli, info_name="gitops-bot"))
    assert [text.index(f"\n{title}:\n") for title in SECTIONS] == sorted(
        text.index(f"\n{title}:\n") for title in SECTIONS
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--repository", "acme/deploy", "plan"],
            "--repository: put it after the command, as in `gitops-bot plan --rep",
        ),
        (["--dry-run", "update"], "--dry-run: put it after the command, as in `gitops-bot update --dry-run ...`."),
        (["-q", "status"], "-q: put it after the command, as in `gitops-bot status -q ...`."),
        (["--output=json"], "--output: put it after the command, as in `gitops-bot COMMAND --output ...`."),
        (["--nonsense", "plan"], "No such option '--nonsense'."),
    ],
)
def test_an_option_in_front_of_the_command_is_told_where_it_belongs(
    tmp_path: Path, words: list[str], told: str
) -> None:
    done = run(*words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"Error: {told}" in done.err


def test_every_option_has_a_variable_but_those_that_lift_a_rule() -> None:
    for name, command in cli.commands.items():
        for param in command.params:
            if isinstance(param, click.Option):
                option = param.opts[-1]
                lifts = option in LIFT and (name, option) != ("init", "--offline")
                expected = None if lifts else "GITOPS_BOT_" + option[2:].replace("-", "_").upper()
                assert param.envvar == expected, (name, option)
                assert not str(param.envvar).startswith("GITOPS_BOT_REGISTRY")


def test_a_variable_stands_for_an_option_that_is_not_given(tmp_path: Path) -> None:
    environ = {"GITOPS_BOT_REPOSITORY": "./nowhere", "GITOPS_BOT_OUTPUT": "json"}
    by_variable = run("plan", cwd=tmp_path, env=environ)
    assert by_variable.code == 2
    assert by_variable.json["problems"][0]["message"].startswith("--repository ./nowhere: there is no folder")
    given = run("plan", "--repository", "./elsewhere", "--output", "text", cwd=tmp_path, env=environ)
    assert (given.code, given.out) == (2, "")
    assert "--repository ./elsewhere: there is no folder" in given.err


def test_json_that_a_variable_asks_for_is_also_what_a_usage_error_gives(tmp_path: Path) -> None:
    done = run("plan", "--nonsense", cwd=tmp_path, env={"GITOPS_BOT_OUTPUT": "json"})
    assert (done.code, done.json["problems"][0]["message"]) == (2, "No such option '--nonsense'.")
    assert run("plan", "--nonsense", "--output=text", cwd=tmp_path, env={"GITOPS_BOT_OUTPUT": "json"}).out == ""


@pytest.mark.parametrize("name", ["RELEASE_HOLD", "ALLOW_DOWNGRADE"])
def test_no_variable_lifts_a_rule(tmp_path: Path, name: str) -> None:
    """A value that no flag takes would be refused if it were read."""
    done = run("set", "production", "web=1.1.0", cwd=tmp_path, env={f"GITOPS_BOT_{name}": "maybe"})
    assert "not inside a Git checkout" in done.err
    assert "maybe" in run("update", cwd=tmp_path, env={"GITOPS_BOT_DRY_RUN": "maybe"}).err
