"""The REST routes that create blobs, trees and commits, which no branch has yet.

GitHub signs a commit that an App makes, if the request names neither author nor committer. Like there, the signature
ends with a line break, which is part of the commit.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from gitops_bot.demo import identity
from gitops_bot.demo.http import Answer, Route
from gitops_bot.demo.merging import changed_tree
from gitops_bot.demo.refusal import Invalid
from gitops_bot.demo.signing import Keys

if TYPE_CHECKING:
    from gitops_bot.demo.call import Call, Fields
    from gitops_bot.demo.identity import Json

_UNSIGNED: Json = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _blob(call: Call) -> Answer:
    fields = call.fields()
    (content,) = fields.needed("content")
    data = base64.b64decode(content) if fields.text("encoding") == "base64" else content.encode()
    oid = call.pulls.bare.store("blob", data)
    return Answer.json(201, {"sha": oid, "url": f"{call.shapes.here}/git/blobs/{oid}"})


def _tree(call: Call) -> Answer:
    fields = call.fields()
    changed = [_entry(call, entry) for entry in fields.values["tree"]]
    tree = changed_tree(call.pulls.bare, fields.text("base_tree"), changed)
    shown = []
    for line in call.pulls.bare.git("ls-tree", "-z", tree).decode().split("\0")[:-1]:
        head, _, path = line.partition("\t")
        mode, kind, oid = head.split()
        url = f"{call.shapes.here}/git/{kind}s/{oid}"
        shown.append({"path": path, "mode": mode, "type": kind, "sha": oid, "url": url})
    url = f"{call.shapes.here}/git/trees/{tree}"
    return Answer.json(201, {"sha": tree, "url": url, "truncated": False, "tree": shown})


def _entry(call: Call, entry: Json) -> tuple[str, str, str]:
    if "content" in entry:
        return entry["mode"], call.pulls.bare.store("blob", entry["content"].encode()), entry["path"]
    if not call.pulls.bare.has(entry["sha"], "blob"):
        raise Invalid(422, f"tree.sha {entry['sha'][:40]} is not a valid blob")
    return entry["mode"], entry["sha"], entry["path"]


def _commit(call: Call) -> Answer:
    user, fields, bare = call.shapes.viewer, call.fields(), call.pulls.bare
    message, tree = fields.needed("message", "tree")
    parents = fields.texts("parents")
    if not bare.has(tree, "tree") or not all(bare.has(parent, "commit") for parent in parents):
        raise Invalid(422, "Tree SHA or parent SHA does not exist")
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


ROUTES = (
    Route("POST", "/git/blobs", _blob),
    Route("POST", "/git/trees", _tree),
    Route("POST", "/git/commits", _commit),
)
