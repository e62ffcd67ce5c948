from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from gitops_bot.engine.facts import Several
from gitops_bot.engine.world import silent
from gitops_bot.errors import GitError, Problem, RegistryError
from gitops_bot.images import kinds
from gitops_bot.images.build import Manifest
from gitops_bot.images.kinds import NamedPolicy, Rules
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.decisions import Change, Failed, Managed
from tests.commands.polled import FactsOfWorld, facts_of, polled
from tests.managed import managed

WEB = ImageName("r.test", "web")
DIGEST = "sha256:" + "a" * 64


class Registry:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def tags(self, image: ImageName) -> tuple[str, ...]:
        self.asked.append("tags")
        return ("1.0.0", "1.1.0")

    def digest(self, image: ImageName, tag: str, *, will_read: bool = False) -> str:
        self.asked.append(tag)
        return DIGEST

    def manifest(self, image: ImageName, digest: str) -> Manifest:
        self.asked.append(digest)
        return Manifest("image")


class Failing(Registry):
    def tags(self, image: ImageName) -> tuple[str, ...]:
        self.asked.append("tags")
        raise RegistryError(Problem("failed.registry", "no", "wait"))


def entries(count: int) -> list[Managed]:
    rules = Rules(NamedPolicy("p", kinds.Semver("*"), "config"))
    return [
        managed("dev", f"app{at}", f"app{at}/kustomization.yaml", 1, "web", str(WEB), pin=Pin("1.0.0"), rules=rules)
        for at in range(count)
    ]


def test_what_many_entries_want_to_know_of_one_image_is_asked_once() -> None:
    registry = Registry()
    decisions = polled(registry, entries(20))
    assert [decision.after for decision in decisions if isinstance(decision, Change)] == [Pin("1.1.0", DIGEST)] * 20
    assert sorted(registry.asked) == ["1.1.0", DIGEST, "tags"]


def test_a_failure_is_an_answer_too() -> None:
    registry = Failing()
    assert [type(decision) for decision in polled(registry, entries(20))] == [Failed] * 20
    assert registry.asked == ["tags"]


def test_threads_that_ask_the_same_at_the_same_time_share_one_answer() -> None:
    class Slow(Registry):
        def tags(self, image: ImageName) -> tuple[str, ...]:
            arrived.wait(30)
            return super().tags(image)

    async def look(at: int) -> tuple[str, ...]:
        await facts.digest(ImageName("r.test", f"app{at}"), "1")
        if at:
            arrived.set()  # another thread is under way
        return await facts.tags(WEB)

    arrived, registry = threading.Event(), Slow()
    facts = facts_of(registry)
    assert facts.drive([look(at) for at in range(8)]) == [("1.0.0", "1.1.0")] * 8
    assert registry.asked.count("tags") == 1


def test_an_interruption_leaves_the_question_open() -> None:
    class Interrupted(Registry):
        def tags(self, image: ImageName) -> tuple[str, ...]:
            super().tags(image)
            raise KeyboardInterrupt

    async def look() -> tuple[str, ...]:
        return await facts.tags(WEB)

    registry = Interrupted()
    facts = facts_of(registry)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            facts.drive([look()])
    assert registry.asked == ["tags", "tags"]


def test_a_decision_runs_once_from_its_beginning_to_its_end() -> None:
    lines: list[str] = []

    async def decide(name: str) -> str:
        lines.append(f"{name} begins")
        tags = await facts.tags(WEB)
        lines.append(f"{name} has tags")
        digest = await facts.digest(WEB, tags[-1])
        lines.append(f"{name} has a digest")
        return digest

    facts = facts_of(Registry())
    assert facts.drive([decide("a"), decide("b")]) == [DIGEST] * 2
    assert sorted(lines) == [f"{name} {what}" for name in "ab" for what in ("begins", "has a digest", "has tags")]


def test_several_questions_at_once_each_have_their_answer_or_failure() -> None:
    async def look() -> list[object]:
        return [*await Several([facts.tags(WEB), facts.digest(WEB, "1.1.0")])]

    facts = facts_of(Failing())
    (answers,) = facts.drive([look()])
    assert isinstance(answers, list)
    assert isinstance(answers[0], RegistryError)
    assert answers[1] == DIGEST


def test_history_is_asked_once_as_deep_as_anyone_needs() -> None:
    depths: list[int] = []

    def read(commit: str, directories: object, enough: Any, targets: object) -> Any:
        depth = next(depth for depth in range(100) if enough(line(depth)))
        depths.append(depth)
        return line(depth)

    def line(depth: int) -> Any:
        return SimpleNamespace(depth=depth, complete=False)

    world: Any = SimpleNamespace(repository=SimpleNamespace(line=read), progress=silent)
    snapshot: Any = SimpleNamespace(commit="c0", directories=(), layout=SimpleNamespace(targets=None))
    facts = FactsOfWorld(world, snapshot)

    async def look(*depths: int) -> list[int]:
        return [(await facts.line(lambda line, depth=depth: line.depth >= depth)).depth for depth in depths]

    assert facts.drive([look(3), look(7, 2), look(5, 9)]) == [[7], [7, 7], [7, 9]]
    assert depths == [7, 9]


def test_a_failure_of_git_ends_the_decisions_that_asked_and_no_other() -> None:
    def read(*_: object) -> Any:
        raise GitError(Problem("failed.git", "out of reach", "wait"))

    world: Any = SimpleNamespace(repository=SimpleNamespace(line=read), progress=silent, registry=Registry)
    snapshot: Any = SimpleNamespace(commit="c0", directories=(), layout=SimpleNamespace(targets=None))
    facts = FactsOfWorld(world, snapshot)

    async def look_back() -> object:
        return await facts.line(lambda _: True)

    async def look() -> object:
        return await facts.tags(WEB)

    failed, answered = facts.drive([look_back(), look()])
    assert isinstance(failed, GitError)
    assert answered == ("1.0.0", "1.1.0")
