"""The shapes of values in the JSON of several commands, each stated once.

`document` has those that need the packages of a single command, so that others do not import them.
"""

from __future__ import annotations

from typing import get_args

from gitops_bot.images.reason import CODES
from gitops_bot.results.history import ENTRY_CHANGE, PIN, PULL_REQUEST
from gitops_bot.results.shape import BOOL, COUNT, LINE, TEXT, TIME, Shape, many, named, one_of, or_null, record
from gitops_bot.targets.reached import Why

_CODE = one_of(*CODES)
_OBJECT = Shape({"type": "object"}, dict)
PROBLEM = named(
    "problem",
    {
        "code": _CODE,
        "message": TEXT,
        "file": or_null(TEXT),
        "line": or_null(LINE),
        "column": or_null(LINE),
        "next": TEXT,
    },
)
REASON = named("reason", {"code": _CODE, "text": TEXT, "data": _OBJECT})
ENTRY = named(
    "entry",
    {"environment": or_null(TEXT), "overlay": TEXT, "file": TEXT, "line": LINE, "name": TEXT, "image": TEXT},
)
FOUND = record(
    {
        "name": TEXT,
        "overlays": many(TEXT),
        "files": COUNT,
        "entries": COUNT.of("coverage.entries"),
        "followed": COUNT.of("coverage.tracked"),
        "source": or_null(TEXT),
        "promote": BOOL,
        "deployed_by": many(TEXT),
    }
)
CONTENT = record(
    {
        "digest": TEXT,
        "overlays": many(TEXT),
        "files": many(record({"path": TEXT, "name": TEXT, "blob": TEXT})),
        "not_reproducible": many(
            record({"file": TEXT, "line": LINE, "reference": TEXT, "why": one_of(*get_args(Why))})
        ).of("unfollowed"),
    }
)
_IMAGE_COMMITS = record(
    {
        "name": TEXT.of("change.name"),
        "overlay": TEXT.of("change.overlay"),
        "source": TEXT,
        "from_revision": TEXT,
        "to_revision": TEXT,
        "compare_url": or_null(TEXT),
        "commits": many(TEXT),
    }
)
BETWEEN = record(
    {
        "from": TEXT.of("older.commit"),
        "to": TEXT.of("newer.commit"),
        "changes": many(ENTRY_CHANGE),
        "config": many(TEXT),
        "images": many(_IMAGE_COMMITS),
    }
)
ENVIRONMENT_STATUS = record(
    {
        "name": TEXT,
        "release": or_null(TEXT),
        "released_at": or_null(TIME),
        "entries": many(
            record(
                {
                    "entry": ENTRY,
                    "pin": PIN,
                    "since": or_null(TIME),
                    "source_pin": or_null(PIN),
                    "behind_releases": or_null(COUNT),
                    "behind_commits": or_null(COUNT),
                    "hold": or_null(REASON),
                    "proposal": or_null(PULL_REQUEST),
                }
            )
        ),
    }
)
ELSEWHERE = record(
    {"environment": TEXT.of(lambda item: item[0]), "overlays": many(TEXT).of(lambda item: list(item[1]))}
)
#: A setting of another tool without an equivalent.
GAP = record({"file": TEXT, "line": COUNT, "message": TEXT.of("what"), "next": TEXT})
REGISTRY = record({"host": TEXT, "verdict": one_of("good", "warning", "unknown", "wrong"), "text": TEXT})
COVERAGE = record(
    {
        "tracked": COUNT,
        "promoted": COUNT,
        "ignored": COUNT.of(lambda coverage: len(coverage.ignored)),
        "unmanaged": COUNT,
        "no_environment": COUNT.of("outside.entries"),
    }
)
