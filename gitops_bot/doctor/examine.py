"""`gitops-bot doctor`: checks everything that a run needs. It reads only and writes nothing.

A failed check does not stop the others; a check that depends on a failed one is reported as unknown.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.config import FILE
from gitops_bot.doctor import machine, registries
from gitops_bot.doctor.bounded import Bounded
from gitops_bot.doctor.finding import Notes, good, unknown, warning
from gitops_bot.doctor.forge import ForgeChecks
from gitops_bot.doctor.registries import tracked
from gitops_bot.proposals import naming
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.config import Config
    from gitops_bot.doctor.setup import Remote, Setup
    from gitops_bot.results.diagnosis import Diagnosis, Finding


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read from the repository."""

    remote: Remote
    branch: str
    commit: str
    config: Config | None


def examine(setup: Setup, seconds: float) -> Result[Diagnosis]:
    """Run every check, and give up on what has not answered after `seconds`."""
    notes, bounded = Notes(setup.findings, setup.code), Bounded(setup.clock, seconds)
    notes.of("git", "git", lambda: notes.add(machine.git(*setup.git())))
    forge = ForgeChecks(setup, bounded, notes)
    with ExitStack() as stack:
        read = notes.of("repository", setup.where, lambda: _read(setup, stack, notes))
        answers = _registries(setup, read, bounded, stack, notes)
        if read is not None:
            notes.of("push", setup.where, lambda: _push(read, setup.where, notes))
        # Nothing is proposed from an inferred configuration: `update` needs a file.
        config = read.config if read is not None and read.config is not None and read.config.file else None
        forge.end(read.branch if read is not None else setup.branch, config)
        answers()
    branch, commit = (read.branch, read.commit) if read is not None else (setup.branch, None)
    problems = tuple(finding.problem for finding in notes.findings if finding.problem is not None)
    return Result(Head(setup.name, branch, commit, problems, least_code=notes.code), tuple(notes.findings))


def _read(setup: Setup, stack: ExitStack, notes: Notes) -> _Read | None:
    if setup.remote is None:
        return None
    remote = stack.enter_context(setup.remote())
    branch = setup.branch or remote.default_branch()
    commit = remote.head(branch)
    config = None
    if (choose := setup.choose) is not None:
        config = notes.of("configuration", FILE, lambda: choose(remote, commit, branch))
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
    text = f"no configuration: `plan` infers the environments{inferred}, but `update` needs one"
    return warning("configuration", FILE, text, "run `gitops-bot init`, then commit and push the file")


def _registries(
    setup: Setup, read: _Read | None, bounded: Bounded, stack: ExitStack, notes: Notes
) -> Callable[[], None]:
    """Start querying each registry for one image; the returned function waits for the answers and records them."""
    if read is None or (config := read.config) is None:
        text = "not checked: without the configuration and the repository, the images are unknown"
        notes.add(unknown("registry", "all of them", text, "fix those checks first"))
        return lambda: None
    overlays = notes.of("overlays", read.branch, lambda: tracked(config, read.remote, read.commit))
    if overlays is None:
        return lambda: None
    registries.record_overlays(overlays, read.branch, notes)
    registry = notes.of("registry", "all of them", lambda: stack.enter_context(setup.registry(config)))
    if registry is None:
        return lambda: None
    asked = registries.begin(registry, overlays.images, bounded)
    return lambda: registries.end(asked, overlays, config, bounded, notes)


def _push(read: _Read, where: str, notes: Notes) -> None:
    """Whether git lets the login push; the rules of single branches are checked on the forge."""
    read.remote.rehearse(naming.branch("doctor"), read.commit)
    notes.add(good("push", where, "the login may push, as far as a dry run can tell"))
