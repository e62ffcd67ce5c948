"""The releases of one environment, from Git, and from the forge where there is a token. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from gitops_bot.engine.describe import MOST, ImageStep, describe_images
from gitops_bot.engine.facts import Facts
from gitops_bot.engine.read import read, read_line
from gitops_bot.engine.records import content, merges_of, records_of
from gitops_bot.errors import BotError, ConfigError, EditError, GitError, Problem, UsageError, bugs_as
from gitops_bot.images.reason import shortlist
from gitops_bot.proposals.pull_request import Merge
from gitops_bot.proposals.text.markdown import git_revision, plain, source_repository
from gitops_bot.releases.history.record import ImageCommits, Records, net
from gitops_bot.releases.history.releases import ExportedFile, all_releases, find, foreign_tags, is_commit, tag_name
from gitops_bot.results.history import History, ReleaseMerge, differences
from gitops_bot.results.result import Head, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.engine.read import Scope, Snapshot
    from gitops_bot.engine.world import World
    from gitops_bot.releases.history.changes import EntryChange
    from gitops_bot.releases.history.record import Record
    from gitops_bot.releases.history.releases import Content, Release

#: Environments that a message names.
_ENVIRONMENTS = 5
#: Tags that are named for one reason.
_TAGS = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which releases are asked for: the newest `limit`, those `since` a moment, those that changed an `image`.

    `show` is one release alone, with its diff and content; `between` are two, the older left out: by number, commit or
    tag. `verify`: the content of all of them.
    """

    limit: int | None = None
    since: datetime | None = None
    image: str | None = None
    show: str | None = None
    between: tuple[str, str] | None = None
    verify: bool = False

    def __post_init__(self) -> None:
        if (self.show or self.between) and (self.limit or self.since or self.image):
            message = "--limit, --since and --image choose from the list, which --show and --between do not print"
            raise UsageError(Problem("failed.usage", message, "Give one or the other."))


def history(
    world: World, scope: Scope, wanted: Wanted, export: Callable[[Iterable[ExportedFile]], str | None] | None = None
) -> Result[History]:
    """The releases of the only environment of the scope; `export` writes the files of the one shown, and says where.

    Raises:
        UsageError, GitError: as `list_releases`; and what `read` raises.
        EditError: the files cannot be written.
    """
    result = list_releases(world, read(world, scope, also=scope.config.environments), wanted)
    content = result.body.content
    if export is None or content is None:
        return result
    modes = world.repository.tree(content.commit)
    data = world.repository.whole([file.blob for file in content.files])
    where = export(ExportedFile(file.path, modes[file.path] == "100755", data[file.blob]) for file in content.files)
    return replace(result, body=replace(result.body, exported=where))


def list_releases(world: World, snapshot: Snapshot, wanted: Wanted) -> Result[History]:
    """The releases of the only environment of the snapshot.

    Raises:
        UsageError, GitError: there is no such image or release; or the history cannot be read.
    """
    (environment,) = snapshot.environments
    line = read_line(world, snapshot)
    tags = world.repository.tags()
    every = all_releases(line, snapshot.layout.owners, tags)
    known = every.get(environment.name, ())
    records = records_of(environment, every, line)
    shown: Sequence[Record]
    between = None
    bugs: list[Problem] = []
    if wanted.show is not None:
        shown = (records[_place(every, environment.name, wanted.show, tags, line.more)],)
    elif wanted.between is not None:
        newer, older = sorted(_place(every, environment.name, name, tags, line.more) for name in wanted.between)
        shown = tuple(records[at] for at in range(newer, older))
        between = net(known[older], known[newer], shown)
        between = replace(between, images=_images(world, snapshot, between.changes))
    else:
        shown = tuple(_choose(records, known, snapshot, wanted, bugs))
        if wanted.image is not None and not shown and not bugs:
            # An image that is there, or was, may have no release in the range; any other one is mistyped.
            changed = (change.name for at in range(len(known)) for change in records[at].changes)
            if len(_names(wanted.image, snapshot)) == 1 and wanted.image not in changed:
                problem = snapshot.states[environment.name].unknown(wanted.image)
                raise UsageError(replace(problem, message=f"{problem.message}, and no release changed it"))
    merges, problems = merges_of(world, snapshot, shown)
    contents: dict[str, Content] = {}
    for record in shown if wanted.verify or wanted.show is not None else ():
        try:
            with bugs_as(EditError):
                contents[record.id] = content(world, snapshot, environment, record.id)
        except (ConfigError, EditError) as error:
            problems += [
                replace(problem, message=f"the content of {record.release} is not known: {problem.message}")
                for problem in error.problems
            ]
    problems = [*snapshot.layout.selection.problems, *bugs, *problems]
    history = History(
        environment=environment.name,
        bounded=not line.complete,
        releases=tuple(
            ReleaseMerge(record, merges.get(record.id, Merge(None)), contents.get(record.id)) for record in shown
        ),
        files=_files(world, shown[0].release) if wanted.show is not None else None,
        between=between,
        more=line.more,
    )
    if wanted.verify:
        problems += _compare_tags(world, history, snapshot.branch, known, tags)
    return Result(Head(snapshot.repository, snapshot.branch, snapshot.commit, tuple(problems)), history)


def _images(world: World, snapshot: Snapshot, changes: Sequence[EntryChange]) -> tuple[ImageCommits, ...]:
    """The commits that the changed images were built from, as far as images and forge tell. It is never an error."""
    if world.forge is None:
        return ()
    steps: dict[EntryChange, ImageStep] = {}
    for change in changes:
        if change.before is not None and change.after is not None and change.before.digest != change.after.digest:
            image = snapshot.image(change.key)
            steps[change] = ImageStep(image, change.before.digest, image, change.after.digest)
    described = describe_images(world, Facts(snapshot), dict(islice(steps.items(), MOST)))
    commits = []
    for change, answer in described.items():
        before, after = answer.before, answer.after
        if before is None or after is None or after.source is None:
            continue
        old, new = git_revision(before.revision), git_revision(after.revision)
        if old is not None and new is not None and old != new:
            page = source_repository(after.source)
            address = page.compare(old, new) if page is not None else None
            commits.append(ImageCommits(change, after.source, old, new, address, answer.subjects))
    return tuple(commits)


def _choose(
    records: Records, known: Sequence[Release], snapshot: Snapshot, wanted: Wanted, bugs: list[Problem]
) -> Iterator[Record]:
    """The releases that are asked for; one that meets a bug is left out, and added to the `bugs`."""
    # Clocks go wrong: an older time in between ends nothing.
    recent = (at for at, release in enumerate(known) if wanted.since is None or release.at >= wanted.since)
    chosen = (record for at in recent if (record := _record(records, known, at, bugs)) is not None)
    if wanted.image is not None:
        names = _names(wanted.image, snapshot)
        chosen = (record for record in chosen if any(change.name in names for change in record.changes))
    return islice(chosen, wanted.limit)


def _record(records: Records, known: Sequence[Release], at: int, bugs: list[Problem]) -> Record | None:
    try:
        with bugs_as(GitError, str(known[at])):
            return records[at]
    except GitError as error:
        bugs += error.problems
    return None


def _names(image: str, snapshot: Snapshot) -> set[str]:
    """The names of entries that a person means: this one, and those that have this repository now."""
    (environment,) = snapshot.environments
    return {image, *(entry.name for entry in snapshot.states[environment.name].matching(image))}


def _place(
    every: Mapping[str, Sequence[Release]], environment: str, name: str, tags: Mapping[str, str], more: str
) -> int:
    """The place of the release that a person means among those of the environment."""
    known = every.get(environment, ())
    release = find(known, name, tags, more)
    if not isinstance(release, Problem):
        return known.index(release)
    if is_commit(name, tags):
        elsewhere = [other for other, its in every.items() if not isinstance(find(its, name, tags, more), Problem)]
        if elsewhere:
            advice = f"It is a release of {', '.join(sorted(elsewhere)[:_ENVIRONMENTS])}: ask for its history."
            release = replace(release, next=advice)
    raise BotError(release)


def _files(world: World, release: Release) -> Mapping[str, tuple[bytes, bytes]]:
    """What a release made of each of its files, before and after; one that came or went is empty on the other side."""
    after = world.repository.read(release.commit, release.paths)
    before = world.repository.read(release.step.parents[0], release.paths) if release.step.parents else {}
    return {path: (before.get(path, b""), after.get(path, b"")) for path in release.paths}


def _compare_tags(
    world: World, history: History, branch: str, known: Sequence[Release], tags: Mapping[str, str]
) -> Iterator[Problem]:
    """What is wrong with the tags of the listed releases, and with tags that only look like them; raises a GitError.

    A tag's text is anybody's: it is compared, and nothing else. `known` are all releases of the environment on
    `branch`, `tags` those of the repository with their commits.
    """
    listed = {tag_name(release.record.release): release for release in history.releases}
    listed = {name: release for name, release in listed.items() if tags.get(name) == release.record.id}
    texts = world.repository.tag_texts(list(listed)) if listed else {}
    unread = [name for name in listed if name not in texts]
    other = []
    for name, text in texts.items():
        fields = differences(listed[name], text) if text is not None else None
        if fields is None:
            other.append(name)
        elif fields:
            message = f"{name} says something else than the history: {', '.join(fields)}"
            advice = "Since it was pushed, the tag, the history or gitops-bot.yaml changed."
            yield Problem("failed.git", message, advice)
    if unread:
        message = f"these tags were not compared: {_list_tags(unread)}"
        advice = "Each is larger than 4 MiB, or all of them larger than 64 MiB (list fewer), or was deleted meanwhile."
        yield Problem("failed.git", message, advice)
    if other:
        message = f"these tags do not hold a release as JSON: {_list_tags(other)}"
        yield Problem("failed.git", message, "People pushed them: their numbers count, and their texts do not.")
    if not history.bounded and (foreign := foreign_tags(history.environment, known, tags)):
        message = f"these tags number no release of {history.environment} on {branch}: {_list_tags(foreign)}"
        advice = "The branch was rewritten, or people pushed them: they are ignored, and their numbers not used again."
        yield Problem("failed.git", message, advice)


def _list_tags(tags: Sequence[str]) -> str:
    return shortlist([plain(tag) for tag in tags], _TAGS)
