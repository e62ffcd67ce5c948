"""GraphQL: one query reads all proposals, for which REST needs a request each; and the meaning of the answers.

Branch names are passed as variables, so they cannot become part of a query. Fields and limits are those of GitHub's
public schema (docs.github.com/graphql); `followRenames` keeps its default, and `nameWithOwner` shows a repository that
has moved.

GitHub refuses most queries with status 200 and `errors`: with a `type` (docs.github.com, "Rate limits and query limits
for the GraphQL API"), or a code of its library if the query does not fit the schema (`undefinedField`). Fields that the
token may not read are null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.failure import Refused, Unsupported, error_message

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Pull requests read for one branch: declines are remembered among those that have ended.
OPEN, ENDED = 5, 30
#: The last that were closed unmerged, from any branch: a decline outlives its branch and its group.
CLOSED = 100

_ENDED = """
fragment Ended on PullRequest {
  id number url state title body headRefName baseRefName headRefOid isCrossRepository createdAt
}"""

# writersOnly: anybody may approve on a public repository, which must not freeze a proposal.
_OPEN = """
fragment Open on PullRequest {
  ...Ended
  isDraft isInMergeQueue reviewDecision
  labels(first: 100) { nodes { name } }
  latestOpinionatedReviews(first: 50, writersOnly: true) { nodes { state } }
  autoMergeRequest { enabledAt }
  timelineItems(first: 1, itemTypes: [AUTO_MERGE_ENABLED_EVENT, ADDED_TO_MERGE_QUEUE_EVENT]) { nodes { __typename } }
  commits(last: 1) { nodes { commit { statusCheckRollup { state } } } }
  comments(last: 100) { nodes { databaseId body viewerDidAuthor } }
}"""

_BASE = """
    autoMergeAllowed mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed viewerDefaultMergeMethod
    ref(qualifiedName: $ref) {
      refUpdateRule { requiredStatusCheckContexts }
      rules(first: 100) { nodes { type } }
    }
    mergeQueue(branch: $base) { id }"""

_CLOSED = f"""
    closed: pullRequests(
      baseRefName: $base, states: [CLOSED], orderBy: {{field: UPDATED_AT, direction: DESC}}, first: {CLOSED}
    ) {{ nodes {{ ...Ended }} }}"""

#: Enables auto-merge; with a merge queue, the pull request is queued once nothing blocks it. The answer has the current
#: text, which is completed next.
ENABLE_AUTO_MERGE = """
mutation EnableAutoMerge($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) {
    pullRequest { state isInMergeQueue autoMergeRequest { enabledAt } title body }
  }
}"""

#: The times of labels.
HAND_BACK_TIMES = """
query HandBackTimes($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      timelineItems(last: 100, itemTypes: [LABELED_EVENT]) {
        nodes { ... on LabeledEvent { createdAt label { name } } }
      }
    }
  }
}"""

ENQUEUE = """
mutation Enqueue($input: EnqueuePullRequestInput!) {
  enqueuePullRequest(input: $input) { mergeQueueEntry { state } }
}"""


def proposals(count: int, *, with_base: bool, with_closed: bool = False) -> str:
    """The query for this many branches ($b0, $b1, ...), and for the settings of the base branch.

    `with_closed`: also for what was closed unmerged, from any branch.
    """
    numbers = range(count)
    variables = ["$owner: String!", "$name: String!", *(f"$b{number}: String!" for number in numbers)]
    if count or with_base or with_closed:
        variables.append("$base: String!")
    if with_base:
        variables.append("$ref: String!")
    fields = "".join(_branch(number) for number in numbers) + (_CLOSED if with_closed else "")
    fragments = (_OPEN if count else "") + (_ENDED if count or with_closed else "")
    return (
        f"query Proposals({', '.join(variables)}) {{\n"
        "  repository(owner: $owner, name: $name) {\n"
        f"    nameWithOwner{_BASE if with_base else ''}{fields}\n"
        f"  }}\n}}{fragments}"
    )


def _branch(number: int) -> str:
    chosen = f"headRefName: $b{number}, baseRefName: $base, orderBy: {{field: CREATED_AT, direction: DESC}}"
    return f"""
    open{number}: pullRequests({chosen}, states: [OPEN], first: {OPEN}) {{
      pageInfo {{ hasNextPage }} nodes {{ ...Open }}
    }}
    ended{number}: pullRequests({chosen}, states: [CLOSED, MERGED], first: {ENDED}) {{
      pageInfo {{ hasNextPage }} nodes {{ ...Ended }}
    }}"""


#: `type` -> the status that REST would use.
_STATUS = {
    "NOT_FOUND": 404,
    "FORBIDDEN": 403,
    "INSUFFICIENT_SCOPES": 403,
    "RATE_LIMITED": 429,
    "RATE_LIMIT": 429,
    "MAX_NODE_LIMIT_EXCEEDED": 413,
    "RESOURCE_LIMITS_EXCEEDED": 413,
}
_UNKNOWN = re.compile(
    r"doesn't exist on type|doesn't accept argument|isn't a defined input type|(?:unknown|cannot query) field",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(r"result of a timeout|timed out", re.IGNORECASE)
_FINE_GRAINED = "do not support the graphql api"


@dataclass(frozen=True, slots=True)
class Result:
    """The data of an answer; `hidden` has the names in the paths of fields that the token may not see."""

    data: dict[str, Any]
    hidden: frozenset[str]


def read(
    document: Any, headers: Mapping[str, str], secret: str, *, write: bool, optional: frozenset[str] = frozenset()
) -> Result:
    """Read an answer. Fields named in `optional` may be hidden from the token.

    Raises:
        Unsupported: the server does not know the fields.
        Refused: it refused, with the status that REST would use; 413 if the query was too large.
    """
    errors = document.get("errors") if isinstance(document, dict) else None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) and not isinstance(errors, list):
        raise Unsupported
    problems = errors if isinstance(errors, list) else []
    hidden = [_hides(problem, optional) for problem in problems]
    failed = [problem for problem, names in zip(problems, hidden, strict=True) if not names]
    if any(_is_unknown(problem) for problem in failed):
        raise Unsupported
    if failed or not isinstance(data, dict):
        # Of several errors, one with a known meaning is the cause.
        status = next((code for problem in failed if (code := _status(problem)) is not None), 422 if write else 502)
        raise Refused(status, error_message({"errors": failed}, secret), headers, write=write)
    return Result(data, frozenset().union(*hidden))


def over_http(refused: Refused) -> Refused | Unsupported:
    """The meaning of a status other than 200; a timeout is 502, with a message."""
    if refused.status in (404, 405, 406, 415, 501) or _FINE_GRAINED in refused.message.lower():
        return Unsupported()
    if refused.status >= 500 and _TOO_LONG.search(refused.message):
        return Refused(413, refused.message, refused.headers, write=refused.write)
    return refused


def _status(error: Any) -> int | None:
    if not isinstance(error, dict):
        return None
    message = str(error.get("message"))
    if _TOO_LONG.search(message):
        return 413
    if "rate limit" in message.lower():
        return 429
    return _STATUS.get(str(error.get("type")))


def _hides(error: Any, optional: frozenset[str]) -> frozenset[str]:
    """The names in `optional` that a permission error concerns."""
    path = error.get("path") if isinstance(error, dict) and _status(error) == 403 else None
    return optional.intersection(map(str, path)) if isinstance(path, list) else frozenset()


def _is_unknown(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code in ("undefinedField", "argumentNotAccepted", "undefinedType") or bool(
        _UNKNOWN.search(str(error.get("message")))
    )
