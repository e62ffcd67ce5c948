"""Where a command works: in which repository, and by which configuration.

The repository is `--repository`, else `repository:` in the file of `--config`, else the origin of the checkout. The
configuration is the file of `--config`, else the branch's: an uncommitted one steers nothing that is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from gitops_bot import config
from gitops_bot.config import FILE, Config
from gitops_bot.edges import checkout
from gitops_bot.edges.disk import Disk
from gitops_bot.errors import BotError, ConfigError, EditError, Problem, UsageError
from gitops_bot.releases.layout.overlays import SYMBOLIC_LINK
from gitops_bot.wiring.forge import Server, locate, servers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.edges.address import Address
    from gitops_bot.edges.checkout import Checkout
    from gitops_bot.engine.world import Repository as Readable
    from gitops_bot.wiring.options import Options


class Local(NamedTuple):
    """What the command line and the checkout around it say.

    `servers`: one of each forge, with its token; `OWNER/NAME` is on the first. `server` is the one that has the
    repository, or the first. `named`: the command line or a configuration names the repository. `config` is the one of
    `--config`; `checkout` is the checkout around the command, if it is one of this repository. `advice` is what to
    do where the repository cannot be read: a folder here may have its name.
    """

    address: Address
    server: Server
    servers: Sequence[Server]
    named: bool
    config: Config | None
    checkout: Checkout | None
    advice: str = ""

    @classmethod
    def read(cls, options: Options, environ: Mapping[str, str], *, instead: Config | None = None) -> Local:
        """Read it; `instead` replaces the configuration in the file of `--config`.

        Raises:
            UsageError: the repository is missing or cannot be used, or the named file cannot be read.
            ConfigError: the named configuration cannot be used.
            GitError: git is missing, or the checkout cannot be trusted.
        """
        known, around, own = servers(environ), surroundings(), None
        if options.config is not None:
            own = instead or _read_named(options.config)
        if options.repository is not None:
            named, server = locate(options.repository, known)
            if named.host is None:
                _check_folder(options.repository, unquote(urlsplit(named.url).path), server)
            around = around if _is_of(around, named, environ, known) else None
            is_folder = named.name is not None and Path(options.repository).is_dir()
            advice = f"For the folder {named.name} in this directory, give ./{options.repository}." if is_folder else ""
            return cls(named, server, known, True, own, around, advice)
        if own is not None and own.repository is not None:
            return cls(*_repository_of(own, known), known, True, own, None)
        if around is None:
            advice = "change to a checkout of your manifests, or give --repository"
            raise UsageError(Problem("failed.usage", "not inside a Git checkout", advice))
        origin = around.origin(environ)
        if not origin:
            message = f"the checkout {around.top} has no remote called origin"
            advice = "give --repository OWNER/NAME; `--repository .` reads the commits of this checkout itself"
            raise UsageError(Problem("failed.usage", message, advice))
        return cls(*locate(origin, known, around.top), known, False, own, around)

    def branch_here(self, repository: Readable) -> str | None:
        """The `branch:` of the file in the checkout, for a HEAD that names none, if the file on that branch agrees.

        So no file that is not committed decides alone where anything is written.
        """
        with suppress(BotError):  # it is not needed
            data = self.checkout.read([FILE]).get(FILE) if self.checkout is not None else None
            branch = None if data is None else _read(data).branch
            there = None if branch is None else repository.read(repository.head(branch), [FILE]).get(FILE)
            return branch if there is not None and _read(there).branch == branch else None
        return None


def on_disk(named: str | None) -> tuple[Checkout, Mapping[str, str], Config]:
    """What `check` reads: the files of the checkout around it, and their configuration.

    Outside of any checkout, a folder with a configuration will do: it is hardly the wrong one.

    Raises:
        UsageError: there is no checkout and no configuration, or the named one cannot be read.
        ConfigError: the configuration cannot be used.
    """
    around = surroundings()
    files = around or checkout.Checkout(Path.cwd())
    if around is None and named is None and not os.path.lexists(FILE):
        message = f"this folder is not in a Git repository and has no {FILE}: nothing to check"
        advice = "change to the checkout of your manifests; in a workflow, put actions/checkout before this step"
        raise UsageError(Problem("failed.usage", message, advice))
    tree = files.tree(os.environ)
    _refuse_link(tree)
    if named:
        return files, tree, _read_named(named)
    own = files.read([FILE]).get(FILE)
    if own is None:
        refuse_misnamed(tree)
    if own is None and os.path.lexists(files.top / FILE):  # a pipe or a folder would be ignored in silence
        raise ConfigError(Problem("failed.config", f"{FILE} is not a regular file", "put the file itself there", FILE))
    return files, tree, _infer(tree) if own is None else _read(own)


#: Reports that the file in the checkout differs from the branch's, and what to do.
Notice = Callable[[str, str], None]


def chosen_config(
    local: Local, repository: Readable, commit: str, branch: str, *, infer: bool, notice: Notice | None = None
) -> Config:
    """The configuration of `--config`, else the branch's, else what can be inferred.

    Raises:
        ConfigError: it cannot be used, or is for another repository.
        UsageError: there is none, and `infer` is false.
    """
    if local.config is not None:
        return local.config
    data = repository.read(commit, [FILE]).get(FILE)
    if notice is not None and local.checkout is not None and (data is not None or infer):
        _compare(local.checkout, data, branch, notice)
    if data is not None:
        chosen = _read(data)
        # The configuration of a fork or a copy may name another repository.
        is_other = not local.named and chosen.repository is not None
        if is_other and not _is_same(_repository_of(chosen, local.servers)[0], local.address):
            own = local.address.name or local.address.url
            message = f"`repository: {chosen.repository}` is not the origin of this checkout, {own}"
            advice = f"choose one: `--repository {chosen.repository}` or `--repository {own}`"
            raise ConfigError(Problem("failed.config", message, advice, chosen.file))
        return chosen
    _refuse_link(repository.tree(commit))
    refuse_misnamed(repository.tree(commit))
    if infer:
        return _infer(repository.tree(commit))
    message = f"there is no {FILE} on the branch {branch}"
    advice = f"commit and push it there; `gitops-bot plan --config {FILE}` tries one that is not pushed yet"
    raise UsageError(Problem("failed.config", message, advice))


def _infer(tree: Mapping[str, str]) -> Config:
    from gitops_bot.releases.layout.inference import infer  # of hundreds of words, for those who have no configuration

    return Config.inferred(infer(tree))


def _compare(checkout: Checkout, data: bytes | None, branch: str, notice: Notice) -> None:
    """Give notice where the configuration in the checkout is not the one that is used."""
    uncommitted = None
    with suppress(BotError):  # it cannot be read, and is not needed
        uncommitted = checkout.read([FILE]).get(FILE)
    if uncommitted is None or uncommitted == data:
        return
    path = os.path.relpath(checkout.top / FILE)
    advice = f"`gitops-bot plan --config {path}` plans with yours; push it to {branch} to use it everywhere"
    if data is None:
        notice(f"{path} is not on the branch {branch} yet, so it is not used", advice)
    else:
        notice(f"{path} differs from the one on the branch {branch}; the branch's is used", advice)


def surroundings() -> Checkout | None:
    """The checkout around the current folder, if any.

    Raises:
        UsageError: the current folder was deleted.
    """
    try:
        return checkout.find(Path.cwd())
    except FileNotFoundError as error:
        raise UsageError(Problem("failed.usage", "this folder no longer exists", "change to one that does")) from error


def organisation(around: Checkout, environ: Mapping[str, str]) -> str | None:
    """Who owns the origin of a checkout, as far as its address tells: `acme` of `acme/deploy`."""
    with suppress(BotError):  # without an origin, nothing is one's own
        if origin := around.origin(environ):
            return (locate(origin, servers(environ), around.top)[0].name or "").partition("/")[0] or None
    return None


def _is_of(around: Checkout | None, named: Address, environ: Mapping[str, str], known: Sequence[Server]) -> bool:
    """Whether `--repository` names the checkout around us, or its origin."""
    if around is None:
        return False
    with suppress(BotError):  # it is not needed
        origin = around.origin(environ)
        if origin and _is_same(named, locate(origin, known, around.top)[0]):
            return True
    return named.url == around.top.absolute().as_uri()


def _check_folder(text: str, folder: str, server: Server) -> None:
    """Refuse a `--repository` that is neither an address nor a folder that exists."""
    with suppress(PermissionError):  # git tells
        if not Path(folder).exists():
            message, advice = f"there is no folder {folder}", f"for a repository on {server.host}, write OWNER/NAME"
            raise UsageError(Problem("failed.usage", f"--repository {text}: {message}", advice))


def _is_same(first: Address, second: Address) -> bool:
    return first.url == second.url or (first.name is not None and first.name == second.name)


def _repository_of(read: Config, known: Sequence[Server]) -> tuple[Address, Server]:
    """The repository that a configuration names; never a folder, whose hooks would run: anybody may have written it."""
    named, server = locate(read.repository or "", known)
    if named.host is None:
        message = f"`repository: {read.repository}` is a local folder, which a configuration cannot choose"
        raise ConfigError(Problem("failed.config", message, "write OWNER/NAME, or give --repository", read.file))
    return named, server


def _refuse_link(tree: Mapping[str, str]) -> None:
    """Refuse a configuration that is a symbolic link: links are not followed, so it would be ignored in silence."""
    if tree.get(FILE) == SYMBOLIC_LINK:
        raise ConfigError(
            Problem("failed.config", f"{FILE} is a symbolic link", "commit the file itself instead", FILE)
        )


#: How its name may be written by mistake, and where other tools have theirs: a hidden folder of a forge, as a rule.
_MISNAMED = re.compile(r"(?:(?:\.[^/]+|config)/)?\.?gitops[-_]?bot\.(?:ya?ml|json|toml)", re.IGNORECASE)


def refuse_misnamed(tree: Mapping[str, str]) -> None:
    """Refuse a configuration with another name or in another folder, where there is none in its place.

    It would be ignored in silence, and all that it says.
    """
    if FILE not in tree and (path := next(filter(_MISNAMED.fullmatch, tree), None)) is not None:
        message = f"it is not read: the configuration is called {FILE}, and lies at the top of the repository"
        raise ConfigError(Problem("failed.config", message, f"run `git mv {path} {FILE}`, and commit it", path))


def _read_named(path: str) -> Config:
    try:
        data = Disk().read(path)
    except EditError as error:
        message = f"{path}: {error.problem.message}"
        raise UsageError(Problem("failed.usage", message, "correct --config")) from error
    return _read(data, path)


def _read(data: bytes, file: str = FILE) -> Config:
    """The configuration in these bytes. What is not UTF-8 stands for itself, for the reader to say where."""
    return config.read(data.decode("utf-8", "surrogateescape"), file)
