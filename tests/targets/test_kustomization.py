from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import ENTRY_LIMIT, read
from gitops_bot.targets.pin_file import edit, pin_after
from tests.tables import rows

D1 = "sha256:" + "0123456789abcdef" * 4
D2 = "sha256:" + "fedcba9876543210" * 4


def edited(before: str, *edits: Assignment) -> str:
    return edit(read(before.encode(), "k.yaml"), edits).decode()


TAG, DIGEST, BOTH = Pin("v2"), Pin(None, D2), Pin("v2", D2)


@rows("before pin after", {
    # Replacing
    "a tag": ("- name: a\n  newTag: v1", TAG, "- name: a\n  newTag: v2"),
    "a digest": (f"- name: a\n  digest: {D1}", DIGEST, f"- name: a\n  digest: {D2}"),
    "tag kept": (f"- name: a\n  newTag: v1\n  digest: {D1}", DIGEST, f"- name: a\n  newTag: v1\n  digest: {D2}"),
    "single quotes stay": ("- name: a\n  newTag: 'v1' # c", TAG, "- name: a\n  newTag: 'v2' # c"),
    "a tab behind": ("- name: a\n  newTag: v1\t", TAG, "- name: a\n  newTag: v2\t"),
    "quotes where needed": ("- name: a\n  newTag: v1", Pin("1.10"), '- name: a\n  newTag: "1.10"'),
    "empty quotes": ('- name: a\n  newTag: ""', TAG, '- name: a\n  newTag: "v2"'),
    "null and the word": ("- name: a\n  newTag: null", Pin("null"), '- name: a\n  newTag: "null"'),
    "a value on its own line": ("- name: a\n  newTag:\n    v1", TAG, "- name: a\n  newTag:\n    v2"),
    "quoted keys": ('- "name": a\n  "newTag" : v1', TAG, '- "name": a\n  "newTag" : v2'),
    # Joined
    "joined, both": (f"- name: a\n  newTag: v1@{D1}", BOTH, f"- name: a\n  newTag: v2@{D2}"),
    "joined, tag": (f"- name: a\n  newTag: v1@{D1} # c", TAG, "- name: a\n  newTag: v2 # c"),
    "joined becomes a number": (f"- name: a\n  newTag: v1@{D1}", Pin("1"), '- name: a\n  newTag: "1"'),
    # Inserting
    "no tag yet": ("- name: a", TAG, "- name: a\n  newTag: v2"),
    "nothing yet": ("- name: a", BOTH, f"- name: a\n  newTag: v2\n  digest: {D2}"),
    "comments stay on their lines": (
        "- name: a # c\n  # d\n  newTag: v1 # e\n  # f\n- name: b", BOTH,
        f"- name: a # c\n  # d\n  newTag: v2 # e\n  digest: {D2}\n  # f\n- name: b",
    ),
    "wherever it is": ("- newName: b\n  name: a", TAG, "- newName: b\n  newTag: v2\n  name: a"),
    "behind newTag": ("- newTag: v1\n  name: a", DIGEST, f"- newTag: v1\n  digest: {D2}\n  name: a"),
    "a comment behind the dash": ("- # c\n  name: a", TAG, "- # c\n  name: a\n  newTag: v2"),
    "blank lines stay": ("- name: a\n\n\n- name: b", TAG, "- name: a\n  newTag: v2\n\n\n- name: b"),
    "behind the value": ("- name:\n    a\n  x: 1", TAG, "- name:\n    a\n  newTag: v2\n  x: 1"),
    "text": ("- name: a\n  x: |\n    newTag: v1", TAG, "- name: a\n  newTag: v2\n  x: |\n    newTag: v1"),
    # Removing
    "a stale digest": (f"- name: a\n  newTag: v1\n  digest: {D1}", TAG, "- name: a\n  newTag: v2"),
    "a digest behind the dash": (f"- digest: {D1}\n  name: a", TAG, "- name: a\n  newTag: v2"),
    "a comment goes with its line only": (
        f"- name: a\n  # c\n  digest: {D1} # d\n  # e\n  newTag: v1", TAG, "- name: a\n  # c\n  # e\n  newTag: v2",
    ),
    "the same tag alone": (f"- name: a\n  newTag: v2\n  digest: {D1}", TAG, "- name: a\n  newTag: v2"),
    # Braces
    "braces": ("- {name: a, newTag: v1}", TAG, "- {name: a, newTag: v2}"),
    "blanks": ("- { newTag: v1 , name: a }", DIGEST, f"- {{ newTag: v1, digest: {D2} , name: a }}"),
    "a suffix that kustomize ignores": (
        "- name: a\n  newTag: v1\n  tagSuffix: -x", TAG, "- name: a\n  newTag: v2\n  tagSuffix: -x",
    ),
    "braces, stale": (f"- {{name: a, newTag: v1, digest: {D1}}}", TAG, "- {name: a, newTag: v2}"),
    "braces, stale and first": (f"- {{digest: {D1}, name: a}}", TAG, "- {name: a, newTag: v2}"),
    "braces with a last comma": (f"- {{name: a, digest: {D1},}}", TAG, "- {name: a, newTag: v2,}"),
    "braces over lines": (
        f'- {{"name":"a", # c\n   "newTag":"1.9",\n   "digest":"{D1}" # d\n  }}', Pin("1.10"),
        '- {"name":"a", # c\n   "newTag":"1.10" # d\n  }',
    ),
})  # fmt: skip
@rows("top newline end", {
    "lf": ("# c\nkind: Component\nimages:\n", "\n", "\n"),
    "crlf": ("\ufeffimages: # c\n", "\r\n", "\r\nx: |\r\n  - name: a\r\n    newTag: v1\r\n"),
    "no final newline": ("%YAML 1.1\n---\nx: &x {é: 😀}\ny: *x\nimages:\n", "\n", ""),
})  # fmt: skip
def test_only_what_was_asked_changes(before: str, pin: Pin, after: str, top: str, newline: str, end: str) -> None:
    name = "a:1" if "a:1" in before else "a"
    before, after = ((top + text).replace("\n", newline) + end for text in (before, after))

    assert edited(before, Assignment(name, pin)) == after


def test_several_entries_are_edited_at_once_in_any_order() -> None:
    before = f"images:\n- name: a\n- digest: {D1}\n  name: b\n- {{name: c, newTag: v1}}\n- name: d\n"

    assert edited(before, Assignment("c", BOTH), Assignment("a", BOTH), Assignment("b", TAG)) == (
        f"images:\n- name: a\n  newTag: v2\n  digest: {D2}\n- name: b\n  newTag: v2\n"
        f"- {{name: c, newTag: v2, digest: {D2}}}\n- name: d\n"
    )


@pytest.mark.parametrize("newline", ["\r", "\r\n"], ids=["cr", "crlf"])
def test_an_inserted_line_ends_as_the_line_before_it(newline: str) -> None:
    before = f"images:\n- name: b\n- name: a{newline}"

    assert edited(before, Assignment("a", TAG)) == f"images:\n- name: b\n- name: a{newline}  newTag: v2{newline}"


@rows("before asked", {
    "the same text, though a float": ("- name: a\n  newTag: 1.10", Assignment("a", Pin("1.10"))),
    "joined": (f"- name: a\n  newTag: v1@{D1}", Assignment("a", Pin("v1", D1))),
    "an empty digest is none": ("- name: a\n  newTag: v1\n  digest: ''", Assignment("a", Pin("v1"))),
    "the same newName": ("- name: a\n  newName: b", Assignment("a", Pin(), "b")),
})  # fmt: skip
def test_what_is_there_already_changes_no_byte(before: str, asked: Assignment) -> None:
    before = f"\ufeffimages:\r\n{before}\t"

    assert edited(before, asked) == before


def refusals(before: str, *edits: Assignment) -> list[str]:
    with pytest.raises(EditError) as caught:
        edited(before, *edits)
    assert all(problem.code == "failed.edit" and problem.file == "k.yaml" for problem in caught.value.problems)
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]


@rows("before asked expected", {
    "unknown": ("- name: a", Assignment("b", TAG), "k.yaml: there is no entry 'b'"),
    "refused": ("- name: a\n  newTag: ${X}", Assignment("a", TAG), "k.yaml:3:11: newTag holds a template"),
    "a suffix of the base's tag": (
        "- name: a\n  TagSuffix: -x", Assignment("a", TAG), "k.yaml:3:3: tagSuffix extends",
    ),
    "no tag": ("- name: a", Assignment("a", Pin("v 2")), "k.yaml:2:3: 'v 2' is not a tag"),
    "a line break": ("- name: a", Assignment("a", Pin("v1\nx: y")), "k.yaml:2:3: 'v1\\nx: y' is not a tag"),
    "short": ("- name: a", Assignment("a", Pin(None, "sha256:ab")), "k.yaml:2:3: 'sha256:ab' is not a digest"),
    "no name": ("- name: a", Assignment("a", Pin(), "r.io/x:1"), "k.yaml:2:3: 'r.io/x:1' is not an image"),
    "a digest on two lines": (
        f"- name: a\n  digest: # c\n    {D1}", Assignment("a", TAG), "k.yaml:3:3: the stale digest",
    ),
    "a comment in braces": (
        f"- {{name: a, # c\n   digest: {D1}}}", Assignment("a", TAG), "k.yaml:3:4: the stale digest",
    ),
    "a stray CR": (f"- name: a\r  digest: {D1}\n\n", Assignment("a", TAG), "k.yaml:3:3: the stale digest"),
    "a comment below the dash": (
        f"- digest: {D1}\n  # c\n  name: a", Assignment("a", TAG), "k.yaml:2:3: the stale digest",
    ),
})  # fmt: skip
def test_an_edit_that_cannot_be_done_is_refused_with_its_place(before: str, asked: Assignment, expected: str) -> None:
    (said,) = refusals(f"images:\n{before}\n", asked)

    assert said.startswith(expected)


def test_all_edits_or_none_and_every_problem_is_told() -> None:
    before = "images:\n- name: a\n- name: b\n  newTag: ${X}\n- name: c\n"

    said = refusals(before, Assignment("a", TAG), Assignment("b", TAG), Assignment("c", Pin("-")), Assignment("d", TAG))

    assert [line.partition(": ")[0] for line in said] == ["k.yaml:4:11", "k.yaml:5:3", "k.yaml"]


def test_two_edits_of_one_entry_must_agree() -> None:
    before = "images:\n- name: a\n"

    assert edited(before, Assignment("a", TAG), Assignment("a", TAG)) == before + "  newTag: v2\n"
    assert refusals(before, Assignment("a", TAG), Assignment("a", DIGEST)) == [
        "k.yaml:2:3: two different edits of the entry 'a'"
    ]


@rows("text expected", {
    "a list": ("- a\n", "k.yaml:1:1: the file is not a kustomization: it is not a mapping"),
    "images is a word": ("images: nginx\n", "k.yaml:1:9: `images` is not a list"),
    "images twice": ("images:\n- name: a\nimages:\n", "k.yaml:3:1: the file has two keys 'images'"),
    "a long s": (
        "images: []\nimage\N{LATIN SMALL LETTER LONG S}: []\n",
        "k.yaml:2:1: the file has two keys 'image\N{LATIN SMALL LETTER LONG S}'",
    ),
    "kind twice": ("kind: A\nkind: B\n", "k.yaml:2:1: the file has two keys 'kind'"),
})  # fmt: skip
def test_a_file_that_leaves_a_doubt_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(EditError) as caught:
        read(text.encode(), "k.yaml")

    assert str(caught.value).startswith(expected)


@rows("text kind resources", {
    "nothing": ("", "Kustomization", ()),
    "a component": ("images:\nkind: Component\n", "Component", ()),
    "a key twice that does not matter": ("images: ~\nx: 1\nx: 2\n", "Kustomization", ()),
    "what other files contribute": (
        "bases: [a]\ncomponents:\n- b\nResources:\n- c\n- {d: e}\n- 1.10\n", "Kustomization", ("c", "1.10", "a", "b"),
    ),
})  # fmt: skip
def test_a_kustomization_without_images_has_no_entries(text: str, kind: str, resources: tuple[str, ...]) -> None:
    found = read(text.encode(), "k.yaml")

    assert (found.entries, found.kind, found.resources, found.data.decode()) == ((), kind, resources, text)


@rows("present asked expected", {
    "a tag alone leaves no digest": (Pin("v1", D1), TAG, TAG),
    "a digest alone keeps the tag": (Pin("v1", D1), DIGEST, Pin("v1", D2)),
    "nothing": (Pin("v1", D1), Pin(), Pin("v1", D1)),
})  # fmt: skip
def test_the_pin_that_an_edit_makes(present: Pin, asked: Pin, expected: Pin) -> None:
    text = f"images:\n- {{name: a, newTag: '{present.tag or ''}', digest: '{present.digest or ''}'}}\n"
    before = read(text.encode(), "k.yaml")

    assert pin_after(before.entries[0], asked) == expected
    assert read(edit(before, [Assignment("a", asked)]), "k.yaml").entries[0].pin == expected


@pytest.mark.parametrize(
    ("times", "lines"),
    [(2, "2, 3"), (10, "2, 3, 4, 5, 6, 7, 8, 9, 10, 11"), (11, "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...")],
)
def test_at_most_ten_places_of_a_name_are_told(times: int, lines: str) -> None:
    entries = read(b"images:\n" + b"- name: a\n" * times + b"- name: b\n", "k.yaml").entries

    shared = [entry.refusal for entry in entries[:-1]]
    assert {problem.message for problem in shared if problem} == {f"{times} entries are called 'a' (lines {lines})"}
    assert [problem.line for problem in shared if problem] == [*range(2, times + 2)]
    assert entries[-1].refusal is None


def test_more_entries_than_are_read_refuse_the_file() -> None:
    with pytest.raises(EditError) as caught:
        read(b"images: [" + b"a," * ENTRY_LIMIT + b"a]\n", "k.yaml")

    assert str(caught.value).startswith("k.yaml:1:9: `images` has more than 10,000 entries\n")
