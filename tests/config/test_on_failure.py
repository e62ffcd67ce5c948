"""`require_after` and `on_failure`: what is read, and what is told at its place."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.config.require import CheckForm
from gitops_bot.errors import ConfigError

START = """\
version: 1
environments:
  staging: {overlays: ["staging/{cluster}/{app}"]}
  production:
    overlays: ["{app}/production"]
    promote_from: staging
"""


def test_checks_are_read_as_in_require() -> None:
    lines = '    require_after: ["argo/{app}", {name: e2e, app: ci}]\n    on_failure: rollback\n'
    production = config.read(START + lines, "f.yaml").environments["production"]
    assert production.require_after == (CheckForm(name="argo/{app}"), CheckForm(name="e2e", app="ci"))
    assert production.on_failure == "rollback"
    staging = config.read(START, "f.yaml").environments["staging"]
    assert (staging.require_after, staging.on_failure) == ((), None)


#: What the environment `production` says from line 7 on, in column 5 -> the one problem.
WRONG = {
    "checks that nothing follows from": (
        "require_after: [e2e]",
        "7:5 `require_after` has no effect without `on_failure` / set `on_failure`, or remove `require_after`",
    ),
    "an end without checks": (
        "on_failure: rollback",
        "7:5 `on_failure` has no effect without `require_after` / set `require_after`, or remove `on_failure`",
    ),
    "no checks": (
        "on_failure: rollback\n    require_after: []",
        "8:20 `require_after` must not be an empty list / as in `require_after: [",
    ),
    "another end": (
        "require_after: [e2e]\n    on_failure: pause",
        "8:17 `on_failure` must be rollback, not 'pause' / as in `on_failure: rollback`",
    ),
    "what only the source captures": (
        'on_failure: rollback\n    require_after: ["argo/{cluster}"]',
        "8:21 no overlay of this environment captures `{cluster}` / they capture `{app}`",
    ),
    "a maker of two kinds": (
        "on_failure: rollback\n    require_after: [{name: e2e, team: a}]",
        "8:33 ",
    ),
}


@pytest.mark.parametrize(("lines", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_at_its_place(lines: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.read(f"{START}    {lines}\n", "f.yaml")
    (problem,) = caught.value.problems
    assert f"{problem.line}:{problem.column} {problem.message} / {problem.next}".startswith(expected)
