"""What people read: tables and blocks, colours, and each thing told once."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest

from gitops_bot import redact
from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Change, Failed, Held, Managed
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import Screen, fold
from gitops_bot.report.show import print_changes, print_outcome, show_problems, totals
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.result import Head
from tests.conftest import Terminal
from tests.managed import alter, change_of, managed
from tests.proposals.sample import carried_out, kept
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HEAD = Head("acme/deploy", "main", "0" * 40)
A, B = (f"sha256:{letter * 64}" for letter in "ab")
PATH = "clusters/production-eu-west/platform/web/kustomization.yaml"


def entry(name: str = "ghcr.io/acme/web", file: str = PATH, *, image: str | None = None) -> Managed:
    return managed("production", file.rpartition("/")[0], file, 12, name, image or name)


def change(name: str = "ghcr.io/acme/web", file: str = PATH, *, why: str = "v1.5.0 is the highest of 4 tags") -> Change:
    before, after = Pin("v1.4.1", A), Pin("v1.5.0", B)
    return change_of(alter(entry(name, file), pin=before), after, "policy", "forward", Reason("chosen", why))


def shown(print_it: Callable[[Screen], None], width: int | None = None, *, colours: bool = False) -> str:
    out = StringIO()
    print_it(Screen(out, width, colours))
    return out.getvalue()


def outcome(*environments: EnvironmentOutcome) -> Outcome:
    return Outcome(environments)


def told(*environments: EnvironmentOutcome, width: int | None = None, colours: bool = False) -> str:
    return shown(
        lambda screen: print_outcome(HEAD, outcome(*environments), screen, written=True), width, colours=colours
    )


# --- tables and blocks ---------------------------------------------------------------------------------------------

LONG = "v1.5.0 is the highest of 4 tags that semver >=1.0.0 with pre-releases admits, and higher than v1.4.1"
BLOCK = f"""\
    ghcr.io/acme/web
      v1.4.1@{A[:19]} -> v1.5.0@{B[:19]}
      {PATH}:12
      v1.5.0 is the highest of 4 tags that semver >=1.0.0 with pre-releases
        admits, and higher than v1.4.1
"""


def test_under_100_columns_a_change_is_a_block_with_a_line_for_each_fact() -> None:
    changes = [change(why=LONG)]
    assert shown(lambda screen: print_changes(changes, screen), 80) == BLOCK
    assert shown(lambda screen: print_changes(changes, screen), 99).splitlines()[:3] == BLOCK.splitlines()[:3]


TABLE = f"""\
    IMAGE             FROM                        TO
    ghcr.io/acme/web  v1.4.1@{A[:19]}  v1.5.0@{B[:19]}
      {PATH}:12
      v1.5.0 is the highest of 4 tags that semver >=1.0.0 with pre-releases admits, and higher than
        v1.4.1
    ghcr.io/acme/api  v1.4.1@{A[:19]}  v1.5.0@{B[:19]}
      {PATH}:12
      v1.5.0 is the highest of 4 tags
"""


def test_from_100_columns_on_changes_are_a_table_with_where_and_why_below_each_row() -> None:
    changes = [change(why=LONG), change("ghcr.io/acme/api")]
    assert shown(lambda screen: print_changes(changes, screen), 100) == TABLE


def test_a_table_that_would_tear_an_image_is_blocks_at_any_width() -> None:
    deep = [change(f"registry.example.com/{'a-very-long-team/' * 4}web")]
    assert "IMAGE" not in shown(lambda screen: print_changes(deep, screen), 140)
    assert "IMAGE" in shown(lambda screen: print_changes(deep, screen), 180)


@pytest.mark.parametrize("width", [*range(20, 200, 7), 80, 100, 140])
def test_no_word_is_torn_at_any_width(width: int) -> None:
    failed = Failed(entry(), Problem("failed.registry", "ghcr.io did not answer", "Check that it runs.", PATH, 3, 4))
    held = Held(alter(entry("ghcr.io/acme/api"), pin=Pin("v1.4.1", A)), Pin("v1.5.0", B), Reason("held.freeze", LONG))
    proposed = carried_out("open", change(why=LONG), branch="gitops-bot/production/all")
    text = told(EnvironmentOutcome("production", (held, failed, *kept(3)), (proposed,)), width=width)
    whole = told(EnvironmentOutcome("production", (held, failed, *kept(3)), (proposed,)), width=10_000)
    table = {"IMAGE", "FROM", "TO", "->"}
    assert set(text.split()) - table == set(whole.split()) - table
    assert [line for line in text.splitlines() if len(line) > width and len(line.split()) > 1] == []


@rows("text width lines", {
    "nothing": ("", 10, [""]),
    "it fits": ("one two", 10, ["one two"]),
    "to the last column": ("one two", 7, ["one two"]),
    "one column short": ("one two", 6, ["one", "  two"]),
    "a longer word": ("apps/web/overlays/x:12 is it", 10, ["apps/web/overlays/x:12", "  is it"]),
    "two blanks": ("a  b", 10, ["a  b"]),
    "wide characters": ("漢字 漢字", 8, ["漢字", "  漢字"]),
})  # fmt: skip
def test_lines_are_folded_between_words(text: str, width: int, lines: list[str]) -> None:
    assert list(fold(text, width, 2)) == lines


def test_what_is_piped_is_one_line_a_change_however_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = StringIO()
    print_changes([change(why=LONG)], Screen.of(out))
    head, line = out.getvalue().splitlines()
    assert head.split() == ["IMAGE", "FROM", "TO", "WHERE", "WHY"]
    assert line.split() == ["ghcr.io/acme/web", f"v1.4.1@{A[:19]}", f"v1.5.0@{B[:19]}", f"{PATH}:12", *LONG.split()]


def test_what_is_held_or_failed_is_one_line_each_in_a_pipe_with_the_columns_of_a_change() -> None:
    freeze = Reason("held.hold", "no release before the fair", {"image": "db"})
    held = [
        Held(alter(entry("ghcr.io/acme/web"), pin=Pin("v1.4.1", A)), Pin("v1.5.0", B), freeze),
        Held(alter(entry("db", "b.yaml"), pin=Pin("v1")), None, freeze),
    ]
    failed = [Failed(entry(f"r.test/acme/{name}", "c.yaml"), unreachable("r.test", name)) for name in ("api", "longer")]
    stopped = Failed(None, Problem("failed.git", "the branch is protected", "use a pull request"))
    lines = told(EnvironmentOutcome("production", (*held, *failed, stopped))).splitlines()
    at = {line.strip(): number for number, line in enumerate(lines)}
    assert [line.split(maxsplit=4) for line in lines[at["held:"] + 1 : at["3 failed: see below"]]] == [
        ["ghcr.io/acme/web", f"v1.4.1@{A[:19]}", f"v1.5.0@{B[:19]}", f"{PATH}:12", f"held.hold: {freeze.text}"],
        ["db", "v1", "-", "b.yaml:12", f"held.hold: {freeze.text}"],
    ]
    assert lines[at["failed:"] :] == [
        "failed:",
        "  r.test/acme/api     c.yaml:12  r.test cannot be found: Name or service not known",
        "  r.test/acme/longer  c.yaml:12  r.test cannot be found: Name or service not known",
        "    next: Check its name, and the DNS of this machine.",
        "  production  -  the branch is protected",
        "    next: use a pull request",
    ]


def test_a_secret_is_struck_before_a_line_is_folded() -> None:
    secret = "correct horse battery staple of this test"
    redact.learn(secret)
    for width in (20, 45, 160):
        text = " ".join(shown(lambda screen: print_changes([change(why=f"it said {secret}")], screen), width).split())
        assert "horse" not in text
        assert "staple" not in text


def test_no_folded_line_begins_with_what_a_workflow_would_obey() -> None:
    why = "the registry said something long before it said ::error::owned"
    text = shown(lambda screen: screen.say(why), 50)
    assert "owned" in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


# --- colours -------------------------------------------------------------------------------------------------------


@rows("environ colours", {
    "a terminal": ({"TERM": "xterm"}, True),
    "NO_COLOR is empty": ({"TERM": "xterm", "NO_COLOR": ""}, True),
    "NO_COLOR": ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    "a dumb terminal": ({"TERM": "dumb"}, False),
})  # fmt: skip
def test_a_terminal_has_colours_unless_somebody_minds(
    environ: Mapping[str, str], colours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert Screen.of(Terminal()).colours is colours
    assert Screen.of(StringIO()).colours is False


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert Screen.of(Terminal()).width == 72
    assert Screen.of(StringIO()).width is None


def test_a_diff_is_coloured_by_line_and_never_folded() -> None:
    files = {"k.yaml": (b"images:\n- name: web\n  newTag: v1\n", b"images:\n- name: web\n  newTag: v2\n")}
    lines = shown(lambda screen: print_diff(files, screen), 10, colours=True).splitlines()
    assert lines == [
        "",
        "\x1b[1m--- a/k.yaml\x1b[0m",
        "\x1b[1m+++ b/k.yaml\x1b[0m",
        "\x1b[36m@@ -1,3 +1,3 @@\x1b[0m",
        " images:",
        " - name: web",
        "\x1b[31m-  newTag: v1\x1b[0m",
        "\x1b[32m+  newTag: v2\x1b[0m",
    ]


# --- each thing once -----------------------------------------------------------------------------------------------


def unreachable(host: str, image: str) -> Problem:
    name = f"{host}/acme/{image}"
    what = f"{host} cannot be found: Name or service not known"
    return Problem("failed.registry", f"{name}: {what}", "Check its name, and the DNS of this machine.", about=name)


def two_dead_hosts() -> list[EnvironmentOutcome]:
    """Fourteen entries in seven files of two environments."""
    failed: dict[str, list[Failed]] = {"staging": [], "production": []}
    for number in range(7):
        name = "staging" if number < 4 else "production"
        for host in ("one.example", "two.example"):
            problem = unreachable(host, f"app{number}")
            failed[name].append(Failed(entry(f"{host}/acme/app{number}", f"{name}/app{number}/k.yaml"), problem))
    return [EnvironmentOutcome(name, tuple(found)) for name, found in failed.items()]


def test_a_dead_registry_is_told_once_for_all_of_its_entries() -> None:
    text = told(*two_dead_hosts(), width=1000)
    one, two = (", ".join(f"{host}.example/acme/app{number}" for number in range(5)) for host in ("one", "two"))
    assert text.endswith(f"""
staging
  8 failed: see below
  0 unchanged

production
  6 failed: see below
  0 unchanged

failed:
  one.example cannot be found: Name or service not known
    7 entries in 7 files: {one} and 2 more
    next: Check its name, and the DNS of this machine.
  two.example cannot be found: Name or service not known
    7 entries in 7 files: {two} and 2 more
    next: Check its name, and the DNS of this machine.
""")


FAILURES: list[tuple[str, Sequence[Failed], str]] = [
    (
        "one entry: its name once, and where it is",
        [Failed(entry("one.example/acme/web"), unreachable("one.example", "web"))],
        f"  one.example/acme/web: one.example cannot be found: Name or service not known ({PATH}:12)\n    next: Check ",
    ),
    (
        "an entry whose name is not its image",
        [Failed(entry("web", image="one.example/acme/web"), unreachable("one.example", "web"))],
        f"web (one.example/acme/web): one.example cannot be found: Name or service not known ({PATH}:12)\n",
    ),
    (
        "the image at fault is another one: that of the source of a promotion",
        [Failed(entry("two.example/acme/web"), unreachable("one.example", "web"))],
        "  two.example/acme/web: one.example/acme/web: one.example cannot be found: Name or service not known (",
    ),
    (
        "one image in three files",
        [
            Failed(entry("r.test/b", f"{name}/k.yaml"), Problem("failed.auth", "r.test/b: a said no", about="r.test/b"))
            for name in "xyz"
        ],
        "  a said no\n    3 entries in 3 files: r.test/b\n",
    ),
    (
        "two reasons",
        [
            Failed(entry("r.test/b", "x.yaml"), Problem("failed.auth", "r.test/b: a said no", about="r.test/b")),
            Failed(entry("r.test/c", "x.yaml"), Problem("failed.auth", "r.test/c: a said never", about="r.test/c")),
        ],
        "failed:\n  r.test/b: a said no (x.yaml:12)\n  r.test/c: a said never (x.yaml:12)\n",
    ),
    (
        "one entry that stands twice: the places tell more than its name",
        [
            Failed(
                entry("r.test/b", "x.yaml"), Problem("failed.edit", "it is there twice", "keep one", "x.yaml", line, 3)
            )
            for line in (2, 4)
        ],
        "  it is there twice\n    2 entries in 1 file: x.yaml:2:3, x.yaml:4:3\n    next: keep one\n",
    ),
    (
        "two files",
        [Failed(None, Problem("failed.edit", "two documents", "split it", f"{name}.yaml", 3, 1)) for name in "xy"],
        "  two documents\n    2 files: x.yaml:3:1, y.yaml:3:1\n    next: split it\n",
    ),
    (
        "a file",
        [Failed(None, Problem("failed.edit", "two documents", "split it", "k.yaml", 3, 1))],
        "  two documents (k.yaml:3:1)\n    next: split it\n",
    ),
    (
        "an environment",
        [Failed(None, Problem("failed.git", "the branch is protected", "use a pull request"))],
        "  production: the branch is protected\n    next: use a pull request\n",
    ),
]


@pytest.mark.parametrize(("failed", "expected"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_failure_says_what_failed_why_and_what_next(failed: Sequence[Failed], expected: str) -> None:
    assert expected in told(EnvironmentOutcome("production", tuple(failed)), width=1000)


def test_what_stopped_two_environments_is_told_once_with_both() -> None:
    stopped = (Failed(None, Problem("failed.forge", "the forge did not answer", "run again")),)
    reason = Reason("failed.forge", "the forge did not answer")
    proposed = carried_out("none", change(), reason=reason, branch="gitops-bot/x/all")
    text = told(*(EnvironmentOutcome(name, stopped, (proposed,)) for name in ("staging", "production")), width=1000)
    assert text.count("the forge did not answer") == 1
    assert text.count("not done gitops-bot/x/all\n") == 2
    assert text.endswith("failed:\n  staging, production: the forge did not answer\n    next: run again\n")


def test_a_reason_that_holds_several_entries_is_told_once_below_them() -> None:
    freeze = Reason("held.freeze", "no release before the fair")
    held = [Held(alter(entry(name), pin=Pin("v1")), Pin("v2"), freeze) for name in ("a", "b")]
    other = alter(held[0], entry=alter(entry("c"), pin=Pin("v1")), reason=Reason("held.moved", "v1 was moved"))
    text = told(EnvironmentOutcome("production", (held[0], other, held[1])), width=1000)
    assert (
        f"""
  held:
    a v1 -> v2  {PATH}:12
    b v1 -> v2  {PATH}:12
      held.freeze: no release before the fair
    c v1 -> v2  {PATH}:12
      held.moved: v1 was moved
"""
        in text
    )


def test_a_problem_of_the_whole_run_has_its_place_and_the_next_step() -> None:
    problems = [Problem("failed.edit", "a folder is claimed twice", "keep one of them", "gitops-bot.yaml", 7, 3)]
    expected = "error: gitops-bot.yaml:7:3: a folder is claimed twice\n  next: keep one of them\n"
    assert shown(lambda screen: show_problems(problems, screen)) == expected
    painted = shown(lambda screen: show_problems(problems, screen), 60, colours=True)
    assert painted == expected.replace("error:", "\x1b[1;31merror:\x1b[0m")


def test_what_is_wrong_in_several_places_is_told_once_on_a_terminal_and_a_line_each_in_a_pipe() -> None:
    problems = [Problem("failed.edit", "it is there twice", "keep one", "k.yaml", line, 3) for line in (2, 4, 6)]
    expected = "error: k.yaml:2:3: it is there twice\n  also in k.yaml:4:3, k.yaml:6:3\n  next: keep one\n"
    assert shown(lambda screen: show_problems(problems, screen), 60) == expected
    lines = shown(lambda screen: show_problems(problems, screen)).splitlines()
    assert [line for line in lines if line.startswith("error")] == [
        f"error: k.yaml:{line}:3: it is there twice" for line in (2, 4, 6)
    ]


def test_a_missing_token_is_told_once() -> None:
    missing = Failed(None, Problem("failed.auth", "no token: pull requests cannot be opened", "set GITHUB_TOKEN"))
    blind = alter(outcome(EnvironmentOutcome("production")), saw_pull_requests=False, token_variable="GITHUB_TOKEN")
    refused = alter(blind, environments=(EnvironmentOutcome("production", (missing,)),))
    plan = shown(lambda screen: print_outcome(HEAD, blind, screen, written=False))
    assert plan.endswith("No token is set, so open pull requests were not read. Set GITHUB_TOKEN to include them.\n")
    update = shown(lambda screen: print_outcome(HEAD, refused, screen, written=True))
    assert update.count("token") == 1
    login = EnvironmentOutcome("production", (alter(missing, entry=entry()),))  # that of a registry
    assert "No token is set" in shown(
        lambda screen: print_outcome(HEAD, alter(blind, environments=(login,)), screen, written=True)
    )


# --- the last line ---------------------------------------------------------------------------------------------------

OPENED = [carried_out("open", change("a"), change("b"), branch="x"), carried_out("refresh", change("c"), branch="y")]
NOT_DONE = carried_out("none", change("d"), reason=Reason("failed.forge", "no"), branch="z")
STOPPED = Failed(None, Problem("failed.forge", "no", "run again"))
WAITS = Held(entry("e"), None, Reason("held.hold", "the fair", {"image": "e"}))
FREEZE = Reason("held.hold", "the fair", {"image": None})
FROZEN = [Held(entry(name), None, FREEZE) for name in ("e", "f", "h")]
WAITS_OPEN = Held(change("f").entry, None, Reason("held.limit", "6 are open"))
LEFT = carried_out("leave", change("f"), change("g"), reason=Reason("person", "somebody's"), branch="w")
TOTALS: list[tuple[str, EnvironmentOutcome, str]] = [
    ("nothing", EnvironmentOutcome("p"), "no changes"),
    ("two pull requests", EnvironmentOutcome("p", (WAITS,), (*OPENED,)), "3 changes in 2 pull requests, 1 held"),
    ("one of each", EnvironmentOutcome("p", (), OPENED[1:]), "1 change in 1 pull request"),
    ("a commit", EnvironmentOutcome("p", (), (carried_out("commit", *OPENED[0].changes),)), "2 changes in 1 commit"),
    ("one failed", EnvironmentOutcome("p", (STOPPED,), (NOT_DONE, OPENED[1])), "1 change in 1 pull request, 1 failed"),
    ("all failed", EnvironmentOutcome("p", (STOPPED,), (NOT_DONE,)), "no changes, 1 failed"),
    (
        "what a person has, and a limit",
        EnvironmentOutcome("p", (WAITS_OPEN,), (LEFT,)),
        "no changes, 1 left alone, 1 held",
    ),
    ("a freeze where nothing waits", EnvironmentOutcome("p", (*FROZEN,)), "no changes"),
    ("a freeze that pauses", EnvironmentOutcome("p", (*FROZEN,), (LEFT,)), "no changes, 1 left alone, 1 held"),
    (
        "a freeze of what was named",
        EnvironmentOutcome("p", (*FROZEN,), named=frozenset({FROZEN[0].entry.key})),
        "no changes, 1 held",
    ),
    (
        "there already",
        EnvironmentOutcome("p", (), (carried_out("none", change(), branch="x"),)),
        "no changes, 1 proposed already",
    ),
]


@pytest.mark.parametrize(("environment", "text"), [row[1:] for row in TOTALS], ids=[row[0] for row in TOTALS])
def test_the_totals_are_what_would_be_written_and_what_was(environment: EnvironmentOutcome, text: str) -> None:
    assert totals(outcome(environment), written=False) == text
    assert totals(outcome(environment), written=True) == f"written: {text}"


def test_a_pull_request_that_is_closed_is_in_the_totals() -> None:
    environment = EnvironmentOutcome("p", (), (carried_out("close", branch="x"),))
    assert totals(outcome(environment), written=False) == "1 pull request to close"
    assert totals(outcome(environment), written=True) == "written: 1 pull request closed"


def test_what_a_branch_carries_beside_the_named_entry_is_not_in_the_totals() -> None:
    named, other = change("a"), alter(change("b"), carried=True)
    proposed = carried_out("refresh", named, other, branch="x")
    environment = EnvironmentOutcome("p", (), (proposed,), named=frozenset({named.entry.key}))
    assert totals(outcome(environment), written=True) == "written: 1 change in 1 pull request"
