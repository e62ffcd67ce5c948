"""What waits for people after a full run, as the one issue tells it: its text, its comments, its memory (issue 26).

A hidden line has what is in trouble, since when, and whether people were told that it is stuck. A comment begins with
the same line and a higher number, and comes before the text: a run that dies in between is known by it, so nothing is
lost or told twice. Anybody may edit them: a line of another form is none, and then nothing counts as new.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from shlex import quote
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from gitops_bot.images.reason import shortlist
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import LIMIT, address, code, cost, cut, enclose, plain, prose
from gitops_bot.releases.choice import hold
from gitops_bot.releases.decisions import Failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.results.outcome import Outcome

TITLE: Final = "gitops-bot: what waits"
#: The bot knows its issue by this line.
MARK: Final = "<!-- gitops-bot:waiting -->"
_STATE, _END = "<!-- gitops-bot:state ", " -->"
_PEOPLE: Final = """\
gitops-bot keeps this up to date, and comments when something fails in two runs in a row, is stuck for a day, or \
recovers. Close it to be told only of what begins after that: a comment then opens it again."""
_HEADS: Final = {"Failed": ("failed",), "Frozen": ("frozen",), "Held": ("held", "waits"), "To review": ("review",)}
_CALM: Final = "Nothing waits: nothing failed, nothing is held, and no pull request is open."
#: What people hold on purpose, and how they promote past a gate.
_ON_PURPOSE: Final = ("held.declined", "held.hold", "held.label", "held.reverted")
_CHECKS: Final = dict.fromkeys(("held.check", "held.source_check", "held.deployment"), "--beyond-checks")
_PAST: Final[Mapping[str, str]] = {**_CHECKS, "held.policy": "--beyond-policy", "held.soak": "--now"}
#: The kind of what failed and recovered.
_OVER: Final = "over"
_TIME, _DAY = "%Y-%m-%dT%H:%MZ", timedelta(days=1)
#: Characters of a name, of a sentence, of the hidden line, and of each part of a comment; names that one line has.
_NAME, _WHY, _REMEMBERED, _PART, _NAMED = 200, 2_000, 20_000, 10_000, 10
#: No issue has so many comments: somebody edited the number of the last one.
_MOST_COMMENTS: Final = 10**9


class Item(NamedTuple):
    """One thing that waits, and why; what is `about` it and `below` it is Markdown.

    It is `failed`, `held` until somebody does something, `waits` for a time or as people wish, is in `review`, or
    `frozen`. Each of its `commands` lacks the name, which comes last; an entry has one at least.
    """

    kind: Literal["failed", "frozen", "held", "waits", "review"]
    environment: str
    name: str
    why: str
    about: str = ""
    below: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    since: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is remembered by."""
        return self.kind, self.environment, plain(self.name, _NAME)


class State(NamedTuple):
    """Since when each thing is as it is, and whether it was told to be stuck, after the comment of this `number`.

    None in place of that: it failed for the first time, and nobody was told yet. Not `whole`: there may have been more.
    """

    number: int = 0
    things: Mapping[tuple[str, str, str], tuple[datetime, bool | None]] = {}
    whole: bool = False

    @property
    def line(self) -> str:
        """The hidden line, as much as it has room for."""
        rows = [json.dumps([*key, f"{since:{_TIME}}", told]) for key, (since, told) in self.things.items()]
        rows = cut([row.replace(">", "\\u003e") for row in rows], str, _REMEMBERED, lambda _: "null")
        return f"{_STATE}[{', '.join([str(self.number), *rows, *['null'] * (not self.whole)])}]{_END}"

    @classmethod
    def read(cls, texts: Iterable[str], now: datetime) -> State:
        """The latest one in the text and the comments of the issue; an empty one, not whole, if there is none."""
        known: list[State] = []
        for line in (line.rstrip() for text in texts for line in text.split("\n")[:2] if line.startswith(_STATE)):
            things = {}
            try:
                number, *rows = json.loads(line.removeprefix(_STATE).removesuffix(_END))
                for kind, environment, name, since, told in filter(None, rows):
                    at = min(datetime.strptime(since, _TIME).replace(tzinfo=UTC), now)
                    things[str(kind), str(environment), str(name)] = at, told if told is None else told is True
                if not 0 <= int(number) < _MOST_COMMENTS:
                    continue
                known.append(cls(int(number), things, None not in rows))
            except (ValueError, TypeError, OverflowError, RecursionError):
                continue
        return max(known, key=lambda state: state.number, default=cls())


def waiting(outcome: Outcome) -> Iterator[Item]:
    """What waits, the most urgent first."""
    failed = [("", Failed(None, problem)) for problem in outcome.problems]
    failed += [(environment.name, item) for environment in outcome.environments for item in environment.failed]
    for where, item in failed:
        problem, entry = item.problem, item.entry
        below = (f"Next: {prose(problem.next, _WHY)}",) if problem.next else ()
        if entry is None:
            yield Item("failed", where, problem.file or "", problem.message, below=below)
        else:
            why = problem.what if entry.image in problem.about else problem.message
            yield Item("failed", where, entry.name, why, below=below, commands=(("explain", where),))
    for freeze in dict.fromkeys(freeze for environment in outcome.environments for freeze in environment.frozen):
        yield Item("frozen", "", "", hold.freeze_text(freeze), "freeze")
    for environment, held in ((each, held) for each in outcome.environments for held in each.held):
        name, entry, reason, source = environment.name, held.entry, held.reason, environment.promoted_from
        pins = " → ".join(code(pin.short) for pin in (held.entry.pin, held.candidate) if pin is not None)
        commands: tuple[tuple[str, ...], ...] = (("explain", name),)
        if source is not None and not entry.rules.own_policy and reason.code in _PAST:
            commands += (("promote", source, name, _PAST[reason.code], "--image"),)
        waits = reason.ends is not None or reason.code in _ON_PURPOSE
        seen = tuple(evidence.markdown(held.seen))
        yield Item("waits" if waits else "held", name, entry.name, reason.text, pins, seen, commands)
    for environment, written in outcome.proposals:
        pull, is_frozen = written.pull_request, written.on is not None and written.on.freeze is not None
        if pull is not None and pull.state == "open" and not (is_frozen and pull.draft):
            link = f"[#{pull.number}]({pull.url})" if address(pull.url) else f"pull request {pull.number}"
            yield Item("review", environment.name, "", pull.title, link, since=pull.created_at)


def is_calm(items: Iterable[Item]) -> bool:
    """Whether nothing waits. A freeze alone is no work."""
    return all(item.kind == "frozen" for item in items)


def follow(before: State, items: Sequence[Item], now: datetime, closed: datetime | None) -> tuple[State, str | None]:
    """How things are now, and the comment on what is new; once people `closed` the issue, only of what began since.

    What fails is told when the next run sees it, too: one bad answer is no news. What failed and recovered is not told
    again within a day, so that a registry that fails now and then does not fill the issue; what is stuck is told all
    the same.
    """
    things, started, stuck = dict[tuple[str, str, str], tuple[datetime, bool | None]](), [], []
    minute = now.replace(second=0, microsecond=0)
    calm = {key: was for key, was in before.things.items() if key[0] == _OVER and now - was[0] < _DAY}
    for item in (item for item in items if item.kind in ("failed", "held", "waits")):
        is_news = item.kind == "failed" and before.whole and _over(item.key) not in calm
        since, told = before.things.get(item.key, (minute, None if is_news else False))
        is_after = closed is None or since >= closed.replace(second=0, microsecond=0)
        if item.kind != "waits" and not told and now - since >= _DAY and is_after:
            stuck.append(item)
            told = True
        elif told is None and item.key in before.things:
            started += [item] * is_after
            told = False
        things[item.key] = since, told
    gone = {key: was for key, was in before.things.items() if key not in things and key[0] != _OVER}
    # Where a file or a whole environment failed, the others were not seen.
    unseen = {item.environment for item in items if item.kind == "failed" and not item.commands}
    known = {key: told for key, (_, told) in gone.items() if key[1] not in unseen and told is not None}
    ended = {key: told for key, told in known.items() if told or key[0] == "failed"}
    things |= {key: was for key, was in gone.items() if key[1] in unseen}
    things |= calm | {_over(key): (minute, False) for key in ended if key[0] == "failed"}
    over = [key for key, told in ended.items() if told or _over(key) not in calm]
    speaks = bool(started or stuck or (over and closed is None))
    after = State.read([State(before.number + speaks, things, whole=True).line], now)  # what there was room for
    recovered = [f"- {_subject(environment, [code(name)])}" for _, environment, name in over]
    parts = {"Started to fail": _lines(started, after), "Stuck for a day": _lines(stuck, after), "Recovered": recovered}
    lines = [after.line]
    for head, told_now in parts.items():
        lines += enclose([f"**{head}**", ""], told_now, _PART, "- … and {} more".format, [""])
    return after, "\n".join(lines) if speaks else None


def _over(key: tuple[str, str, str]) -> tuple[str, str, str]:
    """What is remembered, for a day, of something that failed and recovered."""
    return _OVER, *key[1:]


def render(items: Sequence[Item], state: State) -> str:
    """The text of the issue: the same for the same things, whatever the time."""
    lines = [MARK, state.line, _PEOPLE, ""]
    for head, kinds in _HEADS.items():
        of, room = [item for item in items if item.kind in kinds], LIMIT - cost(lines) - 200
        lines += enclose([f"### {head} ({len(of):,})", ""], _lines(of, state), room, "- … and {} more".format, [""])
    return "\n".join([*lines, _CALM] if is_calm(items) else lines)


def _lines(items: Iterable[Item], state: State) -> list[str]:
    """One for all that differ in their names alone, with what is below it; commands have the first name."""
    alike: dict[Item, list[Item]] = defaultdict(list)
    for item in items:
        since, _ = state.things.get(item.key, (item.since, False))
        alike[item._replace(name="", about="", since=since)].append(item)
    shown = []
    for shared, of in alike.items():
        subject = _subject(shared.environment, [f"{code(item.name)} {item.about}".strip() for item in of])
        when = f" Since {shared.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC." if shared.since else ""
        commands = (" ".join(["gitops-bot", *map(quote, (*words, of[0].name))]) for words in shared.commands)
        safe = [code(text, _WHY) for text in commands if plain(text, _WHY) == text and not of[0].name.startswith("-")]
        line = f"- {subject}: {prose(shared.why.rstrip('.'), _WHY)}.{when}"
        shown.append("\n  - ".join([line, *shared.below, *safe]))
    return shown


def _subject(environment: str, names: Iterable[str]) -> str:
    """Where, and what: the first names."""
    told = shortlist(list(dict.fromkeys(filter(None, names))), _NAMED)
    return " ".join(filter(None, [f"**{prose(environment)}**" if environment else "", told])) or "the run"
