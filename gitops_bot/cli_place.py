"""The place that a command works in: which repository is meant, and by which configuration.

Told from the options, the environment variables and the checkout that one stands in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gitops_bot import cli_trust, config, log
from gitops_bot.edges import address, checkout
from gitops_bot.errors import ConfigError, Problem, UsageError
from gitops_bot.journeys.book import inferred

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.cli_command import Asked
    from gitops_bot.config import Config
    from gitops_bot.edges.address import Address
    from gitops_bot.edges.checkout import Checkout
    from gitops_bot.journeys.book import Book
    from gitops_bot.journeys.world import Repository as Readable

CONFIG = "gitops-bot.yaml"
SYMBOLIC_LINK = "120000"


@dataclass(frozen=True, slots=True)
class Local:
    """What the command line and the checkout around it say. `text` is the configuration's, where it lies on disk."""

    address: Address
    config: Config | None
    text: str | None
    file: str

    @classmethod
    def read(
        cls,
        asked: Asked,
        around: Checkout | None,
        environ: Mapping[str, str],
        *,
        configured: bool = True,
        instead: Config | None = None,
    ) -> Local:
        """Read it; with `configured=False` as if no configuration lay here, or as if it were the one `instead`.

        Raises:
            UsageError: the repository cannot be meant, or none is.
            ConfigError: the configuration cannot be used.
            GitError: git is missing, or the checkout cannot be trusted.
        """
        server = cli_trust.server(environ)
        named = address.parse(asked.repository, server=server) if asked.repository is not None else None
        origin = around.origin(environ) if around is not None else None
        here = address.parse(origin, server=server, here=around.top) if around is not None and origin else None
        file, text = asked.config or CONFIG, cast("str | None", None)
        if instead is not None or not configured:
            pass  # what there is now cannot be used
        elif asked.config is not None:
            text = _named_file(asked.config)
        elif around is not None and (named is None or _same_place(named, here, around)):
            if (around.top / CONFIG).is_symlink():
                _refuse_link({CONFIG: SYMBOLIC_LINK})
            text = _decoded(around.read([CONFIG]).get(CONFIG), CONFIG)
        read = config.read(text, file) if text is not None else instead
        if named is None and read is not None and read.repository is not None:
            named = _said_by(read, server)
        found = named or here
        if found is None:
            raise UsageError(_no_repository(around))
        return cls(found, read, text, file)


def on_disk(named: str | None) -> tuple[Checkout, Mapping[str, str], Book]:
    """What `check` reads: the files of the checkout one stands in (of this folder outside of any), and their rules.

    Raises:
        ConfigError, UsageError: the configuration cannot be used, or the named one cannot be read.
    """
    files = surroundings() or checkout.Checkout(_here())
    file = named or CONFIG
    tree = files.tree()
    _refuse_link(tree)
    text = _named_file(named) if named else _decoded(files.read([CONFIG]).get(CONFIG), CONFIG)
    return files, tree, config.read(text, file) if text is not None else inferred(tree)


def book_of(local: Local, repository: Readable, commit: str, branch: str, *, infer: bool) -> Book:
    """The configuration on disk, else the branch's, else what can be inferred."""
    there = _decoded(repository.read(commit, [CONFIG]).get(CONFIG), CONFIG)
    if local.config is not None:
        if there is not None and there != local.text:
            log.once("configuration.differs", used=local.file, branch=branch)
        return local.config
    if there is not None:
        return config.read(there, CONFIG)
    _refuse_link(repository.tree(commit))
    if not infer:
        message = f"there is no {CONFIG}, neither here nor on the branch {branch}"
        raise UsageError(Problem("failed.edit", message, "`gitops-bot plan` shows what it would find without one"))
    return inferred(repository.tree(commit))


def surroundings() -> Checkout | None:
    """The checkout that one stands in, None outside of any.

    Raises:
        UsageError: the folder was deleted meanwhile.
    """
    return checkout.find(_here())


def _said_by(read: Config, server: str) -> Address:
    """The repository that a configuration names. It may be anybody's: a folder would run that folder's hooks."""
    said = address.parse(read.repository or "", server=server)
    if said.host is None:
        message = f"`repository: {read.repository}` is a folder, which only a person may choose"
        raise ConfigError(Problem("failed.edit", message, "write OWNER/NAME, or give --repository", read.file))
    return said


def _same_place(named: Address, here: Address | None, around: Checkout) -> bool:
    """Whether `--repository` names the checkout that one stands in, or its origin."""
    if here is not None and (named.url == here.url or (named.name is not None and named.name == here.name)):
        return True
    return named.url == around.top.absolute().as_uri()


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        problem = Problem("failed.git", "this folder does not exist any more", "change to one that does")
        raise UsageError(problem) from error


def _refuse_link(tree: Mapping[str, str]) -> None:
    """A configuration that is a link would be passed over in silence: the bot follows none."""
    if tree.get(CONFIG) == SYMBOLIC_LINK:
        problem = Problem("failed.edit", f"{CONFIG} is a symbolic link", "put the file itself there", CONFIG)
        raise ConfigError(problem)


def _named_file(path: str) -> str:
    try:
        return Path(path).read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(Problem("failed.edit", f"{path} cannot be read: {reason}", "correct --config")) from error


def _decoded(data: bytes | None, file: str) -> str | None:
    try:
        return None if data is None else data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(Problem("failed.edit", "the configuration is not UTF-8", "save it as UTF-8", file)) from error


def _no_repository(around: Checkout | None) -> Problem:
    if around is None:
        return Problem("failed.git", "this is no checkout of a repository", "stand in one, or give --repository")
    message = f"the checkout {around.top} has no remote called origin"
    return Problem("failed.git", message, "give --repository, or `repository:` in gitops-bot.yaml")
