"""People, pipelines, the registry and the bot do things in any order, and after every run all of it must hold."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as with_seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.stateful.lines import Pinned, version
from tests.stateful.model import HAND_BACK, HOLD, Model
from tests.stateful.people import People
from tests.stateful.world import (
    ENVIRONMENT,
    FIRST,
    NAME,
    WAVES,
    Command,
    Shop,
    Wave,
    environment_of,
    moment,
)
from tests.stateful.writes import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.demo.hub import Pull
    from tests.stateful.world import Ran
    from tests.stateful.writes import When

IMAGES = ("web", "api", "db")
PLACES = ("front", "back", "jobs")
#: Which of what is there; counted from its beginning, and around.
WHICH = st.integers(0, 3)

_named = [{"name": "pair", "images": ["web", "api"], "together": True}]
GROUPS = st.sampled_from(["environment", "overlay", "image", _named])
SETS = st.sampled_from(["newest", "unheard of", "older", "older, allowed", "other bytes"])
TAGS = st.sampled_from(["newer", "newer", "newer", "older", "pre-release", "moved", "withdrawn"])
PUSHES = st.sampled_from(
    [
        "another file",
        "another line",
        "the line above an entry",
        "a broken file, or mended",
        "newest",
        "older",
        "what is proposed",
    ]
)
WORK = st.sampled_from(["another file", "the same file"])
COMMANDS = st.tuples(
    st.sampled_from(IMAGES),
    st.sampled_from(
        [
            *["update", "update with a newer tag", "unheard of", "unheard of", "newest", "older, allowed"],
            *["promote", "promote the image", "rollback", "rollback the image", "rollback, lifting holds"],
        ]
    ),
)
#: What there is of the waves, around the environment that everything is about.
STAGES = st.sampled_from([WAVES, WAVES[:2], WAVES, WAVES[1:2]])
#: Of each wave: how it is proposed to, and whether it follows the one before it by itself.
WAYS = st.sampled_from(["pull-request", "pull-request", "pull-request", "commit"])
FOLLOWS = st.sampled_from([True, True, False])
#: Mostly the environment that everything is about; stands for that where the repository has no such wave.
WHERE = st.sampled_from([ENVIRONMENT, ENVIRONMENT, *WAVES])
#: How far back: the release before the last, or which one of those before.
BACK = st.sampled_from([None, None, None, 1, 2, 3, 4])
#: How many writes of a run come first.
AT = st.sampled_from([0, 1, 2, 3, 0, 1, 5])
WHEN = st.sampled_from(["before", "after"])
#: What people do with an open pull request, and with one that ended.
DECISIONS: Mapping[str, Callable[[People, Pull], object]] = {
    "approves": lambda people, pull: people.review(pull, approves=True),
    "asks for changes": lambda people, pull: people.review(pull, approves=False),
    "checks fail": lambda people, pull: people.check(pull, "failure"),
    "checks succeed": lambda people, pull: people.check(pull, "success"),
    "closes": lambda people, pull: people.close(pull, delete=False),
    "closes and deletes": lambda people, pull: people.close(pull, delete=True),
    "dismisses": lambda people, pull: people.dismiss(pull),
    "hands back": lambda people, pull: people.hand_back(pull),
    "holds": lambda people, pull: people.label(pull, HOLD),
    "makes it a draft, or ready": lambda people, pull: people.convert(pull),
    "merges": lambda people, pull: people.merge(pull, "merge", delete=False),
    "rebases and deletes": lambda people, pull: people.merge(pull, "rebase", delete=True),
    "sets auto-merge": lambda people, pull: people.auto_merge(pull),
    "squashes": lambda people, pull: people.merge(pull, "squash", delete=False),
    "squashes and deletes": lambda people, pull: people.merge(pull, "squash", delete=True),
    "updates the branch": lambda people, pull: people.update_branch(pull),
}
MERGES = [what for what in DECISIONS if what.startswith(("merges", "rebases", "squashes"))]


class Proposals(RuleBasedStateMachine):
    """One repository with one environment, or with several that are promoted from one to the next."""

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        folder = self._open.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        self.shop = self._open.enter_context(Shop.open(Path(folder)))
        self.model = Model(self.shop)
        self.people = People(self.shop, self.model)

    def teardown(self) -> None:
        self._open.close()

    @initialize(
        places=st.lists(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=3, unique=True), min_size=2, max_size=3),
        group=GROUPS,
        refresh_approved=st.booleans(),
        auto_merge=st.sampled_from([False, False, False, True, "without-checks"]),
        dressed=st.booleans(),
        most_open=st.sampled_from([None, None, None, 1]),
        base=st.sampled_from(["free", "free", "checks", "queue"]),
        newer=st.sets(st.sampled_from(IMAGES)),
        stages=STAGES,
        ways=st.tuples(WAYS, WAYS, WAYS),
        follows=st.tuples(FOLLOWS, FOLLOWS, FOLLOWS),
    )
    def repository(
        self,
        places: list[list[str]],
        group: object,
        refresh_approved: bool,
        auto_merge: object,
        dressed: bool,
        most_open: int | None,
        base: str,
        newer: set[str],
        stages: Sequence[str],
        ways: Sequence[str],
        follows: Sequence[bool],
    ) -> None:
        propose: dict[str, Any] = {"group": group, "refresh_approved": refresh_approved, "auto_merge": auto_merge}
        if dressed:
            propose |= {"labels": ["release"], "reviewers": ["alice"], "assignees": ["bob"]}
        if most_open:
            propose["limit"] = {"open": most_open}
        waves: dict[str, Wave] = {}
        for name, way, by_itself in zip(WAVES, ways, follows, strict=True):
            if name in stages:
                full = name == ENVIRONMENT and way != "commit"
                waves[name] = Wave(propose if full else {"as": way}, by_itself and bool(waves))
        self.shop.begin(dict(zip(PLACES, places, strict=False)), waves)
        self.shop.forge.settings(NAME, allow_auto_merge=True)
        if base != "free" and not any(map(self.shop.commits, waves)):
            self.shop.forge.protect(NAME, checks=["ci"], merge_queue="squash" if base == "queue" else None)
        for name in sorted(newer & self.shop.pushed.keys()):
            self.shop.push(name, f"1.{FIRST + 1}.0")
        self._run(Command())

    # The registry

    @rule(name=st.sampled_from(IMAGES), how=TAGS)
    def tag(self, name: str, how: str) -> None:
        if name not in self.shop.pushed:
            return
        newest, oldest = max(self._minors(name)), min(self._minors(name))
        match how:
            case "newer":
                self.shop.push(name, f"1.{newest + 1}.0")
            case "older":
                self.shop.push(name, f"1.{oldest - 1}.0" if oldest else "0.9.0")
            case "pre-release":
                self.shop.push(name, f"1.{newest + 1}.0-rc.1")
            case "moved":
                self.shop.push(name, f"1.{newest}.0", "other bytes")
            case "withdrawn" if newest > FIRST:
                self.shop.withdraw(name, f"1.{newest}.0")

    # The bot

    @rule(lifts=st.sampled_from([False, False, True]))
    def update(self, lifts: bool) -> None:
        self._run_to_its_end(Command(release_hold=lifts))

    @rule(name=st.sampled_from(IMAGES), to=SETS, environment=WHERE)
    def set(self, name: str, to: str, environment: str) -> None:
        self._run_to_its_end(self._set(name, to, environment))

    @precondition(lambda self: len(self.shop.waves) > 1)
    @rule(
        name=st.sampled_from([None, None, *IMAGES]),
        lifts=st.sampled_from([False, False, False, True]),
        environment=st.sampled_from(WAVES[1:]),
    )
    def promote(self, name: str | None, lifts: bool, environment: str) -> None:
        where = self._there(environment)
        self._run_to_its_end(Command("promote", image=name, environment=where, release_hold=lifts))

    @rule(
        name=st.sampled_from([None, None, *IMAGES]),
        back=BACK,
        environment=WHERE,
        lifts=st.sampled_from([False, True]),
    )
    def roll_back(self, name: str | None, back: int | None, environment: str, lifts: bool) -> None:
        command = self._back(name, back, environment, lifts=lifts)
        if lifts:
            self._run(command)  # what it leaves is what it ran before: the next one would go back to that
        else:
            self._run_to_its_end(command)

    @rule(command=COMMANDS, at=AT, when=WHEN)
    def run_is_killed(self, command: tuple[str, str], at: int, when: When) -> None:
        def kill(number: int, now: When) -> None:
            if (number, now) == (at, when):
                raise Killed

        self._run(self._command(command), kill)

    @rule(
        command=COMMANDS,
        act=st.sampled_from(["commits", "squashes", "closes", "deletes the branch", "pins by hand", "touches"]),
        which=WHICH,
        at=AT,
        when=WHEN,
    )
    def person_acts_within_a_run(self, command: tuple[str, str], act: str, which: int, at: int, when: When) -> None:
        def meet(number: int, now: When) -> None:
            if (number, now) == (at, when):
                self._act(act, which)

        self._run(self._command(command), meet)

    # People

    @precondition(lambda self: self.shop.pulls())
    @rule(which=WHICH, what=st.sampled_from([*DECISIONS]))
    def decide(self, which: int, what: str) -> None:
        DECISIONS[what](self.people, self._pull(which))

    @precondition(lambda self: self.shop.pulls())
    @rule(which=WHICH, what=st.sampled_from(MERGES))
    def merge(self, which: int, what: str) -> None:
        DECISIONS[what](self.people, self._pull(which))

    @precondition(lambda self: self.shop.pulls("closed"))
    @rule(which=WHICH)
    def take_back(self, which: int) -> None:
        """Reopen what was closed, or revert what was merged."""
        closed = self.shop.pulls("closed")
        pull = closed[-1 - which % len(closed)]
        (self.people.reopen if pull.merged_at is None else self.people.revert)(pull)

    @rule(which=WHICH)
    def revert_commit(self, which: int) -> None:
        self.people.revert_commit(which)

    @precondition(lambda self: self.shop.proposing)
    @rule(which=WHICH, work=WORK)
    def commit_on_branch(self, which: int, work: Any) -> None:
        self.people.commit(self._branch(which), work)

    @precondition(lambda self: self.shop.proposing)
    @rule(which=WHICH)
    def delete_branch(self, which: int) -> None:
        self.people.delete_branch(self._branch(which))

    # The base branch

    @precondition(lambda self: len(self.shop.main) > 1)
    @rule(which=WHICH, how=PUSHES)
    def push_to_base(self, which: int, how: Any) -> None:
        path, name = self._key(which)
        match how:
            case "another file":
                data = self.shop.files(self.shop.branches["main"])["README.md"]
                self.people.push("README.md", data + b"more\n", "docs")
            case "another line":
                self.people.touch(path)
            case "the line above an entry":
                self.people.touch(path, above=name)
            case "a broken file, or mended":
                self.people.break_file(path)
            case _:
                self.people.pin_by_hand((path, name), how)

    # The configuration, and time

    @rule(
        name=st.sampled_from([*IMAGES, None]),
        hours=st.integers(1, 30),
        where=st.sampled_from([*([name] for name in WAVES), WAVES[1:], "all"]),
    )
    def write_hold(self, name: str | None, hours: int, where: Any) -> None:
        environments = where if where == "all" else list(dict.fromkeys(map(self._there, where)))
        until = moment(self.shop.clock.now() + timedelta(hours=hours))
        if name in (None, *self.shop.pushed):  # a name that means nothing stops the environment
            said = {"environments": environments, "until": until, "why": "the fair"}
            self.shop.holds.append(said | ({"image": name} if name else {}))
            self.people.configure()

    @precondition(lambda self: self.shop.holds)
    @rule()
    def lift_hold(self) -> None:
        self.shop.holds.pop()
        self.people.configure()

    @precondition(lambda self: not self.shop.commits(ENVIRONMENT))
    @rule(group=GROUPS)
    def regroup(self, group: object) -> None:
        if self.shop.propose["group"] != group:
            self.shop.propose["group"] = group
            self.model.regrouped = True
            self.people.configure()

    @rule(hours=st.sampled_from([0.5, 3, 48]))
    def time_passes(self, hours: float) -> None:
        self.shop.clock.sleep(hours * 3600)

    # How it is done

    def _run(self, command: Command, happens: Callable[[int, When], None] | None = None) -> Ran:
        self.model.touched.clear()
        self.model.past.lifts = False
        before = self.model.begins(command)
        ran = self.shop.run(command, happens)
        self.model.check(before, command, ran, disturbed=happens is not None)
        return ran

    def _run_to_its_end(self, command: Command) -> None:
        """Once nothing has changed since, nothing is written, and next to nothing is asked."""
        ran = self._run(command)
        for _ in range(4):
            main = self.shop.branches["main"]
            before, ran = ran, self._run(command)
            freed = "limit" in self.shop.propose and self._closes(before)  # the next run takes that place
            if main == self.shop.branches["main"] and not self._merges_by_itself(ran) and not freed:
                assert ran.seen.writes == [], f"nothing has changed, and {command} writes"
                # When each label was put on, and the last push before it, is asked for again: two requests.
                handed_back = sum(HAND_BACK in pull.labels for pull in self.shop.pulls())
                # What should merge by itself and cannot is looked at once more, and warned of, each time.
                assert len(ran.seen.reads) <= 2 + 2 * handed_back + len(ran.warnings), ran.seen.reads
                return
        raise AssertionError(f"{command} comes to no end")

    def _closes(self, ran: Ran) -> bool:
        assert ran.outcome is not None
        return any(each.action.name == "close" for outcome in ran.outcome.environments for each in outcome.proposals)

    def _merges_by_itself(self, ran: Ran) -> bool:
        return any("/merge" in each for each in ran.seen.writes)

    def _act(self, act: str, which: int) -> None:
        pulls, branches = self.shop.pulls(), self.shop.proposing
        if act in DECISIONS and pulls:
            DECISIONS[act](self.people, self._pull(which))
        elif act == "commits" and branches:
            self.people.commit(self._branch(which), "another file")
        elif act == "deletes the branch" and branches:
            self.people.delete_branch(self._branch(which))
        elif act == "pins by hand" and self.shop.main:
            self.people.pin_by_hand(self._key(which), "newest")
        elif act == "touches" and self.shop.main:
            self.people.touch(self._key(which)[0])

    def _command(self, asked: tuple[str, str]) -> Command:
        name, to = asked
        match to:
            case "update with a newer tag":
                self.tag(name, "newer")
            case "promote" | "promote the image" if len(self.shop.waves) > 1:
                return Command("promote", image=name if to.endswith("image") else None)
            case "rollback" | "rollback the image" | "rollback, lifting holds":
                image = name if to.endswith("image") else None
                return self._back(image, None, ENVIRONMENT, lifts=to.endswith("holds"))
            case "unheard of" | "newest" | "older, allowed":
                return self._set(name, to, ENVIRONMENT)
        return Command()

    def _back(self, name: str | None, back: int | None, environment: str, *, lifts: bool) -> Command:
        environment, to = self._there(environment), None
        if back is not None:
            releases = self.model.past.releases(environment)
            at = max(len(releases) - back, 0)
            to = releases[at][:12] if back % 2 else str(at + 1)
        return Command("rollback", environment=environment, image=name, to=to, release_hold=lifts)

    def _set(self, name: str, to: str, environment: str) -> Command:
        environment = self._there(environment)
        minors = self._minors(name) or [FIRST]
        tag, digest, allowed = f"1.{max(minors)}.0", "", False
        if to == "unheard of":
            tag, digest = f"1.{max(minors) + 1}.5", f"@sha256:{'a' * 64}"
        elif to.startswith("older"):
            tag, allowed = f"1.{min(minors)}.0", to.endswith("allowed")
        elif to == "other bytes":
            digest = f"@sha256:{'b' * 64}"
        if allowed:
            mine = {key for key in self.shop.main if (environment_of(key), key[1]) == (environment, name)}
            self.model.allowed |= {(key, tag) for key in mine}
        if name not in self.shop.pushed:
            digest = f"@sha256:{'c' * 64}"
        return Command("set", f"{name}={tag}{digest}", environment, allow_downgrade=allowed, release_hold=allowed)

    def _there(self, environment: str) -> str:
        return environment if environment in self.shop.waves else ENVIRONMENT

    def _minors(self, name: str) -> list[int]:
        tags = [tag for tag in self.shop.pushed.get(name, {"1.5.0": ""}) if "-" not in tag and tag.startswith("1.")]
        return [version(Pinned(tag))[1] for tag in tags]

    def _pull(self, which: int) -> Pull:
        return self.shop.pulls()[which % len(self.shop.pulls())]

    def _branch(self, which: int) -> str:
        return sorted(self.shop.proposing)[which % len(self.shop.proposing)]

    def _key(self, which: int) -> tuple[str, str]:
        return sorted(self.shop.main)[which % len(self.shop.main)]


def explore(*, examples: int, seed: int, steps: int = 25, shrinks: bool = True) -> None:
    """Run so many rows of at most so many steps, which follow from the seed alone."""
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),  # a row takes seconds
        report_multiple_bugs=False,
        print_blob=False,
    )
    run_state_machine_as_test(with_seed(seed)(Proposals), settings=profile)
