"""The REST routes that create blobs, trees and commits, which no branch has yet.

GitHub signs a commit that an App makes, if the request names neither author nor committer. Like there, the signature
ends with a line break, which is part of the commit.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from gitops_bot.demo import identity
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.merging import changed_tree
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.signing import Keys

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call, Fields
    from gitops_bot.demo.identity import Json

_MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
_UNSIGNED: Json = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _blob(call: Call) -> Answer:
    fields = call.fields()
    (content,) = fields.needed("content")
    try:
        data = base64.b64decode(content) if fields.text("encoding") == "base64" else content.encode()
    except binascii.Error:
        raise Invalid(422, "content is not valid Base64") from None
    oid = call.pulls.bare.store("blob", data)
    return Answer.json(201, {"sha": oid, "url": f"{call.shapes.here}/git/blobs/{oid}"})


def _tree(call: Call) -> Answer:
    fields = call.fields()
    base, entries = fields.text("base_tree"), fields.values.get("tree")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Invalid(422, "Invalid tree info")
    if base is not None:
        _check(call, base, "tree", "base_tree is not a valid tree oid")
    changed = [_entry(call, entry) for entry in entries]
    tree = changed_tree(call.pulls.bare, base, changed)
    shown = []
    for line in call.pulls.bare.git("ls-tree", "-z", tree).decode().split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, kind, oid = head.split()
        url = f"{call.shapes.here}/git/{kind}s/{oid}"
        shown.append({"path": path, "mode": mode, "type": kind, "sha": oid, "url": url})
    url = f"{call.shapes.here}/git/trees/{tree}"
    return Answer.json(201, {"sha": tree, "url": url, "truncated": False, "tree": shown})


def _entry(call: Call, entry: Json) -> tuple[str, str, str]:
    mode, path, content = entry.get("mode"), entry.get("path"), entry.get("content")
    if mode not in _MODES:
        raise Invalid(422, "Must supply a valid tree.mode")
    if not isinstance(path, str) or {"", ".", "..", ".git"} & {*path.split("/")}:
        raise Invalid(422, "tree contains malformed path")
    if isinstance(content, str) and "sha" not in entry:
        return mode, call.pulls.bare.store("blob", content.encode()), path
    oid = entry.get("sha")
    _check(call, oid, _MODES[mode], f"tree.sha {str(oid)[:40]} is not a valid {_MODES[mode]}")
    return mode, str(oid), path


def _commit(call: Call) -> Answer:
    user, fields, bare = call.shapes.viewer, call.fields(), call.pulls.bare
    message, tree = fields.needed("message", "tree")
    parents = fields.texts("parents")
    _check(call, tree, "tree", "Tree SHA does not exist")
    for parent in parents:
        _check(call, parent, "commit", "Parent SHA does not exist or is not a commit object")
    app, at = user.endswith("[bot]"), call.pulls.moment()
    number = identity.user(call.shapes.api, call.shapes.site, user)["id"]
    own = f"{user} <{number}+{user}@users.noreply.github.com>" if app else f"{user} <{user}@users.noreply.github.com>"
    signs = app and not fields.values.keys() & {"author", "committer"}
    author = _person(fields, "author") or own
    committer = _person(fields, "committer") or ("GitHub <noreply@github.com>" if signs else author)
    when = f"{int(at.timestamp())} +0000"
    head = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    head += [f"author {author} {when}", f"committer {committer} {when}"]
    payload = "\n".join([*head, "", message])
    verification = _UNSIGNED
    if signs:
        signature = Keys.of(bare).sign(payload.encode())
        verification = {"verified": True, "reason": "valid", "signature": signature, "payload": payload}
        verification["verified_at"] = call.pulls.time()
        head.append("gpgsig " + signature.replace("\n", "\n "))
    oid = call.pulls.bare.store("commit", "\n".join([*head, "", message]).encode())
    shown: Json = call.shapes.commit(bare.commit(oid))
    git: Json = shown["commit"]
    answer = {name: shown[name] for name in ("sha", "node_id", "html_url", "parents")}
    answer |= {name: git[name] for name in ("url", "author", "committer", "tree")}
    return Answer.json(201, {**answer, "message": message, "verification": verification})


def _person(fields: Fields, role: str) -> str | None:
    person = fields.values.get(role)
    return f"{person.get('name')} <{person.get('email')}>" if isinstance(person, dict) else None


def _check(call: Call, oid: Any, kind: str, message: str) -> None:
    if not isinstance(oid, str) or not call.pulls.bare.has(oid, kind):
        raise Invalid(422, message)


ROUTES = (
    Route("POST", "/git/blobs", _blob),
    Route("POST", "/git/trees", _tree),
    Route("POST", "/git/commits", _commit),
)
