"""What GitHub says about the token, and about the settings and rules of a repository. Only GET, nothing is written.

A ruleset says whether the token may bypass it (`current_user_can_bypass`). Only administrators can read a protection
rule; everybody else sees on the branch that there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitops_bot.edges.facts import BranchRules, Permission, RepositoryFacts, Rule, ServerFacts, Settings
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused
from gitops_bot.edges.github.token import Role, Token
from gitops_bot.edges.http import NoResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gitops_bot.edges.facts import Bypass
    from gitops_bot.edges.github.api import Api


#: Where GitHub's settings are.
SETTINGS = Settings(
    rules="Settings > Rules",
    merging="Settings > General > Pull Requests",
    hidden="check Settings > Branches, or give the token `Administration: read`; rulesets (Settings > Rules) are "
    "visible to every token",
)
#: Rulesets that are checked for a bypass; with more, it counts as unknown.
_MOST_RULESETS = 10
#: A scope (`read:org`) or a version (`3.17.2`), of which a header has not many.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
#: Bytes of a reference on GitHub.
_LONGEST = 255


@dataclass(slots=True)
class Inspection:
    """Reads each thing once, by an `api` with a timeout. `in_workflow`: the bot runs in Actions."""

    api: Api
    in_workflow: bool = False
    _bypasses: dict[int, Bypass] = field(default_factory=dict)
    _token: Token = field(default_factory=Token)
    _role: Role = field(default_factory=Role)
    _is_admin: bool | None = None

    @property
    def host(self) -> str:
        """The host of the API."""
        return self.api.host

    def server(self) -> ServerFacts:
        """What GitHub says about itself and the token. One request, which does not count against the rate limit."""
        before = self.api.clock.now()
        try:
            document, headers = self.api.wire.rate_limit()
        except Refused as refused:
            if refused.status != 404 or refused.limited:  # a GitHub Enterprise without limits says that
                self.api.fail(refused)
            document, headers = None, dict(refused.headers)
        except NoResponse as failure:
            self.api.fail(failure)
        at = _date(headers.get("date"))
        header = headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(_WORD.findall(header))
        self._token = Token.read(self.api.token, scopes, in_workflow=self.in_workflow)
        version = next(iter(_WORD.findall(headers.get("x-github-enterprise-version", ""))), None)
        return ServerFacts(
            name=f"GitHub Enterprise Server {version}" if version else "the API",
            token=str(self._token),
            expires=_expiry(headers.get("github-authentication-token-expiration")),
            skew=None if at is None else at - (before + (self.api.clock.now() - before) / 2),
            left=answers.rate_limit(document),
        )

    def repository(self) -> RepositoryFacts:
        """The repository's settings, and what the token may do there; ask `server` first. One request."""
        document = self.api.ask("GET", "")
        with self.api.reading():
            return self._facts(document)

    def _facts(self, document: Any) -> RepositoryFacts:
        permissions = document.get("permissions")
        role = permissions if isinstance(permissions, dict) else {}
        allowed = {method: document.get(field) for method, (_, field) in answers.METHODS.items()}
        branch = document["default_branch"]
        if not isinstance(branch, str) or not branch.isprintable() or len(branch) > _LONGEST:
            raise ValueError(branch)
        self._is_admin = _truth(role.get("admin"))
        owner = document.get("owner")
        self._role = Role(
            archived=document.get("archived") is True,
            private=_truth(document.get("private")),
            may_push=_truth(role.get("push")),
            of_person=isinstance(owner, dict) and owner.get("type") == "User",
        )
        return RepositoryFacts(
            default_branch=branch,
            proposing=self._token.may_propose(self._role),
            auto_merge=_truth(document.get("allow_auto_merge")),
            methods=tuple(method for method, value in allowed.items() if value)
            if all(type(value) is bool for value in allowed.values())
            else None,
        )

    def pull_requests(self) -> None:
        """Check that pull requests can be read. One request."""
        self.api.ask_list("/pulls", {"state": "open", "per_page": "1"})

    def deploying(self) -> Permission:
        """Whether the token may write deployments; ask `repository` first. One request."""
        try:
            self.api.ask("GET", "/deployments", query={"per_page": "1"}, expected=(403, 404))
        except Refused as refused:
            if refused.limited:
                self.api.fail(refused)
            return Permission("no", "the token may not read deployments", self._token.advice("deployments"))
        return self._token.may_deploy(self._role)

    def recording(self) -> Permission:
        """Whether the token may record artifacts; ask `repository` first. No request."""
        return self._token.may_record(self._role)

    def tag_rules(self) -> BranchRules:
        """What rulesets require of the tags of releases. One request, and one for each ruleset of tags."""
        query = {"targets": "tag", "includes_parents": "true", "per_page": "100"}
        listed = self._get_if_visible("/rulesets", query) or ()
        with self.api.reading():
            active = [int(rule["id"]) for rule in listed if rule["target"] == "tag" and rule["enforcement"] == "active"]
            rulesets = [self._get_if_visible(f"/rulesets/{number}") for number in active[:_MOST_RULESETS]]
            is_partial = None in rulesets or len(active) > len(rulesets)
            return BranchRules(tuple(_of_tags(rulesets)), hidden=is_partial)

    def rules(self, branch: str) -> BranchRules:
        """What a branch requires, by rulesets and by its protection rule.

        One to three requests, and one for each ruleset.
        """
        path = quote(branch, safe="/")
        by_ruleset = self._by_ruleset(path)
        document = self._get_if_visible(f"/branches/{path}") or {}  # missing branches can have rules too
        with self.api.reading():
            # What shows to a token that may not read the protection rule: whether there is one, and its checks.
            classic = (document.get("protection") or {}).get("enabled") is True
            checks = answers.required_checks(document)
        if not classic and document.get("protected") is not True:
            return BranchRules(by_ruleset, settings=SETTINGS)
        whole = self._get_if_visible(f"/branches/{path}/protection")
        if whole is None:
            # The server has no rulesets, or the token is no administrator's: only the branch itself shows something.
            shown = [Rule("checks", "unknown", checks=checks)] if classic and checks else []
            return BranchRules((*by_ruleset, *shown), classic or not by_ruleset, SETTINGS)
        with self.api.reading():
            return BranchRules((*by_ruleset, *_of_protection(whole, admin=self._is_admin)), settings=SETTINGS)

    def rules_by_name(self, branch: str) -> BranchRules:
        """What rulesets require of a branch, which need not exist. One request, and one for each ruleset."""
        return BranchRules(self._by_ruleset(quote(branch, safe="/")), settings=SETTINGS)

    def _by_ruleset(self, path: str) -> tuple[Rule, ...]:
        answer = self._get_if_visible(f"/rules/branches/{path}", {"per_page": "100"})
        with self.api.reading():
            return tuple(_of_rulesets(answer or (), self._bypass))

    def _bypass(self, ruleset: int) -> Bypass:
        if ruleset not in self._bypasses:
            if len(self._bypasses) >= _MOST_RULESETS:
                return "unknown"
            self._bypasses[ruleset] = _bypass_of(self._get_if_visible(f"/rulesets/{ruleset}"))
        return self._bypasses[ruleset]

    def _get_if_visible(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The answer; None if the server has nothing there, or hides it."""
        try:
            return self.api.ask("GET", path, query=query, expected=(403, 404))
        except Refused:
            return None


def _truth(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _date(text: str | None) -> datetime | None:
    try:
        time = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _expiry(text: str | None) -> datetime | None:
    """`2026-12-01 10:00:00 UTC`, or with an offset in the place of the zone."""
    try:
        time = datetime.fromisoformat((text or "").strip().replace(" UTC", "+00:00").replace(" +", "+"))
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)


_BYPASSES: Mapping[str, Bypass] = {
    "always": "always", "exempt": "always", "pull_requests_only": "pull-requests", "never": "never",
}  # fmt: skip


def _of_rulesets(rules: Any, bypass: Callable[[int], Bypass]) -> Iterator[Rule]:
    """The rules that rulesets have for a branch; `bypass` says whether the token may bypass the ruleset of an id."""
    for rule in rules:
        kind = answers.kind_of(rule)
        if kind is None:
            continue
        parameters = rule.get("parameters") or {}
        ruleset = rule.get("ruleset_id")
        yield Rule(
            kind,
            bypass(ruleset) if type(ruleset) is int else "unknown",
            _count(parameters.get("required_approving_review_count")),
            tuple(answers.of_type(str, check["context"]) for check in parameters.get("required_status_checks") or ()),
        )


#: The patterns of rulesets that mean every tag of a release, whichever the environment and the number.
_EVERY_RELEASE = frozenset({"~ALL", "**/*", "*/*/*", "release/**/*", "release/*/*"})
_TAGS = "refs/tags/"


def _of_tags(rulesets: Any) -> Iterator[Rule]:
    """Which of these rulesets of tags keep the tags of releases from being created.

    Where its patterns leave open whether a ruleset means all of them, so is the bypass.
    """
    for ruleset in rulesets:
        if ruleset is None or not any(rule["type"] == "creation" for rule in ruleset.get("rules") or ()):
            continue
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        include, exclude = (
            [answers.of_type(str, pattern).removeprefix(_TAGS) for pattern in names.get(side) or ()]
            for side in ("include", "exclude")
        )
        if any(map(_may_mean_releases, include)):
            is_sure = not exclude and not _EVERY_RELEASE.isdisjoint(include)
            past = _bypass_of(ruleset)
            yield Rule("creation", past if is_sure or past == "always" else "unknown")


def _may_mean_releases(pattern: str) -> bool:
    """Whether a pattern may match `release/ENVIRONMENT/NUMBER`; a `*` matches no slash, and `**/` any directories."""
    if pattern == "~ALL":
        return True
    start = re.split(r"[*?\[\\{]", pattern, maxsplit=1)[0]
    return (start.startswith("release/") or "release/".startswith(start)) and (
        "**" in pattern or pattern.count("/") == 2
    )


def _bypass_of(document: Any) -> Bypass:
    """Whether the token may bypass a ruleset; None stands for a ruleset that it may not read."""
    return _BYPASSES.get(str(document.get("current_user_can_bypass")), "unknown") if document else "unknown"


def _of_protection(document: Any, *, admin: bool | None) -> Iterator[Rule]:
    """The protection rule of a branch; `admin`: whether the token is an administrator's, whom it may not bind."""
    past: Bypass = "always" if admin and not _enabled(document, "enforce_admins") else "never"
    if (reviews := document.get("required_pull_request_reviews")) is not None:
        # People on its own list may bypass the reviews; GitHub does not say whether this token is on it.
        has_allowances = any((reviews.get("bypass_pull_request_allowances") or {}).values())
        approvals = _count(reviews.get("required_approving_review_count"))
        yield Rule("pull-request", "unknown" if has_allowances and past == "never" else past, approvals)
    if (required := document.get("required_status_checks")) is not None:
        yield Rule("checks", past, checks=answers.contexts(required))
    if document.get("restrictions") is not None:
        yield Rule("update", "always" if past == "always" else "unknown")
    if _enabled(document, "lock_branch"):
        yield Rule("update", past)
    if _enabled(document, "required_signatures"):
        yield Rule("signatures", past)
    if _enabled(document, "required_linear_history"):
        yield Rule("linear", past)


def _enabled(document: Any, name: str) -> bool:
    return (document.get(name) or {}).get("enabled") is True


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value <= 100 else 0
