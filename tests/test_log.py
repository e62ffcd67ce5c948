"""The log: events with key-values, one form for people and one for machines, and nothing in them that must not be."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot import log
from tests.conftest import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    log.use("auto")


def logged(monkeypatch: pytest.MonkeyPatch, name: str, **facts: Any) -> str:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    log.event(name, **facts)
    return err.getvalue()


def test_an_event_is_one_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    told = logged(monkeypatch, "cache.unused", level="warning", folder="/a\nb", tries=2, seen=("x", None, 1.5, True))
    assert told.count("\n") == 1
    document = json.loads(told)
    assert list(document) == ["timestamp", "level", "event", "run_id", "folder", "tries", "seen"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", document.pop("timestamp"))
    assert re.fullmatch("[0-9a-f]{12}", document.pop("run_id"))
    assert document == {
        "level": "warning",
        "event": "cache.unused",
        "folder": "/a\nb",
        "tries": 2,
        "seen": ["x", None, 1.5, True],
    }


def test_what_is_told_once_is_told_again_only_with_other_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(log, "_logged", set())
    for folder in ("/a", "/b", "/a", "/b"):
        log.once("cache.unused", folder=folder)
    assert [json.loads(line)["folder"] for line in err.getvalue().splitlines()] == ["/a", "/b"]


def test_all_events_of_a_process_have_one_id_and_another_process_has_another(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {json.loads(logged(monkeypatch, name))["run_id"] for name in ("a", "b")}
    assert ids == {log.RUN_ID}
    code = "from gitops_bot import log; log.event('a')"
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(other.stderr)["run_id"] not in ids


@pytest.mark.parametrize(
    ("log_format", "terminal", "as_json"),
    [("auto", False, True), ("auto", True, False), ("json", True, True), ("text", False, False)],
)
def test_the_form_follows_the_choice_and_else_the_terminal(
    monkeypatch: pytest.MonkeyPatch, log_format: str, terminal: bool, as_json: bool
) -> None:
    err = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    log.use(log_format)
    log.event("cache.unused", folder="/a b", tries=2)
    assert err.getvalue().startswith("{") is as_json
    if not as_json:
        assert re.search(r"\[info +\] cache\.unused +run_id=[0-9a-f]{12} folder='/a b' tries=2\n$", err.getvalue())


@pytest.mark.parametrize(
    ("least", "shown"),
    [("debug", "dciwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")],
)
def test_levels_below_the_least_are_not_shown(monkeypatch: pytest.MonkeyPatch, least: log.Level, shown: str) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    log.use("json", least=least)
    log.debug("d")
    log.event("c", level="debug")
    log.event("i")
    log.event("w", level="warning")
    log.event("e", level="error")
    assert "".join(json.loads(line)["event"] for line in err.getvalue().splitlines()) == shown


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("foreign", ["\x1b[2J\x1b]0;owned\x07", "a\n::error::x", "##[error]x", "a\u202eb"], ids=ascii)
def test_foreign_text_is_not_obeyed(monkeypatch: pytest.MonkeyPatch, log_format: str, foreign: str) -> None:
    log.use(log_format)
    told = logged(monkeypatch, "github.warning", message=foreign, more=[foreign], deep={foreign: foreign})
    assert told.count("\n") == 1
    assert all(char == "\n" or char.isprintable() for char in told)
    assert not re.search(r"^\s*::|##\[", told, re.MULTILINE)
    if log_format == "json":
        document = json.loads(told)
        assert (document["message"], document["more"], document["deep"]) == (foreign, [foreign], {foreign: foreign})


def test_what_is_no_value_of_json_is_told_as_text_and_long_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(logged(monkeypatch, "a", error=OSError(2, "gone"), long="x" * 100_000))
    assert document["error"] == "[Errno 2] gone"
    assert len(document["long"]) == 4000
    # The last line of a traceback says what went wrong.
    cut = json.loads(logged(monkeypatch, "a", traceback="Traceback\n" + "x\n" * 5000 + "OSError: gone"))["traceback"]
    assert cut.startswith("Traceback\n")
    assert cut.endswith("\nOSError: gone")


def test_a_log_that_nobody_reads_any_more_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    closed = io.StringIO()
    for err in (Gone(), closed):
        closed.close()
        monkeypatch.setattr(sys, "stderr", err)
        log.use("json")
        log.event("a")


def test_structlog_is_loaded_with_the_first_event_that_is_shown() -> None:
    code = (
        "import sys; from gitops_bot import log; log.debug('a'); log.use('json', least='error')\n"
        "log.event('b', level='warning'); assert 'structlog' not in sys.modules\n"
        "log.event('c', level='error'); assert 'structlog' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["c"]
