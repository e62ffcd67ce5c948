"""The first-parent line of the base branch, against real git."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.git import Repository, process
from gitops_bot.edges.git.line import UNREADABLE
from gitops_bot.edges.git.store import FILE_LIMIT
from gitops_bot.errors import GitError
from tests.counterparts.git_http import GitServer, Remote
from tests.edges.git.remotes import BARE, bomb, grow, opened, protocol, stray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gitops_bot.releases.history.line import Line

#: It makes many repositories.
pytestmark = pytest.mark.slow

WEB, API = "apps/web/overlays/production", "apps/api/overlays/production"
FILE = f"{WEB}/kustomization.yaml"
A, B, C = (b"images:\n- name: web\n  newTag: %s\n" % tag for tag in (b"1.0.0", b"1.1.0", b"1.2.0"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", {FILE: A, "README.md": b"first"})


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many processes of each git command were run."""
    counted: Counter[str] = Counter()
    running = process._running

    def counting(arguments: tuple[str, ...], *others: Any, **options: Any) -> object:
        counted[arguments[0]] += 1
        return running(arguments, *others, **options)

    monkeypatch.setattr(process, "_running", counting)
    return counted


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small windows: a history of tens is as long as one of thousands."""
    monkeypatch.setattr("gitops_bot.edges.git.repository.WINDOWS", (20, 100, 500))


def everything(_: Line) -> bool:
    """No line is enough."""
    return False


def anything(_: Line) -> bool:
    """Every line is enough."""
    return True


def never(line: Line) -> bool:
    """Nobody asks."""
    raise AssertionError(line)


def look(remote: Remote, *directories: str, enough: Callable[[Line], bool] = everything, **options: Any) -> Line:
    with opened(remote, **options) as repository:
        return repository.line(repository.head("main"), directories or [WEB], enough)


def numbered(number: int) -> dict[str, bytes]:
    """What each commit of a history makes of the one file."""
    return {FILE: b"%d" % number}


def ids(line: Line) -> list[str]:
    return [step.commit for step in line.steps]


class TestSteps:
    def test_each_commit_that_changed_a_file_stands_newest_first(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        message = "Update web\n\nGitops-Bot-Plan: 1 ü\n"
        second = remote.commit("main", {FILE: B}, message=message, author="Ada Löve <ada@acme.test>")
        remote.commit("main", {"README.md": b"elsewhere"})
        third = remote.commit("main", {f"{WEB}/patch.yaml": b"x"})
        remote.commit("main", {})

        with opened(remote) as repository:
            line = repository.line(repository.head("main"), [WEB], everything)
            assert ids(repository.line(second, [WEB], everything)) == [second, first]
            with pytest.raises(ValueError, match="not a commit ID"):
                repository.line("HEAD", [WEB], everything)
            with pytest.raises(GitError, match="rev-list failed"):
                repository.line("1" * 40, [WEB], everything)

        assert ids(line) == [third, second, first]
        assert line.complete
        step = line.steps[1]
        assert (step.parents, step.author, step.message) == ((first,), "Ada Löve <ada@acme.test>", message)
        assert step.at == datetime.fromtimestamp(int(remote.log(second, "%ct")[0]), UTC)
        assert [(step.changed, step.files) for step in line.steps] == [
            ((f"{WEB}/patch.yaml",), {}),
            ((FILE,), {FILE: (A, B)}),
            ((FILE,), {FILE: (None, A)}),
        ]

    def test_each_kind_of_change(self, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
        elsewhere, large = "apps/shop/overlays/production/kustomization.yaml", b"x" * (FILE_LIMIT + 1)
        rows: list[tuple[dict[str, bytes | None], str, dict[str, tuple[bytes | None, bytes | None]]]] = [
            ({FILE: None}, "100644", {FILE: (A, None)}),
            ({FILE: b""}, "100644", {FILE: (A, b"")}),
            ({FILE: None, f"{WEB}/Kustomization": A}, "100644", {f"{WEB}/Kustomization": (None, A), FILE: (A, None)}),
            ({FILE: None, elsewhere: A}, "100644", {FILE: (A, None)}),
            ({f"{WEB}/sub/kustomization.yml": b"x"}, "100644", {f"{WEB}/sub/kustomization.yml": (None, b"x")}),
            ({f"{WEB}/KUSTOMIZATION.yaml": b"x"}, "100644", {}),
            ({FILE: B, f"{WEB}/a\n\"'\\ü": b"x"}, "100644", {FILE: (A, B)}),
            ({FILE: B, f"{WEB}/\udcff/kustomization.yaml": B}, "100644", {FILE: (A, B)}),
            ({FILE: large}, "100644", {FILE: (A, UNREADABLE)}),
            ({FILE: A}, "100755", {FILE: (A, A)}),
            ({FILE: b"../../base/kustomization.yaml"}, "120000", {FILE: (A, UNREADABLE)}),
            ({FILE: b"1" * 40}, "160000", {FILE: (A, UNREADABLE)}),
        ]
        base = remote.branches()["main"]
        commits = [
            remote.commit(f"gitops-bot/row-{number}/all", files, parents=[base], modes={FILE: mode})
            for number, (files, mode, _) in enumerate(rows)
        ]
        with opened(remote) as repository:
            repository.head("main")
            steps = [repository.line(commit, [WEB], everything).steps[0] for commit in commits]

        # What is too much to be read along with its sizes is told the same.
        monkeypatch.setattr("gitops_bot.edges.git.store.SMALL_LIMIT", FILE_LIMIT)
        with opened(remote) as repository:
            repository.head("main")
            assert [repository.line(commit, [WEB], everything).steps[0] for commit in commits] == steps
        assert [step.files for step in steps] == [expected for _, _, expected in rows]
        assert [{path.replace("\\xff", "\udcff") for path in step.changed} for step in steps] == [
            {path for path in files if path.startswith(f"{WEB}/")} for files, _, _ in rows
        ]
        assert steps[8].after(FILE) is None, "nobody takes what was not read for a kustomization"
        assert steps[8].sides(FILE)

    def test_an_overlay_that_became_a_file_and_an_overlay_again(self, remote: Remote) -> None:
        remote.commit("main", {FILE: None, "apps": b"x"})
        remote.commit("main", {"apps": None, FILE: B})

        assert [(step.changed, step.files) for step in look(remote).steps] == [
            ((FILE,), {FILE: (None, B)}),
            ((FILE,), {FILE: (A, None)}),
            ((FILE,), {FILE: (None, A)}),
        ]

    def test_only_files_below_the_directories_count(self, remote: Remote) -> None:
        paths = {f"{WEB}/a", "apps/web/base/a", f"{API}/a", "apps/web-2/a", "a", "apps/a/x", "nosuch"}
        rows: list[tuple[list[str], set[str]]] = [
            ([WEB], {f"{WEB}/a"}),
            ([WEB, API], {f"{WEB}/a", f"{API}/a"}),
            (["apps/web", WEB], {f"{WEB}/a", "apps/web/base/a"}),
            (["apps"], paths - {"a", "nosuch"}),
            (["ap", "apps/web/over", "a", "nosuch/dir"], set()),
            ([], set()),
            ([API, "."], paths),
        ]
        remote.commit("main", dict.fromkeys(paths, b"x"))
        with opened(remote) as repository:
            head = repository.head("main")
            for directories, expected in rows:
                line = repository.line(head, directories, everything)
                assert [{*step.changed} for step in line.steps if step.commit == head] == [expected] * bool(expected)
                assert line.complete


class TestMerges:
    def test_a_merged_branch_is_one_step_and_its_commits_are_none(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        remote.commit("feature", {FILE: B}, parents=[first])
        side = remote.commit("feature", {f"{WEB}/patch.yaml": b"x"})
        base = remote.commit("main", {"README.md": b"moved on"})
        remote.commit("main", {}, parents=[base, side])  # which kept what was there
        kept = remote.branches()["main"]
        merged = remote.commit("main", {FILE: B, f"{WEB}/patch.yaml": b"x"}, message="Merge #1", parents=[kept, side])
        sides = [remote.commit(name, {f"{WEB}/{name}": b"x"}, parents=[first]) for name in "ab"]
        three = remote.commit("main", {f"{WEB}/{name}": b"x" for name in "ab"}, parents=[merged, *sides])

        line = look(remote)

        assert ids(line) == [three, merged, first]
        assert [(step.parents, step.changed) for step in line.steps[:2]] == [
            ((merged, *sides), (f"{WEB}/a", f"{WEB}/b")),
            ((kept, side), (FILE, f"{WEB}/patch.yaml")),
        ]
        assert line.steps[1].files == {FILE: (A, B)}

    @pytest.mark.usefixtures("windows")
    def test_a_merge_of_an_old_branch_does_not_shorten_the_line(self, remote: Remote) -> None:
        """By the second parent the root is near, so that the copy holds it while the line is still cut."""
        root = remote.branches()["main"]
        made = grow(remote, 30, numbered)
        side = remote.commit("feature", {"x": b"x"}, parents=[root])
        merged = remote.commit("main", {"x": b"x"}, parents=[made[-1], side])
        newer = remote.commit("main", {FILE: C})

        near, all_of_it = look(remote, enough=anything), look(remote)

        assert ids(near) == [newer, *made[:-18:-1]]
        assert not near.complete
        assert ids(all_of_it) == [newer, *reversed(made), root]
        assert all_of_it.complete
        assert merged not in ids(all_of_it)

    def test_git_itself_tells_the_same(self, remote: Remote) -> None:
        """A history of every shape, against `git log` in the whole repository."""
        for number in range(21):
            tip = remote.branches()["main"]
            path = (FILE, f"{API}/k", f"{WEB}/sub/{number % 5}", "README.md")[number % 4]
            if number % 7 < 3:
                side = remote.commit(f"feature-{number % 3}", {path: b"side %d" % number}, parents=[tip])
                ours = remote.commit("main", {"other": b"%d" % number})
                remote.commit("main", {path: b"side %d" % number}, parents=[ours, side])
            else:
                remote.commit("main", {path: None if number % 10 == 9 else b"%d" % number})
        asked = ("--first-parent", "-m", "--name-only", "--no-renames", "--format=%x00%H", "main", "--", WEB, API)
        told = [entry.split() for entry in remote.git("log", *asked).decode().split("\0")[1:]]

        line = look(remote, WEB, API)

        assert [[step.commit, *step.changed] for step in line.steps] == told
        assert len(told) > 10


@pytest.mark.usefixtures("windows")
class TestDepth:
    def test_the_line_is_complete_where_the_root_is(self, tmp_path: Path) -> None:
        remote = Remote.create(tmp_path / "r.git", {})
        made: list[str] = []
        for commits in (1, 18, 1, 1, 79):
            made += grow(remote, commits, lambda _: {FILE: os.urandom(8)})

            line = look(remote)

            assert ids(line) == made[::-1]
            assert line.complete
            assert line.steps[-1].files[FILE][0] is None

    def test_history_is_fetched_in_steps_until_it_is_enough(self, server: GitServer, ran: Counter[str]) -> None:
        remote = server.create("acme/steps", {})
        made = grow(remote, 120, numbered)
        asked: list[int] = []

        def second(line: Line) -> bool:
            asked.append(len(line.steps))
            return len(asked) == 2

        with opened(remote) as repository:
            head = repository.head("main")
            ran.clear()
            line = repository.line(head, [WEB], second)
            fetches = ran["fetch"]
            ran.clear()
            again = repository.line(head, [WEB], anything)

        assert asked == [19, 99]
        assert ids(line) == made[:-100:-1]
        assert not line.complete
        # Each step brings commits and trees, and then the files of all of them at once.
        assert fetches == 4
        # The copy is deeper by now, and the answer the same as if it were not.
        assert ids(again) == made[:-20:-1]
        assert ran["fetch"] == 0

    def test_the_commit_at_which_the_copy_ends_does_not_add_all_that_it_holds(self, remote: Remote) -> None:
        grow(remote, 30, numbered)

        line = look(remote, ".", enough=anything)

        assert not line.complete
        assert {step.changed for step in line.steps} == {(FILE,)}
        assert all(None not in step.files[FILE] for step in line.steps)

    def test_a_copy_that_is_whole_is_neither_deepened_nor_is_its_line_asked_whether_it_is_enough(
        self, remote: Remote, ran: Counter[str]
    ) -> None:
        with opened(remote) as repository:
            head = repository.head("main")
            ran.clear()
            assert repository.line(head, ["nosuch"], never).complete

        assert ran["fetch"] == 0

    @pytest.mark.parametrize(("depth", "fetches"), [(1, 1), (2, 1), (12, 1), (30, 2)])
    def test_a_remote_that_is_shallow_itself_has_no_complete_line(
        self, remote: Remote, tmp_path: Path, ran: Counter[str], depth: int, fetches: int
    ) -> None:
        """A line that ends within the commits asked for has no more of them."""
        made = grow(remote, 40, numbered)
        clone = ["git", "clone", "-q", f"--depth={depth}", remote.file_url, str(tmp_path / "shallow")]
        subprocess.run(clone, check=True, env=BARE)

        with Repository(str(tmp_path / "shallow"), environ=BARE) as repository:
            head = repository.head("main")
            ran.clear()
            line = repository.line(head, [WEB], everything)

        assert ids(line) == made[:-depth:-1]
        assert not line.complete
        assert line.more == "fetch the full history (`fetch-depth: 0`)"
        assert ran["fetch"] == fetches

    @pytest.mark.usefixtures("windows")
    def test_a_line_that_is_longer_than_what_is_read_asks_for_no_other_clone(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grow(remote, 40, numbered)
        assert look(remote).more == ""
        assert look(remote, enough=anything).more == "nothing older than the newest 19 commits is read"
        monkeypatch.setattr("gitops_bot.edges.git.repository.WINDOWS", (20, 30))
        assert look(remote).more == "nothing older than the newest 29 commits is read"

    def test_a_base_that_moved_on_or_was_rewritten_meanwhile_leaves_what_is_known(self, remote: Remote) -> None:
        root = remote.branches()["main"]
        made = grow(remote, 10, numbered)
        with opened(remote) as moved, opened(remote) as rewritten:
            heads = moved.head("main"), rewritten.head("main")
            grow(remote, 8, numbered)
            line = moved.line(heads[0], [WEB], everything)
            remote.git("update-ref", "-d", "refs/heads/main")
            newer = grow(remote, 3, numbered)
            left = rewritten.line(heads[1], [WEB], everything)
            after = moved.line(moved.head("main"), [WEB], everything)

        assert (ids(line), line.complete) == ([*made[::-1], root], True)
        assert (ids(left), left.complete) == (made[-1:], False)
        assert (ids(after), after.complete) == (newer[::-1], True)

    def test_a_copy_that_is_deeper_than_needed_changes_nothing(self, remote: Remote, tmp_path: Path) -> None:
        grow(remote, 25, numbered)
        cache = tmp_path / "cache"
        fresh, deep = look(remote, enough=anything), look(remote, cache=cache)

        assert look(remote, enough=anything, cache=cache) == fresh
        assert look(remote, cache=cache) == deep
        assert (fresh.complete, deep.complete) == (False, True)


class TestCost:
    def overlays(self, server: GitServer, name: str) -> Remote:
        """Thirty overlays, each changed by now and then."""
        remote = server.create(name, {})
        paths = [f"apps/a{number}/kustomization.yaml" for number in range(30)]
        grow(remote, 25, lambda n: {paths[n]: b"%d" % n, "README": b"%d" % n} if n else dict.fromkeys(paths, A))
        return remote

    def test_who_says_that_history_is_needed_fetches_once(self, server: GitServer, ran: Counter[str]) -> None:
        remote = self.overlays(server, "acme/once")
        with opened(remote, history=True) as repository:
            head = repository.head("main")
            paths = [path for path in repository.tree(head) if path.startswith("apps/")]
            assert len(repository.read(head, paths)) == 30
            line = repository.line(head, ["apps"], everything)
            repository.publish("gitops-bot/a/b", parent=head, files={paths[0]: B}, message="m", expected=None)

        assert len(line.steps) == 25
        assert line.complete
        asked = [request.rpartition("/")[2] for request in server.requests() if "acme/once" in request]
        # Git first asks which branches there are, then for their commits, with all that belongs to them.
        assert [each.split()[0] for each in asked if not each.endswith("401")] == [
            "refs?service=git-upload-pack",
            "git-upload-pack",
            "git-upload-pack",
            "refs?service=git-receive-pack",
            "git-receive-pack",
        ]
        assert ran["fetch"] == 1

    @pytest.mark.parametrize("history", [False, True])
    def test_reading_again_after_another_push_costs_one_fetch(
        self, server: GitServer, ran: Counter[str], *, history: bool
    ) -> None:
        """What a lost race costs besides the push: nothing that was read before is fetched or compared again."""
        remote = self.overlays(server, f"acme/again-{history}")
        with opened(remote, history=history) as repository:
            repository.line(repository.head("main"), ["apps"], everything)
            assert ran["fetch"] == (1 if history else 2), "history is fetched when it is read"
            made = [remote.commit("main", {"apps/a7/kustomization.yaml": data}) for data in (B, C)]
            ran.clear()
            head = repository.head("main")
            texts = repository.read(head, ["apps/a7/kustomization.yaml"])
            line = repository.line(head, ["apps"], everything)
            commands = Counter(ran)

        assert line == look(remote, "apps")
        assert texts == {"apps/a7/kustomization.yaml": C}
        assert ids(line)[:2] == made[::-1]
        assert commands == {"fetch": 1, "rev-list": 1}


class TestHostileHistories:
    @pytest.mark.parametrize(
        ("limit", "value"),
        [
            pytest.param("line.CHANGE_LIMIT", 5, id="changed paths of one commit"),
            pytest.param("line.PATH_LIMIT", 8, id="changed paths of the line"),
            pytest.param("line.VERSION_LIMIT", 8, id="kustomizations"),
            pytest.param("line.BYTE_LIMIT", 200, id="bytes of kustomizations"),
            pytest.param("store.LIST_LIMIT", 600, id="bytes of one list"),
        ],
    )
    @pytest.mark.usefixtures("windows")
    def test_the_line_ends_before_a_commit_that_is_too_much(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        grow(remote, 25, lambda _: {})  # and nobody is asked for more
        remote.commit("main", {f"{WEB}/{name}/kustomization.yaml": name.encode() * 40 for name in "abcdefgh"})
        newer = grow(remote, 3, numbered)
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)

        line = look(remote, enough=never)

        assert ids(line) == newer[::-1]
        assert [step.files[FILE] for step in line.steps] == [(b"1", b"2"), (b"0", b"1"), (A, b"0")]
        assert not line.complete
        assert line.too_large == remote.log(f"{newer[0]}^", "%H")[0]
        assert line.more == f"nothing before commit {line.too_large[:10]}, which changes too many files, can be read"

    @pytest.mark.parametrize("limit", ["CHANGE_LIMIT", "PATH_LIMIT"])
    def test_of_a_commit_with_very_many_files_those_with_pins_are_read_and_the_line_goes_on(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str
    ) -> None:
        many = {f"{WEB}/crds/{number}.yaml": b"kind: X\n" for number in range(40)}
        beside = {f"{API}/docs/{number}": b"x" for number in range(40)}
        large = remote.commit("main", {FILE: B, **many, **beside})
        newest = remote.commit("main", {FILE: C})
        monkeypatch.setattr(f"gitops_bot.edges.git.line.{limit}", 6)

        line = look(remote, "apps")

        assert line.complete
        assert (ids(line)[:2], line.too_large) == ([newest, large], "")
        assert line.steps[1].files == {FILE: (A, B)}
        assert ids(line)[1:2] == [step.commit for step in line.touching(API)], "which overlays it changed is known"
        assert len(line.steps[1].changed) == 3

    def test_a_few_trees_that_name_a_billion_paths_end_it_where_they_are(self, remote: Remote) -> None:
        stray(remote, "main", remote.branches()["main"], bomb(remote, "apps", "web"))
        remote.commit("main", {"apps": None, FILE: B})

        within = look(remote, "apps/web")
        beside = look(remote, "elsewhere")

        assert (ids(within), within.complete) == ([], False)
        assert (ids(beside), beside.complete) == ([], True)

    @pytest.mark.parametrize(("limit", "value"), [("line.CHANGE_LIMIT", 5), ("store.LIST_LIMIT", 600)])
    def test_much_elsewhere_costs_nothing(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)
        remote.commit("main", {f"docs/{number}/x": b"x" for number in range(20)} | {FILE: B})

        line = look(remote)

        assert [step.changed for step in line.steps] == [(FILE,), (FILE,)]
        assert line.complete

    def test_a_time_that_nobody_lived_in(self, remote: Remote) -> None:
        rows = {
            b"253402300799 +0000": "9999-12-31T23:59:59+00:00",  # the last second there is
            b"253402300800 +0000": "9999-12-31T23:59:59+00:00",
            b"9" * 5000 + b" +0000": "9999-12-31T23:59:59+00:00",
            b"1700000000 +9959": "2023-11-14T22:13:20+00:00",
            b"-5 +0000": "1970-01-01T00:00:00+00:00",
            b"yesterday": "1970-01-01T00:00:00+00:00",
            b"": "1970-01-01T00:00:00+00:00",
        }
        root = remote.branches()["main"]
        trees = [
            remote.git("rev-parse", f"{remote.commit('x', {FILE: data}, parents=[root])}^{{tree}}").decode().strip()
            for data in (B, C)
        ]
        for number, written in enumerate(rows):
            tip = remote.branches()["main"]
            stray(remote, "main", tip, trees[number % 2], committer=b"ada <a@b> " + written)

        *steps, _ = look(remote).steps

        assert [step.at.isoformat() for step in steps] == [*rows.values()][::-1]
        assert {(step.author, step.message) for step in steps} == {("\ufffd\ufffd <\ufffd@b>", "\ufffd\n")}
        assert steps[0].who.isprintable()

    def test_a_system_that_cannot_limit_git_tells_the_same(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remote.commit("main", {FILE: b"1", "README.md": b"1", "docs/a b/x\n.yaml": b"1", f"{WEB}/deep/er/f": b"1"})
        remote.commit("main", {FILE: b"1", "docs/a b/x\n.yaml": None, "docs/ü": b"2"}, modes={FILE: "100755"})
        remote.commit("main", {f"{WEB}/deep/er/f": None, f"{WEB}/deep": b"a file where a directory was"})
        lines = [look(remote, *directories) for directories in (["."], ["apps", "docs/a b"])]
        monkeypatch.delattr("resource.prlimit")

        assert [look(remote, *directories) for directories in (["."], ["apps", "docs/a b"])] == lines
        assert [len(line.steps) for line in lines] == [4, 4]

    def test_a_message_without_an_end_costs_the_message(self, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.line.COMMIT_BYTE_LIMIT", 1000)
        long = remote.commit("main", {FILE: B}, message="x" * 1000)
        short = remote.commit("main", {FILE: C}, message="y")

        newer, older, oldest = look(remote).steps

        assert (newer.commit, newer.message) == (short, "y")
        assert (older.commit, older.author, older.message, older.who) == (long, "", "", "nobody")
        assert older.files == {FILE: (A, B)}
        assert oldest.message == "first"

    def test_the_reader_is_not_led_astray_by_what_looks_like_its_own_format(self, remote: Remote) -> None:
        root = remote.branches()["main"]
        text = f"commit {'1' * 40}\n{'2' * 40},1,\n\ntree {'3' * 40}\nparent {'4' * 40}\n"
        odd = remote.commit("main", {FILE: B, f"{WEB}/:100644 100644 a\n": b"x"}, message=text)

        line = look(remote)

        assert ids(line) == [odd, root]
        assert line.steps[0].message == text
        assert line.steps[0].changed == (f"{WEB}/:100644 100644 a\n", FILE)


class TestTags:
    def told(self, remote: Remote) -> Mapping[str, str]:
        with opened(remote) as alone, opened(remote, history=True) as with_the_branch:
            with_the_branch.default_branch()
            tags = alone.tags()
            assert with_the_branch.tags() == tags
        return tags

    def test_every_tag_and_the_commit_that_it_names(self, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.told(remote) == {}
        first = remote.branches()["main"]
        second = remote.commit("main", {FILE: B})
        who = ["-c", "user.name=ada", "-c", "user.email=a@b"]
        for name in (b"\xff", "ü/\N{SPARKLES}".encode(), b"a{b}", b"-x", b"v1"):
            remote.git("update-ref", f"refs/tags/{os.fsdecode(name)}", first)
        remote.git("tag", "release/production/2", second)
        remote.git(*who, "tag", "-a", "-m", "m", "annotated", first)
        remote.git(*who, "tag", "-a", "-m", "m", "of-a-tag", "annotated")
        remote.git("branch", "v9", second)

        assert self.told(remote) == dict.fromkeys(("ü/\N{SPARKLES}", "a{b}", "v1", "annotated", "of-a-tag"), first) | {
            "release/production/2": second
        }
        monkeypatch.setattr("gitops_bot.edges.git.remote._TAGS_LIMIT", 100)
        with pytest.raises(GitError, match="ls-remote returned more than"):
            self.told(remote)

    @pytest.mark.parametrize("version", ["2", "0"])
    def test_they_are_asked_for_alone_and_only_when_asked(self, server: GitServer, version: str) -> None:
        remote = server.create(f"tags/{version}", {FILE: A})
        remote.git("tag", "v1", "main")
        with opened(remote, environ=protocol(version)) as repository:
            repository.head("main")
            before = len(server.requests())
            first = repository.tags()
            cost = len(server.requests()) - before
            remote.git("tag", "v2", "main")
            second = repository.tags()

        assert (list(first), list(second)) == (["v1"], ["v1", "v2"])
        assert cost == (2 if version == "2" else 1)

    def test_the_first_come_with_the_default_branch_of_a_kept_copy_where_history_is_read(
        self, remote: Remote, ran: Counter[str], tmp_path: Path
    ) -> None:
        remote.git("tag", "v1", "main")
        with opened(remote, history=True, cache=tmp_path) as repository:
            repository.head(repository.default_branch())
        with opened(remote, history=True, cache=tmp_path) as repository:
            repository.default_branch()
            remote.git("tag", "v2", "main")
            told = [list(repository.tags()) for _ in range(2)]

        assert told == [["v1"], ["v1", "v2"]]
        assert ran["ls-remote"] == 2
