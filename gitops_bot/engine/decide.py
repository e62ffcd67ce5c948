"""One decision for each entry that a request means: its candidate, behind all gates. Pure, but for who asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, assert_never

from gitops_bot.engine import release_info
from gitops_bot.engine.ask import Failure, Work, settle, settle_each
from gitops_bot.engine.candidates import past, pins
from gitops_bot.engine.candidates.pins import matches_nothing
from gitops_bot.engine.candidates.poll import poll, switched
from gitops_bot.engine.candidates.promoted import promoted
from gitops_bot.engine.gates import through
from gitops_bot.engine.known import Candidate
from gitops_bot.engine.open_proposals import proposed_on
from gitops_bot.engine.request import Pins, Poll, Promote, RollBack, Withdraw
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.proposals import pull_request
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.plan import Failed, Held, Kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.engine.facts import Facts
    from gitops_bot.engine.known import Known
    from gitops_bot.engine.snapshot import Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.images.reference import Assignment
    from gitops_bot.releases.plan import Decision, Entry


@dataclass(frozen=True, slots=True)
class Candidates:
    """The work that gives the candidate of each entry that a request means.

    `named` are the keys of the entries that the command line names.
    """

    works: Sequence[Work[Candidate]]
    named: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions about the entries of one environment, and the candidates that they were made of."""

    known: Known
    candidates: tuple[Candidate, ...]
    decisions: tuple[Decision, ...]
    named: frozenset[tuple[str, str]]


def decided(world: World, facts: Facts, environments: Sequence[Known | Failure]) -> list[Decided | Failure]:
    """The decisions about each environment, given what is proposed already: the candidates, behind all gates."""
    begun = settle_each(world, facts, environments, lambda known: (known, candidates(known)))
    works = [
        [] if isinstance(own, Failure) else [work.then(partial(_judged, known=own[0])) for work in own[1].works]
        for own in begun
    ]
    answers = iter(settle(world, facts, [*chain.from_iterable(works)]))
    return [_together(own, list(islice(answers, len(asked)))) for own, asked in zip(begun, works, strict=True)]


def _judged(candidate: Candidate, known: Known) -> tuple[Candidate, Decision]:
    return candidate, through(candidate, known)


def _together(
    begun: tuple[Known, Candidates] | Failure, answers: Sequence[tuple[Candidate, Decision] | Failure]
) -> Decided | Failure:
    """What the answers about the entries of one environment come to: one that fails fails all of it."""
    if isinstance(begun, Failure):
        return begun
    made = []
    for answer in answers:
        if isinstance(answer, Failure):
            return answer
        made.append(answer)
    known, asked = begun
    return Decided(known, tuple(one for one, _ in made), tuple(decision for _, decision in made), asked.named)


def candidates(known: Known) -> Candidates:
    """Where the candidates of an environment come from.

    Raises:
        Needs: history or pull requests have to be read first.
        UsageError: what is named cannot be meant.
    """
    match known.request.what:
        case Poll():
            return _polled(known)
        case Pins() as asked:
            return _assigned(known, asked)
        case Promote() as asked:
            return _promoted(known, asked)
        case RollBack() as asked:
            return _rolled_back(known, asked)
        case Withdraw(entries=entries):
            return Candidates([Work.of(Candidate(held)) for held in entries])
        case _:
            assert_never(known.request.what)


def _assigned(known: Known, asked: Pins) -> Candidates:
    """The pins that were given, for the entries that they mean."""
    snapshot, name, proposed = known.snapshot, known.environment.name, known.state.proposed
    works: list[Work[Candidate]] = []
    named = set()

    def assigned(entry: Entry, assignment: Assignment) -> Candidate:
        return Candidate(pins.assigned(known.facts, entry, assignment, proposed.get(entry.key)), assignment)

    for assignment, entry in pins.meant(snapshot, name, asked.assignments):
        if entry is None:
            unknown = Failed(None, pins.matches_nothing(assignment.image, snapshot.entries(name), name))
            works.append(Work.of(Candidate(unknown)))
            continue
        named.add(entry.key)
        works.append(Work(partial(assigned, entry, assignment), entry.repository))
    return Candidates(works, frozenset(named))


def _polled(known: Known) -> Candidates:
    """What registries have, and for the entries that its source has too what that runs."""
    snapshot, environment = known.snapshot, known.environment
    sources, own = snapshot.promoted(environment.name), snapshot.by_key(environment.name)

    def polled(entry: Entry) -> Candidate:
        return Candidate(switched(known, entry) if entry.choices else poll(known.facts, entry, snapshot.at))

    return Candidates(
        [
            *(
                Work(partial(polled, entry), entry.repository)
                for entry in snapshot.entries(environment.name)
                if entry.key not in sources
            ),
            *promoted(known, [(own[key], partners) for key, partners in sources.items()]),
        ]
    )


def _promoted(known: Known, asked: Promote) -> Candidates:
    """What the source runs, for the entries that are meant; those that it does not have are told."""
    snapshot, target = known.snapshot, known.environment.name
    chosen, unknown = _chosen(snapshot, target, asked)
    partners = snapshot.partners(asked.source, target)
    pairs = [(entry, partners[entry.key]) for entry in chosen if entry.key in partners]
    upcoming = _upcoming(snapshot, known.facts, asked.source)
    alone = [Candidate(_alone(entry, asked.source)) for entry in chosen if entry.key not in partners]
    return Candidates(
        [
            *(Work.of(Candidate(failed)) for failed in unknown),
            *promoted(known, pairs, upcoming),
            *map(Work.of, alone),
        ],
        frozenset(entry.key for entry in chosen if asked.images),
    )


def _rolled_back(known: Known, asked: RollBack) -> Candidates:
    """What the environment ran at the release to go back to."""
    snapshot, facts, name = known.snapshot, known.facts, known.environment.name
    entries: dict[tuple[str, str], Entry] = {}
    unknown = []
    for image in asked.images:
        matching = snapshot.matching(name, image)
        entries |= {entry.key: entry for entry in matching}
        if not matching:
            unknown.append(Failed(None, matches_nothing(image, snapshot.entries(name), name)))
    meant = list(entries.values()) if asked.images else list(snapshot.entries(name))
    goal = past.goal(snapshot, facts, name, asked.to, meant if asked.images else None)
    if isinstance(goal, Problem):
        return Candidates([Work.of(Candidate(failed)) for failed in (*unknown, Failed(None, goal))], frozenset())

    def back(entry: Entry) -> Candidate:
        return Candidate(release_info.restored(past.rolled_back(entry, goal, asked), known, goal))

    ignored = {entry.key for entry in meant if entry.rules.ignore} if asked.images else set()
    named = ignored.union(entry.key for entry in meant if not isinstance(past.wanted(entry, goal), Kept))
    return Candidates(
        [
            *(Work.of(Candidate(failed)) for failed in unknown),
            *(Work(partial(back, entry), entry.repository) for entry in meant),
        ],
        frozenset(named),
    )


def _chosen(snapshot: Snapshot, target: str, asked: Promote) -> tuple[list[Entry], list[Failed]]:
    """The entries of the target that are meant, in their order, and what matches none."""
    entries = [
        entry
        for entry in snapshot.entries(target)
        if not asked.overlays or any(glob.means(entry.overlay, entry.file) for glob in asked.overlays)
    ]
    if asked.overlays and not entries:
        texts = ", ".join(glob.text for glob in asked.overlays)
        raise UsageError(Problem("failed.usage", f"no overlay of {target} is in {texts}", "correct --overlay"))
    if not asked.images:
        return [entry for entry in entries if not entry.choices], []
    keys: set[tuple[str, str]] = set()
    unknown = []
    for image in asked.images:
        matching = {entry.key for entry in snapshot.meant(target, image)}
        if meant := matching & {entry.key for entry in entries}:
            keys |= meant
        else:
            unknown.append(Failed(None, matches_nothing(image, entries, target)))
    return [entry for entry in entries if entry.key in keys], unknown


def _upcoming(snapshot: Snapshot, facts: Facts, source: str) -> Mapping[tuple[str, str], tuple[int, str]]:
    """What open proposals of the source will pin there: people may have meant that, and are told."""
    names = snapshot.own_branches_of(source)
    branches, pulls = facts.branches(names, snapshot), facts.pull_requests(names, snapshot.branch)
    upcoming: dict[tuple[str, str], tuple[int, str]] = {}
    for name in names:
        opened = pull_request.opened(pulls[name])
        if opened is not None:
            carried = proposed_on(branches[name], pulls[name])
            upcoming |= {pin.key: (opened.number, plain(str(pin.after))) for pin in carried}
    return upcoming


def _alone(entry: Entry, source: str) -> Held:
    return Held(entry, None, Reason("unmanaged", f"{source} has no such entry to promote"))
