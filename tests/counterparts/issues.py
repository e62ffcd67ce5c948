"""Issues and their comments on the tests' GitHub server: opened, edited and commented by REST, read by GraphQL.

Their numbers begin above those of pull requests, which are numbered by themselves.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from gitops_bot.demo import pull_shapes
from gitops_bot.demo.call import Fields
from gitops_bot.demo.http import Answer
from gitops_bot.demo.hub import Comment
from gitops_bot.demo.identity import node
from gitops_bot.demo.pulls import check_length
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.identity import Json
    from gitops_bot.demo.shapes import Shapes

FIRST = 1001
_PATH = re.compile(r"/issues(?:/(?P<number>1[0-9]{3})(?P<below>/comments|/labels)?|/comments/(?P<comment>[0-9]+))?")


@dataclass(slots=True)
class Issue:
    """An issue."""

    number: int
    user: str
    title: str
    body: str
    labels: list[str]
    created_at: str
    updated_at: str
    closed_at: str | None = None
    reason: str | None = None
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True)
class Issues:
    """The issues of one repository."""

    all: list[Issue] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1_000_001))

    def rest(self, shapes: Shapes, request: Request, rest: str) -> Answer | None:
        """Answer what is about an issue; None for anything else, as what is about a pull request."""
        match = _PATH.fullmatch(rest)
        if match is None:
            return None
        if match["comment"]:
            number = int(match["comment"])
            is_here = any(comment.id == number for issue in self.all for comment in issue.comments)
            return self._delete(number) if is_here and request.method == "DELETE" else None
        if match["number"] is None:
            return self._open(shapes, Fields.read(request)) if request.method == "POST" else None
        issue = next((issue for issue in self.all if issue.number == int(match["number"])), None)
        if issue is None:
            raise Invalid(404, "Not Found")
        if match["below"] == "/labels":
            if request.method != "POST":
                return None
            issue.labels += (name for name in Fields.read(request).texts("labels") if name not in issue.labels)
            shapes.hub.labels |= dict.fromkeys(issue.labels, 1)
            return Answer.json(200, [pull_shapes.label(shapes, name) for name in issue.labels])
        if not match["below"]:
            return self._one(shapes, issue, Fields.read(request) if request.method == "PATCH" else None)
        if request.method == "GET":
            size, page = (int(request.query.get(name, other)) for name, other in (("per_page", 30), ("page", 1)))
            told = issue.comments[(page - 1) * size : page * size]
            return Answer.json(200, [pull_shapes.comment(shapes, issue.number, comment) for comment in told])
        (body,) = Fields.read(request).needed("body")
        check_length(body, "IssueComment")
        comment = Comment(next(self._ids), shapes.viewer, body, at := shapes.pulls.time(), at)
        issue.comments.append(comment)
        return Answer.json(201, pull_shapes.comment(shapes, issue.number, comment))

    def graphql(self, request: Request, viewer: str) -> Answer | None:
        """Answer the question for issues; None for any other."""
        sent = json.loads(request.body)
        if not sent["query"].lstrip().startswith("query Issues("):
            return None
        labelled = [issue for issue in self.all if sent["variables"]["label"] in issue.labels]
        found = {"labelled": labelled[:10], "newest": self.all[::-1][:10]}
        shown = {name: {"nodes": [_node(issue, viewer) for issue in issues]} for name, issues in found.items()}
        return Answer.json(200, {"data": {"repository": shown}})

    def _open(self, shapes: Shapes, fields: Fields) -> Answer:
        (title,) = fields.needed("title")
        at, body = shapes.pulls.time(), fields.text("body") or ""
        check_length(body, "Issue")
        issue = Issue(FIRST + len(self.all), shapes.viewer, title, body, fields.texts("labels"), at, at)
        self.all.append(issue)
        return Answer.json(201, _issue(shapes, issue))

    def _one(self, shapes: Shapes, issue: Issue, fields: Fields | None) -> Answer:
        if fields is not None:
            body, state, now = fields.text("body"), fields.text("state"), shapes.pulls.time()
            check_length(body or "", "Issue")
            issue.body, issue.updated_at = issue.body if body is None else body, now
            issue.title = fields.text("title") or issue.title
            if "labels" in fields.values:
                issue.labels = fields.texts("labels")
            if state is not None:
                issue.closed_at = (issue.closed_at or now) if state == "closed" else None
                issue.reason = fields.text("state_reason") or ("completed" if state == "closed" else "reopened")
        return Answer.json(200, _issue(shapes, issue))

    def _delete(self, number: int) -> Answer:
        for issue in self.all:
            issue.comments = [comment for comment in issue.comments if comment.id != number]
        return Answer(204)


def _node(issue: Issue, viewer: str) -> Json:
    said = [{"body": comment.body, "viewerDidAuthor": comment.user == viewer} for comment in issue.comments[-10:]]
    return {
        "number": issue.number,
        "body": issue.body,
        "closedAt": issue.closed_at,
        "viewerDidAuthor": issue.user == viewer,
        "comments": {"nodes": said},
    }


def _issue(shapes: Shapes, issue: Issue) -> Json:
    here, page = f"{shapes.here}/issues/{issue.number}", f"{shapes.page}/issues/{issue.number}"
    return {
        "id": issue.number,
        "node_id": node("Issue", issue.number),
        "url": here,
        "repository_url": shapes.here,
        "labels_url": f"{here}/labels{{/name}}",
        "comments_url": f"{here}/comments",
        "events_url": f"{here}/events",
        "html_url": page,
        "number": issue.number,
        "state": "closed" if issue.closed_at else "open",
        "state_reason": issue.reason,
        "title": issue.title,
        "body": issue.body,
        "user": shapes.user(issue.user),
        "labels": issue.labels,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "locked": False,
        "comments": len(issue.comments),
        "closed_at": issue.closed_at,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "author_association": shapes.association(issue.user),
    }
