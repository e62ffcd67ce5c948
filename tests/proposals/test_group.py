from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.errors import Problem
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import group
from gitops_bot.releases.decisions import Failed, Held, Kept, Managed
from tests.managed import alter, managed
from tests.proposals.sample import API, B, change, entry


@dataclass(frozen=True)
class Named:
    name: str
    images: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    together: bool = False


def place(name: str = "web", overlay: str = "apps/web/overlays/prod", image: str | None = None) -> Managed:
    file = "kustomization.yaml" if overlay == "." else f"{overlay}/kustomization.yaml"
    return managed("production", overlay, file, 3, name, image or f"ghcr.io/acme/{name}")


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        pytest.param("environment", "all", id="one for the environment"),
        pytest.param("overlay", "apps/web/overlays/prod", id="one for each overlay"),
        pytest.param("image", "ghcr.io/acme/web", id="one for each image"),
        pytest.param((), "all", id="no named group"),
        pytest.param((Named("every"),), "every", id="without globs it takes everything"),
        pytest.param((Named("a", images=("web",)),), "a", id="by name"),
        pytest.param((Named("a", images=("ghcr.io/acme/web",)),), "a", id="by repository"),
        pytest.param((Named("a", images=("we",)),), "all", id="a part of the name is not the name"),
        pytest.param((Named("a", images=("Web",)),), "all", id="another case is another name"),
        pytest.param((Named("a", images=("ghcr.io/*",)),), "a", id="a star is any text, slashes too"),
        pytest.param((Named("a", images=("*",)),), "a", id="a star alone"),
        pytest.param((Named("a", images=("w**b",)),), "a", id="two stars are one"),
        pytest.param((Named("a", images=("ghcr.io/acme/web*",)),), "a", id="a star for nothing"),
        pytest.param((Named("a", images=("w?b",)),), "all", id="a question mark is no wildcard"),
        pytest.param((Named("a", images=("w[e]b",)),), "all", id="brackets are no wildcard"),
        pytest.param((Named("a", images=("api", "web")),), "a", id="one of several"),
        pytest.param((Named("a", overlays=("apps/web/**",)),), "a", id="by overlay"),
        pytest.param((Named("a", overlays=("apps/*",)),), "all", id="a star is one part of an overlay's path"),
        pytest.param((Named("a", overlays=("apps/web/overlays/prod/kustomization.yaml",)),), "a", id="by its file"),
        pytest.param((Named("a", overlays=("apps/web/overlays/prod/kustomization.yml",)),), "all", id="another file"),
        pytest.param((Named("a", ("web",), ("apps/api/**",)),), "all", id="the image fits, the overlay does not"),
        pytest.param((Named("a", ("api",), ("apps/web/**",)),), "all", id="the overlay fits, the image does not"),
        pytest.param((Named("a", ("web",), ("apps/web/**",)),), "a", id="both fit"),
        pytest.param((Named("a", ("api",)), Named("b", ("w*",)), Named("c", ("web",))), "b", id="the first that fits"),
    ],
)
def test_an_entry_belongs_to_one_group(grouping: group.Grouping, expected: str) -> None:
    assert group.name_of(place(), grouping) == expected


def test_an_overlay_at_the_top_is_an_overlay() -> None:
    top = place(overlay=".")
    assert group.name_of(top, "overlay") == "."
    assert group.name_of(top, (Named("a", overlays=(".",)),)) == "a"
    assert group.name_of(top, (Named("a", overlays=("*",)),)) == "all"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
@example("ab*ba", "aba")
@example("*ab*b", "ab")
@example("a*b*b", "ab")
def test_a_star_means_any_text(glob: str, text: str) -> None:
    found = group.name_of(place(text, image="-"), (Named("a", images=(glob,)),))
    assert (found == "a") is fnmatchcase(text, glob)


def test_a_hostile_glob_is_tried_once() -> None:
    """Anything that goes back to try again would not come to an end here."""
    hostile = Named("a", images=("*a" * 250 + "*b*",))
    assert group.name_of(place("a" * 20_000), (hostile,)) == "all"


@pytest.mark.parametrize(
    ("name", "grouping", "default", "expected"),
    [
        pytest.param("all", "environment", True, True, id="as the environment says"),
        pytest.param("apps/web", "overlay", False, False, id="as the environment says, not"),
        pytest.param("a", (Named("a", together=True),), False, True, id="as the group says"),
        pytest.param("a", (Named("a", together=False),), True, False, id="as the group says, not"),
        pytest.param("all", (Named("a", together=False),), True, True, id="what is in no group"),
        pytest.param("b", (Named("a", together=True), Named("b")), True, False, id="the one that is meant"),
    ],
)
def test_a_group_says_whether_it_goes_together(
    name: str, grouping: group.Grouping, default: bool, expected: bool
) -> None:
    assert group.is_together(name, grouping, default=default) is expected


WEB, PROXY = change(), change("proxy", Pin("v2"), Pin("v1"))
HELD = Held(entry("api", API), Pin("v0"), Reason("held.downgrade", "v0 is older than v1"))
FAILED = Failed(entry("api", API), Problem("failed.registry", "ghcr.io did not answer"))
KEPT = Kept(entry("db"), Reason("current", "v1 is the newest"))


def test_what_goes_together_and_is_held_by_nothing_goes() -> None:
    assert group.hold_together([WEB, KEPT, PROXY], "shop") == (WEB, KEPT, PROXY)
    assert group.hold_together([], "shop") == ()


def test_one_that_is_held_holds_the_rest_each_in_its_place() -> None:
    reason = Reason(
        "held.downgrade",
        f"the group shop is proposed as a whole, and api in {API} is held: v0 is older than v1",
        {"group": "shop", "file": API, "name": "api"},
    )
    assert group.hold_together([WEB, KEPT, HELD, PROXY], "shop") == (
        Held(alter(WEB.entry, pin=Pin("v1")), Pin("v2", B), reason),
        KEPT,
        HELD,
        Held(alter(PROXY.entry, pin=Pin("v1")), Pin("v2"), reason),
    )


def test_one_that_failed_holds_the_rest_and_has_failed() -> None:
    held, failed = group.hold_together([WEB, FAILED], "shop")
    assert failed is FAILED
    assert isinstance(held, Held)
    assert held.reason.code == "failed.registry"
    assert held.reason.text == f"the group shop is proposed as a whole, and api in {API} failed: ghcr.io did not answer"


def test_a_file_that_cannot_be_read_holds_the_rest() -> None:
    broken = Failed(None, Problem("failed.edit", "two entries are named web", file=API))
    held, _ = group.hold_together([WEB, broken], "shop")
    assert isinstance(held, Held)
    assert held.reason == Reason(
        "failed.edit",
        "the group shop is proposed as a whole, and part of it cannot be read: two entries are named web",
        {"group": "shop"},
    )


def test_the_first_that_holds_is_named() -> None:
    held, *_ = group.hold_together([WEB, FAILED, HELD], "shop")
    assert isinstance(held, Held)
    assert held.reason.code == "failed.registry"


@given(st.lists(st.sampled_from([WEB, PROXY, HELD, FAILED, KEPT])))
def test_a_group_changes_as_a_whole_or_not_at_all(decisions: list[object]) -> None:
    done = group.hold_together(decisions, "shop")
    assert len(done) == len(decisions)
    blocked = HELD in decisions or FAILED in decisions
    assert [each for each in done if each in (WEB, PROXY)] == (
        [] if blocked else [each for each in decisions if each in (WEB, PROXY)]
    )
    assert group.hold_together(done, "shop") == done
