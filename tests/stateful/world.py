"""One repository with its forge, its registry and its clock, in which the real commands run over the real edges."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, Self

from gitops_bot import config
from gitops_bot.demo.registry import Registry as Images
from gitops_bot.edges.git import Credentials, Repository
from gitops_bot.edges.github.forge import GitHub
from gitops_bot.edges.registry import Registry
from gitops_bot.engine.read import Scope, read
from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack
from gitops_bot.engine.update import update
from gitops_bot.engine.world import World
from gitops_bot.errors import UsageError
from gitops_bot.images.reference import Assignment
from gitops_bot.releases.choice.promotion import ByHand
from gitops_bot.results.outcome import Outcome
from tests.counterparts.clock import StillClock
from tests.counterparts.git_http import Remote
from tests.counterparts.github import Forge
from tests.counterparts.registry import DockerRegistry
from tests.counterparts.world import overlay, run
from tests.stateful import lines, writes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from gitops_bot.demo.http import Answer
    from gitops_bot.demo.http import Request as Asked
    from gitops_bot.demo.hub import Hub, Pull
    from gitops_bot.demo.pulls import PullRequests
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.errors import Problem
    from tests.counterparts.world import Done
    from tests.stateful.lines import Pinned
    from tests.stateful.writes import Seen, When

    #: What happens to one request: it is given the request and the server's own way to answer it.
    Gate = Callable[[Asked, Callable[[], Answer]], Answer]

NAME = "acme/deploy"
#: The environments in the order in which a pin reaches them; a repository has some of them, without a gap.
WAVES = ("staging", "production", "edge")
#: What everything is about, and what it may be promoted from.
SOURCE, ENVIRONMENT = WAVES[:2]
BOT, ALICE, BOB = "gitops-bot[bot]", "alice", "bob"
CONFIG = "gitops-bot.yaml"
PREFIX = "gitops-bot/"
#: The bot's own come first: of two runs at once, each has one by which its requests are known.
_TOKENS = {
    "ghs_bot0123456789": BOT,
    "ghs_two0123456789": BOT,
    "ghp_alice0123456789": ALICE,
    "ghp_bob0123456789": BOB,
}
BOTS = tuple(token for token, login in _TOKENS.items() if login == BOT)
_TOKEN = BOTS[0]
#: What a file ends with that a person broke.
BROKEN = b"\nbroken: ["
#: The minor version that everything begins with, as in `1.5.0`.
FIRST = 5

#: An entry: its file and its name.
Key = tuple[str, str]


def file_of(place: str, environment: str = ENVIRONMENT) -> str:
    return f"apps/{place}/{environment}/kustomization.yaml"


def environment_of(key: Key) -> str:
    return key[0].split("/")[2]


def place_of(key: Key) -> str:
    return key[0].split("/")[1]


def wave_of(key: Key) -> int:
    return WAVES.index(environment_of(key))


def environments_in(hold: Mapping[str, Any]) -> Any:
    """What a hold is about: environments, or `all`."""
    return hold["environments"] if "environments" in hold else [hold["environment"]]


def moment(at: datetime) -> str:
    """A moment as holds have it; in this form, an earlier one comes first."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def source_of(environment: str) -> str:
    return WAVES[WAVES.index(environment) - 1]


def told_of(environment: str) -> list[Any]:
    """What an app says of each place of an environment, as `require` asks for it."""
    return [{"name": f"cd/{{place}}-{environment}", "app": "argocd"}]


@dataclass(frozen=True, slots=True)
class Command:
    """`update`, `set ENV IMAGE=PIN`, `promote SOURCE ENV` or `rollback ENV`; `image` narrows the last two down."""

    verb: Literal["update", "set", "promote", "rollback"] = "update"
    pin: str = ""
    environment: str = ENVIRONMENT
    image: str | None = None
    to: str | None = None
    allow_downgrade: bool = False
    release_hold: bool = False

    @property
    def words(self) -> list[str]:
        words = [self.verb, source_of(self.environment) if self.verb == "promote" else ""]
        words += [self.environment if self.verb != "update" else ""]
        words += [self.pin, *(["--image", self.image] if self.image else []), *(["--to", self.to] if self.to else [])]
        words += ["--allow-downgrade"] * self.allow_downgrade + ["--release-hold"] * self.release_hold
        return [word for word in words if word]

    def __str__(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Wave:
    """An environment: how it is proposed to, and whether it follows the one before it without being asked.

    `require` is what must have succeeded before. `watched`: what fails a check afterwards is rolled back.
    """

    propose: dict[str, Any]
    follows: bool = False
    require: Mapping[str, Any] = field(default_factory=dict)
    watched: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: `outcome` is None where it was killed."""

    outcome: Outcome | None
    seen: Seen
    warnings: tuple[Problem, ...] = ()


class GatedForge(Forge):
    """The forge, and git beside it; a `gate` sees every request first, with the server's own way to answer it."""

    gate: Gate | None = None

    def _answer(self, request: Asked) -> Answer:
        own = super()._answer
        return own(request) if self.gate is None else self.gate(request, lambda: own(request))


class GatedImages(Images):
    gate: Gate | None = None

    def _answer(self, request: Asked) -> Answer:
        own = super()._answer
        return own(request) if self.gate is None else self.gate(request, lambda: own(request))


@dataclass(slots=True)
class Shop:
    """A repository of manifests, as people and the bot find it."""

    folder: Path
    forge: GatedForge
    images: GatedImages
    clock: StillClock
    #: What there is of WAVES, in that order.
    waves: dict[str, Wave] = field(default_factory=dict)
    #: Whether releases are recorded: as deployments, and by tags.
    records: bool = False
    #: Whether the bot reaches the repository as anybody does, or by its folder, which is faster.
    over_http: bool = False
    holds: list[dict[str, Any]] = field(default_factory=list)
    #: What tools say of the waves that they watch: a pin of an entry failed there, and did not succeed since.
    red: set[tuple[Key, Pinned]] = field(default_factory=set)
    #: Tag and digest of everything that was pushed, by image.
    pushed: dict[str, dict[str, str]] = field(default_factory=dict)
    #: Every digest that a tag ever named, by image and tag.
    named: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _files: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator[Self]:
        """Serve an empty world out of an empty folder."""
        clock = StillClock()
        with ExitStack() as stack:
            forge = stack.enter_context(GatedForge(folder / "forge", tokens=_TOKENS, now=clock.now))
            images = stack.enter_context(GatedImages(folder / "registry"))
            shop = cls(folder, forge, images, clock)
            stack.enter_context(writes.hooked(shop.settle))
            yield shop

    def begin(self, places: Mapping[str, Sequence[str]], waves: Mapping[str, Wave]) -> None:
        """Make the repository: overlays and the names of their entries, each in every wave."""
        self.waves, self.red = dict(waves), set()
        for name in sorted({name for names in places.values() for name in names}):
            self.push(name, f"1.{FIRST}.0")
        files = {CONFIG: self.config(), "README.md": b"# Deploy\n"}
        for number, (place, names) in enumerate(places.items()):
            for environment in self.waves:
                entries = []
                for name in names:
                    # One overlay has no digests yet (in each wave another one), another the line ends of Windows.
                    there = number != WAVES.index(environment)
                    digest = f"; digest: {self.pushed[name][f'1.{FIRST}.0']}" if there else ""
                    entries.append((name, f"newName: {self.image(name)}; newTag: 1.{FIRST}.0{digest}"))
                files[file_of(place, environment)] = overlay(entries, end="\r\n" if number == 2 else "\n")
        self.forge.create(NAME, files)

    @property
    def propose(self) -> dict[str, Any]:
        return self.waves[ENVIRONMENT].propose

    def reports(self, environment: str, commit: str, state: str) -> None:
        """A tool says how an environment is at a commit, if anybody watches that."""
        pins = {(key, pin) for key, pin in self.pins(commit).items() if environment_of(key) == environment}
        if self.waves[environment].watched:
            self.red = self.red | pins if state == "failure" else self.red - pins

    def partner_of(self, key: Key) -> Key | None:
        """The entry of the wave before that an entry gets its pins from; None in the first wave."""
        environment = environment_of(key)
        if environment == next(iter(self.waves)):
            return None
        return key[0].replace(f"/{environment}/", f"/{source_of(environment)}/"), key[1]

    def commits(self, environment: str) -> bool:
        return self.waves[environment].propose.get("as") == "commit"

    def config(self) -> bytes:
        environments: dict[str, dict[str, Any]] = {}
        for name, wave in self.waves.items():
            said = environments[name] = {"overlays": [f"apps/{{place}}/{name}"], "propose": wave.propose}
            if wave.follows:
                said["promote_from"] = source_of(name)
            if wave.require:
                said["require"] = dict(wave.require)
            if wave.watched:
                said |= {"require_after": told_of(name), "on_failure": "rollback"}
            if wave.follows or len(environments) == 1:
                said["policy"] = "releases"
        book = {
            "version": 1,
            "policies": {"releases": {"semver": ">=0.1.0"}},
            "environments": environments,
            **({"holds": self.holds} if self.holds else {}),
            **({"records": "github", "release_tags": True} if self.records else {}),
        }
        return json.dumps(book, indent=1).encode()

    def is_held(self, key: Key, at: datetime, *, rolls_back: bool = False) -> bool:
        return self._is_covered(key, at, [hold for hold in self.holds if "image" in hold or not rolls_back])

    def is_frozen(self, key: Key, at: datetime) -> bool:
        return self._is_covered(key, at, [hold for hold in self.holds if "image" not in hold])

    def _is_covered(self, key: Key, at: datetime, holds: Sequence[Mapping[str, Any]]) -> bool:
        return any(
            (environment_of(key) in environments_in(hold) or environments_in(hold) == "all")
            and hold.get("image", key[1]) == key[1]
            and moment(at) < hold["until"]
            for hold in holds
        )

    # The registry

    def image(self, name: str) -> str:
        return f"{self.images.host}/{NAME}/{name}"

    def push(self, name: str, tag: str, content: str = "") -> str:
        registry = DockerRegistry(self.images.host, self.folder)
        digest = registry.push(f"{NAME}/{name}", tag, f"{name} {tag} {content}")
        self.pushed.setdefault(name, {})[tag] = digest
        self.named.setdefault((name, tag), set()).add(digest)
        return digest

    def withdraw(self, name: str, tag: str) -> None:
        (self.folder / "registry" / "repositories" / NAME / name / "_tags" / tag).unlink()
        del self.pushed[name][tag]

    # The bot

    def run(
        self,
        command: Command,
        happens: Callable[[int, When], None] | None = None,
        token: str | None = None,
    ) -> Ran:
        """Run a command as its own process would: everything is read anew; with a `token` of its own over HTTP."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        over_http = self.over_http or token is not None
        url, token = f"{self.forge.url}/{NAME}.git" if over_http else self.remote.file_url, token or _TOKEN
        warnings: list[Problem] = []
        with (
            writes.seen(happens) as seen,
            Repository(
                url,
                credentials=Credentials("x-access-token", token) if over_http else None,
                environ=environ,
                history=command.verb in ("promote", "rollback"),
            ) as repository,
            Registry({}, environ, self.clock) as registry,
        ):
            commit = repository.head("main")
            book = config.read(repository.read(commit, [CONFIG])[CONFIG].decode(), CONFIG)
            forge = GitHub(NAME, token, clock=self.clock, warn=warnings.append, api_url=self.forge.api_url)
            world = World(repository, lambda: registry, forge, self.clock)
            names = [] if command.verb == "update" else [command.environment]
            also = [source_of(command.environment)] if command.verb == "promote" else []
            snapshot = read(world, Scope(book, NAME, "main", commit, names), also=also)
            try:
                outcome = _journey(world, snapshot, command)
            except writes.Killed:
                outcome = None
            except UsageError:  # it names nothing that is there, and so wrote nothing
                assert happens is not None or not seen.writes
                outcome = Outcome()
        self.settle()
        return Ran(outcome, seen, tuple(warnings))

    def command(self, command: Command, token: str = _TOKEN) -> Done:
        environ = {"GITHUB_SERVER_URL": self.forge.url, "GITHUB_API_URL": self.forge.api_url, "GITHUB_TOKEN": token}
        return run(*command.words, "--repository", NAME, "--output", "json", cwd=self.folder, env=environ)

    # Git

    @property
    def remote(self) -> Remote:
        return Remote(self.folder / "forge" / f"{NAME}.git")

    def settle(self) -> None:
        """What a push makes happen by itself happens now: the forge learns of it."""
        with self.forge.store.opened(self.hub, writes=False):
            pass

    @property
    def branches(self) -> dict[str, str]:
        return self.forge.bare(NAME).branches()

    @property
    def proposing(self) -> dict[str, str]:
        return {name: commit for name, commit in self.branches.items() if name.startswith(PREFIX)}

    def commit(self, branch: str, files: Mapping[str, bytes | None], message: str = "a person's change") -> str:
        made = self.remote.commit(branch, files, message=message)
        self.settle()
        return made

    def files(self, commit: str) -> dict[str, bytes]:
        if commit not in self._files:
            paths = list(self.remote.modes(commit))
            told = self.remote.git(
                "cat-file", "--batch", stdin="".join(f"{commit}:{path}\n" for path in paths).encode()
            )
            found, at = {}, 0
            for path in paths:
                end = told.index(b"\n", at)
                size = int(told[at:end].split()[2])
                found[path] = told[end + 1 : end + 1 + size]
                at = end + size + 2
            self._files[commit] = found
        return self._files[commit]

    def pins(self, commit: str) -> dict[Key, Pinned]:
        """What every entry pins at a commit, by a second opinion."""
        overlays = {path: data for path, data in self.files(commit).items() if path.endswith("kustomization.yaml")}
        return {(path, name): pin for path, data in overlays.items() for name, pin in lines.pins(data).items()}

    @property
    def main(self) -> dict[Key, Pinned]:
        return self.pins(self.branches["main"])

    # Pull requests

    @property
    def hub(self) -> Hub:
        hub = self.forge.store.named(NAME)
        assert hub is not None
        return hub

    @contextmanager
    def acting(self) -> Iterator[PullRequests]:
        with self.forge.store.opened(self.hub, writes=True) as pulls:
            yield pulls

    def pulls(self, state: str = "open") -> list[Pull]:
        """The pull requests, oldest first: `open`, `closed` or `all`; a merged one is closed."""
        return [pull for pull in self.hub.pulls.values() if state in ("all", pull.state)]

    def fork(self, commit: str) -> str:
        """Where a branch left the base branch."""
        fork = self.forge.bare(NAME).merge_base(self.branches["main"], commit)
        assert fork is not None
        return fork

    def proposed(self, head: str) -> dict[Key, tuple[Pinned | None, Pinned]]:
        """The pins that a branch changes since it left the base branch: from what to what."""
        before, after = self.pins(self.fork(head)), self.pins(head)
        return {key: (before.get(key), pin) for key, pin in after.items() if before.get(key) != pin}


def _journey(world: World, snapshot: Snapshot, command: Command) -> Outcome:
    images = [command.image] if command.image is not None else []
    what: Poll | Pins | Promote | RollBack
    match command.verb:
        case "update":
            what = Poll()
        case "set":
            what = Pins([Assignment.parse(command.pin)], command.allow_downgrade)
        case "promote":
            what = Promote(source_of(command.environment), ByHand(), images)
        case "rollback":
            what = RollBack(command.to, images)
    return update(world, snapshot, Request(what, command.release_hold)).body
