"""Readers of settings that are built late: what `Annotated` takes right behind the type."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


class Late:
    """A setting whose reader is built when it is first read.

    Building the readers of all settings takes longer than reading a file, and most files have few of the settings.
    """

    def __get_pydantic_core_schema__(self, source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        self._reader = cache(lambda: TypeAdapter(source))
        return core_schema.no_info_plain_validator_function(lambda value: self._reader().validate_python(value))

    def __get_pydantic_json_schema__(self, _core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        # By itself, a form would be written out, not referred to by its name.
        return handler(core_schema.definitions_schema(self._reader().core_schema, []))
