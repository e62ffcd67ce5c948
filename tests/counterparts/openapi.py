"""GitHub's own description of its REST API (npm `@octokit/openapi`): what requests and answers must meet."""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.conftest import INSIST
from tests.counterparts.published import OPENAPI, Unchecked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@_FORMATS.checks("uri")
def _is_address(value: object) -> bool:
    return not isinstance(value, str) or (urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc))


def described() -> Description:
    """The description; the test is skipped without it."""
    return _read(OPENAPI.need())


def checker() -> Checker:
    """What checks requests and answers, as far as the description is installed. It is large: read it before serving."""
    return Unchecked() if OPENAPI.file is None and not INSIST else described()


@cache
def _read(file: Path) -> Description:
    return Description(file)


class Description:
    """The operations of `api.github.com`."""

    def __init__(self, file: Path) -> None:
        self._document = json.loads(file.read_text(encoding="utf-8"))
        self._registry: Registry[Any] = Registry(retrieve=self._retrieve)

    def breaches(
        self, method: str, target: str, *, sent: Any = None, status: int, body: bytes, headers: Mapping[str, str]
    ) -> list[str]:
        """What in a request and its answer is not as described. `target` begins behind `/api/v3`."""
        path, query = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        operation = self._operation(method, path)
        if operation is None:
            return [f"there is no {method} {path}"]
        found = [f"query: {each}" for each in self._unknown(operation, query)]
        if sent is not None:
            schema = self._deref(operation["requestBody"])["content"]["application/json"]["schema"]
            found += [f"sent: {each}" for each in self._against(schema, sent)]
        answer = self._deref(operation["responses"].get(str(status), {"missing": True}))
        if "missing" in answer:
            return [*found, f"status {status} is none of {sorted(operation['responses'])}"]
        kind = headers.get("content-type", "").partition(";")[0]
        if body and kind == "application/json" and answer.get("content"):
            schema = answer["content"]["application/json"].get("schema", {})
            found += [f"answer: {each}" for each in self._against(schema, json.loads(body))]
        return found

    def _operation(self, method: str, path: str) -> Any:
        for pattern, described, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                assert described
                return operations[method.lower()]
        return None

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str, Any]]:
        """Paths that say more first: `/pulls/comments` before `/pulls/{number}`; a reference may hold slashes."""
        ordered = sorted(self._document["paths"], key=lambda path: (path.count("{"), -len(path)))
        known = [
            path
            for path in ordered
            if path.startswith(("/repos/{owner}/{repo}", "/rate_limit", "/orgs/{org}/artifacts/metadata", "/app/"))
            or path == "/app"
        ]
        return [(re.compile(_pattern(path)), path, self._document["paths"][path]) for path in known]

    def _unknown(self, operation: Any, query: Mapping[str, str]) -> list[str]:
        parameters = [self._deref(each) for each in operation.get("parameters", ())]
        named = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
        wrong = [f"{name} is not described" for name in query if name not in named]
        for name, value in query.items():
            allowed = named.get(name, {}).get("enum")
            if allowed and value not in allowed:
                wrong.append(f"{name}={value} is none of {allowed}")
        return wrong

    def _against(self, schema: Any, value: Any) -> list[str]:
        validator = Draft202012Validator(_converted(schema), registry=self._registry, format_checker=_FORMATS)
        return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]

    def _deref(self, part: Any) -> Any:
        if "$ref" not in part:
            return part
        found = self._document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return found

    def _retrieve(self, uri: str) -> Resource[Any]:
        schema = _converted(self._document["components"]["schemas"][uri.removeprefix("schema:")])
        return Resource.from_contents(schema, default_specification=DRAFT202012)


Checker = Description | Unchecked


def _pattern(path: str) -> str:
    """A template as an expression; the reference of a branch may have slashes."""
    escaped = re.escape(path).replace(r"\{ref\}", ".+").replace(r"\{branch\}", ".+").replace(r"\{basehead\}", ".+")
    return re.sub(r"\\\{\w+\\\}", "[^/]+", escaped)


def _converted(schema: Any) -> Any:
    """OpenAPI 3.0 in terms of JSON Schema: `nullable`, and references that the registry can follow one by one."""
    if isinstance(schema, list):
        return [_converted(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "schema:")}
    plain = {
        name: _converted(value) for name, value in schema.items() if name not in ("nullable", "example", "examples")
    }
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
