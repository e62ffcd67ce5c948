from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo import merging
from gitops_bot.demo.bare import Bare, Person
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitops_bot.demo.rules import Method

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOT, ALICE = Person("bot", "bot@x"), Person("alice", "alice@x")
TEN = "".join(f"{number}\n" for number in range(10)).encode()
LINES = TEN.splitlines(keepends=True)


def with_line(number: int, text: bytes) -> bytes:
    return b"".join([*LINES[:number], text, *LINES[number + 1 :]])


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    made = Bare.create(tmp_path / "r.git")
    first = merging.write(made, {"a.txt": TEN, "dir/b.txt": b"b\n"}, message="first\n", author=ALICE, at=AT)
    made.move("main", first, expected=None)
    return made


def merge(bare: Bare, method: Method = "merge", message: str = "merged\n") -> str:
    heads = bare.branches()
    return merging.merge(bare, heads["main"], heads["fix"], method, message, author=BOT, by=ALICE, at=AT)


def content(bare: Bare, commit: str, path: str) -> bytes:
    return bare.git("cat-file", "blob", f"{commit}:{path}")


def test_the_first_commit_holds_exactly_the_files(bare: Bare) -> None:
    head = bare.branches()["main"]
    assert bare.git("ls-tree", "-r", "--name-only", head) == b"a.txt\ndir/b.txt\n"
    assert content(bare, head, "a.txt") == TEN
    told = bare.commit(head)
    assert (told.author, told.committed_at, told.parents) == (ALICE, "2026-01-02T03:04:05+00:00", ())


@pytest.mark.parametrize(
    ("ours", "theirs", "merged"),
    [
        pytest.param({}, {"a.txt": b"x"}, {"a.txt": b"x", "dir/b.txt": b"b\n"}, id="one side changed a file"),
        pytest.param(
            {"a.txt": with_line(1, b"ours\n")},
            {"a.txt": with_line(8, b"theirs\n")},
            {"a.txt": with_line(1, b"ours\n").replace(b"8\n", b"theirs\n"), "dir/b.txt": b"b\n"},
            id="both changed a file in different places",
        ),
        pytest.param({"a.txt": b"x"}, {"a.txt": b"x"}, {"a.txt": b"x", "dir/b.txt": b"b\n"}, id="both did the same"),
        pytest.param({"a.txt": None}, {"dir/b.txt": b"c"}, {"dir/b.txt": b"c"}, id="one removed another file"),
        pytest.param({"a.txt": None}, {"a.txt": None}, {"dir/b.txt": b"b\n"}, id="both removed a file"),
        pytest.param(
            {"new": b"1"}, {"neu": b"2"}, {"a.txt": TEN, "dir/b.txt": b"b\n", "neu": b"2", "new": b"1"}, id="both added"
        ),
    ],
)
def test_two_sides_that_fit_are_merged(
    bare: Bare, ours: Mapping[str, bytes | None], theirs: Mapping[str, bytes | None], merged: Mapping[str, bytes]
) -> None:
    commit(bare, "fix", theirs, onto="main", message="theirs\n")
    commit(bare, "main", ours, onto="main")
    before = bare.branches()
    made = merge(bare)
    names = bare.git("ls-tree", "-r", "-z", "--name-only", made).decode().split("\0")[:-1]
    assert {name: content(bare, made, name) for name in names} == merged
    assert bare.commit(made).parents == (before["main"], before["fix"])
    assert bare.branches() == before
    assert merging.mergeable(bare, before["main"], before["fix"])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param({"a.txt": with_line(1, b"x\n")}, {"a.txt": with_line(1, b"y\n")}, id="the same line"),
        pytest.param({"a.txt": None}, {"a.txt": b"y"}, id="removed here and changed there"),
        pytest.param({"a.txt": b"y"}, {"a.txt": None}, id="changed here and removed there"),
        pytest.param({"new": b"x"}, {"new": b"y"}, id="added here and there"),
        pytest.param({"a.txt": b"\0x"}, {"a.txt": b"\0y"}, id="binary content"),
    ],
)
@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_two_sides_that_do_not_fit_are_a_conflict(
    bare: Bare, method: Method, ours: Mapping[str, bytes | None], theirs: Mapping[str, bytes | None]
) -> None:
    commit(bare, "fix", theirs, onto="main", message="theirs\n")
    commit(bare, "main", ours, onto="main")
    with pytest.raises(merging.Conflict):
        merge(bare, method)
    assert not merging.mergeable(bare, bare.branches()["main"], bare.branches()["fix"])


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_a_branch_without_common_history_is_a_conflict(bare: Bare, method: Method) -> None:
    commit(bare, "fix", {"other": b""}, onto=None)
    with pytest.raises(merging.Conflict):
        merge(bare, method)


def test_an_executable_file_stays_one(bare: Bare) -> None:
    bare.git("fast-import", "--quiet", stdin=_EXECUTABLE % bare.branches()["main"].encode())
    commit(bare, "main", {"a.txt": with_line(1, b"ours\n")}, onto="main")
    made = merge(bare)
    assert bare.git("ls-tree", made, "a.txt").startswith(b"100755 ")
    assert content(bare, made, "a.txt") == with_line(1, b"ours\n").replace(b"8\n", b"theirs\n")


_EXECUTABLE = (
    b"commit refs/heads/fix\ncommitter a <a@b> 0 +0000\ndata 0\nfrom %%s\nM 100755 inline a.txt\ndata %d\n%s\n"
    % (len(with_line(8, b"theirs\n")), with_line(8, b"theirs\n"))
)


def test_a_squash_is_one_commit_by_who_proposed_it(bare: Bare) -> None:
    commit(bare, "fix", {"a.txt": b"1"}, onto="main")
    commit(bare, "fix", {"a.txt": b"2"}, onto="fix")
    base = bare.branches()["main"]
    told = bare.commit(merge(bare, "squash", "one\n\ntwo\n"))
    assert (told.parents, told.author, told.committer, told.message) == ((base,), BOT, ALICE, "one\n\ntwo")
    assert content(bare, told.id, "a.txt") == b"2"


def test_a_rebase_keeps_messages_and_authors_and_leaves_merges_out(bare: Bare) -> None:
    commit(bare, "fix", {"a.txt": b"1"}, onto="main", message="one\n\nbody\n")
    commit(bare, "main", {"c.txt": b"c"}, onto="main")
    bare.move("fix", merge_into_fix(bare), expected=bare.branches()["fix"])
    commit(bare, "fix", {"a.txt": b"2"}, onto="fix", message="two\n")
    commit(bare, "main", {"d.txt": b"d"}, onto="main")
    base = bare.branches()["main"]
    made = merge(bare, "rebase")
    told = bare.commits(base, made)
    assert [(each.message, each.author.name, each.committer.name) for each in told] == [
        ("one\n\nbody", "Ada", "alice"),
        ("two", "Ada", "alice"),
    ]
    assert told[0].parents == (base,)
    assert told[0].authored_at == "2025-10-09T08:53:20+00:00"
    assert (content(bare, made, "a.txt"), content(bare, made, "c.txt"), content(bare, made, "d.txt")) == (
        b"2",
        b"c",
        b"d",
    )


def merge_into_fix(bare: Bare) -> str:
    heads = bare.branches()
    return merging.merge(bare, heads["fix"], heads["main"], "merge", "update\n", author=BOT, by=ALICE, at=AT)
