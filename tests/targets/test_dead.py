from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gitops_bot.targets import dead_entries, kustomization
from gitops_bot.targets.kustomization.bases import bases_of
from tests.tables import rows

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


def renames(name: str, new_name: str) -> str:
    return f"images: [{{name: {name}, newName: {new_name}}}]\n"


def on(*directories: str, parts: str = "") -> str:
    return f"resources: [{', '.join(directories)}]\n" + (f"components: [{parts}]\n" if parts else "")


#: What the overlay says, what its base says, and others.
GONE: dict[str, tuple[str, str, dict[str, str]]] = {
    "a base renamed it": (ON_BASE + USES_WEB, RENAMES, {}),
    "a base of the base, whose name the base uses": (on("../mid") + USES_WEB, RENAMES, {"mid": ON_BASE + USES_ACME}),
    "a dead entry renames nothing": (on("../mid") + USES_WEB, RENAMES, {"mid": ON_BASE + renames("web", "other")}),
    "a component uses the new name": (on("../base", parts="../extra") + USES_WEB, RENAMES,
        {"extra": COMPONENT + USES_ACME}),
    "a component renamed it": (on(parts="../base") + USES_WEB, COMPONENT + RENAMES, {}),
    "a component renamed what a base uses": (on("../app", parts="../base") + USES_WEB, COMPONENT + RENAMES,
        {"app": USES_WEB}),
    "a base under three names": (on("../base/", "./../base", "../over/../base") + USES_WEB, RENAMES, {}),
    "what is unknown beside it": (on("../base", "../none", "https://x.test/y", "../../out", "/abs", "app.yaml")
        + USES_WEB, RENAMES, {}),
    "a circle of two": (ON_BASE + USES_WEB, on("../over") + RENAMES, {}),
}  # fmt: skip
ALIVE: dict[str, tuple[str, str, dict[str, str]]] = {
    "the new name is used": (ON_BASE + USES_ACME, RENAMES, {}),
    "renamed to itself": (ON_BASE + USES_WEB, renames("web", "web"), {}),
    "an empty name": (ON_BASE + USES_WEB, renames("web", "''"), {}),
    "the overlay renames it itself": (ON_BASE + RENAMES, USES_WEB, {}),
    "a circle": (ON_BASE + RENAMES, on("../over"), {}),
    "a circle of components": (on(parts="../base") + RENAMES, COMPONENT + on(parts="../over, ../base"), {}),
    "another image took the name": (ON_BASE + USES_WEB,
        "images: [{name: web, newName: x}, {name: api, newName: web}]", {}),
    "renamed back on the way": (on("../mid") + USES_WEB, RENAMES, {"mid": ON_BASE + renames("acme/web", "web")}),
    "another base still uses it": (on("../base", "../other") + USES_WEB, RENAMES, {"other": USES_WEB}),
    "a component renamed it back": (on("../base", parts="../extra") + USES_WEB, RENAMES,
        {"extra": COMPONENT + renames("acme/web", "web")}),
    "a remote base": (on("https://x.test/base") + USES_WEB, RENAMES, {}),
}  # fmt: skip


@pytest.mark.parametrize(("overlay", "base", "others"), GONE.values(), ids=GONE)
def test_an_entry_with_the_name_that_a_base_gave_up_is_dead(overlay: str, base: str, others: dict[str, str]) -> None:
    assert found("over", over=overlay, base=base, **others) == DEAD


@pytest.mark.parametrize(("overlay", "base", "others"), ALIVE.values(), ids=ALIVE)
def test_any_other_entry_is_alive(overlay: str, base: str, others: dict[str, str]) -> None:
    assert found("over", over=overlay, base=base, **others) == []


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


@rows("directory items expected", {
    "elsewhere": ("a/over", ["../../b/base/", "./x"], ("b/base", "a/over/x")),
    "the top": ("a", [".."], ("",)),
    "names that begin with dots": ("a", ["..data", "../..x"], ("a/..data", "..x")),
    "outside": ("a", ["../..", "../../b", "../../../etc"], ()),
    "no path inside": ("a", ["/etc", "https://x.test/y", "ssh://x.test/y", "file:///etc"], ()),
})  # fmt: skip
def test_bases_lie_inside_the_repository(directory: str, items: list[str], expected: tuple[str, ...]) -> None:
    text = "resources:\n" + "".join(f"- {item}\n" for item in items)
    path = f"{directory}/kustomization.yaml".lstrip("/")
    assert bases_of(kustomization.read(text.encode(), path)) == [*expected]
