from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import merging
from gitops_bot.demo.bare import Bare, Person
from tests.counterparts.forge import commit
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitops_bot.demo.rules import Method

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOT, ALICE = Person("bot", "bot@x"), Person("alice", "alice@x")
LINES = [f"{number}\n".encode() for number in range(10)]


def with_line(number: int, text: bytes) -> bytes:
    return b"".join([*LINES[:number], text, *LINES[number + 1 :]])


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    made = Bare.create(tmp_path / "r.git")
    first = merging.write(made, {"a.txt": b"".join(LINES), "dir/b.txt": b"b\n"}, message="first\n", author=ALICE, at=AT)
    made.move("main", first, expected=None)
    return made


def merge(bare: Bare, method: Method = "merge", *, into: str = "main", what: str = "fix") -> str:
    heads = bare.branches()
    return merging.merge(bare, heads[into], heads[what], method, "merged\n", author=BOT, by=ALICE, at=AT)


def content(bare: Bare, commit: str, path: str) -> bytes:
    return bare.git("cat-file", "blob", f"{commit}:{path}")


def test_what_both_sides_did_is_merged_and_an_executable_file_stays_one(bare: Bare) -> None:
    theirs = with_line(8, b"theirs\n")
    head = b"commit refs/heads/fix\ncommitter a <a@b> 0 +0000\ndata 0\nfrom %s\nM 100755 inline a.txt\ndata %d\n%s\n"
    bare.git("fast-import", "--quiet", stdin=head % (bare.branches()["main"].encode(), len(theirs), theirs))
    commit(bare, "fix", {"neu": b"2", "dir/b.txt": None}, onto="fix")
    commit(bare, "main", {"a.txt": with_line(1, b"ours\n"), "new": b"1"}, onto="main")
    before = bare.branches()
    made = merge(bare)
    assert bare.git("ls-tree", "-r", "--name-only", made) == b"a.txt\nneu\nnew\n"
    assert bare.git("ls-tree", made, "a.txt").startswith(b"100755 ")
    assert content(bare, made, "a.txt") == with_line(1, b"ours\n").replace(b"8\n", b"theirs\n")
    assert (bare.commit(made).parents, bare.branches()) == ((before["main"], before["fix"]), before)
    assert merging.mergeable(bare, before["main"], before["fix"])


@rows("ours theirs", {
    "the same line": ({"a.txt": with_line(1, b"x\n")}, {"a.txt": with_line(1, b"y\n")}),
    "removed here and changed there": ({"a.txt": None}, {"a.txt": b"y"}),
    "added here and there": ({"new": b"x"}, {"new": b"y"}),
    "binary content": ({"a.txt": b"\0x"}, {"a.txt": b"\0y"}),
    "no common history": ({}, None),
})  # fmt: skip
@pytest.mark.parametrize("method", ["merge", "rebase"])
def test_two_sides_that_do_not_fit_are_a_conflict(
    bare: Bare, method: Method, ours: Mapping[str, bytes | None], theirs: Mapping[str, bytes | None] | None
) -> None:
    commit(bare, "fix", theirs or {}, onto=None if theirs is None else "main", message="theirs\n")
    commit(bare, "main", ours, onto="main")
    with pytest.raises(merging.Conflict):
        merge(bare, method)
    assert not merging.mergeable(bare, bare.branches()["main"], bare.branches()["fix"])


def test_a_rebase_keeps_messages_and_authors_and_leaves_merges_out(bare: Bare) -> None:
    commit(bare, "fix", {"a.txt": b"1"}, onto="main", message="one\n\nbody\n")
    commit(bare, "main", {"c.txt": b"c"}, onto="main")
    bare.move("fix", merge(bare, into="fix", what="main"), expected=bare.branches()["fix"])
    commit(bare, "fix", {"a.txt": b"2"}, onto="fix", message="two\n")
    base = commit(bare, "main", {"d.txt": b"d"}, onto="main")
    made = merge(bare, "rebase")
    told = bare.commits(base, made)
    assert [(each.message, each.author.name, each.committer.name) for each in told] == [
        ("one\n\nbody", "Ada", "alice"),
        ("two", "Ada", "alice"),
    ]
    assert (told[0].parents, told[0].authored_at) == ((base,), "2025-10-09T08:53:20+00:00")
    assert [content(bare, made, path) for path in ("a.txt", "c.txt", "d.txt")] == [b"2", b"c", b"d"]
