"""The JSON that scripts rely on, as JSON Schema: every field is required, and only what is marked so may be null."""

from __future__ import annotations

from typing import Any, Final, get_args

from gitops_bot.doctor.finding import Check, Verdict
from gitops_bot.images.reason import CODES
from gitops_bot.releases.plan import Direction, Source

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_LINE: Final[Schema] = {"type": "integer", "minimum": 1}
_TIME: Final[Schema] = {"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_COMMIT: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"}
_CODE: Final[Schema] = {"enum": list(CODES)}

COMMANDS: Final = ("plan", "update", "set", "promote", "rollback", "check", "doctor", "edit")


def schema(command: str) -> Schema:
    """The schema of what `gitops-bot COMMAND --output json` prints.

    Raises:
        KeyError: the command prints no JSON.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gitops-bot {command}",
        **_object(_envelope(command) | _BODIES[command]),
        "$defs": _DEFS,
    }


def _object(fields: Schema) -> Schema:
    # A later version may add fields: a script that refuses them would break, so the schema does not.
    return {"type": "object", "properties": fields, "required": list(fields)}


def _or_null(said: Schema) -> Schema:
    return {"anyOf": [said, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _envelope(command: str) -> Schema:
    return {
        "schema": {"const": f"gitops-bot/{command}/1"},
        "repository": _or_null(_TEXT),
        "branch": _or_null(_TEXT),
        "commit": _or_null(_COMMIT),
        "at": _TIME,
        "complete": {"type": "boolean"},
        "problems": _list("problem"),
    }


_DEFS: Final[Schema] = {
    "problem": _object(
        {
            "code": _CODE,
            "message": _TEXT,
            "file": _or_null(_TEXT),
            "line": _or_null(_LINE),
            "column": _or_null(_LINE),
            "next": _TEXT,
        }
    ),
    "reason": _object({"code": _CODE, "text": _TEXT, "data": {"type": "object"}}),
    "pin": _object({"tag": _or_null(_TEXT), "digest": _or_null(_TEXT)}),
    "entry": _object(
        {
            "environment": _or_null(_TEXT),
            "overlay": _TEXT,
            "file": _TEXT,
            "line": _LINE,
            "name": _TEXT,
            "image": _TEXT,
        }
    ),
    "pull_request": _object(
        {"number": _LINE, "url": _TEXT, "state": {"enum": ["open", "closed", "merged"]}},
    ),
    "change": _object(
        {
            "entry": _ref("entry"),
            "from": _ref("pin"),
            "to": _ref("pin"),
            "source": {"enum": list(get_args(Source))},
            "direction": {"enum": list(get_args(Direction))},
            "reason": _ref("reason"),
            "carried": {"type": "boolean"},
        }
    ),
    "proposal": _object(
        {
            "group": _TEXT,
            "branch": _or_null(_TEXT),
            "action": {"enum": ["open", "refresh", "leave", "close", "commit", "none"]},
            "reason": _ref("reason"),
            "pull_request": _or_null(_ref("pull_request")),
            "commit": _or_null(_COMMIT),
            "changes": _list("change"),
        }
    ),
    "held": _object(
        {
            "entry": _ref("entry"),
            "current": _ref("pin"),
            "candidate": _or_null(_ref("pin")),
            "reason": _ref("reason"),
        }
    ),
    "failed": _object({"entry": _or_null(_ref("entry")), "problem": _ref("problem")}),
    "check": _object(
        {
            "name": {"enum": list(get_args(Check))},
            "subject": _TEXT,
            "ok": _or_null({"type": "boolean"}),
            "verdict": {"enum": list(get_args(Verdict))},
            "text": _TEXT,
            "next": _TEXT,
        }
    ),
    "environment": _object(
        {
            "name": _TEXT,
            "promoted_from": _or_null(_TEXT),
            "proposals": _list("proposal"),
            "held": _list("held"),
            "failed": _list("failed"),
            "unchanged": _COUNT,
        }
    ),
}

_ENVIRONMENTS: Final[Schema] = {"environments": _list("environment")}
_COVERAGE: Final[Schema] = {
    "coverage": _object(
        dict.fromkeys(("tracked", "promoted", "ignored", "unmanaged", "no_environment"), _COUNT),
    )
}
_BODIES: Final[dict[str, Schema]] = {
    "plan": _ENVIRONMENTS | _COVERAGE,
    "update": _ENVIRONMENTS,
    "set": _ENVIRONMENTS,
    "promote": _ENVIRONMENTS,
    "rollback": _ENVIRONMENTS,
    "check": {"files": _COUNT, "entries": _COUNT} | _COVERAGE,
    "doctor": {"checks": _list("check")},
    "edit": {"changes": _list("change"), "unchanged": _COUNT},
}
