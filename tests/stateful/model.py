"""What people decided and asked for, and what must hold of it after every run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.stateful import lines
from tests.stateful.world import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitops_bot.demo.hub import Pull
    from gitops_bot.proposals.outcome import EnvironmentOutcome
    from tests.stateful.lines import Pinned
    from tests.stateful.world import Command, Key, Ran, Shop

HOLD, HAND_BACK = "hold", "hand-back"
BOX = "- [ ] <!-- gitops-bot:hand-back -->"
_CLOSED = "<!-- gitops-bot:closed -->"
_PLAN = re.compile(r"^<!-- gitops-bot:plan [0-9a-f]{64} -->$", re.MULTILINE)


def version(pin: Pinned | None) -> tuple[int, ...]:
    """The order of the tags: `1.6.0` comes after `1.5.0`, a pre-release before its release."""
    if pin is None or pin.tag is None:
        return ()
    release, _, before = pin.tag.partition("-")
    return (*map(int, release.split(".")), 0 if before else 1)


def is_closing_mark(body: str | None) -> bool:
    """Whether the bot says that it closed this one itself."""
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
        """Whether a person put the label on it that keeps everything as it is."""
        return HOLD in self.labels


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is before a run. `ours`: the pins on each of the bot's branches."""

    main: str
    pulls: dict[int, Shown]
    carried: dict[str, dict[Key, Pinned]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A pin that was set and came to be proposed; `base` is what it was made from."""

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
    #: Branches on which people rewrote the bot's own commit, and the plan with it.
    rewritten: set[str] = field(default_factory=set)
    #: Pull requests that were merged, by their numbers.
    landed: set[int] = field(default_factory=set)
    #: Branches that people did something with since the last run began.
    touched: set[str] = field(default_factory=set)
    #: Whether groups were changed: then a proposal waits for another one, to which its pins are to move.
    regrouped: bool = False

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
        self.asked = {key: asked for key, asked in self.asked.items() if key not in pins}

    def forget(self, pins: Iterable[tuple[Key, Pinned]]) -> None:
        """These pins need not be proposed any longer."""
        for key, pin in pins:
            if key in self.asked and self.asked[key].pin == pin:
                del self.asked[key]

    def reopened(self, pull: Pull) -> None:
        """Its decline is taken back."""
        self.declined = [each for each in self.declined if each.number != pull.number]

    def handed_back(self, branch: str) -> None:
        """What people put there is the bot's to drop."""
        self.theirs = {commit: where for commit, where in self.theirs.items() if where != branch}

    def is_theirs(self, branch: str) -> bool:
        """Whether a person put something on a branch that is neither merged nor handed back."""
        return branch in self.theirs.values()

    def is_held(self, key: Key) -> bool:
        """Whether a hold that somebody wrote down stands for an entry."""
        now = self.shop.clock.now()
        return any(
            each.get("image", key[1]) == key[1] and datetime.fromisoformat(each["until"]) > now
            for each in self.shop.holds
        )

    # What there is

    def moment(self) -> Moment:
        """Look at it."""
        shop = self.shop
        return Moment(
            shop.branches["main"],
            {pull.number: self.show(pull) for pull in shop.pulls()},
            {
                name: {key: after for key, (_, after) in shop.proposed(head).items()}
                for name, head in shop.proposing.items()
            },
        )

    def show(self, pull: Pull) -> Shown:
        """One pull request."""
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

    def check(
        self, before: Moment, command: Command, ran: Ran, *, disturbed: bool, around: Command | None = None
    ) -> None:
        """After every run. `disturbed`: it was killed, or somebody acted in the middle of it, or it within `around`."""
        now = self.moment()
        self._one_proposal_each(now)
        self._no_commit_of_a_person_is_lost()
        self._held_and_frozen_stay(before, now)
        self._nothing_declined_comes_back(before, now)
        self._nothing_asked_for_is_lost([command, *([around] if around else [])], now, killed=ran.outcome is None)
        if disturbed or ran.outcome is None:
            return
        (outcome,) = ran.outcome.environments
        self._what_is_told_is_there(outcome, now)
        left = self._left_for_a_reason(outcome, now)
        self._no_entry_twice(now, left)
        for shown in now.pulls.values():
            if shown.branch not in left and not shown.frozen:
                self._is_whole(shown, now)
        if command.pin is None:
            self._everything_newer_is_told(outcome, now)

    def _one_proposal_each(self, now: Moment) -> None:
        branches = [shown.branch for shown in now.pulls.values()]
        assert len(branches) == len(set(branches)), f"two open pull requests of one branch: {branches}"

    def _no_entry_twice(self, now: Moment, left: Mapping[str | None, str]) -> None:
        where: dict[Key, list[int]] = {}
        for shown in now.pulls.values():
            if left.get(shown.branch) in ("held.limit", "held.window") or shown.branch in self.rewritten:
                continue  # it is on its way to other groups, and not all of it has arrived; or nobody knows what it was
            for key, (old, new) in shown.pins.items():
                if self._stands(key, old, new):
                    where.setdefault(key, []).append(shown.number)
        twice = {key: numbers for key, numbers in where.items() if len(numbers) > 1}
        assert not twice, f"proposed more than once: {twice}"

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
            elif self.shop.propose.get("refresh_approved"):
                continue
            elif number not in now.pulls:
                stand = [key for key, (old, new) in was.pins.items() if self._stands(key, old, new)]
                assert not stand, f"#{number} is frozen and was closed, although {stand} still mean something"
            else:
                is_now = now.pulls[number]
                assert (is_now.head, is_now.title, is_now.body) == (was.head, was.title, was.body), (
                    f"#{number} is frozen, and was refreshed"
                )

    def _stands(self, key: Key, old: Pinned | None, new: Pinned) -> bool:
        main = self.shop.main
        return key in main and main[key] == old and main[key] != new and not self.is_held(key)

    def _nothing_declined_comes_back(self, before: Moment, now: Moment) -> None:
        for shown in now.pulls.values():
            carried = before.pulls[shown.number].pins if shown.number in before.pulls else {}
            for key, (_, pin) in shown.pins.items():
                if key in carried and carried[key][1] == pin:
                    continue
                # A group's declines are those of its branch: what was declined in another group, nobody knows.
                again = [
                    each.number for each in self.declined if (each.branch, each.pins.get(key)) == (shown.branch, pin)
                ]
                assert not again, f"#{shown.number} proposes {key[1]} {pin} again, which was declined with #{again[0]}"

    def _nothing_asked_for_is_lost(self, commands: Sequence[Command], now: Moment, *, killed: bool) -> None:
        main = self.shop.main
        heads = {shown.branch: shown.head for shown in now.pulls.values()}
        # What was pushed and never opened is opened by a later run, as soon as a limit or a broken file lets it.
        ever = {pull.head_sha for pull in self.shop.pulls("all")}
        heads |= {name: head for name, head in self.shop.proposing.items() if killed or head not in ever}
        proposed: dict[Key, list[Pinned]] = {}
        for head in heads.values():
            for key, (_, pin) in self.shop.proposed(head).items():
                proposed.setdefault(key, []).append(pin)
        for key, asked in list(self.asked.items()):
            if key not in main or main[key] != asked.base or main[key] == asked.pin or self.is_held(key):
                del self.asked[key]
                continue
            there = proposed.get(key, [])
            if asked.pin in there:
                continue
            if any(self.wanted(each)[0] == key[1] for each in commands[1:]):
                del self.asked[key]  # a run that is under way may have replaced it, and this one what that asked for
                continue
            # Whoever sets what the base branch has already takes the carried pin away.
            replaced = any(version(pin) > version(asked.pin) for pin in there)
            replaced |= any(self.wanted(each) == (key[1], pin) for each in commands for pin in (*there, main[key]))
            assert replaced, f"{key[1]} {asked.pin} in {key[0]} was set, and is proposed no more: {there}"
            del self.asked[key]
        for key, pin in main.items():
            for command in commands:
                name, wanted = self.wanted(command)
                if name == key[1] and wanted is not None and wanted != pin and wanted in proposed.get(key, []):
                    self.asked[key] = Asked(wanted, pin)

    def wanted(self, command: Command) -> tuple[str, Pinned | None]:
        """The image and the pin that a `set` means."""
        if command.pin is None:
            return "", None
        name, _, pin = command.pin.partition("=")
        tag, _, digest = pin.partition("@")
        return name, lines.Pinned(tag, digest or self.shop.pushed[name].get(tag))

    def _what_is_told_is_there(self, outcome: EnvironmentOutcome, now: Moment) -> None:
        heads = {shown.branch: shown.head for shown in now.pulls.values()}
        for proposed in outcome.proposals:
            pull = proposed.pull_request
            if proposed.action not in ("open", "refresh", "none") or pull is None or proposed.branch not in heads:
                continue
            pins = self.shop.pins(heads[proposed.branch])
            for change in proposed.changes:
                pin = lines.Pinned(change.after.tag, change.after.digest)
                assert pins.get(change.entry.key) == pin, f"{change.entry.key} is told to be {pin} on {proposed.branch}"

    def _left_for_a_reason(self, outcome: EnvironmentOutcome, now: Moment) -> dict[str | None, str]:
        by_branch = {shown.branch: shown for shown in now.pulls.values()}
        left = {each.branch: each.reason for each in outcome.proposals if each.action == "leave"}
        for branch, reason in left.items():
            shown = by_branch.get(branch or "")
            match reason.code:
                case "person":
                    assert self.is_theirs(branch or ""), f"{branch} is left to people, and has nothing of theirs"
                case "held.label":
                    assert shown is not None
                    assert shown.held
                case "held.frozen":
                    assert shown is not None
                    assert shown.frozen
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
            assert allowed, f"#{shown.number} takes {key[1]} back from {base[key]} to {pin}"
            assert pin.digest is None or pin.digest in shown.body, f"the text of #{shown.number} lacks {key[1]} {pin}"
        assert _PLAN.search(shown.body), f"#{shown.number} has no finished text"
        assert not is_closing_mark(shown.body), f"#{shown.number} is open, with a closing mark"
        assert set(self.shop.propose.get("labels", ())) <= set(shown.labels)
        marks = [each.partition("\n")[0] for each in shown.comments]
        assert len(marks) == len(set(marks)), f"#{shown.number} says something twice"

    def _everything_newer_is_told(self, outcome: EnvironmentOutcome, now: Moment) -> None:
        told = {item.entry.key for item in outcome.held}
        told |= {change.entry.key for proposed in outcome.proposals for change in proposed.changes}
        for key, pin in self.shop.pins(now.main).items():
            newest = max(self.shop.pushed[key[1]], key=lambda tag: version(lines.Pinned(tag)) * ("-" not in tag))
            if key[0] not in self.broken and version(lines.Pinned(newest)) > version(pin):
                assert key in told, f"{newest} of {key[1]} in {key[0]} is neither proposed nor held"
