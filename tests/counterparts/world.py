"""The whole way in one place: git over HTTP by nginx, pull requests by the embedded GitHub server on the very same bare
repositories, images in docker-registry; and the bot as a process of its own, with a clean environment.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from gitops_bot.demo.http import Refused
from tests.commands import contract
from tests.conftest import PROJECT
from tests.counterparts.forked import measured, parent
from tests.counterparts.git_http import WRITER, Remote, git_server
from tests.counterparts.github import Forge
from tests.counterparts.registry import docker_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.git_http import GitServer
    from tests.counterparts.registry import DockerRegistry

#: The bot's token opens git (nginx knows it as a password) and the API alike.
TOKEN = WRITER[1]
BOT, PERSON, PERSON_TOKEN = "gitops-bot[bot]", "alice", "ghp_alice0123456789abcdef"
#: Longer than any run of the bot takes, even on a busy machine; in seconds.
PATIENCE = 150

#: What happens to one API request: it is given the request and the server's own way to answer it.
Gate = Callable[["Request", Callable[[], "Answer"]], "Answer"]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output, checked against the contract of DESIGN section 7."""
        document = json.loads(self.out)
        contract.check(document, self.code)
        return document


def run(*args: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """Run one command of the bot as a process, in a clean environment and with `env`, until it ends."""
    clean = _clean(cwd, env)
    forks = parent(os.environ["PATH"], "C.UTF-8", str(PROJECT))
    if not forks.fits(clean):
        return ended(start(*args, cwd=cwd, env=env), stdin)
    done = Done(*forks.run(args, cwd, clean, stdin, PATIENCE))
    assert "Traceback" not in done.err, done.err
    return done


def program() -> str:
    """A script of the shell that is the bot, as `run` runs it."""
    return f'PYTHONPATH={PROJECT} exec {_door()} {quote(json.dumps(measured()))} "$@"'


@cache
def _door() -> str:
    forks = parent(os.environ["PATH"], "C.UTF-8", str(PROJECT))
    return forks.listen(Path(tempfile.mkdtemp(prefix="gitops-bot-door-")) / "door")


def _clean(cwd: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    base = {"PATH": os.environ["PATH"], "HOME": str(cwd), "PYTHONPATH": str(PROJECT), "LANG": "C.UTF-8"}
    return base | {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ} | dict(env or {})


def start(*args: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start one command of the bot. Nothing of the test's own environment reaches it but PATH; HOME is `cwd`."""
    return subprocess.Popen(
        [sys.executable, "-m", "gitops_bot", *args],
        cwd=cwd,
        env=_clean(cwd, env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def ended(process: subprocess.Popen[str], stdin: str = "") -> Done:
    """Wait for a command that was started."""
    try:
        out, err = process.communicate(stdin, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    done = Done(process.returncode, out, err)
    assert "Traceback" not in err, err
    return done


@dataclass(frozen=True, slots=True)
class Asked:
    """One API request of the bot: method, path below the repository (or `/graphql`) and status as one line."""

    repository: str
    line: str
    writes: bool


class GatedForge(Forge):
    """The embedded GitHub server; what a test puts into `gates` for a repository sees its API requests first.

    A gate sees GraphQL too, as `POST` of `/api/graphql`: a request belongs to the first repository that it names.
    """

    def __init__(self, folder: Path) -> None:
        self.gates: dict[str, Gate] = {}
        self.asked: list[Asked] = []
        super().__init__(folder, tokens={TOKEN: BOT, PERSON_TOKEN: PERSON})

    def _answer_api(self, request: Request) -> Answer:
        # Only what the bot asks: what a test itself does as a person goes straight through.
        if PERSON_TOKEN in request.headers.get("authorization", ""):
            return super()._answer_api(request)
        name, writes = self.gateway.about(request)
        gate = self.gates.get(name or "")
        try:
            answer = (
                super()._answer_api(request) if gate is None else gate(request, partial(super()._answer_api, request))
            )
        except Refused as refused:
            self._note(name, writes, request, refused.answer)
            raise
        self._note(name, writes, request, answer)
        return answer

    def _note(self, name: str | None, writes: bool, request: Request, answer: Answer) -> None:
        path = re.sub(r"/api(?:/v3(?:/repos/[^/]+/[^/]+)?)?", "", request.path, count=1)
        query = f"?{urlencode(request.query)}" if request.query else ""
        self.asked.append(Asked(name or "", f"{request.method} {path}{query} {answer.status}", writes))


@dataclass(slots=True)
class Watched:
    """What a block did, known when it has ended: API requests of the bot, branches before and after."""

    asked: list[Asked] = field(default_factory=list)
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)

    @property
    def api(self) -> list[str]:
        """Method, path and status of every API request."""
        return [each.line for each in self.asked]

    @property
    def reads(self) -> list[str]:
        """Those that only read: a GraphQL query is one, for all that it is sent by POST."""
        return [each.line for each in self.asked if not each.writes]

    @property
    def writes(self) -> list[str]:
        """Those that write; a GraphQL mutation is one."""
        return [each.line for each in self.asked if each.writes]

    @property
    def nothing(self) -> bool:
        """Whether neither the API nor the remote was written to."""
        return not self.writes and self.before == self.after


@dataclass(frozen=True, slots=True)
class Deploy:
    """One repository of manifests (`acme/<number>`), with images of its own in the registry."""

    world: World
    name: str
    folder: Path
    remote: Remote

    # The registry

    def image(self, name: str) -> str:
        """The repository of an image, as it stands in a kustomization."""
        return f"{self.world.registry.host}/{self.name}/{name}"

    def push(self, name: str, tag: str, content: str | None = None) -> str:
        """Push an image and give its digest."""
        return self.world.registry.push(f"{self.name}/{name}", tag, content)

    # The bot

    @property
    def env(self) -> dict[str, str]:
        """What leads the bot here: the server, the API and the token, as in Actions."""
        return {
            "GITHUB_SERVER_URL": self.world.git.address,
            "GITHUB_API_URL": self.world.forge.api_url,
            "GITHUB_TOKEN": TOKEN,
        }

    def bot(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
        """Run a command on this repository; text output unless the arguments say otherwise."""
        return run(*args, "--repository", self.name, cwd=cwd or self.folder, env=self.env if env is None else env)

    def ask(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
        """Run a command with JSON output; it has been checked against the contract."""
        done = self.bot(*args, "--output", "json", env=env, cwd=cwd)
        assert done.json
        return done

    def start(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start a command on this repository."""
        return start(*args, "--repository", self.name, cwd=cwd or self.folder, env=self.env if env is None else env)

    # Git

    def files(self, ref: str) -> dict[str, bytes]:
        """Every file of a branch or commit: the very bytes, which `git archive` would convert."""
        paths = list(self.remote.modes(ref))
        told = io.BytesIO(
            self.remote.git("cat-file", "--batch", stdin="".join(f"{ref}:{path}\n" for path in paths).encode())
        )
        found = {}
        for path in paths:
            size = int(told.readline().split()[2])
            found[path] = told.read(size)
            told.read(1)
        return found

    def parents(self, ref: str) -> list[str]:
        """The parents of a commit."""
        return self.remote.git("log", "-1", "--format=%P", ref).decode().split()

    def message(self, ref: str) -> str:
        """The message of a commit."""
        return self.remote.git("log", "-1", "--format=%B", ref).decode()

    @property
    def branches(self) -> dict[str, str]:
        """Every branch and its commit."""
        return self.remote.branches()

    # Pull requests, as a person sees and handles them

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API below the repository as a person does."""
        headers = {"Authorization": f"Bearer {PERSON_TOKEN}"}
        with closing(HTTPConnection(self.world.forge.host, timeout=30)) as connection:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, f"/api/v3/repos/{self.name}{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status < 300, (method, path, answer.status, text)
        return json.loads(text) if text else None

    def pulls(self, state: str = "open") -> list[Any]:
        """The pull requests, newest first."""
        found = self.call("GET", f"/pulls?state={state}&per_page=100")
        assert isinstance(found, list)
        return found

    def pull(self) -> Any:
        """The only open pull request."""
        (pull,) = self.pulls()
        return pull

    def gate(self, gate: Gate | None) -> None:
        """Put a gate before the bot's API requests about this repository, or take it away."""
        self.world.forge.gates.pop(self.name, None)
        if gate is not None:
            self.world.forge.gates[self.name] = gate

    @contextmanager
    def watching(self) -> Iterator[Watched]:
        """Watch what a block does to the remote and to the API."""
        watched = Watched(before=self.branches)
        begun = len(self.world.forge.asked)
        yield watched
        watched.after = self.branches
        # What no repository is named in (`/rate_limit`) counts too: nobody else asks meanwhile.
        watched.asked = [each for each in self.world.forge.asked[begun:] if each.repository in ("", self.name)]


@dataclass(frozen=True, slots=True)
class World:
    """The running counterparts."""

    folder: Path
    registry: DockerRegistry
    git: GitServer
    forge: GatedForge
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def deploy(self, files: Callable[[Deploy], Mapping[str, bytes]]) -> Deploy:
        """A new repository, whose files may name the images that belong to it."""
        name = f"acme/deploy{next(self._numbers)}"
        folder = self.folder / name
        folder.mkdir(parents=True)
        path = self.git.folder / "repositories" / f"{name}.git"
        made = Deploy(self, name, folder, Remote(path, f"{self.git.address}/{name}.git"))
        bare = self.forge.create(name, files(made))
        for setting in ("allowFilter", "allowAnySHA1InWant"):
            bare.git("config", f"uploadpack.{setting}", "true")
        return made


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start everything; one for a whole session, a repository for each test."""
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(docker_registry(folder / "registry"))
        git = stack.enter_context(git_server(folder / "git"))
        forge = stack.enter_context(GatedForge(folder / "git" / "repositories"))
        yield World(folder / "work", registry, git, forge)


def overlay(entries: Sequence[tuple[str, str]], *, end: str = "\n") -> bytes:
    """A kustomization that people have written by hand: comments, blank lines, a quoted value, no final newline.

    `entries` are names and the lines of their pins, as in `newTag: 1.0.0`, with `;` between two lines.
    """
    lines = ["# Reviewed by the platform team.", "resources:", "  - ../../base", "", "images:   # pins"]
    for name, pins in entries:
        lines += [f"  # {name} in this environment", f"  - name: {name}"]
        lines += [f"    {pin.strip()}" for pin in pins.split(";") if pin.strip()]
    lines += ["", "configMapGenerator:", "  - name: settings", "    literals: [ 'newTag=1.0.0',  \"x=y\" ]   # stays"]
    return end.join(lines).encode()


def basic(username: str, password: str) -> str:
    """What carries a login in a header."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()
