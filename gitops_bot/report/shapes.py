"""The shapes of values in the JSON of several commands, each stated once.

Those of one command stand beside its words, in `shapes_*`: a command imports no rooms that only others need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from gitops_bot.images.reason import CODES
from gitops_bot.proposals.pull_request import State
from gitops_bot.releases.history.record import Kind as ReleaseKind
from gitops_bot.report.shape import BOOL, COMMIT, COUNT, LINE, TEXT, TIME, Shape, many, one_of, or_null, record
from gitops_bot.targets.reached import Why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.report.shape import Field, Schema

#: The shapes that the schema names, in its order.
DEFS: Final[Schema] = {}


def named(name: str, fields: Mapping[str, Shape | Field]) -> Shape:
    """An object that the schema describes once."""
    shape = record(fields)
    DEFS[name] = shape.schema
    return Shape({"$ref": f"#/$defs/{name}"}, shape.write)


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
PIN = named("pin", {"tag": or_null(TEXT), "digest": or_null(TEXT)})
ENTRY = named(
    "entry",
    {"environment": or_null(TEXT), "overlay": TEXT, "file": TEXT, "line": LINE, "name": TEXT, "image": TEXT},
)
PULL_REQUEST = named("pull_request", {"number": LINE, "url": TEXT, "state": one_of(*get_args(State))})
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
_ENTRY_CHANGE = record(
    {"overlay": TEXT, "name": TEXT, "from": or_null(PIN).of("before"), "to": or_null(PIN).of("after")}
)
RELEASE = record(
    {
        "id": TEXT.of("record.id"),
        "number": or_null(LINE).of("record.release.number"),
        "commit": COMMIT.of("record.release.commit"),
        "at": TIME.of("record.at"),
        "author": TEXT.of("record.release.step.who"),
        "merged_by": or_null(TEXT).of("merge.merged_by"),
        "approved_by": many(TEXT).of("merge.approved_by"),
        "pull_request": or_null(PULL_REQUEST).of("merge.pull_request"),
        "kind": one_of(*get_args(ReleaseKind)).of("record.kind"),
        "from_release": or_null(TEXT).of("record.from_release"),
        "rollback_of": or_null(TEXT).of("record.rollback_of"),
        "changes": many(_ENTRY_CHANGE).of("record.changes"),
        "config": many(TEXT).of("record.config"),
        "content_digest": or_null(TEXT),
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
        "changes": many(_ENTRY_CHANGE),
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
RELEASES = record({"environment": TEXT, "bounded": BOOL, "releases": many(RELEASE)})
ELSEWHERE = record(
    {"environment": TEXT.of(lambda item: item[0]), "overlays": many(TEXT).of(lambda item: list(item[1]))}
)
#: A setting of another tool without a counterpart.
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
