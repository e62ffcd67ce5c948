from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitops_bot.edges.git.remote import check_commit, is_branch
from gitops_bot.releases.layout.glob import is_path

BRANCHES = [
    "main", "gitops-bot/production/all", "a", "ü/\N{SPARKLES}", "a@b", "a{b", "feature/#1", "a.b", "1", "a-", "a'\"b",
    "+a", "", "-a", "a b", "a\tb", "a\nb", "a\0b", "a\x7fb", "/a", "a/", "a//b", ".a", "a/.b", "a.", "a..b", "a.lock",
    "a.lock/b", "a~1", "a^", "a:b", "a?b", "a*b", "a[b", "a\\b", "a@{b", "@", "@{-1}", "a/@", "HEAD", "head",
    "refs/heads/a", "a" * 240,
]  # fmt: skip


def git_takes(name: str) -> bool:
    if "\0" in name:
        return False
    command = ["git", "check-ref-format", f"refs/heads/{name}"]
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run([os.fsencode(word) for word in command], env=environ, check=False).returncode == 0


def test_takes_the_branch_names_that_git_takes() -> None:
    taken = {name for name in BRANCHES if git_takes(name) and not name.startswith("-")} - {"@", "HEAD"}

    assert {name for name in BRANCHES if is_branch(name)} == taken


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab./-@{}~^:?*[\\ lock\x7f\x01ü"), max_size=12))
@example("a.lock.lock")
def test_takes_no_name_that_git_refuses(name: str) -> None:
    if is_branch(name):
        assert git_takes(name)


PATHS = ["a", "a/b/c.yaml", "ü", "a b", '"', "'", "\\", "-x", ".github/x", ".gitignore", "a.git/x", "...", "git~x"]
NO_PATHS = [
    *("", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "./a", ".git", ".GIT/config", "a/.Git/hooks/x"),
    *(".git./x", ".git /x", ".git::$INDEX_ALLOCATION/x", "git~1/x", "GIT~2", "a\0b", "a\nb", "a\x1bb", "a\x7f"),
    *("\ud800", "a" * 5000),
]
IDS = ["0" * 40, "f" * 64]
NO_IDS = ["F" * 40, "0" * 39, "0" * 41, "0" * 40 + "\n", "HEAD", "--all", ""]


def test_refuses_names_that_no_file_system_or_encoding_has() -> None:
    assert not [name for name in ("a" * 241, "ü" * 121, "a\ud800") if is_branch(name)]


def test_takes_paths_inside_the_repository_and_none_that_lead_out_or_into_git_itself() -> None:
    assert [path for path in (*PATHS, *NO_PATHS) if is_path(path)] == PATHS


@pytest.mark.parametrize("text", NO_IDS)
def test_a_commit_is_a_full_id(text: str) -> None:
    check_commit(*IDS)
    with pytest.raises(ValueError, match="is not a commit ID"):
        check_commit(*IDS, text)
