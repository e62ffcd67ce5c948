from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.bare import Bare, GitFailed, Moved, Person
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    made = Bare.create(tmp_path / "r.git")
    commit(made, "main", {"a.txt": b"1\n2\n3\n", "b.bin": b"\0\1"}, onto=None, message="first\n")
    return made


def test_nothing_of_the_machine_gets_into_a_new_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gitconfig").write_text("[init]\n\tdefaultBranch = mine\n[core]\n\thooksPath = /hooks\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    made = Bare.create(tmp_path / "deep/r.git", branch="trunk")
    assert made.default_branch() == "trunk"
    assert made.line("config", "core.hooksPath") == "/dev/null"
    assert not (made.path / "hooks").exists()
    assert made.branches() == {}


def test_branches_and_commits_are_read_as_they_are(bare: Bare) -> None:
    first = bare.branches()["main"]
    second = commit(bare, "fix/ä", {"a.txt": b"1\n"}, onto="main", message="title ä\n\nbody\n\n")
    third = commit(bare, "fix/ä", {"c.txt": b""}, onto="fix/ä", message="")
    assert bare.branches() == {"main": first, "fix/ä": third}
    told = bare.commits(first, third)
    assert [(each.id, each.parents, each.message) for each in told] == [
        (second, (first,), "title ä\n\nbody"),
        (third, (second,), ""),
    ]
    assert told[0].author == Person("Ada", "ada@example.com")
    assert told[0].authored_at == "2025-10-09T08:53:20+00:00"
    assert bare.commit(first).parents == ()
    assert bare.commits(third, first) == ()


def test_differences_are_counted(bare: Bare) -> None:
    base = bare.branches()["main"]
    head = commit(bare, "fix", {"a.txt": b"1\nzwei\n3\n4\n", "b.bin": b"\0\2", "sp ace/ü\n.txt": b"x"}, onto="main")
    assert bare.counted(base, head) == (3, 3, 1)
    assert bare.counted(head, head) == (0, 0, 0)


def test_history_knows_what_it_contains(bare: Bare) -> None:
    base = bare.branches()["main"]
    head = commit(bare, "fix", {"a.txt": b""}, onto="main")
    alone = commit(bare, "alone", {"a.txt": b""}, onto=None)
    assert bare.contains(head, base)
    assert bare.contains(head, head)
    assert not bare.contains(base, head)
    assert bare.merge_base(head, alone) is None
    assert not bare.contains(head, alone)


def test_a_branch_moves_only_from_where_it_was(bare: Bare) -> None:
    base = bare.branches()["main"]
    head = commit(bare, "fix", {"a.txt": b""}, onto="main")
    with pytest.raises(Moved):
        bare.move("main", head, expected=head)
    with pytest.raises(Moved):
        bare.move("main", head, expected=None)
    with pytest.raises(Moved):
        bare.move("bad..name", head, expected=None)
    with pytest.raises(Moved):
        bare.delete("fix", expected=base)
    assert bare.branches() == {"main": base, "fix": head}
    bare.move("main", head, expected=base)
    bare.move("new", base, expected=None)
    bare.delete("fix", expected=head)
    assert bare.branches() == {"main": head, "new": base}


def test_a_command_that_fails_says_why(bare: Bare) -> None:
    with pytest.raises(GitFailed, match=r"git rev-parse: fatal: Needed a single revision"):
        bare.line("rev-parse", "--verify", "nowhere")
