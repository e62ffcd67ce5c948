"""`gitops-bot doctor`: whether everything is there that a run needs, one check at a time. Reads only, writes nothing.

A check that fails stops no other; what cannot be asked, because something before it is missing, is said to be unknown.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.doctor import machine, registries
from gitops_bot.doctor.bounded import Bounded
from gitops_bot.doctor.finding import Diagnosis, good, unknown, warning
from gitops_bot.doctor.forge import ForgeChecks
from gitops_bot.doctor.images import tracked
from gitops_bot.doctor.notes import Notes
from gitops_bot.proposals import naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.config import Config
    from gitops_bot.doctor.finding import Finding
    from gitops_bot.doctor.setup import Remote, Setup

CONFIG = "gitops-bot.yaml"


@dataclass(frozen=True, slots=True)
class _Read:
    """What git has told."""

    remote: Remote
    branch: str
    commit: str
    config: Config | None


def examine(setup: Setup, seconds: float) -> Diagnosis:
    """Go through every check; what has not answered after so many seconds is given up."""
    notes, bounded = Notes(setup.findings, setup.code), Bounded(setup.clock, seconds)
    notes.of("git", "git", lambda: notes.add(machine.git(*setup.git())))
    forge = ForgeChecks(setup, bounded, notes)
    with ExitStack() as stack:
        read = notes.of("repository", setup.where, lambda: _read(setup, stack, notes))
        answers = _registries(setup, read, bounded, stack, notes)
        if read is not None:
            notes.of("push", setup.where, lambda: _push(read, setup.where, notes))
        # Of what is inferred nothing is ever proposed: `update` wants a configuration.
        config = read.config if read is not None and read.config is not None and read.config.file else None
        forge.end(read.branch if read is not None else setup.branch, config)
        answers()
    return Diagnosis(
        repository=setup.name,
        branch=read.branch if read is not None else setup.branch,
        commit=read.commit if read is not None else None,
        findings=tuple(notes.findings),
        code=notes.code,
    )


def _read(setup: Setup, stack: ExitStack, notes: Notes) -> _Read | None:
    if setup.remote is None:
        return None
    remote = stack.enter_context(setup.remote())
    branch = setup.branch or remote.default_branch()
    commit = remote.head(branch)
    config = None
    if (choose := setup.choose) is not None:
        config = notes.of("configuration", CONFIG, lambda: choose(remote, commit, branch))
    if config is not None:
        notes.add(_configuration(config))
        if config.branch is not None and config.branch != branch:
            branch, commit = config.branch, remote.head(config.branch)
    notes.add(good("repository", setup.where, f"{branch} is at {commit[:10]}"))
    return _Read(remote, branch, commit, config)


def _configuration(config: Config) -> Finding:
    names = ", ".join(config.environments)
    if config.file is not None:
        return good("configuration", config.file, f"environments: {names}")
    inferred = f" ({names})" if names else ""
    text = f"there is none: `plan` works with what it infers{inferred}, but `update` needs one"
    return warning("configuration", CONFIG, text, "write one: README.md has an example to copy")


def _registries(
    setup: Setup, read: _Read | None, bounded: Bounded, stack: ExitStack, notes: Notes
) -> Callable[[], None]:
    """Begin to ask each registry for one image; what is given back waits for the answers and notes them."""
    if read is None or (config := read.config) is None:
        text = "not checked: the images are known only from the configuration and the repository"
        notes.add(unknown("registry", "all of them", text, "fix these first"))
        return lambda: None
    found = notes.of("overlays", read.branch, lambda: tracked(config, read.remote, read.commit))
    if found is None:
        return lambda: None
    registries.overlays(found, read.branch, notes)
    registry = notes.of("registry", "all of them", lambda: stack.enter_context(setup.registry(config)))
    if registry is None:
        return lambda: None
    asked = registries.begin(registry, found, bounded)
    return lambda: registries.end(asked, found, config, bounded, notes)


def _push(read: _Read, where: str, notes: Notes) -> None:
    """Whether git lets the login push. Rules of single branches are the forge's to tell."""
    read.remote.rehearse(naming.branch("doctor"), read.commit)
    notes.add(good("push", where, "the login may push, as far as can be told without pushing"))
