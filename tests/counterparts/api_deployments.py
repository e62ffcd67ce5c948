"""Deployments and their statuses, in REST and GraphQL, and the deployment records of an organisation's artifacts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitops_bot.demo.graphql_page import connection
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.hub import Deployment, DeploymentStatus
from gitops_bot.demo.identity import node
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call, Fields
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.shapes import Shapes

_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
_DESCRIPTION_LIMIT = 140
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}\Z")


def _list(call: Call) -> Answer:
    """The newest first."""
    query = call.request.query
    matching = [
        deployment
        for deployment in reversed(call.pulls.hub.deployments)
        if query.get("sha") in (None, deployment.commit)
        and query.get("environment") in (None, deployment.environment)
        and query.get("task") in (None, deployment.task)
    ]
    return call.page(matching, lambda deployment: _show(call, deployment))


def _create(call: Call) -> Answer:
    """Without `auto_merge: false` and `required_contexts: []`, GitHub may merge, or refuse; this server refuses."""
    user, fields = call.shapes.viewer, call.fields()
    (ref,) = fields.needed("ref")
    commit = call.pulls.bare.branches().get(ref, ref)
    if not call.pulls.bare.has(commit):
        raise Invalid(422, f"No ref found for: {ref[:200]}")
    if fields.values.get("auto_merge", True):
        raise Invalid(409, "Conflict merging main into the ref.")
    if fields.values.get("required_contexts") != []:
        raise Invalid(409, "Commit status checks failed for the ref.")
    hub, at = call.pulls.hub, call.pulls.time()
    task, environment = fields.text("task") or "deploy", fields.text("environment") or "production"
    deployment = Deployment(hub.next_id(), commit, ref, task, environment, fields.text("description"), user, at)
    hub.deployments.append(deployment)
    return Answer.json(201, _show(call, deployment))


def _statuses(call: Call, number: str) -> Answer:
    deployment = _known(call, number)
    return call.page(deployment.statuses[::-1], lambda status: _show_status(call, deployment, status))


def _report(call: Call, number: str) -> Answer:
    user, fields, deployment = call.shapes.viewer, call.fields(), _known(call, number)
    (state,) = fields.needed("state")
    description = fields.text("description") or ""
    if state not in _STATES:
        raise invalid("custom", "DeploymentStatus", field="state", message="state is not included in the list")
    if len(description) > _DESCRIPTION_LIMIT:
        raise invalid("custom", "DeploymentStatus", field="description", message="description is too long")
    at = call.pulls.time()
    if state == "success" and fields.values.get("auto_inactive", True):
        for other in call.pulls.hub.deployments:
            if other is not deployment and other.environment == deployment.environment and other.state == "success":
                other.statuses.append(DeploymentStatus(call.pulls.hub.next_id(), "inactive", "", user, at))
    status = DeploymentStatus(call.pulls.hub.next_id(), state, description, user, at)
    deployment.statuses.append(status)
    return Answer.json(201, _show_status(call, deployment, status))


def _delete(call: Call, number: str) -> Answer:
    """Only one without a status, inactive, or the only one."""
    deployments, deployment = call.pulls.hub.deployments, _known(call, number)
    if deployment.state not in (None, "inactive") and len(deployments) > 1:
        raise Invalid(422, "We cannot delete an active deployment unless it is the only deployment.")
    deployments.remove(deployment)
    return Answer(204)


def _known(call: Call, number: str) -> Deployment:
    known = {deployment.id: deployment for deployment in call.pulls.hub.deployments}
    if int(number) not in known:
        raise Invalid(404, "Not Found")
    return known[int(number)]


def _show(call: Call, deployment: Deployment) -> Json:
    here = f"{call.shapes.here}/deployments/{deployment.id}"
    return {
        "url": here,
        "id": deployment.id,
        "node_id": node("Deployment", deployment.id),
        "sha": deployment.commit,
        "ref": deployment.ref,
        "task": deployment.task,
        "payload": {},
        "original_environment": deployment.environment,
        "environment": deployment.environment,
        "description": deployment.description,
        "creator": call.shapes.user(deployment.user),
        "created_at": deployment.at,
        "updated_at": deployment.at,
        "statuses_url": f"{here}/statuses",
        "repository_url": call.shapes.here,
        "transient_environment": False,
        "production_environment": deployment.environment == "production",
    }


def _show_status(call: Call, deployment: Deployment, status: DeploymentStatus) -> Json:
    here = f"{call.shapes.here}/deployments/{deployment.id}"
    return {
        "url": f"{here}/statuses/{status.id}",
        "id": status.id,
        "node_id": node("DeploymentStatus", status.id),
        "state": status.state,
        "creator": call.shapes.user(status.user),
        "description": status.description,
        "environment": deployment.environment,
        "target_url": call.shapes.page,
        "created_at": status.at,
        "updated_at": status.at,
        "deployment_url": here,
        "repository_url": call.shapes.here,
    }


_NUMBER = "/deployments/(?P<number>[0-9]{1,15})"
ROUTES = (
    Route("GET", "/deployments", _list),
    Route("POST", "/deployments", _create),
    Route("DELETE", _NUMBER, _delete),
    Route("GET", f"{_NUMBER}/statuses", _statuses),
    Route("POST", f"{_NUMBER}/statuses", _report),
)


def graphql(shapes: Shapes, **arguments: Any) -> Json:
    """The deployments of a repository, of some environments; the oldest first, unless the query has another order."""
    wanted = arguments.get("environments")
    matching = [
        deployment for deployment in shapes.hub.deployments if wanted is None or deployment.environment in wanted
    ]
    if (arguments.get("orderBy") or {}).get("direction") == "DESC":
        matching.reverse()
    return connection("deployments", matching, _graphql, arguments)


def _graphql(deployment: Deployment) -> Json:
    latest = deployment.state
    return {
        "databaseId": deployment.id,
        "commitOid": deployment.commit,
        "createdAt": deployment.at,
        "description": deployment.description,
        "environment": deployment.environment,
        "creator": {"__typename": "User", "login": deployment.user},
        "latestStatus": None if latest is None else {"state": latest.upper()},
        "statuses": lambda **arguments: connection("statuses", deployment.statuses[::-1], _graphql_status, arguments),
    }


def _graphql_status(status: DeploymentStatus) -> Json:
    return {
        "state": status.state.upper(),
        "createdAt": status.at,
        "description": status.description,
        "logUrl": status.url,
    }


def record_artifact(known: list[Json], fields: Fields) -> Answer:
    """Create or update the deployment record of an artifact."""
    name, digest, status, stage, deployment = fields.needed(
        "name", "digest", "status", "logical_environment", "deployment_name"
    )
    if not _DIGEST.match(digest) or status not in ("deployed", "decommissioned") or len(name) > 256:
        raise Invalid(422, "Invalid request.\n\nFor 'properties/digest', it is not a digest.")
    place: dict[str, Any] = {"logical_environment": stage, "deployment_name": deployment}
    record = next((record for record in known if place.items() <= record.items()), None)
    if record is None:
        record = {**place, "id": len(known) + 1}
        known.append(record)
    record.update(digest=digest, name=name, version=fields.text("version"), status=status)
    shown = {key: record[key] for key in ("id", "digest", "logical_environment", "deployment_name")}
    return Answer.json(200, {"total_count": 1, "deployment_records": [shown]})
