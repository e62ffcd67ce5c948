"""Reads GitHub's answers from REST and GraphQL: pull requests, and what a base branch requires of a merge.

Every field is checked: it may end up on a terminal, in a command, or in a decision. Call these within `Api.reading`,
which reports answers of other types.

GitHub refuses most queries with status 200 and `errors`: with a `type` (docs.github.com, "Rate limits and query limits
for the GraphQL API"), or a code of its library if the query does not fit the schema (`undefinedField`). Fields that the
token may not read are null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from gitops_bot.edges.github.failure import NUMBER, Refused, Unsupported, error_message
from gitops_bot.images import moment
from gitops_bot.proposals.pull_request import Comment, GateStatus, PullRequest, RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.facts import RuleKind


T = TypeVar("T")

_ADDRESS = re.compile(r"https?://[\x21-\x7e]{1,1000}\Z")
STATES: Mapping[str, Literal["open", "closed", "merged"]] = {"OPEN": "open", "CLOSED": "closed", "MERGED": "merged"}
#: The hidden mark of the bot's own comments.
_MARK = "<!-- gitops-bot:"
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_RED = ("FAILURE", "ERROR", "TIMED_OUT", "CANCELLED", "ACTION_REQUIRED", "STARTUP_FAILURE", "STALE")
_GATES: Mapping[str, Literal["success", "pending", "failure"]] = {
    "SUCCESS": "success", "PENDING": "pending", "FAILURE": "failure",
}  # fmt: skip


def read(document: Any) -> PullRequest:
    """A pull request from REST. Call within `Api.reading`, which reports answers of other types."""
    head, base = document["head"], document["base"]
    return PullRequest(
        number=of_type(int, document["number"]),
        url=_matching(_ADDRESS, document["html_url"]),
        state=STATES[document["state"].upper() if document["merged_at"] is None else "MERGED"],
        branch=of_type(str, head["ref"]),
        base=of_type(str, base["ref"]),
        head=_matching(_COMMIT, head["sha"]),
        title=of_type(str, document["title"]),
        body=of_type(str, document["body"] or ""),
        labels=tuple(of_type(str, label["name"]) for label in of_type(list, document["labels"])),
        # Servers that only resemble GitHub lack these.
        node=of_type(str, document.get("node_id") or ""),
        created_at=time(document["created_at"]) if document.get("created_at") else None,
        draft=document.get("draft") is True,
        auto_merge=isinstance(document.get("auto_merge"), dict),
    )


def read_node(node: Any) -> PullRequest:
    """A pull request from GraphQL, as `reading.proposals` asks for it; one that has ended has fewer fields."""
    pull = PullRequest(
        number=of_type(int, node["number"]),
        url=_matching(_ADDRESS, node["url"]),
        state=STATES[node["state"]],
        branch=of_type(str, node["headRefName"]),
        base=of_type(str, node["baseRefName"]),
        head=_matching(_COMMIT, node["headRefOid"]),
        title=of_type(str, node["title"]),
        body=of_type(str, node["body"]),
        node=of_type(str, node["id"]),
        created_at=time(node["createdAt"]),
    )
    return _opened(pull, node) if pull.state == "open" and "isDraft" in node else pull


def approved(decision: str | None, states: Iterable[str]) -> bool:
    """Whether the latest reviews approve. `decision` exists only if the base branch requires reviews.

    One approval counts even if more are required: somebody has reviewed the current state.
    """
    opinions = set(states)
    return decision == "APPROVED" or (
        decision != "CHANGES_REQUESTED" and "APPROVED" in opinions and "CHANGES_REQUESTED" not in opinions
    )


def is_from(document: Any, repository: str) -> bool:
    """Whether the branch of a pull request is in this repository (`owner/name`), not in a fork; null: it is gone."""
    origin = document["head"]["repo"]
    return origin is not None and str(origin["full_name"]).lower() == repository.lower()


def nodes(connection: Any) -> list[Any]:
    """The items of a connection, without null for deleted ones; empty if the connection itself is null."""
    return [] if connection is None else [node for node in of_type(list, connection["nodes"]) if node is not None]


def time(value: Any) -> datetime:
    """A time. Raises ValueError or TypeError if it is none."""
    return moment.parse(of_type(str, value))


def link(value: Any) -> str | None:
    """An address that may be shown; None for anything else."""
    return value if isinstance(value, str) and _ADDRESS.match(value) else None


def _opened(pull: PullRequest, node: Any) -> PullRequest:
    reviews = [of_type(str, review["state"]) for review in nodes(node["latestOpinionatedReviews"])]
    commits = nodes(node["commits"])
    gates, failed = read_reported(commits[-1]["commit"]) if commits else (None, False)
    request, events = node["autoMergeRequest"], nodes(node["timelineItems"])
    # A deleted account is null. The bot's name in other fields is only known where it opened the pull request.
    bot = node.get("author") if node.get("viewerDidAuthor") is True else None
    return replace(
        pull,
        labels=tuple(of_type(str, label["name"]) for label in nodes(node["labels"])),
        draft=of_type(bool, node["isDraft"]),
        approved=approved(node["reviewDecision"], reviews),
        queued=of_type(bool, node["isInMergeQueue"]),
        auto_merge=request is not None,
        merges_by_bot=bot is not None and request is not None and request.get("enabledBy") == bot,
        merge_was_requested=bool(events) and (bot is None or events[-1].get("actor") != bot),
        checks_failed=failed,
        gates=gates,
        comments=tuple(
            Comment(comment["databaseId"], comment["body"])
            for comment in nodes(node["comments"])
            if comment["viewerDidAuthor"] is True
            and type(comment["databaseId"]) is int
            and _MARK in of_type(str, comment["body"])
        ),
    )


def read_reported(commit: Any) -> tuple[GateStatus | None, bool]:
    """The bot's own status on a commit, and whether any other check has failed; as `reading.REPORTED` asks for it."""
    rollup, own = commit["statusCheckRollup"], (commit["status"] or {}).get("context")
    failed = rollup is not None and rollup["state"] in _RED
    if failed and own is not None and own["state"] in _RED:
        kinds = (rollup["contexts"][f"{kind}CountsByState"] or () for kind in ("checkRun", "statusContext"))
        failed = sum(of_type(int, its["count"]) for kind in kinds for its in kind if its["state"] in _RED) > 1
    if own is None or own["state"] not in _GATES:
        return None, failed
    return GateStatus(_GATES[own["state"]], of_type(str, own["description"] or "")), failed


def of_type(kind: type[T], value: Any) -> T:
    """A value of this very type: a truth value is no number. Raises TypeError if it is something else."""
    if type(value) is not kind:
        raise TypeError(value)
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not pattern.match(of_type(str, value)):
        raise ValueError(value)
    return str(value)


def rate_limit(document: Any) -> RateLimit | None:
    """The REST rate limit in the answer to `GET /rate_limit`; None without one."""
    match document:
        case {"resources": {"core": {"remaining": remaining, "reset": reset}}}:
            return read_rate_limit(str(remaining), str(reset))
        case _:
            return None


def read_rate_limit(remaining: str, reset: str) -> RateLimit | None:
    """A rate limit by the requests that are left, and the second when there are more; None if they are no numbers."""
    if not NUMBER.fullmatch(remaining) or not NUMBER.fullmatch(reset):
        return None
    return RateLimit(int(remaining), moment.of_seconds(int(reset)))


#: GitHub's type of a rule in a ruleset -> ours; GraphQL has it in capitals. Others (patterns, deployments, scans) do
#: not concern the bot.
_KINDS: Mapping[str, RuleKind] = {
    "pull_request": "pull-request",
    "required_status_checks": "checks",
    "required_workflow_status_checks": "checks",
    "workflows": "checks",
    "merge_queue": "queue",
    "required_signatures": "signatures",
    "required_linear_history": "linear",
    "update": "update",
    "creation": "creation",
    "deletion": "deletion",
    "non_fast_forward": "force",
}
#: Merge method -> the settings that allow it, in GraphQL and in REST.
METHODS: Mapping[MergeMethod, tuple[str, str]] = {
    "merge": ("mergeCommitAllowed", "allow_merge_commit"),
    "squash": ("squashMergeAllowed", "allow_squash_merge"),
    "rebase": ("rebaseMergeAllowed", "allow_rebase_merge"),
}


@dataclass(frozen=True, slots=True)
class Base:
    """What a repository and its base branch require of a merge, as far as the token can see.

    `checks`: a merge waits for checks. `rules`: there is any rule, or one may be hidden from the token. `seen`: the
    token may see the rules. `preferred` is the repository's own choice, where it says so.
    """

    auto_merge: bool
    queue: bool
    checks: bool
    rules: bool
    seen: bool
    methods: tuple[MergeMethod, ...]
    preferred: str = ""

    @property
    def default(self) -> MergeMethod:
        """The method that the repository uses where nobody chooses one."""
        return next((method for method in self.methods if method == self.preferred), self.methods[0])


def kind_of(rule: Any) -> RuleKind | None:
    """What a rule of a ruleset requires; None if that does not concern the bot."""
    return _KINDS.get(str(rule["type"]).lower())


def required_checks(branch: Any) -> tuple[str, ...]:
    """The checks that the protection rule of a branch requires, as far as the branch itself shows it."""
    required = (branch.get("protection") or {}).get("required_status_checks") or {}
    return contexts(required) if required.get("enforcement_level") != "off" else ()


def contexts(required: Any) -> tuple[str, ...]:
    """The names of required checks."""
    names = required.get("contexts") or [check["context"] for check in required.get("checks") or ()]
    return tuple(of_type(str, name) for name in names)


def base_of(repository: Any, *, hidden: bool) -> Base:
    """The base branch in an answer to `reading.proposals`; `hidden`: the token may not see all of it."""
    ref, queue = repository["ref"], repository["mergeQueue"]
    protection = ref["refUpdateRule"] if ref is not None else None
    checks = (protection["requiredStatusCheckContexts"] or ()) if protection is not None else ()
    rules = ref["rules"] if ref is not None else None
    branch_rules = [rule for rule in (rules["nodes"] if rules is not None else None) or () if rule is not None]
    kinds = {kind_of(rule) for rule in branch_rules}
    methods = tuple(method for method, (field, _) in METHODS.items() if repository[field] is True)
    if not methods:
        raise ValueError(repository)
    return Base(
        auto_merge=repository["autoMergeAllowed"] is True,
        queue=queue is not None or "queue" in kinds,
        checks=any(checks) or "checks" in kinds,
        rules=protection is not None or bool(branch_rules) or ref is None or hidden,
        seen=not hidden,
        methods=methods,
        preferred=str(repository["viewerDefaultMergeMethod"]).lower(),
    )


def base_by_rest(repository: Any, branch: Any, rules: Any) -> Base:
    """The same from REST: the repository, the branch, and its rules (None if the server has none or hides them).

    A token without write access sees neither the methods nor whether auto-merge is allowed: GitHub will say so.
    """
    kinds = {kind_of(rule) for rule in rules or ()}
    methods = tuple(method for method, (_, field) in METHODS.items() if repository.get(field) is not False)
    if not methods:
        raise ValueError(repository)
    return Base(
        auto_merge=repository.get("allow_auto_merge") is not False,
        queue="queue" in kinds,
        checks=bool(required_checks(branch)) or "checks" in kinds,
        rules=branch.get("protected") is not False or bool(kinds),
        seen=True,
        methods=methods,
    )


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


def read_graphql(
    document: Any, headers: Mapping[str, str], secret: str, *, write: bool, optional: frozenset[str] = frozenset()
) -> tuple[dict[str, Any], frozenset[str]]:
    """The data of an answer, and the names in the paths of the `optional` fields that the token may not see.

    Raises:
        Unsupported: the server does not know the fields.
        Refused: it refused, with the status that REST would use; 413 if the query was too large.
    """
    errors = document.get("errors") if isinstance(document, dict) else None
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) and not isinstance(errors, list):
        raise Unsupported
    hidden: set[str] = set()
    failed = []
    for problem in errors if isinstance(errors, list) else ():
        # What may not be seen, or is not there, may concern optional fields alone.
        path = problem.get("path") if isinstance(problem, dict) and _status(problem) in (403, 404) else None
        parts = [*map(str, path)] if isinstance(path, list) else []
        names = [part for part in reversed(parts) if part in optional][:1]  # the nearest
        hidden.update(names)
        if not names:
            failed.append(problem)
    if any(_is_unknown(problem) for problem in failed):
        raise Unsupported
    if failed or not isinstance(data, dict):
        # Of several errors, one with a known meaning is the cause.
        status = next((code for problem in failed if (code := _status(problem)) is not None), 422 if write else 502)
        raise Refused(status, error_message({"errors": failed}, secret), headers, write=write)
    return data, frozenset(hidden)


def over_http(refused: Refused) -> Refused | Unsupported:
    """The meaning of a status other than 200; a timeout is 502, with a message."""
    if refused.status in (404, 405, 406, 415, 501) or "do not support the graphql api" in refused.message.lower():
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


def _is_unknown(error: Any) -> bool:
    match error:
        case {"extensions": {"code": "undefinedField" | "argumentNotAccepted" | "undefinedType"}}:
            return True
        case {"message": message}:
            return _UNKNOWN.search(str(message)) is not None
        case _:
            return False
