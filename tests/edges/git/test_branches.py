"""What the edge tells of the bot's branches, against real git."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git.store import FILE_LIMIT
from gitops_bot.proposals.branch import Branch, FileChange
from tests.counterparts.git_http import GitServer, Remote
from tests.edges.git.remotes import BARE, BRANCH, bomb, grow, opened, stray

if TYPE_CHECKING:
    from pathlib import Path

#: It makes many repositories.
pytestmark = pytest.mark.slow

FILE = "apps/web/kustomization.yaml"
OLD, NEW = b"images:\n- name: web\n  newTag: 1.2.3\n", b"images:\n- name: web\n  newTag: 1.2.4\n"


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", {FILE: OLD, "other.yaml": b"a\nb\nc\n"})


def looked_at(remote: Remote, *names: str) -> list[Branch]:
    """These branches, compared with the base as it is now."""
    with opened(Remote(remote.path)) as repository:
        base = repository.head("main")
        found = [repository.branch(name, base) for name in names]
    return [branch for branch in found if branch is not None]


def seen(remote: Remote, name: str = BRANCH) -> Branch:
    (branch,) = looked_at(remote, name)
    return branch


def advance(remote: Remote, commits: int) -> str:
    """Let the base branch grow."""
    return grow(remote, commits, lambda number: {"README.md": b"%d\n" % number})[-1]


def branch_for(number: int) -> str:
    """The branch of a row."""
    return f"gitops-bot/row-{number}/all"


class TestCommits:
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

    def test_a_branch_at_the_base_or_merged_into_it_has_no_commits(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        remote.git("update-ref", "refs/heads/gitops-bot/a/all", base)
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[base])
        remote.commit("main", {FILE: NEW}, parents=[base, head])

        assert looked_at(remote, "gitops-bot/a/all", BRANCH) == [
            Branch("gitops-bot/a/all", base, base, ()),
            Branch(BRANCH, head, head, ()),
        ]

    def test_a_base_that_moved_on_is_followed_back_to_the_fork(self, remote: Remote) -> None:
        fork = advance(remote, 3)
        head = remote.commit(BRANCH, {FILE: NEW}, parents=[fork])
        for behind in (1, 1, 8, 50):
            advance(remote, behind)

            branch = seen(remote)

            assert (branch.fork, branch.complete) == (fork, True)
            assert [commit.id for commit in branch.commits] == [head]

    def test_what_a_commit_was_made_on_by_its_own_words_is_the_bases(self, remote: Remote) -> None:
        rows = {
            "Gitops-Bot-Base: {parent}": True,
            "Gitops-Bot-Plan: 1 a b c\nGitops-Bot-Base: {parent}\nReviewed-by: x": True,
            "Gitops-Bot-Base: {fork}": False,  # another commit, before a rebase
            "Gitops-Bot-Base: {parent} {parent}": False,
            "Gitops-Bot-Base: {parent}\nGitops-Bot-Base: {fork}": False,
            "Gitops-Bot-Base: x\n commit {parent}\n {parent}": False,
            "Gitops-Bot-Base: x\r\x0b\x85\u2028{parent}": False,
            f"Gitops-Bot-Base: {'{parent}' * 1000}": False,
            "Gitops-Bot-Base: {parent}\n\nNo trailer.": False,
        }
        fork = advance(remote, 3)
        parent = advance(remote, 2)
        dropped = remote.log("main", "%H")[:2]
        heads = [
            remote.commit(
                branch_for(number),
                {FILE: NEW},
                parents=[parent],
                message=f"update\n\n{said.format(parent=parent, fork=fork)}\n",
            )
            for number, said in enumerate(rows)
        ]
        remote.commit("main", {"README.md": b"another\n"}, parents=[fork])

        branches = looked_at(remote, *map(branch_for, range(len(rows))))

        for head, branch, (said, is_own) in zip(heads, branches, rows.items(), strict=True):
            assert (branch.fork, branch.complete) == (fork, True), said
            assert branch.former_base == (parent if is_own else None), said
            assert [commit.id for commit in branch.commits] == [*([] if is_own else reversed(dropped)), head], said

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

    def test_branches_do_not_mix_and_their_commits_stand_oldest_first(self, remote: Remote) -> None:
        base = advance(remote, 2)
        first = remote.commit("gitops-bot/a/all", {FILE: b"a"}, parents=[base])
        second = remote.commit("gitops-bot/b/all", {FILE: b"b"}, parents=[first])
        remote.commit("feature", {FILE: b"c"}, parents=[base])

        a, b = looked_at(remote, "gitops-bot/a/all", "gitops-bot/b/all")

        assert [commit.id for commit in a.commits] == [first]
        assert [commit.id for commit in b.commits] == [first, second]

    def test_each_kind_of_change(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        cut = FileChange(FILE, OLD, b"x" * (FILE_LIMIT + 1), mode_changed=True)
        odd = FileChange("\\xff.yaml", None, b"x", mode_changed=True)
        rows: list[tuple[dict[str, bytes | None], str, tuple[FileChange, ...]]] = [
            ({}, "100644", ()),
            ({FILE: None}, "100644", (FileChange(FILE, OLD, None),)),
            ({FILE: b"\x00\xff\r\n"}, "100644", (FileChange(FILE, OLD, b"\x00\xff\r\n"),)),
            ({'a\n"\t-b\\.ü': b"x"}, "100644", (FileChange('a\n"\t-b\\.ü', None, b"x"),)),
            ({os.fsdecode(b"\xff.yaml"): b"x"}, "100644", (odd,)),
            ({FILE: b"x" * (2 * FILE_LIMIT)}, "100644", (cut,)),
            ({FILE: OLD}, "100755", (FileChange(FILE, OLD, OLD, mode_changed=True),)),
            ({FILE: b"/etc/passwd"}, "120000", (FileChange(FILE, OLD, b"/etc/passwd", mode_changed=True),)),
            ({FILE: b"1" * 40}, "160000", (FileChange(FILE, OLD, b"1" * 40, mode_changed=True),)),
            # A renamed file, and a file in place of a directory.
            ({FILE: None, "moved": OLD}, "100644", (FileChange(FILE, OLD, None), FileChange("moved", None, OLD))),
            ({FILE: None, "apps": b"x"}, "100644", (FileChange("apps", None, b"x"), FileChange(FILE, OLD, None))),
        ]
        for number, (files, mode, _) in enumerate(rows):
            remote.commit(branch_for(number), files, parents=[base], modes={FILE: mode})
        last = branch_for(len(rows) - 1)
        remote.commit(last, {"apps": None, FILE: NEW, "apps/api/deep/k.yaml": b"y"})

        branches = looked_at(remote, *map(branch_for, range(len(rows))))

        assert [branch.commits[0].changes for branch in branches] == [changes for _, _, changes in rows]
        assert branches[-1].commits[1].changes == (
            FileChange("apps", b"x", None),
            FileChange("apps/api/deep/k.yaml", None, b"y"),
            FileChange(FILE, None, NEW),
        )


def test_only_a_merge_of_the_base_as_git_makes_it_is_clean(remote: Remote, tmp_path: Path) -> None:
    """`Update branch` on GitHub merges the base into the branch."""
    fork = remote.branches()["main"]
    older = {"other.yaml": b"a\nb\nC\n"}
    # What the branch did before, what the merge says, and whether it is clean.
    rows: list[tuple[dict[str, bytes | None], dict[str, bytes | None], bool]] = [
        ({FILE: NEW}, {"other.yaml": b"a\nb\nC\n"}, True),
        ({"other.yaml": b"A\nb\nc\n"}, {"other.yaml": b"A\nb\nC\n"}, True),
        ({FILE: NEW}, {"other.yaml": b"a\nb\nC\n", FILE: b"evil"}, False),
        ({FILE: NEW}, {}, False),
        ({FILE: NEW}, {"other.yaml": b"a\nb\nC\n", "new.yaml": b"x"}, False),
        ({"other.yaml": b"solved\n"}, {}, False),
    ]
    base = remote.commit("main", older)
    merged = {}
    for number, (ours, theirs, _) in enumerate(rows):
        first = remote.commit(branch_for(number), ours, parents=[fork])
        second = remote.commit(branch_for(number), theirs, message="Merge branch 'main'", parents=[first, base])
        merged[number] = first, second
    feature = remote.commit("feature", {"x": b"x"}, parents=[fork])
    ours = remote.commit("gitops-bot/a-person/all", {FILE: NEW}, parents=[fork])
    remote.commit("gitops-bot/a-person/all", {"x": b"x"}, parents=[ours, feature])
    octopus = remote.commit("gitops-bot/three/all", {FILE: NEW}, parents=[fork])
    remote.commit("gitops-bot/three/all", {**older, "x": b"x"}, parents=[octopus, base, feature])
    names = [*map(branch_for, range(len(rows))), "gitops-bot/a-person/all", "gitops-bot/three/all"]
    # `merge-tree --write-tree` came with 2.38.
    older_git = tmp_path / "bin" / "git"
    older_git.parent.mkdir()
    older_git.write_text(f'#!/bin/sh\n[ "$1" = merge-tree ] && exit 129\nPATH={BARE["PATH"]} exec git "$@"\n')
    older_git.chmod(0o755)

    for moved_on in (0, 5):  # of a base that moved on, an older one was merged
        if moved_on:
            advance(remote, moved_on)
        branches = looked_at(remote, *names)
        clean = [[commit.clean_merge for commit in branch.commits] for branch in branches]
        assert clean[: len(rows)] == [[False, is_clean] for _, _, is_clean in rows]
        assert not any(map(any, clean[len(rows) :]))
        assert [commit.id for commit in branches[0].commits] == [*merged[0]]
        assert branches[0].commits[1].parents == (merged[0][0], base)
        assert branches[0].commits[1].changes == (FileChange("other.yaml", b"a\nb\nc\n", b"a\nb\nC\n"),)
        assert branches[0].fork == base
        assert {ours, feature} <= {commit.id for commit in branches[-2].commits}

    with opened(remote, environ={"PATH": f"{older_git.parent}:{BARE['PATH']}"}) as repository:
        branch = repository.branch(names[0], repository.head("main"))
    assert branch is not None
    assert branch.complete
    assert [commit.clean_merge for commit in branch.commits] == [False, False]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Remote:
    """A branch three commits behind with three files in each of three, one with a long message, and a small one."""
    remote = Remote.create(tmp_path_factory.mktemp("crowded") / "r.git", {FILE: OLD})
    fork = advance(remote, 2)
    grow(
        remote,
        3,
        lambda number: {f"{number}{name}": b"0123456789" * 20 for name in "abc"},
        "gitops-bot/a/many",
        fork,
    )
    base = advance(remote, 3)
    remote.commit("gitops-bot/a/message", {FILE: NEW}, parents=[base], message="x" * 10_000)
    remote.commit(BRANCH, {FILE: NEW}, parents=[base])
    return remote


class TestBounds:
    def test_no_common_history_is_incomplete(self, remote: Remote) -> None:
        head = remote.commit("gitops-bot/a/all", {FILE: NEW}, message="another beginning")
        ours = remote.commit(BRANCH, {FILE: NEW}, parents=[remote.branches()["main"]])
        second = remote.commit(BRANCH, {}, parents=[ours, head])

        assert looked_at(remote, "gitops-bot/a/all", BRANCH) == [
            Branch("gitops-bot/a/all", head, None, (), complete=False),
            Branch(BRANCH, second, None, (), complete=False),
        ]

    @pytest.mark.parametrize(
        ("limit", "value", "large"),
        [
            pytest.param("branches.COMMIT_LIMIT", 2, "many", id="commits"),
            pytest.param("branches.CHANGE_LIMIT", 2, "many", id="changed paths"),
            pytest.param("branches.JOINT_LIMIT", 2, "many", id="changed paths of all together"),
            pytest.param("branches.BYTE_LIMIT", 200, "many", id="bytes"),
            pytest.param("branches.COMMIT_BYTE_LIMIT", 10_000, "message", id="bytes of commits"),
            pytest.param("repository.DEPTHS", (2, 3), "many", id="history"),
        ],
    )
    def test_too_much_to_read_is_incomplete_and_others_are_read(
        self, crowded: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, large: str
    ) -> None:
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)

        branches = {branch.name: branch for branch in looked_at(crowded, f"gitops-bot/a/{large}", BRANCH)}

        assert (branches[f"gitops-bot/a/{large}"].commits, branches[f"gitops-bot/a/{large}"].complete) == ((), False)
        assert branches[BRANCH].commits[0].changes == (FileChange(FILE, OLD, NEW),)

    def test_a_few_trees_that_name_a_billion_paths_cost_their_branch_only(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        head = grow(remote, 2, lambda number: {FILE: b"%d" % number}, BRANCH, base)[-1]
        head = stray(remote, BRANCH, head, bomb(remote))
        fine = {name: remote.commit(f"gitops-bot/{name}/all", {FILE: NEW}, parents=[base]) for name in "abc"}

        bombed, *others = looked_at(remote, BRANCH, *(f"gitops-bot/{name}/all" for name in fine))

        assert bombed == Branch(BRANCH, head, base, (), complete=False)
        assert [(branch.head, branch.commits[0].changes) for branch in others] == [
            (commit, (FileChange(FILE, OLD, NEW),)) for commit in fine.values()
        ]

    def test_lists_that_are_too_long_together_are_read_apart(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.store.LIST_LIMIT", 400)
        base = remote.branches()["main"]
        grow(remote, 14, lambda number: {} if number % 2 else {FILE: b"%d" % number}, BRANCH, base)
        head = remote.commit("gitops-bot/a/all", {f"{number}": b"x" for number in range(9)}, parents=[base])

        branch, long = looked_at(remote, BRANCH, "gitops-bot/a/all")

        changed = [[change.after for change in commit.changes] for commit in branch.commits]
        assert changed == [each for number in range(0, 14, 2) for each in ([b"%d" % number], [])]
        assert long == Branch("gitops-bot/a/all", head, base, (), complete=False)

    @pytest.mark.parametrize(("number", "complete"), [(4, True), (5, False)])
    def test_after_a_few_that_are_too_much_no_other_is_compared(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, number: int, complete: bool
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.store.LIST_LIMIT", 400)
        base = remote.branches()["main"]
        large = [f"gitops-bot/{at}/all" for at in range(number)]
        for name in large:
            remote.commit(name, {f"{at}": name.encode() for at in range(9)}, parents=[base])
        grow(remote, 2, lambda number: {FILE: b"%d" % number}, BRANCH, base)

        branches = looked_at(remote, BRANCH, *large)

        assert [branch.complete for branch in branches] == [complete, *[False] * number]

    def test_a_path_deeper_or_longer_than_any_is_incomplete(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        rows = {"/".join("d" * 100): True, "/".join("d" * 101): False, "/".join(["d" * 200] * 21): False}
        for number, path in enumerate(rows):
            remote.commit(branch_for(number), {path: b"x"}, parents=[base])

        branches = looked_at(remote, *map(branch_for, range(len(rows))))

        assert [branch.complete for branch in branches] == [*rows.values()]

    def test_headers_that_git_does_not_read_are_not_read(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        tree = remote.git("rev-parse", f"{remote.commit('x', {FILE: NEW}, parents=[base])}^{{tree}}").decode().strip()
        rows = ["parent \udcff", "tree ü", f"parent {'0' * 40}", "\udcff\udcfe \udcff"]
        heads = [
            stray(remote, branch_for(number), base, tree, more=f"{header}\n") for number, header in enumerate(rows)
        ]

        branches = looked_at(remote, *map(branch_for, range(len(rows))))

        assert [[(commit.id, commit.parents, commit.changes) for commit in branch.commits] for branch in branches] == [
            [(head, (base,), (FileChange(FILE, OLD, NEW),))] for head in heads
        ]

    def test_only_branches_of_the_bot_are_asked_for_and_a_base_is_a_commit(self, remote: Remote) -> None:
        with opened(remote) as repository:
            base = repository.head("main")
            with pytest.raises(ValueError, match="not a gitops-bot branch"):
                repository.branch("main", base)
            with pytest.raises(ValueError, match="not a commit ID"):
                repository.branch(BRANCH, "main")


class TestNames:
    def test_the_bots_own_branches_are_named_in_order_and_no_others(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        own = ["gitops-bot/production/web", "gitops-bot/staging/all", "gitops-bot/\u2028"]
        for name in (
            *own,
            "gitops-botx/y",
            "feature",
            "x/gitops-bot/y",
            "gitops-bot/\udcff",
            f"gitops-bot/{'a' * 241}",
        ):
            remote.git("update-ref", f"refs/heads/{name}", base)
        with opened(remote) as repository:
            with pytest.raises(ValueError, match="a head must be read"):
                repository.branches()
            repository.head("main")

            assert repository.branches() == tuple(own)
            assert all(repository.branch(name, base) is not None for name in own)

    def test_they_are_those_that_the_last_head_saw_without_another_look(self, server: GitServer) -> None:
        remote = server.create("acme/names", {FILE: OLD})
        base = remote.commit(BRANCH, {FILE: NEW}, parents=[remote.branches()["main"]])
        with opened(remote) as repository:
            repository.head("main")
            remote.git("update-ref", "refs/heads/gitops-bot/later/all", base)
            before = len(server.requests())

            assert repository.branches() == (BRANCH,)
            assert server.requests()[before:] == []

            repository.head("main")
            assert repository.branches() == ("gitops-bot/later/all", BRANCH)

    def test_what_the_bot_made_and_deleted_itself_counts(self, remote: Remote) -> None:
        with opened(remote) as repository:
            base = repository.head("main")
            assert repository.branches() == ()
            repository.read(base, [FILE])
            commit = repository.publish(BRANCH, parent=base, files={FILE: NEW}, message="m", expected=None)
            away = remote.path.rename(remote.path.with_name("out-of-reach"))

            branch = repository.branch(BRANCH, base)

            assert repository.branches() == (BRANCH,)
            assert branch is not None
            assert [(made.id, made.changes) for made in branch.commits] == [(commit, (FileChange(FILE, OLD, NEW),))]
            away.rename(remote.path)
            repository.delete(BRANCH, expected=commit)
            assert repository.branches() == ()


def test_twenty_branches_cost_one_fetch_of_their_files(server: GitServer) -> None:
    rest = b"#" * 9000  # small files come with the commits
    paths = [f"apps/a{number}/k.yaml" for number in range(20)]
    remote = server.create("acme/twenty", dict.fromkeys(paths, b"old" + rest))
    base = advance(remote, 5)
    for number, path in enumerate(paths):
        grow(remote, 1, lambda _, number=number, path=path: {path: b"%d" % number + rest}, branch_for(number), base)
    with opened(remote) as repository:
        head = repository.head("main")
        before = len(server.requests())
        branches = [repository.branch(branch_for(number), head) for number in range(20)]
        assert repository.branch("gitops-bot/none/all", head) is None

    assert [line.split()[0] for line in server.requests()[before:]] == ["GET", "POST"]
    assert [branch.commits[0].changes[0].after for branch in branches if branch] == [
        b"%d" % number + rest for number in range(20)
    ]


def test_the_next_head_sees_what_others_did(remote: Remote) -> None:
    with opened(remote) as repository:
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
