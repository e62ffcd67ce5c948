"""Commits that GitHub makes and signs: its answers, put together to the object that has the same id."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.http import Answer
from gitops_bot.errors import ForgeError
from tests.edges.github.scripted import REPOSITORY, playing
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

TREE, PARENT = "dc1d04b63e26c840c3ee298693d2289b35929bb2", "e9ef242655d12993efdcda9058dee2db83a2cb9b"
#: A commit of an App by GitHub's API: github.com/actions/download-artifact, which is public.
SHA = "d0f4179e4ebb2747ad18dc1d3301e2d48b9bd2f8"
MESSAGE = """\
Bump word-wrap from 1.2.3 to 1.2.4

Bumps [word-wrap](https://github.com/jonschlinkert/word-wrap) from 1.2.3 to 1.2.4.
- [Release notes](https://github.com/jonschlinkert/word-wrap/releases)
- [Commits](https://github.com/jonschlinkert/word-wrap/compare/1.2.3...1.2.4)

---
updated-dependencies:
- dependency-name: word-wrap
  dependency-type: indirect
...

Signed-off-by: dependabot[bot] <support@github.com>"""
HEAD = f"""\
tree {TREE}
parent {PARENT}
author dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com> 1689717340 +0000
committer GitHub <noreply@github.com> 1689717340 +0000
"""
SIGNATURE = """\
-----BEGIN PGP SIGNATURE-----

wsBcBAABCAAQBQJktwpcCRBK7hj4Ov3rIwAAeEsIAKegjunsatGFZCtcKMyGArk5
Mpk5jVsBm6CZhqTSo4FjPUctxnEXUQz9feYLWVoCqhRur0/q+mZDESkcPg6lwyM3
921hQiX2CPf6qnQEw/7tx0d3lcjXWF0o7ugdKN9tKISTVXD22Tv0DS60kVLRTxan
40KDriRoYk1nQu/uQaxypQKmULPTAqRBstQfAPTr+4iwkADK33MWF95RtAI5XUMx
+17r8+UnG0dwBucaqjLYpVIbKXT/eDV0VJxq7BztPSvGQgWO+Jtg7e+KXX9JZoHU
zr6gmP43AqvW7Mr8T0CpCJMQrD5Y1/eD0QpZU7pGlTE2eSy/DpETW+TJsGcu5Vs=
=rrKG
-----END PGP SIGNATURE-----
"""
BLOB = "44b4fc6d56897b048c772eb4087f854f46256132"
FILES = {"a b/k.yaml": ("100644", b"\xff\r\n"), "run.sh": ("100755", b"#!/bin/sh\n")}
VALID = {"verified": True, "reason": "valid", "verified_at": None}


def created(**changes: Any) -> Answer:
    """GitHub's answer about the commit."""
    bot, address = "dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"
    person = {"name": bot, "email": address, "date": "2023-07-18T21:55:40Z"}
    here = f"https://api.github.com/repos/{REPOSITORY}"
    verification = {**VALID, "signature": SIGNATURE, "payload": f"{HEAD}\n{MESSAGE}", **changes}
    answer = {
        "sha": SHA,
        "node_id": "C_1",
        "url": here,
        "html_url": here,
        "author": person,
        "committer": person,
        "message": MESSAGE,
        "tree": {"sha": TREE, "url": here},
        "parents": [{"sha": PARENT, "url": here, "html_url": here}],
        "verification": verification,
    }
    return Answer.json(201, answer)


def plays(commit: Answer) -> Mapping[str, Any]:
    here = f"https://api.github.com/repos/{REPOSITORY}"
    tree = {"sha": TREE, "url": here, "truncated": False, "tree": []}
    return {
        "POST /git/blobs": Answer.json(201, {"sha": BLOB, "url": here}),
        "POST /git/trees": Answer.json(201, tree),
        "POST /git/commits": commit,
    }


@pytest.mark.parametrize("signature", [SIGNATURE, SIGNATURE.rstrip()], ids=["as GitHub has it", "stripped"])
def test_a_real_commit_is_put_together_from_githubs_answer(signature: str) -> None:
    with playing(plays(created(signature=signature))) as script:
        made = script.bot.forge.commit(parent=PARENT, tree=TREE, files=FILES, message=MESSAGE)
    assert hashlib.sha1(b"commit %d\0%s" % (len(made), made), usedforsecurity=False).hexdigest() == SHA
    # GitHub's signature ends with an empty line in the commit.
    assert made.partition(b"-----END PGP SIGNATURE-----\n \n\n")[2].decode() == MESSAGE
    assert script.asked == ["POST /git/blobs", "POST /git/blobs", "POST /git/trees", "POST /git/commits"]
    assert [base64.b64decode(sent["content"]) for sent in script.sent[:2]] == [b"\xff\r\n", b"#!/bin/sh\n"]
    entries = [{"path": path, "mode": mode, "type": "blob", "sha": BLOB} for path, (mode, _) in FILES.items()]
    assert script.sent[2] == {"base_tree": TREE, "tree": entries}
    assert script.sent[3] == {"message": MESSAGE, "tree": TREE, "parents": [PARENT]}


@rows("changes code says", {
    "unsigned": (
        {"verified": False, "reason": "unsigned", "signature": None, "payload": None}, "failed.auth", "unsigned",
    ),
    "hostile reason": ({"verified": False, "reason": "x\x1b[2J" * 99}, "failed.auth", "x [2Jx [2J"),
    "other payload": ({"payload": f"{HEAD}\n{MESSAGE} "}, "failed.forge", "id does not match its content"),
    "other signature": ({"signature": "other"}, "failed.forge", "id does not match its content"),
    "more headers": ({"payload": f"{HEAD}encoding x\n\n{MESSAGE}"}, "failed.forge", "signed another commit than"),
    "another author": (
        {"payload": f"{HEAD.replace('49699333', '1')}\n{MESSAGE}"}, "failed.forge", "signed another commit than",
    ),
    "no signature": ({"signature": None}, "failed.forge", "did not answer the way GitHub does"),
    "no text": ({"payload": "\ud800"}, "failed.forge", "did not answer the way GitHub does"),
})  # fmt: skip
def test_what_is_unsigned_or_does_not_match_is_refused(changes: dict[str, Any], code: str, says: str) -> None:
    with playing(plays(created(**changes)), broken=True) as script, pytest.raises(ForgeError) as failure:
        script.bot.forge.commit(parent=PARENT, tree=TREE, files=FILES, message=MESSAGE)
    assert failure.value.problem.code == code
    assert says in failure.value.problem.message
    assert failure.value.problem.message.isprintable()
    assert failure.value.problem.next
