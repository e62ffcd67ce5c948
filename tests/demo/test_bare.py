from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.bare import Bare, Moved
from tests.counterparts.forge import commit

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_of_the_machine_gets_into_a_new_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gitconfig").write_text("[init]\n\tdefaultBranch = mine\n[core]\n\thooksPath = /hooks\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    made = Bare.create(tmp_path / "deep/r.git", branch="trunk")
    assert made.default_branch() == "trunk"
    assert made.line("config", "core.hooksPath") == "/dev/null"
    assert not (made.path / "hooks").exists()
    assert made.branches() == {}


def test_a_branch_moves_only_from_where_it_was(tmp_path: Path) -> None:
    bare = Bare.create(tmp_path / "r.git")
    base = commit(bare, "main", {"a.txt": b"1\n", "b.bin": b"\0\1"}, onto=None)
    head = commit(bare, "fix", {"a.txt": b"1\nzwei\n", "b.bin": b"\0\2", "sp ace/ü\n.txt": b"x"}, onto="main")
    assert bare.counted(base, head) == (3, 2, 0)
    for name, expected in (("main", head), ("main", None), ("bad..name", None)):
        with pytest.raises(Moved):
            bare.move(name, head, expected=expected)
    with pytest.raises(Moved):
        bare.delete("fix", expected=base)
    assert bare.branches() == {"main": base, "fix": head}
