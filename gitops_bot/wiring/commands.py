"""The commands, each with the world that its options describe: opened before it, closed after it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gitops_bot.wiring.world import home, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitops_bot.commands.history import Wanted
    from gitops_bot.engine.request import Request
    from gitops_bot.results.audit import Audit
    from gitops_bot.results.checkout import Checked
    from gitops_bot.results.explained import Explanations
    from gitops_bot.results.history import History
    from gitops_bot.results.outcome import Outcome
    from gitops_bot.results.result import Result
    from gitops_bot.results.status import Overview, Status
    from gitops_bot.wiring.local import Notice
    from gitops_bot.wiring.options import Options


def run(options: Options, environments: Sequence[str], request: Request) -> Result[Outcome]:
    """Do what is asked for these environments, all of them without names."""
    from gitops_bot.engine.update import update

    with opened(options, environments, request) as (world, snapshot):
        return update(world, snapshot, request)


def plan(options: Options, environments: Sequence[str], *, release_hold: bool, notice: Notice) -> Result[Outcome]:
    """What `update` would do, also without a configuration, and how much of the repository is kept current."""
    from gitops_bot.engine.request import Request
    from gitops_bot.engine.update import update

    request = Request(release_hold=release_hold, dry_run=True)
    with opened(options, environments, request, plans=True, notice=notice) as (world, snapshot):
        done = update(world, snapshot, request)
        return replace(done, body=replace(done.body, coverage=snapshot.coverage))


def explain(options: Options, environment: str, image: str, tag: str | None) -> Result[Explanations]:
    """Why an image gets the pin that it gets in an environment, also without a configuration."""
    from gitops_bot.commands import explain as engine
    from gitops_bot.engine.request import Request

    with opened(options, (environment,), Request(dry_run=True), plans=True) as (world, snapshot):
        return engine.explain(world, snapshot, image, tag)


def history(options: Options, environment: str, wanted: Wanted, export: str | None = None) -> Result[History]:
    """The releases of an environment; the content of the one that is shown is exported to a folder."""
    from gitops_bot.commands import history as engine
    from gitops_bot.edges import folder
    from gitops_bot.engine.request import Request

    place = folder.free(export) if export is not None else None
    with opened(options, (environment,), Request(dry_run=True), history=True) as (world, snapshot):
        shown = engine.history(world, snapshot, wanted)
        content = shown.body.content
        if place is None or export is None or content is None:
            return shown
        modes = world.repository.tree(content.commit)
        data = world.repository.whole([file.blob for file in content.files])
        files = (folder.NewFile(file.path, modes[file.path] == "100755", data[file.blob]) for file in content.files)
        folder.write(place, files)
        return replace(shown, body=replace(shown.body, exported=export))


def status(options: Options, environments: Sequence[str]) -> Result[Status]:
    """What every environment pins, and how far each is behind."""
    from gitops_bot.commands import status as engine
    from gitops_bot.engine.ask import Facts
    from gitops_bot.engine.request import Request

    with opened(options, environments, Request(dry_run=True), history=True) as (world, snapshot):
        status = engine.status(engine.read(world, snapshot))
        if world.forge is None:
            return status
        return replace(status, body=engine.with_commits(world, Facts(world, snapshot), status.body))


def overview(options: Options, environments: Sequence[str]) -> Result[Overview]:
    """The same with the last releases and how they were delivered, for the page."""
    from gitops_bot.commands import overview as engine
    from gitops_bot.commands import status as reading
    from gitops_bot.engine.ask import Facts
    from gitops_bot.engine.request import Request

    with opened(options, environments, Request(dry_run=True), history=True) as (world, snapshot):
        facts = Facts(world, snapshot)
        built = partial(engine.built, world, facts, snapshot)
        overview = engine.overview(reading.read(world, snapshot), home(options), built)
        shown = replace(overview.body, status=reading.with_commits(world, facts, overview.body.status))
        return engine.with_merges(world, replace(overview, body=shown))


def audit(options: Options, environments: Sequence[str], keep: int | None) -> Result[Audit]:
    """Whether registries still have what is pinned, and what they must keep for the newest releases."""
    from gitops_bot.commands import audit as engine
    from gitops_bot.engine.request import Request

    with opened(options, environments, Request(dry_run=True), history=True) as (world, snapshot):
        return engine.audit(world, snapshot, keep)


def audited_releases(options: Options, environments: Sequence[str], limit: int | None) -> Result[Audit]:
    """The releases of these environments, and who brought them."""
    from gitops_bot.commands import audit as engine
    from gitops_bot.engine.request import Request

    with opened(options, environments, Request(dry_run=True), history=True) as (world, snapshot):
        return engine.audited_releases(world, snapshot, limit)


def check(config: str | None) -> Result[Checked]:
    """Validate the configuration and the overlays of this checkout, offline."""
    from gitops_bot.commands import check as command
    from gitops_bot.edges.clock import SystemClock
    from gitops_bot.wiring.local import on_disk

    files, tree, chosen = on_disk(config)
    return command.check(files, tree, chosen, SystemClock().now())
