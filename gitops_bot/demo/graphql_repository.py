"""A repository, as GraphQL shows it: without rules for branches, which the demo has none of."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from gitops_bot.demo import graphql_pull
from gitops_bot.demo.graphql_page import connection
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Method
    from gitops_bot.demo.shapes import Shapes

_METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")
_ORDERS = {"CREATED_AT": attrgetter("created_at", "number"), "UPDATED_AT": attrgetter("updated_at", "number")}


def repository(shapes: Shapes) -> Json:
    """A repository."""
    hub = shapes.hub
    settings = hub.settings
    return {
        "id": node("Repository", hub.id),
        "nameWithOwner": hub.full_name,
        "autoMergeAllowed": settings.allow_auto_merge,
        "mergeCommitAllowed": settings.allow_merge_commit,
        "squashMergeAllowed": settings.allow_squash_merge,
        "rebaseMergeAllowed": settings.allow_rebase_merge,
        "viewerDefaultMergeMethod": next((name.upper() for name in _METHODS if settings.allows(name)), "MERGE"),
        "object": lambda **arguments: _commit(shapes, arguments["oid"]),
        "ref": lambda **_: {"refUpdateRule": None, "rules": {"nodes": []}},
        "mergeQueue": lambda **arguments: _merge_queue(shapes, arguments.get("branch") or shapes.bare.default_branch()),
        "pullRequest": lambda **arguments: graphql_pull.show(shapes, _pull(shapes, arguments["number"])),
        "pullRequests": lambda **arguments: connection(
            "pullRequests", _pulls(shapes, arguments), lambda pull: graphql_pull.show(shapes, pull), arguments
        ),
    }


def _commit(shapes: Shapes, oid: str) -> Json | None:
    """A commit with its checks; None where the repository has no such commit."""
    if not shapes.bare.has(oid):
        return None
    return graphql_pull.commit(shapes.hub, oid)


def _merge_queue(shapes: Shapes, branch: str) -> Json | None:
    rule = shapes.hub.protected.get(branch)
    if rule is None or rule.merge_queue is None:
        return None
    return {"id": node("MergeQueue", f"{shapes.hub.id}:{branch}")}


def _pull(shapes: Shapes, number: int) -> Pull:
    pull = shapes.hub.pulls.get(number)
    if pull is None:
        raise Invalid(404, f"Could not resolve to a PullRequest with the number of {number}.")
    return pull


def _pulls(shapes: Shapes, arguments: Json) -> list[Pull]:
    """The pull requests that match; the oldest first, unless the query has another order."""
    states = arguments.get("states")
    order = arguments.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    matching = [
        pull
        for pull in shapes.hub.pulls.values()
        if (not states or graphql_pull.state(pull) in states)
        and arguments.get("headRefName") in (None, pull.head)
        and arguments.get("baseRefName") in (None, pull.base)
    ]
    return sorted(matching, key=_ORDERS[order["field"]], reverse=order["direction"] == "DESC")
