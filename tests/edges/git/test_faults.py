"""Real git over HTTP, through a proxy that answers one request of a journey wrongly, or with a server that dies."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.git import Repository, process
from gitops_bot.edges.patience import ATTEMPTS
from gitops_bot.errors import GitError, LostRace
from tests.counterparts.clock import StillClock
from tests.counterparts.faults import NONE, Fault, faulty
from tests.counterparts.git_http import GitServer, Remote
from tests.edges.git.remotes import BRANCH, opened

if TYPE_CHECKING:
    from collections.abc import Callable

#: It makes many repositories.
pytestmark = pytest.mark.slow

FILES = {f"apps/{name}.yaml": name.encode() * 40 for name in ("web", "api", "db")}
NEWER = {"apps/web.yaml": b"newer"}
#: Requests of a journey before its push, which is -1 here.
REQUESTS = 8

PASSING = {
    "429": Fault(status=429),
    "502": Fault(status=502),
    "a reset": Fault(reset=True),
    "no answer": Fault(cut=-1),
    "no body": Fault(cut=0),
    "a cut body": Fault(cut=30),
    "a body that ends early": Fault(cut=30, ends=True),
    "a 502 after it was done": Fault(status=502, done=True),
    "an answer to the second of two": Fault(twice=True),
}
#: Git itself hangs when the answer to a push ends early, until it is stopped after its time.
HANGS = [("a body that ends early", -1)]
#: Each kind at the push and at some other request, and some kind at each request; all of both with GITOPS_BOT_LONG.
CASES = [
    (kind, at)
    for number, kind in enumerate(PASSING)
    for at in range(-1, REQUESTS)
    if (at in (-1, number % REQUESTS) or os.environ.get("GITOPS_BOT_LONG")) and (kind, at) not in HANGS
]


@pytest.fixture
def remote(server: GitServer, tmp_path_factory: pytest.TempPathFactory) -> Remote:
    return server.create(tmp_path_factory.mktemp("r").name, FILES)


def reached(remote: Remote, address: str, clock: StillClock | None = None, attempts: int = ATTEMPTS) -> Repository:
    """The bot's view of the remote, at the address of a proxy."""
    there = Remote(remote.path, f"{address}/{remote.path.name}")
    return opened(there, clock=clock or StillClock(), attempts=attempts)


def publish(repository: Repository, parent: str, look: Callable[[], None] | None = None) -> str:
    return repository.publish(BRANCH, parent=parent, files=NEWER, message="m", expected=None, look=look)


def once(fault: Fault, at: int) -> Callable[[int, str], Fault]:
    """The fault for one request, by its number."""
    return lambda number, _: fault if number == at else NONE


def first_push(*faults: Fault) -> Callable[[int, str], Fault]:
    """These faults for the first pushes, one after the other."""
    left = iter(faults)
    return lambda _, line: next(left, NONE) if line.startswith("POST") and "receive-pack" in line else NONE


@pytest.mark.parametrize(("kind", "at"), CASES)
def test_one_request_that_fails_changes_nothing_but_the_time(
    server: GitServer, remote: Remote, kind: str, at: int
) -> None:
    clock = StillClock()
    fault = first_push(PASSING[kind]) if at == -1 else once(PASSING[kind], at)
    with faulty(server.address, fault) as proxy, reached(remote, proxy.address, clock) as repository:
        base = repository.head(repository.default_branch())
        assert repository.read(base, FILES) == FILES
        commit = publish(repository, base)

    assert remote.branches() == {"main": base, BRANCH: commit}
    assert remote.log(BRANCH, "%P") == [base, ""]
    assert len(clock.slept) <= 1


def test_the_wait_is_as_long_as_the_server_asks_for(server: GitServer, remote: Remote) -> None:
    clock = StillClock()
    fault = Fault(status=429, headers={"retry-after": "7"})
    with faulty(server.address, once(fault, 1)) as proxy, reached(remote, proxy.address, clock) as repository:
        repository.head("main")

    assert len(clock.slept) == 1
    assert 7 <= clock.slept[0] <= 8


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=429, headers={"Retry-After": "3600"}), "limits the number of requests"),
        (Fault(status=400), "cannot be reached"),
        (Fault(status=401), "refused the login"),
        (Fault(status=404), "does not exist"),
    ],
)
def test_what_will_not_pass_in_time_is_asked_once(server: GitServer, remote: Remote, fault: Fault, words: str) -> None:
    clock = StillClock()
    with faulty(server.address, lambda *_: fault) as proxy, reached(remote, proxy.address, clock) as repository:
        with pytest.raises(GitError, match=words):
            repository.head("main")

        assert len({*proxy.seen}) == 1
    assert clock.slept == []


def test_the_number_of_tries_is_bounded(server: GitServer, remote: Remote) -> None:
    clock, fault = StillClock(), Fault(status=502)
    with faulty(server.address, lambda *_: fault) as proxy, reached(remote, proxy.address, clock) as repository:
        with pytest.raises(GitError, match=r"cannot be reached: .*502"):
            repository.head("main")

        assert len(proxy.seen) == ATTEMPTS
    assert len(clock.slept) == ATTEMPTS - 1


def test_a_push_that_was_done_is_not_sent_again_when_its_answer_is_lost(server: GitServer, remote: Remote) -> None:
    with faulty(server.address, first_push(Fault(cut=-1))) as proxy, reached(remote, proxy.address) as repository:
        base = repository.head("main")
        commit = publish(repository, base)

        assert sum("POST" in line and "receive-pack" in line for line in proxy.seen) == 1
    assert remote.branches()[BRANCH] == commit


def test_somebody_elses_push_after_a_lost_answer_is_a_lost_race(server: GitServer, remote: Remote) -> None:
    def overtake(_: int, line: str) -> Fault:
        if line.startswith("POST") and "receive-pack" in line:
            remote.commit(BRANCH, {"x": b"theirs"}, parents=[base])
            return Fault(status=502)
        return NONE

    with faulty(server.address, overtake) as proxy, reached(remote, proxy.address) as repository:
        base = repository.head("main")
        with pytest.raises(LostRace):
            publish(repository, base)

    assert remote.show(BRANCH, "x") == b"theirs"


def test_a_deletion_that_comes_twice_after_a_lost_answer_is_done(server: GitServer, remote: Remote) -> None:
    """The server was still busy with the first one when the refs were read."""
    ours = remote.commit(BRANCH, NEWER, parents=[remote.branches()["main"]])
    faults = first_push(Fault(status=502), Fault(twice=True))
    with faulty(server.address, faults) as proxy, reached(remote, proxy.address) as repository:
        base = repository.head("main")
        repository.delete(BRANCH, expected=ours)

    assert remote.branches() == {"main": base}


def test_a_server_that_dies_before_every_push_is_out_of_reach(remote: Remote) -> None:
    remote.hook("pre-receive", "kill -9 $PPID")
    with reached(remote, remote.url.rpartition("/")[0], attempts=2) as repository:
        base = repository.head("main")
        with pytest.raises(GitError) as failed:
            publish(repository, base)

    assert not isinstance(failed.value, LostRace)
    assert remote.branches() == {"main": base}


def test_a_merge_that_could_not_be_repeated_for_the_network_is_no_conflict(server: GitServer, remote: Remote) -> None:
    """A clean merge of the base is neutral; taken for a conflict, the branch would count as a person's."""
    first = remote.branches()["main"]
    many = {f"{number}.yaml": b"%d\n" % number * 5000 for number in range(3)}
    ours = remote.commit(BRANCH, {**NEWER, "0.yaml": many["0.yaml"]}, parents=[first])
    base = remote.commit("main", many, parents=[first])
    remote.commit(BRANCH, {**many, **NEWER}, parents=[ours, base])

    def broken(_: int, line: str) -> Fault:
        return Fault(status=503) if merging else NONE

    merging = False
    with faulty(server.address, broken) as proxy, reached(remote, proxy.address, attempts=1) as repository:
        base = repository.head("main")
        merging = True
        with pytest.raises(GitError, match="503"):
            repository.branch(BRANCH, base)


TEXT = process.HOOK.read_text()
#: Hooks: what stands in the file, its mode, its shell, and what git has asked by the time of the look.
HOOKS = {
    "ours": (TEXT, 0o755, process.SHELL, ["GET"]),
    "not executable": (TEXT, 0o644, process.SHELL, []),
    "without its shell": (TEXT.replace("/bin/sh", "/nonexistent/sh"), 0o755, Path("/nonexistent/sh"), []),
    # It fails: then git begins again.
    "without a way to ask": (TEXT.replace("$GITOPS_BOT_ASK", "/nonexistent/pipe"), 0o755, process.SHELL, ["GET"]),
}


@pytest.mark.parametrize(
    ("kind", "refuses"), [*((kind, False) for kind in HOOKS), ("ours", True), ("not executable", True)]
)
def test_a_look_comes_between_the_requests_of_a_push_and_before_them_where_no_hook_runs(
    server: GitServer, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refuses: bool
) -> None:
    hook = tmp_path / "pre-push"
    text, mode, shell, asked = HOOKS[kind]
    hook.write_text(text)
    hook.chmod(mode)
    monkeypatch.setattr(process, "HOOK", hook)
    monkeypatch.setattr(process, "SHELL", shell)
    looks = list[list[str]]()

    def look() -> None:
        looks.append([line.split()[0] for line in proxy.seen if "receive-pack" in line])
        if refuses:
            raise LookupError

    with faulty(server.address, lambda *_: NONE) as proxy, reached(remote, proxy.address) as repository:
        base = repository.head("main")
        with pytest.raises(LookupError) if refuses else contextlib.nullcontext():
            publish(repository, base, look=look)
        sent = [line.split()[0] for line in proxy.seen if "receive-pack" in line]

    assert looks == [asked]
    assert sent == asked + ([] if refuses else ["POST"] if kind == "ours" else ["GET", "POST"])
    assert remote.branches().keys() == {"main"} | (set() if refuses else {BRANCH})


def test_a_push_by_a_git_that_does_not_see_the_hook_is_looked_at_once_it_is_sent(
    server: GitServer, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "not the name that git looks for"
    elsewhere.write_text(TEXT)
    elsewhere.chmod(0o755)
    monkeypatch.setattr(process, "HOOK", elsewhere)
    looks = list[set[str]]()

    def look() -> None:
        looks.append(set(remote.branches()))
        raise LookupError

    with reached(remote, server.address) as repository:
        base = repository.head("main")
        with pytest.raises(LookupError):
            publish(repository, base, look=look)
    assert looks == [{"main", BRANCH}]


def test_a_push_that_is_sent_again_is_looked_at_again(server: GitServer, remote: Remote) -> None:
    looks = list[int]()

    def look() -> None:
        looks.append(len(proxy.seen))
        if len(looks) > 1:
            raise LookupError

    with faulty(server.address, first_push(Fault(status=502))) as proxy, reached(remote, proxy.address) as repository:
        base = repository.head("main")
        with pytest.raises(LookupError):
            publish(repository, base, look=look)
    assert len(looks) == 2
    assert remote.branches() == {"main": base}


def test_a_remote_that_is_a_folder_is_looked_at_before_it_is_pushed_to(remote: Remote) -> None:
    looks = list[dict[str, str]]()
    with opened(Remote(remote.path)) as repository:
        base = repository.head("main")
        commit = publish(repository, base, look=lambda: looks.append(remote.branches()))
    assert looks == [{"main": base}]
    assert remote.branches() == {"main": base, BRANCH: commit}
