from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.config.propose import Propose
from gitops_bot.proposals import naming
from tests.managed import managed

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed


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
def test_an_entry_belongs_to_one_group(grouping: naming.Grouping, expected: str) -> None:
    assert naming.group_of(place(), grouping) == expected


def test_an_overlay_at_the_top_is_an_overlay() -> None:
    top = place(overlay=".")
    assert naming.group_of(top, "overlay") == "."
    assert naming.group_of(top, (Named("a", overlays=(".",)),)) == "a"
    assert naming.group_of(top, (Named("a", overlays=("*",)),)) == "all"


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
@example("ab*ba", "aba")
@example("*ab*b", "ab")
@example("a*b*b", "ab")
def test_a_star_means_any_text(glob: str, text: str) -> None:
    found = naming.group_of(place(text, image="-"), (Named("a", images=(glob,)),))
    assert (found == "a") is fnmatchcase(text, glob)


def test_a_hostile_glob_is_tried_once() -> None:
    """Anything that goes back to try again would not come to an end here."""
    hostile = Named("a", images=("*a" * 250 + "*b*",))
    assert naming.group_of(place("a" * 20_000), (hostile,)) == "all"


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
    name: str, grouping: naming.Grouping, default: bool, expected: bool
) -> None:
    assert naming.is_together(name, Propose(group=grouping, together=default)) is expected
