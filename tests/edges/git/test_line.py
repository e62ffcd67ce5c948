"""The first-parent line of the base branch, against real git."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.git import Credentials, Repository, process
from gitops_bot.edges.git.line import UNREADABLE
from gitops_bot.edges.git.store import FILE_LIMIT
from gitops_bot.errors import GitError
from tests.counterparts.git_http import WRITER, GitServer, Remote, git_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from gitops_bot.releases.history.line import Line, Step

BARE = {"PATH": os.environ["PATH"]}
WEB, API = "apps/web/overlays/production", "apps/api/overlays/production"
FILE = f"{WEB}/kustomization.yaml"
A, B, C = (b"images:\n- name: web\n  newTag: %s\n" % tag for tag in (b"1.0.0", b"1.1.0", b"1.2.0"))


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote.create(tmp_path / "r.git", {FILE: A, "README.md": b"first"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with git_server(tmp_path_factory.mktemp("line")) as running:
        yield running


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


def everything(_: Line) -> bool:
    """No line is enough."""
    return False


def anything(_: Line) -> bool:
    """Every line is enough."""
    return True


def opened(remote: Remote, *, history: bool = False, cache: Path | None = None, protocol: str = "2") -> Repository:
    version = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": protocol}
    return Repository(
        remote.url or remote.file_url,
        credentials=Credentials(*WRITER) if remote.url else None,
        cache=cache,
        environ=BARE | version,
        history=history,
    )


def look(
    remote: Remote, *directories: str, enough: Callable[[Line], bool] = everything, cache: Path | None = None
) -> Line:
    with opened(remote, cache=cache) as repository:
        return repository.line(repository.head("main"), directories or [WEB], enough)


def grow(
    remote: Remote, commits: int, files: Callable[[int], Mapping[str, bytes]] | None = None, branch: str = "main"
) -> list[str]:
    """Let a branch grow by many commits in one process, a second apart; answers with their ids, oldest first.

    As a rule each gives the one file its number.
    """
    before = remote.branches().get(branch)
    stream = [b"feature done\n", b"" if before else b"reset refs/heads/%s\n\n" % branch.encode()]
    for number in range(commits):
        stream.append(b"commit refs/heads/%s\nmark :%d\n" % (branch.encode(), number + 1))
        stream.append(b"committer Ada <a@b> %d +0000\ndata 1\n.\n" % (1_700_000_000 + number))
        if before and not number:
            stream.append(b"from %s\n" % before.encode())
        changed = files(number) if files else {FILE: b"%d" % number}
        for path, data in changed.items():
            stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
    stream += [b"get-mark :%d\n" % (number + 1) for number in range(commits)]
    out = remote.git("fast-import", "--quiet", "--cat-blob-fd=1", stdin=b"".join([*stream, b"done\n"]))
    return out.decode().split()


def stray(remote: Remote, parent: str, tree: str = "", *, committer: bytes = b"ada <a@b> 1 +0000") -> str:
    """Put a commit on the base branch whose bytes nobody checked."""
    tree = tree or remote.git("rev-parse", f"{parent}^{{tree}}").decode().strip()
    data = b"tree %s\nparent %s\nauthor \xff\xfe <\xff@b> 1 +0000\ncommitter %s\n\n\xff\n" % (
        tree.encode(),
        parent.encode(),
        committer,
    )
    made = remote.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=data).decode().strip()
    remote.git("update-ref", "refs/heads/main", made)
    return made


def ids(line: Line) -> list[str]:
    return [step.commit for step in line.steps]


def newest(remote: Remote, *directories: str) -> Step:
    return look(remote, *directories).steps[0]


class TestSteps:
    def test_each_commit_that_changed_a_file_stands_newest_first(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        message = "Update web\n\nGitops-Bot-Plan: 1 ü\n"
        second = remote.commit("main", {FILE: B}, message=message, author="Ada Löve <ada@acme.test>")
        remote.commit("main", {"README.md": b"elsewhere"})
        third = remote.commit("main", {f"{WEB}/patch.yaml": b"x"})

        line = look(remote)

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

    @pytest.mark.parametrize(
        ("files", "expected"),
        [
            pytest.param({FILE: None}, {FILE: (A, None)}, id="removed"),
            pytest.param({FILE: b""}, {FILE: (A, b"")}, id="emptied"),
            pytest.param({FILE: None, f"{WEB}/Kustomization": A}, {f"{WEB}/Kustomization": (None, A), FILE: (A, None)},
                id="the kustomization under another name"),
            pytest.param({FILE: None, "apps/shop/overlays/production/kustomization.yaml": A}, {FILE: (A, None)},
                id="the overlay under another name"),
            pytest.param({f"{WEB}/sub/kustomization.yml": b"x"}, {f"{WEB}/sub/kustomization.yml": (None, b"x")},
                id="below"),
            pytest.param({f"{WEB}/KUSTOMIZATION.yaml": b"x"}, {}, id="not kustomize's spelling"),
            pytest.param({FILE: B, f"{WEB}/a\n\"'\\ü": b"x"}, {FILE: (A, B)}, id="an odd name"),
            pytest.param({f"{WEB}/\udcff/kustomization.yaml": B, FILE: B}, {FILE: (A, B)}, id="not UTF-8"),
            pytest.param({FILE: b"x" * (FILE_LIMIT + 1)}, {FILE: (A, UNREADABLE)}, id="too large to read"),
        ],
    )  # fmt: skip
    def test_each_kind_of_change(
        self,
        remote: Remote,
        files: dict[str, bytes | None],
        expected: dict[str, tuple[bytes | None, bytes | None]],
    ) -> None:
        remote.commit("main", files)

        step = newest(remote)

        assert step.files == expected
        below = {path for path in files if path.startswith(f"{WEB}/")}
        assert {path.replace("\\xff", "\udcff") for path in step.changed} == below

    @pytest.mark.parametrize(
        ("mode", "content", "after"),
        [
            pytest.param("100755", A, A, id="executable"),
            pytest.param("120000", b"../../base/kustomization.yaml", UNREADABLE, id="symbolic link"),
            pytest.param("160000", b"1" * 40, UNREADABLE, id="submodule"),
        ],
    )
    def test_a_change_of_mode(self, remote: Remote, mode: str, content: bytes, after: bytes) -> None:
        remote.commit("main", {FILE: content}, modes={FILE: mode})

        assert newest(remote).files == {FILE: (A, after)}

    def test_nobody_takes_what_was_not_read_for_a_kustomization_or_for_none(self, remote: Remote) -> None:
        remote.commit("main", {FILE: b"x" * (FILE_LIMIT + 1)})
        remote.commit("main", {FILE: B})

        last, before, _ = look(remote).steps

        assert last.before(FILE) is before.after(FILE) is None
        assert before.sides(FILE)
        assert before.before(FILE)

    def test_a_file_that_was_away_for_a_while(self, remote: Remote) -> None:
        for content in (None, B):
            remote.commit("main", {FILE: content})

        assert [step.files[FILE] for step in look(remote).steps] == [(None, B), (A, None), (None, A)]

    def test_an_overlay_that_became_a_file_and_an_overlay_again(self, remote: Remote) -> None:
        remote.commit("main", {FILE: None, "apps": b"x"})
        remote.commit("main", {"apps": None, FILE: B})

        assert [(step.changed, step.files) for step in look(remote).steps] == [
            ((FILE,), {FILE: (None, B)}),
            ((FILE,), {FILE: (A, None)}),
            ((FILE,), {FILE: (None, A)}),
        ]

    @pytest.mark.parametrize(
        ("directories", "expected"),
        [
            pytest.param([WEB], {f"{WEB}/a"}, id="one"),
            pytest.param([WEB, API], {f"{WEB}/a", f"{API}/a"}, id="two"),
            pytest.param(["apps/web", WEB], {f"{WEB}/a", "apps/web/base/a"}, id="one within another"),
            pytest.param(["apps"], {f"{WEB}/a", "apps/web/base/a", f"{API}/a", "apps/web-2/a"}, id="one of many"),
            pytest.param(["ap", "apps/web/over", "a", "nosuch/dir"], set(), id="none"),
            pytest.param([], set(), id="nothing"),
            pytest.param([API, "."], None, id="all"),
        ],
    )
    def test_only_files_below_the_directories_count(
        self, remote: Remote, directories: list[str], expected: set[str] | None
    ) -> None:
        paths = {f"{WEB}/a", "apps/web/base/a", f"{API}/a", "apps/web-2/a", "a", "apps/a/x", "nosuch"}
        base = remote.branches()["main"]
        remote.commit("main", dict.fromkeys(paths, b"x"))
        expected = paths if expected is None else expected

        with opened(remote) as repository:
            line = repository.line(repository.head("main"), directories, everything)

        found = [set(step.changed) for step in line.steps if step.commit != base]
        if "apps" in directories:
            expected = expected | {"apps/a/x"}
        assert found == ([expected] if expected else [])
        assert line.complete

    def test_a_kustomization_at_the_top(self, remote: Remote) -> None:
        commit = remote.commit("main", {"kustomization.yaml": B})

        line = look(remote, ".")

        assert line.steps[0].files == {"kustomization.yaml": (None, B)}
        assert line.touching(".")[0].commit == commit

    def test_commits_that_change_nothing_are_none(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        for _ in range(3):
            remote.commit("main", {})

        assert ids(look(remote)) == [first]

    def test_an_older_commit_has_a_line_of_its_own(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        second = remote.commit("main", {FILE: B})
        remote.commit("main", {FILE: C})
        with opened(remote) as repository:
            repository.head("main")
            assert ids(repository.line(second, [WEB], everything)) == [second, first]

    @pytest.mark.parametrize("commit", ["main", "-x", "HEAD", "0" * 39])
    def test_only_a_commit_has_one(self, remote: Remote, commit: str) -> None:
        with opened(remote) as repository:
            repository.head("main")
            with pytest.raises(ValueError, match="not a commit ID"):
                repository.line(commit, [WEB], everything)

    def test_a_commit_that_is_nowhere_is_an_error(self, remote: Remote) -> None:
        with opened(remote) as repository:
            repository.head("main")
            with pytest.raises(GitError, match="rev-list failed"):
                repository.line("1" * 40, [WEB], everything)


class TestMerges:
    def test_a_merged_branch_is_one_step_and_its_commits_are_none(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        remote.commit("feature", {FILE: B}, parents=[first])
        side = remote.commit("feature", {f"{WEB}/patch.yaml": b"x"})
        base = remote.commit("main", {"README.md": b"moved on"})
        merged = remote.commit("main", {FILE: B, f"{WEB}/patch.yaml": b"x"}, message="Merge #1", parents=[base, side])

        line = look(remote)

        assert ids(line) == [merged, first]
        step = line.steps[0]
        assert step.parents == (base, side)
        assert step.changed == (FILE, f"{WEB}/patch.yaml")
        assert step.files == {FILE: (A, B)}

    def test_a_merge_that_kept_what_was_there_is_no_step(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        side = remote.commit("feature", {FILE: B}, parents=[first])
        base = remote.commit("main", {"README.md": b"moved on"})
        remote.commit("main", {}, parents=[base, side])

        assert ids(look(remote)) == [first]

    def test_a_merge_of_three(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        sides = [remote.commit(name, {f"{WEB}/{name}": b"x"}, parents=[first]) for name in "ab"]
        merged = remote.commit("main", {f"{WEB}/{name}": b"x" for name in "ab"}, parents=[first, *sides])

        line = look(remote)

        assert [(step.commit, step.changed) for step in line.steps] == [
            (merged, (f"{WEB}/a", f"{WEB}/b")),
            (first, (FILE,)),
        ]

    def test_a_squashed_branch_is_an_ordinary_step(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        for content in (B, C):
            remote.commit("feature", {FILE: content}, parents=[first] if content == B else ())
        squashed = remote.commit("main", {FILE: C}, message="All of it (#2)")

        line = look(remote)

        assert ids(line) == [squashed, first]
        assert line.steps[0].files == {FILE: (A, C)}

    def test_a_merge_of_an_old_branch_does_not_shorten_the_line(self, remote: Remote) -> None:
        """By the second parent the root is near, so that the copy holds it while the line is still cut."""
        root = remote.branches()["main"]
        made = grow(remote, 2_100)
        side = remote.commit("feature", {"x": b"x"}, parents=[root])
        merged = remote.commit("main", {"x": b"x"}, parents=[made[-1], side])
        newer = remote.commit("main", {FILE: C})

        near, all_of_it = look(remote, enough=anything), look(remote)

        assert ids(near) == [newer, *made[:-1998:-1]]
        assert not near.complete
        assert ids(all_of_it) == [newer, *reversed(made), root]
        assert all_of_it.complete
        assert merged not in ids(all_of_it)

    def test_git_itself_tells_the_same(self, remote: Remote) -> None:
        """A history of every shape, against `git log` in the whole repository."""
        for number in range(40):
            tip = remote.branches()["main"]
            name = f"feature-{number % 3}"
            path = (FILE, f"{API}/k", f"{WEB}/sub/{number % 5}", "README.md")[number % 4]
            if number % 7 < 3:
                side = remote.commit(name, {path: b"side %d" % number}, parents=[tip])
                remote.commit("main", {"other": b"%d" % number})
                ours = remote.branches()["main"]
                remote.commit("main", {path: b"side %d" % number}, parents=[ours, side])
            else:
                remote.commit("main", {path: None if number % 10 == 9 else b"%d" % number})
        asked = ("--first-parent", "-m", "--name-only", "--no-renames", "--format=%x00%H", "main", "--", WEB, API)
        told = [entry.split() for entry in remote.git("log", *asked).decode().split("\0")[1:]]

        line = look(remote, WEB, API)

        assert [[step.commit, *step.changed] for step in line.steps] == told
        assert len(told) > 20
        for step in line.steps:
            assert remote.log(step.commit, "%P")[0].split() == list(step.parents)


@pytest.mark.slow
class TestDepth:
    @pytest.mark.parametrize("commits", [1, 2, 1998, 1999, 2000, 2001, 2002])
    def test_the_line_is_complete_where_the_root_is(self, server: GitServer, commits: int) -> None:
        remote = server.create(f"root/{commits}", {})
        made = grow(remote, commits)

        line = look(remote)

        assert ids(line) == made[::-1]
        assert line.complete
        assert line.steps[-1].files == {FILE: (None, b"0")}

    def test_history_is_fetched_in_steps_until_it_is_enough(self, server: GitServer, ran: Counter[str]) -> None:
        remote = server.create("acme/steps", {})
        made = grow(remote, 10_200)
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

        assert asked == [1_999, 9_999]
        assert ids(line) == made[:-10_000:-1]
        assert not line.complete
        # Each step brings commits and trees, and then the files of all of them at once.
        assert fetches == 4
        # The copy is deeper by now, and the answer the same as if it were not.
        assert ids(again) == made[:-2_000:-1]
        assert ran["fetch"] == 0

    def test_the_commit_at_which_the_copy_ends_does_not_add_all_that_it_holds(self, remote: Remote) -> None:
        grow(remote, 2_100)

        line = look(remote, ".", enough=anything)

        assert not line.complete
        assert {step.changed for step in line.steps} == {(FILE,)}
        assert all(None not in step.files[FILE] for step in line.steps)

    def test_a_line_that_is_complete_is_not_asked_whether_it_is_enough(self, remote: Remote) -> None:
        def never(line: Line) -> bool:
            raise AssertionError(line)

        assert look(remote, enough=never).complete

    def test_a_copy_that_is_whole_already_is_not_deepened(self, remote: Remote, ran: Counter[str]) -> None:
        with opened(remote) as repository:
            head = repository.head("main")
            ran.clear()
            assert repository.line(head, ["nosuch"], everything).complete

        assert ran["fetch"] == 0

    @pytest.mark.parametrize(("depth", "fetches"), [(1, 1), (2, 1), (20, 1), (2_010, 2)])
    def test_a_remote_that_is_shallow_itself_has_no_complete_line(
        self, remote: Remote, tmp_path: Path, ran: Counter[str], depth: int, fetches: int
    ) -> None:
        """A line that ends within the commits asked for has no more of them."""
        made = grow(remote, 2_020)
        clone = ["git", "clone", "-q", f"--depth={depth}", remote.file_url, str(tmp_path / "shallow")]
        subprocess.run(clone, check=True, env=BARE)

        with Repository(str(tmp_path / "shallow"), environ=BARE) as repository:
            head = repository.head("main")
            ran.clear()
            line = repository.line(head, [WEB], everything)

        assert ids(line) == made[:-depth:-1]
        assert not line.complete
        assert ran["fetch"] == fetches

    def test_a_base_that_moved_on_meanwhile_has_the_same_line(self, remote: Remote) -> None:
        made = grow(remote, 30)
        with opened(remote) as repository:
            head = repository.head("main")
            grow(remote, 20)
            line = repository.line(head, [WEB], everything)

        assert ids(line)[:-1] == made[::-1]
        assert line.complete

    def test_a_base_that_was_rewritten_meanwhile_leaves_what_is_known(self, remote: Remote) -> None:
        made = grow(remote, 30)
        with opened(remote) as repository:
            head = repository.head("main")
            remote.git("update-ref", "-d", "refs/heads/main")
            remote.commit("main", {FILE: C}, message="another beginning")
            line = repository.line(head, [WEB], everything)

        assert ids(line) == made[-1:]
        assert not line.complete


class TestCost:
    def overlays(self, server: GitServer, name: str, *, filters: bool = True, object_format: str = "sha1") -> Remote:
        """Three hundred overlays, each changed by now and then."""
        remote = server.create(name, {}, filters=filters, object_format=object_format)
        paths = [f"apps/a{number}/kustomization.yaml" for number in range(300)]
        grow(
            remote,
            250,
            lambda n: dict.fromkeys(paths, A) if not n else {paths[n % 300]: b"%d" % n, "README": b"%d" % n},
        )
        return remote

    def test_who_says_that_history_is_needed_fetches_once(self, server: GitServer, ran: Counter[str]) -> None:
        remote = self.overlays(server, "acme/once")
        with opened(remote, history=True) as repository:
            head = repository.head("main")
            paths = [path for path in repository.tree(head) if path.startswith("apps/")]
            assert len(repository.read(head, paths)) == 300
            line = repository.line(head, ["apps"], everything)
            repository.publish("gitops-bot/a/b", parent=head, files={paths[0]: B}, message="m", expected=None)

        assert len(line.steps) == 250
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
            made = [remote.commit("main", {"apps/a7/kustomization.yaml": data}) for data in (B, C)]
            ran.clear()
            head = repository.head("main")
            texts = repository.read(head, ["apps/a7/kustomization.yaml"])
            line = repository.line(head, ["apps"], everything)
            commands = Counter(ran)

        with opened(remote) as fresh:
            assert line == fresh.line(fresh.head("main"), ["apps"], everything)
        assert texts == {"apps/a7/kustomization.yaml": C}
        assert ids(line)[:2] == made[::-1]
        assert commands["fetch"] == 1
        assert commands == {"fetch": 1, "rev-list": 1}

    def test_a_base_that_was_rewritten_is_read_as_it_is_now(self, remote: Remote) -> None:
        grow(remote, 30)
        with opened(remote) as repository:
            before = repository.line(repository.head("main"), [WEB], everything)
            remote.git("update-ref", "-d", "refs/heads/main")
            made = grow(remote, 3)
            after = repository.line(repository.head("main"), [WEB], everything)

        assert len(before.steps) == 31
        assert ids(after) == made[::-1]
        assert after.complete

    def test_who_does_not_fetches_the_history_when_it_is_read(self, server: GitServer, ran: Counter[str]) -> None:
        remote = self.overlays(server, "acme/apart")
        with opened(remote) as repository:
            head = repository.head("main")
            assert ran["fetch"] == 1
            repository.line(head, ["apps"], everything)

        assert ran["fetch"] == 2

    def test_a_large_file_does_not_come_along_and_can_be_read(self, server: GitServer, ran: Counter[str]) -> None:
        remote = self.overlays(server, "acme/large")
        large = os.urandom(300_000)
        path = "apps/a0/kustomization.yaml"
        remote.commit("main", {path: large, "video.bin": large[::-1]})
        with opened(remote, history=True) as repository:
            head = repository.head("main")
            size = sum(file.stat().st_size for file in repository._copy.rglob("*") if file.is_file())
            line = repository.line(head, ["apps"], everything)

        assert size < 300_000
        assert line.steps[0].files[path] == (A, large)
        assert ran["fetch"] == 2

    @pytest.mark.parametrize(
        ("object_format", "filters", "protocol"),
        [("sha1", True, "2"), ("sha1", False, "0"), ("sha256", True, "0"), ("sha256", False, "2")],
    )
    def test_every_kind_of_server_tells_the_same(
        self, server: GitServer, ran: Counter[str], object_format: str, filters: bool, protocol: str
    ) -> None:
        name = f"kinds/{object_format}-{filters}-{protocol}"
        remote = self.overlays(server, name, filters=filters, object_format=object_format)
        lines = []
        ran.clear()
        for history in (True, False):
            with opened(remote, history=history, protocol=protocol) as repository:
                lines.append(repository.line(repository.head("main"), ["apps"], everything))

        # A copy in the wrong format is made again, and not asked for again.
        assert ran["fetch"] == (3 if object_format == "sha1" else 5)
        assert lines[0] == lines[1]
        assert lines[0].complete
        assert [step.commit for step in lines[0].steps] == remote.log("main", "%H")
        assert lines[0].steps[0].files == {"apps/a249/kustomization.yaml": (A, b"249")}

    def test_more_commits_are_not_more_processes(self, server: GitServer, ran: Counter[str]) -> None:
        counts = []
        for commits in (20, 290):
            remote = server.create(f"processes/{commits}", {})
            grow(remote, commits, lambda number: {f"{WEB}/{number % 9}/kustomization.yaml": b"%d" % number})
            with opened(remote, history=True) as repository:
                head = repository.head("main")
                ran.clear()
                assert len(repository.line(head, [WEB], everything).steps) == commits
                counts.append(dict(ran))

        assert counts[0] == counts[1]
        assert counts[0] == {"rev-list": 1, "diff-tree": 1, "cat-file": 1}


class TestCache:
    @pytest.mark.slow
    def test_a_copy_that_is_deeper_than_needed_changes_nothing(self, remote: Remote, tmp_path: Path) -> None:
        grow(remote, 2_050)
        cache = tmp_path / "cache"
        fresh = look(remote, enough=anything)
        deep = look(remote, cache=cache)

        assert look(remote, enough=anything, cache=cache) == fresh
        assert look(remote, cache=cache) == deep
        assert (fresh.complete, deep.complete) == (False, True)

    def test_only_what_is_new_is_fetched(self, remote: Remote, tmp_path: Path) -> None:
        grow(remote, 250, lambda number: {FILE: os.urandom(1000)})
        for number in range(2):
            with opened(remote, history=True, cache=tmp_path) as repository:
                head = repository.head("main")
                packs = list((repository._copy / "objects" / "pack").glob("*.pack"))
                line = repository.line(head, [WEB], everything)
            assert len(line.steps) == 251 + number
            assert len(packs) == 1 if not number else min(pack.stat().st_size for pack in packs) < 10_000
            remote.commit("main", {FILE: B})

    def test_a_copy_without_the_files_gets_them(self, remote: Remote, tmp_path: Path) -> None:
        grow(remote, 50)
        with opened(remote, cache=tmp_path) as repository:
            repository.line(repository.head("main"), ["nosuch"], everything)
        with opened(remote, history=True, cache=tmp_path) as repository:
            line = repository.line(repository.head("main"), [WEB], everything)

        assert line == look(remote)
        assert len(line.steps) == 51

    def test_a_broken_copy_is_made_anew(self, remote: Remote, tmp_path: Path) -> None:
        grow(remote, 50)
        expected = look(remote, cache=tmp_path)
        with opened(remote, cache=tmp_path) as repository:
            head = repository.head("main")
            for pack in (repository._copy / "objects" / "pack").glob("*"):
                pack.unlink()

            assert repository.line(head, [WEB], everything) == expected


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
    def test_the_line_ends_before_a_commit_that_is_too_much(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        remote.commit("main", {f"{WEB}/{name}/kustomization.yaml": name.encode() * 40 for name in "abcdefgh"})
        newer = [remote.commit("main", {FILE: b"%d" % number}) for number in range(3)]
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)

        line = look(remote)

        assert ids(line) == newer[::-1]
        assert [step.files[FILE] for step in line.steps] == [(b"1", b"2"), (b"0", b"1"), (A, b"0")]
        assert not line.complete

    def test_a_line_that_ended_at_a_limit_is_not_asked_for_more(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def never(line: Line) -> bool:
            raise AssertionError(line)

        grow(remote, 320)
        remote.commit("main", {f"{WEB}/{name}": b"x" for name in "abcdef"})
        newer = remote.commit("main", {FILE: B})
        monkeypatch.setattr("gitops_bot.edges.git.line.CHANGE_LIMIT", 5)

        line = look(remote, enough=never)

        assert ids(line) == [newer]
        assert not line.complete

    def test_a_file_that_nobody_reads_does_not_count_against_the_others(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.line.BYTE_LIMIT", 1000)
        remote.commit("main", {FILE: b"x" * (FILE_LIMIT + 1)})

        line = look(remote)

        assert [step.files[FILE] for step in line.steps] == [(A, UNREADABLE), (None, A)]
        assert line.complete

    @pytest.mark.parametrize("limit", [700, 1500, 5000])
    def test_lists_that_are_too_long_together_are_read_apart(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.store.LIST_LIMIT", limit)
        root = remote.branches()["main"]
        made = grow(remote, 30, lambda number: {f"{WEB}/{name}": b"%d" % number for name in "abc"})

        line = look(remote)

        assert ids(line) == [*made[::-1], root]
        assert {step.changed for step in line.steps[:-1]} == {tuple(f"{WEB}/{name}" for name in "abc")}
        assert line.complete

    def test_a_few_trees_that_name_a_billion_paths_end_it(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        entry = "100644 blob {}\ta".format(remote.git("hash-object", "-w", "--stdin", stdin=b"x").decode().strip())
        for _ in range(3):
            entries = "".join(f"{entry}{number:04d}\n" for number in range(1000))
            tree = remote.git("mktree", stdin=entries.encode()).decode().strip()
            entry = f"040000 tree {tree}\ta"
        apps = remote.git("mktree", stdin=f"040000 tree {tree}\tweb\n".encode()).decode().strip()
        top = remote.git("mktree", stdin=f"040000 tree {apps}\tapps\n".encode()).decode().strip()
        bomb = stray(remote, base, top)
        newer = remote.commit("main", {"apps": None, FILE: B})

        within = look(remote, "apps/web")
        beside = look(remote, "elsewhere")

        assert ids(within) == []
        assert not within.complete
        assert (ids(beside), beside.complete) == ([], True)
        assert remote.log("main", "%H") == [newer, bomb, base]

    @pytest.mark.parametrize(("limit", "value"), [("line.CHANGE_LIMIT", 5), ("store.LIST_LIMIT", 600)])
    def test_a_bomb_elsewhere_costs_nothing(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
    ) -> None:
        monkeypatch.setattr(f"gitops_bot.edges.git.{limit}", value)
        remote.commit("main", {f"docs/{number}/x": b"x" for number in range(20)} | {FILE: B})

        line = look(remote)

        assert [step.changed for step in line.steps] == [(FILE,), (FILE,)]
        assert line.complete

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            pytest.param(b"253402300799 +0000", "9999-12-31T23:59:59+00:00", id="the last second there is"),
            pytest.param(b"253402300800 +0000", "9999-12-31T23:59:59+00:00", id="the one after it"),
            pytest.param(b"9" * 5000 + b" +0000", "9999-12-31T23:59:59+00:00", id="beyond counting"),
            pytest.param(b"1700000000 +9959", "2023-11-14T22:13:20+00:00", id="an odd time zone"),
            pytest.param(b"-5 +0000", "1970-01-01T00:00:00+00:00", id="before 1970"),
            pytest.param(b"yesterday", "1970-01-01T00:00:00+00:00", id="not a time"),
            pytest.param(b"", "1970-01-01T00:00:00+00:00", id="none"),
        ],
    )
    def test_a_time_that_nobody_lived_in(self, remote: Remote, written: bytes, expected: str) -> None:
        newer = remote.commit("main", {FILE: B})
        other = remote.git("rev-parse", f"{newer}~1^{{tree}}").decode().strip()
        odd = stray(remote, newer, other, committer=b"ada <a@b> " + written)

        step = newest(remote)

        assert (step.commit, step.at.isoformat()) == (odd, expected)

    @pytest.mark.parametrize("directories", [["."], [WEB], ["apps", "docs/a b"], ["nowhere"]], ids=str)
    def test_a_system_that_cannot_limit_git_tells_the_same(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch, directories: list[str]
    ) -> None:
        for files, modes in (
            ({FILE: b"1", "README.md": b"1", "docs/a b/x\n.yaml": b"1", f"{WEB}/deep/er/f": b"1"}, {}),
            ({FILE: b"1", "docs/a b/x\n.yaml": None, "docs/\u00fc.yaml": b"2"}, {FILE: "100755"}),
            ({f"{WEB}/deep/er/f": None, f"{WEB}/deep": b"a file where a directory was"}, {}),
            (
                {f"{WEB}/deep": None, f"{WEB}/deep/f": b"and a directory again", "apps/link": b"web"},
                {"apps/link": "120000"},
            ),
        ):
            remote.commit("main", files, modes=modes)
        line = look(remote, *directories)
        monkeypatch.delattr("resource.prlimit")

        assert look(remote, *directories) == line
        assert bool(line.steps) == (directories != ["nowhere"])

    def test_files_that_are_too_large_to_read_with_their_sizes_are_told_the_same(
        self, remote: Remote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        remote.commit("main", {FILE: b"x" * (FILE_LIMIT + 1)})
        line = look(remote)
        monkeypatch.setattr("gitops_bot.edges.git.store.SMALL_LIMIT", FILE_LIMIT)

        assert look(remote) == line

    def test_an_author_that_is_not_utf_8(self, remote: Remote) -> None:
        other = remote.git("rev-parse", f"{remote.commit('main', {FILE: B})}^{{tree}}").decode().strip()
        remote.commit("main", {FILE: C})
        stray(remote, remote.branches()["main"], other)

        step = newest(remote)

        assert (step.author, step.message) == ("\ufffd\ufffd <\ufffd@b>", "\ufffd\n")
        assert step.who.isprintable()

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

    def test_every_tag_and_the_commit_that_it_names(self, remote: Remote) -> None:
        first = remote.branches()["main"]
        second = remote.commit("main", {FILE: B})
        who = ["-c", "user.name=ada", "-c", "user.email=a@b"]
        remote.git("tag", "v1", first)
        remote.git("tag", "release/production/2", second)
        remote.git(*who, "tag", "-a", "-m", "m", "annotated", first)
        remote.git(*who, "tag", "-a", "-m", "m", "of-a-tag", "annotated")
        remote.git("branch", "v9", second)

        assert self.told(remote) == {
            "annotated": first,
            "of-a-tag": first,
            "release/production/2": second,
            "v1": first,
        }

    def test_there_may_be_none(self, remote: Remote) -> None:
        assert self.told(remote) == {}

    def test_odd_names(self, remote: Remote) -> None:
        base = remote.branches()["main"]
        for name in (b"\xff", "ü/\N{SPARKLES}".encode(), b"a{b}", b"-x", b"v1"):
            remote.git("update-ref", f"refs/tags/{os.fsdecode(name)}", base)

        assert self.told(remote) == dict.fromkeys(("ü/\N{SPARKLES}", "a{b}", "v1"), base)

    @pytest.mark.parametrize("protocol", ["2", "0"])
    def test_they_are_asked_for_alone_and_only_when_asked(self, server: GitServer, protocol: str) -> None:
        remote = server.create(f"tags/{protocol}", {FILE: A})
        remote.git("tag", "v1", "main")
        with opened(remote, protocol=protocol) as repository:
            repository.head("main")
            before = len(server.requests())
            first = repository.tags()
            cost = len(server.requests()) - before
            remote.git("tag", "v2", "main")
            second = repository.tags()

        assert (list(first), list(second)) == (["v1"], ["v1", "v2"])
        assert cost == (2 if protocol == "2" else 1)

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

    def test_more_than_anyone_has_are_an_error(self, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gitops_bot.edges.git.remote._TAGS_LIMIT", 100)
        for number in range(3):
            remote.git("tag", f"v{number}", "main")

        with pytest.raises(GitError, match="ls-remote returned more than"):
            self.told(remote)

    def test_a_remote_that_is_gone_is_an_error(self, remote: Remote) -> None:
        with opened(remote) as repository:
            remote.path.rename(remote.path.with_name("gone"))
            with pytest.raises(GitError, match="does not exist"):
                repository.tags()
