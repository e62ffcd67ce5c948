"""The values of a ConfigMap that follow a pin: only their bytes change, or nothing does."""

from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import release_info
from tests.tables import rows

KEYS = ("version", "git-sha", "build-date", "build-number")
HEAD = b"kind: ConfigMap\ndata:\n"
SHA = "706798e8"

EDITS = {
    "plain": (b"  version: v1\n", {"version": "v2"}, b"  version: v2\n"),
    "a number for a text": (b"  version: v1\n", {"version": "1.10"}, b'  version: "1.10"\n'),
    "a commit that looks like a number": (b"  git-sha: abc\n", {"git-sha": SHA}, b'  git-sha: "706798e8"\n'),
    "a key in quotes": (b'  "version":   "a"\n', {"version": "b"}, b'  "version":   "b"\n'),
    "what begins like a comment": (b"  build-number: 1\n", {"build-number": "#2 (x)"}, b'  build-number: "#2 (x)"\n'),
    "no final line break": (b"  version: a", {"version": "b"}, b"  version: b"),
    "CRLF": (b"  version: a\r\n  x: 1\r\n", {"version": "b"}, b"  version: b\r\n  x: 1\r\n"),
    "several, around others": (b"  version: a\n\n  # x\n  other: a\n  git-sha: a\n", {"version": "b", "git-sha": "c"},
        b"  version: b\n\n  # x\n  other: a\n  git-sha: c\n"),
    "noop": (b"  version:   1.10 # x\n", {"version": "1.10"}, b"  version:   1.10 # x\n"),
    "noop, nothing asked": (b"  version: a\n", {}, b"  version: a\n"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "wanted", "after"), EDITS.values(), ids=EDITS.keys())
def test_only_the_values_change(before: bytes, wanted: dict[str, str], after: bytes) -> None:
    assert release_info.read(HEAD + before, "info.yaml", KEYS).with_values(wanted) == HEAD + after


def test_values_in_braces_behind_a_byte_order_mark_change_alone() -> None:
    data = b"\xef\xbb\xbf{kind: ConfigMap, data: {version: a, team: x}}"
    assert release_info.read(data, "info.yaml", KEYS).with_values({"version": "b c"}) == data.replace(
        b" a,", b' "b c",'
    )


REFUSED = {
    "empty": (b"# nothing\n", "the file is empty", None),
    "another kind": (b"kind: Secret\ndata: {version: a}\n", "the file is not a ConfigMap", 1),
    "without data": (b"kind: ConfigMap\n", "the ConfigMap has no `data`", 1),
    "two documents": (HEAD + b"  version: a\n---\na: b\n", "more than one document", 4),
    "an alias": (b"kind: ConfigMap\nmetadata: {name: &v a}\ndata:\n  version: *v\n", "shared by an alias", 2),
    "an anchor": (HEAD + b"  version: &v a\n", "has an anchor", 3),
    "data by an alias": (b"kind: ConfigMap\nbinary: &d {version: a}\ndata: *d\n", "shared by an alias", 2),
    "a template": (HEAD + b"  version: ${VERSION}\n", "template placeholder", 3),
    "no value": (HEAD + b"  version:\n  x: y\n", "has no value", 3),
}


@pytest.mark.parametrize(("data", "message", "line"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_edited_is_refused_with_its_place(data: bytes, message: str, line: int | None) -> None:
    with pytest.raises(EditError) as raised:
        release_info.read(data, "info.yaml", KEYS)
    problem = raised.value.problems[0]
    assert message in problem.message
    assert problem.next
    assert (problem.file, line is None or problem.line == line) == ("info.yaml", True)


def test_other_values_may_be_anything() -> None:
    data = HEAD + b"  version: a\n  more: |\n    b\n  name: &n x\n  same: *n\n"
    file = release_info.read(data, "info.yaml", KEYS)
    assert (file.values, file.with_values({"version": "b"})) == (
        {"version": "a"},
        data.replace(b"version: a", b"version: b"),
    )


FIT = ("1.4.2", "v1", "3f2a1b4c", "2026-11-02T10:15:00Z", "#17 of main", "feature/x (a, b)", "1" * 200)
UNFIT = (
    "", " ", "a ", " a", "a\n", "a\nb", 'a"', "a'", "a\\", "${A}", "{{ a }}", "<% a %>", "@A@", "%A%", "&a", "*a",
    "!!int 1", "a\u202eb", "é", "\x00", "\x7f", "`id`", "1" * 201,
)  # fmt: skip


@pytest.mark.parametrize("text", FIT)
def test_a_short_line_fits(text: str) -> None:
    assert release_info.fits(text)


@pytest.mark.parametrize("text", UNFIT)
def test_whatever_needs_an_escape_or_is_a_template_does_not(text: str) -> None:
    assert not release_info.fits(text)


@rows("before after only", {
    "a value": (b"  version: a\n", b"  version: b\n", True),
    "another value, too": (b"  team: a\n  version: a\n", b"  team: b\n  version: b\n", False),
    "noop": (b"  version: a\n", b"  version: a\n", False),
    "behind a comment": (b"\n  # x\n  version: a\n\nx: 1\n", b"\n  # x\n  version: b\n\nx: 1\n", True),
    "a line of another value": (b"  x: |\n    version: a\n", b"  x: |\n    version: b\n", False),
    "a label, too": (
        b"  version: a\nmetadata:\n  labels:\n    version: a\n",
        b"  version: b\nmetadata:\n  labels:\n    version: b\n", False,
    ),
    "elsewhere": (b"  version: a\nmetadata:\n  version: a\n", b"  version: a\nmetadata:\n  version: b\n", False),
})  # fmt: skip
def test_history_tells_values_from_everything_else(before: bytes, after: bytes, *, only: bool) -> None:
    assert release_info.only_values(HEAD + before, HEAD + after, KEYS) is only


def test_history_reads_what_is_not_on_lines_of_its_own() -> None:
    before = b"{kind: ConfigMap, data: {version: a, team: x}}"
    assert release_info.only_values(before, before.replace(b" a", b" b"), KEYS)
    assert not release_info.only_values(before, before.replace(b" a", b" b").replace(b" x", b" y"), KEYS)
    assert not release_info.only_values(before, b"{", KEYS)
