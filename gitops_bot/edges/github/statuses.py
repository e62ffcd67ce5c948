"""The commit status that says on a pull request whether its gates are open.

GitHub takes 1,000 statuses of one name on one commit, so what is there already is not written again (docs.github.com,
"REST API endpoints for commit statuses").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitops_bot.config.propose import STATUS
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.edges.github.reading import OPTIONAL, REPORTED
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.pull_request import GateStatus, Head
from gitops_bot.proposals.text.markdown import plain

if TYPE_CHECKING:
    from gitops_bot.edges.github.api import Api
    from gitops_bot.edges.github.reading import PullRequestReader

#: GitHub's limit, in characters; it stores none of those beyond.
_TEXT, _BEYOND = 140, re.compile(r"[^\u0000-\uffff]")
#: Pages of open pull requests that are read.
_PAGES = 10
_ADVICE = "give the token `statuses: write`, or remove `propose: {status: ...}`"
HEADS = f"""
query Heads($owner: String!, $name: String!, $base: String!, $after: String) {{
  repository(owner: $owner, name: $name) {{
    pullRequests(
      baseRefName: $base, states: [OPEN], first: 100, after: $after, orderBy: {{field: CREATED_AT, direction: DESC}}
    ) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{ headRefName headRefOid isCrossRepository commits(last: 1) {{ nodes {{ commit {{ ...Reported }} }} }} }}
    }}
  }}
}}{REPORTED}"""


def write(api: Api, reading: PullRequestReader, commit: str, present: GateStatus | None, status: GateStatus) -> None:
    """One request, or none if state and text are these. It takes GraphQL, which says what is there already."""
    text = _BEYOND.sub("?", plain(status.text, _TEXT))
    if reading.only_rest:
        raise _no_status(Unsupported())
    if present is None or (present.state, present.text) != (status.state, text):
        body = {"state": status.state, "context": STATUS, "description": text, "target_url": status.url}
        try:
            api.ask("POST", f"/statuses/{commit}", body=body, expected=(403, 404, 422))
        except Refused as refused:
            if refused.status != 422:
                raise _no_status(refused) from None
            # This commit alone takes none, and it may be anybody's.
            message = f"commit {commit[:10]} takes no `{STATUS}`: {refused.said}"
            api.warn(Problem("failed.forge", message, "push to its branch: a new commit takes one"))


def heads(api: Api, base: str) -> list[Head]:
    """One request for each hundred; the newest thousand."""
    variables, found = {**api.names, "base": base, "after": None}, list[Head]()
    for _ in range(_PAGES):
        try:
            with api.expecting(()):
                asked = api.wire.graphql(HEADS, variables, write=False, optional=OPTIONAL)
        except Unsupported as unsupported:
            raise _no_status(unsupported) from None
        with api.reading():
            pulls: Any = asked[0]["repository"]["pullRequests"]
            found += map(_head, answers.nodes(pulls))
            variables["after"] = pulls["pageInfo"]["endCursor"]
            if pulls["pageInfo"]["hasNextPage"] is not True:
                break
    return found


def _head(node: Any) -> Head:
    commits = answers.nodes(node["commits"])
    branch = answers.of_type(str, node["headRefName"]) if node["isCrossRepository"] is False else None
    gates = answers.read_reported(commits[-1]["commit"])[0] if commits else None
    return Head(answers.of_type(str, node["headRefOid"]), branch, gates)


def _no_status(refused: Refused | Unsupported) -> ForgeError:
    what = f"`{STATUS}` cannot be written ({refused.said})"
    if isinstance(refused, Refused):
        return ForgeError(Problem("failed.auth", what, _ADVICE))
    return ForgeError(Problem("failed.forge", what, "remove `propose: {status: ...}`"))
