from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gitops_bot.edges.registry.credentials import Once


def test_many_threads_ask_once() -> None:
    once: Once[int] = Once()
    asked: list[int] = []
    waiting = threading.Barrier(8)

    def ask() -> int:
        asked.append(1)
        return 42

    def want(_: int) -> int:
        waiting.wait(30)
        return once.get("key", ask)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(want, range(8))) == [42] * 8
    assert asked == [1]


def test_a_failure_is_an_answer_too() -> None:
    once: Once[int] = Once()
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            once.get("key", ask)
    assert asked == [1]


def test_an_interruption_does_not_leave_others_waiting() -> None:
    once: Once[int] = Once()

    def ask() -> int:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            once.get("key", ask)


def test_keys_are_told_apart() -> None:
    once: Once[str] = Once()
    assert [once.get(key, lambda key=key: f"of {key}") for key in ("a", "b", "a")] == ["of a", "of b", "of a"]
