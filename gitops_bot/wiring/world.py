"""The world that a command works in, made from its options, the environment variables and the checkout around it."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops_bot import log
from gitops_bot.config import Config, RegistryAccess, checks
from gitops_bot.edges.cache import is_shared
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.environment import belongs_to
from gitops_bot.errors import ConfigError, Problem, UsageError
from gitops_bot.wiring.forge import log_warning
from gitops_bot.wiring.local import Local, Notice, chosen_config
from gitops_bot.wiring.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from gitops_bot.edges.git import Repository
    from gitops_bot.edges.http import Observe
    from gitops_bot.edges.registry import Registry
    from gitops_bot.edges.registry.cloud import LoginCache
    from gitops_bot.edges.registry.documents import Memory
    from gitops_bot.engine.read import Scope
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.world import Forge, World
    from gitops_bot.wiring.forge import Server
    from gitops_bot.wiring.options import Options

#: A login for one registry, beside those of the configuration: its host, and the user and password for it alone.
REGISTRY = "GITOPS_BOT_REGISTRY"
REGISTRY_USERNAME, REGISTRY_PASSWORD = f"{REGISTRY}_USERNAME", f"{REGISTRY}_PASSWORD"


def _log_notice(message: str, advice: str) -> None:
    log.once("configuration.differs", message=message, next=advice)


class CycleContext(NamedTuple):
    """What a cycle of `run` adds to its options.

    `whole` surrounds each group of writes that belong together. `observe` is called with each request to a registry,
    `warn` with each problem that stops nothing. `config` replaces the present configuration. `documents` and `logins`
    keep what registries said about digests, and the logins of clouds, from one cycle to the next.
    """

    whole: Callable[[], AbstractContextManager[None]] = nullcontext
    observe: Observe | None = None
    warn: Callable[[Problem], None] = log_warning
    config: Config | None = None
    documents: Memory | None = None
    logins: LoginCache | None = None


class _Registries:
    """The client for registries: the first thread that asks for it makes it, and `stack` closes it."""

    def __init__(self, stack: ExitStack, make: Callable[[], Registry]) -> None:
        self._stack, self._make, self._lock = stack, make, Lock()
        self._client: Registry | None = None

    def __call__(self) -> Registry:
        with self._lock:
            if self._client is None:
                self._client = self._stack.enter_context(self._make())
            return self._client


@contextmanager
def open_world(
    options: Options,
    environments: Sequence[str] = (),
    request: Request | None = None,
    *,
    history: bool = False,
    cycle: CycleContext | None = None,
    notice: Notice = _log_notice,
) -> Iterator[tuple[World, Scope]]:
    """The world of a command and the scope that it works in; everything that was opened is closed after it.

    Without a request nothing is written, and no configuration is needed. `history` is fetched at once. `notice` is
    called where the configuration in this checkout differs from the one that is used.

    Raises:
        UsageError: the repository cannot be used, or pull requests are not possible there.
        ConfigError: the configuration cannot be used.
        GitError: the repository cannot be read.
    """
    from gitops_bot.engine.read import Scope
    from gitops_bot.engine.request import Promote, RollBack
    from gitops_bot.engine.world import World

    environ, clock, cycle = os.environ, Clock(), cycle or CycleContext()
    local = Local.read(options, environ, instead=cycle.config)
    where, server = local.address, local.server
    writes = request is not None and not request.dry_run
    cache = Path(options.cache) if options.cache else None
    if cache is not None and is_shared(cache, environ.get("HOME")):
        message = f"--cache {options.cache}: this folder belongs to the system or holds other things"
        advice = "name a folder for the bot alone, as in `--cache ~/.cache/gitops-bot`: it deletes old files there"
        raise UsageError(Problem("failed.usage", message, advice))
    if request is not None:
        history = isinstance(request.what, Promote | RollBack)  # these need it
    with ExitStack() as stack:
        # First of all: where the token cannot go to the API, git must not have it.
        forge = _connect_forge(local, clock, cycle, writes=writes)
        if forge is not None:
            stack.callback(forge.disconnect)
        opened = remote(local, environ, writes=writes)(cache=cache, history=history, clock=clock)
        repository = stack.enter_context(opened)
        with progress("fetching the repository"):
            branch = (local.config.branch if local.config else None) or repository.default_branch()
            commit = repository.head(branch)
        config = cycle.config or chosen_config(local, repository, commit, branch, infer=request is None, notice=notice)
        if config.branch and config.branch != branch:
            branch, commit = config.branch, repository.head(config.branch)
        if request is not None and where.name is None:
            _refuse_without_forge(config, environments, where.url)
        own = {"observe": cycle.observe, "documents": cycle.documents, "logins": cycle.logins, "cache": cache}
        make = partial(registry, access(config, environ, local.servers), local, environ, clock, **own)
        registries, rights = _Registries(stack, make), (server.TOKENS[0], server.RIGHTS)
        world = World(repository, registries, forge, clock, progress, cycle.whole, cycle.warn, *rights)
        on_forge = where.name is not None and where.host is not None
        home = f"{where.server or f'https://{where.host}'}/{where.name}" if on_forge else None
        yield world, Scope(config, where.name, branch, commit, environments, home)


def _connect_forge(local: Local, clock: Clock, cycle: CycleContext, *, writes: bool) -> Forge | None:
    """The forge of the repository; None without a token, or where the token is for another server."""
    where, server = local.address, local.server
    if server.variable is None or where.name is None:
        return None
    if not server.takes_token(where):
        log.once("token.unused", level="warning", host=where.host or "", next=server.TOKEN_ELSEWHERE)
        return None
    return server.connect(where.name, clock=clock, warn=cycle.warn, writes=writes)


def registry(
    hosts: Mapping[str, RegistryAccess], local: Local | None, environ: Mapping[str, str], clock: Clock, **others: Any
) -> Registry:
    """The client for registries, with what a command adds. It also asks forges, with the tokens for them, what their
    registries have.
    """
    from gitops_bot.edges.registry import Registry

    listed = local.servers if local is not None else ()
    found = (server.packages(local.address.name if local and server is local.server else None) for server in listed)
    return Registry(hosts, environ, clock, packages=[api for api in found if api is not None], **others)


def _refuse_without_forge(config: Config, environments: Sequence[str], url: str) -> None:
    for name, environment in config.environments.items():
        by_pull_request = environment.propose.as_ == "pull-request"
        if (by_pull_request or environment.signer == "api") and (not environments or name in environments):
            what = "is proposed by pull requests" if by_pull_request else "has `commits: api`"
            other = "propose: {as: commit}" if by_pull_request else "commits: {ssh_key_file: PATH}"
            advice = f"use OWNER/NAME or its https address, or set `{other}`"
            raise UsageError(Problem("failed.usage", f"{name} {what}, but {url} is not on a forge", advice))


def remote(local: Local, environ: Mapping[str, str], *, writes: bool = True) -> Callable[..., Repository]:
    """The remote repository, to be opened with what a command adds: its cache and limits, and how much history.

    Git logs in as the address itself says, else by the token, where it is for that server.
    """
    from gitops_bot.edges.facts import LOGIN_REFUSED, Refusal
    from gitops_bot.edges.git import Credentials, Repository

    where, server, login, token = local.address, local.server, None, None
    if where.server is not None and server.takes_token(where):
        token = server.token_for(where.name, "propose" if writes else "read")
    advice = f"Set {server.TOKENS[0]}; for another server, {server.TOKEN_ELSEWHERE}, too. ssh needs a key."
    refused = Refusal(LOGIN_REFUSED, "refused the login, or requires one", advice)
    if where.password is not None:
        login = Credentials(where.username or server.USER, where.password)
    elif token is not None:
        login = Credentials(server.USER, token=token)
        host = (where.server or "").partition("//")[2]
        means = f"{host} rejected {server.variable or 'the token'} for {where.name}: wrong, expired or not covering it"
        refused = Refusal(LOGIN_REFUSED, means, server.no_token(where.name).next, whole=True)
    return partial(
        Repository,
        where.url,
        credentials=login,
        environ=environ,
        refusals=(*server.REFUSALS, refused),
        advice=local.advice,
        otherwise=local.branch_here,
    )


def access(config: Config, environ: Mapping[str, str], servers: Sequence[Server]) -> Mapping[str, RegistryAccess]:
    """How the configuration and the environment say that registries are reached.

    Where the passwords in the environment may go is decided from names alone, before anything is sent: whoever opened a
    pull request may have written the configuration, and it must not send the job's token anywhere.

    Raises:
        UsageError: the login in the environment is for something that is no host.
        ConfigError: `password_env` names the forge's token, or the login for one registry, for another registry; or
            what a workflow, git, Docker or this machine keeps for something else.
    """
    host, text = None, environ.get(REGISTRY, "").strip()
    if text and (host := checks.host(text)) is None:
        advice = "write its host, and the port where it has one, as in ghcr.io"
        raise UsageError(Problem("failed.usage", f"{REGISTRY} is not the host of a registry", advice))
    tokens = {variable: server for server in servers for variable in server.TOKENS}
    owners = (*(server.reserves for server in servers), belongs_to)
    for name, registry in config.registries.items():
        server = tokens.get(registry.password_env or "")
        if server is not None and not server.has_registry(name):
            message = f"`registries`: {registry.password_env} is the token of {server.host} and is not sent to {name}"
        elif registry.password_env == REGISTRY_PASSWORD and name != host:
            message = f"`registries`: {REGISTRY_PASSWORD} is for {host or 'no registry'} and is not sent to {name}"
        elif owner := next(filter(None, (reserves(registry.password_env or "") for reserves in owners)), None):
            message = f"`registries`: {registry.password_env} belongs to {owner} and is not sent to {name}"
        else:
            continue
        advice = "put that registry's password into its own variable"
        raise ConfigError(Problem("failed.config", message, advice, config.file))
    if host is None:
        return config.registries
    own, user = config.registries.get(host, RegistryAccess()), environ.get(REGISTRY_USERNAME) or None
    return {**config.registries, host: replace(own, username=user, password_env=REGISTRY_PASSWORD)}
