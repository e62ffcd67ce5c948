"""What may be wrong with `blue_green`, and what to do about it."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.errors import ConfigError

TEXT = (
    "version: 1\nenvironments: {production: {overlays: [a], blue_green: {service: s.yaml, selector: v, slots: %s}}}\n"
)


@pytest.mark.parametrize(
    ("slots", "message", "advice"),
    [
        ("{blue: b.yaml}", "`slots` has 1 of them", "name two"),
        ("{blue: b.yaml, green: g.yaml, red: r.yaml}", "`slots` has 3 of them", "name two"),
        ("{blue: b.yaml, green: b.yaml}", "'b.yaml' is the file of `blue` already", "a file of its own"),
        ("{blue: b.yaml, green: s.yaml}", "'s.yaml' is the file of `service` already", "a file of its own"),
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
