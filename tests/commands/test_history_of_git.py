"""`history` on small repositories as real git makes them: each way in which a commit comes to the base branch."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_bot.commands import history as commands
from gitops_bot.errors import BotError, UsageError
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import trailers
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import PinChange, Source
from gitops_bot.wiring.options import Options
from gitops_bot.wiring.world import open_world
from tests.counterparts.git_http import Remote
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gitops_bot.releases.history.record import Record
    from gitops_bot.results.history import History

CONFIG = b"""version: 1
environments:
  production: {overlays: ["apps/*/production"]}
  staging: {overlays: ["apps/*/staging"]}
  test: {overlays: ["apps/*/test"]}
"""
APPS = ("api", "web")


def file(app: str, environment: str = "production") -> str:
    return f"apps/{app}/{environment}/kustomization.yaml"


def pin(number: int) -> Pin:
    return Pin(f"1.{number}.0", f"sha256:{number:064x}")


def images(app: str, number: int | None) -> bytes:
    pinned = f"    newTag: {pin(number).tag}\n    digest: {pin(number).digest}\n" if number is not None else ""
    return f"images:\n  - name: {app}\n{pinned}".encode()


def said(source: Source, *changes: tuple[str, int, int], environment: str = "production") -> str:
    """The message of a commit of the bot."""
    pins = tuple(PinChange(file(app, environment), app, pin(was), pin(now), source) for app, was, now in changes)
    return "gitops-bot\n\n" + trailers.render(Trailers(environment, "all", source, pins))


def joined(*messages: str) -> str:
    """The message that a forge proposes for a squash of several commits."""
    return "Release (#7)\n\n" + "\n\n".join(f"* {message}" for message in messages)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    files = {file(app, name): images(app, 0) for app in APPS for name in ("production", "staging", "test")}
    return Remote.create(tmp_path / "deploy.git", {"gitops-bot.yaml": CONFIG, **files})


def history(remote: Remote, environment: str = "production", **wanted: Any) -> History:
    with open_world(Options(repository=str(remote.path)), (environment,), history=True) as (world, scope):
        return commands.history(world, scope, commands.Wanted(**wanted)).body


def newest(remote: Remote, environment: str = "production") -> Record:
    return history(remote, environment, limit=1).releases[0].record


def merge(remote: Remote, tip: str, files: Mapping[str, bytes], *heads: str) -> str:
    """A merge commit on the base branch; `tip` is where that was."""
    return remote.commit("main", files, parents=(tip, *heads), message="Merge pull request #7")


def tip(remote: Remote) -> str:
    return remote.branches()["main"]


WEB = {file("web"): images("web", 1)}
PROMOTION = said("promotion", ("web", 0, 1))


def fast(remote: Remote) -> None:
    remote.commit("main", WEB, message=PROMOTION)


def merged(remote: Remote) -> None:
    main = tip(remote)
    merge(remote, main, WEB, remote.commit("topic", WEB, parents=(main,), message=PROMOTION))


def updated_branch(remote: Remote) -> None:
    """The page's button "Update branch": the head of the branch is a merge of the base."""
    topic = remote.commit("topic", WEB, parents=(tip(remote),), message=PROMOTION)
    main = remote.commit("main", {"README.md": b"x"})
    update = remote.commit("topic", {"README.md": b"x"}, parents=(topic, main), message="Merge branch 'main'")
    merge(remote, main, WEB, update)


def two_commits_squashed(remote: Remote) -> None:
    first, second = said("promotion", ("web", 0, 2)), said("promotion", ("web", 2, 1))
    remote.commit("main", WEB, message=joined(first, second))


def refreshed_and_merged(remote: Remote) -> None:
    main = tip(remote)
    first = {file("web"): images("web", 2)}
    topic = remote.commit("topic", first, parents=(main,), message=said("promotion", ("web", 0, 2)))
    topic = remote.commit("topic", WEB, parents=(topic,), message=said("promotion", ("web", 2, 1)))
    merge(remote, main, WEB, topic)


def octopus(remote: Remote) -> None:
    main = tip(remote)
    other = remote.commit("other", {"README.md": b"x"}, parents=(main,), message="a person's")
    topic = remote.commit("topic", WEB, parents=(main,), message=PROMOTION)
    merge(remote, main, {**WEB, "README.md": b"x"}, other, topic)


def with_configuration(remote: Remote) -> None:
    main = tip(remote)
    topic = remote.commit("topic", WEB, parents=(main,), message=PROMOTION)
    topic = remote.commit("topic", {"apps/web/production/x": b"1"}, parents=(topic,), message="a person's")
    merge(remote, main, {**WEB, "apps/web/production/x": b"1"}, topic)


def with_another_pin(remote: Remote) -> None:
    """A merge commit that a person gave a change that no branch has."""
    main = tip(remote)
    topic = remote.commit("topic", WEB, parents=(main,), message=PROMOTION)
    merge(remote, main, {**WEB, file("api"): images("api", 1)}, topic)


def beside_another_environment(remote: Remote) -> None:
    both = {**WEB, file("web", "staging"): images("web", 1)}
    remote.commit("main", both, message=joined(said("policy", ("web", 0, 1), environment="staging"), PROMOTION))


def of_another_environment(remote: Remote) -> None:
    remote.commit("main", WEB, message=said("promotion", ("web", 0, 1), environment="staging"))


def another_pin_than_it_says(remote: Remote) -> None:
    remote.commit("main", WEB, message=said("promotion", ("web", 0, 2)))


def by_hand(remote: Remote) -> None:
    remote.commit("main", WEB)


@pytest.mark.parametrize(
    ("make", "kind", "pins", "config"),
    [
        (fast, "promotion", 1, 0),
        (merged, "promotion", 1, 0),
        (updated_branch, "promotion", 1, 0),
        (two_commits_squashed, "promotion", 1, 0),
        (refreshed_and_merged, "promotion", 1, 0),
        (octopus, "promotion", 1, 0),
        (with_configuration, "promotion", 1, 1),
        (with_another_pin, "manual", 2, 0),
        (beside_another_environment, "promotion", 1, 0),
        (of_another_environment, "manual", 1, 0),
        (another_pin_than_it_says, "manual", 1, 0),
        (by_hand, "manual", 1, 0),
    ],
)
def test_a_release_is_of_the_kind_that_its_commits_say(
    remote: Remote, make: Any, kind: str, pins: int, config: int
) -> None:
    make(remote)
    found = newest(remote)
    assert (found.kind, len(found.changes), len(found.config), found.release.number) == (kind, pins, config, 2)
    assert found.id == tip(remote)
    assert found.changes[-1].before == pin(0)
    assert found.changes[-1].after == pin(1)


def test_one_commit_releases_three_environments(remote: Remote) -> None:
    names = ("production", "staging", "test")
    commit = remote.commit("main", {file("web", name): images("web", 1) for name in names}, message=PROMOTION)
    found = {name: newest(remote, name) for name in names}
    assert {(record.id, record.release.number) for record in found.values()} == {(commit, 2)}
    assert [found[name].kind for name in names] == ["promotion", "manual", "manual"]
    assert found["production"].from_release == commit


def test_a_person_who_reverts_takes_a_release_back(remote: Remote) -> None:
    commit = remote.commit("main", WEB, message=PROMOTION)
    remote.commit("main", {file("web"): images("web", 0)}, message=f'Revert "web"\n\nThis reverts commit {commit}.')
    found = newest(remote)
    assert (found.kind, found.rollback_of) == ("manual", commit)
    remote.commit("main", WEB, message="again")
    assert newest(remote).rollback_of == found.id
    remote.commit("main", {file("web"): images("web", 3)}, message=f"This reverts commit {commit}.")
    assert newest(remote).rollback_of is None


def test_a_rewritten_base_branch_has_the_history_that_it_shows_now(remote: Remote) -> None:
    first = tip(remote)
    remote.commit("main", WEB)
    lost = newest(remote).id
    remote.commit("main", {file("api"): images("api", 5)}, parents=(first,))
    found = history(remote)
    assert [record.release.number for record, *_ in found.releases] == [2, 1]
    assert lost not in {record.id for record, *_ in found.releases}
    with pytest.raises(BotError, match="is not a release of production"):
        history(remote, show=lost)


def test_globs_count_for_all_times_as_they_are_now(remote: Remote) -> None:
    """What an environment is, the configuration of today says; so does `release/<environment>/<n>` its numbers."""
    remote.commit("main", {"clusters/one/kustomization.yaml": images("one", 1)})
    remote.commit("main", WEB)
    assert [record.release.number for record, *_ in history(remote).releases] == [2, 1]
    remote.git("tag", "release/production/2", tip(remote))
    config = CONFIG.replace(b'["apps/*/production"]', b'["apps/*/production", "clusters/*"]')
    remote.commit("main", {"gitops-bot.yaml": config})
    assert [record.release.number for record, *_ in history(remote).releases] == [2, None, None]
    remote.git("tag", "--delete", "release/production/2")
    assert [record.release.number for record, *_ in history(remote).releases] == [3, 2, 1]


def test_a_shallow_repository_has_no_numbers_and_says_so(remote: Remote, tmp_path: Path) -> None:
    for number in range(1, 6):
        remote.commit("main", {file("web"): images("web", number)})
    git = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--bare", "--depth=3", remote.file_url]
    subprocess.run([*git, str(tmp_path / "cut.git")], check=True, env={"PATH": os.environ["PATH"]})
    cut = Remote(tmp_path / "cut.git")
    found = history(cut)
    assert found.bounded
    assert [(record.release.number, record.changes[0].after) for record, *_ in found.releases] == [
        (None, pin(5)),
        (None, pin(4)),
    ]
    told = "older releases are missing, so only tags number these; fetch the full history (`fetch-depth: 0`)"
    assert told in run("history", "production", "--repository", str(cut.path), cwd=tmp_path).out


def test_a_commit_that_is_too_large_is_named_and_no_other_clone_is_asked_for(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = remote.commit("main", {file(app): images(app, 1) for app in APPS})
    remote.commit("main", {file("web"): images("web", 2)})
    monkeypatch.setattr("gitops_bot.edges.git.line.CHANGE_LIMIT", 1)
    found, why = history(remote), f"nothing before commit {large[:10]}, which changes too many files, can be read"
    assert ([record.release.number for record, *_ in found.releases], found.more) == ([None], why)
    with pytest.raises(BotError) as failure:
        history(remote, show="1")
    assert failure.value.problem.next == f"Give the commit; {why}."


def test_a_blobless_checkout_tells_what_its_origin_does(remote: Remote, tmp_path: Path) -> None:
    remote.commit("main", WEB)
    remote.git("config", "uploadpack.allowFilter", "true")
    checkout = tmp_path / "checkout"
    git = ["git", "-c", "safe.directory=*", "clone", "--quiet", "--no-checkout", "--filter=blob:none", remote.file_url]
    subprocess.run([*git, str(checkout)], check=True, env={"PATH": os.environ["PATH"]})
    releases = [
        run("history", "production", "--output", "json", *more, cwd=checkout).json["releases"]
        for more in ((), ("--repository", str(remote.path)))
    ]
    assert releases[0] == releases[1] != []
    # Its own copy lacks the files, and git fetches none for whoever reads from it.
    alone = run("history", "production", "--repository", str(checkout / ".git"), cwd=tmp_path)
    assert alone.code == 0 or "is a partial clone, which lacks files" in alone.err


# What is asked for


def test_a_release_of_another_environment_is_named_as_one(remote: Remote) -> None:
    commit = remote.commit("main", {file("web", "staging"): images("web", 1)})
    with pytest.raises(BotError) as failure:
        history(remote, show=commit[:10])
    (problem,) = failure.value.problems
    assert "is not a release of production" in problem.message
    assert problem.next == "It is a release of staging: ask for its history."


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("nosuch",), 2, "there is no environment 'nosuch'"),
        (("production", "--image", "nosuch"), 2, "matches no entry of production"),
        (("production", "--export", "x"), 2, "--export needs --show RELEASE"),
        (("production", "--show", "1", "--since", "2999-01-01"), 2, "--show and --between do not print"),
        (("production", "--between", "1", "abcdef0"), 1, "abcdef0 is not a release of production"),
    ],
)
def test_every_mistake_says_what_is_wrong(
    remote: Remote, tmp_path: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    fast(remote)
    done = run("history", *words, "--output", "json", "--repository", str(remote.path), cwd=tmp_path)
    assert done.code == code, done.out
    (problem,) = done.json["problems"]
    assert message in problem["message"]
    assert problem["next"]


def test_an_image_that_is_gone_has_its_releases_still(remote: Remote) -> None:
    fast(remote)
    remote.commit("main", {file("web"): None})
    assert [record.release.number for record, *_ in history(remote, image="web").releases] == [3, 2, 1]
    assert history(remote, image="docker.io/library/api", limit=1).releases[0].record.release.number == 1
    with pytest.raises(UsageError, match="no release changed it"):
        history(remote, image="nosuch")


def test_what_strangers_wrote_moves_no_terminal(remote: Remote, tmp_path: Path) -> None:
    author = "<script>alert(1)</script> \u202egnp\x1b[31m\x07 <ada@example.test>"
    name = "we\x1bb \u202e<b>"
    text = f"images:\n  - name: {json.dumps(name)}\n    newTag: {json.dumps(chr(0x202E) + chr(27) + '[2J')}\n".encode()
    raw = b"tree %s\nparent %s\nauthor %s 1785000000 +0000\ncommitter %s 1785000000 +0000\n\nx\n"
    remote.commit("main", {"apps/web/production/\u202e\x1b[2Jx": b"1\x1b[31m\n", file("web"): text})
    tree = remote.git("rev-parse", "main^{tree}").strip()
    parent = remote.git("rev-parse", "main^").strip()
    made = remote.git(
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--literally",
        "--stdin",
        stdin=raw % (tree, parent, *[author.encode()] * 2),
    )
    remote.git("update-ref", "refs/heads/main", made.decode().strip())
    for more in ((), ("--show", "2"), ("--between", "1", "2")):
        done = run("history", "production", "--repository", str(remote.path), *more, cwd=tmp_path)
        assert done.code == 0, done.err
        assert not [char for char in done.out if not char.isprintable() and char != "\n"]
        assert "alert(1)" in done.out


# A model


@dataclass
class Told:
    """A release as the model expects it."""

    commit: str
    kind: str
    pins: dict[str, tuple[int, int]]
    from_release: str | None = None
    rollback_of: str | None = None


@dataclass
class Model:
    """What each environment pins by application, and its releases, the oldest first."""

    remote: Remote
    pins: dict[str, dict[str, int]] = field(default_factory=dict)
    told: dict[str, list[Told]] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=lambda: count(1))

    @classmethod
    def start(cls, path: Path) -> Model:
        names = ("production", "staging")
        files = {file(app, name): images(app, 0) for app in APPS for name in names}
        remote = Remote.create(path, {"gitops-bot.yaml": CONFIG, **files})
        first = tip(remote)
        return cls(
            remote,
            {name: dict.fromkeys(APPS, 0) for name in names},
            {name: [Told(first, "manual", dict.fromkeys(APPS, (-1, 0)))] for name in names},
        )

    def release(self, kind: str, changes: Mapping[str, Mapping[str, int]], how: str = "fast") -> None:
        """One commit for these environments, with what the bot would say of each of them, unless it is a person's."""
        moved = {
            name: {app: (self.pins[name][app], now) for app, now in wanted.items() if self.pins[name][app] != now}
            for name, wanted in changes.items()
        }
        moved = {name: pins for name, pins in moved.items() if pins}
        if not moved:
            return
        source: Source = "promotion" if kind == "promotion" else "set"
        messages = [
            said(source, *((app, *pair) for app, pair in pins.items()), environment=name)
            for name, pins in moved.items()
        ]
        message = "a person's" if kind == "manual" else messages[0] if len(messages) == 1 else joined(*messages)
        files = {file(app, name): images(app, now) for name, pins in moved.items() for app, (_, now) in pins.items()}
        main = tip(self.remote)
        if how == "fast":
            commit = self.remote.commit("main", files, message=message)
        else:
            head = self.remote.commit("topic", files, parents=(main,), message=message)
            if how == "updated":
                main = self.remote.commit("main", {"README.md": str(next(iter(self.numbers))).encode()})
                head = self.remote.commit("topic", {}, parents=(head, main), message="Merge branch 'main'")
            commit = merge(self.remote, main, files, head)
        for name, pins in moved.items():
            self.told[name].append(Told(commit, kind, pins))
            self.pins[name] |= {app: now for app, (_, now) in pins.items()}
        for name, pins in moved.items():
            told = self.told[name][-1]
            if kind == "promotion" and name == "production":
                told.from_release = self._brought("staging", {now for _, now in pins.values()})
            elif kind == "manual":
                told.rollback_of = self._reverted(name, pins)

    def _brought(self, name: str, wanted: set[int]) -> str | None:
        found = (one for one in reversed(self.told[name]) if {now for _, now in one.pins.values()} & wanted)
        return next((one.commit for one in found), None)

    def _reverted(self, name: str, pins: Mapping[str, tuple[int, int]]) -> str | None:
        for one in self.told[name][-2::-1]:
            if any(one.pins.get(app, (-2, -2))[1] == was for app, (was, _) in pins.items()):
                same = all(one.pins.get(app) == (now, was) for app, (was, now) in pins.items())
                return one.commit if same else None
        return None

    def configure(self, name: str) -> None:
        text = str(next(iter(self.numbers))).encode()
        commit = self.remote.commit("main", {f"apps/web/{name}/limits": text})
        self.told[name].append(Told(commit, "config", {}))


ENVIRONMENTS = st.sampled_from(["production", "staging"])
PINS = st.dictionaries(st.sampled_from(APPS), st.integers(0, 3), min_size=1)
STEPS = st.one_of(
    st.tuples(st.just("set"), ENVIRONMENTS, PINS, st.sampled_from(["fast", "merge", "updated"])),
    st.tuples(st.just("manual"), ENVIRONMENTS, PINS, st.sampled_from(["fast", "merge"])),
    st.tuples(st.just("promotion"), st.just("production"), st.none(), st.sampled_from(["fast", "merge", "updated"])),
    st.tuples(st.just("both"), st.sampled_from(["manual", "set"]), PINS, st.just("fast")),
    st.tuples(st.just("configure"), ENVIRONMENTS, st.none(), st.none()),
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=3, max_size=9))
def test_random_histories_are_told_as_a_simple_model_has_them(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    model = Model.start(tmp_path_factory.mktemp("model") / "deploy.git")
    seen: dict[tuple[str, str], int] = {}
    for at, (what, which, pins, how) in enumerate(steps):
        match what:
            case "configure":
                model.configure(which)
            case "both":
                model.release(which, {"production": pins, "staging": pins}, how)
            case "promotion":
                model.release(what, {"production": dict(model.pins["staging"])}, how)
            case _:
                model.release(what, {which: pins}, how)
        if at in (1, len(steps) - 1):
            for name, told in model.told.items():
                found = [record for record, *_ in history(model.remote, name).releases]
                assert [one.id for one in found] == [one.commit for one in reversed(told)]
                assert [one.release.number for one in found] == list(range(len(told), 0, -1))
                # A number that a release had once is its number for ever.
                assert all(
                    seen.setdefault((name, one.id), one.release.number or 0) == one.release.number for one in found
                )
                for one, expected in zip(found[:-1], reversed(told[1:]), strict=True):
                    assert (one.kind, one.from_release, one.rollback_of) == (
                        expected.kind,
                        expected.from_release,
                        expected.rollback_of,
                    )
                    assert {change.name: (change.before, change.after) for change in one.changes} == {
                        app: (pin(was), pin(now)) for app, (was, now) in expected.pins.items()
                    }
