from __future__ import annotations

import pytest

from gitops_bot.report import document
from gitops_bot.report.commands import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_prints_json_has_a_schema_of_its_own(command: str) -> None:
    assert document.schema(command)["properties"]["schema"] == {"const": f"gitops-bot/{command}/1"}
