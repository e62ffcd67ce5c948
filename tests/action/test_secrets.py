"""A step gets its outcome as values: no secret in them reaches the log, the outputs or the summary."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.secret_forms import FORMS

if TYPE_CHECKING:
    from pathlib import Path

#: A step whose command finds a problem with each of these texts.
STEP = """
import sys
from gitops_bot.action import step
from gitops_bot.errors import Problem
from gitops_bot.results.checkout import Checked
from gitops_bot.results.result import Head, Result
from gitops_bot.releases.layout.coverage import Coverage
from tests.secret_forms import FORMS

texts = [text for text, _ in FORMS.values()]
problems = tuple(Problem("failed.edit", text, text, "k.yaml", line) for line, text in enumerate(texts, 1))
step.check = lambda *_: Result(Head(problems=problems), Checked(1, Coverage()))
sys.exit(step.main())
"""


def test_no_form_of_a_secret_comes_out_of_a_step(tmp_path: Path) -> None:
    outputs, summary = tmp_path / "outputs", tmp_path / "summary"
    env = os.environ | {
        "INPUT_COMMAND": "check",
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_TOKEN": "",
    }
    ran = subprocess.run(
        [sys.executable, "-c", STEP], env=env, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    shown = ran.stdout + ran.stderr + outputs.read_text(encoding="utf-8") + summary.read_text(encoding="utf-8")
    assert ran.returncode == 1, shown
    assert shown.count("***") > 3 * len(FORMS)
    # Some are so short that other words hold them.
    secrets = [part for _, parts in FORMS.values() for part in parts if len(part) > 4]
    assert [secret for secret in secrets if secret in shown] == []
