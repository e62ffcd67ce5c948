"""What a value looks like in JSON, written once: from one shape come both the document and its JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images.reason import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

Schema = dict[str, Any]
JsonObject = dict[str, Any]

#: The shapes that the schema names, in its order.
DEFS: Final[Schema] = {}


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of value: its JSON Schema, how it is written, and its empty value."""

    schema: Schema
    write: Callable[[Any], Any] = lambda value: value  # as it is
    empty: Any = None

    def of(self, get: str | Callable[[Any], Any]) -> Field:
        """A field of this shape, and how to get its value: the name of an attribute, or a function."""
        return Field(self, attrgetter(get) if isinstance(get, str) else get)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object."""

    shape: Shape
    get: Callable[[Any], Any]


TEXT: Final = Shape({"type": "string"}, empty="")
BOOL: Final = Shape({"type": "boolean"}, empty=False)
COUNT: Final = Shape({"type": "integer", "minimum": 0}, empty=0)
LINE: Final = Shape({"type": "integer", "minimum": 1})
COMMIT: Final = Shape({"type": "string", "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"})
#: RFC 3339 in UTC, to the second.
TIME: Final = Shape({"type": "string", "format": "date-time", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}, rfc3339)


def one_of(*values: str) -> Shape:
    """One of these texts."""
    return Shape({"enum": list(values)})


def or_null(shape: Shape) -> Shape:
    """The same, or null."""
    return Shape(
        {"anyOf": [shape.schema, {"type": "null"}]}, lambda value: None if value is None else shape.write(value)
    )


def many(shape: Shape) -> Shape:
    """An array."""
    return Shape({"type": "array", "items": shape.schema}, lambda values: [shape.write(value) for value in values], [])


def record(**fields: Shape | Field) -> Shape:
    """An object. A field without a getter is the attribute of its name; `from_` is called `from`.

    Each field is required; a later version may add some, so the schema refuses none that it does not know.
    """
    named = {name.rstrip("_"): field for name, field in fields.items()}
    known = {name: field if isinstance(field, Field) else field.of(name) for name, field in named.items()}
    return Shape(
        {
            "type": "object",
            "properties": {name: field.shape.schema for name, field in known.items()},
            "required": list(known),
        },
        lambda value: {name: field.shape.write(field.get(value)) for name, field in known.items()},
        {name: field.shape.empty for name, field in known.items()},
    )


def define(called: str, /, **fields: Shape | Field) -> Shape:
    """An object that the schema calls so."""
    shape = record(**fields)
    DEFS[called] = shape.schema
    return Shape({"$ref": f"#/$defs/{called}"}, shape.write)
