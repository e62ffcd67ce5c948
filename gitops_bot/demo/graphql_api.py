"""`POST /api/graphql` of the embedded GitHub server: reads a request, and answers its top-level fields.

`graphql-core` takes long to import, so this module is imported with the first request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gitops_bot.demo import graphql_pull, graphql_repository, landing, query, query_cost
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.identity import node, repository_of
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.graphql_page import Visible
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Method
    from gitops_bot.demo.shapes import Shapes

_METHODS: dict[str, Method] = {"MERGE": "merge", "SQUASH": "squash", "REBASE": "rebase"}


@dataclass(frozen=True, slots=True)
class Request:
    """A document, its variables, and the name of the operation to run."""

    document: query.Document
    variables: dict[str, Any]
    operation: str | None

    @classmethod
    def read(cls, body: bytes) -> Request:
        """Parse a request body.

        Raises:
            Invalid: GitHub would refuse it.
        """
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            raise Invalid(400, "Problems parsing JSON") from None
        text, variables = (sent.get("query"), sent.get("variables") or {}) if isinstance(sent, dict) else (None, {})
        name = sent.get("operationName") if isinstance(sent, dict) else None
        if not isinstance(text, str):
            raise Invalid(400, "A query attribute must be specified and must be a string.")
        if not isinstance(variables, dict) or not isinstance(name, str | None):
            raise Invalid(400, "Variables must be an object, and the name of an operation a string.")
        return cls(query.read(text), variables, name)

    @property
    def cost(self) -> query_cost.Cost:
        """What it costs of the rate limit."""
        if self.document.errors:
            return query_cost.Cost()
        return query_cost.cost(self.document, self.operation, self.variables)

    @property
    def subject(self) -> query_cost.Subject:
        """The repositories and objects it names."""
        return query_cost.subject(self.document, self.operation, self.variables)

    def answer(self, repositories: Visible) -> Json:
        """Run the operation."""
        if self.document.errors:
            return {"errors": list(self.document.errors)}
        if self.cost.nodes > query_cost.NODES:
            message = (
                f"This query requests up to {self.cost.nodes:,} possible nodes which exceeds the maximum limit of "
                "500,000."
            )
            return {"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}]}
        root = _Root(repositories)
        fields = root.mutations() if self.subject.writes else root.queries()
        return query.run(self.document, fields, self.variables, self.operation)


@dataclass(frozen=True, slots=True)
class _Root:
    """The top-level fields of queries and mutations."""

    repositories: Visible

    def queries(self) -> Json:
        return {"repository": lambda **arguments: self._repository(arguments["owner"], arguments["name"])}

    def mutations(self) -> Json:
        return {
            "enablePullRequestAutoMerge": lambda **arguments: self._enable_auto_merge(arguments["input"]),
            "disablePullRequestAutoMerge": lambda **arguments: self._disable_auto_merge(arguments["input"]),
            "convertPullRequestToDraft": lambda **arguments: self._convert(arguments["input"], draft=True),
            "markPullRequestReadyForReview": lambda **arguments: self._convert(arguments["input"], draft=False),
            "enqueuePullRequest": lambda **arguments: self._enqueue(arguments["input"]),
            "dequeuePullRequest": lambda **arguments: self._dequeue(arguments["input"]),
        }

    def _repository(self, owner: str, name: str) -> Json:
        shapes = self.repositories.named(owner, name)
        if shapes is None:
            full_name = f"{owner}/{name}"[:200]
            raise Invalid(404, f"Could not resolve to a Repository with the name '{full_name}'.")
        more = {field: partial(show, shapes) for field, show in self.repositories.more.items()}
        return graphql_repository.repository(shapes) | more

    def _writable(self, key: str) -> tuple[Shapes, Pull]:
        """The pull request with this ID, unless its repository is archived."""
        number = repository_of(key)
        shapes = self.repositories.numbered(number) if number else None
        pulls = shapes.hub.pulls.values() if shapes else ()
        pull = next((pull for pull in pulls if node("PullRequest", pull.id) == key), None)
        if shapes is None or pull is None:
            raise Invalid(404, f"Could not resolve to a node with the global id of '{key[:200]}'")
        if shapes.hub.settings.archived:
            raise Invalid(403, "Repository was archived so is read-only.")
        return shapes, pull

    def _enable_auto_merge(self, arguments: Json) -> Json:
        shapes, pull = self._writable(arguments["pullRequestId"])
        method = _METHODS[arguments.get("mergeMethod") or "MERGE"]
        title, message = arguments.get("commitHeadline"), arguments.get("commitBody")
        how = AutoMerge(shapes.viewer, shapes.pulls.time(), method, title, message)
        landing.enable_auto_merge(shapes.pulls, pull, how, expected=arguments.get("expectedHeadOid"))
        return _payload(arguments, pullRequest=graphql_pull.show(shapes, pull))

    def _disable_auto_merge(self, arguments: Json) -> Json:
        shapes, pull = self._writable(arguments["pullRequestId"])
        landing.disable_auto_merge(shapes.pulls, pull, shapes.viewer)
        return _payload(arguments, pullRequest=graphql_pull.show(shapes, pull))

    def _convert(self, arguments: Json, *, draft: bool) -> Json:
        shapes, pull = self._writable(arguments["pullRequestId"])
        landing.convert(shapes.pulls, pull, draft=draft)
        return _payload(arguments, pullRequest=graphql_pull.show(shapes, pull))

    def _enqueue(self, arguments: Json) -> Json:
        shapes, pull = self._writable(arguments["pullRequestId"])
        entry = landing.enqueue(shapes.pulls, pull, user=shapes.viewer, expected=arguments.get("expectedHeadOid"))
        return _payload(arguments, mergeQueueEntry=graphql_pull.show_queued(shapes, entry))

    def _dequeue(self, arguments: Json) -> Json:
        shapes, pull = self._writable(arguments["id"])
        entry = landing.dequeue(shapes.pulls, pull)
        return _payload(arguments, mergeQueueEntry=graphql_pull.show_queued(shapes, entry))


def _payload(arguments: Json, **fields: Json) -> Json:
    return {"clientMutationId": arguments.get("clientMutationId"), **fields}
