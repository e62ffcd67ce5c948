"""How a step talks to the runner of GitHub Actions: commands in its log, files for outputs and the summary.

Commands: "Workflow commands for GitHub Actions" of GitHub's documentation, and `ActionCommand` in actions/runner.
"""

from __future__ import annotations

import os
import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.redact import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Level = Literal["error", "warning", "notice"]

#: Annotations of one level that GitHub shows for one step.
SHOWN = 10
#: Bytes that GitHub takes of the summary of one step; of a longer one it shows nothing.
SUMMARY_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Annotation:
    """A message for people, with file and line if they are known."""

    message: str
    next: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


def say(line: str) -> None:
    """Print a line that the runner cannot take for a command, whatever it contains."""
    print(printable(line), flush=True)  # noqa: T201 - this module is what writes the log


def command(text: str) -> None:
    """Print a command for the runner; the caller has escaped its parts."""
    print(text, flush=True)  # noqa: T201 - likewise


@contextmanager
def group(title: str) -> Iterator[None]:
    """Fold the output under a title in the log; the runner ignores commands in it.

    What the bot and its children print may come from registries, commits and manifests. Both streams become one: the
    runner reads two streams in no order, so a line of the other one could follow the end of the block.
    """
    token = secrets.token_hex(16)
    os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    command(f"::group::{_data(title)}")
    command(f"::stop-commands::{token}")
    try:
        yield
    finally:
        sys.stderr.flush()
        command(f"::{token}::")
        command("::endgroup::")


def write_outputs(environ: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Set the outputs of this step. The delimiter is random, so no value can end itself and set another output."""
    for name, value in outputs.items():
        delimiter = f"gitops-bot-{secrets.token_hex(16)}"
        _append(environ.get("GITHUB_OUTPUT"), f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def room_in_summary(environ: Mapping[str, str]) -> int:
    """How many bytes this step may still add to the summary; 0 without a summary."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    present = Path(path).stat().st_size if path and Path(path).exists() else 0
    return max(0, SUMMARY_LIMIT - present) if path else 0


def write_summary(environ: Mapping[str, str], text: str) -> None:
    """Add to the summary of this step, at most `room_in_summary`."""
    _append(environ.get("GITHUB_STEP_SUMMARY"), text)


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)


def _data(text: str) -> str:
    """Escape the text after the second `::` of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    """Escape the value of a property of a command, such as `file=`."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotate(level: Level, annotation: Annotation) -> None:
    """Print an annotation, on its file and line if they are known."""
    places = (("file", annotation.file), ("line", annotation.line), ("col", annotation.column), ("title", "gitops-bot"))
    properties = ",".join(f"{name}={_value(plain(str(place)))}" for name, place in places if place is not None)
    message = plain(annotation.message, 2000) + (f"\n{plain(annotation.next, 2000)}" if annotation.next else "")
    command(f"::{level} {properties}::{_data(message)}")
