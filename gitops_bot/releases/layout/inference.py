"""The environments of a repository without a configuration, by the names of its directories and files.

A directory is an environment's when its name is one of the words below, or has one at its end (`cluster-staging`,
`openshift-dev`) or, before a region or a number, at its start (`prod-eu`, `staging-2`). The deepest such directory
decides; a `base` that is deeper takes the environment away again. Some words have other meanings too (`test`, `live`,
`stage`): they count only in a directory such as `overlays`, or beside an environment that is beyond doubt. So do
`canary`, and rings and waves (`ring-1`, `prod-wave2`), of which two beside each other leave no doubt.

In a directory of no environment, a file that holds pins may be an environment's by its own name
(`values-production.yaml`). Directories of tests and examples have none, unless there is nothing else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gitops_bot.releases.layout.glob import is_plain
from gitops_bot.targets import by_directory, variant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

#: In the order in which a release travels; environments are shown in it.
WORDS: Final = (
    "dev", "development", "test", "qa", "uat", "staging", "stage", "preprod", "canary", "prod", "production", "live",
)  # fmt: skip
_AMBIGUOUS = frozenset({"canary", "live", "stage", "test"})
#: One of several parts of an environment that get a release one after the other; without a word, of production.
_RING = re.compile(rf"(?:(?P<word>{'|'.join(WORDS)})[-_.])?(?:ring|wave)[-_.]?(?P<number>[0-9]{{1,3}})")
_RING_AT_END = re.compile(rf"(?:(?<=[-_.])|^){_RING.pattern}$")
_BASES = frozenset({"base", "bases"})
#: Nothing below these is deployed from here: other people's files, scaffolds, and what tests read.
_SKIPPED = frozenset({"node_modules", "template", "templates", "testdata", "third-party", "third_party", "vendor"})
#: Directories of tests and examples.
_FIXTURES: Final = frozenset(
    {"docs", "e2e", "example", "examples", "fixture", "fixtures", "sample", "samples", "testdata", "tests"}
)
#: What runs a scenario in its directory (of kuttl and Chainsaw), and what tests in a directory `test` are written in.
_SCENARIO: Final = re.compile(r"(?:\.?kuttl-test|\.?chainsaw(?:-test)?)\.ya?ml")
_TEST: Final = re.compile(r".*(?:_test\.(?:go|py|sh)|\.(?:bats|robot))|test_.*\.py|conftest\.py", re.DOTALL)
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


def infer(tree: Mapping[str, str]) -> Mapping[str, Sequence[str]]:
    """The overlays of each environment that the directories of a tree (path -> git mode) suggest.

    Environments are in the order in which a release travels, from `dev` to `production`; overlays are sorted, as globs.
    """
    by_path = by_directory(tree, by_content=True)
    tests = scenarios(tree)
    real = {path: files for path, files in by_path.items() if not is_fixture(path) and not is_below(path, tests)}
    return _infer(real) or _infer(by_path)


def _infer(by_path: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    directories = [directory.removesuffix("/") for directory in by_path if directory]
    by_name: dict[str, set[str]] = defaultdict(set)
    beyond_doubt = _beyond_doubt(directories)
    for directory, files in by_path.items():
        parts = directory.split("/")[:-1]
        word = _environment(parts, beyond_doubt) if parts else None
        if word is None:
            for file, other in _files(parts, files):
                if is_plain(file, of_files=True):
                    by_name[other].add(file)
        elif is_plain(directory.removesuffix("/")):
            by_name[word].add(directory.removesuffix("/"))
    return {name: sorted(by_name[name]) for name in in_order(by_name)}


def place_of(name: str) -> tuple[int, int] | None:
    """The place of an environment in the order in which a release travels; None for a name that does not tell it."""
    if name in WORDS:
        return WORDS.index(name), -1
    ring = _RING.fullmatch(name)
    return (WORDS.index(ring["word"] or "prod"), int(ring["number"])) if ring is not None else None


def in_order(names: Iterable[str]) -> list[str]:
    """The environments among these names whose place is known, in the order in which a release travels."""
    places = [(place, name) for name in names if (place := place_of(name)) is not None]
    return [name for _, name in sorted(places)]


def environment_in(text: str) -> str | None:
    """The environment that a name speaks of, if it is beyond doubt: `web-prod` and `apps/prod/web.yaml` are `prod`."""
    environments = {word for part in text.split("/") if (word := _word(part.rpartition(".")[0] or part))}
    return next(iter(environments)) if len(environments) == 1 and _certain(environments) else None


def named_by_place(directory: str) -> str | None:
    """The environment of a directory by its place, whatever its name: `at23` of `environments/at23/web`."""
    return next((part for parent, part in pairwise(directory.split("/")) if parent.lower() in _PARENTS), None)


def is_skipped(directory: str) -> bool:
    """Whether nothing in a directory is deployed from there, by its name."""
    return any(part in _SKIPPED or (part.startswith(".") and part != ".") for part in directory.split("/"))


def is_fixture(directory: str) -> bool:
    """Whether the files of a directory are for tests or examples, by its name."""
    return not _FIXTURES.isdisjoint(directory.casefold().split("/"))


def scenarios(tree: Iterable[str]) -> frozenset[str]:
    """The directories with tests, by the files that run these: one called `test` may as well be an environment."""
    found: set[str] = set()
    for path in tree:
        directory, _, name = path.rpartition("/")
        if _SCENARIO.fullmatch(name):
            found.add(directory)
        elif "test" in directory and _TEST.fullmatch(name):
            parts = directory.split("/")
            found.update("/".join(parts[: at + 1]) for at, part in enumerate(parts) if part.casefold() == "test")
    return frozenset(found - {""})


def is_below(path: str, directories: Collection[str]) -> bool:
    """Whether a path is one of these directories, or inside of one."""
    parts = path.split("/") if directories else ()
    return any("/".join(parts[: end + 1]) in directories for end in range(len(parts)))


def _files(parts: Sequence[str], files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The files of one directory whose names are of an environment, with that."""
    if is_skipped("/".join(parts)) or (parts and parts[-1].lower() in _BASES):
        return
    names = {file.rpartition("/")[2]: file for file in files}
    variants = {file: word for name, file in names.items() if (text := variant(name, names)) and (word := _word(text))}
    certain = _certain(set(variants.values()))
    for file, word in variants.items():
        if certain - {word} or word in certain:
            yield file, word


def _environment(parts: list[str], beyond_doubt: Mapping[str, set[str]]) -> str | None:
    """The word of the deepest directory that has one."""
    if is_skipped("/".join(parts)):
        return None
    for depth in range(len(parts), 0, -1):
        part = parts[depth - 1]
        if part.lower() in _BASES:
            return None
        if (word := _word(part)) is None:
            continue
        is_in_parent = depth > 1 and parts[depth - 2].lower() in _PARENTS
        siblings = beyond_doubt.get("/".join(parts[: depth - 1]), set()) - {word}
        if _certain({word}) or is_in_parent or siblings:
            return word
    return None


def _certain(words: set[str]) -> set[str]:
    """Those of some names beside each other that are environments beyond doubt."""
    rings = {word for word in words if word not in WORDS}
    return (words - _AMBIGUOUS - rings) | (rings if len(rings) > 1 else set())


def _beyond_doubt(directories: Iterable[str]) -> Mapping[str, set[str]]:
    """For each directory, the environments that its children are beyond doubt."""
    by_name: dict[str, set[str]] = defaultdict(set)
    for directory in directories:
        parts = directory.split("/")
        for depth, part in enumerate(parts):
            if (word := _word(part)) is not None:
                by_name["/".join(parts[:depth])].add(word)
    return {parent: _certain(words) for parent, words in by_name.items()}


@lru_cache(maxsize=4096)
def _word(part: str) -> str | None:
    *before, last = first, *after = _SEPARATORS.split(part.lower())
    if ring := _RING_AT_END.search(part.lower()):
        return ring[0]
    if last in WORDS and not (last == "test" and before and before[-1] in _KINDS_OF_TESTS):
        return last
    return first if first in WORDS and all(token and _PLACE.fullmatch(token) for token in after) else None
