"""The REST routes that pull requests share with issues: labels, comments, assignees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.demo import conversation, pull_shapes
from gitops_bot.demo.call import texts
from gitops_bot.demo.http import Answer
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.call import Call


def _get(call: Call, number: str) -> Answer:
    return Answer.json(200, pull_shapes.issue(call.shapes, call.pulls.get(int(number))))


def _edit(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    state = fields.text("state")
    if state not in (None, "open", "closed"):
        raise invalid("invalid", "Issue", field="state")
    # All is read before anything is changed: what is refused changes nothing.
    labels = _label_names(call) if "labels" in fields.given else None
    assignees = fields.texts("assignees") if "assignees" in fields.given else None
    call.pulls.edit(pull, title=fields.text("title"), body=fields.text("body"), state=state, base=None)
    if labels is not None:
        conversation.label(call.pulls, pull, labels)
    if assignees is not None:
        conversation.assign(call.pulls, pull, assignees)
    return Answer.json(200, pull_shapes.issue(call.shapes, pull))


def _assign(call: Call, number: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    conversation.assign(call.pulls, pull, [*pull.assignees, *call.fields().texts("assignees")])
    return Answer.json(201, pull_shapes.issue(call.shapes, pull))


def _unassign(call: Call, number: str) -> Answer:
    call.writer()
    pull, gone = call.pulls.get(int(number)), call.fields().texts("assignees")
    conversation.assign(call.pulls, pull, [each for each in pull.assignees if each not in gone])
    return Answer.json(200, pull_shapes.issue(call.shapes, pull))


def _labels(call: Call, number: str) -> Answer:
    return call.page(call.pulls.get(int(number)).labels, lambda name: pull_shapes.label(call.shapes, name))


def _add_labels(call: Call, number: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    conversation.label(call.pulls, pull, [*pull.labels, *_label_names(call)])
    return Answer.json(200, [pull_shapes.label(call.shapes, name) for name in pull.labels])


def _set_labels(call: Call, number: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    conversation.label(call.pulls, pull, _label_names(call))
    return Answer.json(200, [pull_shapes.label(call.shapes, name) for name in pull.labels])


def _label_names(call: Call) -> list[str]:
    """Labels come as a list or in an object, as names or as objects with a name."""
    body = call.body()
    listed = body.get("labels", []) if isinstance(body, dict) else body
    if not isinstance(listed, list):
        raise Invalid(422, "Invalid request.\n\nThe labels are not a list.")
    return texts([each.get("name") if isinstance(each, dict) else each for each in listed])


def _remove_label(call: Call, number: str, name: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    if name not in pull.labels:
        raise Invalid(404, "Label does not exist")
    conversation.label(call.pulls, pull, [each for each in pull.labels if each != name])
    return Answer.json(200, [pull_shapes.label(call.shapes, each) for each in pull.labels])


def _comments(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    return call.page(pull.comments, lambda comment: pull_shapes.comment(call.shapes, pull, comment))


def _comment(call: Call, number: str) -> Answer:
    user = call.writer()
    pull = call.pulls.get(int(number))
    comment = conversation.comment(call.pulls, pull, user=user, body=call.fields().needed("body")[0])
    return Answer.json(201, pull_shapes.comment(call.shapes, pull, comment))


def _edit_comment(call: Call, comment: str) -> Answer:
    call.writer()
    pull, found = conversation.find_comment(call.pulls, int(comment))
    conversation.edit_comment(call.pulls, found, call.fields().needed("body")[0])
    return Answer.json(200, pull_shapes.comment(call.shapes, pull, found))


def _delete_comment(call: Call, comment: str) -> Answer:
    call.writer()
    pull, found = conversation.find_comment(call.pulls, int(comment))
    pull.comments.remove(found)
    return Answer(204)


_NUMBER, _COMMENT = "/issues/(?P<number>[0-9]{1,9})", "/issues/comments/(?P<comment>[0-9]{1,15})"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", _NUMBER, _get),
    ("PATCH", _NUMBER, _edit),
    ("POST", f"{_NUMBER}/assignees", _assign),
    ("DELETE", f"{_NUMBER}/assignees", _unassign),
    ("GET", f"{_NUMBER}/labels", _labels),
    ("POST", f"{_NUMBER}/labels", _add_labels),
    ("PUT", f"{_NUMBER}/labels", _set_labels),
    ("DELETE", f"{_NUMBER}/labels/(?P<name>.+)", _remove_label),
    ("GET", f"{_NUMBER}/comments", _comments),
    ("POST", f"{_NUMBER}/comments", _comment),
    ("PATCH", _COMMENT, _edit_comment),
    ("DELETE", _COMMENT, _delete_comment),
)
