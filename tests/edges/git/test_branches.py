"""What the edge tells of the bot's branches, against real git."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git import Credentials, Repository
from gitops_bot.edges.git.store import FILE_LIMIT
from gitops_bot.proposals.branch import Branch, FileChange
from tests.counterparts.git_http import WRITER, GitServer, Remote, git_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BARE = {"PATH": os.environ["PATH"]}
BRANCH = "gitops-bot/production/all"
FILE = "apps/web/kustomization.yaml"
OLD, NEW = b"images:\n- name: web\n  newTag: 1.2.3\n", b"images:\n- name: web\n  newTag: 1.2.4\n"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", {FILE: OLD, "other.yaml": b"a\nb\nc\n"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("history")) as running:
        yield running


def look(remote: Remote, name: str = BRANCH) -> Branch | None:
    with Repository(remote.file_url, environ=BARE) as repository:
        return repository.branch(name, repository.head("main"))


def seen(remote: Remote, name: str = BRANCH) -> Branch:
    branch = look(remote, name)
    assert branch is not None
    return branch


def advance(remote: Remote, commits: int) -> str:
    """Let the base branch grow."""
    return [remote.commit("main", {"README.md": b"%d\n" % number}) for number in range(commits)][-1]


def merge(remote: Remote, files: dict[str, bytes | None], *parents: str) -> str:
    return remote.commit(BRANCH, files, message="Merge branch 'main'", parents=parents)


class TestCommits:
    def test_a_branch_that_does_not_exist_is_none(self, remote: Remote) -> None:
        assert look(remote) is None

    def test_one_commit_on_the_present_base(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        message = "update\n\nGitops-Bot-Plan: 1 ü\n"
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[base], message=message, author="Ada Löve <ada@acme.test>")

        branch = seen(remote)

        assert (branch.name, branch.head, branch.fork, branch.complete) == (BRANCH, head, base, True)
        (commit,) = branch.commits
        assert (commit.id, commit.parents, commit.clean_merge) == (head, (base,), False)
        assert commit.author == "Ada Löve <ada@acme.test>"
        assert commit.message == message
        assert commit.changes == (FileChange(FILE, OLD, NEW),)

    def test_a_branch_at_the_base_has_no_commits(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        remote.git("update-ref", f"refs/heads/{BRANCH}", base)

        assert seen(remote) == Branch(BRANCH, base, base, ())

    def test_a_branch_that_was_merged_has_no_commits(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[base])
        remote.commit("main", {FILE: NEW}, parents=[base, head])

        assert seen(remote) == Branch(BRANCH, head, head, ())

    @pytest.mark.parametrize("behind", [1, 2, 10, 60])
    def test_a_base_that_moved_on_is_followed_back_to_the_fork(self, remote: Remote, behind: int) -> None:
        fork = advance(remote, 3)
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        advance(remote, behind)

        branch = seen(remote)

        assert (branch.fork, branch.complete) == (fork, True)
        assert [commit.id for commit in branch.commits] == [head]

    @pytest.mark.parametrize(
        ("said", "is_own"),
        [
            pytest.param("Gitops-Bot-Base: {parent}", True, id="its parent"),
            pytest.param(
                "Gitops-Bot-Plan: 1 a b c\nGitops-Bot-Base: {parent}\nReviewed-by: x", True, id="among others"
            ),
            pytest.param("Gitops-Bot-Base: {fork}", False, id="another commit, before a rebase"),
            pytest.param("Gitops-Bot-Base: {parent} {parent}", False, id="twice"),
            pytest.param("Gitops-Bot-Base: {parent}\nGitops-Bot-Base: {fork}", False, id="two"),
            pytest.param("Gitops-Bot-Base: x\n commit {parent}\n {parent}", False, id="folded"),
            pytest.param("Gitops-Bot-Base: x\r\x0b\x85\u2028{parent}", False, id="other ends of lines"),
            pytest.param(f"Gitops-Bot-Base: {'{parent}' * 1000}", False, id="long"),
            pytest.param("Gitops-Bot-Base: {parent}\n\nNo trailer.", False, id="in the text"),
        ],
    )
    def test_what_a_commit_was_made_on_by_its_own_words_is_the_bases(
        self, remote: Remote, said: str, is_own: bool
    ) -> None:
        fork = advance(remote, 3)
        parent = advance(remote, 2)
        dropped = remote.log("main", "%H")[:2]
        message = f"update\n\n{said.format(parent=parent, fork=fork)}\n"
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[parent], message=message)
        remote.commit("main", {"README.md": b"another\n"}, parents=[fork])

        branch = seen(remote)

        assert (branch.fork, branch.complete) == (fork, True)
        assert branch.former_base == (parent if is_own else None)
        assert [commit.id for commit in branch.commits] == [*([] if is_own else reversed(dropped)), head]

    def test_what_was_on_the_base_is_known_where_history_is_too_deep_to_find_it(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.repository.DEPTHS", (2, 3))
        fork = advance(remote, 5)
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[fork], message=f"update\n\nGitops-Bot-Base: {fork}\n")
        advance(remote, 5)

        branch = seen(remote)

        assert (branch.fork, branch.former_base, branch.complete) == (None, fork, True)
        assert [(commit.id, commit.changes) for commit in branch.commits] == [(head, (FileChange(FILE, OLD, NEW),))]

    def test_several_commits_stand_oldest_first(self, remote: Remote) -> None:
        base = advance(remote, 3)
        ids = [
            remote.commit(BRANCH, {FILE: b"%d" % number}, parents=[base] if not number else ()) for number in range(7)
        ]
        advance(remote, 2)

        branch = seen(remote)

        assert [commit.id for commit in branch.commits] == ids
        assert [commit.changes[0].after for commit in branch.commits] == [b"%d" % number for number in range(7)]
        assert branch.fork == base

    def test_branches_do_not_mix(self, remote: Remote) -> None:
        base = advance(remote, 2)
        first = remote.commit("gitops-bot/a/all", {FILE: b"a"}, parents=[base])
        second = remote.commit("gitops-bot/b/all", {FILE: b"b"}, parents=[first])
        remote.commit("feature", {FILE: b"c"}, parents=[base])

        assert [commit.id for commit in seen(remote, "gitops-bot/a/all").commits] == [first]
        assert [commit.id for commit in seen(remote, "gitops-bot/b/all").commits] == [first, second]

    def test_an_empty_commit_changes_nothing(self, remote: Remote) -> None:
        remote.commit(BRANCH, {}, parents=[remote.branches()["main"]])

        assert seen(remote).commits[0].changes == ()

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            pytest.param({FILE: None}, FileChange(FILE, OLD, None), id="removed"),
            pytest.param({"new.yaml": b"x"}, FileChange("new.yaml", None, b"x"), id="added"),
            pytest.param({FILE: b"\x00\xff\r\n"}, FileChange(FILE, OLD, b"\x00\xff\r\n"), id="binary"),
            pytest.param({'a\n"\t-b\\.ü': b"x"}, FileChange('a\n"\t-b\\.ü', None, b"x"), id="an odd name"),
            pytest.param(
                {os.fsdecode(b"\xff.yaml"): b"x"},
                FileChange("\\xff.yaml", None, b"x", mode_changed=True),
                id="a name that is not UTF-8",
            ),
            pytest.param(
                {FILE: b"x" * (2 * FILE_LIMIT)},
                FileChange(FILE, OLD, b"x" * (FILE_LIMIT + 1), mode_changed=True),
                id="a large file is cut and not taken for its bytes",
            ),
        ],
    )
    def test_each_kind_of_change(self, remote: Remote, files: dict[str, bytes | None], expected: FileChange) -> None:
        remote.commit(BRANCH, files, parents=[remote.branches()["main"]])

        assert seen(remote).commits[0].changes == (expected,)

    @pytest.mark.parametrize(
        ("mode", "content", "after"),
        [
            pytest.param("100755", OLD, OLD, id="executable"),
            pytest.param("120000", b"/etc/passwd", b"/etc/passwd", id="symbolic link"),
            pytest.param("160000", b"1" * 40, b"1" * 40, id="submodule"),
        ],
    )
    def test_a_change_of_mode_is_told(self, remote: Remote, mode: str, content: bytes, after: bytes) -> None:
        remote.commit(BRANCH, {FILE: content}, modes={FILE: mode}, parents=[remote.branches()["main"]])

        assert seen(remote).commits[0].changes == (FileChange(FILE, OLD, after, mode_changed=True),)

    def test_a_renamed_file_is_one_removed_and_one_added(self, remote: Remote) -> None:
        remote.commit(BRANCH, {FILE: None, "moved.yaml": OLD}, parents=[remote.branches()["main"]])

        assert set(seen(remote).commits[0].changes) == {
            FileChange(FILE, OLD, None),
            FileChange("moved.yaml", None, OLD),
        }


class TestMerges:
    """`Update branch` on GitHub merges the base into the branch."""

    def test_a_merge_of_the_base_as_git_makes_it_is_clean(self, remote: Remote) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        base = remote.commit("main", {"other.yaml": b"a\nb\nC\n"})
        merged = merge(remote, {"other.yaml": b"a\nb\nC\n"}, ours, base)

        branch = seen(remote)

        assert [(commit.id, commit.clean_merge) for commit in branch.commits] == [(ours, False), (merged, True)]
        assert branch.commits[1].parents == (ours, base)
        assert branch.commits[1].changes == (FileChange("other.yaml", b"a\nb\nc\n", b"a\nb\nC\n"),)
        assert branch.fork == base

    def test_a_merge_within_one_file_is_clean_too(self, remote: Remote) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {"other.yaml": b"A\nb\nc\n"}, parents=[fork])
        base = remote.commit("main", {"other.yaml": b"a\nb\nc\nD\n"})
        merge(remote, {"other.yaml": b"A\nb\nc\nD\n"}, ours, base)

        assert seen(remote).commits[1].clean_merge

    def test_a_merge_of_an_older_base_is_clean_after_the_base_moved_on(self, remote: Remote) -> None:
        fork = advance(remote, 2)
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        older = remote.commit("main", {"other.yaml": b"x"})
        merge(remote, {"other.yaml": b"x"}, ours, older)
        advance(remote, 5)

        branch = seen(remote)

        assert [commit.clean_merge for commit in branch.commits] == [False, True]
        assert branch.fork == older

    @pytest.mark.parametrize(
        "files",
        [
            pytest.param({"other.yaml": b"a\nb\nC\n", FILE: b"evil"}, id="something added to it"),
            pytest.param({}, id="the base's change left out"),
            pytest.param({"other.yaml": b"a\nb\nC\n", "new.yaml": b"x"}, id="a new file"),
        ],
    )
    def test_a_merge_that_says_more_or_less_is_not_clean(self, remote: Remote, files: dict[str, bytes | None]) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        base = remote.commit("main", {"other.yaml": b"a\nb\nC\n"})
        merge(remote, files, ours, base)

        assert [commit.clean_merge for commit in seen(remote).commits] == [False, False]

    def test_a_merge_with_a_solved_conflict_is_not_clean(self, remote: Remote) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        base = remote.commit("main", {FILE: b"images: []\n"})
        merge(remote, {FILE: NEW}, ours, base)

        assert not seen(remote).commits[1].clean_merge

    def test_a_merge_of_a_persons_branch_is_not_clean(self, remote: Remote) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        theirs = remote.commit("feature", {"other.yaml": b"x"}, parents=[fork])
        merge(remote, {"other.yaml": b"x"}, ours, theirs)

        branch = seen(remote)

        assert {commit.id for commit in branch.commits} >= {ours, theirs}
        assert not any(commit.clean_merge for commit in branch.commits)

    def test_a_merge_of_three_is_not_clean(self, remote: Remote) -> None:
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        base = remote.commit("main", {"other.yaml": b"x"})
        third = remote.commit("feature", {"third": b"x"}, parents=[fork])
        merge(remote, {"other.yaml": b"x", "third": b"x"}, ours, base, third)

        assert not any(commit.clean_merge for commit in seen(remote).commits)

    def test_a_git_that_cannot_tell_says_no(self, remote: Remote, tmp_path: Path) -> None:
        """`merge-tree --write-tree` came with 2.38."""
        fork = remote.branches()["main"]
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        base = remote.commit("main", {"other.yaml": b"x"})
        merge(remote, {"other.yaml": b"x"}, ours, base)
        older = tmp_path / "bin" / "git"
        older.parent.mkdir()
        older.write_text(f'#!/bin/sh\n[ "$1" = merge-tree ] && exit 129\nPATH={BARE["PATH"]} exec git "$@"\n')
        older.chmod(0o755)

        with Repository(remote.file_url, environ={"PATH": f"{older.parent}:{BARE['PATH']}"}) as repository:
            branch = repository.branch(BRANCH, repository.head("main"))

        assert branch is not None
        assert branch.complete
        assert [commit.clean_merge for commit in branch.commits] == [False, False]


class TestBounds:
    def test_no_common_history_is_incomplete(self, remote: Remote) -> None:
        head = remote.commit(BRANCH, {FILE: NEW}, message="another beginning")

        assert seen(remote) == Branch(BRANCH, head, None, (), complete=False)

    def test_a_second_root_that_was_merged_in_is_incomplete(self, remote: Remote) -> None:
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[remote.branches()["main"]])
        root = remote.commit("elsewhere", {"x": b"x"}, message="another beginning")
        merge(remote, {"x": b"x"}, ours, root)

        branch = seen(remote)

        assert (branch.commits, branch.complete) == ((), False)

    @pytest.mark.parametrize(
        ("limit", "value"),
        [
            pytest.param("git.branches.COMMIT_LIMIT", 2, id="commits"),
            pytest.param("git.branches.CHANGE_LIMIT", 2, id="changed paths"),
            pytest.param("git.branches.BYTE_LIMIT", 10, id="bytes"),
            pytest.param("git.repository.DEPTHS", (2, 3), id="history"),
        ],
    )
    def test_too_much_to_read_is_incomplete_and_others_are_read(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        fork = advance(remote, 2)
        for number in range(3):
            files = {f"{number}{name}": b"0123456789" for name in "abc"}
            remote.commit(BRANCH, files, parents=[fork] if not number else ())
        base = advance(remote, 3)
        fine = remote.commit("gitops-bot/staging/all", {FILE: b"x" * 5}, parents=[base])
        remote.commit("gitops-bot/staging/all", {FILE: None})
        monkeypatch.setattr(f"gitops_bot.edges.{limit}", value)

        branch = seen(remote)
        assert (branch.commits, branch.complete) == ((), False)
        if "BYTE" not in limit:
            other = seen(remote, "gitops-bot/staging/all")
            assert other.complete
            assert other.commits[0].id == fine

    def test_a_commit_with_an_endless_message_is_incomplete_and_others_are_read(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.branches.COMMIT_BYTE_LIMIT", 10_000)
        base = remote.branches()["main"]
        stray = remote.commit(BRANCH, {FILE: NEW}, parents=[base], message="x" * 10_000)
        fine = remote.commit("gitops-bot/staging/all", {FILE: NEW}, parents=[base])

        assert seen(remote) == Branch(BRANCH, stray, base, (), complete=False)
        assert [commit.id for commit in seen(remote, "gitops-bot/staging/all").commits] == [fine]

    @pytest.mark.parametrize("before", [0, 2], ids=["at once", "behind small ones"])
    def test_a_few_trees_that_name_a_billion_paths_cost_their_branch_only(self, remote: Remote, before: int) -> None:
        base = remote.branches()["main"]
        line = "100644 blob {}\ta".format(remote.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip())
        for _ in range(3):
            entries = "".join(f"{line}{number:04d}\n" for number in range(1000))
            tree = remote.git("mktree", stdin=entries.encode()).decode().strip()
            line = f"040000 tree {tree}\ta"
        head = base
        for number in range(before):
            head = remote.commit(BRANCH, {FILE: b"%d" % number}, parents=[head])
        who = "ada <ada@acme.test> 1700000000 +0000"
        commit = f"tree {tree}\nparent {head}\nauthor {who}\ncommitter {who}\n\nbomb\n".encode()
        bomb = remote.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=commit).decode().strip()
        remote.git("update-ref", f"refs/heads/{BRANCH}", bomb)
        fine = {name: remote.commit(f"gitops-bot/{name}/all", {FILE: NEW}, parents=[base]) for name in "abc"}

        assert seen(remote) == Branch(BRANCH, bomb, base, (), complete=False)
        for name, head in fine.items():
            (commit,) = seen(remote, f"gitops-bot/{name}/all").commits
            assert (commit.id, commit.changes) == (head, (FileChange(FILE, OLD, NEW),))

    def test_lists_that_are_too_long_together_are_read_apart(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.store.LIST_LIMIT", 400)
        base = remote.branches()["main"]
        for number in range(7):
            remote.commit(BRANCH, {FILE: b"%d" % number}, parents=[base] if not number else ())
            remote.commit(BRANCH, {})
        stray = remote.commit("gitops-bot/a/all", {f"{number}": b"x" for number in range(9)}, parents=[base])

        branch = seen(remote)

        assert branch.complete
        changed = [[change.after for change in commit.changes] for commit in branch.commits]
        assert changed == [each for number in range(7) for each in ([b"%d" % number], [])]
        assert seen(remote, "gitops-bot/a/all") == Branch("gitops-bot/a/all", stray, base, (), complete=False)

    @pytest.mark.parametrize(("number", "complete"), [(4, True), (5, False)])
    def test_after_a_few_that_are_too_much_no_other_is_compared(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, number: int, complete: bool
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.store.LIST_LIMIT", 400)
        base = remote.branches()["main"]
        strays = [f"gitops-bot/{at}/all" for at in range(number)]
        for stray in strays:
            remote.commit(stray, {f"{at}": stray.encode() for at in range(9)}, parents=[base])
        remote.commit(BRANCH, {FILE: NEW}, parents=[base])
        remote.commit(BRANCH, {FILE: OLD})

        assert not any(seen(remote, stray).complete for stray in strays)
        assert seen(remote).complete is complete

    def test_a_directory_for_a_file_and_a_file_for_a_directory(self, remote: Remote) -> None:
        remote.commit(BRANCH, {FILE: None, "apps": b"x"}, parents=[remote.branches()["main"]])
        remote.commit(BRANCH, {"apps": None, FILE: NEW, "apps/api/deep/k.yaml": b"y"})

        first, second = (commit.changes for commit in seen(remote).commits)

        assert first == (FileChange("apps", None, b"x"), FileChange(FILE, OLD, None))
        assert second == (
            FileChange("apps", b"x", None),
            FileChange("apps/api/deep/k.yaml", None, b"y"),
            FileChange(FILE, None, NEW),
        )

    @pytest.mark.parametrize(
        "path",
        [pytest.param("/".join("d" * 101), id="levels"), pytest.param("/".join(["d" * 200] * 21), id="bytes")],
    )
    def test_a_path_deeper_or_longer_than_any_is_incomplete(self, remote: Remote, path: str) -> None:
        base = remote.branches()["main"]
        remote.commit(BRANCH, {path: b"x"}, parents=[base])
        remote.commit("gitops-bot/staging/all", {"/".join("d" * 100): b"x"}, parents=[base])

        assert not seen(remote).complete
        assert seen(remote, "gitops-bot/staging/all").complete

    @pytest.mark.parametrize(
        ("limit", "value"),
        [
            pytest.param("branches.BYTE_LIMIT", len(OLD) + len(NEW), id="bytes of files"),
            pytest.param("branches.JOINT_LIMIT", 2, id="changed paths"),
        ],
    )
    def test_what_is_too_much_for_all_together_is_left_out_from_the_longest_or_heaviest(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)
        base = remote.branches()["main"]
        stray = "gitops-bot/a/first-by-name"
        for number in range(2):
            content = {f"{number}": b"x" * 100, f"other-{number}": b"x" * 100}
            remote.commit(stray, content, parents=[base] if not number else ())
        remote.commit(BRANCH, {FILE: NEW}, parents=[base])

        assert not seen(remote, stray).complete
        assert [commit.changes for commit in seen(remote).commits] == [(FileChange(FILE, OLD, NEW),)]

    @pytest.mark.parametrize("header", [b"parent \xff", b"tree \xc3\xbc", b"parent " + b"0" * 40, b"\xff\xfe \xff"])
    def test_headers_that_git_does_not_read_are_not_read(self, remote: Remote, header: bytes) -> None:
        base = remote.branches()["main"]
        sound = remote.git("cat-file", "commit", remote.commit(BRANCH, {FILE: NEW}, parents=[base]))
        odd = sound.replace(b"\n\n", b"\n%s\n\n" % header, 1)
        head = remote.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=odd).decode().strip()
        remote.git("update-ref", f"refs/heads/{BRANCH}", head)

        (commit,) = seen(remote).commits

        assert (commit.id, commit.parents, commit.changes) == (head, (base,), (FileChange(FILE, OLD, NEW),))

    def test_only_branches_of_the_bot_are_asked_for(self, remote: Remote) -> None:
        with pytest.raises(ValueError, match="not a gitops-bot branch"):
            look(remote, "main")

    @pytest.mark.parametrize("base", ["main", "-x", "HEAD", "0" * 39, "refs/heads/main"])
    def test_a_base_is_a_commit(self, remote: Remote, base: str) -> None:
        with Repository(remote.file_url, environ=BARE) as repository:
            repository.head("main")
            with pytest.raises(ValueError, match="not a commit ID"):
                repository.branch(BRANCH, base)


class TestNames:
    def test_the_bots_own_branches_are_named_in_order_and_no_others(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        for name in (
            "gitops-bot/staging/all",
            "gitops-bot/production/web",
            "gitops-botx/y",
            "feature",
            "x/gitops-bot/y",
        ):
            remote.commit(name, {FILE: NEW}, parents=[base])
        with Repository(remote.file_url, environ=BARE) as repository:
            repository.head("main")

            assert repository.branches() == ("gitops-bot/production/web", "gitops-bot/staging/all")

    def test_there_may_be_none(self, remote: Remote) -> None:
        with Repository(remote.file_url, environ=BARE) as repository:
            repository.head("main")

            assert repository.branches() == ()

    def test_they_are_not_known_before_the_first_head(self, remote: Remote) -> None:
        with (
            Repository(remote.file_url, environ=BARE) as repository,
            pytest.raises(ValueError, match="a head must be read"),
        ):
            repository.branches()

    def test_they_are_those_that_the_last_head_saw_without_another_look(self, server: GitServer) -> None:
        remote = server.create("acme/names", {FILE: OLD})
        base = remote.commit(BRANCH, {FILE: NEW}, parents=[remote.branches()["main"]])
        with Repository(remote.url, credentials=Credentials(*WRITER), environ=BARE) as repository:
            repository.head("main")
            remote.git("update-ref", "refs/heads/gitops-bot/later/all", base)
            before = len(server.requests())

            assert repository.branches() == (BRANCH,)
            assert server.requests()[before:] == []

            repository.head("main")
            assert repository.branches() == ("gitops-bot/later/all", BRANCH)

    def test_what_the_bot_made_and_deleted_itself_counts(self, remote: Remote) -> None:
        with Repository(remote.file_url, environ=BARE) as repository:
            base = repository.head("main")
            head = repository.publish(BRANCH, parent=base, files={FILE: NEW}, message="m", expected=None)
            assert repository.branches() == (BRANCH,)
            repository.delete(BRANCH, expected=head)
            assert repository.branches() == ()

    @pytest.mark.parametrize("odd", [b"\xff", b"a" * 241, "\u2028".encode()])
    def test_names_that_no_proposal_has_are_left_out_or_can_be_asked_for(self, remote: Remote, odd: bytes) -> None:
        base = remote.branches()["main"]
        remote.commit(BRANCH, {FILE: NEW}, parents=[base])
        remote.git("update-ref", f"refs/heads/gitops-bot/{os.fsdecode(odd)}", base)
        with Repository(remote.file_url, environ=BARE) as repository:
            repository.head("main")
            names = repository.branches()

            assert BRANCH in names
            assert all(repository.branch(name, base) is not None for name in names)


class TestRoundTrips:
    def test_twenty_branches_cost_one_fetch_of_their_files(self, server: GitServer) -> None:
        rest = b"#" * 9000  # small files come with the commits
        files = {f"apps/a{number}/k.yaml": b"old %d" % number + rest for number in range(20)}
        remote = server.create("acme/twenty", files)
        base = advance(remote, 5)
        for number in range(20):
            path = f"apps/a{number}/k.yaml"
            remote.commit(f"gitops-bot/production/a{number}", {path: b"new %d" % number + rest}, parents=[base])
        with Repository(remote.url, credentials=Credentials(*WRITER), environ=BARE) as repository:
            head = repository.head("main")
            before = len(server.requests())
            branches = [repository.branch(f"gitops-bot/production/a{number}", head) for number in range(20)]
            missing = repository.branch("gitops-bot/production/none", head)

        assert [line.split()[0] for line in server.requests()[before:]] == ["GET", "POST"]
        assert [branch.commits[0].changes[0].after for branch in branches if branch] == [
            b"new %d" % number + rest for number in range(20)
        ]
        assert missing is None

    def test_a_branch_just_published_is_known(self, remote: Remote) -> None:
        with Repository(remote.file_url, environ=BARE) as repository:
            base = repository.head("main")
            repository.read(base, [FILE])
            commit = repository.publish(BRANCH, parent=base, files={FILE: NEW}, message="m", expected=None)
            remote.path.rename(remote.path.with_name("out-of-reach"))

            branch = repository.branch(BRANCH, base)

        assert branch is not None
        assert branch.commits[0].id == commit
        assert branch.commits[0].changes == (FileChange(FILE, OLD, NEW),)

    def test_the_next_head_sees_what_others_did(self, remote: Remote) -> None:
        with Repository(remote.file_url, environ=BARE) as repository:
            base = repository.head("main")
            assert repository.branch(BRANCH, base) is None
            theirs = remote.commit(BRANCH, {FILE: NEW}, parents=[base])
            assert repository.branch(BRANCH, base) is None

            assert repository.head("main") == base
            branch = repository.branch(BRANCH, base)
            assert branch is not None
            assert branch.head == theirs

            remote.git("update-ref", "-d", f"refs/heads/{BRANCH}")
            repository.head("main")
            assert repository.branch(BRANCH, base) is None


def test_the_counterpart_itself_tells_history_apart(remote: Remote) -> None:
    """An oracle for the helpers above: git's own idea of the commits on a branch."""
    fork = advance(remote, 2)
    ours = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
    base = advance(remote, 2)
    merged = merge(remote, {"README.md": b"1\n"}, ours, base)

    out = subprocess.run(
        ["git", "--git-dir", remote.path, "rev-list", "--topo-order", "--reverse", f"main..{BRANCH}"],
        capture_output=True,
        check=True,
        text=True,
    )

    assert out.stdout.split() == [ours, merged] == [commit.id for commit in seen(remote).commits]
