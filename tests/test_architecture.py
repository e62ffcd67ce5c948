"""Who may import whom, and what each package may touch: read from the source, without running it.

Every import counts, wherever it stands: in a function, or for the type checker only. A package that names
another package's types knows that package.
"""

from __future__ import annotations

import ast
import builtins
import graphlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gitops_bot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PACKAGE = Path(gitops_bot.__file__).parent

PURE = ("config", "images", "migration", "proposals", "releases", "targets")
INSIDE = ("commands", "engine", "log", "results")

#: Package -> the packages it may import, besides itself. Everyone may import `EVERYWHERE`.
MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "cli": (*PURE, "demo", "doctor", "edges", *INSIDE, "redact", "report", "server", "wiring"),
    "action": (*PURE, "edges", *INSIDE, "redact", "report", "wiring"),
    "server": (*PURE, "edges", *INSIDE, "wiring"),
    "wiring": (*PURE, "edges", "engine", "log", "redact"),
    "commands": (*PURE, "engine", "results"),
    "engine": (*PURE, "results"),
    "results": PURE,
    "doctor": (*PURE, "edges", "engine", "results"),
    "report": (*PURE, "redact", "results"),
    "edges": (*PURE, "log", "redact"),
    "demo": (*PURE, "edges", "log", "report", "results"),
    "migration": ("images", "releases", "targets"),
    "proposals": ("config", "images", "releases", "targets"),
    "releases": ("config", "images", "targets"),
    "targets": ("images",),
    "config": ("images", "targets"),
    "images": (),
    "log": ("redact",),
    "redact": (),
    "errors": (),
    "version": (),
}

#: What may import `migration`: the command `init --from`, and for the types of what it finds, those who pass it on.
KNOWS_MIGRATION = ("cli.init", "commands.migrate", "report.configuration", "results.checkout")

#: What every package may import: errors, and the version.
EVERYWHERE = ("errors", "version")

#: The edges that other edges stand on.
SHARED_EDGES = ("address", "cache", "clock", "disk", "environment", "facts", "http", "patience")

#: Library -> the modules that may import it.
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "boto3": ("edges.registry.cloud.ecr_process",),
    "botocore": ("edges.registry.cloud.ecr_process",),
    "click": ("cli.*",),
    "cronsim": ("server.loop",),  # calendars, and what clocks do in spring; it knows no present of its own
    "git": ("edges.git*",),
    "gitdb": ("edges.git*",),
    "github": ("edges.github*",),
    "graphql": ("demo.*",),
    "httpcore": ("edges.http*",),
    "httpx": ("edges.http*", "edges.registry*"),
    "jinja2": ("report.page",),
    "markdown_it": ("demo.markdown", "demo.extra"),
    "nh3": ("demo.markdown", "demo.extra"),
    "prometheus_client": ("server.metrics",),
    "re2": ("images.*",),
    "requests": ("edges.github*",),
    "ruamel": ("targets.*", "config*"),
    "structlog": ("log",),
    "tenacity": ("edges.patience",),
    "urllib3": ("edges.github*",),
    "wcwidth": ("report.screen",),
}

#: Of these one file knows everything, so that another could take their place.
IN_ONE_FILE = ("git", "github")

#: What the pure packages may use of the standard library: nothing that reaches network, disk, clock, environment or
#: chance.
#: `zoneinfo` reads a table of constants, the same for everybody, and asks for no time.
PURE_STANDARD_LIBRARY = frozenset({
    "__future__", "abc", "base64", "binascii", "bisect", "collections", "contextlib", "copy", "dataclasses",
    "datetime", "decimal", "difflib", "enum", "fnmatch", "fractions", "functools", "hashlib", "heapq", "html",
    "io.StringIO", "ipaddress", "itertools", "json", "math", "operator", "pathlib.PurePosixPath", "posixpath", "re",
    "shlex.quote", "string", "textwrap", "types", "typing", "unicodedata", "urllib.parse", "zoneinfo",
})  # fmt: skip
#: The engine gets the world as an argument, but it asks for several things at once, and waits at random between tries.
ENGINE_STANDARD_LIBRARY = PURE_STANDARD_LIBRARY | {"concurrent.futures", "random", "threading"}

#: Ways to a module past every import statement, where none of these rules would see it.
HIDDEN_IMPORTS = ("__import__", "builtins.__import__", "eval", "exec", "importlib", "pkgutil", "runpy", "sys.modules")
#: These parts read data of packages, and import nothing.
HARMLESS_IMPORTS = ("importlib.metadata", "importlib.resources")

#: Ways out of a pure package that need no import of their own.
IMPURE = frozenset({
    "__import__", "breakpoint", "compile", "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today",
    "datetime.datetime.utcnow", "eval", "exec", "input", "open", "print",
})  # fmt: skip

#: The folders of targets, and what their files look like. A text with one of these words is about one target.
TARGETS = tuple(
    f"gitops_bot.targets.{name}"
    for name in ("blue_green", "compose", "env", "helm", "kustomization", "manifests", "patterns")
)
SETTINGS_OF_TARGETS = ("config.form_target",)
WORDS_OF_TARGETS = ("kustomization.y", "newTag", "images:")
#: Module and word: keys of gitops-bot.yaml that are called like those of a target, and examples.
MAY_SAY = (
    ("config.*", "images:"),
    ("report.configuration", "images:"),
    ("config.form", "newTag"),
    ("cli.examples", "kustomization.y"),
)

#: The folders of forges, and the one module outside that names them.
FORGES = ("gitops_bot.edges.github",)
NAMES_THE_FORGE = "wiring.forge"
#: What users rely on: a value of `records:`, an event of the log, and what the registry ghcr.io takes as a password.
PROMISED = re.compile(r"\Agithub\Z|`github`|github\.warning\Z|GITHUB_TOKEN with `packages: read`")
#: A text or a name with one of these is about one forge.
WORDS_OF_FORGES = re.compile(r"github|\bSettings > ", re.IGNORECASE)
#: The action, the demo, and the forge's own folder.
MAY_NAME_A_FORGE = ("action.*", "demo.*", "edges.github*")

MOST_LINES = 500

#: What `gitops-bot --version` must not wait for; each costs 10 to 170 ms.
HEAVY = frozenset(LIBRARIES) - {"click"}


@dataclass(frozen=True, slots=True)
class Use:
    """A dotted name that a module imports, or reaches through an import."""

    symbol: str
    line: int
    imported: bool


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the package. `name` is dotted, without the package's own name: `edges.http`."""

    name: str
    path: str
    lines: int
    uses: tuple[Use, ...]
    #: The texts in it that are no docstrings, and the names that it gives or reaches for, each with its line.
    texts: tuple[tuple[str, int], ...] = ()
    identifiers: tuple[tuple[str, int], ...] = ()

    @property
    def package(self) -> str:
        """The package that the module stands in."""
        first = self.name.partition(".")[0]
        return {"": "version", "__main__": "cli"}.get(first, first)

    @property
    def edge(self) -> str:
        """The edge that a module of `edges` belongs to: `edges.registry.auth` is part of `registry`."""
        return self.name.split(".")[1].partition("_")[0] if "." in self.name else ""

    def imports(self) -> Iterator[Use]:
        return (use for use in self.uses if use.imported)


Tree = dict[str, Module]
#: The module, the line, and what is wrong there.
Breaches = Iterator[tuple[Module, int, str]]
Rule = Callable[[Tree], Breaches]


def read(package: Path) -> Tree:
    """Every module of a package, by its dotted name."""
    return {module.name: module for module in (_module(package, path) for path in sorted(package.rglob("*.py")))}


def _module(package: Path, path: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    inside = path.relative_to(package).with_suffix("").parts
    is_package = inside[-1] == "__init__"
    name = ".".join(inside[:-1] if is_package else inside)
    here = [package.name, *inside[:-1]]
    tree = ast.parse(source, filename=str(path))
    imports = list(_imports(tree, here))
    known = {own: meaning for own, meaning, _ in imports}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    reached = (
        Use(symbol, node.lineno, imported=False)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name) and (symbol := _symbol(node, known, bound))
    )
    uses = (*(use for _, _, use in imports), *reached)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        (node.value, node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]
    identifiers = [found for node in ast.walk(tree) for found in _identifiers(node)]
    return Module(
        name, str(path.relative_to(package.parent)), source.count("\n"), uses, tuple(texts), tuple(identifiers)
    )


def _identifiers(node: ast.AST) -> Iterator[tuple[str, int]]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            yield name, node.lineno
        case ast.arg(arg=name):
            yield name, node.lineno
        case ast.keyword(arg=str(name)):
            yield name, node.value.lineno


def _imports(tree: ast.Module, here: list[str]) -> Iterator[tuple[str, str, Use]]:
    """Every import as (the name it binds, what that name stands for, the use)."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    top = alias.name.partition(".")[0]
                    use = Use(alias.name, node.lineno, imported=True)
                    yield (alias.asname, alias.name, use) if alias.asname else (top, top, use)
            case ast.ImportFrom(module=origin, names=names, level=level):
                start = here[: len(here) - level + 1] if level else []
                for alias in names:
                    symbol = ".".join([*start, *filter(None, [origin]), alias.name])
                    yield alias.asname or alias.name, symbol, Use(symbol, node.lineno, imported=True)


def _symbol(node: ast.expr, known: Mapping[str, str], bound: set[str]) -> str | None:
    """What `node` names once the module's imports are followed; None where it is no import and no builtin."""
    match node:
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Name(id=name) if name not in bound and hasattr(builtins, name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            before = _symbol(value, known, bound)
            return f"{before}.{attribute}" if before else None
        case _:
            return None


def within(symbol: str, names: Iterable[str]) -> bool:
    """Whether `symbol` is one of these names or stands below one."""
    return any(symbol == name or symbol.startswith(f"{name}.") for name in names)


def target(symbol: str, tree: Tree) -> Module | None:
    """The module of ours that an imported name belongs to; None where it is not ours."""
    package, _, rest = symbol.partition(".")
    if package != PACKAGE.name:
        return None
    parts = rest.split(".") if rest else []
    names = (".".join(parts[:count]) for count in range(len(parts), -1, -1))
    return next((tree[name] for name in names if name in tree), None)


def rooms_are_known(tree: Tree) -> Breaches:
    """Move the module into the package it belongs to (CONTRIBUTING.md lists them)."""
    for module in tree.values():
        if module.package not in MAY_IMPORT:
            yield module, 1, f"`{module.package}` is no package of gitops_bot"


def rooms_import_in_one_direction(tree: Tree) -> Breaches:
    """Hand the value in as an argument, or move the code to the package whose work it is."""
    for module in tree.values():
        allowed, own = {*MAY_IMPORT.get(module.package, ()), module.package, *EVERYWHERE}, module.package
        for use in module.imports():
            other = target(use.symbol, tree)
            if other is not None and other.package not in allowed:
                yield module, use.line, f"`{own}` imports `{use.symbol}`, and `{own}` may not know `{other.package}`"


def imports_are_statements(tree: Tree) -> Breaches:
    """Write an import statement: it may stand inside a function."""
    for module in tree.values():
        for use in module.uses:
            if within(use.symbol, HIDDEN_IMPORTS) and not within(use.symbol, HARMLESS_IMPORTS):
                yield module, use.line, f"`{use.symbol}` may import anything, and no rule sees what"
                break  # what is imported on one line is used on others


def the_package_is_imported_in_parts(tree: Tree) -> Breaches:
    """Say what is needed: `from gitops_bot.ROOM import NAME`."""
    for module in tree.values():
        whole = (use for use in module.uses if use.symbol in (PACKAGE.name, f"{PACKAGE.name}.*"))
        for use in islice(whole, 1):
            yield module, use.line, f"`{PACKAGE.name}` is taken whole, and its attributes lead to every package"


def edges_stand_alone(tree: Tree) -> Breaches:
    """Let cli put the two together: an edge takes what it needs as an argument."""
    for module in tree.values():
        for use in module.imports() if module.package == "edges" else ():
            other = target(use.symbol, tree)
            if other is not None and other.package == "edges" and other.edge not in (module.edge, *SHARED_EDGES):
                yield module, use.line, f"the edge `{module.edge}` imports the edge `{other.edge}`"


def libraries_have_their_place(tree: Tree) -> Breaches:
    """Use what that module offers; a new library gets its place in LIBRARIES of this test."""
    for module in tree.values():
        for use in module.imports():
            library = use.symbol.partition(".")[0]
            if library in sys.stdlib_module_names or library == PACKAGE.name:
                continue
            places = LIBRARIES.get(library, ())
            if not any(fnmatchcase(module.name, place) for place in places):
                where = " and ".join(places) or "every place that is agreed"
                yield module, use.line, f"`{library}` is imported outside of {where}"


def some_libraries_stay_in_one_file(tree: Tree) -> Breaches:
    """Give that first module a function with our own types, and call it."""
    for library in IN_ONE_FILE:
        users = {
            module.name: (module, use.line)
            for module in tree.values()
            for use in module.imports()
            if within(use.symbol, (library,))
        }
        for module, line in list(users.values())[1:]:
            yield module, line, f"`{library}` is imported by a second file (the first is {next(iter(users))})"


def pure_rooms_touch_nothing(tree: Tree) -> Breaches:
    """Packages inside the edges see no network, disk, clock, environment or log: take the value as an argument.

    A module that is pure itself goes into PURE_STANDARD_LIBRARY of this test.
    """
    for module in tree.values():
        if module.package not in (*PURE, "commands", "engine", "results"):
            continue
        allowed = ENGINE_STANDARD_LIBRARY if module.package == "engine" else PURE_STANDARD_LIBRARY
        found = [use for use in module.uses if use.symbol in IMPURE or not _is_allowed(use.symbol, allowed)]
        # `random` and `random.uniform` on one line are one breach, told in full.
        for use in {use.line: use for use in sorted(found, key=lambda use: len(use.symbol))}.values():
            yield module, use.line, f"`{module.package}` uses `{use.symbol}`"


def _is_allowed(symbol: str, allowed: Iterable[str]) -> bool:
    """`import pathlib` alone is harmless where `pathlib.PurePosixPath` is allowed; `pathlib.Path` is not."""
    foreign = symbol.partition(".")[0] not in sys.stdlib_module_names
    return foreign or within(symbol, allowed) or any(name.startswith(f"{symbol}.") for name in allowed)


def only_targets_know_what_a_file_with_pins_looks_like(tree: Tree) -> Breaches:
    """Ask `gitops_bot.targets`, which gives the same values for every kind of file."""
    for module in tree.values():
        if module.package in ("targets", "demo") or module.name in SETTINGS_OF_TARGETS:
            continue
        words = set(WORDS_OF_TARGETS) - {word for name, word in MAY_SAY if fnmatchcase(module.name, name)}
        found = [(text, line) for text, line in module.texts if any(word in text for word in words)]
        found += [(use.symbol, use.line) for use in module.imports() if within(use.symbol, TARGETS)]
        for text, line in found:
            yield module, line, f"`{module.package}` knows one target: {text[:60]!r}"


def only_its_edge_knows_which_forge_it_is(tree: Tree) -> Breaches:
    """Say it in general words, or let the edge say it: `wiring.forge` is where the forge is named."""
    for module in tree.values():
        if any(fnmatchcase(module.name, name) for name in MAY_NAME_A_FORGE):
            continue
        found = [(use.symbol, use.line) for use in module.imports() if within(use.symbol, FORGES)]
        said = (*module.texts, *module.identifiers)
        if module.name == NAMES_THE_FORGE:
            found, said = [], module.texts
        found += [(text, line) for text, line in said if WORDS_OF_FORGES.search(PROMISED.sub("", text))]
        for text, line in found:
            yield module, line, f"`{module.package}` knows one forge: {text[:60]!r}"


def imports_make_no_circle(tree: Tree) -> Breaches:
    """Move what both need into a module of its own."""
    graph = {
        module.name: {other.name for use in module.imports() if (other := target(use.symbol, tree))} - {module.name}
        for module in tree.values()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        yield tree[circle[0]], 1, f"imports go round in a circle: {' <- '.join(circle)}"


def only_init_knows_the_settings_of_other_tools(tree: Tree) -> Breaches:
    """Only `init --from` needs it: move what others need to the package that it belongs to."""
    for module in tree.values():
        users = KNOWS_MIGRATION if module.package != "migration" else (module.name,)
        for use in module.imports():
            if use.symbol.startswith("gitops_bot.migration") and module.name not in users:
                yield module, use.line, f"`{module.name}` imports `{use.symbol}`"


def modules_stay_small(tree: Tree) -> Breaches:
    """A module has one concept: name the second one and give it a file."""
    for module in tree.values():
        if module.lines > MOST_LINES:
            yield module, MOST_LINES, f"{module.lines} lines, and {MOST_LINES} are the most"


def broken(rule: Rule, tree: Tree) -> list[str]:
    """What breaks a rule, and the way out, which its docstring says."""
    return [f"{module.path}:{line}: {what}\n    {rule.__doc__}" for module, line, what in rule(tree)]


#: Rule -> files that break it, and what is said of these.
BREACHES: Mapping[Rule, Sequence[tuple[dict[str, str], str]]] = {
    rooms_are_known: [({"helpers.py": ""}, "gitops_bot/helpers.py:1: `helpers` is no package of gitops_bot")],
    rooms_import_in_one_direction: [
        (
            {"releases/plan.py": "def f():\n    import gitops_bot.proposals.body\n", "proposals/body.py": ""},
            "gitops_bot/releases/plan.py:2: `releases` imports `gitops_bot.proposals.body`",
        ),
        (
            {"config.py": "if TYPE_CHECKING:\n    from gitops_bot.commands import Update\n", "commands/update.py": ""},
            "gitops_bot/config.py:2: `config` imports `gitops_bot.commands.Update`",
        ),
        (
            {"targets/spans.py": "from ..releases import decisions\n", "releases/decisions.py": ""},
            "gitops_bot/targets/spans.py:1: `targets` imports `gitops_bot.releases.decisions`",
        ),
    ],
    imports_are_statements: [
        ({file: text}, f"gitops_bot/{file}:{line}: `{symbol}` may import")
        for file, text, line, symbol in (
            ("report.py", "x = 1\nedge = __import__('gitops_bot.edges.git')\n", 2, "__import__"),
            ("log.py", "import importlib\nedge = importlib.import_module('gitops_bot.edges.git')\n", 1, "importlib"),
            ("cli.py", "from importlib import import_module as f\nx = f('y')\n", 1, "importlib.import_module"),
            ("edges/git.py", "def f():\n    from pkgutil import resolve_name\n", 2, "pkgutil.resolve_name"),
            ("demo/site.py", "import runpy\n", 1, "runpy"),
            ("report.py", "import sys\nedge = sys.modules['gitops_bot.edges.git']\n", 2, "sys.modules"),
            ("cli.py", "exec('import gitops_bot.edges.git')\n", 1, "exec"),
        )
    ],
    the_package_is_imported_in_parts: [
        ({"report.py": text, "edges/git.py": ""}, f"gitops_bot/report.py:{line}: `gitops_bot` is taken whole")
        for text, line in (
            ("import gitops_bot as bot\nrooms = bot\nrooms.edges.git.push()\n", 1),
            ("import gitops_bot.images\nx = 1\ngitops_bot.edges.git.push()\n", 3),
            ("from gitops_bot import *\n", 1),
        )
    ],
    edges_stand_alone: [
        (
            {"edges/http.py": "from gitops_bot.edges.registry import auth\n", "edges/registry/auth.py": ""},
            "gitops_bot/edges/http.py:1: the edge `http` imports the edge `registry`",
        ),
    ],
    libraries_have_their_place: [
        (
            {"edges/github.py": "def f():\n    import httpcore\n"},
            "gitops_bot/edges/github.py:2: `httpcore` is imported outside of edges.http*",
        ),
        ({"cli/a.py": "import attrs\n"}, "`attrs` is imported outside of every place that is agreed"),
    ],
    some_libraries_stay_in_one_file: [
        (
            {"edges/git.py": "import git\n", "edges/git_push.py": "import re\nfrom git.exc import GitError\n"},
            "gitops_bot/edges/git_push.py:2: `git` is imported by a second file (the first is edges.git)",
        )
    ],
    pure_rooms_touch_nothing: [
        ({"config.py": "import os\n"}, "gitops_bot/config.py:1: `config` uses `os`"),
        (
            {"targets/find.py": "import json, pathlib\nx = json.JSONDecoder.decode, pathlib.Path\n"},
            "gitops_bot/targets/find.py:2: `targets` uses `pathlib.Path`",
        ),
        ({"targets/find.py": "text = open('x').read()\n"}, "`targets` uses `open`"),
        (
            {"releases/hold.py": "from datetime import UTC, datetime as when\nnow = when.now(UTC)\n"},
            "gitops_bot/releases/hold.py:2: `releases` uses `datetime.datetime.now`",
        ),
        ({"engine/update.py": "import time\n"}, "`engine` uses `time`"),
    ],
    only_targets_know_what_a_file_with_pins_looks_like: [
        (
            {"engine/a.py": "from gitops_bot.targets.kustomization import a\n", "targets/kustomization/a.py": ""},
            "gitops_bot/engine/a.py:1: `engine` knows one target: 'gitops_bot.targets.kustomization.a'",
        ),
        (
            {"report/a.py": "def f(name):\n    return f'{name}: no newTag'\n"},
            "gitops_bot/report/a.py:2: `report` knows one target: ': no newTag'",
        ),
    ],
    only_its_edge_knows_which_forge_it_is: [
        (
            {"cli/a.py": "from gitops_bot.edges.github.x import Hub as Forge\n", "edges/github/x.py": ""},
            "gitops_bot/cli/a.py:1: `cli` knows one forge: 'gitops_bot.edges.github.x.Hub'",
        ),
        (
            {"doctor/a.py": "def f(github_token):\n    pass\n"},
            "gitops_bot/doctor/a.py:1: `doctor` knows one forge: 'github_token'",
        ),
        ({"proposals/a.py": "ADVICE = 'allow it in Settings > Rules'\n"}, "`proposals` knows one forge: 'allow it"),
    ],
    imports_make_no_circle: [
        (
            {"images/a.py": "from gitops_bot.images import b\n", "images/b.py": "from gitops_bot.images.a import x\n"},
            "imports go round in a circle: ",
        )
    ],
    only_init_knows_the_settings_of_other_tools: [
        (
            {"commands/check.py": "from gitops_bot.migration import flux\n", "migration/flux.py": ""},
            "gitops_bot/commands/check.py:1: `commands.check` imports `gitops_bot.migration.flux`",
        )
    ],
    modules_stay_small: [({"images/policy.py": "x = 1\n" * 501}, "gitops_bot/images/policy.py:500: 501 lines")],
}
SOUND: Mapping[str, dict[str, str]] = {
    "a package imports itself, errors": {"images/a.py": "from gitops_bot import errors, images\n", "errors.py": ""},
    "the version": {"edges/http.py": "from gitops_bot import __version__\n"},
    "an edge imports http": {"edges/github.py": "from gitops_bot.edges.http import text\n", "edges/http.py": ""},
    "one edge in several files": {
        "edges/registry/__init__.py": "from .auth import token\n",
        "edges/registry/auth.py": "from gitops_bot.edges import registry_limits\nimport os\n",
        "edges/registry_limits.py": "",
    },
    "cli": {"__main__.py": "from gitops_bot.cli.a import main\n", "cli/a.py": "import click, os\n"},
    "pure paths": {"releases/a.py": "from pathlib import PurePosixPath\nfrom datetime import datetime\n"},
    "a thread pool in the engine": {"engine/a.py": "from concurrent.futures import ThreadPoolExecutor\n"},
    "names like those of builtins": {"proposals/a.py": "def open(x): ...\ndef f(x):\n    open(1), x.open()\n"},
    "data of packages": {"report.py": "from importlib import metadata\nfrom importlib.resources import files\n"},
    "a part by a name of its own": {"report.py": "import gitops_bot.images as i\nx = i.policy\n"},
    "a method that is called like a way to import": {"edges/git.py": "def f(x):\n    x.exec('a')\n"},
    "a value that users write": {"config/a.py": "RECORDS = 'none', 'github'\n"},
    "where the forges are named": {
        "wiring/forge.py": "from gitops_bot.edges.github import GitHub\nFORGES = (GitHub,)\n",
        "edges/github.py": "",
    },
    "what a docstring says": {"report/a.py": 'def f():\n    """Read `newTag`."""\n'},
    "a module of 500 lines": {"images/policy.py": "x = 1\n" * 500},
}


def made_up(folder: Path, files: Mapping[str, str]) -> Tree:
    package = folder / PACKAGE.name
    for path, text in {"__init__.py": "__version__ = '1'\n", **files}.items():
        file = package / path
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text, encoding="utf-8")
    return read(package)


@pytest.mark.parametrize(
    ("rule", "files", "said"),
    [pytest.param(rule, *row, id=rule.__name__) for rule, table in BREACHES.items() for row in table],
)
def test_a_breach_is_found(rule: Rule, files: dict[str, str], said: str, tmp_path: Path) -> None:
    (breach,) = broken(rule, made_up(tmp_path, files))
    assert said in breach


@pytest.mark.parametrize("files", SOUND.values(), ids=SOUND)
def test_sound_code_is_left_alone(files: dict[str, str], tmp_path: Path) -> None:
    tree = made_up(tmp_path, files)
    assert [said for rule in BREACHES for said in broken(rule, tree)] == []


def test_the_package_holds_to_every_rule() -> None:
    tree = read(PACKAGE)
    breaches = [said for rule in BREACHES for said in broken(rule, tree)]
    assert not breaches, "\n" + "\n".join(breaches)
    # A rule about a package that is not there could not fail.
    assert {module.package for module in tree.values()} == set(MAY_IMPORT)


def test_the_version_is_told_without_the_heavy_libraries() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "gitops_bot", "--version"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert gitops_bot.__version__ in told.stdout
    loaded = set(re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", told.stderr, re.MULTILINE))
    assert "gitops_bot" in loaded
    assert sorted(loaded & HEAVY) == [], "import these inside the functions that need them"


def test_what_logs_in_at_clouds_is_loaded_for_their_registries_only() -> None:
    code = "import sys, gitops_bot.edges.registry; print([each for each in sys.modules if '.cloud.' in each])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    assert loaded == "[]\n"


def imports_of_tests(folder: Path) -> list[str]:
    """Where a test module imports another one. What two of them need belongs to a module that is no test."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for _, _, use in _imports(tree, ["tests", *path.relative_to(folder).parent.parts]):
            parts = use.symbol.split(".")
            if parts[0] == "tests" and any(part.startswith("test_") for part in parts[:-1]):
                found.append(f"{path.relative_to(folder)}:{use.line}: imports {use.symbol}")
    return found


def test_no_module_imports_from_a_test_module() -> None:
    assert imports_of_tests(Path(__file__).parent) == []


def test_an_import_from_a_test_module_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    text = "from tests.a.helper import test_case\nfrom .test_one import y\nimport tests.a.test_two.z\n"
    (tmp_path / "a" / "helper.py").write_text(text)
    assert [said.partition(" ")[2] for said in imports_of_tests(tmp_path)] == [
        "imports tests.a.test_one.y",
        "imports tests.a.test_two.z",
    ]
