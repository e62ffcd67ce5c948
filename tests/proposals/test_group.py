from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot.config.propose import Propose
from gitops_bot.proposals import naming
from tests.managed import managed
from tests.tables import rows

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


@rows("grouping expected", {
    "one for the environment": ("environment", "all"),
    "one for each overlay": ("overlay", "apps/web/overlays/prod"),
    "one for each image": ("image", "ghcr.io/acme/web"),
    "no named group": ((), "all"),
    "without globs it takes everything": ((Named("every"),), "every"),
    "by name": ((Named("a", images=("web",)),), "a"),
    "by repository": ((Named("a", images=("ghcr.io/acme/web",)),), "a"),
    "a part of the name is not the name": ((Named("a", images=("we",)),), "all"),
    "a star is any text, slashes too": ((Named("a", images=("ghcr.io/*",)),), "a"),
    "a question mark is no wildcard": ((Named("a", images=("w?b",)),), "all"),
    "one of several": ((Named("a", images=("api", "web")),), "a"),
    "by overlay": ((Named("a", overlays=("apps/web/**",)),), "a"),
    "a star is one part of an overlay's path": ((Named("a", overlays=("apps/*",)),), "all"),
    "by its file": ((Named("a", overlays=("apps/web/overlays/prod/kustomization.yaml",)),), "a"),
    "the image fits, the overlay does not": ((Named("a", ("web",), ("apps/api/**",)),), "all"),
    "the overlay fits, the image does not": ((Named("a", ("api",), ("apps/web/**",)),), "all"),
    "both fit": ((Named("a", ("web",), ("apps/web/**",)),), "a"),
    "the first that fits": ((Named("a", ("api",)), Named("b", ("w*",)), Named("c", ("web",))), "b"),
})  # fmt: skip
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


@rows("name grouping default expected", {
    "as the environment says": ("all", "environment", True, True),
    "as the group says": ("a", (Named("a", together=True),), False, True),
    "as the group says, not": ("a", (Named("a", together=False),), True, False),
    "what is in no group": ("all", (Named("a", together=False),), True, True),
    "the one that is meant": ("b", (Named("a", together=True), Named("b")), True, False),
})  # fmt: skip
def test_a_group_says_whether_it_goes_together(
    name: str, grouping: naming.Grouping, default: bool, expected: bool
) -> None:
    assert naming.is_together(name, Propose(group=grouping, together=default)) is expected
