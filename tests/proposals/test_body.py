from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitops_bot.config import Hold
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import body
from gitops_bot.proposals.text.details import DescribedChange
from gitops_bot.proposals.text.markdown import LIMIT, plain, size
from gitops_bot.releases.decisions import Change, Held, PinChange
from tests.managed import alter, change_of, managed
from tests.proposals.hostile import CLOSED, HOSTILE
from tests.proposals.sample import API, AT, WEB, A, B, C, build, change
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitops_bot.releases.decisions import EntryKey

BEGIN = "<!-- gitops-bot:begin -->"
DONE = Reason("nothing_new", "the base branch has it already")
WHY = "Closed by gitops-bot: the base branch has it already. This is not a decline; newer versions will be proposed."
SHORT = B[:19]
FULL = "<details><summary>Files and full digests</summary>"


def said(*changes: Change) -> tuple[PinChange, ...]:
    return tuple(each.pin_change for each in changes)


def hostile(text: str, *, tag: str = "v2") -> Change:
    entry = managed("staging", text, f"{text}/kustomization.yaml", 1, text, f"r.test/{text}")
    return change_of(alter(entry, pin=Pin(text, text)), Pin(tag, B), "policy", "forward", Reason("chosen", text))


def rendered(
    *changes: Change,
    held: tuple[Held, ...] = (),
    environment: str = "staging",
    described: Mapping[EntryKey, DescribedChange] | None = None,
) -> str:
    return body.render(environment, changes, held, described or {}, AT)


def telling(text: str) -> DescribedChange:
    """Images that say this of themselves, whatever they are asked, and commits that say it too."""
    before = build(source=text, revision=text, platforms=(text, f"{text}?"), sized=text)
    return DescribedChange(before, alter(before, platforms=(text, f"{text}!")), (text, f"{text} {text}"))


@dataclass(frozen=True)
class Shown:
    rows: list[list[str]]
    #: What a reader would stumble over, click on or be shouted at by.
    active: list[str]
    comments: list[str]
    #: HTML that stands by itself, line by line, without the comments.
    html: list[str]
    fences: list[str]
    links: list[str]
    text: str


def shown(text: str) -> Shown:
    """The body as an independent parser of Markdown with tables reads it."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    rows: list[list[str]] = []
    active: list[str] = []
    words: list[str] = []
    links: list[str] = []
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("td_open", "th_open"):
            cell = tokens[at + 1].children or []
            rows[-1].append("".join(part.content for part in cell if part.type != "html_inline"))
        for part in token.children or []:
            if part.type in ("image", "em_open", "strong_open", "s_open") or (
                part.type == "html_inline" and part.content != "<br>"
            ):
                active.append(part.content or part.type)
            if part.type == "link_open":
                links.append(str(part.attrs["href"]))
            if part.type == "text":
                words.append(part.content)
        if token.type in ("heading_open", "hr", "code_block", "ordered_list_open"):
            active.append(token.type)
    blocks = [line for token in tokens if token.type == "html_block" for line in token.content.splitlines()]
    return Shown(
        rows,
        active,
        [line for line in blocks if line.startswith("<!--")],
        [line for line in blocks if not line.startswith("<!--")],
        [token.content for token in tokens if token.type == "fence"],
        links,
        "\n".join(words),
    )


def test_a_reviewer_sees_image_from_to_digest_and_why() -> None:
    text = rendered(change(), change("api", Pin("v2"), Pin("v1", A), file=API, reason="set by hand"))
    seen = shown(text)
    assert seen.rows == [
        ["image", "from → to", "digest", "why"],
        [
            "docker.io/library/webapps/web/overlays/staging/kustomization.yaml",
            "v1 → v2",
            SHORT,
            "v2 is the highest of 3 tags",
        ],
        ["docker.io/library/apiapps/api/overlays/staging/kustomization.yaml", "v1 → v2", "", "set by hand"],
    ]
    assert "2 pins changed, nothing else." in text
    assert "Merge to release. Close to decline exactly these pins" in text
    assert "Held back" not in text
    held = Held(alter(change().entry, pin=Pin("v1")), Pin("v0"), Reason("held.downgrade", "v0 is older than v1"))
    waiting = f"\n\nHeld back, and why:\n\n- `web` in `{WEB}`: v0 is older than v1\n\n"
    assert waiting in rendered(change("api"), held=(held,))


def test_digests_alone_and_new_repositories_are_shown() -> None:
    text = rendered(change(before=Pin(None, A), after=Pin(None, B), new_name="ghcr.io/acme/web"))
    assert "1 pin changed" in text
    (_, row) = shown(text).rows
    assert row[0].startswith("docker.io/library/web → ghcr.io/acme/web")
    assert row[1:3] == [f"@{A[:19]} → (by digest)", SHORT]
    assert f"\n{FULL}\n\n- `docker.io/library/web` in `{WEB}`: `@{A}` → `@{B}`\n\n</details>\n" in text
    assert FULL not in rendered(change(before=Pin("v1"), after=Pin("v2")))  # the table shortens nothing


def test_what_is_known_of_the_images_stands_below_the_table() -> None:
    one, other = change(before=Pin("v1", A)), change("api", file=API)
    known = DescribedChange(build(), build(revision="b" * 40, platforms=("linux/amd64",)), ("fix: #1 by @ada",))
    text = rendered(one, other, described={one.entry.key: known})
    seen = shown(text)
    assert len(seen.rows) == 3
    assert seen.html == [
        FULL,
        "</details>",
        "<details><summary><code>docker.io/library/web</code> <code>v1</code> → <code>v2</code></summary>",
        "</details>",
    ]
    assert seen.fences == [
        f"docker pull docker.io/library/web@{B}\n",
        "gitops-bot rollback staging --image web --image api\n",
    ]
    # In the row of the table, and with the commits by their names below.
    compared = f"https://github.com/acme/web/compare/{'a' * 40}...{'b' * 40}"
    assert seen.links == [compared, compared]
    assert f"<br>`{WEB}` | [`v1` → `v2`]({compared}) | " in text
    assert f"<br>`{API}` | `v1` → `v2` | " in text
    assert "\nfix: #\u200b1 by @\u200bada\n" in seen.text


def test_lost_platforms_are_said_outside_of_what_is_folded_away() -> None:
    one = change()
    described = {one.entry.key: DescribedChange(build(), build(platforms=("linux/amd64",)))}
    text = rendered(one, described=described)
    assert f"|\n\n> [!WARNING]\n> - `docker.io/library/web` `v2` is no longer built for `linux/arm64`\n\n{FULL}" in text
    assert "WARNING" not in rendered(one, described={one.entry.key: DescribedChange(build(), build())})


def test_overlays_that_change_alike_share_a_section() -> None:
    changes = [change(), change(file=API)]
    described = {one.entry.key: DescribedChange(build(), build(platforms=("linux/amd64",))) for one in changes}
    text = rendered(*changes, described=described)
    assert len(shown(text).rows) == 2
    assert text.count("docker pull") == text.count("is no longer built for") == 1


def test_where_room_is_short_the_table_comes_first_and_the_ways_of_people_stay() -> None:
    changes = [change(f"web{number}", before=Pin("v1", A)) for number in range(1000)]
    held = tuple(Held(one.entry, one.after, one.reason) for one in changes)
    gone = DescribedChange(build(), build(platforms=()), ("x",))
    text = rendered(*changes, held=held, described={one.entry.key: gone for one in changes})
    assert len(shown(text).rows) > 150
    assert "more changes: see the commit." in text
    waiting = re.search(r"\nHeld back, and why:\n\n((?:- `.*\n){0,4})- … and ([0-9]+) more\n", text)
    assert waiting is not None
    assert waiting[1].count("\n") + int(waiting[2]) == 1000
    assert "… and details of 1,000 more changes, left out to save space." in text
    assert "**How to roll back**: revert this pull request once it is merged." in text
    assert f"{body.PEOPLE}\n\n<!-- gitops-bot:plan " in text


@pytest.mark.parametrize("text", [pytest.param(text, id=label) for label, text in HOSTILE.items()])
def test_no_name_and_no_reason_leaves_its_cell(text: str) -> None:
    one = hostile(text)
    held = Held(one.entry, one.after, one.reason)
    described = {one.entry.key: telling(text), change().entry.key: telling(text)}
    rest = rendered(one, change(), held=(held,), environment=text, described=described)
    seen = shown(rest)

    assert [len(row) for row in seen.rows] == [4, 4, 4]
    assert seen.rows[1][1] == f"{plain(text)} → v2".lstrip()
    assert seen.rows[2][1:3] == ["v1 → v2", SHORT]
    # The environment, the lost platforms of both, and how to roll back: as many as of a text without any sign in it.
    assert seen.active == ["strong_open"] * (4 if plain(text) else 3)
    assert seen.links == []
    # Sections begin and end as they should, whatever stands in their code elements.
    begun = [re.sub("<code>[^<>]*</code>", "x", line) for line in seen.html if line != "</details>"]
    named = "x x" if plain(text) else "x "
    assert begun[:3] == [FULL, f"<details><summary>{named} → x</summary>", "<details><summary>x x → x</summary>"]
    assert begun[3:] == []
    # Nothing can be pulled by a name that is none: one section is without its command.
    assert seen.html.count("</details>") == len(begun) == len(seen.fences) + 2
    assert not re.search(r"^ *[-*+] \[[ xX]\] ", rest, re.MULTILINE)
    marks = " ".join(body.pin_mark(each.entry.key, each.after, None) for each in (one, change()))
    assert seen.comments == [
        "<!-- gitops-bot:begin -->",
        f"<!-- gitops-bot:plan {body.mark(said(one, change()))} -->",
        f"<!-- gitops-bot:pins {marks} -->",
        "<!-- gitops-bot:end -->",
    ]
    assert not re.search(r"@\w|#\d|://|www\.", seen.text)
    assert all(char.isprintable() or char in "\n\u200b" for char in rest)
    assert len(rest) <= LIMIT
    # The hidden comments are the bot's, whatever the names say.
    assert body.plan_mark(rest) == body.mark(said(one, change()))
    assert not body.is_closed_by_bot(rest)


TEXTS = st.sampled_from(list(HOSTILE.values())) | st.text(max_size=60)


@settings(deadline=None, max_examples=10)
@given(st.data(), st.sampled_from([1, 3, 40, 1500]), st.sampled_from([0, 2, 400]), st.sampled_from([0, 1, 30]))
def test_the_limit_and_the_marks_hold_whatever_is_in_a_plan(
    data: st.DataObject, changed: int, held: int, subjects: int
) -> None:
    names = data.draw(st.lists(TEXTS, min_size=1, max_size=4))
    changes = [hostile(f"{names[number % len(names)]}{number}") for number in range(changed)]
    text = data.draw(TEXTS)
    known = telling(text)
    described = {one.entry.key: alter(known, subjects=known.subjects * subjects) for one in changes[:50]}
    kept = tuple(Held(one.entry, one.after, one.reason) for one in changes)[:1] * held
    whole = rendered(*changes, held=kept, environment=text, described=described)

    closing = body.with_closing_mark(whole, DONE)
    assert size(closing) <= LIMIT
    for each in (whole, closing):
        assert body.plan_mark(each) == body.mark(said(*changes))
        assert len(body.pin_marks(each)) == min(len({one.entry.key for one in changes}), 1400)
        assert body.is_closed_by_bot(each) is (each is closing)
        assert not re.search(r"^ *[-*+] \[[ xX]\] ", each, re.MULTILINE)
    seen = shown(whole)
    assert seen.links == []
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.", seen.text)
    assert len(seen.comments) == 4
    assert all(len(row) == 4 for row in seen.rows)
    assert seen.html.count("</details>") * 2 == len(seen.html)


def test_a_thousand_changes_are_cut_at_a_whole_row_with_a_word() -> None:
    changes = [change(f"service-{number}", file=f"apps/service-{number}/kustomization.yaml") for number in range(1000)]
    text = rendered(*changes)
    rows = [line for line in text.splitlines() if line.startswith("| `")]

    assert LIMIT - 2_000 < len(text) <= LIMIT
    assert rows == rendered(*changes[: len(rows)]).splitlines()[5 : 5 + len(rows)]
    assert f"\n\n… and {1000 - len(rows)} more changes: see the commit.\n" in text
    assert body.plan_mark(text) == body.mark(said(*changes))
    assert len(body.pin_marks(text)) == 1000


# The hidden comments.

SAME_PIN = (change(before=Pin("v0")),)
OTHERS = (
    *SAME_PIN,
    change(after=Pin("v3", B)),
    change(after=Pin("v2", C)),
    change(after=Pin("v2")),
    change("api"),
    change(file=API, before=Pin("v0")),
    change(new_name="ghcr.io/acme/web"),
)


def test_the_mark_is_of_the_pins_and_not_of_their_order_or_reasons() -> None:
    one, other = change(), change("api", file=API)
    mark = body.mark(said(one, other))
    assert mark == body.mark(said(other, one))
    assert mark == body.mark(said(alter(one, reason=Reason("set", "another reason")), other))
    assert mark == body.mark(said(alter(one, source="set"), other))
    for another in OTHERS:
        assert body.mark(said(one)) != body.mark(said(another))
        assert len(shown(rendered(one, another)).rows) == 3
        assert body.pin_marks(rendered(another)).isdisjoint(body.pin_marks(rendered(one))) == (another not in SAME_PIN)


@rows("edit", {
    "saved in a browser": lambda text: text.replace("\n", "\r\n"),
    "the table taken out": lambda text: re.sub(r"^\|.*\n", "", text, flags=re.MULTILINE),
})  # fmt: skip
def test_marks_outlive_what_people_do_to_the_text(edit: Callable[[str], str]) -> None:
    text = rendered(change())
    assert body.plan_mark(edit(text)) == body.mark(said(change()))
    assert body.pin_marks(edit(text)) == body.pin_marks(text) != frozenset()
    assert body.is_closed_by_bot(edit(body.with_closing_mark(text, DONE)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a person's words",
        f"<!-- gitops-bot:plan {'g' * 64} -->",
        f"`<!-- gitops-bot:plan {'0' * 64} -->`",
        "<!-- gitops-bot:pins  -->",
        f"quoted: {CLOSED}",
        f"{CLOSED} quoted",
        "<!-- gitops-bot:closed",
    ],
)
def test_what_is_no_mark_says_nothing(text: str) -> None:
    assert (body.plan_mark(text), body.pin_marks(text), body.is_closed_by_bot(text)) == (None, frozenset(), False)


def test_the_closing_mark_is_left_once_and_hides_nothing() -> None:
    text = rendered(change())
    closed = body.with_closing_mark(text, DONE)
    assert closed == text.replace(BEGIN, f"{BEGIN}\n{CLOSED}\n{WHY}\n", 1)
    assert body.with_closing_mark(closed, DONE) == closed
    assert body.without_closing_mark(closed) == body.replace_own_part(closed, text) == text
    assert body.plan_mark(closed) == body.plan_mark(text)
    assert shown(closed).rows == shown(text).rows
    assert not body.is_closed_by_bot(text)


@pytest.mark.parametrize("before", ["", "Please look.\n\n"])
@pytest.mark.parametrize("after", ["", "\n\nThanks!\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_people_wrote_outlives_closing_and_what_comes_after_it(before: str, after: str, end: str) -> None:
    text = f"{before}{rendered(change())}{after}".replace("\n", end)
    closed = body.with_closing_mark(text, DONE)
    assert WHY in closed
    assert closed.startswith(before.replace("\n", end))
    assert closed.endswith(after.replace("\n", end))
    assert body.without_closing_mark(closed).replace("\r", "") == text.replace("\r", "")
    saved = closed.replace("\r", "").replace("\n", "\r\n")
    assert body.without_closing_mark(saved) == text.replace("\r", "").replace("\n", "\r\n")
    again = body.with_closing_mark(saved, Reason("nothing_new", "no entry belongs to this group any more"))
    assert WHY not in again
    assert again.count("Closed by gitops-bot: no entry belongs to this group any more.") == 1
    assert WHY not in body.replace_own_part(closed, rendered(change()))


def test_a_body_without_the_bots_own_part_is_closed_with_the_reason_at_its_end() -> None:
    closed = body.with_closing_mark("a person's words", DONE)
    assert closed.startswith(f"a person's words\n\n{CLOSED}\n{WHY}")
    assert body.without_closing_mark(closed).rstrip() == "a person's words"
    # As earlier versions left it.
    assert body.without_closing_mark(f"a person's words\n\n{CLOSED}").rstrip() == "a person's words"


def test_where_room_is_short_the_reason_takes_the_place_of_the_bots_own_words() -> None:
    text = rendered(change())
    words = "x" * (LIMIT - len(text) - 2)
    closed = body.with_closing_mark(f"{words}\n\n{text}", DONE)
    assert len(closed) <= LIMIT
    assert closed.startswith(words)
    assert WHY in closed
    assert body.is_closed_by_bot(closed)
    assert body.plan_mark(closed) == body.plan_mark(text)


def test_a_reason_from_elsewhere_is_bounded_and_only_shown() -> None:
    reason = Reason("nothing_new", f"@root fixes #1 {CLOSED}\n- [x] done" + "|" * 9_000)
    text = rendered(change())
    closed = body.with_closing_mark(text, reason)
    assert len(closed) < len(text) + 1_000
    assert "- [x]" not in closed
    assert not re.search(r"@root|#1\b", shown(closed).text)
    assert body.without_closing_mark(closed) == text


@pytest.mark.parametrize("text", ["", "x" * 65_536, "x\n" * 32_768, "<!-- " + "x" * 65_536])
def test_any_text_can_be_marked_as_closed_within_the_limit(text: str) -> None:
    closed = body.with_closing_mark(text, DONE)
    assert body.is_closed_by_bot(closed)
    assert len(closed) <= LIMIT


# What it says of a freeze.

FAIR = Hold(("staging",), datetime(2999, 12, 24, tzinfo=UTC), "fixes #1 @root <!-- x\ny", ("gitops-bot.yaml", 9, 1))


@pytest.mark.parametrize("state", ["switching", "draft", "text"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_pause_stands_on_top_and_goes_without_a_trace(state: str, end: str) -> None:
    text = rendered(change()).replace("\n", end)
    told = body.with_pause(f"Please look.{end}{text}{end}Thanks!", state, FAIR)
    assert body.pause_of(text) is None
    assert body.pause_of(told.replace("\r", "").replace("\n", "\r\n")) == body.pause_of(told) == state
    assert body.with_pause(told, state, FAIR) == told
    assert shown(told).text.index("Paused until 2999-12-24 (fixes") < shown(told).text.index("1 pin changed")
    assert not re.search(r"@root|#1\b", shown(told).text)
    assert body.without_pause(told).replace("\r", "") == f"Please look.\n{rendered(change())}\nThanks!"
    closed = body.with_closing_mark(told, DONE)
    assert body.without_closing_mark(closed) == told
    assert body.pause_of(closed) == state
    assert body.pause_of(body.replace_own_part(told, text)) is None
    alone = body.with_pause("a person's words", state, FAIR)
    assert body.with_pause(alone, state, FAIR) == alone
    assert body.without_pause(alone) == "a person's words"


# The place of the bot's text in what people made of it.

OLD, NEW = rendered(change()), rendered(change(after=Pin("v3", C)))


@rows("found expected", {
    "words around": (f"before\n{OLD}\nafter\n", f"before\n{NEW}\nafter"),
    "saved in the web editor": (f"before\n\n{OLD}\n\nafter".replace("\n", "\r\n"), f"before\r\n\r\n{NEW}\r\n\r\nafter"),
    "the closing mark after it, saved in the web editor": (f"{OLD}\r\n\r\n{CLOSED}\r\n", NEW),
    "the closing mark before it": (f"{CLOSED}\n{OLD}", f"{NEW}"),
    "a closing mark that somebody quotes": (f"a {CLOSED} b\n{OLD}", f"a {CLOSED} b\n{NEW}"),
    "words within it": (OLD.replace("nothing else.", "nothing else. Really."), NEW),
    "no place of the bot's": ("a person's words alone", NEW),
    "a beginning without an end": ("before\n<!-- gitops-bot:begin -->\nafter", NEW),
    "words that leave no room": (f"{'x' * LIMIT}\n{OLD}", NEW),
    "words that leave just enough room": (
        f"{'x' * (LIMIT - len(NEW) - 1)}\n{OLD}", f"{'x' * (LIMIT - len(NEW) - 1)}\n{NEW}",
    ),
})  # fmt: skip
def test_the_new_text_takes_the_place_of_the_old_and_no_other(found: str, expected: str) -> None:
    whole = body.replace_own_part(found, NEW)
    assert whole.lstrip("\n") == expected
    assert body.plan_mark(whole) == body.plan_mark(NEW)
    assert not body.is_closed_by_bot(whole)
    assert body.replace_own_part(whole, NEW) == whole  # what is in place stays
    assert len(whole) <= LIMIT


def test_a_text_says_out_of_sight_what_its_pull_request_lacks_and_is_finished_in_place() -> None:
    begun = body.with_lacks(body.with_lacks(NEW, ["reviewers"]), ["labels"])
    assert (body.lacks(begun), body.lacks(NEW)) == ({"labels", "reviewers"}, frozenset())
    assert (body.plan_mark(begun), body.pin_marks(begun)) == (body.plan_mark(NEW), body.pin_marks(NEW))
    assert shown(begun).rows == shown(NEW).rows
    assert body.lacks(begun.replace("\n", "\r\n")) == {"labels", "reviewers"}
    assert body.replace_own_part(f"before\n\n{begun}\n\nafter", NEW) == f"before\n\n{NEW}\n\nafter"
    assert body.lacks(body.with_lacks(NEW, ["labels"]).replace("lacks labels", "lacks labels patience")) == {"labels"}
    everything = {"labels", "assignees", "reviewers", "details"}
    assert body.lacks("by a person\n<!-- gitops-bot:lacks labels -->") == everything


def test_what_a_rollback_leaves_as_it_is_is_said_once_and_shown_as_it_stands() -> None:
    note = "configuration that changed since is not reverted: a/`x`|\n<!-- gitops-bot:closed -->"
    text = rendered(*(alter(change(name), not_rolled_back=(note,)) for name in ("web", "api")))
    (line,) = (line for line in text.splitlines() if line.startswith("Not rolled back: "))
    assert "configuration that changed since is not reverted: a/`x`\\|" in line
    assert not body.is_closed_by_bot(text)
    assert "Not rolled back" not in rendered(change())


# What a rollback says.


def back(*changes: Change, because: str | None = "checkout fails\nfor @ada: <!-- gitops-bot:closed -->") -> str:
    gone = [alter(each, source="rollback", direction="backward", because=because) for each in changes]
    known = DescribedChange(build(), build(revision="b" * 40), ("fix: the till",))
    return rendered(*gone, described={each.entry.key: known for each in gone})


def test_a_rollback_gives_its_reason_and_no_advice_to_roll_back() -> None:
    text = back(change(before=Pin("v1", A)), change("api", file=API))
    assert "\n**staging**: 2 pins rolled back, nothing else.\n\n**Why:** checkout fails for @\u200bada: \\<!-- " in text
    assert "How to roll back" not in text
    assert f"{body.ROLLED_BACK}\n\nMerge to roll back. Close to keep what runs now. " in text
    assert not body.is_closed_by_bot(text)
    assert "**Why:**" not in back(change(), because=None)
    assert "**Why:**" not in back(change(), because=" \u200b\n")


def test_a_rollback_links_the_commits_that_it_takes_back() -> None:
    # The revision before is a, the one to go back to is b: a forge shows what a has and b has not.
    text = back(change())
    assert shown(text).links == [f"https://github.com/acme/web/compare/{'b' * 40}...{'a' * 40}"] * 2
    assert "- source rolled back: [`bbbbbbbbbb...aaaaaaaaaa`]" in text
    assert "- commits rolled back, oldest first:\n  - fix: the till\n" in text


def test_changes_that_are_alike_are_one_row_with_their_files_and_digests_below() -> None:
    files = [f"apps/{name}/overlays/staging/kustomization.yaml" for name in "abcdefg"]
    alike = [change(before=Pin("v1", A), file=file) for file in files]
    other = change(before=Pin("v0", A), file=API)
    text = rendered(*alike[:3], other, *alike[3:])
    assert "8 pins changed, nothing else." in text
    assert shown(text).rows[1:] == [
        ["docker.io/library/webin 7 overlays", "v1 → v2", SHORT, "v2 is the highest of 3 tags"],
        [f"docker.io/library/web{API}", "v0 → v2", SHORT, "v2 is the highest of 3 tags"],
    ]
    listed = "".join(f"  - `{file}`\n" for file in files)
    assert (
        f"\n{FULL}\n\n- `docker.io/library/web`: `v1@{A}` → `v2@{B}`, in\n{listed}"
        f"- `docker.io/library/web` in `{API}`: `v0@{A}` → `v2@{B}`\n\n</details>\n"
    ) in text
    # The marks are of every change.
    assert len(body.pin_marks(text)) == 8


def test_reasons_of_changes_that_are_alike_are_told_once_and_not_without_end() -> None:
    changes = [change(file=f"{number}.yaml", reason=f"reason {min(number, 5)}") for number in range(9)]
    (_, row) = shown(rendered(*changes)).rows
    assert row[3] == "reason 0reason 1reason 2… and 3 more reasons"
    (_, row) = shown(rendered(*changes[5:])).rows
    assert row[3] == "reason 5"


def test_a_cut_table_counts_changes_and_not_rows() -> None:
    changes = [change(f"{'x' * 400}{number // 2}", file=f"{number}.yaml", reason="y" * 400) for number in range(300)]
    text = rendered(*changes)
    rows = len(shown(text).rows) - 1
    assert f"\n… and {300 - 2 * rows} more changes: see the commit.\n" in text
