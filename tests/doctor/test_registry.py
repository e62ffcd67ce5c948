"""How a registry let the bot in."""

from __future__ import annotations

import pytest

from gitops_bot.doctor import registries
from gitops_bot.edges.facts import Served
from gitops_bot.images.reference import ImageName, Pin

IMAGE, PIN = ImageName.parse("ghcr.io/acme/web"), Pin("v1")
LOGIN = "with the user name and password from the environment variable GHCR_TOKEN"


@pytest.mark.parametrize(
    ("served", "verdict", "says"),
    [
        pytest.param(Served(LOGIN, present=True), "good", f"acme/web can be read {LOGIN}", id="fine"),
        pytest.param(Served(LOGIN, present=True, left=10), "good", "10 pulls left", id="enough"),
        pytest.param(Served(LOGIN, present=True, left=9), "warning", "9 pulls left", id="few"),
        pytest.param(Served(LOGIN, present=True, left=0), "wrong", "no pulls left", id="none"),
        pytest.param(Served(LOGIN, present=False), "warning", "not have the pinned v1", id="gone"),
    ],
)
def test_a_registry_is_judged_by_its_answers(served: Served, verdict: str, says: str) -> None:
    found = registries.judged(IMAGE, PIN, served)
    assert (found.name, found.subject, found.verdict) == ("registry", "ghcr.io", verdict)
    assert says in found.text
    assert (found.next == "") == (verdict == "good")
