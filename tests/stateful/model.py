"""What people decided and asked for, and what must hold of it after every run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stateful import lines
from tests.stateful.lines import Pinned, agree, version
from tests.stateful.past import Past, environment_on, is_rollback
from tests.stateful.world import NAME, environment_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitops_bot.demo.hub import Pull
    from gitops_bot.results.outcome import EnvironmentOutcome
    from tests.stateful.world import Command, Key, Ran, Shop

HOLD, HAND_BACK = "hold", "hand-back"
_CLOSED = "<!-- gitops-bot:closed -->"
_PAUSE = re.compile(r"<!-- gitops-bot:pause (switching|draft|text) -->\r?\n[^\n]*\n\r?\n")
_PLAN = re.compile(r"^<!-- gitops-bot:plan [0-9a-f]{64} -->$", re.MULTILINE)


def is_closing_mark(body: str | None) -> bool:
    return _CLOSED in (body or "")


@dataclass(frozen=True, slots=True)
class Shown:
    """A pull request as it was shown at one moment, and why the bot must leave it alone."""

    number: int
    branch: str
    head: str
    title: str
    body: str
    labels: tuple[str, ...]
    comments: tuple[str, ...]
    pins: dict[Key, tuple[Pinned | None, Pinned]]
    frozen: bool

    @property
    def held(self) -> bool:
        return HOLD in self.labels


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is before a run; `carried` are the pins on each of the bot's branches."""

    main: str
    pulls: dict[int, Shown]
    carried: dict[str, dict[Key, Pinned]]
    heads: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    pin: Pinned
    base: Pinned


@dataclass(frozen=True, slots=True)
class Declined:
    """What a person said no to by closing a pull request."""

    number: int
    branch: str
    pins: dict[Key, Pinned]


@dataclass(slots=True)
class Model:
    """What is known of people. `theirs` are their commits on the bot's branches: commit to branch."""

    shop: Shop
    theirs: dict[str, str] = field(default_factory=dict)
    asked: dict[Key, Asked] = field(default_factory=dict)
    declined: list[Declined] = field(default_factory=list)
    #: Steps back that somebody allowed.
    allowed: set[tuple[Key, str]] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    #: Pull requests that were merged, by their numbers.
    landed: set[int] = field(default_factory=set)
    #: What people said of a pull request, by its number: that it is a draft, or in a freeze that it is ready.
    drafts: dict[int, bool] = field(default_factory=dict)
    #: Branches that people did something with since the last run began.
    touched: set[str] = field(default_factory=set)
    #: Whether groups were changed: then a proposal waits for another one, to which its pins are to move.
    regrouped: bool = False
    past: Past = field(init=False)

    def __post_init__(self) -> None:
        self.past = Past(self.shop)

    # What people do

    def merged(self, pull: Pull) -> None:
        """Nobody's work on it can be lost any more, and what was asked for has been done."""
        if pull.number in self.landed:
            return
        self.landed.add(pull.number)
        self.forget(self.shop.pins(pull.head_sha).items())
        for commit in [each for each in self.theirs if self.shop.forge.bare(NAME).contains(pull.head_sha, each)]:
            del self.theirs[commit]

    def base_moved(self) -> None:
        """Somebody pushed to the base branch: what was made from other pins than it has now means nothing any more."""
        main = self.shop.main
        self.asked = {key: asked for key, asked in self.asked.items() if main.get(key) == asked.base}

    def closes(self, pull: Pull) -> None:
        """A person is about to close it, or to delete its branch: its pins are declined."""
        self.touched.add(pull.head)
        pins = {key: after for key, (_, after) in self.shop.proposed(pull.head_sha).items()}
        if not is_closing_mark(pull.body):
            # Once the branch is gone, all that is left of it is the text, which a race or a crash may have left behind.
            said = {key: pin for key, pin in pins.items() if (pin.digest or "") in (pull.body or "")}
            self.declined.append(Declined(pull.number, pull.head, said))
        self.forget(pins.items())

    def forget(self, pins: Iterable[tuple[Key, Pinned]]) -> None:
        for key, pin in pins:
            if key in self.asked and self.asked[key].pin == pin:
                del self.asked[key]

    def reopened(self, pull: Pull) -> None:
        self.declined = [each for each in self.declined if each.number != pull.number]

    def converted(self, pull: Pull) -> None:
        """A person made it a draft, or ready: that stays, unless the bot was about to, or could not have seen it."""
        state = _PAUSE.search(pull.body or "")
        self.drafts.pop(pull.number, None)
        if (state is None and pull.draft) or (state is not None and state[1] == ("text" if pull.draft else "draft")):
            self.drafts[pull.number] = pull.draft

    def handed_back(self, branch: str) -> None:
        """What people put there is the bot's to drop."""
        self.theirs = {commit: where for commit, where in self.theirs.items() if where != branch}

    def is_theirs(self, branch: str) -> bool:
        return branch in self.theirs.values()

    def is_held(self, key: Key, *, rolls_back: bool = False) -> bool:
        return self.shop.is_held(key, self.shop.clock.now(), rolls_back=rolls_back)

    # What there is

    def begins(self, command: Command) -> Moment:
        self.past.read()
        self.past.asks(command, self.wanted(command))
        return self.moment()

    def moment(self) -> Moment:
        shop = self.shop
        return Moment(
            shop.branches["main"],
            {pull.number: self.show(pull) for pull in shop.pulls()},
            {
                name: {key: after for key, (_, after) in shop.proposed(head).items()}
                for name, head in shop.proposing.items()
            },
            shop.proposing,
        )

    def show(self, pull: Pull) -> Shown:
        return Shown(
            pull.number,
            pull.head,
            pull.head_sha,
            pull.title,
            pull.body or "",
            tuple(pull.labels),
            tuple(each.body for each in pull.comments),
            self.shop.proposed(pull.head_sha),
            self._is_frozen(pull),
        )

    def _is_frozen(self, pull: Pull) -> bool:
        said = {each.user: each.state for each in pull.reviews if each.state != "COMMENTED"}
        approved = "APPROVED" in said.values() and "CHANGES_REQUESTED" not in said.values()
        failed = any(each.state in ("failure", "error") for each in self._checks(pull))
        queued = self.shop.hub.queued(pull) is not None
        return approved or queued or (pull.auto_merge is not None and not failed)

    def _checks(self, pull: Pull) -> list[Any]:
        return list({each.context: each for each in self.shop.hub.checks.get(pull.head_sha, [])}.values())

    # What must hold

    def check(self, before: Moment, command: Command, ran: Ran, *, disturbed: bool) -> None:
        """After every run. `disturbed`: it was killed, or somebody acted in the middle of it."""
        now = self.moment()
        self.past.read()
        self._one_proposal_each(now)
        self._no_commit_of_a_person_is_lost()
        self._held_and_frozen_stay(before, now)
        self._a_freeze_closes_nothing(before, command)
        self._drafts_stay()
        self._nothing_comes_by_stealth(before, now)
        self._nothing_declined_comes_back(before, command, now)
        self._nothing_asked_for_is_lost(before, command, now, killed=ran.outcome is None)
        if disturbed or ran.outcome is None:
            return
        # A file may be broken, and a tag that is set may not be there. There may be nothing to go back to.
        known = {"failed.edit", "failed.registry"} | ({"failed.git"} if command.verb == "rollback" else set())
        if command.image is not None or command.verb == "set":
            known |= {"failed.usage"}  # nothing has it where its file is broken
        known |= {"failed.config"} if self.broken else set()  # nobody can tell whether a hold means what is in it
        for outcome in ran.outcome.environments:
            assert {each.problem.code for each in outcome.failed} <= known, outcome.failed
            self._what_is_told_is_there(outcome, now)
            left = self._left_for_a_reason(outcome, now)
            self._no_entry_twice(now, outcome.name, left)
            if command.verb != "rollback":
                self._rollbacks_stay(before, now)
                self._rollbacks_stand_alone(now, outcome.name, left)
            told = {each.branch for each in outcome.proposals}
            for shown in self._kept_up(now, outcome.name, left, rollbacks=command.verb == "rollback"):
                # Whoever names images leaves the groups of others alone.
                if (command.verb != "set" and command.image is None) or shown.branch in told:
                    self._is_whole(shown, now)
            if command.verb in ("update", "promote") and command.image is None:
                # What it merged itself, later waves have not seen yet: the next run tells of that.
                if not any("/merge" in each for each in ran.seen.writes):
                    self._everything_newer_is_told(outcome, command, now)
                self._promotions_are_vouched_for(outcome, command, now, left)

    def _kept_up(
        self, now: Moment, environment: str, left: Mapping[str | None, str], *, rollbacks: bool
    ) -> list[Shown]:
        """The pull requests of an environment that a run has just made as they should be."""
        return [
            shown
            for shown in now.pulls.values()
            if (environment_on(shown.branch), is_rollback(shown.branch)) == (environment, rollbacks)
            and shown.branch not in left
            and not shown.frozen
        ]

    def _one_proposal_each(self, now: Moment) -> None:
        branches = [shown.branch for shown in now.pulls.values()]
        assert len(branches) == len(set(branches)), f"two open pull requests of one branch: {branches}"

    def _no_entry_twice(self, now: Moment, environment: str, left: Mapping[str | None, str]) -> None:
        where: dict[tuple[Key, bool], list[int]] = {}
        for shown in now.pulls.values():
            if environment_on(shown.branch) != environment:
                continue
            on_its_way = self.regrouped and left.get(shown.branch) in ("held.limit", "held.window", "failed.edit")
            if on_its_way:
                continue  # to other groups, and not all of it has arrived
            for key, (old, new) in shown.pins.items():
                if self._stands(key, old, new):
                    where.setdefault((key, is_rollback(shown.branch)), []).append(shown.number)
        twice = {key: numbers for key, numbers in where.items() if len(numbers) > 1}
        assert not twice, f"proposed more than once: {twice}"

    def _rollbacks_stay(self, before: Moment, now: Moment) -> None:
        """Nothing but another rollback changes one that is open and of use."""
        for number, was in before.pulls.items():
            if is_rollback(was.branch) and self._is_of_use(was):
                assert number in now.pulls, f"#{number} rolls back, and was closed"
                assert now.pulls[number].head == was.head, f"#{number} rolls back, and was changed"

    def _is_of_use(self, shown: Shown) -> bool:
        back = is_rollback(shown.branch)
        return all(self._stands(key, old, new, rolls_back=back) for key, (old, new) in shown.pins.items())

    def _rollbacks_stand_alone(self, now: Moment, environment: str, left: Mapping[str | None, str]) -> None:
        """What a rollback takes back while it is open, no other proposal goes on with."""
        back = {
            key: shown.number
            for shown in now.pulls.values()
            if is_rollback(shown.branch)
            for key, (old, new) in shown.pins.items()
            if self._stands(key, old, new)
        }
        for shown in self._kept_up(now, environment, left, rollbacks=False):
            both = {
                key: number for key, number in back.items() if key in shown.pins and self._stands(key, *shown.pins[key])
            }
            assert not both, f"#{shown.number} has {both}, which is being rolled back"

    def _nothing_comes_by_stealth(self, before: Moment, now: Moment) -> None:
        """What the bot has just put on its branches is not held, and was not left by going back."""
        carried = {(key, pin) for pins in before.carried.values() for key, pin in pins.items()}
        for branch, head in self.shop.proposing.items():
            if before.heads.get(branch) == head or self.is_theirs(branch) or branch in self.touched:
                continue
            fork = self.shop.fork(head)
            for key, (_, pin) in self.shop.proposed(head).items():
                self.past.holds(key, pin, fork=fork, rollback=is_rollback(branch))
                if (key, pin) not in carried:
                    self.past.passes(key, pin, rolls_back=is_rollback(branch))

    def _no_commit_of_a_person_is_lost(self) -> None:
        bare, branches = self.shop.forge.bare(NAME), self.shop.branches
        for pull in self.shop.pulls("closed"):
            if pull.merged_at is not None:
                self.merged(pull)
        for commit, branch in self.theirs.items():
            assert branch in branches, f"{branch} is gone, and with it {commit}, which a person put there"
            assert bare.contains(branches[branch], commit), f"{branch} has lost {commit}, which a person put there"

    def _held_and_frozen_stay(self, before: Moment, now: Moment) -> None:
        for number, was in before.pulls.items():
            pull = self.shop.hub.pulls[number]
            if pull.merged_at is not None or was.branch in self.touched or not (was.held or was.frozen):
                continue
            if was.held:
                assert number in now.pulls, f"#{number} has the label `hold`, and was closed"
                assert now.pulls[number] == was, f"#{number} has the label `hold`, and was changed"
            elif self.shop.waves[environment_on(was.branch)].propose.get("refresh_approved"):
                continue
            elif number not in now.pulls:
                stand = [key for key, (old, new) in was.pins.items() if self._stands(key, old, new)]
                assert not stand, f"#{number} is frozen and was closed, although {stand} still mean something"
            else:
                is_now, ends = now.pulls[number], _PAUSE.search(was.body) is not None
                texts = [_PAUSE.sub("", each.body) for each in (was, was if ends else is_now)]
                assert (is_now.head, is_now.title, texts[1]) == (was.head, was.title, texts[0]), (
                    f"#{number} is frozen, and was refreshed"
                )

    def _a_freeze_closes_nothing(self, before: Moment, command: Command) -> None:
        began = self.past.began or self.shop.clock.now()
        for number, was in before.pulls.items():
            pull, environment = self.shop.hub.pulls[number], environment_on(was.branch)
            if pull.state == "open" or pull.merged_at is not None or not is_closing_mark(pull.body):
                continue
            if (
                self.past.lifts
                or is_rollback(was.branch)
                or (command.verb, command.environment)
                == (
                    "rollback",
                    environment,
                )
            ):
                continue
            main = self.shop.main
            stand = [key for key, (old, new) in was.pins.items() if key in main and main[key] == old != new]
            frozen = [all(self.shop.is_frozen(key, at) for at in (began, self.shop.clock.now())) for key in stand]
            assert not frozen or not all(frozen), f"#{number} was closed, although {stand} are frozen"

    def _drafts_stay(self) -> None:
        for number, said in list(self.drafts.items()):
            pull = self.shop.hub.pulls[number]
            if pull.state == "closed" or (not said and _PAUSE.search(pull.body or "") is None):
                del self.drafts[number]  # it is over: the next freeze makes it a draft
                continue
            assert pull.draft == said, f"#{number} is {'no ' * said}draft, and people said otherwise"

    def _stands(self, key: Key, old: Pinned | None, new: Pinned, *, rolls_back: bool = False) -> bool:
        main, held = self.shop.main, self.is_held(key, rolls_back=rolls_back)
        return key in main and main[key] == old and main[key] != new and not held

    def _nothing_declined_comes_back(self, before: Moment, command: Command, now: Moment) -> None:
        for shown in now.pulls.values():
            if is_rollback(shown.branch):
                continue  # a person asks for it now, whatever was declined before
            carried = before.pulls[shown.number].pins if shown.number in before.pulls else {}
            for key, (_, pin) in shown.pins.items():
                if key in carried and carried[key][1] == pin:
                    continue
                again = [
                    each.number for each in self.declined if each.pins.get(key) == pin and not is_rollback(each.branch)
                ]
                assert not again, f"#{shown.number} proposes {key[1]} {pin} again, which was declined with #{again[0]}"

    def _nothing_asked_for_is_lost(self, before: Moment, command: Command, now: Moment, *, killed: bool) -> None:
        main = self.shop.main
        heads = {shown.branch: shown.head for shown in now.pulls.values()}
        # What was pushed and never opened is opened by a later run, as soon as a limit or a broken file lets it.
        ever = {pull.head_sha for pull in self.shop.pulls("all")}
        heads |= {name: head for name, head in self.shop.proposing.items() if killed or head not in ever}
        back = {key for shown in now.pulls.values() if is_rollback(shown.branch) for key in shown.pins}
        back |= {key for name, head in heads.items() if is_rollback(name) for key in self.shop.proposed(head)}
        changes = [(key, *change) for head in heads.values() for key, change in self.shop.proposed(head).items()]
        proposed: dict[Key, list[Pinned]] = {key: [] for key, _, _ in changes}
        for key, _, pin in changes:
            proposed[key].append(pin)
        for key, asked in list(self.asked.items()):
            if key not in main or main[key] != asked.base or main[key] == asked.pin or self.is_held(key):
                del self.asked[key]
                continue
            if key in back or self.past.is_left(key, asked.pin):
                del self.asked[key]  # it makes way for a rollback, or the environment has left it
                continue
            there = proposed.get(key, [])
            if asked.pin in there:
                continue
            # What a rollback takes leaves the other proposal first: killed right then, the rollback is not there yet.
            if killed and (command.verb, command.environment) == ("rollback", environment_of(key)):
                del self.asked[key]
                continue
            if self.touched and self._asks_for(command, key):
                del self.asked[key]  # a person closed what replaced it
                continue
            # Whoever sets what the base branch has already takes the carried pin away.
            replaced = any(version(pin) > version(asked.pin) for pin in there)
            wanted = self._wanted_for(command, key)
            replaced |= wanted is not None and any(agree(wanted, pin) for pin in (*there, main[key]))
            assert replaced, f"{key[1]} {asked.pin} in {key[0]} was set, and is proposed no more: {there}"
            del self.asked[key]
        for key, was, pin in changes:
            # One that was made from what the base branch has no more is of no use, and replaced by the next run. What
            # was proposed already, a `set` leaves as it is: it goes where its policy or its source takes it.
            if (
                was is not None
                and main.get(key) == was
                and all(carried.get(key) != pin for carried in before.carried.values())
                and command.verb == "set"
                and self._wanted_for(command, key) == pin
            ):
                self.asked[key] = Asked(pin, was)

    def wanted(self, command: Command) -> tuple[str, Pinned] | None:
        if command.verb != "set":
            return None
        name, _, pin = command.pin.partition("=")
        tag, _, digest = pin.partition("@")
        return name, Pinned(tag, digest or self.shop.pushed[name].get(tag))

    def _wanted_for(self, command: Command, key: Key) -> Pinned | None:
        """The pin that a person asks for by a command, for one entry."""
        if not self._asks_for(command, key):
            return None
        found, partner = self.wanted(command), self.shop.partner_of(key)
        return found[1] if found is not None else self.shop.main.get(partner) if partner is not None else None

    def _asks_for(self, command: Command, key: Key) -> bool:
        """Whether a person asks for something for an entry by `set` or `promote`."""
        if command.environment != environment_of(key):
            return False
        found = self.wanted(command)
        if found is not None:
            return found[0] == key[1]
        return command.verb == "promote" and command.image in (None, key[1])

    def _what_is_told_is_there(self, outcome: EnvironmentOutcome, now: Moment) -> None:
        heads = {shown.branch: shown.head for shown in now.pulls.values()}
        for proposed in outcome.proposals:
            pull = proposed.pull_request
            if proposed.action.name not in ("open", "refresh", "none") or pull is None or proposed.branch not in heads:
                continue
            pins = self.shop.pins(heads[proposed.branch])
            for change in proposed.changes:
                pin = Pinned(change.after.tag, change.after.digest)
                assert pins.get(change.entry.key) == pin, f"{change.entry.key} is told to be {pin} on {proposed.branch}"

    def _left_for_a_reason(self, outcome: EnvironmentOutcome, now: Moment) -> dict[str | None, str]:
        by_branch = {shown.branch: shown for shown in now.pulls.values()}
        left = {each.branch: each.action.reason for each in outcome.proposals if each.action.name == "leave"}
        for branch, reason in left.items():
            shown = by_branch.get(branch or "")
            match reason.code:
                case "person":
                    late = shown is not None and HAND_BACK in shown.labels  # it was given before the last push
                    assert late or self.is_theirs(branch or ""), (
                        f"{branch} is left to people, and has nothing of theirs"
                    )
                case "held.label" | "held.frozen":
                    # What is to move to another proposal waits for that one.
                    which = [shown, *(now.pulls.values() if self.regrouped else ())]
                    held, frozen = (any(map(each, filter(None, which))) for each in (_is_held, _is_frozen))
                    assert held if reason.code == "held.label" else frozen, f"{branch} is left, and nobody said so"
                case "held.hold":
                    assert shown is not None or self.regrouped, f"{branch} is paused, and is not open"
                    assert any(map(self.is_held, shown.pins if shown else ())) or self.regrouped, f"{branch} is paused"
                case "failed.edit":
                    assert self.broken, f"{branch} is left for a broken file, and none is"
                case code:
                    assert code in ("held.limit", "held.window")
                    assert shown is None or self.regrouped, f"{branch} is kept up at any time"
        return {branch: reason.code for branch, reason in left.items()}

    def _is_whole(self, shown: Shown, now: Moment) -> None:
        """The bot's own, kept up: byte by byte the base branch but for pins, never backwards, and it says so."""
        assert shown.pins, f"#{shown.number} proposes nothing"
        main, files = self.shop.files(now.main), self.shop.files(shown.head)
        changed = {
            path for path, data in files.items() if self.shop.files(self.shop.fork(shown.head)).get(path) != data
        }
        for path in changed:
            assert lines.only_pins_differ(main[path], files[path]), f"#{shown.number} changes more than pins in {path}"
        assert changed == {path for path, _ in shown.pins}
        base = self.shop.pins(now.main)
        for key, (_, pin) in shown.pins.items():
            if base[key] == pin:
                continue  # it came to the base branch by another way
            allowed = version(pin) >= version(base[key]) or (key, pin.tag or "") in self.allowed
            back = is_rollback(shown.branch)
            allowed |= back
            assert allowed, f"#{shown.number} takes {key[1]} back from {base[key]} to {pin}"
            assert not self.past.is_frozen(key, rolls_back=back), f"#{shown.number} goes on with {key}, which is held"
            assert pin.digest is None or pin.digest in shown.body, f"the text of #{shown.number} lacks {key[1]} {pin}"
        assert _PLAN.search(shown.body), f"#{shown.number} has no finished text"
        assert not is_closing_mark(shown.body), f"#{shown.number} is open, with a closing mark"
        assert set(self.shop.waves[environment_on(shown.branch)].propose.get("labels", ())) <= set(shown.labels)
        marks = [each.partition("\n")[0] for each in shown.comments]
        assert len(marks) == len(set(marks)), f"#{shown.number} says something twice"

    def _everything_newer_is_told(self, outcome: EnvironmentOutcome, command: Command, now: Moment) -> None:
        told = {item.entry.key for item in outcome.stopped}
        told |= {item.entry.key for item in outcome.failed if item.entry is not None}
        told |= {change.entry.key for proposed in outcome.proposals for change in proposed.changes}
        main = self.shop.pins(now.main)
        for key, pin in main.items():
            partner = self.shop.partner_of(key) or key
            if environment_of(key) != outcome.name or {key[0], partner[0]} & self.broken:
                continue
            newest = self._newest(key, command, main)
            if newest is not None and version(newest) > version(pin):
                assert key in told, f"{newest} of {key[1]} in {key[0]} is neither proposed nor held"

    def _promotions_are_vouched_for(
        self, outcome: EnvironmentOutcome, command: Command, now: Moment, left: Mapping[str | None, str]
    ) -> None:
        """What a wave before has left by going back is not proposed any more."""
        if not self._is_promoted(outcome.name, command):
            return
        main = self.shop.pins(now.main)
        for shown in self._kept_up(now, outcome.name, left, rollbacks=False):
            for key, (old, pin) in shown.pins.items():
                there = self.shop.partner_of(key)
                if there not in main or there[0] in self.broken or (key, pin) in self.past.said:
                    continue
                if not self._stands(key, old, pin):
                    continue
                assert not self.past.is_left(there, pin), (
                    f"#{shown.number} goes on with {key[1]} {pin}, which its source has left"
                )

    def _newest(self, key: Key, command: Command, main: Mapping[Key, Pinned]) -> Pinned | None:
        """What a command brings to an entry: what its source runs, or what the registry has."""
        partner = self.shop.partner_of(key)
        if partner is not None:
            # Where the source has no such entry, its own policy counts, if it has one.
            return main.get(partner) if self._is_promoted(environment_of(key), command) else None
        tags = self.shop.pushed[key[1]]
        return Pinned(max(tags, key=lambda tag: version(Pinned(tag)) * ("-" not in tag)))

    def _is_promoted(self, environment: str, command: Command) -> bool:
        """Whether a command brings an environment what the wave before it runs."""
        return command.verb == "promote" or self.shop.waves[environment].follows


def _is_held(shown: Shown) -> bool:
    return shown.held


def _is_frozen(shown: Shown) -> bool:
    return shown.frozen
