"""Every example that `--help` shows is a command line that works."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from gitops_bot.cli.examples import EXAMPLES, lines
from gitops_bot.cli.main import cli
from gitops_bot.edges import address
from gitops_bot.images.reference import parse_assignments
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.server import loop

DIGEST = f"sha256:{'a' * 64}"
SHOWN = [(name, line) for name in EXAMPLES for line in lines(name)]


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == {"", *cli.commands}


@pytest.mark.parametrize("name", EXAMPLES, ids=lambda name: name or "the program itself")
def test_help_ends_with_the_examples_and_fits_100_columns(name: str) -> None:
    command = cli.commands[name] if name else cli
    with click.Context(command, info_name=f"gitops-bot {name}".strip(), max_content_width=100) as context:
        text = command.get_help(context)
    _, _, examples = text.rpartition("\nExamples:\n")
    assert [line.strip() for line in examples.splitlines()] == list(lines(name))
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(("name", "line"), SHOWN, ids=[line.partition("#")[0].strip() for _, line in SHOWN])
def test_an_example_is_read_as_its_command_reads_it(name: str, line: str) -> None:
    words = shlex.split(line.replace("$DIGEST", DIGEST), comments=True)
    words = words[: words.index(">")] if ">" in words else words
    assert words[0] == "gitops-bot"
    if not name:
        words[1] = "plan" if words[1] == "COMMAND" else words[1]
        assert words[1] in cli.commands
        return
    assert words[1] == name
    if words[2:] == ["--help"]:
        return
    given = cli.commands[name].make_context(name, words[2:]).params
    if "pins" in given:
        parse_assignments(given["pins"])
    if given.get("every"):
        loop.parse(given["every"], ZoneInfo(given["timezone"]), datetime.now(UTC))
    if given.get("repository"):
        address.parse(given["repository"], server="https://github.com")
    for glob in given.get("overlays", ()):
        Glob.parse(glob)
