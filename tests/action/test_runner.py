from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from gitops_bot.action import runner
from gitops_bot.action.runner import Annotation
from tests.conftest import PROJECT
from tests.counterparts.runner import obeyed, outputs
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

EVIL = ("::set-output name=a::b", "  ::add-path::/evil", "x ##[set-env name=PATH]/evil", "::endgroup::", "##[endgroup]")


def test_whatever_is_said_in_a_group_is_not_obeyed_on_either_stream_nor_after_a_fault() -> None:
    script = f"""
import sys, os
from gitops_bot.action import runner
try:
    with runner.group("a 100%: b"):
        for line in {EVIL!r}:
            print(line, flush=True)
            print(line, file=sys.stderr)
            os.write(2, line.encode() + b"\\n")
        raise ValueError
except ValueError:
    runner.say("::error::x ##[error]y")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PROJECT, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.count(EVIL[0]) == 3
    assert [(command.name, command.data) for command in obeyed(done.stdout)][::2] == [
        ("group", "a 100%: b"),
        ("endgroup", ""),
    ]


@rows("annotation line", {
    "a message": (Annotation("wrong"), "::error title=gitops-bot::wrong"),
    "on a place, with everything that is escaped": (
        Annotation("50 % off\r\n::add-mask::x", "do", "a,b:c%.yaml", 3, 7),
        "::error file=a%2Cb%3Ac%25.yaml,line=3,col=7,title=gitops-bot::50 %25 off ::add-mask::x%0Ado",
    ),
    "a line break in a name": (Annotation("x", file="a\n::b"), "::error file=a %3A%3Ab,title=gitops-bot::x"),
})  # fmt: skip
def test_an_annotation_is_one_command(annotation: Annotation, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    runner.annotate("error", annotation)
    printed = capsys.readouterr().out
    assert printed == f"{line}\n"
    (command,) = obeyed(printed)
    assert command.name == "error"


def test_no_value_can_end_itself_and_set_another(tmp_path: Path) -> None:
    file = tmp_path / "output"
    file.write_text("before<<x\n1\nx\n", encoding="utf-8")
    values = {"a": "x\nb<<EOF\nevil\nEOF", "b": "", "c": "b=evil\n\n"}
    for _ in range(2):
        runner.write_outputs({"GITHUB_OUTPUT": str(file)}, values)
    text = file.read_text(encoding="utf-8")
    assert outputs(text) == {"before": "1", **values}
    delimiters = {line.split("<<")[1] for line in text.splitlines() if "<<gitops-bot-" in line}
    assert len(delimiters) == 6


def test_without_a_runner_nothing_is_written(tmp_path: Path) -> None:
    runner.write_outputs({}, {"a": "b"})
    runner.write_summary({"GITHUB_STEP_SUMMARY": ""}, "text")
    assert runner.room_in_summary({}) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_room_is_what_others_left(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    assert runner.room_in_summary({"GITHUB_STEP_SUMMARY": str(file)}) == 1024 * 1024
    file.write_bytes(b"x" * 1024)
    assert runner.room_in_summary({"GITHUB_STEP_SUMMARY": str(file)}) == 1023 * 1024
