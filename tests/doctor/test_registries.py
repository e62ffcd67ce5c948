"""How a registry let the bot in."""

from __future__ import annotations

from gitops_bot.config import read
from gitops_bot.doctor import registries
from gitops_bot.doctor.notes import Bounded, Notes
from gitops_bot.edges.facts import Served
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.tables import rows

IMAGE, PIN = ImageName.parse("ghcr.io/acme/web"), Pin("v1")
LOGIN = "with the user name and password from the environment variable GHCR_TOKEN"


@rows("served verdict says", {
    "fine": (Served(LOGIN, present=True), "good", f"acme/web can be read {LOGIN}"),
    "enough": (Served(LOGIN, present=True, left=10), "good", "10 pulls left"),
    "few": (Served(LOGIN, present=True, left=9), "warning", "9 pulls left"),
    "none": (Served(LOGIN, present=True, left=0), "wrong", "no pulls left"),
    "gone": (Served(LOGIN, present=False), "warning", "not have the pinned v1"),
})  # fmt: skip
def test_a_registry_is_judged_by_its_answers(served: Served, verdict: str, says: str) -> None:
    found = registries.judge(IMAGE, PIN, served)
    assert (found.name, found.subject, found.verdict) == ("registry", "ghcr.io", verdict)
    assert says in found.text
    assert (found.next == "") == (verdict == "good")


def test_a_registry_that_no_image_is_from_is_told_of_unless_it_is_a_mirror() -> None:
    text = """\
version: 1
environments: {dev: {overlays: [dev]}}
registries:
  docker.io: {mirror: Harbor.acme.io/hub}
  harbor.acme.io: {rate: 5}
  quay.io: {rate: 5}
"""
    hub = ImageName.parse("nginx")
    notes, tracked = (
        Notes(),
        registries.TrackedOverlays(images={hub.registry: (hub, PIN)}, entries=1, files=1, problems=()),
    )
    registries.end({}, tracked, read(text, "gitops-bot.yaml"), Bounded(StillClock(), 1), notes)
    assert [(each.subject, each.verdict) for each in notes.findings] == [("quay.io", "warning")]
