from __future__ import annotations

from itertools import islice

import pytest

from gitops_bot.errors import Problem
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import EntryKey
from gitops_bot.releases.history.changes import Changes, EntryChange, changes, pins_at, previous
from gitops_bot.releases.history.releases import Release
from tests.releases.past import FILE, OVERLAY, A, B, Files, images, line
from tests.tables import rows

ONE, TWO = Pin("1", A), Pin("2", B)
BROKEN = b"images: ["
TWICE = b"images:\n  - {name: web, newTag: x}\n  - {name: web}\n  - {name: job, newTag: '7'}\n"
API = "apps/api/overlays/production"


def history(*commits: Files, complete: bool = True) -> tuple[Release, ...]:
    steps = line(*commits, complete=complete).steps
    return tuple(
        Release("production", len(steps) - at if complete else None, step, step.changed)
        for at, step in enumerate(steps)
    )


def newest(*commits: Files, complete: bool = True) -> Changes:
    return next(changes(history(*commits, complete=complete)))


def web(before: Pin | None, after: Pin | None, overlay: str = OVERLAY, name: str = "web") -> EntryChange:
    return EntryChange(f"{overlay}/kustomization.yaml", name, before, after)


@pytest.mark.parametrize(
    ("commits", "pins", "config"),
    [
        pytest.param([{FILE: images(web=ONE)}, {FILE: images(web=TWO)}], (web(ONE, TWO),), (), id="a pin"),
        pytest.param([{FILE: images(web=ONE)}], (web(None, ONE),), (FILE,), id="an entry that came, with its file"),
        pytest.param([{FILE: images(web=ONE, job="1")}, {FILE: images(web=ONE)}], (web(Pin("1"), None, name="job"),),
            (FILE,), id="an entry that went"),
        pytest.param([{FILE: images(web=ONE)}, {FILE: images(web=ONE) + b"# x\n"}], (), (FILE,),
            id="configuration in the file"),
        pytest.param([{FILE: images(web=ONE)}, {FILE: images(web=TWO), f"{OVERLAY}/x": b""}], (web(ONE, TWO),),
            (f"{OVERLAY}/x",), id="configuration beside it"),
        pytest.param([{FILE: images(web=ONE)}, {FILE: None, f"{OVERLAY}/kustomization.yml": images(web=TWO)}],
            (web(ONE, TWO),), (FILE, f"{OVERLAY}/kustomization.yml"), id="under another file name"),
        pytest.param([{FILE: images(web=ONE)}, {FILE: BROKEN}], (), (FILE,), id="what cannot be read"),
        pytest.param([{FILE: images(web=ONE)}, {FILE: BROKEN}, {FILE: images(web=TWO)}], (web(ONE, TWO),), (FILE,),
            id="what changed behind it is told where it is mended"),
        pytest.param([{FILE: images(web=ONE, job="6")}, {FILE: TWICE}], (web(Pin("6"), Pin("7"), name="job"),), (FILE,),
            id="an entry that is refused costs no other"),
    ],
)  # fmt: skip
def test_pins_and_configuration_are_told_apart(
    commits: list[Files], pins: tuple[EntryChange, ...], config: tuple[str, ...]
) -> None:
    found = newest(*commits)
    assert (found.pins, found.config) == (pins, config)


def test_behind_the_cut_nothing_is_made_up() -> None:
    assert newest({FILE: BROKEN}, {FILE: images(web=ONE)}, complete=False).pins == ()


KEY, JOB = EntryKey(FILE, "web"), EntryKey(FILE, "job")
FULL = "fetch the full history (`fetch-depth: 0`)"
STORY: list[Files] = [
    {FILE: images(web="1")},
    {FILE: images(web=ONE)},
    {FILE: images(web=TWO)},
    {FILE: images(web=TWO, job="5")},
    {FILE: images(web=ONE, job="5")},
    {f"{OVERLAY}/x": b"x"},
    {FILE: images(job="6")},
]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (7, {JOB: Pin("6")}),
        (6, {KEY: ONE, JOB: Pin("5")}),
        (5, {KEY: ONE, JOB: Pin("5")}),
        (4, {KEY: TWO, JOB: Pin("5")}),
        (3, {KEY: TWO}),
        (2, {KEY: ONE}),
        (1, {KEY: Pin("1")}),
    ],
)
def test_the_pins_of_then_are_walked_back_to(number: int, expected: dict[EntryKey, Pin]) -> None:
    since = tuple(islice(changes(history(*STORY)), len(STORY) - number))
    assert pins_at({JOB: Pin("6")}, since) == expected


@rows("count wanted number", {
    "before the last pin that moved": (7, None, 6),
    "configuration is nothing to go back behind": (6, None, 4),
    "of one entry": (7, {KEY}, 4),
    "an entry that came is neither": (4, None, 2),
})  # fmt: skip
def test_the_previous_release_is_the_one_before_the_last_move(
    count: int, wanted: set[EntryKey] | None, number: int
) -> None:
    found = previous(history(*STORY[:count]), "", wanted)
    assert isinstance(found, Release)
    assert found.number == number


UNKNOWN = "no release before the present pins is known"
FIRST = "the present pins are the first, and there is no release before them"


@rows("known more why advice", {
    "a digest for the tag is no other pin": (history(*STORY[:2]), "", FIRST, ""),
    "the one before was cut away": (history(*STORY[1:3], complete=False), FULL, UNKNOWN, f"F{FULL[1:]}. "),
    "a limit": (history(*STORY[1:3], complete=False), "nothing is read", UNKNOWN, "Nothing is read. "),
    "no release at all": ((), "", UNKNOWN, ""),
})  # fmt: skip
def test_nothing_to_go_back_to_is_said_with_what_helps(
    known: tuple[Release, ...], more: str, why: str, advice: str
) -> None:
    found = previous(known, more)
    assert isinstance(found, Problem)
    assert found.message == f"nothing to roll back to: {why}"
    assert found.next == f"{advice}To choose a pin yourself, use `gitops-bot set`."


def test_a_reader_of_a_few_releases_parses_no_more() -> None:
    """The oldest file would raise when touched: only what is asked for is read."""

    class Untouchable(bytes):
        def decode(self, *_: object, **__: object) -> str:
            raise AssertionError

    known = history({FILE: images(web="1")}, {FILE: Untouchable(b"images: [1]")}, {FILE: images(web=ONE)})
    step = line({FILE: images(web=ONE)}, {FILE: images(web=TWO)}).steps[0]
    assert next(changes((Release("production", 4, step, step.changed), *known))).pins == (web(ONE, TWO),)
