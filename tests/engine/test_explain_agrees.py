"""What `explain` tells and what `update` decides are the same, whatever the registry has: asked through the engine."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot import targets
from gitops_bot.commands.explain import select, why_not
from gitops_bot.config import read as read_config
from gitops_bot.engine.candidates.poll import poll
from gitops_bot.errors import BotError, Problem, RegistryError
from gitops_bot.images.build import Build, BuildTimes, Manifest
from gitops_bot.images.explain import PolicySelection
from gitops_bot.releases.decisions import Change, Failed, Held
from gitops_bot.releases.layout.read import Overlay
from tests.engine.polled import NOW, facts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.releases.decisions import Managed

TAG = st.sampled_from(
    [
        "1",
        "v1",
        "1.0.0",
        "1.1.0",
        "1.1.0-a",
        "1.2.0-rc.1",
        "2.0.0",
        "20250102",
        "7",
        "main",
        "sha-0a1b2c3",
        "sha-1a1b2c3",
    ]
)
POLICIES = st.sampled_from(
    [
        '{semver: ">=1"}',
        '{semver: ">=1", minimum_age: 3d}',
        '{semver: "^1 || >2.0.0-0", exclude: "^v"}',
        '{semver: "*", prefer: [-a, ""], minimum_age: 3d}',
        '{pattern: "^[0-9]+$", order: numerical}',
        '{pattern: "^sha-", order: newest}',
        '{pattern: "^[0-9s]", order: newest, minimum_age: 3d}',
        "{digest: main}",
    ]
)
TIMES = st.dictionaries(TAG, st.none() | st.integers(-9, 1).map(lambda days: NOW + timedelta(days=days)))


class Listed:
    """A registry that has these tags, knows these build times, and has charts under some of the tags."""

    def __init__(self, times: Mapping[str, datetime | None], charts: Collection[str]) -> None:
        self._times, self._charts = times, charts
        self._tags = {digest(tag): tag for tag in times}

    def tags(self, _: ImageName) -> list[str]:
        return list(self._times)

    def digest(self, _: ImageName, tag: str, *, will_read: bool = False) -> str:
        if tag not in self._times:
            raise RegistryError(Problem("failed.registry", "no such tag", "none"), no_tag=True)
        return digest(tag)

    def manifest(self, _: ImageName, found: str) -> Manifest:
        return Manifest("artifact", "a chart") if self._tags[found] in self._charts else Manifest("image")

    def describe(self, _: ImageName, found: str) -> Build:
        return Build(created=self._times[self._tags[found]])

    def times(self, _: ImageName, tags: tuple[str, ...], pin: Pin) -> BuildTimes:
        return BuildTimes({tag: self._times[tag] for tag in tags}, self._times.get(pin.tag or ""), "created")


def digest(tag: str) -> str:
    return f"sha256:{hashlib.sha256(tag.encode()).hexdigest()}"


def entry_at(policy: str, tag: str) -> Managed:
    text = f'images:\n- name: ghcr.io/acme/web\n  newTag: "{tag}"\n'
    config = read_config(
        f'version: 1\npolicies: {{p: {policy}}}\nenvironments: {{all: {{overlays: ["*"], policy: p}}}}\n', "f"
    )
    pin_file = targets.read(text.encode(), "web/kustomization.yaml")
    (entry,) = Overlay.of("all", "web", pin_file, config.environments["all"].rules).entries
    return entry


@pytest.mark.slow
@given(POLICIES, TIMES, TAG, st.sets(TAG, max_size=4))
@example('{semver: ">=1"}', {"20250102": None, "2.0.0": None}, "1", {"2.0.0"})
def test_explain_and_update_never_disagree(
    policy: str, times: dict[str, datetime | None], present: str, others: set[str]
) -> None:
    entry, charts = entry_at(policy, present), others - {present}
    facts = facts_of(Listed(times, charts))
    (made,) = facts.drive([poll(facts, entry, NOW)])
    assert not isinstance(made, BotError)
    (told,) = facts.drive([select(facts, entry, NOW, made.left_out)])
    assert isinstance(told, PolicySelection)
    decision = made.decision
    assert told.seen == len(times)
    best = [candidate.tag for candidate in told.candidates]
    if "newest" not in policy:
        assert charts.isdisjoint(best)
    if isinstance(decision, Change) and "digest" not in policy:  # a gate holds what is followed and no image
        assert decision.after.tag not in charts
    for tag, what in made.left_out.items():
        assert tag in charts
        assert f"{tag} {what}" in getattr(decision, "reason", decision).text or len(made.left_out) > 3
    pin = decision.after if isinstance(decision, Change) else decision.candidate if isinstance(decision, Held) else None
    if isinstance(decision, Failed):
        assert best == []  # the tag to follow is not there
        return
    reason = decision.reason
    if isinstance(decision, Change) and "minimum_age" not in policy and decision.after.tag not in charts:
        assert decision.after.tag == best[0]
    answers = {tag: why_not(entry.policy, list(times), tag, entry.pin, told, (reason, pin)) for tag in times}
    for tag, asked in answers.items():
        chosen = isinstance(decision, Change) and decision.after.tag == tag
        assert (asked.text == "it is chosen") == chosen
        assert (tag in best) <= (asked.rule is None)
        if asked.rule is None and not chosen and "comes first" in asked.text:
            # Something else is ahead: never what a policy put behind it.
            assert best.index(tag) > 0
        if pin is not None and not chosen and tag in best and pin.tag in best and best.index(tag) < best.index(pin.tag):
            assert reason.text in asked.text or tag == present
