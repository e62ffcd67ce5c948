from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from gitops_bot.engine.facts import Facts, Needs, Question
from gitops_bot.errors import Problem, RegistryError
from gitops_bot.images import kinds
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.images.rules import NamedPolicy, Rules
from gitops_bot.releases.decisions import Change, Failed, Managed
from tests.commands.polled import polled
from tests.managed import managed

WEB = ImageName("r.test", "web")
DIGEST = "sha256:" + "a" * 64


class Registry:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def tags(self, image: ImageName) -> tuple[str, ...]:
        self.asked.append("tags")
        return ("1.0.0", "1.1.0")

    def digest(self, image: ImageName, tag: str) -> str:
        self.asked.append(tag)
        return DIGEST


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
    assert sorted(registry.asked) == ["1.1.0", "tags"]


def test_a_failure_is_an_answer_too() -> None:
    registry = Failing()
    assert [type(decision) for decision in polled(registry, entries(20))] == [Failed] * 20
    assert registry.asked == ["tags"]


def test_threads_that_ask_the_same_at_the_same_time_share_one_answer() -> None:
    registry, facts, together = Registry(), Facts(), threading.Barrier(8)
    world: Any = SimpleNamespace(registry=lambda: registry)

    def look(_: int) -> tuple[str, ...]:
        with pytest.raises(Needs) as needs:
            facts.tags(WEB)
        (question,) = needs.value.questions
        assert isinstance(question, Question)
        together.wait(30)
        facts.ask(question, world)
        return facts.tags(WEB)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(look, range(8))) == [("1.0.0", "1.1.0")] * 8
    assert registry.asked == ["tags"]


def test_an_interruption_leaves_the_question_open() -> None:
    def interrupted(world: object) -> str:
        raise KeyboardInterrupt

    facts, world = Facts(), SimpleNamespace()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            facts.ask(Question("key", interrupted), world)  # type: ignore[arg-type]
