from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from gitops_bot.engine import workers
from gitops_bot.engine.workers import MOST, OF_IMAGE, OF_REGISTRY, _Queue, together
from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds after which a test has failed that waits for other threads.
PATIENCE = 30


def images(registry: str, count: int) -> list[ImageName]:
    return [ImageName(registry, f"acme/app{number}") for number in range(count)]


def itself(image: ImageName) -> ImageName:
    return image


def test_answers_come_in_the_order_of_the_items() -> None:
    items = [each for number in range(40) for each in images(f"r{number % 3}.test", 3)]
    with together(str, items, itself) as answers:
        assert list(answers) == [str(item) for item in items]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_items_are_asked_too(count: int) -> None:
    items = images("r.test", count)
    with together(str, items, itself) as answers:
        assert list(answers) == [str(item) for item in items]


def test_what_an_item_raises_is_raised_at_its_place_and_the_others_are_done() -> None:
    with together(lambda item: 6 // item, [3, 0, 2], lambda _: ImageName("good.test", "acme/web")) as answers:
        assert next(answers) == 2
        with pytest.raises(ZeroDivisionError):
            next(answers)


GOOD = images("good.test", 50)
#: Items that never answer, and those that have to be answered all the same.
HANGING = {
    "a registry with many images": (images("slow.test", 200), images("good.test", 1)),
    "an image in many overlays": ([ImageName("good.test", "slow/web")] * 200, GOOD),
    "three images in many overlays": ([ImageName("good.test", f"slow/{n % 3}") for n in range(200)], GOOD),
    "ten registries with many images": ([each for n in range(10) for each in images(f"slow{n}.test", 30)], GOOD),
    "sixty registries": ([each for n in range(60) for each in images(f"slow{n}.test", 2)], GOOD),
}


@pytest.mark.parametrize(("slow", "good"), HANGING.values(), ids=HANGING.keys())
@pytest.mark.parametrize("first", ["slow", "good"])
def test_what_hangs_holds_up_nothing_else(slow: Sequence[ImageName], good: Sequence[ImageName], first: str) -> None:
    answered, lock, all_answered = Counter[ImageName](), threading.Lock(), threading.Event()
    hanging = frozenset(slow)

    def ask(image: ImageName) -> bool:
        if image in hanging:
            return all_answered.wait(PATIENCE)
        with lock:
            answered[image] += 1
            if answered.total() == len(good):
                all_answered.set()
        return True

    items = [*slow, *good] if first == "slow" else [*good, *slow]
    with together(ask, items, itself) as answers:
        assert all(answers)
    assert answered == Counter(good)


def test_no_more_is_under_way_than_may_be() -> None:
    under_way, most, lock = Counter[str](), Counter[str](), threading.Lock()

    def ask(image: ImageName) -> None:
        keys = ("all", image.registry, str(image))
        with lock:
            under_way.update(keys)
            most.update({key: max(0, under_way[key] - most[key]) for key in keys})
        threading.Event().wait(0.001)  # so that others come in between
        with lock:
            under_way.subtract(keys)

    items = [each for _ in range(12) for number in range(8) for each in images(f"r{number}.test", 6)]
    with together(ask, items, itself) as answers:
        list(answers)
    assert most["all"] <= MOST
    assert max(most[f"r{number}.test"] for number in range(8)) <= OF_REGISTRY
    assert max(most[str(image)] for image in items) <= OF_IMAGE


@pytest.mark.parametrize("started", [0, 1, 5])
def test_a_machine_that_starts_no_more_threads_does_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, started: int
) -> None:
    threads: list[threading.Thread] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if len(threads) == started:
            raise RuntimeError("can't start new thread")
        threads.append(thread)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    items = images("r.test", 20)
    with together(str, items, itself) as answers:
        assert list(answers) == [str(item) for item in items]
    assert len(threads) == started


def test_a_thread_that_dies_without_memory_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    class Starved(_Queue):
        def take(self, done: int | None) -> int | None:
            if done is not None:
                raise MemoryError
            return super().take(done)

    monkeypatch.setattr(workers, "_Queue", Starved)
    with together(str, images("r.test", 50), itself) as answers, pytest.raises(MemoryError):
        list(answers)


def test_nothing_is_begun_any_more_when_the_block_has_ended() -> None:
    begun, over = [], threading.Event()

    def ask(image: ImageName) -> bool:
        begun.append(image)
        return over.wait(PATIENCE)

    items = images("r.test", 200)
    with pytest.raises(KeyboardInterrupt), together(ask, items, itself):
        raise KeyboardInterrupt
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ask-"):
            thread.join(PATIENCE)
    assert len(begun) <= OF_REGISTRY


def test_an_interrupt_ends_the_work_of_the_callers_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def ask(image: ImageName) -> None:
        begun.append(image)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    begun: list[ImageName] = []
    with pytest.raises(KeyboardInterrupt), together(ask, images("r.test", 5), itself):
        pass
    assert len(begun) == 1
