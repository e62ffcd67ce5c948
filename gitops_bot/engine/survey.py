"""One reading of the world: the base branch's commit, the overlays it holds, the proposals that are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot import targets
from gitops_bot.engine.pulls import Pulls
from gitops_bot.errors import EditError, GitError, Problem, UsageError
from gitops_bot.proposals import naming
from gitops_bot.proposals.astray import Astray, astray
from gitops_bot.proposals.carry import Standing
from gitops_bot.proposals.outcome import Outcome
from gitops_bot.releases.choice import hold
from gitops_bot.releases.layout import correspondence, coverage, overlays
from gitops_bot.releases.layout.glob import Glob
from gitops_bot.releases.layout.ground import Ground
from gitops_bot.releases.layout.overlay import Overlay
from gitops_bot.releases.plan import Failed
from gitops_bot.targets.pin_file import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitops_bot.config import Config, Environment
    from gitops_bot.engine.world import World
    from gitops_bot.images.rules import Rules
    from gitops_bot.proposals.outcome import EnvironmentOutcome
    from gitops_bot.proposals.pull_request import PullRequest
    from gitops_bot.releases.choice.hold import WrittenHold
    from gitops_bot.releases.history.line import Line
    from gitops_bot.releases.layout.coverage import Outside
    from gitops_bot.releases.layout.overlays import Found
    from gitops_bot.releases.plan import Entry
    from gitops_bot.targets import pin_file
    from gitops_bot.targets.pin_file import PinFile

#: Files with pins that no environment claims and that are read all the same, to count what they pin.
MOST_OTHERS = 20_000


@dataclass(frozen=True, slots=True)
class Spot:
    """One entry, where it stands, and the rules that apply to it."""

    place: Entry
    entry: pin_file.Entry
    rules: Rules


class Survey:
    """What one pass of a journey knows. It is read anew when somebody else was faster."""

    def __init__(
        self,
        world: World,
        config: Config,
        branch: str,
        repository: str | None,
        names: Sequence[str] = (),
        *,
        also: Sequence[str] = (),
        commit: str | None = None,
        whole: bool = False,
    ) -> None:
        """Read what the base branch has of these environments (of all without names), at `commit` if that is known.

        Those that their pins come from, and `also`, are read along, and nothing is proposed to them. `whole`: so is
        what no environment claims, for `outside`.

        Raises:
            UsageError: an environment that does not exist is named.
            GitError: the branch does not exist, or the remote cannot be read.
            ConfigError: a file is claimed by two environments.
        """
        self._world = world
        self._config = config
        self.branch = branch
        self._repository, self._whole = repository, whole
        self.environments = _named(config, names)
        wanted = {environment.name for environment in (*self.environments, *(_named(config, also) if also else ()))}
        wanted |= {each.promotion.source for each in self.environments if each.promotion is not None}
        self._read_along = tuple(each for each in config.environments.values() if each.name in wanted)
        self._line: Line | None = None
        self._ground: Ground | None = None
        #: Composed files by path and bytes: a second reading of the world composes only what changed.
        self._read: dict[tuple[str, bytes], PinFile | Problem] = {}
        self._pulls = Pulls(world.forge, branch)
        self._read_at(commit or world.repository.head(branch))
        correspondence.check(config.environments)

    def again(self) -> None:
        """Read the remote again."""
        self._pulls = Pulls(self._world.forge, self.branch)
        self._read_at(self._world.repository.head(self.branch))

    def wrote(self, commit: str, files: Mapping[str, bytes]) -> None:
        """The base branch is at `commit` now: what was read before, but for the bytes of these files."""
        self._line = None
        self._know(commit, {**self._bytes, **files})

    def _read_at(self, commit: str) -> None:
        tree = self._world.repository.tree(commit)
        self._selection = overlays.select(self._config.environments, tree)
        self._ground, self._line = None, None
        self._everything = self._selection
        if len(self._read_along) < len(self._config.environments):
            # The others count for the question whose a file is; what is wrong with them is not asked here.
            own = {environment.name: environment for environment in self._read_along}
            self._selection = overlays.select(own, tree)
        names = [environment.name for environment in self._read_along]
        paths = [overlay.file for name in names for overlay in self._selection.overlays[name]]
        self._others = overlays.unclaimed(self._everything, tree) if self._whole else ()
        self._know(commit, self._read_files(commit, paths))

    def _read_files(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes]:
        read = self._world.repository.read
        if self._others:
            try:  # all in one go: what is fetched later is waited for again
                return read(commit, [*paths, *self._others[:MOST_OTHERS]])
            except GitError:
                pass  # too much of what nobody needs
        return read(commit, paths)

    def _know(self, commit: str, files: Mapping[str, bytes]) -> None:
        self.commit = commit
        self._bytes = files
        #: What is read and composed of each environment, once somebody asks.
        self._composed: dict[str, tuple[tuple[Overlay, ...], tuple[Failed, ...]]] = {}
        self._spots: dict[str, tuple[Spot, ...]] = {}
        self._astray: dict[str, Astray] = {}

    def overlays(self, name: str) -> tuple[Overlay, ...]:
        """The overlays of an environment that could be read."""
        return self._compose(name)[0]

    def failed(self, name: str) -> tuple[Failed, ...]:
        """The files of an environment that could not be read."""
        return self._compose(name)[1]

    def found(self, name: str) -> tuple[Found, ...]:
        """The overlays of an environment as its globs found them, also those that could not be read."""
        return self._selection.overlays[name]

    def globs(self, name: str) -> Sequence[str]:
        """The globs of an environment, as written."""
        return self._config.environments[name].overlays

    @property
    def config(self) -> Config:
        """The configuration that this reading goes by."""
        return self._config

    @property
    def ground(self) -> Ground:
        """Whose each path is, now or by the globs."""
        if self._ground is None:
            self._ground = Ground(self._config.environments, self._everything)
        return self._ground

    @property
    def outside(self) -> Outside:
        """What no environment claims, as far as it was read."""
        read = {path: self._bytes[path] for path in self._others if path in self._bytes}
        return coverage.outside(read, unread=len(self._others) - len(read))

    def line(self, enough: Callable[[Line], bool]) -> Line:
        """The history of the environments that were read, as much of it as is enough, or all there is.

        Raises:
            GitError: the remote cannot be read.
        """
        if self._line is None or not (self._line.complete or enough(self._line)):
            globs = [Glob.parse(text) for environment in self._read_along for text in environment.overlays]
            directories = sorted({glob.prefix.rpartition("/")[0] or "." for glob in globs})
            self._line = self._world.repository.line(self.commit, directories, enough)
        return self._line

    def spots(self, name: str) -> tuple[Spot, ...]:
        """Every entry of an environment."""
        if name not in self._spots:
            self._spots[name] = tuple(
                self._spot(overlay, entry) for overlay in self.overlays(name) for entry in overlay.pin_file.entries
            )
        return self._spots[name]

    def matching(self, name: str, image: str) -> tuple[Spot, ...]:
        """The entries that a command line means by `image`: by name exactly, else by repository, in each overlay."""
        return tuple(
            self._spot(overlay, overlay.pin_file.entries[index])
            for overlay in self.overlays(name)
            for index in matching(overlay.pin_file.entries, image)
        )

    def standing(self, name: str) -> Mapping[tuple[str, str], Standing]:
        """What the base branch pins, by the entries' keys."""
        return {
            spot.place.key: Standing(
                spot.place, spot.entry.pin, spot.rules.policy.policy if spot.rules.policy else None
            )
            for spot in self.spots(name)
        }

    def branches(self, name: str) -> tuple[str, ...]:
        """The bot's own branches that the remote has for an environment: its groups', and those of groups that were."""
        beginning = _beginning(name)
        return tuple(branch for branch in self._world.repository.branches() if branch.startswith(beginning))

    def pull_requests(self, branches: Iterable[str]) -> Mapping[str, tuple[PullRequest, ...]]:
        """The pull requests of each of these branches, newest first; what was not asked before is asked for at once.

        Raises:
            ForgeError: the forge refused or did not answer.
        """
        return self._pulls.of(branches)

    def closed(self, name: str) -> tuple[PullRequest, ...]:
        """What was closed unmerged of an environment's proposals, as far as `pull_requests` has found it by now."""
        return self._pulls.closed(_beginning(name))

    def hold(self, entry: Entry) -> WrittenHold | None:
        """The hold that somebody wrote down for an entry, as long as it lasts."""
        return hold.standing(self._config.holds, entry, self._world.clock.now())

    def astray(self, name: str) -> Astray:
        """The names that the configuration says of an environment, and that mean nothing there."""
        if name not in self._astray:
            entries, unread = [spot.place for spot in self.spots(name)], self.failed(name) or self._selection.problems
            self._astray[name] = astray(
                name, self._config.mentions, entries, self.found(name), self._world.clock.now(), unread=bool(unread)
            )
        return self._astray[name]

    def before(self, files: Mapping[str, bytes]) -> dict[str, tuple[bytes, bytes]]:
        """Each file as the base branch has it, beside what it becomes."""
        return {path: (self._bytes[path], after) for path, after in files.items()}

    def outcome(
        self, outcomes: Iterable[EnvironmentOutcome], *, named: frozenset[tuple[str, str]] | None = None
    ) -> Outcome:
        """What a journey found or did, together with what it read.

        Names that mean nothing are told where no entry is named: what was asked for by name does not go by them.
        """
        found = tuple(outcomes)
        told = {failed.problem for each in found for failed in each.failed}
        names = [each.name for each in self.environments] if named is None else []
        lost = [problem for name in names for problem in self.astray(name).problems if problem not in told]
        return Outcome(
            repository=self._repository,
            branch=self.branch,
            commit=self.commit,
            environments=found,
            problems=(*self._selection.problems, *lost),
            saw_pull_requests=self._world.forge is not None or self._repository is None,
            named=named,
            ended=hold.ended(self._config.holds, self._world.clock.now()),
        )

    def _spot(self, overlay: Overlay, entry: pin_file.Entry) -> Spot:
        return Spot(overlay.place(entry), entry, self._config.rules(overlay.environment or "", entry))

    def _compose(self, name: str) -> tuple[tuple[Overlay, ...], tuple[Failed, ...]]:
        """The overlays of an environment, and the files that could not be read."""
        if name in self._composed:
            return self._composed[name]
        read: list[Overlay] = []
        failed: list[Failed] = []
        for found in self._selection.overlays[name]:
            match self._pin_file(found.file):
                case Problem() as problem:
                    failed.append(Failed(None, problem))
                case composed:
                    read.append(Overlay(name, found.directory, composed))
        self._composed[name] = tuple(read), tuple(failed)
        return self._composed[name]

    def _pin_file(self, path: str) -> PinFile | Problem:
        data = self._bytes.get(path, b"")
        if (path, data) not in self._read:
            try:
                self._read[path, data] = targets.read(data, path)
            except EditError as error:
                self._read[path, data] = error.problem
        return self._read[path, data]


def _beginning(name: str) -> str:
    """What the branches of an environment begin with."""
    return naming.branch(name).removesuffix(naming.DEFAULT_GROUP)


def _named(config: Config, names: Sequence[str]) -> tuple[Environment, ...]:
    for name in names:
        if name not in config.environments:
            known = ", ".join(config.environments)
            there = f"known: {known}" if known else "no environments are known in this repository"
            raise UsageError(Problem("failed.usage", f"there is no environment {name[:100]!r}", there))
    return tuple(environment for environment in config.environments.values() if not names or environment.name in names)
