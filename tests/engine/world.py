"""A small world of dictionaries: the repository, the registries and the forge that requests are decided in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from gitops_bot import config
from gitops_bot.engine.drive import answer, drive
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.read import Scope, read
from gitops_bot.engine.request import Poll, Request
from gitops_bot.engine.update import plan, update
from gitops_bot.engine.world import World
from gitops_bot.errors import BotError, ForgeError, Problem, RegistryError
from gitops_bot.images.build import Build, BuildTimes, Manifest
from gitops_bot.proposals.branch import Branch, FileChange, UnmergedCommit
from gitops_bot.proposals.pull_request import HandBackTimes, PullRequest
from gitops_bot.releases.checks import Check, CommitChecks, Deployments, DeploymentState, Reported
from gitops_bot.releases.decisions import Change, Failed, Held, Kept
from gitops_bot.releases.history.line import Line, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence

    from gitops_bot.engine.context import Judged, Planned
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.releases.decisions import Decision

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
A, B, C, D = ("sha256:" + letter * 64 for letter in "abcd")
CHAIN = """\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments:
  dev: {overlays: ["apps/*/dev"], policy: releases}
  staging: {overlays: ["apps/*/staging"], promote_from: dev}
  production: {overlays: ["apps/*/production"], promote_from: staging}
"""


def commit_id(number: int) -> str:
    return f"{number:02x}" * 20


@dataclass(slots=True)
class Repository:
    """Commits of the base branch, the oldest first, each with its time, author and all files; branches of the bot."""

    history: list[tuple[datetime, str, dict[str, bytes]]] = field(default_factory=list)
    is_shallow: bool = False
    too_large: str = ""
    own: dict[str, Branch] = field(default_factory=dict)
    release_tags: dict[str, str] = field(default_factory=dict)
    failure: Exception | None = None
    depths: list[int] = field(default_factory=list)

    def head(self, _: str = "main") -> str:
        return commit_id(len(self.history))

    def files(self, commit: str) -> dict[str, bytes]:
        return self.history[int(commit[:2], 16) - 1][2]

    def tree(self, commit: str) -> dict[str, str]:
        return dict.fromkeys(self.files(commit), "100644")

    def read(self, commit: str, paths: Iterable[str]) -> dict[str, bytes]:
        files = self.files(commit)
        return {path: files[path] for path in paths if path in files}

    def blobs(self, commit: str) -> dict[str, str]:
        return {path: sha1(data, usedforsecurity=False).hexdigest() for path, data in self.files(commit).items()}

    def branches(self) -> tuple[str, ...]:
        return tuple(sorted(self.own))

    def branch(self, name: str, _: str) -> Branch | None:
        return self.own.get(name)

    def commit_of(self, branch: str) -> str | None:
        return self.head() if branch == "main" else self.own[branch].head if branch in self.own else None

    def tags(self) -> Mapping[str, str]:
        return self.release_tags

    def line(self, commit: str, _: object, enough: Callable[[Line], bool], __: object) -> Line:
        """Read one commit more at a time; the first of a shallow clone has everything, and its parent is unknown."""
        if self.failure is not None:
            raise self.failure
        steps: list[Step] = []
        for number in range(int(commit[:2], 16), int(self.is_shallow), -1):
            at, author, files = self.history[number - 1]
            earlier = self.history[number - 2][2] if number > 1 else {}
            sides = {path: (earlier.get(path), files.get(path)) for path in {*earlier, *files}}
            changed = {path: each for path, each in sorted(sides.items()) if each[0] != each[1]}
            parents = (commit_id(number - 1),) if number > 1 else ()
            steps.append(Step(commit_id(number), parents, at, author, "a release", tuple(changed), changed))
            line = Line(tuple(steps), number == 1, tuple(step.commit for step in steps), self.too_large)
            if enough(line):
                break
        self.depths.append(len(steps))
        return line

    def publish(
        self, branch: str, *, parent: str, files: Mapping[str, bytes], message: str, look: Any = None, **_: object
    ) -> str:
        if look is not None:
            look()
        before, head = self.files(parent), commit_id(0xE0 + len(self.own))
        changes = tuple(FileChange(path, before.get(path), after) for path, after in files.items())
        made = UnmergedCommit(head, (parent,), "gitops-bot <bot@acme.test>", message, changes)
        self.own[branch] = Branch(branch, head, parent, (made,))
        return head


@dataclass(slots=True)
class Registry:
    """Digests by image and tag, and what is known by digest; a failure in place of an answer is raised."""

    images: defaultdict[str, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))
    manifests: dict[str, Manifest] = field(default_factory=dict)
    builds: dict[str, Any] = field(default_factory=dict)
    pushed: dict[str, datetime] = field(default_factory=dict)
    failures: dict[str, BaseException] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str, image: ImageName, *about: str) -> dict[str, Any]:
        self.asked.append(" ".join((what, str(image), *about)))
        for name in (what, f"{what} {about[0]}" if about else what):
            if name in self.failures:
                raise self.failures[name]
        return self.images[str(image)]

    def tags(self, image: ImageName) -> tuple[str, ...]:
        return tuple(tag for tag in self._ask("tags", image) if not tag.startswith("sha256:"))

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> str:
        del will_read
        tags = self._ask("digest", image, tag)
        if tag not in tags:
            raise absent(f"{image}: there is no tag {tag}")
        return str(tags[tag])

    def exists(self, image: ImageName, digest: str) -> bool:
        return digest in self._ask("exists", image, digest).values()

    def manifest(self, image: ImageName, digest: str) -> Manifest:
        there = digest in self._ask("manifest", image, digest).values()
        if not there and digest not in self.manifests:  # what is known of it, a cache may still know
            raise absent(f"{image}: there is no digest {digest[:19]}")
        return self.manifests.get(digest, Manifest("image"))

    def describe(self, image: ImageName, digest: str) -> Build:
        self._ask("describe", image, digest)
        return self.builds.get(digest, Build())

    def times(self, image: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        self._ask("times", image, *tags)
        return BuildTimes({tag: self.pushed.get(tag) for tag in tags}, self.pushed.get(pin.tag or ""), "pushed")


@dataclass(slots=True)
class Forge:
    """Pull requests by branch; checks by repository and commit; deployments by environment."""

    pulls: dict[str, tuple[PullRequest, ...]] = field(default_factory=dict)
    results: dict[tuple[str | None, str], tuple[Check, ...]] = field(default_factory=dict)
    deployed: dict[str, tuple[DeploymentState, ...]] = field(default_factory=dict)
    failure: Exception | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def find(self, branches: Sequence[str], base: str, *, closed: str | None = None) -> dict[str, Any]:
        del base
        self.asked.append(("find", *branches))
        if self.failure is not None:
            raise self.failure
        return {
            name: pulls if name in branches else tuple(pull for pull in pulls if pull.state == "closed")
            for name, pulls in self.pulls.items()
            if name in branches or (closed and name.startswith(closed))
        }

    def open(self, *, branch: str, base: str, title: str, body: str, draft: bool) -> PullRequest:
        number = len(self.pulls) + 1
        head = commit_id(0xE0 + len(self.pulls))
        made = PullRequest(number, f"https://f.test/{number}", "open", branch, base, head, title, body, draft=draft)
        self.pulls[branch] = (made,)
        return made

    def hand_back_times(self, number: int, branch: str, label: str) -> HandBackTimes:
        raise AssertionError(f"nobody handed back #{number} of {branch} by {label}")

    def checks(
        self, commits: Mapping[str | None, Sequence[str]], environments: Mapping[str, Collection[str]]
    ) -> Reported:
        self.asked.append(("checks", *(f"{name or 'here'} {len(each)}" for name, each in commits.items())))
        if self.failure is not None:
            raise self.failure
        keys = [(name, commit) for name, each in commits.items() for commit in each]
        return Reported(
            {key: CommitChecks(self.results.get(key, ())) for key in keys},
            {name: Deployments(self.deployed.get(name, ())) for name in environments},
        )


class Clock:
    """It is noon, and nobody waits."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        del seconds


@dataclass(slots=True)
class Shop:
    """A repository with its configuration; everything is decided at `NOW`."""

    text: str = CHAIN
    repository: Repository = field(default_factory=Repository)
    registry: Registry = field(default_factory=Registry)
    forge: Forge | None = field(default_factory=Forge)

    @property
    def world(self) -> World:
        registry, repository, forge = self.registry, self.repository, self.forge
        parts: Any = (repository, lambda: registry, forge, Clock())
        return World(*parts)

    def push(self, tag: str, digest: str, *images: str) -> None:
        """Registries get a tag of these images, of the application's where none is named."""
        for image in images or ("r.test/web",):
            self.registry.images[image][tag] = digest

    def write(self, files: Mapping[str, str | None], *, days: float = 30, author: str = "Ann <ann@acme.test>") -> str:
        """People commit files, so many days ago; None removes one."""
        before = self.repository.history[-1][2] if self.repository.history else {}
        written = {path: text.encode() for path, text in files.items() if text is not None}
        kept = {path: data for path, data in before.items() if path not in files}
        self.repository.history.append((NOW - timedelta(days=days), author, kept | written))
        return self.repository.head()

    def run(self, pin: Pin | None, *environments: str, days: float = 30, image: str = "r.test/web") -> str:
        """People let the application run this pin in these environments since so many days ago."""
        return self.write(
            {path(name): overlay({image: pin}) if pin is not None else None for name in environments}, days=days
        )

    def facts(self, *names: str, also: Iterable[str] = (), before: Facts | None = None) -> Facts:
        written, head = config.read(self.text, "gitops-bot.yaml"), self.repository.head()
        return Facts(read(self.world, Scope(written, None, "main", head, names), also=[*also]), before)

    def update(self, what: Any = None, *names: str, **request: bool) -> None:
        asked = what if isinstance(what, Request) else Request(what or Poll(), **request)
        update(self.world, self.facts(*names, also=_sources(asked)).snapshot, asked)

    def plan(self, what: Any = None, *names: str, **request: bool) -> Planned:
        """What a request comes to in the one environment that is named."""
        asked = what if isinstance(what, Request) else Request(what or Poll(), **request)
        facts = self.facts(*names, also=_sources(asked))
        (planned,) = plan(self.world, facts, asked, facts.snapshot.environments)
        if isinstance(planned, BotError):
            raise planned
        return planned

    def judged(self, what: Any = None, *names: str, **request: bool) -> tuple[Judged, ...]:
        """What is decided about each entry of the one environment that is named."""
        return self.plan(what, *names, **request).decided[-1].judged

    def drive(self, facts: Facts, *deciding: Coroutine[Any, Any, Any] | BotError) -> list[Any]:
        return drive(self.world, facts, deciding)

    def answer(self, facts: Facts, deciding: Coroutine[Any, Any, Any]) -> Any:
        return answer(self.world, facts, deciding)


def _sources(request: Request) -> list[str]:
    source = getattr(request.what, "source", None)
    return [source] if source is not None else []


def path(environment: str, app: str = "web") -> str:
    return f"apps/{app}/{environment}/kustomization.yaml"


def overlay(pins: Mapping[str, Pin]) -> str:
    lines = ["images:"]
    for image, pin in pins.items():
        lines.append(f"- name: {image}")
        lines += [f"  newTag: {pin.tag!r}"] if pin.tag is not None else []
        lines += [f"  digest: {pin.digest}"] if pin.digest is not None else []
    return "\n".join(lines) + "\n"


def check(name: str, state: Any, *, days: float = 0, by: str = "ci") -> Check:
    return Check(name, state, NOW - timedelta(days=days), by, f"https://ci.test/{name}", "")


def deployment(commit: str, state: Any) -> DeploymentState:
    return DeploymentState("live", commit, state, NOW, "cd", None, "")


def absent(message: str) -> RegistryError:
    return RegistryError(Problem("failed.registry", message), status=404, no_tag=True)


def unknown_manifest() -> RegistryError:
    return RegistryError(Problem("failed.registry", "MANIFEST_UNKNOWN"), status=404, no_manifest=True)


def refused(message: str = "it is down") -> RegistryError:
    return RegistryError(Problem("failed.registry", message, "wait"), status=503)


def forge_down() -> ForgeError:
    return ForgeError(Problem("failed.forge", "the forge is down", "wait"))


def forge_is_down(shop: Shop) -> None:
    """The forge answers nothing."""
    assert shop.forge is not None
    shop.forge.failure = forge_down()


def line_of(decision: Decision) -> str:
    """A decision in a line for tables: what becomes of the entry, the pin, the code and the text."""
    match decision:
        case Change(after=pin, reason=reason, direction=direction):
            return f"{direction} {pin.short} {reason.code}: {reason.text}"
        case Held(candidate=pin, reason=reason, withdraws=withdraws):
            how = "withdrawn" if withdraws else "held"
            return f"{how} {pin.short if pin is not None else 'nothing'} {reason.code}: {reason.text}"
        case Kept(reason=reason):
            return f"kept {reason.code}: {reason.text}"
        case Failed(problem=problem):
            return f"failed {problem.code}: {problem.message}; {problem.next}"


def stopped_by(judged: Judged) -> str:
    """The names of the gates that changed a decision."""
    before, names = judged.candidate.decision, []
    for gate, after in judged.trace:
        if after != before:
            names.append(gate.name)
        before = after
    return ", ".join(names)


def fits(line: str, expected: str) -> bool:
    """Whether a line is the expected one, in which ` ... ` leaves out any text, and so does ` ...` at its end."""
    parts = expected.split(" ...")
    return line == expected if len(parts) == 1 else line.startswith(parts[0]) and all(part in line for part in parts)
