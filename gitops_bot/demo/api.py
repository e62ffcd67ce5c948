"""The REST routes of the embedded forge: checked in `call.py`, decided in `pulls.py`, shown by `shapes.py`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.demo.bare import Moved
from gitops_bot.demo.call import texts
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.pulls import Invalid, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitops_bot.demo.call import Call
    from gitops_bot.demo.hub import Comment, Pull
    from gitops_bot.demo.merging import Method

_DIFF = re.compile(r"application/vnd\.github\.(?:v3\.)?diff\b")
_REF = re.compile(r"refs/heads/(?P<branch>[^\x00-\x20\x7f~^:?*\[\\]{1,200})\Z")


def routes() -> list[Route]:
    """Every route below `/repos/{owner}/{repo}`; the first argument of each is a `Call` in place of a request."""
    number, comment = "(?P<number>[0-9]{1,9})", "(?P<comment>[0-9]{1,15})"
    table: Sequence[tuple[str, str, Callable[..., Answer]]] = (
        ("GET", "", _repository),
        ("GET", "/branches", _branches),
        ("GET", "/branches/(?P<branch>.+)", _branch),
        ("GET", "/git/ref/heads/(?P<branch>.+)", _ref),
        ("POST", "/git/refs", _create_ref),
        ("DELETE", "/git/refs/heads/(?P<branch>.+)", _delete_ref),
        ("GET", "/pulls", _list),
        ("POST", "/pulls", _create),
        ("GET", f"/pulls/{number}", _get),
        ("PATCH", f"/pulls/{number}", _edit),
        ("GET", f"/pulls/{number}/files", _files),
        ("GET", f"/pulls/{number}/commits", _commits),
        ("PUT", f"/pulls/{number}/merge", _merge),
        ("GET", f"/pulls/{number}/merge", _is_merged),
        ("POST", f"/pulls/{number}/requested_reviewers", _ask),
        ("GET", f"/pulls/{number}/reviews", _reviews),
        ("POST", f"/pulls/{number}/reviews", _review),
        ("GET", f"/issues/{number}/labels", _labels),
        ("POST", f"/issues/{number}/labels", _add_labels),
        ("PUT", f"/issues/{number}/labels", _set_labels),
        ("DELETE", f"/issues/{number}/labels/(?P<name>.+)", _remove_label),
        ("GET", f"/issues/{number}/comments", _comments),
        ("POST", f"/issues/{number}/comments", _comment),
        ("PATCH", f"/issues/comments/{comment}", _edit_comment),
    )
    return [Route(method, re.compile(path), answer) for method, path, answer in table]


def _repository(call: Call) -> Answer:
    return Answer.json(200, call.shapes.full_repository())


def _branches(call: Call) -> Answer:
    branches = sorted(call.pulls.bare.branches().items())
    return call.page(branches, lambda branch: call.shapes.branch(*branch))


def _branch(call: Call, branch: str) -> Answer:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(404, "Branch not found")
    return Answer.json(200, call.shapes.full_branch(branch, commit))


def _ref(call: Call, branch: str) -> Answer:
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(404, "Not Found")
    return Answer.json(200, call.shapes.ref(branch, commit))


def _create_ref(call: Call) -> Answer:
    call.writer()
    ref, commit = call.fields().needed("ref", "sha")
    found = _REF.match(ref)
    if found is None:
        raise Invalid(422, "Reference name must start with 'refs/heads/' and be one that git allows.")
    if found["branch"] in call.pulls.bare.branches():
        raise Invalid(422, "Reference already exists")
    if not re.fullmatch(r"[0-9a-f]{40}", commit) or not _exists(call, commit):
        raise Invalid(422, "Object does not exist")
    try:
        call.pulls.bare.move(found["branch"], commit, expected=None)
    except Moved:
        raise Invalid(422, "Reference update failed") from None
    return Answer.json(201, call.shapes.ref(found["branch"], commit))


def _exists(call: Call, commit: str) -> bool:
    return call.pulls.bare.git("cat-file", "-t", commit, allowed=(0, 128)).strip() == b"commit"


def _delete_ref(call: Call, branch: str) -> Answer:
    call.writer()
    commit = call.pulls.bare.branches().get(branch)
    if commit is None:
        raise Invalid(422, "Reference does not exist")
    if branch == call.pulls.bare.default_branch():
        raise Invalid(422, "Cannot delete the default branch")
    try:
        call.pulls.bare.delete(branch, expected=commit)
    except Moved:
        raise Invalid(409, "Reference cannot be updated") from None
    call.pulls.sync()
    return Answer(204)


def _list(call: Call) -> Answer:
    asked = call.request.query
    pulls = call.pulls.list(state=asked.get("state", "open"), head=asked.get("head"), base=asked.get("base"))
    if asked.get("sort") == "updated":
        pulls.sort(key=lambda pull: (pull.updated_at, pull.number), reverse=True)
    # As on GitHub: newest first where no sort is named, else the direction decides.
    if asked.get("direction", "asc" if asked.get("sort") in ("updated", "popularity") else "desc") == "asc":
        pulls.reverse()
    return call.page(pulls, call.shapes.pull)


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
    return Answer.json(201, call.shapes.full_pull(pull))


def _get(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    if _DIFF.search(call.request.headers.get("accept", "")):
        return Answer(
            200, call.pulls.diff(pull).encode(), {"Content-Type": "application/vnd.github.diff; charset=utf-8"}
        )
    return Answer.json(200, call.shapes.full_pull(pull))


def _edit(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    state = fields.text("state")
    if state not in (None, "open", "closed"):
        raise invalid("invalid", field="state")
    call.pulls.edit(pull, title=fields.text("title"), body=fields.text("body"), state=state, base=fields.text("base"))
    return Answer.json(200, call.shapes.full_pull(pull))


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
    made = call.pulls.merge(
        pull,
        user=user,
        method=method,
        title=fields.text("commit_title"),
        message=fields.text("commit_message"),
        expected=fields.text("sha"),
    )
    call.pulls.sync()
    return Answer.json(200, {"sha": made, "merged": True, "message": "Pull Request successfully merged"})


def _is_merged(call: Call, number: str) -> Answer:
    if call.pulls.get(int(number)).merged_at is None:
        raise Invalid(404, "Not Found")
    return Answer(204)


def _ask(call: Call, number: str) -> Answer:
    call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    call.pulls.ask(pull, fields.texts("reviewers"), fields.texts("team_reviewers"))
    return Answer.json(201, call.shapes.pull(pull))


def _reviews(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    return call.page(pull.reviews, lambda review: call.shapes.review(pull, review))


def _review(call: Call, number: str) -> Answer:
    user = call.writer()
    pull, fields = call.pulls.get(int(number)), call.fields()
    review = call.pulls.review(
        pull,
        user=user,
        event=fields.text("event") or "",
        body=fields.text("body") or "",
        commit=fields.text("commit_id"),
    )
    return Answer.json(200, call.shapes.review(pull, review))


def _labels(call: Call, number: str) -> Answer:
    return call.page(call.pulls.get(int(number)).labels, call.shapes.label)


def _add_labels(call: Call, number: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    call.pulls.label(pull, [*pull.labels, *_label_names(call)])
    return Answer.json(200, [call.shapes.label(name) for name in pull.labels])


def _set_labels(call: Call, number: str) -> Answer:
    call.writer()
    pull = call.pulls.get(int(number))
    call.pulls.label(pull, _label_names(call))
    return Answer.json(200, [call.shapes.label(name) for name in pull.labels])


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
    call.pulls.label(pull, [each for each in pull.labels if each != name])
    return Answer.json(200, [call.shapes.label(each) for each in pull.labels])


def _comments(call: Call, number: str) -> Answer:
    pull = call.pulls.get(int(number))
    return call.page(pull.comments, lambda comment: call.shapes.comment(pull, comment))


def _comment(call: Call, number: str) -> Answer:
    user = call.writer()
    pull = call.pulls.get(int(number))
    comment = call.pulls.comment(pull, user=user, body=call.fields().needed("body")[0])
    return Answer.json(201, call.shapes.comment(pull, comment))


def _edit_comment(call: Call, comment: str) -> Answer:
    call.writer()
    pull, found = _find_comment(call, int(comment))
    call.pulls.edit_comment(found, call.fields().needed("body")[0])
    return Answer.json(200, call.shapes.comment(pull, found))


def _find_comment(call: Call, number: int) -> tuple[Pull, Comment]:
    for pull in call.pulls.hub.pulls.values():
        for comment in pull.comments:
            if comment.id == number:
                return pull, comment
    raise Invalid(404, "Not Found")
