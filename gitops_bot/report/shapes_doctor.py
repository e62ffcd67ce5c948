"""The shape of a check of `doctor` in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from gitops_bot.doctor.finding import Check, Verdict
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.proposals.text.shape import BOOL, TEXT, named, one_of, or_null
from gitops_bot.report.screen import LONG

if TYPE_CHECKING:
    from collections.abc import Mapping

#: `ok` is null for a warning, and for what nobody knows.
_OK: Final[Mapping[Verdict, bool | None]] = {"good": True, "warning": None, "unknown": None, "wrong": False}

CHECK = named(
    "check",
    {
        "name": one_of(*get_args(Check)),
        "subject": TEXT.of(lambda finding: plain(finding.subject)),
        "ok": or_null(BOOL).of(lambda finding: _OK[finding.verdict]),
        "verdict": one_of(*get_args(Verdict)),
        "text": TEXT.of(lambda finding: plain(finding.text, LONG)),
        "next": TEXT.of(lambda finding: plain(finding.next, LONG)),
    },
)
