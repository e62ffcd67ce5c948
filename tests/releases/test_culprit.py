"""Which release turned an overlay red: lines of its commits, what a check said of each, and what goes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.images.reference import Pin
from gitops_bot.releases.choice.culprit import Span, find
from gitops_bot.releases.choice.promotion import is_same
from gitops_bot.releases.decisions import EntryKey
from tests.releases.past import FILE, A, B
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.checks import CheckState

STATES: Final[dict[str, CheckState]] = {
    "green": "success",
    "red": "failure",
    "none": "pending",
    "skipped": "skipped",
}
NO_PIN = "with no pin that goes back by itself; release a fix, or revert what did it"
MOVED = "and what it moved has moved again since"
MANY = "which of them cannot be told"
GREEN = "since the last green release 1111111111"


def told(line: str, unseen: str = "") -> str:
    """Where an overlay was seen red first, with what goes back to before which commit; and what is told of it.

    The line has what was before as commit 0, and its commits 1, 2, ...: the state of each, and the pins that it moved
    (all were 1, `-` is none); `back` is a rollback.
    """
    pins: dict[EntryKey, Pin] = {}
    spans, states = [], []
    for number, said in enumerate(line.split(" | ")):
        state, *words = said.split()
        tags = {
            EntryKey(FILE, f"r.test/{word[:-2]}"): Pin(word[-1].replace("-", "") or None)
            for word in words
            if "=" in word
        }
        moves = {key: (pins.get(key, Pin("1")), pin) for key, pin in tags.items()}
        pins |= tags
        spans.append(Span(str(number) * 40, (), moves, "back" in words))
        states.append(STATES[state])
    if (red := find(spans, states, pins, unseen)) is None:
        return ""
    back = [f"{key.name[7:]}<{first[0]}" for key, first in sorted(red.entries.items())]
    return "; ".join(filter(None, [" ".join([red.commit[0], *back]), red.told]))


@rows("line expected", {
    "nothing is red": ("green | green web=2 | none web=3 | skipped web=4", ""),
    "red, and green since": ("green | red web=2 | none | green | none web=3", ""),
    "the newest": ("green | red web=2", "1 web<1"),
    "the newest, after a green one": ("green | green api=2 | red web=2", "2 web<2"),
    "two images of one commit": ("green | red api=2 web=2", "1 api<1 web<1"),
    "one that is not the newest": (
        "green | green db=2 | red api=2 | red web=2", "2 api<2; seen red at 2222222222, which changed api",
    ),
    "one that is not the newest, and nothing was reported since": (
        "green | red api=2 | none web=2", "1 api<1; seen red at 1111111111, which changed api",
    ),
    "and what came since was skipped": (
        "green | red api=2 | skipped web=2", "1 api<1; seen red at 1111111111, which changed api",
    ),
    "two images of two commits": (
        "green | green db=2 | none api=2 | red web=2", f"3 api<2 web<3; {MANY}: api and web changed {GREEN}",
    ),
    "three, with one skipped": (
        "green | green | none api=2 | skipped worker=2 | red web=2 | red db=2",
        f"4 api<2 web<4 worker<3; {MANY}: api, web and worker changed {GREEN}",
    ),
    "two, and nothing was ever green": (
        "none | none api=2 | red web=2",
        f"2 api<1 web<2; {MANY}: api and web changed and no release in between was seen green",
    ),
    "one image twice goes back to what was green": (
        "green | green | none web=2 | red web=3", f"3 web<2; seen red at 3333333333: web changed {GREEN}",
    ),
    "a release that took the pin away": ("green | red web=-", "1 web<1"),
    "configuration before it": ("green | none | red web=2", "2 web<2"),
    "configuration behind it": (
        "green | green | none web=2 | red", f"3 web<2; seen red at 3333333333: web changed {GREEN}",
    ),
    "configuration alone": ("green | green web=2 | red", f"2; {NO_PIN}"),
    "configuration, and a release while it was red": ("green | red | red web=2", f"1; {NO_PIN}"),
    "red before all of it": ("red | none web=2 | red api=2", f"0; {NO_PIN}"),
    "a fix that is not reported yet": ("green | red web=2 | none web=3", f"1; {MOVED}"),
    "a fix that is red too": ("green | red web=2 | red web=3", "1 web<1; seen red at 1111111111, which changed web"),
    "a rollback of it": ("green | red web=2 | none back web=1", f"1; {MOVED}"),
    "a rollback of it that is red": ("green | red web=2 | red back web=1", f"2; {NO_PIN}"),
    "a rollback that is red": ("green web=2 | red back web=1", f"1; {NO_PIN}"),
    "a rollback of it, and the next is red": ("green | red web=2 | green back web=1 | red api=2", "3 api<3"),
    "a rollback of it that nobody reported, and the next is red": (
        "green | green | red web=2 | none back web=1 | red api=2",
        f"4 api<4; seen red at 4444444444: api changed {GREEN}",
    ),
    "a rollback in between": (
        "green web=2 | green | none back web=1 | red api=2", f"3 api<3; seen red at 3333333333: api changed {GREEN}",
    ),
    "never to before a rollback": (
        "green web=2 | none back web=1 | red web=3",
        "2 web<2; seen red at 2222222222: web changed since the last green release 0000000000",
    ),
    "what came while it was red, once all before has gone back": (
        "green | green | red web=2 | red api=2 | red web=1", f"3 api<3; seen red at 3333333333: api changed {GREEN}",
    ),
})  # fmt: skip
def test_what_goes_back_is_what_came_since_the_last_green_release_up_to_the_first_red_one(
    line: str, expected: str
) -> None:
    assert told(line) == expected


def test_where_nobody_can_tell_how_it_was_before_nothing_goes_back_unless_it_was_green_since() -> None:
    assert told("none | red web=2", "too far") == "1; and nobody can tell how it was before: too far"
    assert told("none | green web=2 | red web=3", "too far") == "2 web<2"


def test_another_tag_of_the_same_bytes_is_the_same_pin() -> None:
    assert is_same(Pin("1", A), Pin("2", A))
    assert is_same(Pin("1"), Pin("1", A))
    assert not is_same(Pin("1", A), Pin("1", B))
    assert not is_same(Pin("1"), Pin("2", A))
    assert is_same(Pin(), Pin())
