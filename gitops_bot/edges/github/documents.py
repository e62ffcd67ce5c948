"""What is asked in GraphQL: for everything that a run must know of its proposals, REST takes a request for each.

Names of branches go as variables, so that none of them can become part of a question. Fields and limits are those of
GitHub's public schema (docs.github.com/graphql); `followRenames` stays at its default, and `nameWithOwner` tells a
repository that has moved.
"""

from __future__ import annotations

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
WORDS = """
query Words($owner: String!, $name: String!, $number: Int!) {
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
