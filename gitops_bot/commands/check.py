"""`gitops-bot check`: validate the configuration and the overlays as they lie on disk, offline."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.commands.outside import cover, deployed_paths, judge_of
from gitops_bot.engine.read import read_disk
from gitops_bot.errors import Problem, noted
from gitops_bot.releases.choice import hold
from gitops_bot.releases.layout import correspondence
from gitops_bot.releases.layout.inference import place_of
from gitops_bot.releases.layout.inventory import scan
from gitops_bot.results.checkout import Checked
from gitops_bot.results.result import Head, Result
from gitops_bot.targets.pin_file import problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from gitops_bot.config import Config
    from gitops_bot.engine.read import Files, Snapshot
    from gitops_bot.releases.layout.causes import Judge
    from gitops_bot.releases.layout.inventory import Scan
    from gitops_bot.releases.layout.overlays import Selection
    from gitops_bot.targets.pin_file import PinFile


def check(
    files: Files, tree: Mapping[str, str], config: Config, now: datetime, scanned: Scan | None = None
) -> Result[Checked]:
    """Look at every overlay and the bases that it builds upon; ended holds are no problems. Raises as `read_disk`.

    `scanned` are the references of the whole checkout, where these are known already.
    """
    snapshot = read_disk(files, tree, config, now)
    pin_files = [
        (name, snapshot.layout.pin_file(overlay.file))
        for name in config.environments
        for overlay in snapshot.states[name].overlays
    ]
    refused = [failed.problem for name in config.environments for failed in snapshot.states[name].failed]
    problems = [*snapshot.layout.selection.problems, *_alone(config, snapshot.layout.selection), *refused]
    for name, file in pin_files:
        with noted(problems, file.file):
            problems += _entries(name, file, config)
    # A base that is refused is nobody's overlay, and no problem here.
    own = [file for _, file in pin_files]
    problems += targets.dead_entries(own, tree, lambda paths: targets.read_all(paths, files.read(paths))[0])
    for name in config.environments:
        lost = snapshot.states[name].unmatched
        problems += (*lost.problems, *lost.groups)
        wrong = [described.wrong for described in snapshot.states[name].infos.values()]
        problems += dict.fromkeys(problem for problem in wrong if problem is not None)
    count = len(pin_files) + len(refused)
    if not count and not problems:
        # Without a configuration: one that finds nothing has said so for each of its globs.
        message = (
            "nothing to check: there is no gitops-bot.yaml, and no file that pins an image in a directory named like "
            "an environment (dev, staging, production, ...)"
        )
        advice = "list environments and their overlays in gitops-bot.yaml, or change to the checkout of your manifests"
        problems.append(Problem("failed.config", message, advice))
    judge = judge_of(files, snapshot, cache(lambda: deployed_paths(files, tree, problems)))
    if config.file is not None and config.reads > 1:
        problems += _elsewhere(snapshot, judge)
    # 2 where nothing was checked: green would mean nothing.
    head = Head(problems=tuple(dict.fromkeys(problems)), least_code=0 if count else 2)
    coverage = cover(snapshot, judge, scanned or scan(tree, files.read), files.read)
    if not coverage.tracked and not coverage.promoted:
        from gitops_bot.commands.init import with_suggestion

        coverage = with_suggestion(coverage, files, tree, now)
    return Result(head, Checked(count, coverage, hold.find_ended(config.holds, now)))


def _elsewhere(snapshot: Snapshot, judge: Judge) -> Iterator[Problem]:
    """Pins of a base that take effect in an environment whose rules do not hold for them: an overlay joined later."""
    roots = judge.roots.overlays if judge.roots is not None else {}
    for name, selected in snapshot.layout.selection.overlays.items():
        named = {overlay.file for overlay in selected if overlay.named and overlay.target.PINNED_AGAIN_BY}
        reached = snapshot.config.environments[name].names_reached
        for entry in snapshot.states[name].entries if place_of(name) or len(reached) > 1 else ():
            built = judge.environments(entry.file) if entry.file in named and not entry.rules.ignore else ()
            image = entry.entry.repository or ""
            for other in built:
                if other not in reached and judge.overrides.lets_through(entry.file, image, roots[other]):
                    message = f"{entry.name} of {name} takes effect in {other} too, whose rules do not hold for it"
                    advice = f"pin {image} in the overlays of {other}, or ignore it in {name}"
                    if len(reached) > 1:
                        advice = f"add {other} to `reaches` of {name}, or pin {image} in the overlays of {other}"
                    yield problem(snapshot.layout.pin_file(entry.file), entry.entry, message, advice)


def _alone(config: Config, selection: Selection) -> Iterator[Problem]:
    """Promotions between environments of which no overlays correspond; single ones without a counterpart are normal."""
    for name, environment in config.environments.items():
        if environment.promotion is None:
            continue
        source = environment.promotion.source
        own, others = selection.overlays[name], selection.overlays[source]
        if own and others and not any(overlays for _, overlays in correspondence.pairs(others, own)):
            message = (
                f"no overlay of {name} corresponds to one of {source}: "
                f"{own[0].directory} by `{own[0].glob}`, {others[0].directory} by `{others[0].glob}`"
            )
            advice = "the wildcards of both must match the same text, as in `apps/*/staging` and `apps/*/production`"
            yield Problem("failed.config", message, advice, *environment.promotion.place)


def _entries(name: str, file: PinFile, config: Config) -> Iterator[Problem]:
    mistakes: defaultdict[int, list[Problem]] = defaultdict(list)
    for index, mistake in file.type_mistakes():
        mistakes[index].append(mistake)
    for index, entry in enumerate(file.entries):
        rules = config.environments[name].rules(entry)
        if rules.ignore or entry.unset is not None:
            continue  # what is not set here is set elsewhere: that is unmanaged, and no mistake
        if entry.refusal is not None:
            yield entry.refusal
            continue
        if not entry.choices and (malformed := entry.pin.malformed):
            yield problem(file, entry, *malformed)
        yield from mistakes[index]
        if (
            entry.image is None
            and not entry.choices
            and (rules.policy is not None or config.environments[name].promotion is not None)
        ):
            message = f"{(entry.new_name or entry.name)[:300]!r} is not an image repository name"
            yield problem(file, entry, message, "correct it, or set `ignore: true` for it in gitops-bot.yaml")
