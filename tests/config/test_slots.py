"""What may be wrong with `blue_green`, and what to do about it."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.errors import ConfigError

HEAD = "version: 1\nenvironments: {production: {overlays: [a], %s}}\n"
TEXT = (
    "version: 1\nenvironments: {production: {overlays: [a], blue_green: {service: s.yaml, selector: v, slots: %s}}}\n"
)


@pytest.mark.parametrize(
    ("slots", "message", "advice"),
    [
        ("{blue: b.yaml}", "`slots` must have two slots, not 1", "name two"),
        ("{blue: b.yaml, green: g.yaml, red: r.yaml}", "`slots` must have two slots, not 3", "name two"),
        ("{blue: b.yaml, green: b.yaml}", "'b.yaml' is the file of `blue` already", "a separate file for"),
        ("{blue: b.yaml, green: s.yaml}", "'s.yaml' is the file of `service` already", "a separate file for"),
        ("{blue: b.yaml, green: x/g.yaml}", "must be the name of a file", "as in"),
        ("{blue: b.yaml, green: 'g*.yaml'}", "must be the name of a file", "as in"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(slots: str, message: str, advice: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(TEXT % slots, "gitops-bot.yaml")
    (problem,) = raised.value.problems
    assert message in problem.message
    assert advice in problem.next
    assert problem.line == 2


@pytest.mark.parametrize(
    ("written", "message", "advice"),
    [
        ("blue_green: {service: s, selector: v}", "`blue_green` has no `slots`", "add it, as in `slots: {blue: "),
        ("targets: [{kind: env}]", "an item of `targets` has no `files`", 'as in `files: ["deployment-*.yaml"]`'),
    ],
)
def test_a_key_that_is_missing_is_named_with_an_example(written: str, message: str, advice: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(HEAD % written, "gitops-bot.yaml")
    (problem,) = raised.value.problems
    assert (problem.message, problem.line) == (message, 2)
    assert advice in problem.next


ONE = "{service: s.yaml, selector: v, slots: {blue: b.yaml, green: g.yaml}%s}"


def several(*more: str) -> str:
    settings = ", ".join(ONE % text for text in more)
    return f"version: 1\nenvironments: {{production: {{overlays: [a], blue_green: [{settings}]}}}}\n"


def test_an_environment_may_have_several() -> None:
    text = several("", "").replace("s.yaml", "t.yaml", 1).replace("b.yaml", "c.yaml", 1).replace("g.yaml", "h.yaml", 1)
    environment = config.read(text, "gitops-bot.yaml").environments["production"]
    assert [setting.service for setting in environment.blue_green] == ["t.yaml", "s.yaml"]
    assert config.read(several(", overlays: [a/*]", ", overlays: [b/*]"), "gitops-bot.yaml").file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(several("", ""), "'s.yaml' is also a file of an earlier setting", id="the same files"),
        pytest.param(several("").replace("g.yaml", "b.yaml"), "'b.yaml' is the file of `blue` already", id="in one"),
        pytest.param(several("").replace("selector: v, ", ""), "has no `selector`", id="a key is missing"),
        pytest.param(several("").replace("selector: v, ", "selektor: v, "), "selektor", id="a key is misspelt"),
        pytest.param(several().replace("[]", "7"), "must be", id="neither"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_where_it_stands(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(text, "gitops-bot.yaml")
    assert message in raised.value.problems[0].message
    assert raised.value.problems[0].line == 2
