"""A first-parent line written down by hand: which commit left which file with which bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Pin
from gitops_bot.releases.history.line import Line, Step
from gitops_bot.releases.layout.overlays import select
from gitops_bot.releases.layout.owners import Owners
from gitops_bot.targets.kustomization import FILE_NAMES
from tests.managed import managed

if TYPE_CHECKING:
    from gitops_bot.targets import FileRule

START = datetime(2026, 8, 1, 10, 0, tzinfo=UTC)
A, B, C, D = ("sha256:" + letter * 64 for letter in "abcd")
OVERLAY = "apps/web/overlays/production"
FILE = f"{OVERLAY}/kustomization.yaml"
WEB = managed("production", OVERLAY, FILE, 2, "web", "docker.io/library/web")

Files = Mapping[str, bytes | None]


def images(**pins: Pin | str | None) -> bytes:
    """A kustomization with these entries, in order; a text is a pin without a digest."""
    lines = ["images:"]
    for name, said in pins.items():
        pin = Pin(said) if isinstance(said, str) else said or Pin()
        lines += [f"  - name: {name}"]
        lines += [f'    newTag: "{pin.tag}"'] if pin.tag else []
        lines += [f"    digest: {pin.digest}"] if pin.digest else []
    return ("\n".join(lines) + "\n").encode()


def commit(at: int) -> str:
    return f"{at:040x}"


def line(*commits: Files, complete: bool = True, first: int = 1) -> Line:
    """The line of these commits, the oldest first: each says what it wrote, None for what it removed.

    One commit an hour; their ids count from `first`. The first of a line that was cut says what stood before it.
    """
    steps: list[Step] = []
    known: dict[str, bytes | None] = {}
    for at, files in enumerate(commits, first):
        if not complete and at == first:
            known |= files
            continue
        changed = {path: (known.get(path), data) for path, data in files.items() if known.get(path) != data}
        known |= files
        steps.append(step(at, changed))
    return Line(tuple(reversed(steps)), complete)


def step(at: int, changed: Mapping[str, tuple[bytes | None, bytes | None]]) -> Step:
    kustomizations = {path: both for path, both in changed.items() if path.rpartition("/")[2] in FILE_NAMES}
    when = START + timedelta(hours=at)
    return Step(commit(at), (commit(at - 1),), when, f"Ada {at} <ada@example.com>", "m", tuple(changed), kustomizations)


def web(*pins: Pin | str | None, complete: bool = True) -> Line:
    """The line of one entry: a commit for each pin; None takes the entry away."""
    return line(*({FILE: images(web=pin) if pin is not None else images(other="x")} for pin in pins), complete=complete)


@dataclass(frozen=True)
class Globs:
    """An environment, as far as overlays are selected by it."""

    overlays: tuple[str, ...]
    places: tuple[tuple[str, int, int], ...] = ()
    targets: tuple[FileRule, ...] = ()
    exclude: tuple[str, ...] = ()
    reads: int = 1
    reaches: tuple[Globs, ...] = ()


def tree(*paths: str, **modes: str) -> dict[str, str]:
    return dict.fromkeys(paths, "100644") | modes


ENVIRONMENTS = {"staging": Globs(("apps/*/overlays/staging",)), "production": Globs(("apps/*/overlays/production",))}

GROUND = Owners(ENVIRONMENTS, select(ENVIRONMENTS, tree(FILE, FILE.replace("production", "staging"))))
