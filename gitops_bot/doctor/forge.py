"""The checks on the forge: server and token first, then the repository and its branches."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar, assert_never

from gitops_bot.config.require import CAPTURE, CheckForm, Require
from gitops_bot.doctor import branch as branches
from gitops_bot.doctor.notes import good, unknown, warning, wrong
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.images.reason import counted
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config import Config, Environment
    from gitops_bot.doctor.notes import Bounded
    from gitops_bot.doctor.setup import CheckedForge, Setup
    from gitops_bot.edges.facts import Permission, RepositoryFacts, ServerFacts
    from gitops_bot.proposals.pull_request import RateLimit
    from gitops_bot.releases.checks import Check as Reported
    from gitops_bot.results.checkout import Check, Finding


T = TypeVar("T")
#: The tags of releases.
_TAGS = "release/*/*"
#: Some tokens may begin a minute in the future at most, and schedules go by the minute.
_SKEW = timedelta(seconds=60)
_SOON = timedelta(days=7)
#: What may stand for any text in the name of a check.
_ANY = re.compile(rf"(\*|{CAPTURE.pattern.replace('(', '(?:')})")
#: Requests: fewer than this may not be enough for a run over many environments.
_FEW = 100


class ForgeChecks:
    """Queries the forge at once, while git is busy; `end` records the findings."""

    def __init__(self, setup: Setup, bounded: Bounded) -> None:
        self._setup, self._bounded, self._notes = setup, bounded, setup.notes
        self._server = bounded.put(setup.forge.server) if setup.forge is not None else None

    def end(self, branch: str | None, commit: str | None, config: Config | None) -> None:
        """Record all findings, including those on the base branch and the environments, if these are known."""
        environments = [*config.environments.values()] if config is not None else []
        proposed = [environment for environment in environments if environment.propose.as_ == "pull-request"]
        deployed = [environment for environment in environments if environment.deployments]
        by_api = [environment for environment in environments if environment.signer == "api"]
        requiring = [own for own in environments if own.require != Require() or own.require_after]
        forge, token, where, notes = self._setup.forge, self._setup.token, self._setup.where, self._notes
        server = self._answer_of_server(forge) if forge is not None else None
        if isinstance(token, Problem):
            # Pull requests need a token; a commit may be pushed over ssh.
            if proposed or deployed or by_api or requiring or not environments:
                notes.add(wrong("token", where, token))
            else:
                text = f"{token.message}: the rules of the branch cannot be read"
                notes.add(warning("token", where, text, token.next))
        elif self._setup.name is None:
            needs: list[tuple[Check, list[Environment], str, str]] = [
                ("propose", proposed, "it proposes pull requests", "set `propose: {as: commit}`"),
                ("deployments", deployed, "it records deployments (`records`)", "set `records: none`"),
                ("commits", by_api, "it has `commits: api`", "set `commits: {ssh_key_file: PATH}`"),
                ("checks", requiring, "it asks for checks (`require`, `require_after`)", "remove these"),
            ]
            for check, environment, what, otherwise in ((c, e, w, o) for c, es, w, o in needs for e in es):
                message = f"{what}, but {where} is not on a forge"
                advice = f"give the repository as OWNER/NAME or https URL, or {otherwise}"
                notes.add(wrong(check, environment.name, Problem("failed.forge", message, advice)))
        elif forge is not None and token is not None:
            if server is None:
                text = "not checked: the forge did not answer as expected"
                notes.add(unknown("rules", where, text, "fix the failed check of the forge first"))
            else:
                self._check_repository(forge, self._setup.name, branch, environments)
                if commit is not None and requiring:
                    self._check_checks(forge, self._setup.name, commit, requiring)

    def _answer_of_server(self, forge: CheckedForge) -> ServerFacts | None:
        host, notes = forge.host, self._notes
        if (asked := self._server) is None:
            return None
        if (server := notes.of("forge", host, lambda: self._bounded.wait(asked, "failed.forge", host))) is None:
            return None
        notes.add(good("forge", host, f"{server.name} answers"))
        if server.skew is not None:
            notes.add(clock(server.skew, host))
        if isinstance(variable := self._setup.token, str):
            notes.add(token(server, variable, host, self._setup.clock.now()))
            notes.add(rate_limit(server.left, host))
        return server

    def _check_repository(
        self, forge: CheckedForge, name: str, branch: str | None, environments: list[Environment]
    ) -> None:
        if (repository := self._ask("pull-requests", name, forge.repository)) is None:
            return

        def readable() -> bool:
            forge.pull_requests()
            return True

        if self._ask("pull-requests", name, readable):
            self._notes.add(judge_permission("pull-requests", repository.proposing, name))
        self._check_rules(forge, branch or repository.default_branch, environments, repository)
        self._check_records(forge, name, environments)

    def _check_rules(
        self, forge: CheckedForge, base: str, environments: list[Environment], repository: RepositoryFacts
    ) -> None:
        notes = self._notes
        proposed = [environment for environment in environments if environment.propose.as_ == "pull-request"]
        if (rules := self._ask("rules", base, lambda: forge.rules(base))) is not None:
            notes.add(branches.base(base, rules, proposed=bool(proposed) or not environments))
            for environment in environments:
                unmet = branches.unmet(rules, [environment])
                for finding in branches.environment(environment.name, environment.propose, base, unmet, repository):
                    notes.add(finding)
        if proposed or not environments:
            own = naming.branch(proposed[0].name if proposed else "production")
            if (rules := self._ask("branches", "gitops-bot/*", lambda: forge.rules_by_name(own))) is not None:
                notes.add(branches.own(own, branches.unmet(rules, proposed)))

    def _check_records(self, forge: CheckedForge, name: str, environments: list[Environment]) -> None:
        """Who makes the commits, and what is recorded of releases, as far as that is configured."""
        is_tagged = any(environment.release_tags for environment in environments)
        if is_tagged and (rules := self._ask("release-tags", _TAGS, forge.tag_rules)) is not None:
            self._notes.add(branches.tags(_TAGS, rules))
        deployed = [environment for environment in environments if environment.deployments]
        is_recorded = any(environment.artifact_metadata for environment in deployed)
        questions: list[tuple[bool, Check, str, Callable[[], Permission]]] = [
            (any(environment.signer == "api" for environment in environments), "commits", "api", forge.signing),
            (bool(deployed), "deployments", name, forge.deploying),
            (any(environment.propose.status for environment in environments), "statuses", name, forge.reporting),
            (is_recorded, "artifact-metadata", name.partition("/")[0], forge.recording),
        ]
        for is_needed, check, subject, question in questions:
            if is_needed and (permission := self._ask(check, subject, question)) is not None:
                self._notes.add(judge_permission(check, permission, subject))

    def _check_checks(self, forge: CheckedForge, name: str, commit: str, requiring: Sequence[Environment]) -> None:
        """Whether the checks of a commit can be read, and the repositories that images are built from."""
        required, wanted = [environment.require for environment in requiring], _checks_of(name, requiring)
        named = {require.deployment.name for require in required if require.deployment is not None}
        deployed = {name for name in named if CAPTURE.search(name) is None}

        def read(repository: str | None) -> tuple[Reported, ...]:
            sought = {name: [commit] for name in sorted(deployed)} if repository is None else {}
            reported = forge.checks({repository: [commit]}, sought)
            for answer in (*reported.checks.values(), *reported.deployments.values()):
                if isinstance(answer, ForgeError):
                    raise answer
            return tuple(
                check
                for answer in reported.checks.values()
                if not isinstance(answer, ForgeError)
                for check in answer.checks
            )

        for subject, checks in wanted.items():
            if (answer := self._ask("checks", subject, partial(read, None if subject == name else subject))) is None:
                continue
            self._notes.add(good("checks", subject, "what was reported of its commits can be read"))
            if any(check.workflow is not None for check in checks):
                seen = self._ask("checks", subject, partial(forge.workflows, subject))
                if seen is not None:
                    self._notes.add(judge_permission("checks", seen, subject))
            if subject == name:
                for finding in filter(None, (uncounted(check, answer) for check in checks)):
                    self._notes.add(finding)

    def _ask(self, name: Check, subject: str, question: Callable[[], T]) -> T | None:
        host = self._setup.forge.host if self._setup.forge is not None else ""
        answer = self._bounded.put(question)
        return self._notes.of(name, subject, lambda: self._bounded.wait(answer, "failed.forge", host))


def _checks_of(name: str, requiring: Sequence[Environment]) -> Mapping[str, Collection[CheckForm]]:
    """The checks that are asked for, by the repository that they are of; `name` is the one with the manifests."""
    checks = defaultdict[str, dict[CheckForm, None]](dict)
    for environment in requiring:
        checks[name] |= dict.fromkeys((*environment.require.checks, *environment.require_after))
        if (source := environment.require.source_checks) is not None:
            for repository in source.images.values():
                checks[repository] |= dict.fromkeys(source.checks)
    return checks


def uncounted(wanted: CheckForm, reported: Sequence[Reported]) -> Finding | None:
    """What to say where a check was only reported by somebody whose results do not count, or in another letter case."""
    parts = _ANY.split(wanted.name)
    name = "".join(".*" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    named = [check for check in reported if re.fullmatch(name, check.name, re.DOTALL)]
    alike = [check for check in reported if re.fullmatch(name, check.name, re.DOTALL | re.IGNORECASE)]
    if not alike or any(wanted.is_by(check.by) for check in named):
        return None
    if not named:
        text = f"the newest commit has it as `{alike[0].name}`, and names are compared exactly"
        return warning("checks", wanted.name, text, f"write `{alike[0].name}` in gitops-bot.yaml, as it is reported")
    makers = " and ".join(dict.fromkeys(check.by or "somebody who is gone" for check in named))
    text = f"on the newest commit, {named[0].name} is reported only by {makers}, which does not count"
    return warning("checks", wanted.name, text, "correct its `app` or `user` in gitops-bot.yaml, or who reports it")


def clock(skew: timedelta, host: str) -> Finding:
    """Whether this machine's clock agrees with the forge's."""
    seconds = round(abs(skew).total_seconds())
    if abs(skew) <= _SKEW:
        return good("clock", host, f"within {max(seconds, 1)} s of the forge's")
    off = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
    ahead = "behind" if skew > timedelta(0) else "ahead of"
    message = f"this machine's clock is {off} {ahead} the forge's"
    advice = "synchronise it (NTP): schedules, soak times and some tokens depend on it"
    return wrong("clock", host, Problem("failed.forge", message, advice))


def token(server: ServerFacts, variable: str, host: str, now: datetime) -> Finding:
    """What the token is, and whether it ends soon. `variable` is where it is from."""
    text = f"{variable} holds {server.token}"
    if server.expires is None:
        return good("token", host, text)
    ends = f"{text}; it expires on {server.expires:%Y-%m-%d %H:%M} UTC"
    if server.expires - now <= _SOON:
        return warning("token", host, ends, "create a new one before that day")
    return good("token", host, ends)


def judge_permission(name: Check, permission: Permission, subject: str) -> Finding:
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
    text = f"{counted(limit.remaining, 'request')} left {until}"
    if limit.remaining < _FEW:
        return warning("rate-limit", host, text, "check what else uses this token; another account has its own limit")
    return good("rate-limit", host, text)
