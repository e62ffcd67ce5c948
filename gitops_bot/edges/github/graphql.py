"""What an answer in GraphQL means: data, or the refusal that REST would have given by a status.

GitHub answers 200 to most of what it refuses, and says why in `errors`: by a `type` (docs.github.com, "Rate limits and
query limits for the GraphQL API"), or, where the question does not fit its schema, by a code of the library that it is
built on (`undefinedField`). Fields that a token may not read are null, and the rest is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github.failure import Refused, Unsupported, said

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Pull requests of one branch that are looked at: a decline is remembered for as many as have ended.
OPEN, ENDED = 5, 30
#: Those of any branch that were closed unmerged last: a decline outlives its branch, and the group that it was for.
CLOSED = 100

_ENDED = """
fragment Ended on PullRequest {
  id number url state title body headRefName baseRefName headRefOid isCrossRepository createdAt
}"""

# writersOnly: on a public repository anybody may approve, and must not freeze a proposal by that.
_OPEN = """
fragment Open on PullRequest {
  ...Ended
  isDraft isInMergeQueue reviewDecision
  labels(first: 100) { nodes { name } }
  latestOpinionatedReviews(first: 50, writersOnly: true) { nodes { state } }
  autoMergeRequest { enabledAt } mergeStateStatus
  timelineItems(first: 1, itemTypes: [ADDED_TO_MERGE_QUEUE_EVENT]) { nodes { __typename } }
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

#: Sets a pull request to merge by itself; with a merge queue it goes there once nothing blocks it. The answer tells the
#: text as it is then, which is finished next.
ENABLE_AUTO_MERGE = """
mutation EnableAutoMerge($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) {
    pullRequest { state isInMergeQueue autoMergeRequest { enabledAt } title body }
  }
}"""

#: When words of people came: each label that was put on, and the last change of the text.
HAND_BACK_TIMES = """
query HandBackTimes($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      lastEditedAt
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
    """The question for so many branches ($b0, $b1, ...), and once for what the base branch asks for.

    `with_closed`: and for what was closed unmerged, of whatever branch.
    """
    numbers = range(count)
    variables = ["$owner: String!", "$name: String!", *(f"$b{number}: String!" for number in numbers)]
    if count or with_base or with_closed:
        variables.append("$base: String!")
    if with_base:
        variables.append("$ref: String!")
    asked = "".join(_branch(number) for number in numbers) + (_CLOSED if with_closed else "")
    fragments = (_OPEN if count else "") + (_ENDED if count or with_closed else "")
    return (
        f"query Proposals({', '.join(variables)}) {{\n"
        "  repository(owner: $owner, name: $name) {\n"
        f"    nameWithOwner{_BASE if with_base else ''}{asked}\n"
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


#: What `type` says -> the status by which REST says the same.
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
class Answered:
    """The data of an answer; `hidden` are the names in the paths of fields that the token must not see."""

    data: dict[str, Any]
    hidden: frozenset[str]


def read(
    document: Any, headers: Mapping[str, str], secret: str, *, write: bool, optional: frozenset[str] = frozenset()
) -> Answered:
    """Read an answer. Fields named in `optional` may be missing because the token must not see them.

    Raises:
        Unsupported: the server does not know what was asked.
        Refused: it refused, with the status that REST has for that; 413 where it was asked too much at once.
    """
    errors = document.get("errors") if isinstance(document, dict) else None
    found = document.get("data") if isinstance(document, dict) else None
    if not isinstance(found, dict) and not isinstance(errors, list):
        raise Unsupported
    told = errors if isinstance(errors, list) else []
    hidden = [_hides(each, optional) for each in told]
    failed = [each for each, names in zip(told, hidden, strict=True) if not names]
    if any(_is_unknown(each) for each in failed):
        raise Unsupported
    if failed or not isinstance(found, dict):
        # Not every one of many errors tells what is wrong: the one with a meaning of its own does.
        status = next((code for each in failed if (code := _status(each)) is not None), 422 if write else 502)
        raise Refused(status, said({"errors": failed}, secret), headers, write=write)
    return Answered(found, frozenset().union(*hidden))


def over_http(refused: Refused) -> Refused | Unsupported:
    """What a status means that is not 200; a time-out is 502, with GitHub's words for it."""
    if refused.status in (404, 405, 406, 415, 501) or _FINE_GRAINED in refused.said.lower():
        return Unsupported()
    if refused.status >= 500 and _TOO_LONG.search(refused.said):
        return Refused(413, refused.said, refused.headers, write=refused.write)
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
    """The names of `optional` that an error is about, if it is about a permission."""
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
