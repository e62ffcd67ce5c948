"""The scheduler: each decision runs once, each question is asked once, and a failure is an answer, too."""

from __future__ import annotations

import threading

import pytest

from gitops_bot.engine.facts import several
from gitops_bot.errors import GitError, Problem, RegistryError
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.decisions import Change, Failed
from tests.engine.situations import ONE, THREE, alone, fails, started
from tests.engine.world import A, C, Registry, Shop, overlay, path, refused

WEB = ImageName("r.test", "web")
FILES = {path("production", f"app{number}"): overlay({"r.test/web": ONE}) for number in range(20)}


def test_what_many_entries_want_to_know_of_one_image_is_asked_once() -> None:
    shop = started(alone(), lambda shop: shop.write(FILES))
    decisions = [judged.decision for judged in shop.judged(None, "production")]
    assert [item.after for item in decisions if isinstance(item, Change)] == [THREE] * 21
    about = ["describe", A], ["digest", "1.2.0"], ["manifest", A], ["manifest", C], ["tags"]
    assert sorted(shop.registry.asked) == [" ".join([what, "r.test/web", *more]) for what, *more in about]


def test_a_failure_is_an_answer_too() -> None:
    shop = started(alone(), fails("tags", refused()), lambda shop: shop.write(FILES))
    assert {type(judged.decision) for judged in shop.judged(None, "production")} == {Failed}
    assert shop.registry.asked == ["tags r.test/web"]


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

    arrived, shop = threading.Event(), Shop(registry=Slow())
    shop.push("1", A, "r.test/web", *(f"r.test/app{at}" for at in range(8)))
    shop.run(ONE, "production")
    facts = shop.facts("production")
    assert shop.drive(facts, *(look(at) for at in range(8))) == [("1",)] * 8
    assert shop.registry.asked.count("tags r.test/web") == 1


def test_decisions_go_on_one_after_another() -> None:
    async def look(at: int) -> bool:
        await facts.tags(ImageName("r.test", f"app{at}"))
        try:
            beside.wait(0.05)  # nobody else comes while this one goes on
        except threading.BrokenBarrierError:
            beside.reset()
            return True
        return False

    beside, shop = threading.Barrier(2), Shop()
    shop.push("1", A, *(f"r.test/app{at}" for at in range(4)))
    shop.run(ONE, "production")
    facts = shop.facts("production")
    assert shop.drive(facts, *(look(at) for at in range(4))) == [True] * 4


def test_an_interruption_leaves_the_question_open() -> None:
    async def look() -> tuple[str, ...]:
        return await facts.tags(WEB)

    shop = started(alone(), fails("tags", KeyboardInterrupt()))
    facts = shop.facts("production")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            shop.drive(facts, look())
    assert shop.registry.asked == ["tags r.test/web"] * 2


def test_a_decision_runs_once_from_its_beginning_to_its_end() -> None:
    lines: list[str] = []

    async def decide(name: str) -> list[str | RegistryError]:
        lines.append(f"{name} begins")
        tags = await facts.tags(WEB)
        lines.append(f"{name} has {len(tags)} tags")
        answers = await several([facts.digest(WEB, tags[-1]), facts.digest(WEB, "gone")])
        lines.append(f"{name} has a digest and a failure")
        return [answer if isinstance(answer, str) else type(answer).__name__ for answer in answers]

    shop = started(alone())
    facts = shop.facts("production")
    assert shop.drive(facts, decide("a"), decide("b")) == [[C, "RegistryError"]] * 2
    steps = ("begins", "has 3 tags", "has a digest and a failure")
    assert sorted(lines) == [f"{name} {step}" for name in "ab" for step in steps]


def test_history_is_asked_once_as_deep_as_anyone_needs() -> None:
    async def look(*depths: int) -> list[int]:
        return [len((await facts.line(lambda line, depth=depth: len(line.steps) >= depth)).steps) for depth in depths]

    shop = started(alone(), *[lambda shop: shop.write({"README.md": str(len(shop.repository.history))})] * 12)
    facts = shop.facts("production")
    assert shop.drive(facts, look(3), look(7, 2), look(5, 9)) == [[7], [7, 7], [7, 9]]
    assert shop.repository.depths == [7, 9]


def test_a_failure_of_git_ends_the_decisions_that_asked_and_no_other() -> None:
    async def look_back() -> object:
        return await facts.line(lambda _: True)

    async def look() -> object:
        return await facts.tags(WEB)

    shop = started(alone())
    shop.repository.failure = GitError(Problem("failed.git", "out of reach", "wait"))
    facts = shop.facts("production")
    failed, answered = shop.drive(facts, look_back(), look())
    assert isinstance(failed, GitError)
    assert answered == ("1.0.0", "1.1.0", "1.2.0")
    with pytest.raises(GitError, match="out of reach"):
        shop.answer(facts, look_back())
