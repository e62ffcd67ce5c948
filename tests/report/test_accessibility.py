"""The page for everybody: axe-core finds nothing, and every colour can be told from what is behind it.

axe-core runs in jsdom, which lays nothing out, so contrasts are worked out from the style sheet itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.report import page
from gitops_bot.results.result import Result
from gitops_bot.results.status import Overview
from tests.conftest import PROJECT, absent, program
from tests.report.services import services
from tests.report.shown import EVIL, TURNED, overview

#: Pages on standard input, what axe-core finds in each on standard output. The page's own script runs.
_CHECK = """
const need = require("module").createRequire(process.argv[1] + "/");
const { JSDOM } = need("jsdom");
const axe = need("axe-core").source;
async function check(text) {
  const window = new JSDOM(text, { runScripts: "dangerously", pretendToBeVisual: true }).window;
  window.eval(axe);
  const found = await window.axe.run(window.document, { rules: { "color-contrast": { enabled: false } } });
  const all = (query) => [...window.document.querySelectorAll(query)].map((node) => node.textContent);
  const typed = ["LEDGER", "ghcr.io/acme/ v1.4 ledger", "quay.io", ""].map((words) => {
    const input = window.document.querySelector("input");
    input.value = words;
    input.dispatchEvent(new window.Event("input"));
    return { waiting: all("#attention tbody:not([hidden]) tr:not([hidden]) th"), told: all("#filter span"),
             everything: all("#matrix tr:not([hidden]) th[scope=row]"),
             open: window.document.querySelector("details").open };
  });
  return { passed: found.passes.map((rule) => rule.id),
           violations: found.violations.map((rule) => [rule.id, rule.nodes.map((node) => node.html)]),
           typed };
}
(async () => {
  const found = [];
  for (const text of JSON.parse(require("fs").readFileSync(0))) found.push(await check(text));
  console.log(JSON.stringify(found));
})();
"""


def node_modules() -> Path:
    """The folder with axe-core and jsdom."""
    folder = Path(os.environ.get("GITOPS_BOT_NODE_MODULES") or PROJECT / "node_modules")
    if not all((folder / name).is_dir() for name in ("axe-core", "jsdom")):
        advice = "npm install --no-save axe-core jsdom here, or name their folder in GITOPS_BOT_NODE_MODULES"
        absent("axe-core or jsdom", advice)
    return folder


def checked(*texts: str) -> list[dict[str, Any]]:
    command = [program("node"), "-e", _CHECK, str(node_modules())]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_axe_core_finds_nothing_to_correct() -> None:
    full = overview()
    status = full.body.status
    bare = replace(status, environments=(), sees_pull_requests=False)
    *pages, wrong = checked(
        page.html(full),
        page.html(overview(EVIL)),
        page.html(overview(TURNED)),
        page.html(services(33)),
        page.html(Result(full.head, Overview(status))),
        page.html(Result(replace(full.head, problems=()), Overview(bare))),
        page.html(full).replace('<html lang="en">', "<html>").replace('<th scope="col">', "<th><img src=x>", 1),
    )
    assert [found["violations"] for found in pages] == [[]] * len(pages)
    assert {"document-title", "html-has-lang", "link-name", "region", "svg-img-alt"} <= {*pages[0]["passed"]}
    assert pages[0]["typed"][0]["told"] == ["images: 0, needing attention: 0"], "the page's own script did not run"
    assert {rule for rule, _ in wrong["violations"]} >= {"html-has-lang", "image-alt"}


def test_the_search_shows_what_has_all_words_of_it_in_both_tables() -> None:
    by_name, by_pin, nothing, everything = checked(page.html(services(33)))[0]["typed"]
    review = "production: 5 wait for review"
    assert by_name == {
        "waiting": [review, "ledger"],
        "everything": ["ledger", "ledger-1"],
        "told": ["images: 2, needing attention: 1"],
        "open": True,
    }
    assert (by_pin["waiting"], by_pin["everything"]) == ([review, "ledger"], ["ledger"])
    assert (nothing["waiting"], nothing["everything"]) == ([], [])
    assert (len(everything["waiting"]), len(everything["everything"]), everything["open"]) == (15 + 4, 33, False)


_CSS = (Path(page.__file__).parent / "page.css").read_text("utf-8")
_PALETTES = dict(zip(("light", "dark"), re.findall(r":root\{([^}]*)\}", _CSS), strict=True))
#: The colours that tell states apart.
_STATES = set(re.findall(r"--state:var\(--([a-z]+)\)", _CSS))
#: What is written on what, with WCAG's least contrast (AA): 4.5 for text, 3 for lines that mean something.
_PAIRS = [
    *((text, behind, 4.5) for text in ("fg", "dim", "link") for behind in ("bg", "head")),
    *((text, "bg", 4.5) for text in (*_STATES, "ok")),
    ("mark", "bg", 3),
]


@pytest.mark.parametrize("scheme", _PALETTES)
def test_every_colour_can_be_told_from_what_is_behind_it(scheme: str) -> None:
    colours = dict(re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})\b", _PALETTES[scheme]))
    assert colours.keys() >= {name for text, behind, _ in _PAIRS for name in (text, behind)}
    weak = [pair for pair in _PAIRS if contrast(colours[pair[0]], colours[pair[1]]) < pair[2]]
    assert weak == []


def test_every_colour_of_text_and_behind_it_is_compared() -> None:
    text = set(re.findall(r"(?<![a-z-])(?:color|fill):var\(--([a-z]+)\)", _CSS)) - {"state"} | _STATES
    assert text == {one for one, _, _ in _PAIRS}
    assert set(re.findall(r"background:var\(--([a-z]+)\)", _CSS)) == {behind for _, behind, _ in _PAIRS}


def test_a_review_a_hold_a_soak_and_a_failure_differ() -> None:
    assert {"failed", "review", "wait", "held", "dim"} == _STATES
    for scheme in _PALETTES.values():
        colours = dict(re.findall(r"--([a-z-]+):#([0-9a-f]{3,6})\b", scheme))
        assert len({colours[name] for name in (*_STATES, "ok")}) == 6


def test_colours_come_from_the_palette_alone() -> None:
    rules = re.sub(r"(?:@media\(prefers-color-scheme:dark\)\{)?:root\{[^}]*\}\}?", "", _CSS)
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(|opacity", rules) == []


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    whole = colour if len(colour) == 6 else "".join(digit * 2 for digit in colour)
    parts = [int(whole[start:end], 16) / 255 for start, end in pairwise(range(0, 7, 2))]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
