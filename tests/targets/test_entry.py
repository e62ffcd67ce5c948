from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.targets.kustomization import read

if TYPE_CHECKING:
    from gitops_bot.targets.pin_file import FileEntry

D = "sha256:" + "0123456789abcdef" * 4


def entries(text: str) -> tuple[FileEntry, ...]:
    return read(text.encode(), "k.yaml").entries


@pytest.mark.parametrize(
    ("item", "pin"),
    [
        pytest.param("newTag: v1", Pin("v1"), id="tag"),
        pytest.param(f"newTag: v1\n  digest: '{D}'", Pin("v1", D), id="both"),
        pytest.param(f"newTag: 1.2@{D}", Pin("1.2", D), id="joined"),
        pytest.param("newTag: 1.10", Pin("1.10"), id="a float keeps its text"),
        pytest.param("newTag: 2024-01-15", Pin("2024-01-15"), id="a date keeps its text"),
        pytest.param("NEWTAG: v1", Pin("v1"), id="keys ignore case"),
        pytest.param('"newTag": "v1"', Pin("v1"), id="quoted key"),
        pytest.param("newTag: null", Pin(), id="null"),
        pytest.param("newTag: ~\n  digest: ''", Pin(), id="both empty"),
        pytest.param('newTag: "null"', Pin("null"), id="the word null"),
    ],
)
def test_a_pin_is_the_text_that_stands_there(item: str, pin: Pin) -> None:
    (entry,) = entries(f"images:\n- name: web\n  {item}\n")

    assert (entry.name, entry.pin, entry.refusal) == ("web", pin, None)


@pytest.mark.parametrize(
    ("item", "image"),
    [
        pytest.param("name: web\n  newName: ghcr.io/acme/web", "ghcr.io/acme/web", id="newName"),
        pytest.param("name: nginx:1.27", "docker.io/library/nginx", id="matcher of a tag"),
        pytest.param(f"name: r.io/x@{D}", "r.io/x", id="matcher of a digest"),
        pytest.param("name: localhost:5000/x:1.0", "localhost:5000/x", id="port and tag"),
        pytest.param("name: x/nginx.*", None, id="an expression"),
        pytest.param("name: web\n  newName: ${NAME:=ghcr.io/acme/web}", "ghcr.io/acme/web", id="a default is all"),
        pytest.param("name: web\n  newName: ${REGISTRY:=r.io:5000}/web", "r.io:5000/web", id="a default is a part"),
        pytest.param('name: web\n  newName: "${A:-ghcr.io}/${B:-acme}/web"', "ghcr.io/acme/web", id="two defaults"),
        pytest.param("name: web\n  newName: ${REGISTRY}/web", None, id="a variable without a default"),
        pytest.param("name: web\n  newName: ${REGISTRY:?who}/web", None, id="a required variable"),
    ],
)
def test_the_image_of_an_entry_is_its_effective_repository(item: str, image: str | None) -> None:
    (entry,) = entries(f"images:\n- {item}\n")

    assert entry.image == (ImageName.parse(image) if image else None)
    assert entry.refusal is None


def test_line_and_column_are_those_of_the_entry() -> None:
    found = entries("# c\nimages:\n  - name: a\n  -\n    # c\n    newTag: b\n    name: c\n")

    assert [(entry.line, entry.column) for entry in found] == [(3, 5), (6, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("- name: a\n  newTag: 1\n  newTag: 2", "4:3: the entry has two keys 'newTag'", id="a key twice"),
        pytest.param("- name: a\n  x: 1\n  x: 2", "4:3: the entry has two keys 'x'", id="any key twice"),
        pytest.param("- &x\n  name: a", "2:3: the entry carries an anchor or is an alias", id="anchored entry"),
        pytest.param("- name: a\n  newTag: &t v1", "2:3: the entry holds an anchor or an alias", id="anchored value"),
        pytest.param("- name: a\n  x: [{y: &t v1}]", "2:3: the entry holds an anchor or an alias",
            id="anchor deep inside"),
        pytest.param("- name: a\n  newTag: !!str 1.0", "3:11: the entry holds an explicit YAML tag", id="tagged value"),
        pytest.param("- name: a\n  x: !own {y: z}", "3:6: the entry holds an explicit YAML tag",
            id="tagged mapping in braces"),
        pytest.param("- name: a\n  x: [{y: !own {}}]", "3:11: the entry holds an explicit YAML tag",
            id="a tag deep inside"),
        pytest.param("- name: a\n  ! newTag: v1", "3:3: the entry holds an explicit YAML tag", id="tagged key"),
        pytest.param("- name: a\n  newTag: ${TAG}", "3:11: newTag holds a template placeholder: '${TAG}'", id="${X}"),
        pytest.param('- name: a\n  newTag: "$(TAG)"', "3:11: newTag holds a template placeholder", id="$(X)"),
        pytest.param("- name: a\n  newTag: '{{ tag }}'", "3:11: newTag holds a template placeholder", id="{{ x }}"),
        pytest.param("- name: a\n  newTag: <TAG>", "3:11: newTag holds a template placeholder", id="<X>"),
        pytest.param("- name: a\n  newTag: x%TAG%", "3:11: newTag holds a template placeholder", id="%X%"),
        pytest.param("- name: a\n  digest: '@D@'", "3:11: digest holds a template placeholder", id="@X@"),
        pytest.param("- name: a\n  digest: __D__", "3:11: digest holds a template placeholder", id="__X__ as a digest"),
        pytest.param("- name: ${R}/a", "2:9: name holds a template placeholder", id="a template for a name"),
        pytest.param("- name: a\n  newTag:", "3:3: newTag has no value", id="no value"),
        pytest.param("- {name: a, newTag}", "2:13: newTag has no value", id="a key alone in braces"),
        pytest.param("- name: a\n  newTag: |\n    v1", "3:11: newTag is a block of text", id="literal block"),
        pytest.param("- name: a\n  newTag: v1\n    v2", "3:11: newTag runs over several lines", id="two lines"),
        pytest.param("- name: a\n  newTag: [v1]", "3:11: newTag is not a string", id="a list"),
        pytest.param("- name: a\n  newName: b:1", "3:12: newName carries a tag: 'b:1'", id="newName with a tag"),
        pytest.param("- name: a\n  newName: ${X:=b:1}", "3:12: newName carries a tag: 'b:1'", id="default with a tag"),
        pytest.param(f"- name: a\n  newName: b@{D}", "3:12: newName carries a digest", id="newName with a digest"),
        pytest.param(f"- name: a\n  newTag: v1@{D}\n  digest: {D}", "3:11: newTag carries a digest beside", id="twice"),
        pytest.param(f"- name: a\n  newTag: '@{D}'", "3:11: newTag is neither", id="no tag before the @"),
        pytest.param("- name: a\n  newTag: v1@", "3:11: newTag is neither", id="nothing behind the @"),
        pytest.param("- newTag: v1", "2:3: the entry has no name", id="no name"),
        pytest.param("- nginx", "2:3: the entry is not a mapping", id="a word"),
        pytest.param("-", "2:2: the entry is not a mapping", id="nothing"),
        pytest.param("- ? name\n  : a", "2:5: the key 'name' is written with `?`", id="a question mark"),
        pytest.param("- name: a\n  ? newTag # ?\n  : v1", "3:5: the key 'newTag' is written with `?`",
            id="a later one"),
        pytest.param("- name: a\n  [x]: y", "3:3: a key of the entry is not a plain word", id="a list for a key"),
    ],
)  # fmt: skip
def test_an_entry_that_leaves_a_doubt_is_refused_and_its_neighbour_is_not(text: str, expected: str) -> None:
    found, neighbour = entries(f"images:\n{text}\n- name: neighbour\n  newTag: v1\n")

    assert found.refusal is not None
    assert f"{found.refusal.line}:{found.refusal.column}: {found.refusal.message}".startswith(expected)
    assert found.refusal.file == "k.yaml"
    assert (neighbour.name, neighbour.refusal) == ("neighbour", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: &a {name: x}\nimages:\n- *a\n- name: y\n", [True, False], id="an alias for an entry"),
        pytest.param("a: &a {newTag: x}\nimages:\n- {<<: *a, name: z}\n- name: y\n", [True, False],
            id="a merged mapping"),
        pytest.param("a: &t v1\nimages:\n- name: x\n  newTag: *t\n- name: y\n", [True, False],
            id="an alias for a value"),
        pytest.param("images: &i\n- name: x\n- name: y\n", [True, True], id="an anchored list"),
        pytest.param("a: &i\n- name: x\nimages: *i\n", [True], id="an alias for the list"),
        pytest.param("--- &r\nimages:\n- name: x\n", [True], id="an anchored document"),
        pytest.param("images: [name: x, {name: y}]\n", [True, False], id="a pair without braces"),
        pytest.param("images:\n- name: x # ?\n  # what?\n  newTag: v1\n", [False], id="a question in a comment"),
        pytest.param("images:\n- name: x\n  newTag: __X__\n", [False], id="__X__ is a tag"),
        pytest.param(f"images:\n- name: x\n  newTag: __X__@{D}\n", [False], id="__X__ with a digest"),
        pytest.param("images:\n- name: 'x/(web|api){2}$'\n", [False], id="an expression for a name"),
        pytest.param("images:\n- name: x\n  newTag: sha256:abc\n  digest: abc\n", [False],
            id="bad values may be mended"),
    ],
)  # fmt: skip
def test_which_entries_are_refused(text: str, expected: list[bool]) -> None:
    assert [entry.refusal is not None for entry in entries(text)] == expected


def test_entries_of_one_name_say_where_the_others_are() -> None:
    first, second = entries("images:\n- name: x\n- name: x\n")

    assert first.refusal is not None
    assert second.refusal is not None
    assert "2 entries are called 'x' (lines 2, 3)" in first.refusal.message
    assert (first.refusal.line, second.refusal.line) == (2, 3)


def test_an_alias_that_grows_without_bound_is_refused_at_once() -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 40))

    (entry,) = entries(f"l0: &l0 x\n{layers}images:\n- name: a\n  x: *l39\n")

    assert entry.refusal is not None
