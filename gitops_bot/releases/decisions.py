"""Entries, and what is decided about them: what would change, what is held, what failed, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeGuard

from gitops_bot.errors import Problem
from gitops_bot.images.kinds import Rules
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import same_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.reason import Code
    from gitops_bot.images.reference import ImageName
    from gitops_bot.releases.checks import Check, CheckState, DeploymentState
    from gitops_bot.targets.pin_file import FileEntry

Source = Literal["policy", "promotion", "set", "rollback"]
#: The code of the reason for a change, by where its pin comes from.
CODE_OF: Final[dict[Source, Code]] = {
    "policy": "chosen",
    "promotion": "promoted",
    "set": "set",
    "rollback": "rolled_back",
}
Direction = Literal["forward", "backward", "moved", "adopted"]
GateName = Literal["checks", "source_checks", "deployment"]


class EntryKey(NamedTuple):
    """What tells an entry from every other of the repository: its file, and its `name` there."""

    file: str
    name: str


@dataclass(frozen=True, slots=True)
class Managed:
    """An entry of an environment: one pin's place in one file, and the rules that apply to it.

    `file` and `name` identify it, never the repository.
    """

    entry: FileEntry
    file: str
    overlay: str
    environment: str | None
    rules: Rules = field(default=Rules(None), compare=False)

    @property
    def name(self) -> str:
        """What the file calls it."""
        return self.entry.name

    @property
    def pin(self) -> Pin:
        """What the file pins."""
        return self.entry.pin

    @property
    def line(self) -> int:
        """Its line in the file, counted from 1."""
        return self.entry.line

    @property
    def column(self) -> int:
        """Its column in the file, counted from 1."""
        return self.entry.column

    @property
    def refusal(self) -> Problem | None:
        """Why it cannot be edited."""
        return self.entry.refusal

    @property
    def choices(self) -> tuple[str, ...]:
        """The slots that it chooses from, where it is the selector of a Service."""
        return self.entry.choices

    @property
    def repository(self) -> ImageName | None:
        """The effective repository, where the entry names one."""
        return self.entry.image

    @property
    def key(self) -> EntryKey:
        """What tells it from every other entry of the repository."""
        return EntryKey(self.file, self.entry.name)

    @property
    def place(self) -> EntryKey:
        """What tells it from every other entry at all times: its file may get another name."""
        return EntryKey(same_file(self.file)[0], self.name)

    @property
    def image(self) -> str:
        """The effective repository as text, also where that is the name of none."""
        return str(self.repository) if self.repository else self.entry.new_name or self.entry.repository or self.name

    @property
    def policy(self) -> Policy | None:
        """The policy that orders its tags, if any."""
        return self.rules.policy.policy if self.rules.policy is not None else None

    @property
    def is_settled(self) -> bool:
        """Whether no registry is asked about it."""
        unasked = bool(self.choices) or self.rules.ignore or self.rules.policy is None
        return unasked or self.mistake is not None or self.repository is None

    @property
    def mistake(self) -> Problem | None:
        """Why it cannot be kept current: it cannot be edited, or it pins what is no tag or no digest.

        The latter is overwritten by what a person gives it, or goes back to.
        """
        malformed = None if self.choices else self.pin.malformed
        if self.refusal is not None or malformed is None:
            return self.refusal
        return Problem("failed.edit", *malformed, self.file, self.line, self.column)


@dataclass(frozen=True, slots=True)
class InfoChange:
    """What a file that follows a pin says of its image, before and after: key, old text and new text of each value."""

    file: str
    values: tuple[tuple[str, str, str], ...]

    @property
    def before(self) -> dict[str, str]:
        """The old texts by their keys."""
        return {key: before for key, before, _ in self.values}

    @property
    def after(self) -> dict[str, str]:
        """The new ones."""
        return {key: after for key, _, after in self.values}


@dataclass(frozen=True, slots=True)
class PinChange:
    """One pin that becomes another, or did: what the trailers of a commit tell.

    `new_name` only where a person gave one to `set` or `edit`. `info` is what the file beside it says with the new pin.
    `despite_checks`: a person promoted it whatever checks say, so that no check that fails takes it back.
    """

    file: str
    name: str
    before: Pin
    after: Pin
    source: Source
    new_name: str | None = None
    info: InfoChange | None = None
    despite_checks: bool = False

    @property
    def key(self) -> EntryKey:
        """The key of its entry, like `Managed.key`."""
        return EntryKey(self.file, self.name)

    @property
    def files(self) -> tuple[str, ...]:
        """What changes with it."""
        return (self.file,) if self.info is None else (self.file, self.info.file)

    @property
    def assignment(self) -> Assignment:
        """What it asks of its file."""
        return Assignment(self.name, self.after, self.new_name)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a gate asked for and saw.

    `name` is as the configuration asks for it, captures filled in. `check` is what answered; where nothing has yet, the
    state is pending. `note` says what it is or was, where the state does not tell, and `advice` what to do then.
    """

    gate: GateName
    name: str
    state: CheckState
    check: Check | DeploymentState | None = None
    note: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a pin, as it is decided: of which entry, which way, and why. See also `PinChange`.

    `carried`: nobody decided it now, the open proposal has it from an earlier run. `rebuilt`: not the bytes that were
    tested, but another build of the same revision. `not_rolled_back`: what a rollback leaves as it is, a sentence each.
    `because`: why a person asked for it, in their own words, or which check failed. `lifted`: what would have held it,
    had they not said to go on.
    """

    entry: Managed
    after: Pin
    source: Source
    direction: Direction
    reason: Reason
    new_name: str | None = None
    info: InfoChange | None = None
    carried: bool = False
    rebuilt: bool = False
    not_rolled_back: tuple[str, ...] = ()
    because: str | None = None
    lifted: tuple[Reason, ...] = ()
    despite_checks: bool = False
    #: What its gates saw.
    seen: tuple[Seen, ...] = ()

    @property
    def before(self) -> Pin:
        """What is pinned now."""
        return self.entry.pin

    @property
    def candidate(self) -> Pin:
        """What is to be pinned, by the name that it has in `Held`."""
        return self.after

    @property
    def pin_change(self) -> PinChange:
        """What the trailers of its commit tell."""
        entry, of = self.entry, (self.source, self.new_name, self.info, self.despite_checks)
        return PinChange(entry.file, entry.name, entry.pin, self.after, *of)

    @property
    def goes_back(self) -> bool:
        """Whether the commits between the two images are taken back, and not brought in."""
        return self.direction == "backward" or (self.source == "rollback" and self.direction != "forward")

    def hold(self, reason: Reason) -> Held:
        """The same, held for a reason."""
        return Held(self.entry, self.after, reason, seen=self.seen)


@dataclass(frozen=True, slots=True)
class Held:
    """An entry that stays as it is although something else could be pinned.

    `withdraws`: what the open proposal has for it goes too, since whoever vouched for that pin does so no more.
    `several` has each reason by itself where there are several; `reason` names them all.
    """

    entry: Managed
    candidate: Pin | None
    reason: Reason
    withdraws: bool = False
    several: tuple[Reason, ...] = ()
    #: What its gates saw.
    seen: tuple[Seen, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Each reason by itself: those that do not end by themselves, then the others, the latest end first."""
        return self.several or (self.reason,)

    @property
    def only_frozen(self) -> bool:
        """Whether a freeze of its environment is all that there is to say: nothing else could be pinned."""
        return self.candidate is None and self.reason.code == "held.hold" and self.reason.data.get("image") is None

    def hold(self, reason: Reason) -> Held:
        """The same, held for one more reason: the one that lasts longest is named first, the others behind it."""
        ordered = sorted((*self.reasons, reason), key=lambda why: -why.ends.timestamp() if why.ends else -math.inf)
        others = ", ".join(other.code for other in ordered[1:])
        text = "; also: ".join(why.text for why in ordered)
        summary = replace(ordered[0], text=text, data={**ordered[0].data, "also": others})
        return replace(self, reason=summary, several=tuple(ordered))


@dataclass(frozen=True, slots=True)
class Failed:
    """An entry, or a whole file (`entry` is None), that could not be looked at."""

    entry: Managed | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry with nothing to do: current, ignored or unmanaged. `source` is what was asked."""

    entry: Managed
    reason: Reason
    source: Source = "policy"

    @property
    def is_current(self) -> bool:
        """Whether something keeps it current, and it is."""
        return self.reason.code not in ("ignored", "unmanaged")


Decision = Change | Held | Failed | Kept


#: Why an entry is left alone that the configuration ignores.
IGNORED: Final = Reason("ignored", "the configuration has `ignore: true`")


def has_failed(seen: Iterable[Seen]) -> bool:
    """Whether a check or a deployment failed, of those that gates saw."""
    return any(its.state == "failure" for its in seen)


def is_open(decision: Decision) -> TypeGuard[Change | Held]:
    """Whether it changes something, or only has to wait: the reason that lasts longest is the one to tell."""
    return isinstance(decision, Change) or (isinstance(decision, Held) and decision.reason.ends is not None)
