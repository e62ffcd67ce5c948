from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.targets.kustomization import read
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.targets.pin_file import FileEntry

D = "sha256:" + "0123456789abcdef" * 4


def entries(text: str) -> tuple[FileEntry, ...]:
    return read(text.encode(), "k.yaml").entries


@rows("item pin", {
    "tag": ("newTag: v1", Pin("v1")),
    "both": (f"newTag: v1\n  digest: '{D}'", Pin("v1", D)),
    "joined": (f"newTag: 1.2@{D}", Pin("1.2", D)),
    "a float keeps its text": ("newTag: 1.10", Pin("1.10")),
    "a date keeps its text": ("newTag: 2024-01-15", Pin("2024-01-15")),
    "keys ignore case": ("NEWTAG: v1", Pin("v1")),
    "quoted key": ('"newTag": "v1"', Pin("v1")),
    "null": ("newTag: null", Pin()),
    "both empty": ("newTag: ~\n  digest: ''", Pin()),
    "the word null": ('newTag: "null"', Pin("null")),
})  # fmt: skip
def test_a_pin_is_the_text_that_stands_there(item: str, pin: Pin) -> None:
    (entry,) = entries(f"images:\n- name: web\n  {item}\n")

    assert (entry.name, entry.pin, entry.refusal) == ("web", pin, None)


@rows("item image", {
    "newName": ("name: web\n  newName: ghcr.io/acme/web", "ghcr.io/acme/web"),
    "matcher of a tag": ("name: nginx:1.27", "docker.io/library/nginx"),
    "matcher of a digest": (f"name: r.io/x@{D}", "r.io/x"),
    "port and tag": ("name: localhost:5000/x:1.0", "localhost:5000/x"),
    "an expression": ("name: x/nginx.*", None),
    "a default is all": ("name: web\n  newName: ${NAME:=ghcr.io/acme/web}", "ghcr.io/acme/web"),
    "a default is a part": ("name: web\n  newName: ${REGISTRY:=r.io:5000}/web", "r.io:5000/web"),
    "two defaults": ('name: web\n  newName: "${A:-ghcr.io}/${B:-acme}/web"', "ghcr.io/acme/web"),
    "a variable without a default": ("name: web\n  newName: ${REGISTRY}/web", None),
    "a required variable": ("name: web\n  newName: ${REGISTRY:?who}/web", None),
})  # fmt: skip
def test_the_image_of_an_entry_is_its_effective_repository(item: str, image: str | None) -> None:
    (entry,) = entries(f"images:\n- {item}\n")

    assert entry.image == (ImageName.parse(image) if image else None)
    assert entry.refusal is None


def test_line_and_column_are_those_of_the_entry() -> None:
    found = entries("# c\nimages:\n  - name: a\n  -\n    # c\n    newTag: b\n    name: c\n")

    assert [(entry.line, entry.column) for entry in found] == [(3, 5), (6, 5)]


@rows("text expected", {
    "a key twice": ("- name: a\n  newTag: 1\n  newTag: 2", "4:3: the entry has two keys 'newTag'"),
    "any key twice": ("- name: a\n  x: 1\n  x: 2", "4:3: the entry has two keys 'x'"),
    "anchored entry": ("- &x\n  name: a", "2:3: the entry carries an anchor or is an alias"),
    "anchored value": ("- name: a\n  newTag: &t v1", "2:3: the entry holds an anchor or an alias"),
    "anchor deep inside": ("- name: a\n  x: [{y: &t v1}]", "2:3: the entry holds an anchor or an alias"),
    "tagged value": ("- name: a\n  newTag: !!str 1.0", "3:11: the entry holds an explicit YAML tag"),
    "tagged mapping in braces": ("- name: a\n  x: !own {y: z}", "3:6: the entry holds an explicit YAML tag"),
    "a tag deep inside": ("- name: a\n  x: [{y: !own {}}]", "3:11: the entry holds an explicit YAML tag"),
    "tagged key": ("- name: a\n  ! newTag: v1", "3:3: the entry holds an explicit YAML tag"),
    "${X}": ("- name: a\n  newTag: ${TAG}", "3:11: newTag holds a template placeholder: '${TAG}'"),
    "$(X)": ('- name: a\n  newTag: "$(TAG)"', "3:11: newTag holds a template placeholder"),
    "{{ x }}": ("- name: a\n  newTag: '{{ tag }}'", "3:11: newTag holds a template placeholder"),
    "<X>": ("- name: a\n  newTag: <TAG>", "3:11: newTag holds a template placeholder"),
    "%X%": ("- name: a\n  newTag: x%TAG%", "3:11: newTag holds a template placeholder"),
    "@X@": ("- name: a\n  digest: '@D@'", "3:11: digest holds a template placeholder"),
    "__X__ as a digest": ("- name: a\n  digest: __D__", "3:11: digest holds a template placeholder"),
    "a template for a name": ("- name: ${R}/a", "2:9: name holds a template placeholder"),
    "no value": ("- name: a\n  newTag:", "3:3: newTag has no value"),
    "a key alone in braces": ("- {name: a, newTag}", "2:13: newTag has no value"),
    "literal block": ("- name: a\n  newTag: |\n    v1", "3:11: newTag is a block of text"),
    "two lines": ("- name: a\n  newTag: v1\n    v2", "3:11: newTag runs over several lines"),
    "a list": ("- name: a\n  newTag: [v1]", "3:11: newTag is not a string"),
    "newName with a tag": ("- name: a\n  newName: b:1", "3:12: newName carries a tag: 'b:1'"),
    "default with a tag": ("- name: a\n  newName: ${X:=b:1}", "3:12: newName carries a tag: 'b:1'"),
    "newName with a digest": (f"- name: a\n  newName: b@{D}", "3:12: newName carries a digest"),
    "twice": (f"- name: a\n  newTag: v1@{D}\n  digest: {D}", "3:11: newTag carries a digest beside"),
    "no tag before the @": (f"- name: a\n  newTag: '@{D}'", "3:11: newTag is neither"),
    "nothing behind the @": ("- name: a\n  newTag: v1@", "3:11: newTag is neither"),
    "no name": ("- newTag: v1", "2:3: the entry has no name"),
    "a word": ("- nginx", "2:3: the entry is not a mapping"),
    "nothing": ("-", "2:2: the entry is not a mapping"),
    "a question mark": ("- ? name\n  : a", "2:5: the key 'name' is written with `?`"),
    "a later one": ("- name: a\n  ? newTag # ?\n  : v1", "3:5: the key 'newTag' is written with `?`"),
    "a list for a key": ("- name: a\n  [x]: y", "3:3: a key of the entry is not a plain word"),
})  # fmt: skip
def test_an_entry_that_leaves_a_doubt_is_refused_and_its_neighbour_is_not(text: str, expected: str) -> None:
    found, neighbour = entries(f"images:\n{text}\n- name: neighbour\n  newTag: v1\n")

    assert found.refusal is not None
    assert f"{found.refusal.line}:{found.refusal.column}: {found.refusal.message}".startswith(expected)
    assert found.refusal.file == "k.yaml"
    assert (neighbour.name, neighbour.refusal) == ("neighbour", None)


@rows("text expected", {
    "an alias for an entry": ("a: &a {name: x}\nimages:\n- *a\n- name: y\n", [True, False]),
    "a merged mapping": ("a: &a {newTag: x}\nimages:\n- {<<: *a, name: z}\n- name: y\n", [True, False]),
    "an alias for a value": ("a: &t v1\nimages:\n- name: x\n  newTag: *t\n- name: y\n", [True, False]),
    "an anchored list": ("images: &i\n- name: x\n- name: y\n", [True, True]),
    "an alias for the list": ("a: &i\n- name: x\nimages: *i\n", [True]),
    "an anchored document": ("--- &r\nimages:\n- name: x\n", [True]),
    "a pair without braces": ("images: [name: x, {name: y}]\n", [True, False]),
    "a question in a comment": ("images:\n- name: x # ?\n  # what?\n  newTag: v1\n", [False]),
    "__X__ is a tag": ("images:\n- name: x\n  newTag: __X__\n", [False]),
    "__X__ with a digest": (f"images:\n- name: x\n  newTag: __X__@{D}\n", [False]),
    "an expression for a name": ("images:\n- name: 'x/(web|api){2}$'\n", [False]),
    "bad values may be mended": ("images:\n- name: x\n  newTag: sha256:abc\n  digest: abc\n", [False]),
})  # fmt: skip
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
