"""What GitHub publishes of its API: where the files are, and what takes their place on a machine without them.

Tests that talk to a stand-in for GitHub check each request and answer against these. Without the files the same tests
run without that check; only tests of the check itself are skipped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import PROJECT, absent


@dataclass(frozen=True, slots=True)
class Published:
    """One file: from the npm package `package`, or where the environment variable `variable` says."""

    what: str
    package: str
    inside: str
    variable: str

    @property
    def file(self) -> Path | None:
        file = Path(os.environ.get(self.variable) or PROJECT / "node_modules" / self.package / self.inside)
        return file if file.is_file() else None

    def need(self) -> Path:
        """The file; the test that needs it is skipped without it, so call this before a server starts."""
        if (file := self.file) is None:
            absent(
                self.what,
                f"npm install --no-save {self.package} here, or name the file in {self.variable}; "
                "then requests and answers are checked against it",
            )
            raise AssertionError
        return file


OPENAPI = Published(
    "GitHub's OpenAPI description", "@octokit/openapi", "generated/api.github.com.json", "GITOPS_BOT_GITHUB_OPENAPI"
)
GRAPHQL = Published("GitHub's GraphQL schema", "@octokit/graphql-schema", "schema.graphql", "GITOPS_BOT_GITHUB_GRAPHQL")


class Unchecked:
    """Stands in for a description that is not installed: it finds no fault."""

    def breaches(self, *_: object, **__: object) -> list[str]:
        return []
