"""`gitops-bot run` for many cycles, while registry and git server die and come back, and it dies itself.

What happens is drawn from a seed; when it happens within a cycle depends on the machine, and has to be all the same.
"""

from __future__ import annotations

import json
import os
import random
import selectors
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.commands.conftest import API, WEB, pinned, shop_files
from tests.counterparts.git_http import git_server
from tests.counterparts.registry import docker_registry
from tests.counterparts.world import PATIENCE, GatedForge, World

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.counterparts.git_http import GitServer
    from tests.counterparts.registry import DockerRegistry
    from tests.counterparts.world import Deploy

IMAGES = {"web": WEB, "api": API}
BRANCH = "gitops-bot/production/all"
#: The longest that a server stays away, in seconds.
AWAY = 0.8
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Life:
    """One process of the bot, from its start to its end: memory and open files after each cycle."""

    process: subprocess.Popen[str]
    lines: selectors.BaseSelector
    rss: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    rest: bytes = b""


@dataclass(slots=True)
class Soak:
    """The bot, what is done to it, and what it told."""

    deploy: Deploy
    chance: random.Random
    lives: list[Life] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    newest: dict[str, tuple[str, str]] = field(default_factory=dict)
    _versions: Counter[str] = field(default_factory=Counter)
    _dealt: dict[bool, list[Callable[[], None]]] = field(default_factory=dict)
    #: When the next cycle begins.
    _due: float = 0.0

    @property
    def scratch(self) -> Path:
        """Where the bot keeps what is gone at its end."""
        return self.deploy.folder / "scratch"

    @property
    def cycles(self) -> list[dict[str, Any]]:
        """Every cycle that was told."""
        return [each for each in self.events if each["event"].startswith("cycle.")]

    def start(self) -> None:
        """Start the bot."""
        env = self.deploy.env | {"TMPDIR": str(self.scratch)}
        process = self.deploy.start("run", "--every", "1s", "--jitter", "0", env=env)
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        lines = selectors.DefaultSelector()
        lines.register(process.stderr, selectors.EVENT_READ)
        self.lives.append(Life(process, lines))

    def read(self, seconds: float) -> list[dict[str, Any]]:
        """What the bot tells within a time, or at once."""
        life = self.lives[-1]
        if not life.lines.select(seconds):
            return []
        data = life.rest + os.read(_fd(life.process.stderr), 1 << 16)
        *lines, life.rest = data.split(b"\n")
        told = [json.loads(line) for line in lines]
        self.events += told
        return told

    def cycle(self) -> dict[str, Any]:
        """The next cycle that ends; memory and files are looked at behind it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            assert self.lives[-1].process.poll() is None, self.events[-5:]
            for event in self.read(1.0):
                if event["event"].startswith("cycle."):
                    self.look()
                    self._due = time.monotonic() - event["seconds"] + 1.0
                    return event
        raise AssertionError(self.events[-5:])

    def look(self) -> None:
        """Look at what the process holds between two cycles."""
        life = self.lives[-1]
        about = Path(f"/proc/{life.process.pid}")
        life.rss.append(int((about / "statm").read_text().split()[1]) * _PAGE)
        life.files.append(len(list((about / "fd").iterdir())))

    def linger(self, until: float) -> None:
        """Let the bot go on, whatever it does just then."""
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def killed(self) -> None:
        """SIGKILL, and a new one."""
        life = self.lives[-1]
        life.process.kill()
        life.process.wait()
        self._close(life)
        self.start()

    def end(self) -> int:
        """SIGTERM; gives the exit code."""
        life = self.lives[-1]
        life.process.terminate()
        code = life.process.wait(PATIENCE)
        while self.read(0):
            pass
        self._close(life)
        return code

    def _close(self, life: Life) -> None:
        life.lines.close()
        for pipe in (life.process.stdin, life.process.stdout, life.process.stderr):
            if pipe is not None:
                pipe.close()

    # What happens

    def happen(self, *, deadly: bool) -> None:
        """One thing, drawn by chance, at a moment that chance chooses."""
        acts: dict[Callable[[], None], int] = {
            self.nothing: 2,
            self.push: 5,
            self.merge: 3,
            self.registry_away: 2,
            self.git_away: 2,
            **({self.killed: 3} if deadly else {}),
        }
        if deadly not in self._dealt:
            # Each of them once, however few there are going to be.
            self._dealt[deadly] = self.chance.sample(list(acts), len(acts))
        hand = self._dealt[deadly]
        act = hand.pop() if hand else self.chance.choices(list(acts), list(acts.values()))[0]
        self.linger(self._due + self.chance.uniform(-0.1, 0.5))
        act()
        self.done[act.__name__] += 1

    def nothing(self) -> None:
        """A quiet hour."""

    def push(self) -> None:
        """A pipeline pushes a newer image."""
        name = self.chance.choice(list(IMAGES))
        self._versions[name] += 1
        tag = f"1.{self._versions[name]}.0"
        self.newest[name] = (tag, self.deploy.push(name, tag))

    def merge(self) -> None:
        """A person merges what is proposed, if anything is."""
        for pull in self.deploy.pulls():
            try:
                self.deploy.call("PUT", f"/pulls/{pull['number']}/merge", {"merge_method": "merge"})
            except AssertionError as refused:
                if refused.args[0][2] not in (405, 409):
                    raise
                # The branch moved in that very moment, or conflicts with what was merged last.
                self.done["merge that was refused"] += 1

    def registry_away(self) -> None:
        """The registry dies, and comes back."""
        self._away(self.deploy.world.registry)

    def git_away(self) -> None:
        """The git server dies, and comes back."""
        self._away(self.deploy.world.git)

    def _away(self, server: DockerRegistry | GitServer) -> None:
        server.kill()
        self.linger(time.monotonic() + self.chance.uniform(0, AWAY))
        server.serve()

    # What must hold

    def quiet(self) -> dict[str, Any]:
        """Let the bot go on in peace until a cycle has nothing to write; gives that cycle."""
        for _ in range(6):
            cycle = self.cycle()
            if cycle.get("result") == "done" and cycle["written"] == 0:
                return cycle
        raise AssertionError(self.cycles[-6:])

    def proposals(self) -> dict[str, list[str]]:
        """The pull requests that there ever were, with how they stand, by what they make of the overlays."""
        found: dict[str, list[str]] = {}
        for pull in self.deploy.pulls("all"):
            files = self.deploy.files(pull["head"]["sha"])
            pins = " ".join(f"{name} {pin(files[path])[0]}" for name, path in IMAGES.items())
            state = "merged" if pull["merged_at"] else pull["state"]
            found.setdefault(pins, []).append(f"#{pull['number']} {state} {pull['head']['sha'][:10]} {pull['title']}")
        return found

    def proposed(self) -> dict[str, bytes]:
        """The overlays as they become: the open proposal's, or the base branch's where there is none."""
        ref = BRANCH if self.deploy.pulls() else "main"
        return {path: self.deploy.files(ref)[path] for path in IMAGES.values()}

    def expected(self, before: dict[str, bytes], pins: dict[str, tuple[str, str]]) -> dict[str, bytes]:
        """The overlays of the beginning, with the newest pins and not one other byte changed."""
        found = {}
        for name, path in IMAGES.items():
            old, new = pins[name], self.newest.get(name, pins[name])
            # The tag stands in a sample literal too.
            found[path] = pinned(before[path], (f"newTag: {old[0]}", f"newTag: {new[0]}"), (old[1], new[1]))
        return found


@contextmanager
def soaking(folder: Path, seed: int) -> Iterator[Soak]:
    """Serve a repository and run the bot on it."""
    with ExitStack() as stack:
        registry = stack.enter_context(docker_registry(folder / "registry", lasting=True))
        git = stack.enter_context(git_server(folder / "git"))
        forge = stack.enter_context(GatedForge(folder / "git" / "repositories"))
        deploy = World(folder / "work", registry, git, forge).deploy(shop_files)
        soak = Soak(deploy, random.Random(seed))  # noqa: S311 - a seed is what makes it come again
        soak.scratch.mkdir()
        soak.start()
        try:
            yield soak
        finally:
            if soak.lives[-1].process.poll() is None:
                soak.lives[-1].process.kill()
                soak.lives[-1].process.wait()
                soak._close(soak.lives[-1])


def pin(overlay: bytes) -> tuple[str, str]:
    """The tag and the digest of the only entry of an overlay."""
    lines = overlay.decode("utf-8-sig").splitlines()
    tag, digest = (
        next(line.partition(":")[2].strip() for line in lines if line.strip().startswith(f"{field}:"))
        for field in ("newTag", "digest")
    )
    return tag, digest


def _fd(pipe: IO[str] | None) -> int:
    assert pipe is not None
    return pipe.fileno()
