"""A commit and what systems say of it, as GraphQL shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import checks, identity
from gitops_bot.demo.identity import node
from gitops_bot.demo.view import page

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Check
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.view import Seen


def commit(seen: Seen, oid: str) -> Json:
    """A commit."""
    told = seen.shapes.bare.commit
    return {
        "__typename": "Commit",
        "id": node("Commit", oid),
        "oid": oid,
        "abbreviatedOid": oid[:7],
        "commitUrl": f"{seen.shapes.page}/commit/{oid}",
        "committedDate": lambda: told(oid).committed_at,
        "message": lambda: told(oid).message,
        "messageHeadline": lambda: told(oid).message.partition("\n")[0],
        "statusCheckRollup": lambda: rollup(seen, oid),
    }


def rollup(seen: Seen, oid: str) -> Json | None:
    """What all statuses and check runs of a commit come to; None where nobody said anything."""
    state = checks.rollup(seen.shapes.hub, oid)
    if state is None:
        return None
    said = checks.latest(seen.shapes.hub, oid)
    return {
        "__typename": "StatusCheckRollup",
        "id": node("StatusCheckRollup", oid),
        "state": state,
        "commit": lambda: commit(seen, oid),
        "contexts": lambda **asked: page("contexts", said, lambda check: _check(seen, check), asked),
    }


def _check(seen: Seen, check: Check) -> Json:
    def is_required(**asked: str | int | None) -> bool:
        number, key = asked.get("pullRequestNumber"), identity.unnode(str(asked.get("pullRequestId")))
        for pull in seen.shapes.hub.pulls.values():
            if pull.number == number or key == ("PullRequest", str(pull.id)):
                rule = seen.shapes.pulls.protection(pull)
                return rule is not None and check.context in rule.checks
        return False

    if check.kind == "status":
        return {
            "__typename": "StatusContext",
            "id": node("StatusContext", check.id),
            "context": check.context,
            "description": check.description,
            "state": checks.state(check),
            "targetUrl": check.target_url,
            "isRequired": is_required,
        }
    return {
        "__typename": "CheckRun",
        "id": node("CheckRun", check.id),
        "databaseId": check.id,
        "name": check.context,
        "status": check.status.upper(),
        "conclusion": check.state.upper() if check.state else None,
        "isRequired": is_required,
    }
