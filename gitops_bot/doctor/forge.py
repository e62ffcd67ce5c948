"""The checks on the forge: server and token first, then the repository and its branches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, assert_never

from gitops_bot.doctor import branch as branches
from gitops_bot.doctor import machine
from gitops_bot.doctor.finding import good, unknown, warning, wrong
from gitops_bot.errors import Problem
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gitops_bot.config import Config, Environment
    from gitops_bot.doctor.bounded import Bounded
    from gitops_bot.doctor.finding import Notes
    from gitops_bot.doctor.setup import Forge, Setup
    from gitops_bot.edges.facts import Permission, RepositoryFacts, ServerFacts
    from gitops_bot.proposals.pull_request import RateLimit
    from gitops_bot.results.diagnosis import Check, Finding


T = TypeVar("T")
#: The tags of releases.
_TAGS = "release/*/*"


class ForgeChecks:
    """Queries the forge at once, while git is busy; `end` records the findings."""

    def __init__(self, setup: Setup, bounded: Bounded, notes: Notes) -> None:
        self._setup, self._bounded, self._notes = setup, bounded, notes
        self._server = bounded.put(setup.forge.server) if setup.forge is not None else None

    def end(self, branch: str | None, config: Config | None) -> None:
        """Record all findings, including those on the base branch and the environments, if these are known."""
        environments = [*config.environments.values()] if config is not None else []
        proposed = [environment for environment in environments if environment.propose.as_ == "pull-request"]
        deployed = [environment for environment in environments if environment.deployments]
        forge, token = self._setup.forge, self._setup.token
        server = self._ask_server(forge) if forge is not None else None
        if isinstance(token, Problem):
            self._no_token(token, needed=bool(proposed or deployed) or not environments)
        elif self._setup.name is None:
            self._no_forge(proposed, deployed)
        elif forge is not None and token is not None:
            if server is None:
                text = "not checked: the forge did not answer as expected"
                self._notes.add(unknown("rules", self._setup.where, text, "fix the failed check of the forge first"))
            else:
                self._repository(forge, self._setup.name, branch, environments)

    def _ask_server(self, forge: Forge) -> ServerFacts | None:
        host, notes = forge.host, self._notes
        if (begun := self._server) is None:
            return None
        server = notes.of("forge", host, lambda: self._bounded.wait(begun, "failed.forge", host))
        if server is None:
            return None
        notes.add(good("forge", host, f"{server.name} answers"))
        if server.skew is not None:
            notes.add(machine.clock(server.skew, host))
        if isinstance(variable := self._setup.token, str):
            notes.add(token(server, variable, host, self._setup.clock.now()))
            notes.add(rate_limit(server.left, host))
        return server

    def _repository(self, forge: Forge, name: str, branch: str | None, environments: list[Environment]) -> None:
        repository = self._ask("pull-requests", name, forge.repository)
        if repository is None:
            return

        def readable() -> bool:
            forge.pull_requests()
            return True

        if self._ask("pull-requests", name, readable):
            self._notes.add(permitted("pull-requests", repository.proposing, name))
        self._base(forge, branch or repository.default_branch, repository, environments)
        proposed = [environment.name for environment in environments if environment.propose.as_ == "pull-request"]
        if proposed or not environments:
            own = naming.branch(next(iter(proposed), "production"))
            rules = self._ask("branches", "gitops-bot/*", lambda: forge.rules_by_name(own))
            if rules is not None:
                self._notes.add(branches.own(own, rules))
        self._records(forge, name, environments)

    def _records(self, forge: Forge, name: str, environments: list[Environment]) -> None:
        """What is recorded of releases, as far as that is configured."""
        if any(environment.release_tags for environment in environments):
            rules = self._ask("release-tags", _TAGS, forge.tag_rules)
            if rules is not None:
                self._notes.add(branches.tags(_TAGS, rules))
        deployed = [environment for environment in environments if environment.deployments]
        questions: list[tuple[Check, str, Callable[[], Permission]]] = []
        if deployed:
            questions.append(("deployments", name, forge.deploying))
        if any(environment.artifact_metadata for environment in deployed):
            questions.append(("artifact-metadata", name.partition("/")[0], forge.recording))
        for check, subject, question in questions:
            permission = self._ask(check, subject, question)
            if permission is not None:
                self._notes.add(permitted(check, permission, subject))

    def _base(self, forge: Forge, branch: str, repository: RepositoryFacts, environments: list[Environment]) -> None:
        rules = self._ask("rules", branch, lambda: forge.rules(branch))
        if rules is None:
            return
        proposed = not environments or any(environment.propose.as_ == "pull-request" for environment in environments)
        self._notes.add(branches.base(branch, rules, proposed=proposed))
        for environment in environments:
            for finding in branches.environment(environment.name, environment.propose, branch, rules, repository):
                self._notes.add(finding)

    def _no_token(self, problem: Problem, *, needed: bool) -> None:
        """Pull requests need a token; a commit may be pushed over ssh."""
        where = self._setup.where
        if needed:
            self._notes.add(wrong("token", where, problem))
        else:
            text = f"{problem.message}: the rules of the branch cannot be read"
            self._notes.add(warning("token", where, text, problem.next))

    def _no_forge(self, proposed: list[Environment], deployed: list[Environment]) -> None:
        for environment in proposed:
            message = f"it proposes pull requests, but {self._setup.where} is not on a forge"
            advice = "give the repository as OWNER/NAME or https URL, or set `propose: {as: commit}`"
            self._notes.add(wrong("propose", environment.name, Problem("failed.forge", message, advice)))
        for environment in deployed:
            message = f"it records deployments (`records`), but {self._setup.where} is not on a forge"
            advice = "give the repository as OWNER/NAME or https URL, or set `records: none`"
            self._notes.add(wrong("deployments", environment.name, Problem("failed.forge", message, advice)))

    def _ask(self, name: Check, subject: str, question: Callable[[], T]) -> T | None:
        host = self._setup.forge.host if self._setup.forge is not None else ""
        answer = self._bounded.put(question)
        return self._notes.of(name, subject, lambda: self._bounded.wait(answer, "failed.forge", host))


_SOON = timedelta(days=7)
#: Requests: fewer than this may not be enough for a run over many environments.
_FEW = 100


def token(server: ServerFacts, variable: str, host: str, now: datetime) -> Finding:
    """What the token is, and whether it ends soon. `variable` is where it is from."""
    text = f"{variable} holds {server.token}"
    if server.expires is None:
        return good("token", host, text)
    ends = f"{text}; it expires on {server.expires:%Y-%m-%d %H:%M} UTC"
    if server.expires - now <= _SOON:
        return warning("token", host, ends, "create a new one before that day")
    return good("token", host, ends)


def permitted(name: Check, permission: Permission, subject: str) -> Finding:
    """Whether the token may do something."""
    match permission.verdict:
        case "yes":
            return good(name, subject, permission.text)
        case "no":
            return wrong(name, subject, Problem("failed.auth", permission.text, permission.advice))
        case "unknown":
            return unknown(name, subject, permission.text, permission.advice)
        case _:
            assert_never(permission.verdict)


def rate_limit(limit: RateLimit | None, host: str) -> Finding:
    """Whether there are requests left."""
    if limit is None:
        return good("rate-limit", host, "this server has no rate limit")
    until = f"until {limit.resets_at:%H:%M} UTC"
    if limit.remaining == 0:
        message = f"the rate limit has no requests left {until}"
        advice = f"run again after {limit.resets_at:%H:%M} UTC; another account has its own limit"
        return wrong("rate-limit", host, Problem("failed.forge", message, advice))
    text = f"{limit.remaining:,} requests left {until}"
    if limit.remaining < _FEW:
        return warning("rate-limit", host, text, "check what else uses this token; another account has its own limit")
    return good("rate-limit", host, text)
