"""Every known form of a secret through every way out: the log, errors, reports, tracebacks, the texts of proposals."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from gitops_bot import log, redact
from gitops_bot.cli import main as cli
from gitops_bot.edges import address
from gitops_bot.edges.git.process import Git
from gitops_bot.edges.github import failure as github
from gitops_bot.edges.github.commits import _subject
from gitops_bot.edges.http.transport import clean
from gitops_bot.edges.registry import describe
from gitops_bot.edges.registry import failure as registry
from gitops_bot.errors import BotError, Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.proposals.reconcile import Open
from gitops_bot.releases.decisions import Failed, Held
from gitops_bot.releases.layout.coverage import Coverage, Outside
from gitops_bot.report import show
from gitops_bot.report.screen import Screen
from gitops_bot.results.checkout import Checked, Edited
from gitops_bot.results.outcome import EnvironmentOutcome, Outcome
from gitops_bot.results.result import Head, Result
from tests.managed import change_of, managed
from tests.secret_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVER = "https://github.com"
AT = datetime(2026, 11, 21, tzinfo=UTC)
#: What this process knows to be a secret, though nothing in it tells.
KNOWN = "correct horse/battery"
ALL = FORMS | {
    "known secret": (f"no, {KNOWN} may not", (KNOWN,)),
    "known secret in an address": ("https://host.invalid/?q=correct%20horse%2Fbattery", ("battery",)),
}


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setattr(redact, "_passing", redact.deque())
    redact.learn(KNOWN)
    yield
    log.use("auto")


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def logged(log_format: str) -> Callable[[str, pytest.MonkeyPatch], object]:
    def tell(text: str, _: pytest.MonkeyPatch) -> None:
        log.use(log_format)
        log.event("a.fact", text=text, many=[text, {text: text}], error=RuntimeError(text))

    return tell


COVERAGE = Coverage(1, 0, (), (), Outside(), inferred=False)


def outcome(text: str) -> Result[Outcome]:
    """An outcome with this text wherever a stranger's may stand."""
    entry = managed("production", "apps/web", "apps/web/kustomization.yaml", 4, text, text, pin=Pin(text))
    pin, reason = Pin(text), Reason("held.hold", text, {"notes": text})
    problem = Problem("failed.git", text, text, text)
    change = change_of(
        entry,
        Pin("2.0.0", text),
        "policy",
        "forward",
        Reason("chosen", text),
        text,
        not_rolled_back=(text,),
    )
    before = f"images:\n- name: web\n  newTag: 1.0.0\nx: |\n{text}\n".encode()
    files = {"apps/web/kustomization.yaml": (before, before.replace(b"1.0.0", b"2.0.0"))}
    proposed = Proposal("all", BotBranch("gitops-bot/production/all"), "policy", Open(reason), (change,), files)
    decisions = (Held(entry, pin, reason), Failed(entry, problem), Failed(None, problem))
    environment = EnvironmentOutcome("production", decisions, (proposed,))
    return Outcome((environment,), (problem,), coverage=COVERAGE).of(text, "main", "0" * 40)


def reported(output: str) -> Callable[[str, pytest.MonkeyPatch], object]:
    def tell(text: str, _: pytest.MonkeyPatch) -> None:
        for written in (True, False):
            show.show("plan", outcome(text), output, AT, written=written)

    return tell


def on_a_narrow_terminal(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "Screen", SimpleNamespace(of=lambda out: Screen(out, 60)))
    reported("text")(text, monkeypatch)


def checked(output: str) -> Callable[[str, pytest.MonkeyPatch], object]:
    problem = Problem("failed.edit", "x", "y")
    return lambda text, _: show.show(
        "check",
        Result(Head(problems=(problem, Problem("failed.edit", text, text, text, 1, 2))), Checked(1, COVERAGE)),
        output,
        AT,
    )


def edited(output: str) -> Callable[[str, pytest.MonkeyPatch], object]:
    def tell(text: str, _: pytest.MonkeyPatch) -> None:
        (environment,) = outcome(text).body.environments
        (proposed,) = environment.proposals
        ((file, (before, after)),) = proposed.files.items()
        show.show("edit", Result(Head(), Edited(file, proposed.changes, 0, before, after)), output, AT, written=False)

    return tell


def failing(output: str) -> Callable[[str, pytest.MonkeyPatch], object]:
    def tell(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        error = BotError(Problem("failed.git", text, text, text))
        monkeypatch.setattr("gitops_bot.commands.edit.edit", raising(error))
        assert cli.main(["edit", "kustomization.yaml", "web=1.0.0", "--output", output]) == 1

    return tell


def bug(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError(text)
    error.__cause__ = KeyError(text)
    error.add_note(text)
    monkeypatch.setattr("gitops_bot.commands.edit.edit", raising(error))
    assert cli.main(["edit", "kustomization.yaml", "web=1.0.0"]) == 3


def wrong_usage(text: str, _: pytest.MonkeyPatch) -> None:
    assert cli.main([text]) == 2
    assert cli.main(["plan", f"--nope={text}"]) == 2


def wrong_argument(text: str, _: pytest.MonkeyPatch) -> None:
    assert cli.main(["edit", "kustomization.yaml", text, "-v"]) == 2


#: Every way out. What it gives or prints is what people see.
WAYS: dict[str, Callable[[str, pytest.MonkeyPatch], object]] = {
    "log as JSON": logged("json"),
    "log as text": logged("text"),
    "report as text": reported("text"),
    "report on a narrow terminal": on_a_narrow_terminal,
    "report as JSON": reported("json"),
    "check as text": checked("text"),
    "check as JSON": checked("json"),
    "edit as text": edited("text"),
    "edit as JSON": edited("json"),
    "error as text": failing("text"),
    "error as JSON": failing("json"),
    "traceback": bug,
    "wrong usage": wrong_usage,
    "wrong argument": wrong_argument,
    "words of a registry": lambda text, _: registry.error_message(
        json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode(), ()
    ),
    "words of a credential helper": lambda text, _: clean(text),
    "words of GitHub": lambda text, _: github.error_message(
        {"message": text, "errors": [text, {"message": text}]}, "x" * 40
    ),
    "words of git": lambda text, _: Git({}).printable(text.encode()),
    "subject of a commit, in a proposal": lambda text, _: _subject({"commit": {"message": text}}),
    "label of an image, in a proposal": lambda text, _: describe.parse_line(text),
    "source of an image, in a proposal": lambda text, _: describe.parse_url(f"https://github.com/acme/web?{text}"),
}
#: These take one line, or nothing that holds a secret at all.
MAY_SAY_NOTHING = {
    "subject of a commit, in a proposal",
    "label of an image, in a proposal",
    "source of an image, in a proposal",
    "wrong usage",
    "wrong argument",
}


@pytest.mark.parametrize("way", WAYS)
def test_no_form_of_a_secret_comes_out(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (text, secret) in ALL.items():
        given = WAYS[way](text, monkeypatch)
        captured = capsys.readouterr()
        shown = f"{given or ''}{captured.out}{captured.err}"
        # The text came here, and something was struck out of it.
        assert "***" in shown or way in MAY_SAY_NOTHING, (name, shown)
        assert not [part for part in secret if part in shown], (name, shown)


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith(("label", "source", "report on"))])
def test_what_is_no_secret_comes_out_whole(
    way: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"ghcr.io/acme/web:v1.4.2@sha256:{'0123456789abcdef' * 4}"
    given = WAYS[way](text, monkeypatch)
    captured = capsys.readouterr()
    assert text in f"{given or ''}{captured.out}{captured.err}".replace("\n", "")


def test_the_bytes_of_an_edit_are_written_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like a secret in a file is the file's: it is not shown, and it stays."""
    texts = [text.replace("\n", "\n    ") for text, _ in ALL.values()]
    file = tmp_path / "kustomization.yaml"
    before = "images:\n- name: web\n  newTag: 1.0.0\nconfigMapGenerator:\n- name: x\n  literals:\n"
    before += "".join(f"  - |\n    {text}\n" for text in texts)
    file.write_text(before, encoding="utf-8")
    assert cli.main(["edit", "--dry-run", str(file), "web=ghp_0123456789abcdefghij"]) == 0
    assert "ghp_0123456789abcdefghij" not in capsys.readouterr().out
    assert cli.main(["edit", str(file), "web=ghp_0123456789abcdefghij"]) == 0
    assert file.read_text("utf-8") == before.replace("1.0.0", "ghp_0123456789abcdefghij")


@pytest.mark.parametrize("variable", ["GITHUB_TOKEN", "GH_TOKEN"])
def test_the_token_of_the_environment_is_known_from_the_start(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "nothing-tells-it\n")
    wrong_usage("nothing-tells-it", monkeypatch)
    bug("nothing-tells-it", monkeypatch)
    captured = capsys.readouterr()
    assert "nothing-tells-it" not in captured.out + captured.err
    assert captured.err.count("***") == 4


def test_the_password_in_an_address_is_known_from_then_on() -> None:
    assert address.parse("https://ada:hunter%272@host.invalid/acme/web", server=SERVER).password == "hunter'2"
    assert redact.strike("no, hunter'2 may not") == "no, *** may not"


def test_standard_error_that_is_closed_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert cli.main(["edit", "nowhere", "web=1.0.0", "-v"]) != 3
    sys.stderr.close()
