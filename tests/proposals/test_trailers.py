from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import trailers
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import InfoChange, PinChange
from tests.tables import rows

A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64

tags = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,20}\Z")
digests = st.sampled_from([A, B])
pins = st.builds(Pin, st.none() | tags, st.none() | digests)
texts = st.text(min_size=1, max_size=40)
sources = st.sampled_from(["policy", "promotion", "set", "rollback"])
new_values = st.sampled_from(["1.4.2", "#17 of main", "2026-11-02T10:15:00Z"])
values = st.dictionaries(texts, st.tuples(texts, new_values), min_size=1, max_size=2).map(
    lambda found: tuple((key, before, after) for key, (before, after) in found.items())
)
infos = st.none() | st.builds(InfoChange, texts, values)
changes = st.builds(
    PinChange, texts, texts, pins, pins, sources, st.none() | st.just("ghcr.io/acme/web"), infos, st.booleans()
)


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
    info = InfoChange("info.yaml", (("version", "v\u00fc1", "v2"),))
    followed = trailers.render(Trailers("production", "all", "policy", (replace(change, info=info),)))
    values = {"file": "info.yaml", "from": {"version": "v\u00fc1"}, "to": {"version": "v2"}}
    assert json.loads(followed.partition("Change: ")[2]) == json.loads(said) | {"info": values}
    assert json.loads(said) == {
        "file": "apps/web/kustomization.yaml",
        "name": "web",
        "from": {"tag": "v1", "digest": A},
        "to": {"tag": "v2", "digest": B},
    }


@rows("info", {
    "a list": "[]",
    "without `to`": '{"file": "i", "from": {"version": "1"}}',
    "other keys": '{"file": "i", "from": {"version": "1"}, "to": {"sha": "1"}}',
    "a number before": '{"file": "i", "from": {"version": 1}, "to": {"version": "1"}}',
    "a number": '{"file": "i", "from": {"version": "1"}, "to": {"version": 1}}',
    "a value that is none": '{"file": "i", "from": {"version": "1"}, "to": {"version": "${X}"}}',
})  # fmt: skip
def test_values_that_are_malformed_make_no_plan(info: str) -> None:
    assert trailers.parse(GOOD[:-1] % (PIN, PIN) + f',"info":{info}}}') is None
    assert trailers.parse(GOOD[:-1] % (PIN, PIN) + ',"info":null}') is not None


def test_values_fold_like_their_pins() -> None:
    def change(before: str, after: str, *values: tuple[str, str, str]) -> PinChange:
        return PinChange("f", "web", Pin(before), Pin(after), "set", info=InfoChange("i", values) if values else None)

    def folded(*changes: PinChange) -> InfoChange | None:
        (found,) = trailers.fold([Trailers("dev", "all", "set", (one,)) for one in changes])
        return found.info

    first = change("v1", "v2", ("version", "1", "2"), ("sha", "a", "b"))
    assert folded(first) == first.info
    assert folded(first, change("v2", "v3", ("version", "2", "3"))) == InfoChange(
        "i", (("version", "1", "3"), ("sha", "a", "b"))
    )
    assert folded(first, change("v2", "v3")) == first.info
    assert folded(first, change("v2", "v3", ("version", "2", "1"), ("sha", "b", "a"))) is None


GOOD = 'Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: {"file":"f","name":"n","from":%s,"to":%s}'
PIN = '{"tag":"v1","digest":null}'


@rows("message", {
    "a person's message": "fix: by hand",
    "a later version of the format": "Gitops-Bot-Plan: 2 dev all policy",
    "an unknown source": "Gitops-Bot-Plan: 1 dev all magic",
    "two plans": "Gitops-Bot-Plan: 1 a all policy\nGitops-Bot-Plan: 1 b all policy",
    "broken JSON": "Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: {",
    "not a tag": GOOD % (PIN, '{"tag":"not a tag","digest":null}'),
    "a number for a tag": GOOD % (PIN, '{"tag":1,"digest":null}'),
    "deep nesting": "Gitops-Bot-Plan: 1 dev all policy\nGitops-Bot-Change: " + "[" * 100_000,
})  # fmt: skip
def test_a_message_that_is_not_wholly_well_formed_carries_no_plan(message: str) -> None:
    assert trailers.parse(message) is None


def test_a_row_of_commits_folds_to_first_from_and_last_to() -> None:
    def change(before: str, after: str) -> PinChange:
        return PinChange("f", "web", Pin(before), Pin(after), "set")

    def plan(*said: PinChange) -> Trailers:
        return Trailers("dev", "all", "set", said)

    assert trailers.fold([plan(change("1", "2")), plan(change("2", "3"))]) == (change("1", "3"),)
    assert trailers.fold([plan(change("1", "2")), plan(change("2", "1"))]) == ()
    other = PinChange("f", "api", Pin("1"), Pin("2"), "set")
    assert trailers.fold([plan(change("1", "2")), plan(other)]) == (change("1", "2"), other)
