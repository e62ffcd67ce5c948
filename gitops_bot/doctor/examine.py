"""`gitops-bot doctor`: checks everything that a run needs. It reads only and writes nothing.

A failed check does not stop the others; a check that depends on a failed one is reported as unknown.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.config import FILE
from gitops_bot.config.commits import SigningKey
from gitops_bot.doctor import registries
from gitops_bot.doctor.forge import ForgeChecks
from gitops_bot.doctor.notes import Bounded, Notes, good, unknown, warning, wrong
from gitops_bot.errors import Problem
from gitops_bot.proposals import naming
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.config import Config
    from gitops_bot.doctor.setup import Setup, Version
    from gitops_bot.edges.git import Repository
    from gitops_bot.results.checkout import Diagnosis, Finding

#: `git merge-tree --write-tree`, which tells a clean "Update branch" from a person's commit.
_MERGES: Version = (2, 38)


@dataclass(frozen=True, slots=True)
class _Read:
    remote: Repository
    branch: str
    commit: str
    config: Config | None


def examine(setup: Setup, seconds: float) -> Result[Diagnosis]:
    """Run every check, and give up on what has not answered after `seconds`."""
    notes, bounded = setup.notes, Bounded(setup.clock, seconds)
    notes.of("git", "git", lambda: notes.add(git(*setup.git())))
    forge = ForgeChecks(setup, bounded)
    with ExitStack() as stack:
        read = notes.of("repository", setup.where, lambda: _read(setup, stack))
        end_registries = _begin_registries(setup, read, bounded, stack)
        if read is not None:
            notes.of("push", setup.where, lambda: _push(read, setup.where, notes))
            _check_keys(read, notes)
        # Nothing is proposed from an inferred configuration: `update` needs a file.
        config = read.config if read is not None and read.config is not None and read.config.file else None
        branch, commit = (read.branch, read.commit) if read is not None else (setup.branch, None)
        forge.end(branch, commit, config)
        end_registries()
    problems = tuple(finding.problem for finding in notes.findings if finding.problem is not None)
    return Result(Head(setup.name, branch, commit, problems, least_code=notes.code), tuple(notes.findings))


def git(version: Version, oldest: Version) -> Finding:
    """Whether this git is new enough; (0, 0) if it does not report a version."""
    shown, needed, merges = (".".join(map(str, numbers)) for numbers in (version, oldest, _MERGES))
    if version < oldest:
        too_old = f"git {shown} is too old: the bot needs {needed}"
        message = too_old if version > (0, 0) else "the git on PATH does not report its version"
        return wrong("git", "git", Problem("failed.git", message, f"install git {needed} or newer"))
    if version < _MERGES:
        text = f'git {shown} works, but mistakes "Update branch" on a pull request for a person\'s commit'
        return warning("git", "git", text, f"install git {merges} or newer")
    return good("git", "git", f"git {shown}; {needed} or newer is required")


def _read(setup: Setup, stack: ExitStack) -> _Read | None:
    notes = setup.notes
    if setup.remote is None:
        return None
    remote = stack.enter_context(setup.remote())
    branch = setup.branch or remote.default_branch()
    commit = remote.head(branch)
    config = None
    if (choose := setup.choose) is not None:
        config = notes.of("configuration", FILE, lambda: choose(remote, commit, branch))
    if config is not None:
        names = ", ".join(config.environments)
        if config.file is not None:
            notes.add(good("configuration", config.file, f"environments: {names}"))
        else:
            inferred = f" ({names})" if names else ""
            text = f"no configuration: `plan` infers the environments{inferred}, but `update` needs one"
            notes.add(warning("configuration", FILE, text, "run `gitops-bot init`, then commit and push the file"))
        if config.branch is not None and config.branch != branch:
            branch, commit = config.branch, remote.head(config.branch)
    notes.add(good("repository", setup.where, f"{branch} is at {commit[:10]}"))
    return _Read(remote, branch, commit, config)


def _begin_registries(setup: Setup, read: _Read | None, bounded: Bounded, stack: ExitStack) -> Callable[[], None]:
    """Start querying each registry for one image; the returned function waits for the answers and records them."""
    notes = setup.notes
    if read is None or (config := read.config) is None:
        text = "not checked: without the configuration and the repository, the images are unknown"
        notes.add(unknown("registry", "all of them", text, "fix those checks first"))
        return lambda: None
    tracked = notes.of("overlays", read.branch, lambda: registries.read_tracked(config, read.remote, read.commit))
    if tracked is None:
        return lambda: None
    for finding in registries.overlays(tracked, read.branch):
        notes.add(finding)
    registry = notes.of("registry", "all of them", lambda: stack.enter_context(setup.registry(config)))
    if registry is None:
        return lambda: None
    asked = registries.begin(registry, tracked.images, bounded)
    return lambda: registries.end(asked, tracked, config, bounded, notes)


def _check_keys(read: _Read, notes: Notes) -> None:
    """Whether git can sign with each key of the configuration."""
    environments = read.config.environments.values() if read.config is not None else ()
    signers = [environment.signer for environment in environments]
    for key in dict.fromkeys(signer for signer in signers if isinstance(signer, SigningKey)):
        committer = notes.of("commits", str(key), partial(read.remote.rehearse_signing, read.commit, key))
        if committer is not None and committer.endswith(".invalid>"):
            text = f"git can sign with it, but the committer, {committer}, has an address that no account has"
            advice = "set GIT_COMMITTER_NAME and GIT_COMMITTER_EMAIL to the account that has the public key"
            notes.add(warning("commits", str(key), text, advice))
        elif committer is not None:
            notes.add(good("commits", str(key), f"git can sign with it; the account of {committer} must have it"))


def _push(read: _Read, where: str, notes: Notes) -> None:
    """Whether git lets the login push; the rules of single branches are checked on the forge."""
    read.remote.rehearse(naming.branch("doctor"), read.commit)
    notes.add(good("push", where, "the login may push, as far as a dry run can tell"))
