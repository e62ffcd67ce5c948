from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import trailers
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.plan import PinChange

A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64

tags = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,20}\Z")
digests = st.sampled_from([A, B])
pins = st.builds(Pin, st.none() | tags, st.none() | digests)
texts = st.text(min_size=1, max_size=40)
sources = st.sampled_from(["policy", "promotion", "set", "rollback"])
changes = st.builds(PinChange, texts, texts, pins, pins, sources, st.none() | st.just("ghcr.io/acme/web"))


@given(st.lists(changes, max_size=5), sources)
def test_what_is_rendered_is_parsed_again_whatever_the_names_contain(said: list[PinChange], source: str) -> None:
    plan = Trailers("staging", "all", source, tuple(said))
    message = f"subject\n\nsome prose\n\n{trailers.render(plan)}\n"
    assert trailers.parse(message) == plan
    assert message.isascii()
    assert len(trailers.render(plan).split("\n")) == 1 + len(said)


def test_the_plan_reads_as_scripts_expect_it() -> None:
    change = PinChange("apps/web/kustomization.yaml", "web", Pin("v1", A), Pin("v2", B), "policy")
    first, second = trailers.render(Trailers("production", "all", "policy", (change,))).split("\n")
    assert first == "Gitops-Bot-Plan: 1 production all policy"
    key, said = second.split(": ", 1)
    assert key == "Gitops-Bot-Change"
    assert json.loads(said) == {
        "file": "apps/web/kustomization.yaml",
        "name": "web",
        "from": {"tag": "v1", "digest": A},
        "to": {"tag": "v2", "digest": B},
    }


GOOD = 'Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: {"file":"f","name":"n","from":%s,"to":%s}'
PIN = '{"tag":"v1","digest":null}'


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("", id="nothing"),
        pytest.param("fix: by hand", id="a person's message"),
        pytest.param("Gitops-Bot-Plan: 2 dev all policy", id="a later version of the format"),
        pytest.param("Gitops-Bot-Plan: 1 dev all magic", id="an unknown source"),
        pytest.param("Gitops-Bot-Plan: 1 dev policy", id="a word too few"),
        pytest.param("Gitops-Bot-Plan: 1 a all policy\nGitops-Bot-Plan: 1 b all policy", id="two plans"),
        pytest.param("Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: {", id="broken JSON"),
        pytest.param("Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: []", id="not an object"),
        pytest.param(GOOD % (PIN, '{"tag":"not a tag","digest":null}'), id="not a tag"),
        pytest.param(GOOD % (PIN, '{"tag":null,"digest":"sha256:abc"}'), id="not a digest"),
        pytest.param(GOOD % (PIN, '{"tag":1,"digest":null}'), id="a number for a tag"),
        pytest.param("Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: " + "[" * 100_000, id="deep nesting"),
    ],
)
def test_a_message_that_is_not_wholly_well_formed_carries_no_plan(message: str) -> None:
    assert trailers.parse(message) is None


def test_the_well_formed_neighbour_of_those_carries_one() -> None:
    assert trailers.parse(GOOD % (PIN, PIN)) is not None


def test_a_row_of_commits_folds_to_first_from_and_last_to() -> None:
    def change(before: str, after: str) -> PinChange:
        return PinChange("f", "web", Pin(before), Pin(after), "set")

    def plan(*said: PinChange) -> Trailers:
        return Trailers("dev", "all", "set", said)

    assert trailers.fold([plan(change("1", "2")), plan(change("2", "3"))]) == (change("1", "3"),)
    assert trailers.fold([plan(change("1", "2")), plan(change("2", "1"))]) == ()
    other = PinChange("f", "api", Pin("1"), Pin("2"), "set")
    assert trailers.fold([plan(change("1", "2")), plan(other)]) == (change("1", "2"), other)
