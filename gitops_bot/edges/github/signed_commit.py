"""A commit that GitHub makes and signs: blobs, a tree and the commit, by REST.

GitHub signs what an App, or the GITHUB_TOKEN of a workflow, commits without naming an author (docs.github.com, "About
commit signature verification"). No branch moves.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from gitops_bot.edges.github import answers
from gitops_bot.edges.http.transport import clean
from gitops_bot.errors import ForgeError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.github.api import Api

ADVICE = (
    "use the token of a GitHub App or the GITHUB_TOKEN of a workflow (on GitHub Enterprise Server an administrator "
    "also enables web commit signing), or set `commits: {ssh_key_file: PATH}` in gitops-bot.yaml"
)


def make(api: Api, *, parent: str, tree: str, files: Mapping[str, tuple[str, bytes]], message: str) -> bytes:
    """The object of a commit; see `engine.world.Forge.commit`. One request for each file, and two.

    Raises:
        ForgeError: GitHub refused, did not answer or did not sign it, or what it signed has another id.
    """

    def created(kind: str, **fields: object) -> dict[str, object]:
        answer = api.ask("POST", f"/git/{kind}", body=fields)
        with api.reading():
            return {**answer, "sha": answers.of_type(str, answer["sha"])}

    entries = []
    for path, (mode, content) in files.items():
        blob = created("blobs", content=base64.b64encode(content).decode(), encoding="base64")
        entries.append({"path": path, "mode": mode, "type": "blob", "sha": blob["sha"]})
    new = created("trees", base_tree=tree, tree=entries)
    answer = created("commits", message=message, tree=new["sha"], parents=[parent])
    with api.reading():
        verification = answers.of_type(dict, answer["verification"])
        if verification["verified"] is not True:
            reason = clean(str(verification["reason"]), limit=100)
            message = f"{api.host} does not sign the commits of this token: {reason}"
            raise ForgeError(Problem("failed.auth", message, ADVICE))
        head, _, text = answers.of_type(str, verification["payload"]).encode().partition(b"\n\n")
        signature = answers.of_type(str, verification["signature"]).encode().rstrip(b"\n")
    # GitHub's own signatures end with a line break, which is part of the commit.
    for end in (b"\n", b""):
        signed = b"%s\ngpgsig %s\n\n%s" % (head, (signature + end).replace(b"\n", b"\n "), text)
        if hashlib.sha1(b"commit %d\0%s" % (len(signed), signed), usedforsecurity=False).hexdigest() == answer["sha"]:
            return signed
    message = f"{api.host} signed a commit whose id does not match its content"
    raise ForgeError(Problem("failed.forge", message, "run again; if it stays so, set another `commits`"))
