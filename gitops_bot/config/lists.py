"""Lists in `gitops-bot.yaml`: what `Annotated` takes after their type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from gitops_bot.config.document import Scalar
from gitops_bot.config.leaves import invalid, no_value, quoted

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


def no_items() -> tuple[()]:
    """The default of a list. Of `tuple` itself, Pydantic would read the signature as source text, which takes 10 ms."""
    return ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, never a single value instead, of as many items; with `once`, repetitions are dropped.

    The schema states a `most` only where it is given.
    """

    least: int = 0
    most: int | None = None
    once: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        read = core_schema.no_info_before_validator_function(self._checked, handler(source))
        return core_schema.no_info_after_validator_function(_once, read) if self.once else read

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        bounds = {"minItems": self.least or None, "maxItems": self.most}
        return {**handler(core), **{name: bound for name, bound in bounds.items() if bound is not None}}

    def _checked(self, value: object) -> object:
        most = 1000 if self.most is None else self.most
        if isinstance(value, Scalar) and value.kind == "nothing":
            raise no_value()
        if not isinstance(value, list):
            raise invalid("must be a list")
        if len(value) < self.least:
            raise invalid("must not be an empty list")
        if len(value) > most:
            raise invalid(f"has {len(value)} items, and the limit is {most}", "keep only the ones you need")
        return value


def _once(items: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(dict.fromkeys(items))


@dataclass(frozen=True, slots=True)
class OneOrMore:
    """A list, each item once, or a single value instead."""

    most: int

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        listed = Listed(least=1, most=self.most).__get_pydantic_core_schema__(source, handler)
        return core_schema.no_info_before_validator_function(_as_list, listed)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = {**handler(core), "minItems": 1, "maxItems": self.most, "uniqueItems": True}
        return {"oneOf": [several["items"], several]}


def _as_list(value: object) -> list[object]:
    items = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    twice = next((item for at, item in enumerate(items) if item in items[:at]), None)
    if twice is not None:
        raise invalid(f"has {quoted(twice)} twice", "remove one of the two")
    return value if isinstance(value, list) else [value]
