"""The world that a command works in, made from its options, the environment variables and the checkout around it."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from gitops_bot import log
from gitops_bot.config import Config, RegistryAccess
from gitops_bot.edges.clock import SystemClock
from gitops_bot.errors import Problem, UsageError
from gitops_bot.wiring import trust
from gitops_bot.wiring.forge import USER, Server
from gitops_bot.wiring.local import Local, Notice, chosen_config
from gitops_bot.wiring.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from gitops_bot.config import Config
    from gitops_bot.edges.address import Address
    from gitops_bot.edges.git import Credentials
    from gitops_bot.edges.http import Observe
    from gitops_bot.edges.registry import Registry
    from gitops_bot.edges.registry.cloud.logins import LoginCache
    from gitops_bot.edges.registry.describe import Builds
    from gitops_bot.edges.registry.manifest import Indexes
    from gitops_bot.engine.read import Snapshot
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.world import Forge, World
    from gitops_bot.wiring.options import Options

T = TypeVar("T")

#: The registry whose packages the forge lists with their times.
PACKAGES = "ghcr.io"


@dataclass(frozen=True, slots=True)
class CycleContext:
    """What a cycle of `run` adds to its options.

    `whole` surrounds what must be written as one. `observe` is called with each request to a registry, `warn` with what
    people should know, and what fails nothing. `config` is used instead of the present configuration. `absent` is
    called with the named environments that no longer exist, and the others are done; without it that is an error.
    `indexes` and `builds` cache what registries answered about digests, and `logins` what clouds gave.
    """

    whole: Callable[[], AbstractContextManager[None]]
    observe: Observe
    warn: Callable[[Problem], None]
    config: Config | None = None
    absent: Callable[[Sequence[str]], None] | None = None
    indexes: Indexes | None = None
    builds: Builds | None = None
    logins: LoginCache | None = None


@contextmanager
def opened(
    options: Options,
    environments: Sequence[str],
    request: Request,
    *,
    plans: bool = False,
    history: bool = False,
    cycle: CycleContext | None = None,
    notice: Notice | None = None,
) -> Iterator[tuple[World, Snapshot]]:
    """The world for a request, and its first reading. It must be possible to write there.

    `plans`: it need not be, nor need there be a configuration, and what no environment claims is read, too. `history`:
    likewise, but the overlays of all environments are read, and the history is fetched at once. `notice` is called
    where the configuration in this checkout is not the one that is used; by default that is logged.

    Raises:
        UsageError: the repository or an environment cannot be used, or pull requests are not possible there.
        ConfigError: the configuration cannot be used.
        GitError: the repository cannot be read.
    """
    from gitops_bot.edges.git import Repository
    from gitops_bot.engine.read import read
    from gitops_bot.engine.request import Promote, RollBack
    from gitops_bot.engine.world import World

    environ = os.environ
    local = Local.read(options, environ, instead=cycle.config if cycle else None)
    where, clock = local.address, SystemClock()
    warn = cycle.warn if cycle else log_warning
    # First of all: where the token cannot go to the API, git must not have it.
    forge = _forge(where, environ, clock, warn)
    cache = Path(options.cache) if options.cache else None
    infer = plans or history
    history = history or isinstance(request.what, Promote | RollBack)  # it will be needed: fetched at once
    also: Sequence[str] = (request.what.source,) if isinstance(request.what, Promote) else ()
    with ExitStack() as stack:
        if forge is not None:
            stack.callback(forge.disconnect)
        repository = stack.enter_context(
            Repository(where.url, credentials=login_for(where, environ), cache=cache, environ=environ, history=history)
        )
        with progress("fetching the repository"):
            branch = (local.config.branch if local.config else None) or repository.default_branch()
            commit = repository.head(branch)
        config = (cycle and cycle.config) or chosen_config(
            local, repository, commit, branch, infer=infer, notice=notice or _log_notice
        )
        if cycle is not None and cycle.absent is not None:
            environments = _present(config, environments, cycle.absent)
        if config.branch and config.branch != branch:
            branch, commit = config.branch, repository.head(config.branch)
        if not infer and where.name is None:
            _refuse_pull_requests(config, environments, where)
        known = access(config, environ)
        registry = once(lambda: stack.enter_context(_registry(known, environ, clock, cycle, cache)))
        whole = cycle.whole if cycle else nullcontext
        world = World(repository, registry, forge, clock, progress, whole, warn)
        also = tuple(config.environments) if infer and not plans else also
        yield world, read(world, config, branch, where.name, environments, also=also, commit=commit, whole=plans)


def _present(config: Config, names: Sequence[str], absent: Callable[[Sequence[str]], None]) -> Sequence[str]:
    """The named environments that exist; all names where none does, which is an error later."""
    absent([name for name in names if name not in config.environments])
    return [name for name in names if name in config.environments] or names


def _refuse_pull_requests(config: Config, environments: Sequence[str], where: Address) -> None:
    for environment in config.environments.values():
        if environment.propose.as_ == "pull-request" and (not environments or environment.name in environments):
            message = f"{environment.name} is proposed by pull requests, but {where.url} is not on a forge"
            advice = "use OWNER/NAME or its https address, or set `propose: {as: commit}`"
            raise UsageError(Problem("failed.usage", message, advice))


def home(options: Options) -> str | None:
    """The address of the repository for a browser; None where it is not on a forge."""
    where = Local.read(options, os.environ).address
    return f"{where.server or f'https://{where.host}'}/{where.name}" if where.name and where.host else None


def login_for(where: Address, environ: Mapping[str, str]) -> Credentials | None:
    """What git logs in with: the login of the address itself, else the token, where it is for that server."""
    from gitops_bot.edges.git import Credentials

    if where.password is not None:
        return Credentials(where.username or USER, where.password)
    server = Server.read(environ)
    if server.token is None or where.server is None or not server.takes_token(where):
        return None
    return Credentials(USER, server.token)


def _forge(
    where: Address, environ: Mapping[str, str], clock: SystemClock, warn: Callable[[Problem], None]
) -> Forge | None:
    """The forge, where there is a token for it and the repository is on it."""
    server = Server.read(environ)
    if server.token is None or where.name is None:
        return None
    if not server.takes_token(where):
        log.once(
            "token.unused",
            level="warning",
            host=where.host or "",
            next="set GITHUB_SERVER_URL to the server that the token is for",
        )
        return None
    return server.connect(where.name, clock=clock, warn=warn)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """A function that makes something at its first call, whichever thread comes first."""
    lock, made = Lock(), list[T]()

    def made_once() -> T:
        with lock:
            if not made:
                made.append(make())
            return made[0]

    return made_once


def _registry(
    known: Mapping[str, RegistryAccess],
    environ: Mapping[str, str],
    clock: SystemClock,
    cycle: CycleContext | None,
    cache: Path | None,
) -> Registry:
    from gitops_bot.edges.registry import Registry

    server = Server.read(environ)
    token = server.token if server.has_registry(PACKAGES) else None
    if cycle is None:
        return Registry(known, environ, clock, cache=cache, token=token)
    return Registry(
        known,
        environ,
        clock,
        observe=cycle.observe,
        indexes=cycle.indexes,
        builds=cycle.builds,
        logins=cycle.logins,
        cache=cache,
        token=token,
    )


def access(config: Config, environ: Mapping[str, str]) -> dict[str, RegistryAccess]:
    """How the configuration and the environment say that registries are reached.

    Raises:
        ConfigError: the configuration would send the forge's token, or another registry's password, somewhere else.
    """
    trust.check_registries(config, environ)
    registries = dict(config.registries)
    if (host := trust.registry(environ)) is not None:
        user = environ.get(trust.REGISTRY_USERNAME) or None
        registries[host] = replace(
            registries.get(host, RegistryAccess()), username=user, password_env=trust.REGISTRY_PASSWORD
        )
    return registries


def _log_notice(message: str, advice: str) -> None:
    log.once("configuration.differs", message=message, next=advice)


def log_warning(problem: Problem, **facts: int) -> None:
    """Log what people should know, and what fails nothing."""
    if problem.code == "failed.git":
        log.event("git.warning", level="warning", **facts, message=problem.message, next=problem.next)
    else:
        log.event("github.warning", level="warning", **facts, message=problem.message, next=problem.next)
