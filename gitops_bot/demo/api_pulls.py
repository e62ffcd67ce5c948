"""The REST routes of pull requests: open, edit, review, merge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.demo import conversation, landing, pull_shapes
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call
    from gitops_bot.demo.rules import Method

_DIFF = re.compile(r"application/vnd\.github\.(?:v3\.)?diff\b")
_METHODS: dict[str, Method] = {"merge": "merge", "squash": "squash", "rebase": "rebase"}


def _list(call: Call) -> Answer:
    query = call.request.query
    pulls = call.pulls.list(state=query.get("state", "open"), head=query.get("head"), base=query.get("base"))
    if query.get("sort") == "updated":
        pulls.sort(key=lambda pull: (pull.updated_at, pull.number), reverse=True)
    # GitHub's default direction is `desc` for `created` and `asc` for all other orders.
    if query.get("direction", "asc" if query.get("sort") in ("updated", "popularity") else "desc") == "asc":
        pulls.reverse()
    return call.page(pulls, lambda pull: pull_shapes.show(call.shapes, pull))


def _create(call: Call) -> Answer:
    user, fields = call.shapes.viewer, call.fields()
    head, base = fields.needed("head", "base")
    title, body, draft = fields.text("title") or "", fields.text("body"), fields.flag("draft")
    pull = call.pulls.create(user=user, title=title, body=body, head=head, base=base, draft=draft)
    return Answer.json(201, pull_shapes.full(call.shapes, pull))


def _get(call: Call, number: str) -> Answer:
    pull = call.pull(number)
    if _DIFF.search(call.request.headers.get("accept", "")):
        headers = {"Content-Type": "application/vnd.github.diff; charset=utf-8"}
        return Answer(200, call.pulls.diff(pull).encode(), headers)
    return Answer.json(200, pull_shapes.full(call.shapes, pull))


def _edit(call: Call, number: str) -> Answer:
    pull, fields = call.pull(number), call.fields()
    state = fields.text("state")
    if state not in (None, "open", "closed"):
        raise invalid("invalid", field="state")
    call.pulls.edit(pull, title=fields.text("title"), body=fields.text("body"), state=state, base=fields.text("base"))
    return Answer.json(200, pull_shapes.full(call.shapes, pull))


def _merge(call: Call, number: str) -> Answer:
    user, pull, fields = call.shapes.viewer, call.pull(number), call.fields()
    method = _METHODS.get(fields.text("merge_method") or "merge")
    if method is None:
        raise Invalid(422, "Invalid request.\n\nFor 'properties/merge_method', it is not one of merge, squash, rebase.")
    how = AutoMerge(user, call.pulls.time(), method, fields.text("commit_title"), fields.text("commit_message"))
    commit = landing.merge(call.pulls, pull, how, expected=fields.text("sha"))
    landing.settle(call.pulls)
    return Answer.json(200, {"sha": commit, "merged": True, "message": "Pull Request successfully merged"})


def _request_reviews(call: Call, number: str) -> Answer:
    pull, fields = call.pull(number), call.fields()
    conversation.request_reviews(call.pulls, pull, fields.texts("reviewers"), fields.texts("team_reviewers"))
    return Answer.json(201, pull_shapes.show(call.shapes, pull))


def _withdraw_requests(call: Call, number: str) -> Answer:
    pull, fields = call.pull(number), call.fields()
    conversation.withdraw_requests(call.pulls, pull, fields.texts("reviewers"), fields.texts("team_reviewers"))
    return Answer.json(200, pull_shapes.show(call.shapes, pull))


def _reviews(call: Call, number: str) -> Answer:
    pull = call.pull(number)
    return call.page(pull.reviews, lambda review: pull_shapes.review(call.shapes, pull, review))


def _review(call: Call, number: str) -> Answer:
    user, pull, fields = call.shapes.viewer, call.pull(number), call.fields()
    event, body, commit = fields.text("event") or "", fields.text("body") or "", fields.text("commit_id")
    review = conversation.review(call.pulls, pull, user=user, event=event, body=body, commit=commit)
    return Answer.json(200, pull_shapes.review(call.shapes, pull, review))


def _dismiss(call: Call, number: str, review: str) -> Answer:
    pull = call.pull(number)
    dismissed = conversation.dismiss(call.pulls, pull, int(review), call.fields().needed("message")[0])
    return Answer.json(200, pull_shapes.review(call.shapes, pull, dismissed))


_NUMBER = "/pulls/(?P<number>[0-9]{1,9})"
ROUTES = (
    Route("GET", "/pulls", _list),
    Route("POST", "/pulls", _create),
    Route("GET", _NUMBER, _get),
    Route("PATCH", _NUMBER, _edit),
    Route("PUT", f"{_NUMBER}/merge", _merge),
    Route("POST", f"{_NUMBER}/requested_reviewers", _request_reviews),
    Route("DELETE", f"{_NUMBER}/requested_reviewers", _withdraw_requests),
    Route("GET", f"{_NUMBER}/reviews", _reviews),
    Route("POST", f"{_NUMBER}/reviews", _review),
    Route("PUT", f"{_NUMBER}/reviews/(?P<review>[0-9]{{1,15}})/dismissals", _dismiss),
)
