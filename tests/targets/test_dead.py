from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gitops_bot.targets import dead_entries, kustomization
from gitops_bot.targets.kustomization.bases import bases_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from gitops_bot.targets.pin_file import PinFile

TOLD = re.compile(r"the entry '(.+)' has no effect: (.+) renames this image to (.+)")


def found(directory: str, **texts: str) -> list[tuple[str, str, str]]:
    """The dead entries of one directory; `_` in a keyword stands for `/`."""
    places = {name.replace("_", "/").removeprefix("/"): text for name, text in texts.items()}
    files = {f"{place}/kustomization.yaml".lstrip("/"): text.encode() for place, text in places.items()}

    def read(paths: Collection[str]) -> list[PinFile]:
        return [kustomization.read(files[path], path) for path in paths]

    tree = dict.fromkeys(files, "100644")
    problems = dead_entries(read([f"{directory}/kustomization.yaml"]), tree, read)
    told = [TOLD.fullmatch(problem.message) for problem in problems]
    return [(one[1], one[2], one[3]) for one in told if one]


RENAMES = "images: [{name: web, newName: acme/web}]\n"
USES_WEB = "images: [{name: web, newTag: v2}]\n"
USES_ACME = "images: [{name: acme/web, newTag: v2}]\n"
ON_BASE = "resources: [../base]\n"
COMPONENT = "kind: Component\n"
DEAD = [("web", "base/kustomization.yaml", "acme/web")]


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param({"over": ON_BASE + USES_WEB, "base": RENAMES}, id="a base renamed it"),
        pytest.param({"over": "resources: [../mid]\n" + USES_WEB, "mid": ON_BASE + USES_ACME, "base": RENAMES},
            id="a base of the base, whose name the base uses"),
        pytest.param(
            {
                "over": "resources: [../mid]\n" + USES_WEB,
                "mid": ON_BASE + "images: [{name: web, newName: other}]\n",
                "base": RENAMES,
            },
            id="a dead entry renames nothing",
        ),
        pytest.param(
            {"over": ON_BASE + "components: [../extra]\n" + USES_WEB, "base": RENAMES, "extra": COMPONENT + USES_ACME},
            id="a component uses the new name",
        ),
        pytest.param({"over": "components: [../base]\n" + USES_WEB, "base": COMPONENT + RENAMES},
            id="a component renamed it"),
        pytest.param(
            {
                "over": "components: [../base]\nresources: [../app]\n" + USES_WEB,
                "app": USES_WEB,
                "base": COMPONENT + RENAMES,
            },
            id="a component renamed what a base uses",
        ),
        pytest.param({"over": "resources: [../base/, ./../base, ../over/../base]\n" + USES_WEB, "base": RENAMES},
            id="a base under three names"),
        pytest.param(
            {
                "over": "resources: [../base, ../none, https://x.test/y, ../../out, /abs, app.yaml]\n" + USES_WEB,
                "base": RENAMES,
            },
            id="what is unknown beside it",
        ),
        pytest.param({"over": ON_BASE + USES_WEB, "base": "resources: [../over]\n" + RENAMES}, id="a circle of two"),
    ],
)  # fmt: skip
def test_an_entry_with_the_name_that_a_base_gave_up_is_dead(texts: dict[str, str]) -> None:
    assert found("over", **texts) == DEAD


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param({"over": ON_BASE + USES_ACME, "base": RENAMES}, id="the new name is used"),
        pytest.param({"over": ON_BASE + USES_WEB, "base": "images: [{name: web, newName: web, newTag: v1}]\n"},
            id="renamed to itself"),
        pytest.param({"over": ON_BASE + USES_WEB, "base": "images: [{name: web, newName: ''}]\n"}, id="an empty name"),
        pytest.param({"over": ON_BASE + RENAMES, "base": USES_WEB}, id="the overlay renames it itself"),
        pytest.param({"over": ON_BASE + RENAMES, "base": "resources: [../over]\n"}, id="a circle"),
        pytest.param(
            {"over": "components: [../extra]\n" + RENAMES, "extra": COMPONENT + "components: [../over, ../extra]\n"},
            id="a circle of components",
        ),
        pytest.param(
            {"over": ON_BASE + USES_WEB, "base": "images: [{name: web, newName: x}, {name: api, newName: web}]\n"},
            id="another image took the name",
        ),
        pytest.param(
            {
                "over": "resources: [../mid]\n" + USES_WEB,
                "mid": ON_BASE + "images: [{name: acme/web, newName: web}]\n",
                "base": RENAMES,
            },
            id="renamed back on the way",
        ),
        pytest.param({"over": "resources: [../base, ../other]\n" + USES_WEB, "base": RENAMES, "other": USES_WEB},
            id="another base still uses it"),
        pytest.param(
            {
                "over": ON_BASE + "components: [../extra]\n" + USES_WEB,
                "base": RENAMES,
                "extra": COMPONENT + "images: [{name: acme/web, newName: web}]\n",
            },
            id="a component renamed it back",
        ),
        pytest.param({"over": "resources: [https://x.test/base]\n" + USES_WEB, "base": RENAMES}, id="a remote base"),
    ],
)  # fmt: skip
def test_any_other_entry_is_alive(texts: dict[str, str]) -> None:
    assert found("over", **texts) == []


def test_through_a_chain_the_overlay_is_told_the_last_name() -> None:
    texts = {
        "over": "resources: [../mid]\nimages: [{name: web}, {name: acme/web}, {name: mirror/web}]\n",
        "mid": ON_BASE + "images: [{name: acme/web, newName: mirror/web}]\n",
        "base": RENAMES,
    }
    last = ("mid/kustomization.yaml", "mirror/web")
    assert found("over", **texts) == [("web", *last), ("acme/web", *last)]


def test_entries_of_one_overlay_work_one_after_the_other() -> None:
    overlay = ON_BASE + "images: [{name: acme/web, newName: web}, {name: web, newTag: v2}, {name: acme/web}]\n"
    assert found("over", over=overlay, base=RENAMES) == [("acme/web", "over/kustomization.yaml", "web")]


def test_the_top_of_the_repository_is_a_directory_too() -> None:
    texts = {"_": "images: [{name: web, newName: acme/web}]\n", "over": "resources: [..]\n" + USES_WEB}
    assert found("over", **texts) == [("web", "kustomization.yaml", "acme/web")]


@pytest.mark.parametrize("kind", ["", COMPONENT], ids=["bases", "components"])
def test_what_branches_at_every_level_is_read_in_no_time(kind: str) -> None:
    """Two of each level build upon both of the next: 2^40 ways down."""
    field = "components" if kind else "resources"
    texts = {
        f"{side}{level}": f"{kind}{field}: [../a{level + 1}, ../b{level + 1}]\n" for level in range(40) for side in "ab"
    }
    texts |= {"a40": kind + RENAMES, "b40": kind, "over": f"{field}: [../a0, ../b0]\n" + USES_WEB}
    assert found("over", **texts) == [("web", "a40/kustomization.yaml", "acme/web")]


@pytest.mark.parametrize("kind", ["", COMPONENT], ids=["bases", "components"])
def test_a_chain_without_end_is_followed_a_way_and_no_further(kind: str) -> None:
    field = "components" if kind else "resources"
    texts = {f"d{level}": f"{kind}{field}: [../d{level + 1}]\n" for level in range(2000)}
    texts |= {"d2000": kind + RENAMES, "over": f"{field}: [../d0]\n" + USES_WEB}
    assert found("over", **texts) == []


@pytest.mark.parametrize(
    ("directory", "items", "expected"),
    [
        pytest.param("a/over", ["../../b/base/", "./x"], ("b/base", "a/over/x"), id="elsewhere"),
        pytest.param("a", [".."], ("",), id="the top"),
        pytest.param("a", ["..data", "../..x"], ("a/..data", "..x"), id="names that begin with dots"),
        pytest.param("a", ["../..", "../../b", "../../../etc"], (), id="outside"),
        pytest.param("a", ["/etc", "https://x.test/y", "ssh://x.test/y", "file:///etc"], (), id="no path inside"),
    ],
)
def test_bases_lie_inside_the_repository(directory: str, items: list[str], expected: tuple[str, ...]) -> None:
    text = "resources:\n" + "".join(f"- {item}\n" for item in items)
    path = f"{directory}/kustomization.yaml".lstrip("/")
    assert bases_of(kustomization.read(text.encode(), path)) == [*expected]
