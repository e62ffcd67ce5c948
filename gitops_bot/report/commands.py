"""The names of the commands that print JSON: the command line needs them before it imports anything else."""

from __future__ import annotations

from typing import Final

COMMANDS: Final = (
    "plan",
    "update",
    "set",
    "promote",
    "rollback",
    "check",
    "doctor",
    "edit",
    "init",
    "explain",
    "history",
    "audit",
    "status",
)
