"""Changes one place of the package at a time and counts how many of these mutants the tests notice.

    pip install coverage pytest-cov
    mkdir /tmp/measured
    GITOPS_BOT_COVERAGE=/tmp/measured COVERAGE_FILE=/tmp/measured/.coverage \\
        pytest tests --cov=gitops_bot --cov-branch --cov-context=test --cov-report=
    python benchmarks/mutants.py /tmp/measured/.coverage [--count 300] [--seed 1] [--list]

The measured run tells which tests execute which lines, in the commands that tests fork, too. Each mutant changes one
expression or statement inside a function, and is run only against the tests that execute its line, the most focused
first, until one of them fails or 60 seconds have passed. A test that hangs for 20 seconds notices its mutant. The same
seed always chooses the same mutants of the same files.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROJECT = Path(__file__).resolve().parent.parent
ROOMS = ("engine", "proposals", "releases", "images", "targets")
#: Seconds for all tests of a mutant, and for one of them.
LIMIT, ONE_TEST = 60, 20
#: More tests than this cannot run within the limit.
MOST_TESTS = 400

COMPARISONS: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place: the lines `first` to `last` of a file are replaced by `text`."""

    path: str
    first: int
    last: int
    text: str
    what: str


def mutations(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What may become of one node, and what each is called."""
    return of_statement(node) if isinstance(node, ast.stmt) else of_expression(node)


def of_expression(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Compare(ops=[operator, *rest]) if type(operator) in COMPARISONS:
            yield "comparison", _with(node, ops=[COMPARISONS[type(operator)](), *rest])
        case ast.BoolOp(op=operator, values=values):
            yield "and/or", _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for at in range(len(values)):
                rest = values[:at] + values[at + 1 :]
                yield "one condition less", rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "no `not`", operand
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC:
            yield "arithmetic", _with(node, op=ARITHMETIC[type(operator)]())
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "constant", ast.Constant(value + 1)
        case ast.IfExp(test=test):
            yield "condition", _with(node, test=ast.UnaryOp(ast.Not(), test))


def of_statement(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.If(test=test):
            yield "condition", _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield "return", _with(node, value=ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Raise():
            yield "statement", ast.Pass()
        case ast.Continue():
            yield "statement", ast.Break()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a file: of what functions do, without their defaults, annotations and docstrings."""
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        statement = node
        while not isinstance(statement, ast.stmt) and statement in parents:
            statement = parents[statement]
        function = parents.get(statement)
        while function is not None and not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            function = parents.get(function)
        compound = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        annotation = isinstance(statement, ast.AnnAssign) and _is_inside(node, statement.annotation)
        if function is None or compound or annotation or isinstance(parents.get(node), ast.JoinedStr):
            continue
        for what, changed in mutations(node):
            mutant = _render(path, lines, node, changed, what)
            if mutant is not None:
                yield mutant


def _is_inside(node: ast.AST, outer: ast.AST) -> bool:
    return any(node is inner for inner in ast.walk(outer))


def _render(path: str, lines: Sequence[str], node: ast.AST, changed: ast.AST, what: str) -> Mutant | None:
    """The source with one node replaced; None where the node cannot be cut out by itself."""
    if isinstance(node, ast.If):  # only its condition is written again
        assert isinstance(changed, ast.If)
        node, changed = node.test, changed.test
    assert isinstance(node, ast.expr | ast.stmt)
    if node.end_lineno is None or node.end_col_offset is None:
        return None
    first, last = node.lineno, node.end_lineno
    before = lines[first - 1].encode()[: node.col_offset].decode()
    after = lines[last - 1].encode()[node.end_col_offset :].decode()
    text = ast.unparse(ast.fix_missing_locations(changed))
    if isinstance(node, ast.expr):
        text = f"({text})"
    mutated = f"{before}{text}{after}"
    whole = "".join((*lines[: first - 1], mutated, *lines[last:]))
    try:
        ast.parse(whole)
    except SyntaxError:
        return None
    return Mutant(path, first, last, mutated, what)


@dataclass(frozen=True, slots=True)
class Measured:
    """Which tests execute each line of a file, and how many lines each test executes in all."""

    tests: Mapping[tuple[str, int], frozenset[str]]
    breadth: Mapping[str, int]

    @classmethod
    def read(cls, data: Path) -> Measured:
        """Read the data of a run with branches and contexts (arcs, in the tables of coverage.py)."""
        tests: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
        breadth: Counter[str] = Counter()
        with sqlite3.connect(f"file:{data}?mode=ro", uri=True) as base:
            rows = base.execute(
                "select distinct file.path, context.context, abs(arc.tono) from arc"
                " join file on file.id = arc.file_id join context on context.id = arc.context_id"
            )
            for path, context, line in rows:
                # Behind "@" is the group of tests that a parallel run keeps together.
                name = re.sub(r"(?:@[^\]]*?)?(?:\|(?:setup|call|run|teardown))?\Z", "", context)
                place = (path.rpartition("/gitops_bot/")[2], line)
                if "::" in name and name not in tests[place]:
                    tests[place].add(name)
                    breadth[name] += 1
        return cls({place: frozenset(names) for place, names in tests.items()}, breadth)

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that execute a mutant's line, the most focused first."""
        lines = range(mutant.first, mutant.last + 1)
        names = frozenset().union(*(self.tests.get((mutant.path, line), frozenset()) for line in lines))
        return sorted(names, key=lambda name: (self.breadth[name], name))[:MOST_TESTS]


def choose(count: int, seed: int, rooms: Sequence[str]) -> list[Mutant]:
    """As many mutants, at most one of each line."""
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    package = PROJECT / "gitops_bot"
    for room in rooms:
        for file in sorted((package / room).rglob("*.py")):
            path = file.relative_to(package).as_posix()
            for mutant in mutants_of(path, file.read_text("utf-8")):
                by_line.setdefault((path, mutant.first), []).append(mutant)
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    lines = chance.sample(sorted(by_line), min(count, len(by_line)))
    return [chance.choice(by_line[line]) for line in lines]


def check_out(into: Path) -> None:
    """A copy of what git knows of the project, as a repository of its own."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True).stdout
    for name in filter(None, names.decode().split("\0")):
        source, target = PROJECT / name, into / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=into, check=True)


def environment(tree: Path) -> dict[str, str]:
    """The variables of a run of the tests in a tree; they find the corpus beside the project."""
    folder = {"GITOPS_BOT_CORPUS": os.environ.get("GITOPS_BOT_CORPUS", str(PROJECT.parent / "shared" / "corpus"))}
    env = {**os.environ, **folder, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("GITOPS_BOT_COVERAGE", None)
    return env


def survives(mutant: Mutant, tests: Sequence[str], tree: Path) -> bool:
    """Whether no test fails with the mutant in place of the original."""
    if not tests:
        return True
    file = tree / "gitops_bot" / mutant.path
    original = file.read_bytes()
    lines = original.decode().splitlines(keepends=True)
    file.write_text("".join((*lines[: mutant.first - 1], mutant.text, *lines[mutant.last :])), "utf-8")
    names = tree / "mutant-tests.txt"
    names.write_text("".join(f"{name}\n" for name in tests), "utf-8")
    hangs = ["-o", f"faulthandler_timeout={ONE_TEST}", "-o", "faulthandler_exit_on_timeout=true"]
    quiet = ["-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-x", "--numprocesses=0", *quiet, *hangs, f"@{names.name}"]
    env = environment(tree)
    with subprocess.Popen(
        command, cwd=tree, env=env, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            return True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
            file.write_bytes(original)
    return code == 0


def collect(tree: Path) -> frozenset[str]:
    """The tests of an unchanged tree. A mutant that keeps one of them from being collected is noticed, too."""
    command = [sys.executable, "-m", "pytest", "tests", "--collect-only", "-q", "--numprocesses=0"]
    done = subprocess.run(command, cwd=tree, env=environment(tree), capture_output=True, text=True, check=True)
    return frozenset(line for line in done.stdout.splitlines() if "::" in line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", action="append", choices=ROOMS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="name the mutants that survive")
    options = parser.parse_args()
    measured = Measured.read(options.measured)
    mutants = choose(options.count, options.seed, options.room or ROOMS)
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="gitops-bot-mutants-") as scratch:
        trees: Queue[Path] = Queue()
        for number in range(options.workers):
            check_out(Path(scratch) / str(number))
            trees.put(Path(scratch) / str(number))
        present = collect(Path(scratch) / "0")
        if not present.intersection(measured.breadth):
            raise SystemExit("no test of this tree is in the data: measure it again")

        def judge(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                return survives(mutant, [name for name in measured.of(mutant) if name in present], tree)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(options.workers) as pool:
            for mutant, survived in zip(mutants, pool.map(judge, mutants), strict=True):
                killed[mutant.path.partition("/")[0]] += not survived
                if survived and options.list:
                    why = "" if measured.of(mutant) else " (no test executes it)"
                    print(f"{mutant.path}:{mutant.first}: {mutant.what}: {mutant.text.strip()[:100]}{why}", flush=True)
    total = Counter(mutant.path.partition("/")[0] for mutant in mutants)
    for room, count in sorted(total.items()):
        print(f"{room:12} {killed[room]:4} of {count:4} killed")
    print(f"{'in all':12} {killed.total():4} of {len(mutants):4} killed: {100 * killed.total() / len(mutants):.1f} %")


if __name__ == "__main__":
    main()
