"""Runs one command as a person does: on a terminal of its own, whose width and colours are those of the story."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, and its exit code. What it said on standard error comes last."""

    lines: tuple[str, ...]
    code: int


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], width: int, colours: bool) -> Ran:
    """Run it to its end; on a system without such terminals its lines are whole."""
    looks = {"COLUMNS": str(width), **({"TERM": "xterm"} if colours else {"NO_COLOR": "1"})}
    if not hasattr(os, "openpty"):
        piped = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
        )
        return Ran(tuple((piped.stdout + piped.stderr).splitlines()), piped.returncode)
    reader, terminal = os.openpty()
    with os.fdopen(reader, "rb", buffering=0) as shown, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env={**env, **looks}, stdin=subprocess.DEVNULL, stdout=terminal, stderr=errors
        )
        os.close(terminal)
        out = bytearray()
        # Linux ends the reading of a terminal that nobody writes to any more with an error.
        with process, suppress(OSError):
            while chunk := shown.read(65_536):
                out += chunk
        errors.seek(0)
        text = (bytes(out) + errors.read()).decode("utf-8", "replace")
    return Ran(tuple(text.replace("\r\n", "\n").splitlines()), process.returncode)
