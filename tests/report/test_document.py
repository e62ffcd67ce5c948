from __future__ import annotations

from datetime import UTC, datetime

import jsonschema
import pytest

from gitops_bot.errors import Problem
from gitops_bot.report import document
from gitops_bot.results.result import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_prints_json_has_a_schema_of_its_own(command: str) -> None:
    assert document.schema(command)["properties"]["schema"] == {"const": f"gitops-bot/{command}/1"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_could_not_start_keeps_its_schema_too(command: str) -> None:
    problem = Problem("failed.config", "there is none", "write one")
    failure = document.of_failure(command, [problem], datetime(2026, 11, 23, tzinfo=UTC))
    jsonschema.validate(failure, document.schema(command))
