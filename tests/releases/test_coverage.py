from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.kinds import Follow, NamedPolicy, Rules
from gitops_bot.images.reason import unmanaged
from gitops_bot.images.reference import Pin
from gitops_bot.releases.layout import causes, coverage
from gitops_bot.releases.layout.causes import Judge
from gitops_bot.releases.layout.coverage import Outside, OutsideEntries, UnmanagedGroup
from tests.managed import managed
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.images.reason import Unmanaged
    from gitops_bot.releases.decisions import Managed

POLICY = NamedPolicy(None, Follow("main"), "config")
NONE = unmanaged("no_policy", "dev")


def entry(name: str, environment: str = "dev") -> Managed:
    return managed(environment, f"{name}/{environment}", f"{name}/{environment}/kustomization.yaml", 2, name, name)


@rows("rules promoted expected", {
    "a policy": (Rules(POLICY), False, "tracked"),
    "the source has it, and there is no policy": (Rules(None, unmanaged=NONE), True, "promoted"),
    "no policy": (Rules(None, unmanaged=NONE), False, NONE),
    "ignored beats all": (Rules(POLICY, ignore=True), True, "ignored"),
    "ignored without a policy": (Rules(None, ignore=True, unmanaged=NONE), False, "ignored"),
})  # fmt: skip
def test_an_entry_is_of_one_kind(rules: Rules, promoted: bool, expected: coverage.Kind | Unmanaged) -> None:
    assert coverage.kind(rules, promoted=promoted) == expected


def test_entries_add_up_and_one_reason_is_one_group_whatever_the_tags() -> None:
    web, api, db, old = map(entry, ("web", "api", "db", "old"))
    qa = entry("web", "qa")
    found = coverage.cover(
        [
            (web, Pin("1.0"), "tracked"),
            (old, Pin("1"), "ignored"),
            (api, Pin("latest"), unmanaged("unordered", "latest")),
            (db, Pin("abcdef0"), unmanaged("commit", "abcdef0")),
            (qa, Pin("stable"), unmanaged("unordered", "stable")),
        ],
        Outside((OutsideEntries("base", None, 3), OutsideEntries("x/local", "unreferenced", 1))),
        inferred=True,
    )
    assert found.groups == (
        UnmanagedGroup("unordered", "the tag has no order", (api, qa), Pin("latest")),
        UnmanagedGroup("commit", "the tag is a commit, and commits have no order", (db,), Pin("abcdef0")),
    )
    assert (found.tracked, found.promoted, found.ignored, found.unmanaged) == (1, 0, (old,), 3)
    assert (found.entries, found.outside.entries) == (5, 4)


def test_what_no_environment_claims_is_counted_by_directory_and_cause() -> None:
    files = {
        "kustomization.yaml": b"images:\n- name: a\n  newTag: '1'\n",
        "apps/web/base/kustomization.yaml": b"resources: [web.yaml]\nimages:\n- name: a\n- name: b\n",
        "apps/web/base/web.yaml": b"spec: {containers: [{image: 'b:1'}]}\n",
        "apps/web/base2/kustomization.yaml": b"resources: [a]\n",
        "tests/kustomization.yaml": b"images:\n- name: a\n",
    }
    judge = Judge(files, dict.fromkeys(files, "100644"), lambda paths: {path: files[path] for path in paths})
    assert coverage.outside(causes.find(judge, files), 2) == Outside(
        (
            OutsideEntries(".", None, 1),
            OutsideEntries("apps/web/base", "dead", 1),
            OutsideEntries("apps/web/base", None, 1),
            OutsideEntries("tests", "fixture", 1),
        ),
        2,
    )


FOLDED = {
    "one part differs": ({"apps/a/base": 1, "apps/b/base": 2}, [("apps/*/base", 3)]),
    "nothing is alike": ({"a/b": 1, "c": 1}, [("a/b", 1), ("c", 1)]),
    "the part that most differ in": (
        {"a/x": 1, "b/x": 1, "c/x": 1, "c/y": 1},
        [("*/x", 3), ("c/*", 1)],
    ),
    "other depths stay apart": ({"apps/a": 1, "apps/a/b": 1, "apps/c": 1}, [("apps/*", 2), ("apps/a/b", 1)]),
}  # fmt: skip


@pytest.mark.parametrize(("folders", "expected"), FOLDED.values(), ids=FOLDED)
def test_directories_that_differ_in_one_part_are_one_glob(
    folders: dict[str, int], expected: list[tuple[str, int]]
) -> None:
    assert coverage.fold_folders(folders) == expected
