"""A repository as GraphQL shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitops_bot.demo import view_pull, view_ref
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.view import page, person

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.rules import Method
    from gitops_bot.demo.view import Seen

_METHODS: tuple[Method, ...] = ("merge", "squash", "rebase")


def repository(seen: Seen) -> Json:
    """A repository."""
    shapes, hub = seen.shapes, seen.shapes.hub
    main = shapes.bare.default_branch()
    return {
        "__typename": "Repository",
        "id": node("Repository", hub.id),
        "databaseId": hub.id,
        "name": hub.name,
        "nameWithOwner": hub.full_name,
        "owner": person({**shapes.user(hub.owner), "type": "Organization"}),
        "url": shapes.page,
        "isPrivate": hub.private,
        "isArchived": hub.settings.archived,
        "autoMergeAllowed": hub.settings.allow_auto_merge,
        "mergeCommitAllowed": hub.settings.allow_merge_commit,
        "squashMergeAllowed": hub.settings.allow_squash_merge,
        "rebaseMergeAllowed": hub.settings.allow_rebase_merge,
        "deleteBranchOnMerge": hub.settings.delete_branch_on_merge,
        "viewerDefaultMergeMethod": next((each.upper() for each in _METHODS if hub.settings.allows(each)), "MERGE"),
        # Everyone who has a token may write; what only administrators may is asked of no token here.
        "viewerPermission": "WRITE",
        "defaultBranchRef": lambda: view_ref.ref(seen, main),
        "ref": lambda **asked: view_ref.ref(seen, asked["qualifiedName"]),
        "mergeQueue": lambda **asked: view_pull.merge_queue(seen, asked.get("branch") or main),
        "pullRequest": lambda **asked: view_pull.pull(seen, _numbered(seen, asked["number"])),
        "pullRequests": lambda **asked: page(
            "pullRequests", _found(seen, asked), lambda pull: view_pull.pull(seen, pull), asked
        ),
    }


def _numbered(seen: Seen, number: int) -> Pull:
    pull = seen.shapes.hub.pulls.get(number)
    if pull is None:
        raise Invalid(404, f"Could not resolve to a PullRequest with the number of {number}.")
    return pull


def _found(seen: Seen, asked: Json) -> list[Pull]:
    """The pull requests that fit; the oldest first, unless the query has another order."""
    states, labels = asked.get("states"), asked.get("labels")
    found = [
        pull
        for pull in seen.shapes.hub.pulls.values()
        if (not states or view_pull.state(pull) in states)
        and asked.get("headRefName") in (None, pull.head)
        and asked.get("baseRefName") in (None, pull.base)
        and (not labels or set(labels) & set(pull.labels))
    ]
    order = asked.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    keys: dict[str, Any] = {
        "CREATED_AT": lambda pull: (pull.created_at, pull.number),
        "UPDATED_AT": lambda pull: (pull.updated_at, pull.number),
        "COMMENTS": lambda pull: (len(pull.comments), pull.number),
    }
    return sorted(found, key=keys[order["field"]], reverse=order["direction"] == "DESC")
