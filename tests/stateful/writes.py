"""Where the real edges ask and write: every request, and every push. Each is counted, and at each of these places
anything may happen: another run, a person, the end of this run.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot.edges.git.remote import Remote
from gitops_bot.edges.github.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Before it is sent, or after it was answered: then nobody has made use of the answer yet.
When = Literal["before", "after"]


class Killed(BaseException):
    """The run ends here, as by `kill -9`: nothing may catch this, and nothing is tidied up at the remote."""


@dataclass(slots=True)
class Seen:
    """What one run asked of the forge and wrote, in order: `POST /repos/...`, `push BRANCH`, `delete BRANCH`."""

    happens: Callable[[int, When], None] | None = None
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    #: How many of the writes went through.
    done: int = 0


class _Running(threading.local):
    def __init__(self) -> None:
        self.runs: list[Seen] = []


_running = _Running()


def under_way() -> str:
    return _running.runs[-1].writes[-1]


@contextmanager
def seen(happens: Callable[[int, When], None] | None = None) -> Iterator[Seen]:
    """Watch the run in this block. A run within a run is watched by itself."""
    watching = Seen(happens)
    _running.runs.append(watching)
    try:
        yield watching
    finally:
        _running.runs.remove(watching)


@contextmanager
def hooked(pushed: Callable[[], None]) -> Iterator[None]:
    """Put the hooks into the edges. `pushed` is called after each push: a forge learns of it at once."""
    send, push = Wire._send, Remote.push

    def sending(self: Wire, method: str, path: str, *, write: bool, **more: Any) -> Any:
        if not write:
            _running.runs[-1].reads.append(f"{method} {path}")
            return send(self, method, path, write=write, **more)
        with _writing(f"{method} {path}"):
            return send(self, method, path, write=write, **more)

    def pushing(
        self: Remote,
        refs: Mapping[str, str | None],
        expected: str | None,
        target: str,
        look: Callable[[], None] | None = None,
    ) -> None:
        names = ", ".join(ref.removeprefix("refs/heads/") for ref in refs)
        what = f"{'push' if all(refs.values()) else 'delete'} {names}"
        with _writing(what, at_once=look is None) as begins:

            def look_first() -> None:
                if look is not None:
                    look()
                begins()

            push(self, refs, expected, target, None if look is None else look_first)
            pushed()

    Wire._send, Remote.push = sending, pushing  # type: ignore[method-assign]
    try:
        yield
    finally:
        Wire._send, Remote.push = send, push  # type: ignore[method-assign]


@contextmanager
def _writing(what: str, *, at_once: bool = True) -> Iterator[Callable[[], None]]:
    """Around one write, which begins at once, or when what is yielded is called."""
    run = _running.runs[-1]
    number = len(run.writes)
    run.writes.append(what)

    def begins() -> None:
        if run.happens is not None:
            run.happens(number, "before")

    if at_once:
        begins()
    yield begins
    run.done += 1
    if run.happens is not None:
        run.happens(number, "after")
