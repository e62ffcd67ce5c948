"""Which pull request brought a commit to the base branch, who merged it and who approved it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Unsupported
from gitops_bot.proposals.pull_request import Merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitops_bot.edges.github.api import Api

#: Pull requests on one page, and pages that are read: the newest thousand.
_PER_PAGE: Final = 100
_PAGES: Final = 10
_QUERY: Final = f"""
query Merged($owner: String!, $name: String!, $base: String!, $after: String) {{
  repository(owner: $owner, name: $name) {{
    pullRequests(
      baseRefName: $base, states: [MERGED], orderBy: {{field: UPDATED_AT, direction: DESC}},
      first: {_PER_PAGE}, after: $after
    ) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        id number url state title body headRefName baseRefName headRefOid isCrossRepository createdAt
        mergeCommit {{ oid }} mergedBy {{ login }}
        latestOpinionatedReviews(first: 50, writersOnly: true) {{ nodes {{ state author {{ login }} }} }}
      }}
    }}
  }}
}}"""


def merges(api: Api, base: str, commits: Sequence[str]) -> dict[str, Merge]:
    """The merges that made these commits: one request for a hundred pull requests, until all are found.

    By REST nobody knows who merged or approved.
    """
    wanted = set(commits)
    try:
        return _until_found(_by_graphql(api, base), wanted)
    except Unsupported:
        return _until_found(_by_rest(api, base), wanted)


def _until_found(pages: Iterator[dict[str, Merge]], wanted: set[str]) -> dict[str, Merge]:
    known: dict[str, Merge] = {}
    for page in pages:
        known |= {commit: merge for commit, merge in page.items() if commit in wanted}
        if len(known) == len(wanted):
            break
    return known


def _by_graphql(api: Api, base: str) -> Iterator[dict[str, Merge]]:
    after: str | None = None
    for _ in range(_PAGES):
        data = api.graphql(_QUERY, {**api.names, "base": base, "after": after})
        with api.reading():
            connection: Any = data["repository"]["pullRequests"]
            yield dict(_nodes(connection["nodes"]))
            if connection["pageInfo"]["hasNextPage"] is not True:
                return
            after = str(connection["pageInfo"]["endCursor"])


def _nodes(nodes: Any) -> Iterator[tuple[str, Merge]]:
    for node in nodes:
        if node is not None and node["mergeCommit"] is not None:
            reviews = (node["latestOpinionatedReviews"] or {"nodes": ()})["nodes"]
            approved = (_login(review["author"]) for review in reviews if review["state"] == "APPROVED")
            merge = Merge(
                answers.read_node(node), _login(node["mergedBy"]), tuple(sorted(login for login in approved if login))
            )
            yield str(node["mergeCommit"]["oid"]), merge


def _by_rest(api: Api, base: str) -> Iterator[dict[str, Merge]]:
    query = {"state": "closed", "base": base, "sort": "updated", "direction": "desc", "per_page": str(_PER_PAGE)}
    for page in range(1, _PAGES + 1):
        documents = api.ask_list("/pulls", {**query, "page": str(page)})
        with api.reading():
            yield {
                str(document["merge_commit_sha"]): Merge(answers.read(document))
                for document in documents
                if document.get("merged_at") and document.get("merge_commit_sha")
            }
        if len(documents) < _PER_PAGE:
            return


def _login(actor: Any) -> str | None:
    """The login of somebody whose account may be gone by now."""
    return None if actor is None else answers.text(actor["login"])[:100]
