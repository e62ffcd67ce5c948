"""Runs a command in a pseudo-terminal with the width and the colours of the demo's output."""

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
    """What a command printed, standard error last, and its exit code."""

    lines: tuple[str, ...]
    code: int


def run(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], width: int, colours: bool) -> Ran:
    """Run a command; without pseudo-terminals, its output is not wrapped."""
    style = {"COLUMNS": str(width), **({"TERM": "xterm"} if colours else {"NO_COLOR": "1"})}
    if not hasattr(os, "openpty"):
        piped = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
        )
        return Ran(tuple((piped.stdout + piped.stderr).splitlines()), piped.returncode)
    reader, terminal = os.openpty()
    with os.fdopen(reader, "rb", buffering=0) as shown, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=cwd, env={**env, **style}, stdin=subprocess.DEVNULL, stdout=terminal, stderr=errors
        )
        os.close(terminal)
        out = bytearray()
        # On Linux, reading a closed pseudo-terminal is an error.
        with process, suppress(OSError):
            while chunk := shown.read(65_536):
                out += chunk
        errors.seek(0)
        text = (bytes(out) + errors.read()).decode("utf-8", "replace")
    return Ran(tuple(text.replace("\r\n", "\n").splitlines()), process.returncode)
