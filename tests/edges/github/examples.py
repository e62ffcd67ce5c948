"""The examples of GitHub's own documentation that tests play back. They are kept in `examples.json`, so that the tests
need nothing else; this writes them again, out of the OpenAPI description that they come from:

    GITOPS_BOT_GITHUB_OPENAPI=.../api.github.com.json python -m tests.edges.github.examples
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.counterparts.openapi import described

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).with_name("examples.json")
#: Method, path below the repository (`//` begins one elsewhere), and status.
OPERATIONS = (
    ("GET", "", 200),
    ("GET", "//rate_limit", 200),
    ("GET", "/actions/runs", 200),
    ("GET", "/branches/{branch}", 200),
    ("GET", "/branches/{branch}/protection", 200),
    ("GET", "/commits/{ref}/check-runs", 200),
    ("GET", "/commits/{ref}/statuses", 200),
    ("GET", "/compare/{basehead}", 200),
    ("GET", "/deployments", 200),
    ("GET", "/issues/{issue_number}/comments", 200),
    ("GET", "/pulls", 200),
    ("GET", "/pulls/{pull_number}", 200),
    ("GET", "/pulls/{pull_number}/reviews", 200),
    ("POST", "/issues/{issue_number}/assignees", 201),
    ("POST", "/issues/{issue_number}/comments", 201),
    ("POST", "/issues/{issue_number}/labels", 200),
    ("POST", "/pulls/{pull_number}/requested_reviewers", 201),
    ("POST", "/statuses/{sha}", 201),
    ("PUT", "/pulls/{pull_number}/merge", 200),
)
#: Fields whose examples break the description that they stand in, and what the description allows.
MENDED: Mapping[str, Any] = {"mirror_url": None, "requested_teams": [], "template_repository": None}


def key(method: str, path: str, status: int) -> str:
    return f"{method} {path} {status}"


@cache
def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def published() -> dict[str, Any]:
    """The same out of GitHub's description."""
    return {key(*operation): _example(*operation) for operation in OPERATIONS}


def _example(method: str, path: str, status: int) -> Any:
    description = described()
    whole = path[1:] if path.startswith("//") else f"/repos/{{owner}}/{{repo}}{path}"
    operation = description._document["paths"][whole][method.lower()]
    content = description._deref(operation["responses"][str(status)])["content"]["application/json"]
    return _mended(description._deref(next(iter(content["examples"].values())))["value"])


def _mended(value: Any) -> Any:
    if isinstance(value, list):
        return [_mended(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: MENDED[name] if name in MENDED else _mended(each) for name, each in value.items()}


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(example)}" for name, example in published().items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
