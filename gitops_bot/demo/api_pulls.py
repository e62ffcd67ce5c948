"""The REST routes of pull requests: opened, edited, reviewed, merged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.demo import conversation, landing, pull_shapes
from gitops_bot.demo.http import Answer
from gitops_bot.demo.refusal import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.call import Call
    from gitops_bot.demo.rules import Method

_DIFF = re.compile(r"application/vnd\.github\.(?:v3\.)?diff\b")


def _list(call: Call) -> Answer:
    asked = call.request.query
    pulls = call.pulls.list(state=asked.get("state", "open"), head=asked.get("head"), base=asked.get("base"))
    if asked.get("sort") == "updated":
        pulls.sort(key=lambda pull: (pull.updated_at, pull.number), reverse=True)
    # As on GitHub: newest first where no sort is named, else the direction decides.
    if asked.get("direction", "asc" if asked.get("sort") in ("updated", "popularity") else "desc") == "asc":
        pulls.reverse()
    return call.page(pulls, lambda pull: pull_shapes.show(call.shapes, pull))


def _create(call: Call) -> Answer:
    user = call.writer()
    fields = call.fields()
    head, base = fields.needed("head", "base")
    pull = call.pulls.create(
        user=user,
        title=fields.text("title") or "",
        body=fields.text("body"),
        head=head,
        base=base,
        draft=fields.flag("draft"),
    )
    return Answer.json(201, pull_shapes.full(call.shapes, pull))


def _get(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    if _DIFF.search(call.request.headers.get("accept", "")):
        return Answer(
            200, call.pulls.diff(pull).encode(), {"Content-Type": "application/vnd.github.diff; charset=utf-8"}
        )
    return Answer.json(200, pull_shapes.full(call.shapes, pull))


def _edit(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    state = fields.text("state")
    if state not in (None, "open", "closed"):
        raise invalid("invalid", field="state")
    call.pulls.edit(pull, title=fields.text("title"), body=fields.text("body"), state=state, base=fields.text("base"))
    return Answer.json(200, pull_shapes.full(call.shapes, pull))


def _files(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    return call.page(call.pulls.files(pull), lambda file: call.shapes.file(file, pull.head_sha))


def _commits(call: Call, number: str) -> Answer:
    return call.page(call.pulls.commits(call.pulls.get(int(number))), call.shapes.commit)


def _merge(call: Call, number: str) -> Answer:
    user = call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    methods: dict[str, Method] = {"merge": "merge", "squash": "squash", "rebase": "rebase"}
    method = methods.get(fields.text("merge_method") or "merge")
    if method is None:
        raise Invalid(422, "Invalid request.\n\nFor 'properties/merge_method', it is not one of merge, squash, rebase.")
    made = landing.merge(
        call.pulls,
        pull,
        user=user,
        method=method,
        title=fields.text("commit_title"),
        message=fields.text("commit_message"),
        expected=fields.text("sha"),
    )
    landing.settle(call.pulls)
    return Answer.json(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})


def _is_merged(call: Call, number: str) -> Answer:
    if call.pulls.get(int(number)).merged_at is None:
        raise Invalid(404, "Not Found")
    return Answer(204)


def _ask(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    conversation.ask(call.pulls, pull, fields.texts("reviewers"), fields.texts("team_reviewers"))
    return Answer.json(201, pull_shapes.show(call.shapes, pull))


def _asked(call: Call, number: str) -> Answer:
    shown = pull_shapes.show(call.shapes, call.pulls.get(int(number)))
    return Answer.json(200, {"users": shown["requested_reviewers"], "teams": shown["requested_teams"]})


def _ask_no_more(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    conversation.ask_no_more(call.pulls, pull, fields.texts("reviewers"), fields.texts("team_reviewers"))
    return Answer.json(200, pull_shapes.show(call.shapes, pull))


def _reviews(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    return call.page(pull.reviews, lambda review: pull_shapes.review(call.shapes, pull, review))


def _review(call: Call, number: str) -> Answer:
    user = call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    review = conversation.review(
        call.pulls,
        pull,
        user=user,
        event=fields.text("event") or "",
        body=fields.text("body") or "",
        commit=fields.text("commit_id"),
    )
    return Answer.json(200, pull_shapes.review(call.shapes, pull, review))


def _dismiss(call: Call, number: str, review: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    found = conversation.dismiss(call.pulls, pull, int(review), call.fields().needed("message")[0])
    return Answer.json(200, pull_shapes.review(call.shapes, pull, found))


def _update_branch(call: Call, number: str) -> Answer:
    user = call.writer()
    pull = call.pulls.get(int(number))
    landing.update_branch(call.pulls, pull, user=user, expected=call.fields().text("expected_head_sha"))
    told = {"message": "Updating pull request branch.", "url": f"{call.shapes.page}/pull/{pull.number}"}
    return Answer.json(202, told)


_NUMBER = "/pulls/(?P<number>[0-9]{1,9})"
ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/pulls", _list),
    ("POST", "/pulls", _create),
    ("GET", _NUMBER, _get),
    ("PATCH", _NUMBER, _edit),
    ("GET", f"{_NUMBER}/files", _files),
    ("GET", f"{_NUMBER}/commits", _commits),
    ("PUT", f"{_NUMBER}/merge", _merge),
    ("GET", f"{_NUMBER}/merge", _is_merged),
    ("PUT", f"{_NUMBER}/update-branch", _update_branch),
    ("GET", f"{_NUMBER}/requested_reviewers", _asked),
    ("POST", f"{_NUMBER}/requested_reviewers", _ask),
    ("DELETE", f"{_NUMBER}/requested_reviewers", _ask_no_more),
    ("GET", f"{_NUMBER}/reviews", _reviews),
    ("POST", f"{_NUMBER}/reviews", _review),
    ("PUT", f"{_NUMBER}/reviews/(?P<review>[0-9]{{1,15}})/dismissals", _dismiss),
)
