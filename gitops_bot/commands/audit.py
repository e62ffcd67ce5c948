"""Whether registries still have what is pinned, and what they must keep for it. Nothing is written."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from gitops_bot.commands.history import Wanted, list_releases
from gitops_bot.engine import pullable
from gitops_bot.engine.drive import drive
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.pullable import no_image, problem_with, unless_absent
from gitops_bot.engine.read import read, read_line
from gitops_bot.errors import BotError, Problem, RegistryError
from gitops_bot.images.build import Child, Manifest
from gitops_bot.images.reason import counted
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.history.releases import all_releases
from gitops_bot.results.audit import Audit, AuditedEntry, AuditedEnvironment, KeptImage
from gitops_bot.results.result import Head, Result
from gitops_bot.targets import same_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.engine.facts import Question
    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.history.releases import Release

T = TypeVar("T")


class _Wanted(NamedTuple):
    """What is looked up: a digest, else a tag."""

    image: ImageName
    pin: Pin


class _Answer(NamedTuple):
    """What a registry has of it: the digest, None where it is gone; what it is if no image; the platforms it lost."""

    digest: str | None
    artifact: str | None = None
    absent: tuple[str, ...] = ()


def audit(world: World, scope: Scope, keep: int | None = None) -> Result[Audit]:
    """Look up what every entry pins; with `keep`, also what must be kept for it and so many releases, or a GitError."""
    snapshot = read(world, scope, also=scope.config.environments)
    past, problems = _past(world, snapshot, keep) if keep is not None else ({}, [])
    entries = {
        item.name: [entry for entry in snapshot.states[item.name].entries if not entry.choices]
        for item in snapshot.environments
    }
    uses: dict[_Wanted, set[str]] = defaultdict(set)
    for name, present in entries.items():
        for wanted in (*map(_lookup_of, present), *past.get(name, ())):
            if wanted is not None:
                uses[wanted].add(name)
    facts = Facts(snapshot)
    looked = drive(world, facts, [_look(facts, wanted) for wanted in uses])
    answers = dict(zip(uses, looked, strict=True))
    environments = tuple(
        AuditedEnvironment(name, tuple(_judge(entry, answers) for entry in present))
        for name, present in entries.items()
    )
    problems += snapshot.layout.selection.problems
    problems += (failed.problem for item in snapshot.environments for failed in snapshot.states[item.name].failed)
    audited = [item for environment in environments for item in environment.entries]
    problems += (item.problem for item in audited if item.problem is not None)
    # What ran earlier and is gone needs no keeping, but what could not be looked up may be there.
    reported = {_lookup_of(item.entry) for item in audited}
    failed = {wanted: result for wanted, result in answers.items() if isinstance(result, BotError)}
    problems += (error.problem for wanted, error in failed.items() if wanted not in reported)
    kept = None
    if keep is not None:
        kept, unknown = _list_kept(world, facts, uses, answers)
        problems += unknown
    head = Head(snapshot.repository, snapshot.branch, snapshot.commit, tuple(dict.fromkeys(problems)))
    return Result(head, Audit(environments, kept))


def audit_releases(world: World, scope: Scope, limit: int | None) -> Result[Audit]:
    """The releases of these environments, the newest so many of each, and who brought them."""
    snapshot = read(world, scope, also=scope.config.environments)
    releases = tuple(
        list_releases(world, replace(snapshot, environments=(environment,)), Wanted(limit))
        for environment in snapshot.environments
    )
    problems = tuple(dict.fromkeys(problem for release in releases for problem in release.head.problems))
    head = Head(snapshot.repository, snapshot.branch, snapshot.commit, problems)
    return Result(head, Audit(histories=tuple(release.body for release in releases)))


def _lookup_of(entry: Managed) -> _Wanted | None:
    """What is looked up for an entry; None where it pins nothing, or cannot be read."""
    if entry.mistake is not None or entry.repository is None or entry.pin == Pin():
        return None
    return _Wanted(entry.repository, entry.pin)


async def _look(facts: Facts, wanted: _Wanted) -> _Answer | RegistryError:
    image, pin = wanted
    try:
        digest = pin.digest or await unless_absent(facts.digest(image, pin.tag or "", will_read=True))
        manifest = await pullable.find(facts, image, digest) if digest is not None else None
        if digest is None or manifest is None:
            return _Answer(None)
        what = await pullable.artifact(facts, image, digest)
        return _Answer(digest, what, await pullable.lost(facts, image, manifest))
    except RegistryError as error:
        return error


def _judge(entry: Managed, answers: Mapping[_Wanted, _Answer | BotError]) -> AuditedEntry:
    if entry.mistake is not None or entry.repository is None:
        problem = None if entry.rules.ignore else entry.mistake or no_image(entry)
        return AuditedEntry(entry, "unknown", problem=problem)
    wanted = _lookup_of(entry)
    result = answers[wanted] if wanted is not None else None
    match result:
        case None:
            return AuditedEntry(entry, "unpinned")
        case BotError():
            problem = replace(problem_with(result, entry), file=entry.file, line=entry.line, column=entry.column)
            return AuditedEntry(entry, "unknown", entry.pin.digest, problem=problem)
        case _Answer(digest=None):
            what = "the registry does not have it any more"
            advice = "Push or restore it, or pin another one: `gitops-bot set` or `gitops-bot rollback`."
            audited = AuditedEntry(entry, "missing", entry.pin.digest)
        case _Answer(artifact=str(artifact)):
            what, advice = f"no image, but {artifact}", "Pin an image: `gitops-bot set` or `gitops-bot rollback`."
            audited = AuditedEntry(entry, "no_image", result.digest)
        case _Answer(absent=()):
            return AuditedEntry(entry, "present", result.digest)
        case _Answer():
            what = f"the registry has lost the image for {', '.join(result.absent)}"
            advice = "Push it again, and let the clean-up of the registry spare what `audit --keep-list` prints."
            audited = AuditedEntry(entry, "incomplete", result.digest, result.absent)
    tag, digest = entry.pin.tag, entry.pin.digest
    about = f"{entry.repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    problem = Problem("failed.registry", f"{about}: {what}", advice, entry.file, entry.line, entry.column, about=about)
    return replace(audited, problem=problem)


def _past(world: World, snapshot: Snapshot, keep: int) -> tuple[dict[str, set[_Wanted]], list[Problem]]:
    """What each environment ran at its newest releases, by what these changed; the rest is there still."""
    names = [environment.name for environment in snapshot.environments]

    def known(name: str, line: Line) -> tuple[Release, ...]:
        return all_releases(line, snapshot.layout.owners).get(name, ())

    line = read_line(world, snapshot, lambda line: all(len(known(name, line)) >= keep for name in names))
    past: dict[str, set[_Wanted]] = {}
    problems: list[Problem] = []
    for name in names:
        newest = known(name, line)[:keep]
        past[name] = {wanted for at, release in enumerate(newest) for wanted in _of(release, last=at == keep - 1)}
        if len(newest) < keep and not line.complete:
            message = f"{name}: the history here is incomplete and has only {counted(len(newest), 'release')}"
            problems.append(Problem("failed.git", message, f"{line.more[0].upper()}{line.more[1:]}."))
    return past, problems


def _of(release: Release, *, last: bool) -> Iterator[_Wanted]:
    """What a release pinned in the files that it changed, and, unless it is the last, what it found there."""
    step = release.step
    for file in {same_file(path)[0] for path in release.paths if path in step.files}:
        for entries in (step.after(file), None if last else step.before(file)):
            for seen in (entries or {}).values():
                pin = seen.pin
                if seen.image is not None and pin is not None and pin != Pin() and pin.malformed is None:
                    yield _Wanted(ImageName.parse(seen.image), pin)


@dataclass(slots=True)
class _Use:
    """Why a manifest must be kept."""

    tags: set[str] = field(default_factory=set)
    environments: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    subjects: set[str] = field(default_factory=set)


#: Manifests that belong to one image: those of its index, signatures, attestations, and what refers to these.
_MOST: Final = 10_000
#: Tags that belong to a digest: the fallback of OCI distribution 1.1 ("Referrers Tag Schema"), and cosign's.
_TAG_OF: Final = re.compile(r"(sha256|sha512)-([0-9a-f]{64})(?:[._-].*)?")
_DIGEST_IN_TAG: Final = len("sha256:") + 64


def _list_kept(
    world: World, facts: Facts, uses: Mapping[_Wanted, set[str]], answers: Mapping[_Wanted, _Answer | BotError]
) -> tuple[tuple[KeptImage, ...], list[Problem]]:
    """What must be kept, with all that belongs to it, and what is not known: without an answer, what has a digest."""
    kept: defaultdict[tuple[ImageName, str], _Use] = defaultdict(_Use)
    roots: dict[tuple[ImageName, str], None] = {}
    problems: list[Problem] = []
    for (image, pin), names in uses.items():
        result = answers[_Wanted(image, pin)]
        digest = pin.digest if isinstance(result, BotError) else result.digest
        if digest is None:
            continue
        use = kept[image, digest]
        use.environments |= names
        use.tags |= {pin.tag} if pin.tag is not None else set()
        if isinstance(result, _Answer):
            roots[image, digest] = None
    for belonging in drive(world, facts, [_Belonging(facts, *root).find() for root in roots]):
        if isinstance(belonging, BotError):
            problems.append(belonging.problem)
            continue
        problems += belonging.problems
        for digest, part in belonging.found.items():
            use = kept[belonging.image, digest]
            use.environments |= kept[belonging.image, belonging.root].environments
            use.tags |= part.tags
            use.indexes |= part.indexes
            use.subjects |= part.subjects
    return tuple(
        KeptImage(image, digest, *(tuple(sorted(of)) for of in (use.tags, use.environments, use.indexes, use.subjects)))
        for (image, digest), use in sorted(kept.items(), key=lambda item: item[0])
    ), problems


@dataclass(slots=True)
class _Belonging:
    """What belongs to a manifest: what an index names, and what refers to any of it, by API or tags."""

    facts: Facts
    image: ImageName
    root: str
    found: defaultdict[str, _Use] = field(default_factory=lambda: defaultdict(_Use))
    problems: list[Problem] = field(default_factory=list)

    async def find(self) -> _Belonging:
        tags_of: defaultdict[str, list[str]] = defaultdict(list)
        for tag in await self._ask(self.facts.tags(self.image), ()):
            if (matching := _TAG_OF.fullmatch(tag)) is not None:
                tags_of[f"{matching[1]}:{matching[2]}"].append(tag)
        waiting, seen = [Child(self.root, "index", nested=True)], {self.root}
        while waiting and len(seen) <= _MOST:
            about = waiting.pop()
            parts = await self._next_to(about, tags_of[about.digest[:_DIGEST_IN_TAG]])
            waiting += [part for part in parts if part.digest not in seen]
            seen |= {part.digest for part in parts}
        if waiting:
            message = f"{self.image}: more than {_MOST:,} manifests belong to {self.root}"
            advice = "Check what was pushed there."
            self.problems.append(Problem("failed.registry", message, advice, about=str(self.image)))
        return self

    async def _next_to(self, about: Child, tags: Sequence[str]) -> list[Child]:
        facts, image, digest = self.facts, self.image, about.digest
        children: tuple[Child, ...] = ()
        if about.nested:
            children = (await self._ask(facts.manifest(image, digest), Manifest("artifact"))).children
        referrers = await self._ask(facts.referrers(image, digest), ())
        for child in children:
            self.found[child.digest].indexes.add(digest)
        for referrer in referrers:
            self.found[referrer.digest].subjects.add(digest)
        parts = [*children, *referrers]
        for tag in tags:
            if tagged := await self._ask(facts.digest(image, tag), ""):
                self.found[tagged].subjects.add(digest)
                self.found[tagged].tags.add(tag)
                parts.append(Child(tagged, "index", nested=True))
        return parts

    async def _ask(self, question: Question[T], otherwise: T) -> T:
        try:
            answer = await unless_absent(question)
        except RegistryError as error:
            self.problems.append(error.problem)
            return otherwise
        return otherwise if answer is None else answer
