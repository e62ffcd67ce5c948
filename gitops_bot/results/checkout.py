"""What the commands that set the bot up give back, and those for files on disk: `doctor`, `init`, `check`, `edit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitops_bot.images.owner import NOBODY
from gitops_bot.images.reason import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.config import Hold
    from gitops_bot.errors import Problem
    from gitops_bot.images.kinds import Policy
    from gitops_bot.images.owner import Owner
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.migration.rules import Gap
    from gitops_bot.releases.decisions import Change, EntryKey, Managed
    from gitops_bot.releases.layout.coverage import Coverage

#: What is checked. Scripts rely on these names: a later version may add to them.
Check = Literal[
    "git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit", "pull-requests",
    "rules", "propose", "commits", "branches", "registry", "release-tags", "deployments", "artifact-metadata",
    "checks", "statuses",
]  # fmt: skip
#: `warning`: it works, but could be safer; `unknown`: it could not be found out.
Verdict = Literal["good", "warning", "unknown", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of the check `name`; `next` is empty where the verdict is good; only a wrong one has a `problem`."""

    name: Check
    subject: str
    verdict: Verdict
    text: str
    next: str = ""
    problem: Problem | None = None


#: The body of `doctor`: all findings, in the order of the checks.
Diagnosis = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """An environment that the directories suggest.

    `overlays` are globs for `files` files, without what `exclude` has. `source` is an environment before it, `pairs`
    the entries that both have: by the keys of this one's, those of the source. `corresponding` counts those whose pins
    look alike, `followed` those that the file keeps current, and `promote` says whether this one should get its pins
    from there. `reaches` are the environments in which its pins take effect too.
    """

    name: str
    overlays: tuple[str, ...]
    files: int
    entries: tuple[Managed, ...]
    exclude: tuple[str, ...] = ()
    deployed_by: tuple[str, ...] = ()
    source: str | None = None
    pairs: Mapping[EntryKey, tuple[Managed, ...]] = field(default_factory=dict)
    corresponding: int = 0
    promote: bool = False
    followed: int = 0
    reaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The environments, and their entries that need no updates.

    `images` has one image of each registry, with its pin; `registries` what `doctor` says of them, where it was asked.
    `owner`: whose images may get the next major version.
    """

    environments: tuple[FoundEnvironment, ...]
    problems: tuple[Problem, ...] = ()
    images: Mapping[str, tuple[ImageName, Pin]] = field(default_factory=dict)
    registries: tuple[Finding, ...] = ()
    ignored: Mapping[EntryKey, Ignored] = field(default_factory=dict)
    owner: Owner = NOBODY


@dataclass(frozen=True, slots=True)
class Ignored:
    """Why an image is left alone, for a comment."""

    why: str


@dataclass(frozen=True, slots=True)
class EnvironmentDraft:
    """One environment of the file.

    `policy` is `auto` or a name, None where all entries are promoted. `images` has what differs, by exact names or
    globs: a policy likewise, one of this image alone, or why it is ignored. `ignored` says that of all of them. `left`
    are images that nothing keeps current, with their pins, by the reason. `followed` counts the other entries.
    """

    found: FoundEnvironment
    policy: str | None
    images: Mapping[str, str | Policy | Ignored]
    ignored: Ignored | None = None
    left: Mapping[str, Mapping[str, Sequence[Pin]]] = field(default_factory=dict)
    followed: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """The file: policies by name, and environments in their order."""

    policies: Mapping[str, Policy]
    environments: tuple[EnvironmentDraft, ...]


@dataclass(frozen=True, slots=True)
class Initialised:
    """The outcome of `init`: the text of the file, whether it was written, and what it keeps current.

    `gaps` are settings of other tools that it cannot say.
    """

    inventory: Inventory
    coverage: Coverage
    file: str
    text: str
    written: bool
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """How much was looked at, and the holds that hold nothing any more."""

    files: int
    coverage: Coverage
    ended: tuple[Hold, ...] = ()

    def verdict(self, problems: int) -> str:
        """What to say of it in short: all is good only where every pin is read and some are kept current."""
        coverage = self.coverage
        if problems:
            return f"{problems} wrong"
        if coverage.unread:
            at_least = "" if coverage.complete else "at least "
            pins = counted(coverage.pins, "pin")
            return f"nothing wrong in these, {len(coverage.unread)} of {at_least}{pins} not read"
        if not coverage.complete or coverage.unread_files:
            return "nothing wrong in these"
        return "all good" if coverage.tracked or coverage.promoted else "nothing is wrong"


@dataclass(frozen=True, slots=True)
class Edited:
    """The edit of one file. `unchanged` counts the entries meant that had their pin already."""

    file: str
    changes: tuple[Change, ...]
    unchanged: int
    before: bytes
    after: bytes
