"""`POST /api/graphql` of the embedded forge: what a request asks for, and the first fields of its answer.

Heavy, because of the library below `query.py`: imported when the first request comes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gitops_bot.demo import landing, query, query_cost, view_pull, view_repository
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.identity import node, repository_of
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.view import Seen, person

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Method
    from gitops_bot.demo.shapes import Shapes

_METHODS: dict[str, Method] = {"MERGE": "merge", "SQUASH": "squash", "REBASE": "rebase"}


class Repositories(Protocol):
    """The repositories that somebody may see."""

    def named(self, owner: str, name: str) -> Shapes | None:
        """The one with this name."""
        ...

    def numbered(self, number: int) -> Shapes | None:
        """The one with this id."""
        ...

    def user(self) -> Json:
        """Who asks, as REST shows them."""
        ...

    def limit(self) -> Json:
        """The window of the rate limit: `limit`, `remaining`, `used`, `resetAt`."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent: a document, its variables, and which of its operations is meant."""

    document: query.Document
    variables: dict[str, Any]
    operation: str | None

    @classmethod
    def read(cls, body: bytes) -> Request:
        """Read a body.

        Raises:
            Invalid: it is none that GitHub takes.
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
        """What it takes from the rate limit."""
        if self.document.errors:
            return query_cost.Cost()
        return query_cost.cost(self.document, self.operation, self.variables)

    @property
    def subject(self) -> query_cost.Subject:
        """What it is about."""
        return query_cost.subject(self.document, self.operation, self.variables)

    def answer(self, repositories: Repositories, viewer: str) -> Json:
        """Carry it out."""
        if self.document.errors:
            return {"errors": list(self.document.errors)}
        cost = self.cost
        if cost.nodes > query_cost.NODES:
            message = (
                f"This query requests up to {cost.nodes:,} possible nodes which exceeds the maximum limit of 500,000."
            )
            return {"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}]}
        root = _Root(repositories, viewer, cost)
        fields = root.mutations() if self.subject.writes else root.queries()
        return query.carry_out(self.document, fields, self.variables, self.operation)


@dataclass(frozen=True, slots=True)
class _Root:
    """The first fields of a query and of a mutation."""

    repositories: Repositories
    viewer: str
    cost: query_cost.Cost

    def queries(self) -> Json:
        return {
            "node": lambda **asked: self._node(asked["id"]),
            "rateLimit": lambda **_: {
                **self.repositories.limit(),
                "cost": self.cost.points,
                "nodeCount": self.cost.nodes,
            },
            "repository": lambda **asked: self._repository(asked["owner"], asked["name"]),
            # GitHub calls whoever asks a user, with the whole login, even where it is a bot.
            "viewer": lambda: person({**self.repositories.user(), "type": "User"}),
        }

    def mutations(self) -> Json:
        return {
            "convertPullRequestToDraft": lambda **asked: self._set_draft(asked["input"], draft=True),
            "markPullRequestReadyForReview": lambda **asked: self._set_draft(asked["input"], draft=False),
            "enablePullRequestAutoMerge": lambda **asked: self._enable_auto_merge(asked["input"]),
            "disablePullRequestAutoMerge": lambda **asked: self._disable_auto_merge(asked["input"]),
            "enqueuePullRequest": lambda **asked: self._enqueue(asked["input"]),
            "dequeuePullRequest": lambda **asked: self._dequeue(asked["input"]),
        }

    def _repository(self, owner: str, name: str) -> Json:
        shapes = self.repositories.named(owner, name)
        if shapes is None:
            full_name = f"{owner}/{name}"[:200]
            raise Invalid(404, f"Could not resolve to a Repository with the name '{full_name}'.")
        return view_repository.repository(Seen(shapes, self.viewer))

    def _node(self, key: str) -> Json:
        seen, pull = self._pull(key)
        return view_pull.pull(seen, pull)

    def _pull(self, key: str) -> tuple[Seen, Pull]:
        number = repository_of(key)
        shapes = self.repositories.numbered(number) if number else None
        if shapes is not None:
            for pull in shapes.hub.pulls.values():
                if node("PullRequest", pull.id) == key:
                    return Seen(shapes, self.viewer), pull
        raise Invalid(404, f"Could not resolve to a node with the global id of '{key[:200]}'")

    def _writable(self, key: str) -> tuple[Seen, Pull]:
        seen, pull = self._pull(key)
        if seen.shapes.hub.settings.archived:
            raise Invalid(403, "Repository was archived so is read-only.")
        return seen, pull

    def _set_draft(self, given: Json, *, draft: bool) -> Json:
        seen, pull = self._writable(given["pullRequestId"])
        landing.set_draft(seen.shapes.pulls, pull, draft=draft)
        return {"clientMutationId": given.get("clientMutationId"), "pullRequest": view_pull.pull(seen, pull)}

    def _enable_auto_merge(self, given: Json) -> Json:
        seen, pull = self._writable(given["pullRequestId"])
        pulls = seen.shapes.pulls
        method = _METHODS[given.get("mergeMethod") or "MERGE"]
        how = AutoMerge(self.viewer, pulls.time(), method, given.get("commitHeadline"), given.get("commitBody"))
        landing.enable_auto_merge(pulls, pull, how, expected=given.get("expectedHeadOid"))
        return self._auto_merge(seen, pull, given)

    def _disable_auto_merge(self, given: Json) -> Json:
        seen, pull = self._writable(given["pullRequestId"])
        landing.disable_auto_merge(seen.shapes.pulls, pull)
        return self._auto_merge(seen, pull, given)

    def _auto_merge(self, seen: Seen, pull: Pull, given: Json) -> Json:
        return {
            "actor": seen.person(self.viewer),
            "clientMutationId": given.get("clientMutationId"),
            "pullRequest": view_pull.pull(seen, pull),
        }

    def _enqueue(self, given: Json) -> Json:
        seen, pull = self._writable(given["pullRequestId"])
        pulls = seen.shapes.pulls
        entry = landing.enqueue(pulls, pull, user=self.viewer, expected=given.get("expectedHeadOid"))
        return {"clientMutationId": given.get("clientMutationId"), "mergeQueueEntry": view_pull.queued(seen, entry)}

    def _dequeue(self, given: Json) -> Json:
        seen, pull = self._writable(given["id"])
        entry = landing.dequeue(seen.shapes.pulls, pull)
        return {"clientMutationId": given.get("clientMutationId"), "mergeQueueEntry": view_pull.queued(seen, entry)}
