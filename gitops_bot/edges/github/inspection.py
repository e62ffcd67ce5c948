"""What GitHub says about the token, and about the settings and rules of a repository. Only GET, nothing is written.

A ruleset says whether the token may bypass it (`current_user_can_bypass`). Only administrators can read a protection
rule; everybody else sees on the branch that there is one.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from gitops_bot.edges.facts import BranchRules, Permission, RepositoryFacts, Rule, ServerFacts, Settings
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.checks import Checks
from gitops_bot.edges.github.commits import SIGN_ADVICE
from gitops_bot.edges.github.failure import Refused
from gitops_bot.errors import ForgeError
from gitops_bot.images import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gitops_bot.edges.facts import Bypass
    from gitops_bot.edges.github.api import Api
    from gitops_bot.edges.github.app import App, Installation
    from gitops_bot.releases.checks import Reported


#: By the prefix of the token; `other` has no known one.
Kind = Literal["classic", "fine-grained", "app", "oauth", "other"]

NEEDED: Final = "`Contents` and `Pull requests` with read and write access, `Metadata` with read access"
#: GitHub's prefix of each kind (docs.github.com, "About authentication to GitHub").
_BEGINNINGS: Mapping[str, Kind] = {
    "ghp_": "classic", "github_pat_": "fine-grained", "ghs_": "app", "ghu_": "oauth", "gho_": "oauth",
}  # fmt: skip
_WORDS: Mapping[Kind, str] = {
    "classic": "a classic personal access token",
    "fine-grained": "a fine-grained personal access token",
    "app": "the token of a GitHub App or a workflow",
    "oauth": "the token of an OAuth app or of a person's login",
    "other": "a token",
}
#: What tokens may write besides: scopes, and names in the settings.
Besides = Literal["deployments", "statuses", "artifact-metadata"]
_SCOPES: Final[Mapping[Besides, str]] = {"deployments": "repo_deployment", "statuses": "repo:status"}
_NAMES: Final[Mapping[Besides, str]] = {
    "deployments": "Deployments", "statuses": "Commit statuses", "artifact-metadata": "Artifact metadata",
}  # fmt: skip
#: Tokens with a role in `permissions`; for Apps these are all false, whatever they may do.
_ROLES: Final = ("classic", "fine-grained", "oauth")


@dataclass(frozen=True, slots=True)
class Role:
    """What a repository says of itself and of the token's account there; None where it does not say.

    `of_person`: it belongs to one, and not to an organisation.
    """

    archived: bool = False
    private: bool | None = None
    may_push: bool | None = None
    of_person: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """What is known about a token. `scopes` are those of a classic one; `in_workflow`: a workflow of Actions has it.

    `installed`: the bot is this GitHub App.
    """

    kind: Kind = "other"
    scopes: frozenset[str] | None = None
    in_workflow: bool = False
    installed: Installation | None = None

    @classmethod
    def read(cls, text: str | None, scopes: frozenset[str] | None, *, in_workflow: bool) -> Token:
        """By its prefix. The oldest classic tokens are forty digits; scopes exist for these and OAuth apps."""
        unknown: Kind = "other" if scopes is None or text is None else "classic"
        kind = next((kind for start, kind in _BEGINNINGS.items() if (text or "").startswith(start)), unknown)
        return cls(kind, scopes, in_workflow)

    def __str__(self) -> str:
        if self.installed is not None:
            return f"the id of the GitHub App {self.installed.app}, which is installed here"
        return _WORDS[self.kind] + ("" if self.scopes is None else f" with {_scopes_text(self.scopes)}")

    def may_propose(self, role: Role) -> Permission:
        """Whether it may open pull requests in a repository."""
        enough = {"repo"} if role.private is not False else {"repo", "public_repo"}
        advice = (
            "give it the scope `repo` (`public_repo` for a public repository), or better, create a fine-grained "
            f"token for this repository only, with {NEEDED}"
        )
        if (certain := self._certain(role, enough, advice, "open pull requests", pull_requests="write")) is not None:
            return certain
        if self.in_workflow and self.kind == "app":
            return Permission(
                "unknown",
                "pull requests can be read; GitHub does not say whether this workflow may open them",
                "give the job `permissions: {contents: write, pull-requests: write}`, and allow "
                '"GitHub Actions to create and approve pull requests" in Settings > Actions > General',
            )
        text = "pull requests can be read; whether the token may open them shows only when it does"
        return Permission("unknown", text, f"make sure that it has {NEEDED}")

    def may_write(self, role: Role, wanted: Literal["deployments", "statuses"]) -> Permission:
        """Whether it may write deployments or commit statuses of a repository."""
        what, advice, enough = f"write {_NAMES[wanted].lower()}", self.advice(wanted), {"repo", _SCOPES[wanted]}
        if wanted == "statuses" and role.private is False:
            enough.add("public_repo")
        certain = self._certain(role, enough, advice, what, **{wanted: "write"})
        return certain or Permission("unknown", f"whether the token may {what} shows only when it does", advice)

    def may_record(self, role: Role) -> Permission:
        """Whether it may record the artifacts of an organisation."""
        if role.of_person:
            text = "the repository belongs to a person, and GitHub records artifacts for organisations alone"
            return Permission("no", text, "remove `artifact_metadata`")
        if self.installed is not None:
            return _granted(self.installed, "record artifacts", artifact_metadata="write")
        text = "whether the token may record artifacts shows only when it does"
        return Permission("unknown", text, self.advice("artifact-metadata"))

    def advice(self, wanted: Besides) -> str:
        """How to give it the permission to write something."""
        if self.in_workflow and self.kind == "app":
            return f"give the job `permissions: {{{wanted}: write}}` beside the others"
        if self.scopes is not None and (scope := _SCOPES.get(wanted)) is not None:
            return f"give it the scope `repo` or `{scope}`"
        where = " of the organisation that owns the repository" if wanted == "artifact-metadata" else ""
        return f"make sure that it has `{_NAMES[wanted]}` with read and write access{where}"

    def _certain(self, role: Role, enough: Collection[str], advice: str, what: str, **needed: str) -> Permission | None:
        """Whether it may do something, if that is certain: by a scope of `enough`, or an App's `needed` permissions."""
        if role.archived:
            text = "the repository is archived, so nothing can be written to it"
            return Permission("no", text, "unarchive it, or stop running the bot for it")
        if self.scopes is not None and self.scopes.isdisjoint(enough):
            text = f"the token has {_scopes_text(self.scopes)}, which is not enough to write to this repository"
            return Permission("no", text, advice)
        if self.kind in _ROLES and role.may_push is False:
            text = "the token's account can read this repository, but not write to it"
            advice = "give the account the role `Write` in Settings > Collaborators and teams, or use another one"
            return Permission("no", text, advice)
        if self.installed is not None:
            return _granted(self.installed, what, **needed)
        return Permission("yes", f"the token may {what}") if self.scopes is not None and role.may_push else None


def _granted(installed: Installation, what: str, **needed: str) -> Permission:
    try:
        installed.insist(**needed)
    except ForgeError as lacking:
        return Permission("no", lacking.problem.message, lacking.problem.next)
    return Permission("yes", f"the GitHub App may {what}")


def _scopes_text(scopes: frozenset[str]) -> str:
    if not scopes:
        return "no scopes"
    return f"the scope{'s' if len(scopes) > 1 else ''} {', '.join(sorted(scopes))}"


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
    """Reads each thing once, by an `api` with a timeout. `in_workflow`: the bot runs in Actions. `app`: it is this."""

    api: Api
    in_workflow: bool = False
    app: App | None = None
    _bypasses: dict[int, Bypass] = field(default_factory=dict)
    _token: Token = field(default_factory=Token)
    _role: Role = field(default_factory=Role)
    _is_admin: bool | None = None

    @property
    def host(self) -> str:
        """The host of the API."""
        return self.api.host

    def server(self) -> ServerFacts:
        """What GitHub says about itself and the token: one request, which is free; one more for an App."""
        installed = self.app.installation(self.api.repository) if self.app and self.api.repository else None
        before = self.api.clock.now()
        try:
            with self.api.expecting((404,)):
                document, headers = self.api.wire.rate_limit()
        except Refused as refused:  # a GitHub Enterprise without limits says that
            document, headers = None, dict(refused.headers)
        at = _date(headers.get("date"))
        header = headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(_WORD.findall(header))
        token = Token.read(self.api.token() if self.api.token else None, scopes, in_workflow=self.in_workflow)
        self._token = replace(token, installed=installed)
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

    def checks(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        """What was reported of commits and environments; see `Checks.read`."""
        return Checks(self.api).read(commits, environments)

    def deploying(self) -> Permission:
        """Whether the token may write deployments; ask `repository` first. One request."""
        if self._get_if_visible("/deployments", {"per_page": "1"}) is None:
            return Permission("no", "the token may not read deployments", self._token.advice("deployments"))
        return self._token.may_write(self._role, "deployments")

    def reporting(self) -> Permission:
        """Whether the token may write commit statuses; ask `repository` first. No request."""
        return self._token.may_write(self._role, "statuses")

    def workflows(self, repository: str) -> Permission:
        """Whether the token may see which workflow a job belongs to. One request."""
        with suppress(Refused):
            query, root = {"per_page": "1"}, f"/repos/{repository}"
            self.api.ask("GET", "/actions/runs", query=query, root=root, expected=(403, 404))
            return Permission("yes", "the workflows of jobs can be read")
        text = "the token may not see which workflow a job belongs to, so a check with `workflow` never succeeds"
        return Permission("no", text, "give the token `actions: read` there, or remove `workflow` from the check")

    def recording(self) -> Permission:
        """Whether the token may record artifacts; ask `repository` first. No request."""
        return self._token.may_record(self._role)

    def signing(self) -> Permission:
        """Whether GitHub signs the commits of the token; ask `server` first. No request."""
        if self._token.kind == "app":
            return Permission("yes", "GitHub signs the commits that its API makes for this token")
        verdict: Literal["no", "unknown"] = "no" if self._token.kind in _ROLES else "unknown"
        return Permission(verdict, f"GitHub signs no commits of {self._token}", SIGN_ADVICE)

    def tag_rules(self) -> BranchRules:
        """What rulesets require of the tags of releases. One request, and one for each ruleset of tags."""
        query = {"targets": "tag", "includes_parents": "true", "per_page": "100"}
        listed = self._get_if_visible("/rulesets", query) or ()
        with self.api.reading():
            active = [int(rule["id"]) for rule in listed if rule["target"] == "tag" and rule["enforcement"] == "active"]
            rulesets = [self._get_if_visible(f"/rulesets/{number}") for number in active[:_MOST_RULESETS]]
            return BranchRules(tuple(_of_tags(rulesets)), hidden=None in rulesets or len(active) > len(rulesets))

    def rules(self, branch: str) -> BranchRules:
        """What a branch requires, by rulesets and its protection: up to three requests, and one for each ruleset."""
        path = quote(branch, safe="/")
        by_ruleset = self._by_ruleset(path)
        document = self._get_if_visible(f"/branches/{path}") or {}  # missing branches can have rules too
        with self.api.reading():
            # What shows to a token that may not read the protection rule: whether there is one, and its checks.
            classic = (document.get("protection") or {}).get("enabled") is True
            checks = answers.required_checks(document)
        if not classic and document.get("protected") is not True:
            return BranchRules(by_ruleset, settings=SETTINGS)
        if (whole := self._get_if_visible(f"/branches/{path}/protection")) is None:
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
        rules = []
        with self.api.reading():
            for rule in answer or ():
                if (kind := answers.kind_of(rule)) is None:
                    continue
                parameters, ruleset = rule.get("parameters") or {}, rule.get("ruleset_id")
                if type(ruleset) is int and ruleset not in self._bypasses and len(self._bypasses) < _MOST_RULESETS:
                    self._bypasses[ruleset] = _bypass_of(self._get_if_visible(f"/rulesets/{ruleset}"))
                approvals = _count(parameters.get("required_approving_review_count"))
                checks = parameters.get("required_status_checks") or ()
                names = tuple(answers.of_type(str, check["context"]) for check in checks)
                bypass = self._bypasses.get(ruleset, "unknown") if type(ruleset) is int else "unknown"
                rules.append(Rule(kind, bypass, approvals, names))
        return tuple(rules)

    def _get_if_visible(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The answer; None if the server has nothing there, or hides it."""
        with suppress(Refused):
            return self.api.ask("GET", path, query=query, expected=(403, 404))
        return None


def _truth(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _date(text: str | None) -> datetime | None:
    with suppress(ValueError):
        time = parsedate_to_datetime(text or "")
        return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return None


def _expiry(text: str | None) -> datetime | None:
    """`2026-12-01 10:00:00 UTC`, or with an offset in the place of the zone."""
    written = (text or "").strip().replace(" UTC", "+00:00").replace(" +", "+")
    for zone in ("", "+00:00"):
        with suppress(ValueError):
            return moment.parse(written + zone)
    return None


_BYPASSES: Mapping[str, Bypass] = {
    "always": "always", "exempt": "always", "pull_requests_only": "pull-requests", "never": "never",
}  # fmt: skip


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
