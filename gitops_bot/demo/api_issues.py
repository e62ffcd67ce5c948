"""The REST routes that pull requests share with issues: labels, comments, assignees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import conversation, pull_shapes
from gitops_bot.demo.call import body_of, texts
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call


def _assign(call: Call, number: str) -> Answer:
    pull = call.pull(number)
    conversation.assign(call.pulls, pull, [*pull.assignees, *call.fields().texts("assignees")])
    return Answer.json(201, pull_shapes.issue(call.shapes, pull))


def _unassign(call: Call, number: str) -> Answer:
    pull, removed = call.pull(number), call.fields().texts("assignees")
    conversation.assign(call.pulls, pull, [login for login in pull.assignees if login not in removed])
    return Answer.json(200, pull_shapes.issue(call.shapes, pull))


def _add_labels(call: Call, number: str) -> Answer:
    pull = call.pull(number)
    conversation.label(call.pulls, pull, [*pull.labels, *_label_names(call)])
    return Answer.json(200, [pull_shapes.label(call.shapes, name) for name in pull.labels])


def _label_names(call: Call) -> list[str]:
    """GitHub takes a list or an object with a list, of names or of objects with a name."""
    body = body_of(call.request)
    labels = body.get("labels", []) if isinstance(body, dict) else body
    if not isinstance(labels, list):
        raise Invalid(422, "Invalid request.\n\nThe labels are not a list.")
    return texts([label.get("name") if isinstance(label, dict) else label for label in labels])


def _remove_label(call: Call, number: str, name: str) -> Answer:
    pull = call.pull(number)
    if name not in pull.labels:
        raise Invalid(404, "Label does not exist")
    conversation.label(call.pulls, pull, [label for label in pull.labels if label != name])
    return Answer.json(200, [pull_shapes.label(call.shapes, label) for label in pull.labels])


def _comments(call: Call, number: str) -> Answer:
    pull = call.pull(number)
    return call.page(pull.comments, lambda comment: pull_shapes.comment(call.shapes, pull.number, comment))


def _comment(call: Call, number: str) -> Answer:
    user, pull = call.shapes.viewer, call.pull(number)
    comment = conversation.comment(call.pulls, pull, user=user, body=call.fields().needed("body")[0])
    return Answer.json(201, pull_shapes.comment(call.shapes, pull.number, comment))


def _edit_comment(call: Call, comment: str) -> Answer:
    pull, edited = conversation.find_comment(call.pulls, int(comment))
    conversation.edit_comment(call.pulls, edited, call.fields().needed("body")[0])
    return Answer.json(200, pull_shapes.comment(call.shapes, pull.number, edited))


def _delete_comment(call: Call, comment: str) -> Answer:
    pull, deleted = conversation.find_comment(call.pulls, int(comment))
    pull.comments.remove(deleted)
    return Answer(204)


_NUMBER = "/issues/(?P<number>[0-9]{1,9})"
ROUTES = (
    Route("POST", f"{_NUMBER}/assignees", _assign),
    Route("DELETE", f"{_NUMBER}/assignees", _unassign),
    Route("POST", f"{_NUMBER}/labels", _add_labels),
    Route("DELETE", f"{_NUMBER}/labels/(?P<name>.+)", _remove_label),
    Route("GET", f"{_NUMBER}/comments", _comments),
    Route("POST", f"{_NUMBER}/comments", _comment),
    Route("PATCH", "/issues/comments/(?P<comment>[0-9]{1,15})", _edit_comment),
    Route("DELETE", "/issues/comments/(?P<comment>[0-9]{1,15})", _delete_comment),
)
