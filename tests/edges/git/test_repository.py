"""The git edge against real git: over HTTP with a login, and over a path."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.edges.git import Credentials, Repository
from gitops_bot.edges.git.store import FILE_LIMIT, identity
from gitops_bot.edges.github.server import Server
from gitops_bot.errors import GitError, LostRace
from tests.conftest import program
from tests.counterparts.git_http import WRITER, GitServer, Remote, git_server
from tests.edges.git.remotes import BARE, BRANCH, grow, opened, protocol
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

#: Keeps every command line of the machine in one file, and a copy of a folder: `look.py FILE FOLDER COPY`.
LOOK = """
import contextlib, pathlib, shutil, sys
with open(sys.argv[1], "wb") as seen:
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            seen.write(process.read_bytes())
shutil.copytree(sys.argv[2], sys.argv[3])
"""
#: In a script that plays git: be git.
RUN = f'exec {program("git")} "$@"'
OVERLAY = "apps/web/overlays/production/kustomization.yaml"
OTHER = "apps/api/overlays/production/kustomization.yaml"
TEXT = b"images:\n- name: web\n  newTag: 1.2.3\n"
NEWER = TEXT.replace(b"1.2.3", b"1.2.4")
FILES = {OVERLAY: TEXT, OTHER: b"images: []\n", "README.md": b"# deploy\n"}
ODD_NAMES = [
    "new\nline.yaml",
    'quo"te.yaml',
    "tab\t.yaml",
    "-option.yaml",
    "back\\slash.yaml",
    "ümläut-\N{SPARKLES}.yaml",
]


@pytest.fixture
def remote(server: GitServer, request: pytest.FixtureRequest) -> Remote:
    return server.create(_name(request), FILES)


def _name(request: pytest.FixtureRequest) -> str:
    return f"acme/{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


def played(folder: Path, script: str) -> dict[str, str]:
    """The variables with which this shell script is git."""
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    return BARE | {"PATH": f"{folder}:{BARE['PATH']}"}


def proposed(remote: Remote, **options: Path) -> str:
    """A branch as the bot makes it: one commit on the present base."""
    with opened(remote, **options) as repository:
        return publish(repository, repository.head("main"))


def publish(repository: Repository, base: str, branch: str = BRANCH, expected: str | None = None, **given: Any) -> str:
    """Publish a change of the overlay, or these files, on this base."""
    given = {"files": {OVERLAY: NEWER}, "message": "update\n"} | given
    return repository.publish(branch, parent=base, expected=expected, **given)


class TestReading:
    def test_the_default_branch_is_what_head_names(self, tmp_path: Path) -> None:
        remote = Remote.create(tmp_path / "a b%41#?;$HOME 'ü\"" / "r.git", FILES, branch="trunk/ü")

        with Repository(str(remote.path), environ=BARE) as repository:
            assert repository.default_branch() == "trunk/ü"
            assert repository.head("trunk/ü") == remote.branches()["trunk/ü"]

    @pytest.mark.parametrize(
        ("name", "version", "traces", "requests"),
        [
            ("main", "2", True, 3),
            ("release/1.x", "0", True, 3),
            ("gitops-bot/main", "1", True, 3),
            ("main", "2", False, 5),
            ("gitops-bot/main", "0", False, 4),
        ],
    )
    def test_the_default_branch_is_asked_for_and_fetched_at_once(
        self, server: GitServer, remote: Remote, tmp_path: Path, name: str, version: str, traces: bool, requests: int
    ) -> None:
        """Only what git traces tells its name: where that is not understood, it is asked for once more."""
        commit = remote.commit(name, {"README.md": b"changed\n"}, parents=[remote.branches()["main"]])
        remote.git("symbolic-ref", "HEAD", f"refs/heads/{name}")
        environ = {} if traces else played(tmp_path, f"unset GIT_TRACE_PACKET\n{RUN}")
        before = len(server.requests())

        with opened(remote, environ=protocol(version) | environ) as repository:
            assert repository.default_branch() == name
            assert repository.head(name) == commit
            asked = [line for line in server.requests()[before:] if not line.endswith("401")]
            assert repository.read(commit, ["README.md"]) == {"README.md": b"changed\n"}
            assert repository.head(name) == commit

        assert len(asked) == requests, asked

    def test_an_empty_repository_has_no_default_branch(self, tmp_path: Path) -> None:
        with opened(Remote.create(tmp_path / "r.git", {})) as repository:
            with pytest.raises(GitError, match="is empty: it has no commit on any branch"):
                repository.default_branch()
            with pytest.raises(GitError, match="branch 'main' does not exist"):
                repository.head("main")

    def test_the_head_is_asked_anew_at_each_call(self, remote: Remote) -> None:
        with opened(remote) as repository:
            first = repository.head("main")
            second = remote.commit("main", {"README.md": b"new\n"})

            assert repository.head("main") == second != first
            assert repository.read(second, ["README.md"]) == {"README.md": b"new\n"}
            assert repository.read(first, ["README.md"]) == {"README.md": b"# deploy\n"}

            remote.git("update-ref", "-d", "refs/heads/main")
            rewritten = remote.commit("main", FILES, message="another beginning")
            assert repository.head("main") == rewritten

    def test_a_name_that_git_would_refuse_never_reaches_it(self, remote: Remote, server: GitServer) -> None:
        before = len(server.requests())
        with opened(remote) as repository:
            for name in ("--upload-pack=x", "a:b", "HEAD"):
                with pytest.raises(GitError, match="not a valid branch name"):
                    repository.head(name)
            assert len(server.requests()) == before
            with pytest.raises(GitError, match="does not exist"):
                repository.head("+a")

    def test_files_have_their_modes_and_exact_bytes_and_what_is_no_file_is_left_out(self, remote: Remote) -> None:
        windows = b"\xef\xbb\xbfimages:\r\n- name: web # \xc3\xa4\r\n  newTag: 1\r\n\xff\x00 no newline"
        attributes = b"* text=auto eol=lf\n*.yaml filter=lfs diff=lfs merge=lfs ident working-tree-encoding=UTF-16\n"
        inner = remote.branches()["main"].encode()
        others = {"link.yaml": b"README.md", "sub": inner, os.fsdecode(b"a/\xff.yaml"): b"x"}
        files = {OVERLAY: windows, ".gitattributes": attributes, "empty.yaml": b"", "run.sh": b"#!/bin/sh\n"}
        files |= {f"{name}.d/{name}": name.encode() for name in ODD_NAMES} | {"at": b"x" * FILE_LIMIT}
        large = {"over": b"y" * (3 * FILE_LIMIT)}
        modes = {"run.sh": "100755", "link.yaml": "120000", "sub": "160000"}
        remote.commit("main", {**files, **large, **others}, modes=modes)
        none = ["link.yaml", "sub", "sub/k.yaml", "apps", "missing", "", "/etc/passwd", "../x", "a\0b"]

        with opened(remote) as repository:
            head = repository.head("main")
            tree = repository.tree(head)
            read = repository.read(head, [*files, *large, *none])

        assert tree == dict.fromkeys([*files, *large, OTHER, "README.md"], "100644") | modes
        assert read == files | {"over": b"y" * (FILE_LIMIT + 1)}, "its reader refuses what is cut"

    @pytest.mark.parametrize(("size", "cost"), [(0, []), (9000, ["GET", "POST"])], ids=["small", "large"])
    def test_small_files_come_with_the_commits_and_large_ones_cost_one_fetch(
        self, server: GitServer, size: int, cost: list[str]
    ) -> None:
        files = {f"apps/a{number}/kustomization.yaml": b"x: %d\n" % number + b"#" * size for number in range(50)}
        with opened(server.create(f"acme/files-{size}", files)) as repository:
            head = repository.head("main")
            before = len(server.requests())

            assert repository.read(head, files) == files
            assert repository.read(head, files) == files
            assert [line.split()[0] for line in server.requests()[before:]] == cost

    def test_only_the_newest_commits_without_their_large_files_are_fetched(self, remote: Remote) -> None:
        grow(remote, 10, lambda number: {"README.md": b"%d\n" % number})
        remote.commit("main", {"large.bin": os.urandom(200_000)})

        with opened(remote) as repository:
            repository.head("main")
            copy = repository._copy
            size = sum(file.stat().st_size for file in copy.rglob("*") if file.is_file())
            commits = subprocess.run(["git", "--git-dir", copy, "rev-list", "--all"], capture_output=True, check=True)

        assert len(commits.stdout.split()) == 2
        assert size < 50_000

    # Any two of them in every combination.
    @pytest.mark.parametrize(
        ("object_format", "filters", "version", "transport"),
        [
            ("sha1", True, "2", "http"),
            ("sha1", False, "0", "file"),
            ("sha256", True, "0", "http"),
            ("sha256", False, "2", "http"),
            ("sha256", True, "2", "file"),
        ],
    )
    def test_works_with_every_kind_of_server(
        self, server: GitServer, object_format: str, filters: bool, version: str, transport: str
    ) -> None:
        name = f"kinds/{object_format}-{filters}-{version}-{transport}"
        remote = server.create(name, FILES, object_format=object_format, filters=filters)
        if transport == "file":
            remote = Remote(remote.path)
        proposed(remote)
        made = grow(remote, 5, lambda number: {OVERLAY: b"%d" % number})

        for history in (True, False):
            with opened(remote, environ=protocol(version), history=history) as repository:
                base = repository.head("main")
                branch = repository.branch(BRANCH, base)
                line = repository.line(base, ["apps"], lambda _: False)

                assert repository.read(base, [OVERLAY]) == {OVERLAY: b"4"}
                assert branch is not None
                assert [change.after for change in branch.commits[0].changes] == [NEWER]
                assert ([step.commit for step in line.steps[:-1]], line.complete) == (made[::-1], True)
                publish(repository, base, f"gitops-bot/b/{history}", files={OVERLAY: b"x"})
            assert remote.show(f"gitops-bot/b/{history}", OVERLAY) == b"x"

    def test_a_shallow_checkout_as_pipelines_make_it_can_be_the_remote(self, remote: Remote, tmp_path: Path) -> None:
        remote.commit("main", {"README.md": b"second\n"})
        clone = ["git", "clone", "-q", "--depth=1", remote.file_url, str(tmp_path / "shallow")]
        subprocess.run(clone, check=True, env=BARE)

        with Repository(str(tmp_path / "shallow"), environ=BARE) as repository:
            base = repository.head("main")
            assert repository.read(base, ["README.md"]) == {"README.md": b"second\n"}
            publish(repository, base)
            branch = repository.branch(BRANCH, repository.head("main"))
            assert branch is not None
            assert branch.complete

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    @pytest.mark.parametrize("kind", ["bare", "checkout"])
    def test_a_path_that_belongs_to_another_user_is_trusted_when_it_is_named(self, tmp_path: Path, kind: str) -> None:
        remote = Remote.create(tmp_path / "r.git", FILES)
        named = remote.path
        if kind == "checkout":
            named = tmp_path / "checkout"
            subprocess.run(["git", "clone", "-q", remote.file_url, str(named)], check=True, env=BARE)
        for path in (named, *named.rglob("*")):
            os.lchown(path, 65534, 65534)

        with Repository(str(named), environ=BARE) as repository:
            base = repository.head("main")
            publish(repository, base)


class TestPublishing:
    def test_makes_a_branch_with_one_commit_that_changes_only_the_given_bytes(self, remote: Remote) -> None:
        link, inner = b"../elsewhere", remote.branches()["main"].encode()
        odd = os.fsdecode(b"apps/\xff.yaml")
        files = {"link": link, "sub": inner, odd: b"odd", "apps/web/run.sh": b"#!/bin/sh\n"}
        modes = {"link": "120000", "sub": "160000", "apps/web/run.sh": "100755"}
        base = remote.commit("main", files, modes=modes)

        commit = proposed(remote)

        assert remote.branches() == {"main": base, BRANCH: commit}
        assert remote.modes(BRANCH) == remote.modes("main")
        changed = remote.git("diff-tree", "-r", "--name-only", base, commit).decode().split()
        assert changed == [OVERLAY]
        assert remote.show(BRANCH, OVERLAY) == NEWER
        assert remote.log(BRANCH, "%P %s")[0] == f"{base} update"
        remote.git("fsck", "--strict")

    def test_writes_the_exact_bytes_modes_names_and_message(self, remote: Remote) -> None:
        files = {f"{name}.d/k": b"\r\n\x00\xff" + name.encode() for name in ODD_NAMES if name.isprintable()}
        files |= {"run.sh": b"new\r\n", "new/file.yaml": b"", "data": b"data 3\nM 100644 inline x\n"}
        message = 'Update\n\n  indented\n# not a comment\n\nGitops-Bot-Change: {"file": "a"}\ndata 5\nfrom: ü\n\n'
        remote.commit("main", {"run.sh": b"old", ".gitattributes": b"* text=auto eol=lf\n"}, modes={"run.sh": "100755"})

        with opened(remote) as repository:
            commit = publish(repository, repository.head("main"), files=files, message=message)

        assert {path: remote.show(BRANCH, path) for path in files} == files
        modes = dict.fromkeys(files, "100644") | {"run.sh": "100755"}
        assert {path: remote.modes(BRANCH)[path] for path in files} == modes
        assert remote.git("cat-file", "commit", commit).partition(b"\n\n")[2].decode() == message

    @rows(
        "environ expected",
        {
            "by default": ({}, "gitops-bot <gitops-bot@noreply.invalid> now"),
            "by git's own variables": (
                {"GIT_AUTHOR_NAME": "Ada Löve", "GIT_AUTHOR_EMAIL": "ada@acme.test"},
                "Ada Löve <ada@acme.test> now",
            ),
            "without what would break the line": (
                {"GIT_AUTHOR_NAME": "x> now\nfrom 0000 <", "GIT_AUTHOR_EMAIL": "<a@b>\n"},
                "x nowfrom 0000 <a@b> now",
            ),
            "with nothing left": ({"GIT_AUTHOR_NAME": "<>", "GIT_AUTHOR_EMAIL": "<>"}, "unknown <> now"),
        },
    )
    def test_who_the_commit_is_from(self, environ: dict[str, str], expected: str) -> None:
        assert identity(environ, "AUTHOR").decode() == expected

    def test_pushes_on_a_base_that_no_branch_names_any_more(self, server: GitServer) -> None:
        files = FILES | {f"apps/a{number}/k.yaml": b"%d" % number for number in range(50)}
        remote = server.create("acme/moved-on", files)
        with opened(remote) as repository:
            base = repository.head("main")
            moved = remote.commit("main", {"README.md": b"moved on\n"})
            commit = publish(repository, base)

        assert remote.branches() == {"main": moved, BRANCH: commit}

    def test_the_bots_branch_moves_to_a_new_base_and_the_base_branch_never_loses_a_commit(self, remote: Remote) -> None:
        first = proposed(remote)
        with opened(remote) as repository:
            base = repository.head("main")
            commit = publish(repository, base, "main", base)
            assert repository.head("main") == commit
            publish(repository, commit, expected=first, files={OVERLAY: b"x"})
            newer = remote.commit("main", {"README.md": b"moved on\n"})
            with pytest.raises(ValueError, match="must not lose commits"):
                publish(repository, commit, "main", newer)
            with pytest.raises(LostRace):
                publish(repository, commit, "main", commit)

        assert remote.log("main", "%H") == [newer, commit, base]
        assert remote.log(BRANCH, "%P")[0] == commit

    def test_nothing_is_written_outside_of_the_repository_or_over_or_through_a_link(self, remote: Remote) -> None:
        modes = {"link": "120000", "sub": "160000"}
        base = remote.commit("main", {"link": b"apps", "sub": remote.branches()["main"].encode()}, modes=modes)
        with opened(remote) as repository:
            repository.head("main")
            with pytest.raises(GitError, match="not a path inside the repository"):
                publish(repository, base, files={"../x": b"x"})
            for path in ("link", "sub", "link/x", "sub/x", "README.md/x", "apps", "apps/web"):
                with pytest.raises(GitError, match="is not written"):
                    publish(repository, base, files={path: b"x"})

        assert remote.branches() == {"main": base}

    def test_a_checkout_of_the_users_keeps_its_files_and_index(self, remote: Remote, tmp_path: Path) -> None:
        top = tmp_path / "checkout"
        subprocess.run(["git", "clone", "-q", remote.file_url, str(top)], check=True, env=BARE)
        (top / OVERLAY).write_bytes(b"unfinished\n")
        index = (top / ".git" / "index").read_bytes()

        with Repository(str(top), environ=BARE) as repository:
            base = repository.head("main")
            publish(repository, base)
            with pytest.raises(GitError, match="checked out"):
                publish(repository, base, "main", base)

        assert (top / OVERLAY).read_bytes() == b"unfinished\n"
        assert (top / ".git" / "index").read_bytes() == index


class TestLostRaces:
    def test_a_branch_that_was_made_moved_or_deleted_meanwhile(self, remote: Remote) -> None:
        with opened(remote) as repository:
            base = repository.head("main")
            theirs = remote.commit(BRANCH, {OVERLAY: b"theirs"}, parents=[base])
            with pytest.raises(LostRace) as lost:
                publish(repository, base)
            assert (lost.value.problem.code, "run again" in lost.value.problem.next) == ("failed.git", True)
            moved = remote.commit(BRANCH, {OVERLAY: b"moved"})
            for write in (partial(publish, base=base), partial(Repository.delete, branch=BRANCH)):
                with pytest.raises(LostRace):
                    write(repository, expected=theirs)
            assert remote.branches()[BRANCH] == moved
            remote.git("update-ref", "-d", f"refs/heads/{BRANCH}")
            with pytest.raises(LostRace):
                publish(repository, base, expected=moved)
            repository.delete(BRANCH, expected=moved)  # it is as it should be

        assert remote.branches() == {"main": base}

    @pytest.mark.parametrize(("transport", "target"), [("http", "main"), ("http", BRANCH), ("file", BRANCH)])
    def test_a_branch_that_moves_while_the_push_is_under_way(self, remote: Remote, transport: str, target: str) -> None:
        """The server finds out, after git on this side saw nothing wrong."""
        with opened(Remote(remote.path) if transport == "file" else remote) as repository:
            base = repository.head("main")
            theirs = remote.commit("elsewhere", {OVERLAY: b"theirs"}, parents=[base])
            remote.hook("pre-receive", f"unset GIT_QUARANTINE_PATH; git update-ref refs/heads/{target} {theirs}")
            with pytest.raises(LostRace):
                publish(repository, base, target, base if target == "main" else None)

        assert remote.branches()[target] == theirs

    def test_a_lock_that_another_push_holds(self, remote: Remote) -> None:
        with opened(remote) as repository:
            base = repository.head("main")
            (remote.path / "refs" / "heads" / "main.lock").touch()
            with pytest.raises(LostRace):
                publish(repository, base, "main", base)

        assert remote.branches() == {"main": base}

    def test_of_two_processes_exactly_one_wins(self, remote: Remote) -> None:
        environ = BARE | {"PYTHONPATH": os.pathsep.join(sys.path), "PASSWORD": WRITER[1]}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environ}
        command = [sys.executable, "-c", _RACER, remote.url, OVERLAY]
        racers = [subprocess.Popen([*command, text], **pipes) for text in ("one", "two")]
        for racer in racers:
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        ends = [racer.communicate()[0].strip() for racer in racers]

        assert sorted(ends) == ["lost", "won"]
        assert remote.show("main", OVERLAY) == (b"one", b"two")[ends.index("won")]
        assert len(remote.log("main")) == 2


#: One of two processes that publish with the same expectation, at the same moment.
_RACER = """
import os, sys
from gitops_bot.edges.git import Credentials, Repository
from gitops_bot.errors import LostRace
url, path, text = sys.argv[1:]
login = Credentials("x-access-token", os.environ.pop("PASSWORD"))
with Repository(url, credentials=login, environ=os.environ) as repository:
    base = repository.head("main")
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        repository.publish("main", parent=base, files={path: text.encode()}, message="m", expected=base)
        print("won")
    except LostRace:
        print("lost")
"""


def test_deletes_a_branch_of_the_bot_that_is_where_it_is_expected_and_no_other(remote: Remote) -> None:
    commit = proposed(remote)
    with opened(remote) as repository:
        base = repository.head("main")
        with pytest.raises(ValueError, match="not a gitops-bot branch"):
            repository.delete("main", expected=base)
        repository.delete(BRANCH, expected=commit)

        assert repository.branch(BRANCH, base) is None
    assert remote.branches() == {"main": base}


class TestRefusals:
    """Each with the words that the user reads; `test_refusals` has them all."""

    def test_a_hook_that_declines_is_heard_without_control_characters(self, remote: Remote) -> None:
        said = r"\033[31mGH006: Protected branch update failed\033[0m \033]0;title\007\b\b\342\200\256txt"
        remote.hook("pre-receive", f"printf '{said}' >&2; exit 1")
        with opened(remote, refusals=Server.REFUSALS) as repository:
            base = repository.head("main")
            with pytest.raises(GitError, match="GH006") as refused:
                publish(repository, base, "main", base)

        assert not isinstance(refused.value, LostRace)
        assert f"{remote.url} (branch main) protects this branch" in refused.value.problem.message
        assert "propose: {as: pull-request}" in refused.value.problem.next
        assert str(refused.value).replace("\n", "").isprintable()
        assert remote.branches() == {"main": base}

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9/a/b.git", "https://nosuch.invalid/a/b.git", "ssh://git@127.0.0.1:9/a/b.git"]
    )
    def test_a_server_that_is_out_of_reach(self, url: str) -> None:
        program("ssh" if url.startswith("ssh") else "git")
        with (
            Repository(url, environ=BARE, attempts=1) as repository,
            pytest.raises(GitError, match="cannot be reached") as refused,
        ):
            repository.head("main")

        assert url in refused.value.problem.message


class TestSecrets:
    def test_a_redirect_to_another_host_never_gets_the_token_and_is_followed_without_one(self, tmp_path: Path) -> None:
        with (
            git_server(tmp_path / "evil") as evil,
            git_server(tmp_path / "good", elsewhere=f"127.0.0.1:{evil.port}") as good,
        ):
            moved = Remote(tmp_path, f"{good.address}/moved/acme/deploy.git")
            with opened(moved) as repository, pytest.raises(GitError, match="redirect") as refused:
                repository.head("main")
            assert "current URL" in refused.value.problem.next
            assert good.requests() != []
            assert evil.requests() == []

            with opened(moved, credentials=None) as repository, pytest.raises(GitError, match="refused the login"):
                repository.head("main")
            assert [line.split()[-1] for line in evil.requests()] == ["401"]

    def test_no_process_and_no_file_shows_the_token(self, remote: Remote, tmp_path: Path) -> None:
        """While a push is under way, every command line and every file of the copy is searched."""
        seen, scratch = tmp_path / "seen", tmp_path / "scratch"
        scratch.mkdir()
        (tmp_path / "look.py").write_text(LOOK)
        paths = (tmp_path / "look.py", seen, scratch, tmp_path / "copied")
        remote.hook("pre-receive", shlex.join([sys.executable, *map(str, paths)]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(scratch))
            proposed(remote, cache=tmp_path / "cache")

        secrets = [WRITER[1], *Credentials(*WRITER).secrets()]
        commands = seen.read_bytes()
        assert remote.url.encode() in commands, "the push itself was seen"
        files = [file for file in (*tmp_path.rglob("*"), *(tmp_path / "cache").rglob("*")) if file.is_file()]
        assert any("copied" in file.parts for file in files)
        for secret in secrets:
            assert secret.encode() not in commands
            assert [file for file in files if secret.encode() in file.read_bytes()] == []

    def test_no_exception_and_no_repr_shows_the_token(self, remote: Remote) -> None:
        remote.refuse(f"you sent {WRITER[1]}", f"and {Credentials(*WRITER).secrets()[0]}", "https://me:hunter2@host/x")
        with opened(remote) as repository:
            base = repository.head("main")
            with pytest.raises(GitError) as refused:
                publish(repository, base, "main", base)

        shown = f"{refused.value} {refused.value!r} {repository!r} {repository._remote!r}"
        assert "you sent ***" in shown
        for secret in (*Credentials(*WRITER).secrets(), "hunter2"):
            assert secret not in shown

    def test_a_login_inside_the_address_is_not_taken(self) -> None:
        with pytest.raises(ValueError, match="passed separately") as refused:
            Repository("https://user:hunter2@github.com/acme/deploy", environ=BARE)

        assert "hunter2" not in str(refused.value)

    def test_another_login_for_the_same_server_does_not_clash(self, remote: Remote) -> None:
        """As actions/checkout leaves one behind: two Authorization headers would be an error."""
        origin = remote.url[: remote.url.index("/acme")]
        left = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{origin}/.extraheader",
            "GIT_CONFIG_VALUE_0": "Authorization: basic bm86bm8=",
        }
        with opened(remote, environ=BARE | left) as repository:
            assert repository.head("main") == remote.branches()["main"]


class TestSurroundings:
    def test_a_hooks_environment_does_not_lead_to_another_repository(self, remote: Remote, tmp_path: Path) -> None:
        mine = Remote.create(tmp_path / "mine.git", {"x": b"mine"})
        names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_PREFIX")
        strange = dict.fromkeys(names, str(mine.path)) | {"GIT_NAMESPACE": "x", "GIT_QUARANTINE_PATH": str(mine.path)}
        strange |= {"GIT_CONFIG_PARAMETERS": "'core.bare=false'", "GIT_TRACE": "1", "GIT_DEFAULT_HASH": "sha256"}
        before = sorted((str(path), path.lstat().st_mtime_ns) for path in mine.path.rglob("*"))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in strange.items():
                patch.setenv(name, value)
            with opened(remote, environ=dict(os.environ)) as repository:
                base = repository.head("main")
                assert repository.read(base, [OVERLAY]) == {OVERLAY: TEXT}
                publish(repository, base)

        assert before == sorted((str(path), path.lstat().st_mtime_ns) for path in mine.path.rglob("*"))
        assert remote.show(BRANCH, OVERLAY) == NEWER

    def test_hooks_and_files_of_the_users_configuration_have_no_say(self, remote: Remote, tmp_path: Path) -> None:
        ran = tmp_path / "ran"
        hooks = tmp_path / "hooks"
        hooks.mkdir()
        for name in ("pre-push", "reference-transaction", "post-checkout", "commit-msg"):
            (hooks / name).write_text(f"#!/bin/sh\n: > {ran}\n")
            (hooks / name).chmod(0o755)
        (tmp_path / ".gitconfig").write_text(
            f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = : > {ran}\n\tautocrlf = true\n"
            f"[init]\n\ttemplateDir = {tmp_path}\n[credential]\n\thelper = !touch {ran}\n[commit]\n\tgpgSign = true\n"
            f'[url "file:///nonexistent/"]\n\tinsteadOf = http://\n[push]\n\tgpgSign = true\n\tfollowTags = true\n'
        )
        per_process = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": str(hooks)}
        with opened(remote, environ=BARE | {"HOME": str(tmp_path)} | per_process) as repository:
            base = repository.head("main")
            publish(repository, base)

        assert not ran.exists()
        assert remote.show(BRANCH, OVERLAY) == NEWER

    def test_nothing_is_left_behind(self, remote: Remote, tmp_path: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(tmp_path))
            proposed(remote)
            with opened(remote) as repository, contextlib.suppress(GitError):
                repository.head("nosuch")
            with pytest.raises(GitError), Repository(remote.url, environ={"PATH": str(tmp_path)}) as repository:
                repository.head("main")

        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("lacks", ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT"])
    def test_a_git_that_is_too_old_reaches_nothing_and_is_named(
        self, server: GitServer, remote: Remote, tmp_path: Path, lacks: str
    ) -> None:
        """Before 2.32 and 2.31, git does not know these variables, and the user's own settings would count."""
        environ = played(tmp_path, f'[ "$1" = version ] && {{ echo git version 2.31.9; exit; }}\nunset {lacks}\n{RUN}')
        before = len(server.requests())

        with opened(remote, environ=environ) as old:
            for ask in (old.default_branch, lambda: old.head("main")):
                with pytest.raises(GitError, match=r"git 2.31 is too old") as failed:
                    ask()
                assert "2.32" in failed.value.problem.next

        assert len(server.requests()) == before

    def test_a_git_that_fetches_nothing_and_says_no_version_is_too_old(self, remote: Remote, tmp_path: Path) -> None:
        for script, said in (("echo gibberish", r"git 0.0 is too old"), ('[ "$1" = fetch ]', "git cannot be executed")):
            with pytest.raises(GitError, match=said), opened(remote, environ=played(tmp_path, script)) as old:
                old.default_branch()
