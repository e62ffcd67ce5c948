"""The environments of a repository without a configuration, by the names of its directories.

A directory is an environment's when its name is one of the words below, or has one at its end (`cluster-staging`,
`openshift-dev`) or, before a region or a number, at its start (`prod-eu`, `staging-2`). The deepest such directory
decides; a `base` that is deeper takes the environment away again. Some words have other meanings too (`test`, `live`,
`stage`): they count only in a directory such as `overlays`, or beside an environment that is beyond doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.images import inference
from gitops_bot.images.rules import NamedPolicy, Rules
from gitops_bot.images.unmanaged import Unmanaged
from gitops_bot.manifests.kustomization import FILE_NAMES
from gitops_bot.releases.glob import Glob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitops_bot.images.rules import Pinned, PinShape

#: In the order in which a release travels; environments are shown in it.
WORDS: Final = ("dev", "development", "test", "qa", "uat", "staging", "stage", "preprod", "prod", "production", "live")
_AMBIGUOUS = frozenset({"test", "stage", "live"})
_BASES = frozenset({"base", "bases"})
#: Nothing below these is deployed from here: other people's files, scaffolds, and what tests read.
_SKIPPED = frozenset({"node_modules", "template", "templates", "testdata", "third-party", "third_party", "vendor"})
#: Directories whose children are environments by their very place.
_PARENTS = frozenset(
    {"cluster", "clusters", "env", "environment", "environments", "envs", "overlay", "overlays", "stages"}
)
#: `load-test` and its like are kinds of tests, no environments.
_KINDS_OF_TESTS = frozenset({"acceptance", "e2e", "helm", "integration", "load", "perf", "smoke", "stress", "unit"})
_SEPARATORS = re.compile(r"[-_.]+")
#: What may follow the word at the start of a name: a region, a zone, a number, a colour.
_PLACE = re.compile(
    r"""
      (?: af | ap | apac | asia | au | aus | br | ca | cn | de | emea | eu | europe | fr | global | ie | in | jp | latam
        | me | na | nl | nordics | sa | se | sg | uk | us | usa )?
      (?: north | south | east | west | central )* (?: eu | us | europe | asia | africa )? [0-9]{0,3}
    | [a-d] | aks | aws | azure | blue | cluster | eks | env | gcp | gke | green | k3s | k8s | primary | secondary
    | zone
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Propose:
    """How the changes of an inferred environment are put to people: never behind their back."""

    as_: Literal["pull-request"] = "pull-request"
    group: Literal["environment"] = "environment"
    together: bool = False
    labels: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    draft: bool = False
    refresh_approved: bool = False
    auto_merge: Literal["never"] = "never"
    merge_method: None = None
    most_open: int | None = None
    most_new_per_hour: int | None = None
    schedule: tuple[()] = ()
    title: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment by the word in its directories' names. `overlays` are these directories, as globs."""

    name: str
    overlays: tuple[str, ...]
    places: tuple[tuple[str, int, int], ...] = ()
    propose: Propose = Propose()
    match_by: Literal["digest"] = "digest"
    release_tag: bool = False
    promotion: None = None


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a repository looks like without a configuration; a `Rulebook`."""

    environments: Mapping[str, Environment] = field(default_factory=dict)
    holds: tuple[()] = ()
    mentions: tuple[()] = ()

    def rules(self, environment: str, entry: Pinned) -> Rules:
        """The next tag of the shape that the entry pins, written in the same shape.

        Raises:
            KeyError: there is no such environment.
        """
        self.environments[environment]
        found = inference.infer(entry.pin)
        if isinstance(found, Unmanaged):
            return Rules(None, _shape(entry), unmanaged=found)
        return Rules(NamedPolicy(None, found, "inferred"), _shape(entry))


def infer(tree: Mapping[str, str]) -> Inferred:
    """The environments that the directories of a tree (path -> git mode) suggest, from `dev` to `production`."""
    directories = [
        directory
        for path in tree
        if path.endswith(FILE_NAMES)
        for directory, _, name in (path.rpartition("/"),)
        if name in FILE_NAMES and directory
    ]
    found: dict[str, set[str]] = defaultdict(set)
    beyond_doubt = _beyond_doubt(directories)
    for directory in directories:
        word = _environment(directory.split("/"), beyond_doubt)
        if word is not None and _is_plain(directory):
            found[word].add(directory)
    names = sorted(found, key=WORDS.index)
    return Inferred(MappingProxyType({name: Environment(name, tuple(sorted(found[name]))) for name in names}))


def _shape(entry: Pinned) -> PinShape:
    if entry.pin.digest is None:
        return "tag"
    return "digest" if entry.pin.tag is None else "tag+digest"


def _environment(parts: list[str], beyond_doubt: Mapping[str, set[str]]) -> str | None:
    """The word of the deepest directory that has one."""
    if any(part in _SKIPPED or part.startswith(".") for part in parts):
        return None
    for depth in range(len(parts), 0, -1):
        part = parts[depth - 1]
        if part.lower() in _BASES:
            return None
        word = _word(part)
        if word is None:
            continue
        if word not in _AMBIGUOUS:
            return word
        parent = "/".join(parts[: depth - 1])
        if (depth > 1 and parts[depth - 2].lower() in _PARENTS) or beyond_doubt.get(parent, set()) - {word}:
            return word
    return None


def _beyond_doubt(directories: Iterable[str]) -> Mapping[str, set[str]]:
    """For each directory, the environments that its children are beyond doubt."""
    found: dict[str, set[str]] = defaultdict(set)
    for parent, part in {pair for directory in directories for pair in _steps(directory)}:
        word = _word(part)
        if word is not None and word not in _AMBIGUOUS:
            found[parent].add(word)
    return found


def _steps(directory: str) -> Iterator[tuple[str, str]]:
    parts = directory.split("/")
    for depth, part in enumerate(parts):
        yield "/".join(parts[:depth]), part


@lru_cache(maxsize=4096)
def _word(part: str) -> str | None:
    """The environment that a directory's name speaks of."""
    *before, last = first, *after = _SEPARATORS.split(part.lower())
    if last in WORDS and not (last == "test" and before and before[-1] in _KINDS_OF_TESTS):
        return last
    return first if first in WORDS and all(token and _PLACE.fullmatch(token) for token in after) else None


def _is_plain(directory: str) -> bool:
    """Whether the name is a glob that means itself; one with braces is a scaffold's."""
    try:
        return Glob.parse(directory).prefix == f"{directory}/"
    except ValueError:
        return False
