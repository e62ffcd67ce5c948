"""How things stand on GitHub: the token, the settings and rules of a repository. Reads by GET, and writes nothing.

What a token may do past a rule is told of rulesets (`current_user_can_bypass`); a protection rule is shown to
administrators only, and everybody else learns from the branch that there is one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

from gitops_bot.edges.facts import BranchRules, RepositoryFacts, ServerFacts, Settings
from gitops_bot.edges.github import address, answers, limits, rules
from gitops_bot.edges.github.failure import Refused, Unanswered
from gitops_bot.edges.github.messages import explain
from gitops_bot.edges.github.token import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.facts import Bypass, Rule
    from gitops_bot.edges.github.wire import Wire
    from gitops_bot.edges.http import Clock

T = TypeVar("T")

#: Where people find it on GitHub.
SETTINGS = Settings(
    rules="Settings > Rules",
    merging="Settings > General > Pull Requests",
    hidden="check Settings > Branches, or give the token `Administration: read`; rulesets (Settings > Rules) are "
    "visible to every token",
)
#: Rulesets that are asked whether the token may bypass them: a branch with more is told as if nobody said.
_MOST_RULESETS = 10
_HIDDEN = (403, 404)
#: A scope (`read:org`) or a version (`3.17.2`), of which a header has not many.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
#: Bytes of a reference on GitHub.
_LONGEST = 255
_METHODS: tuple[MergeMethod, ...] = ("merge", "squash", "rebase")
_FIELDS: Mapping[MergeMethod, str] = {"merge": "merge_commit", "squash": "squash_merge", "rebase": "rebase_merge"}


class Inspection:
    """Asks once each, without trying again. `timeout` is in whole seconds, for an answer and between its parts.

    `repository` is `owner/name`, or None where only the forge itself is asked; without a token as anybody.

    Raises:
        UsageError: the repository, the address or the token is none; the token is never part of the text.
    """

    def __init__(
        self,
        repository: str | None,
        token: str | None,
        *,
        clock: Clock,
        api_url: str,
        timeout: int,
        in_workflow: bool = False,
    ) -> None:
        self._repository = address.checked_repository(repository) if repository is not None else ""
        self._token = address.checked_token(token) if token is not None else None
        self.url = address.encrypted_api(api_url)
        self._clock, self._timeout = clock, timeout
        self._bypasses: dict[int, Bypass] = {}
        self._in_workflow, self._known = in_workflow, Token()
        self._is_admin: bool | None = None

    @property
    def host(self) -> str:
        """Where the API is."""
        return urlsplit(self.url).netloc

    def server(self) -> ServerFacts:
        """What GitHub says of itself and of the token. One request, which costs nothing of the rate limit."""
        before = self._clock.now()
        try:
            document, headers = self._wire.look("/rate_limit")
        except Refused as refused:
            if refused.status != 404 or refused.limited:  # a GitHub Enterprise without limits says that
                self._fail(refused)
            document, headers = None, dict(refused.headers)
        except Unanswered as failure:
            self._fail(failure)
        at = _date(headers.get("date"))
        listed = headers.get("x-oauth-scopes")
        scopes = None if listed is None else frozenset(_WORD.findall(listed))
        self._known = Token.read(self._token, scopes, in_workflow=self._in_workflow)
        version = next(iter(_WORD.findall(headers.get("x-github-enterprise-version", ""))), None)
        return ServerFacts(
            name=f"GitHub Enterprise Server {version}" if version else "the API",
            token=str(self._known),
            expires=_expiry(headers.get("github-authentication-token-expiration")),
            skew=None if at is None else at - (before + (self._clock.now() - before) / 2),
            left=limits.read(document),
        )

    def repository(self) -> RepositoryFacts:
        """The repository's settings, and what the token may do there; ask `server` first. One request."""
        document = self._ask("")
        return self._read(lambda: self._facts(document))

    def _facts(self, document: Any) -> RepositoryFacts:
        found = document.get("permissions")
        role = found if isinstance(found, dict) else {}
        allowed = {method: document.get(f"allow_{field}") for method, field in _FIELDS.items()}
        told = all(type(value) is bool for value in allowed.values())
        branch = document["default_branch"]
        if not isinstance(branch, str) or not branch.isprintable() or len(branch) > _LONGEST:
            raise ValueError(branch)
        self._is_admin = _truth(role.get("admin"))
        return RepositoryFacts(
            default_branch=branch,
            proposing=self._known.may_propose(
                archived=document.get("archived") is True,
                private=_truth(document.get("private")),
                may_push=_truth(role.get("push")),
            ),
            auto_merge=_truth(document.get("allow_auto_merge")),
            methods=tuple(method for method in _METHODS if allowed[method]) if told else None,
        )

    def pull_requests(self) -> None:
        """See whether pull requests can be read. One request."""
        if not isinstance(self._ask("/pulls", {"state": "open", "per_page": "1"}), list):
            self._fail(answers.unreadable())

    def rules(self, branch: str) -> BranchRules:
        """What a branch asks for, by rulesets and by its protection rule. One to three requests, one more a ruleset."""
        place = quote(branch, safe="/")
        by_ruleset = self._by_ruleset(place)
        there = self._may_see(f"/branches/{place}")  # one that does not exist yet may have rules all the same
        said = self._read(lambda: rules.of_branch(there or {}))
        if not said.protected:
            return BranchRules(by_ruleset, settings=SETTINGS)
        whole = self._may_see(f"/branches/{place}/protection")
        if whole is None:
            # Servers that know no rulesets, and tokens that are no administrator's: what the branch itself tells.
            return BranchRules((*by_ruleset, *said.rules), said.classic or not by_ruleset, SETTINGS)
        protection = self._read(lambda: rules.of_protection(whole, admin=self._is_admin))
        return BranchRules((*by_ruleset, *protection), settings=SETTINGS)

    def rules_by_name(self, branch: str) -> BranchRules:
        """What rulesets ask of a branch of that name, which need not exist. One request, one more a ruleset."""
        return BranchRules(self._by_ruleset(quote(branch, safe="/")), settings=SETTINGS)

    def _by_ruleset(self, place: str) -> tuple[Rule, ...]:
        listed = self._may_see(f"/rules/branches/{place}", {"per_page": "100"})
        return self._read(lambda: tuple(rules.of_rulesets(listed or (), self._bypass)))

    def _bypass(self, ruleset: int) -> Bypass:
        if ruleset not in self._bypasses:
            if len(self._bypasses) >= _MOST_RULESETS:
                return "unknown"
            self._bypasses[ruleset] = rules.bypass(self._may_see(f"/rulesets/{ruleset}"))
        return self._bypasses[ruleset]

    def _may_see(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The answer; None where the server has nothing there, or hides it."""
        try:
            return self._wire.look(f"/repos/{self._repository}{path}", query=query)[0]
        except Refused as refused:
            if refused.limited or refused.status not in _HIDDEN:
                self._fail(refused)
            return None
        except Unanswered as failure:
            self._fail(failure)

    def _ask(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        try:
            return self._wire.look(f"/repos/{self._repository}{path}", query=query)[0]
        except (Refused, Unanswered) as failure:
            self._fail(failure)

    def _read(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except (KeyError, TypeError, ValueError, AttributeError):
            self._fail(answers.unreadable())

    def _fail(self, failure: Refused | Unanswered) -> NoReturn:
        what = self._repository or self.host
        raise explain(failure, repository=what, host=self.host, now=self._clock.now()) from None

    @cached_property
    def _wire(self) -> Wire:
        from gitops_bot.edges.github.wire import Wire  # as in `api`: PyGithub is not imported for nothing

        return Wire(self.url, self._token, self._clock, timeout=self._timeout, seconds=self._timeout, patient=False)


def _truth(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _expiry(text: str | None) -> datetime | None:
    """`2026-12-01 10:00:00 UTC`, or with an offset in the place of the zone."""
    try:
        found = datetime.fromisoformat((text or "").strip().replace(" UTC", "+00:00").replace(" +", "+"))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
