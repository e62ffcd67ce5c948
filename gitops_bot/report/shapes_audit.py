"""The shapes of what `audit` found in JSON."""

from __future__ import annotations

from typing import get_args

from gitops_bot.proposals.audit import Verdict
from gitops_bot.proposals.text.release import PIN
from gitops_bot.proposals.text.shape import TEXT, many, one_of, or_null, record
from gitops_bot.report.shapes import ENTRY

AUDITED = record(
    {
        "name": TEXT,
        "entries": many(
            record(
                {
                    "entry": ENTRY,
                    "pin": PIN.of("entry.pin"),
                    "verdict": one_of(*get_args(Verdict)),
                    "digest": or_null(TEXT),
                    "missing": many(TEXT).of("absent"),
                }
            )
        ),
    }
)
KEPT = record(
    {
        "image": TEXT.of(lambda kept: str(kept.image)),
        "digest": TEXT,
        "tags": many(TEXT),
        "environments": many(TEXT),
        "indexes": many(TEXT),
    }
)
