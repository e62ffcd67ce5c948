"""What may be wrong in a configuration: every problem at its place, and whether the schema refuses the file too.

`wrong.txt` has a row per mistake: what is written, and below it or behind `->` the problems, in order, of which one
that ends in `...` is cut. `~` marks a file that the schema accepts: it cannot know. `¶` is a line break. Behind `@@`
stand several texts, each of which is wrong in the place of `@`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.config.reading import is_valid, told

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICIES = "policies: {releases: {semver: ^1}, main: {digest: main}}\n"
#: By the sections of the table: what stands around each of its rows.
AROUND = {
    "top": "version: 1\nenvironments: {dev: {overlays: [dev]}}\n%s\n",
    "environment": f"version: 1\n{POLICIES}environments:\n  staging:\n    %s\n",
    "settings": f"version: 1\n{POLICIES}environments:\n  staging:\n    overlays: [a]\n    %s\n",
    "propose": "version: 1\nenvironments: {a: {overlays: [a], propose: {\n%s}}}\n",
    "hold": "version: 1\nenvironments: {production: {overlays: [a]}, staging: {overlays: [b]}}\nholds:\n- %s\n",
    "promotion": 'version: 1\nenvironments:\n  staging: {overlays: ["staging/{cluster}/{app}"]}\n'
    '  production: {overlays: ["{app}/production"],\n%s}\n',
    "file": "%s\n",
}


def rows() -> Iterator[tuple[str, str, list[str]]]:
    """The section, what is written, and the problems."""
    found: list[tuple[str, str, list[str]]] = []
    section = ""
    for line in Path(__file__).with_name("wrong.txt").read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if line.startswith("#### "):
            section = line.removeprefix("#### ")
        elif line.startswith(" " * 8):
            found[-1][2][-1] += f" {text}"
        elif line.startswith(" " * 4):
            found[-1][2].append(text)
        else:
            written, _, behind = text.partition(" -> ")
            found.append((section, written, [behind] if behind else []))
    for section, written, problems in found:
        pattern, _, texts = written.partition(" @@ ")
        for one in texts.split(" | ") if texts else [None]:
            yield (
                (section, pattern, problems)
                if one is None
                else (section, pattern.replace("@", one), [problem.replace("@", one) for problem in problems])
            )


ROWS = list(rows())


@pytest.mark.parametrize(("section", "written", "problems"), ROWS, ids=[f"{row[0]} {row[1][:60]}" for row in ROWS])
def test_what_is_wrong_is_told_at_its_place(section: str, written: str, problems: list[str]) -> None:
    text = AROUND[section] % written.replace("¶", "\n")
    expected = [problem.removeprefix("~ ") for problem in problems]
    found = told(text)
    assert [
        each[: len(whole) - 3] + "..." if whole.endswith("...") else each
        for each, whole in zip(found, expected, strict=True)
    ] == expected
    assert is_valid(text) == problems[0].startswith("~ ")


@pytest.mark.parametrize(
    ("section", "written", "message"),
    [
        ("propose", f"labels: [{'x, ' * 101}]", "`labels` has 101 items, and the limit is 100 / keep only the ones"),
        ("propose", f"title: {'x' * 201}", f"`title` must be one line of at most 200 characters, not '{'x' * 60}'..."),
        ("propose", f"message: {'x' * 10_001}", "`message` must be text of at most 10,000 characters whose first line"),
        ("hold", f"{{environment: staging, until: 2026-12-24, why: {'x' * 501}}}", "`why` must be one line of 1 to 50"),
        ("top", f"registries: {{ghcr.io: {{concurrency: 1{'0' * 5000}}}}}", "`concurrency` must be a whole number fr"),
        ("top", f"holds: [{'{environment: dev, until: 2026-12-24, why: x}, ' * 1001}]", "`holds` has 1001 items, and"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_too_long_is_refused(section: str, written: str, message: str) -> None:
    (problem,) = told(AROUND[section] % written)
    assert problem.partition(" ")[2].startswith(message)


@pytest.mark.parametrize(
    "line",
    ["group: overlay", "group: [{name: a, images: [b]}]", "merge_method: squash", "limit: {open: 1}"]
    + [f"{key}: [a]" for key in ("labels", "reviewers", "assignees")]
    + [f"{key}: true" for key in ("together", "draft", "refresh_approved", "auto_merge")]
    + ["auto_merge: without-checks", "status: true", "status: all"],
)
def test_what_only_pull_requests_have_is_refused_beside_a_commit(line: str) -> None:
    text, key = AROUND["propose"] % f"{line}, as: commit", line.partition(":")[0]
    message = f"`{key}` is for pull requests, and this environment commits directly"
    assert told(text) == [f"3:1 {message} / remove `{key}`, or set `as: pull-request`"]
    assert not is_valid(text)
