"""The proof against results that a broken editor could have made: each of them must be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import document
from gitops_bot.targets.proof import prove
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

D1, D2 = "sha256:1", "sha256:2"  # what a digest is does not matter here

Asked = dict[int, dict[str, str | None]]


def check(before: str, after: str, asked: Mapping[int, Mapping[str, str | None]]) -> None:
    """Prove `after`; `asked` counts the entries from 0."""
    old = document.compose(before, "k.yaml")
    assert old.root is not None
    images = next(value for key, value in old.root.value if key.value == "images")
    prove(old, document.compose(after, "k.yaml"), {id(images.value[index]): want for index, want in asked.items()})


HEAD = "# top\nx: &x {y: '1'} # x\nz: *x\n"
TAIL = "# end\nw: |\n  newTag: v1\n"
GOOD = [
    pytest.param("- name: a\n  newTag: v1 # c", "- name: a\n  newTag: v2 # c", {0: {"newTag": "v2"}}, id="replaced"),
    pytest.param("- name: a # c", f"- name: a # c\n  newTag: v2\n  digest: {D2}", {0: {"newTag": "v2", "digest": D2}},
        id="added"),
    pytest.param(f"- name: a\n  digest: {D1} # c\n  # d", "- name: a\n  # d", {0: {"digest": None}}, id="removed"),
    pytest.param(f"- digest: {D1}\n  name: a", "- name: a\n  newTag: v2", {0: {"digest": None, "newTag": "v2"}},
        id="moved up"),
    pytest.param(f"- {{name: a, digest: {D1}}} # c\n- name: b\n  newTag: '1'",
        "- {name: a, newTag: v2} # c\n- name: b\n  newTag: '2'",
        {0: {"digest": None, "newTag": "v2"}, 1: {"newTag": "2"}}, id="in braces, and another"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "asked"), GOOD)
def test_a_good_edit_is_proved(before: str, after: str, asked: Asked) -> None:
    check(f"{HEAD}images:\n{before}\n{TAIL}", f"{HEAD}images:\n{after}\n{TAIL}", asked)
    check(f"{HEAD}images:\n{before}", f"{HEAD}images:\n{after}", asked)


@pytest.mark.parametrize(("before", "after", "asked"), GOOD)
def test_no_single_wrong_character_passes(before: str, after: str, asked: Asked) -> None:
    before, good = f"images:\n{before}\n# end\nw: 1\n", f"images:\n{after}\n# end\nw: 1\n"
    wrong = {good[:at] + good[at + 1 :] for at in range(len(good))}
    for extra in " #x\n":
        wrong |= {good[:at] + extra + good[at:] for at in range(len(good) + 1)}

    for bad in sorted(wrong - {good}):
        with pytest.raises(EditError):
            check(before, bad, asked)


BEFORE = f"x: &x v1\nimages:\n- name: a\n  newTag: v1 # c\n  digest: {D1}\n- name: b\n  newTag: *x\n- {{name: c}}\n"


@rows("old new asked", {
    "nothing was done": ("", "", {0: {"newTag": "v2"}}),
    "other quotes": ("newTag: v1", "newTag: '1'", {0: {"newTag": "1"}}),
    "no string": ("newTag: v1", "newTag: 1", {0: {"newTag": "1"}}),
    "escaped": ("newTag: v1", 'newTag: "v\\x32"', {0: {"newTag": "v2"}}),
    "an anchor came in": ("newTag: v1", "newTag: &t v2", {0: {"newTag": "v2"}}),
    "a tag came in": ("newTag: v1", "newTag: !!str v2", {0: {"newTag": "v2"}}),
    "a comment went": ("newTag: v1 # c", "newTag: v2", {0: {"newTag": "v2"}}),
    "a comment came": ("newTag: v1 # c", "newTag: v2 # c\n  # d", {0: {"newTag": "v2"}}),
    "another key went": ("newTag: v1 # c\n", "", {0: {"digest": None}}),
    "the digest went unasked": (f"  digest: {D1}\n", "", {0: {"newTag": "v2"}}),
    "the wrong entry": ("v1 # c", "v2 # c", {1: {"newTag": "v2"}}),
    "added twice": ("{name: c}", "{name: c, newTag: v2, newTag: v2}", {2: {"newTag": "v2"}}),
    "added in other letters": ("{name: c}", "{name: c, newtag: v2}", {2: {"newTag": "v2"}}),
    "added in front": ("{name: c}", "{newTag: v2, name: c}", {2: {"newTag": "v2"}}),
    "added with more blanks": ("{name: c}", "{name: c,  newTag: v2}", {2: {"newTag": "v2"}}),
    "the braces went": ("- {name: c}", "- name: c\n  newTag: v2", {2: {"newTag": "v2"}}),
    "an alias was written out": ("*x", "v1", {0: {"newTag": "v1"}}),
    "an alias went": ("*x", "v2", {1: {"newTag": "v2"}}),
    "the document was cut": ("images:", "---\nimages:", {}),
    "a blank in another entry": ("- name: b", "-  name: b", {}),
})  # fmt: skip
def test_damage_is_refused(old: str, new: str, asked: Asked) -> None:
    with pytest.raises(EditError):
        check(BEFORE, BEFORE.replace(old, new, 1) if old else BEFORE, asked)


@rows("old new", {
    "on a value": ("x: &x v1", "x: &x !own v1"),
    "on a list": ("images:", "images: !own"),
    "on a mapping": ("- name: b", "- !own\n  name: b"),
    "on the mapping that is the file": ("x: &x", "!own\nx: &x"),
})  # fmt: skip
def test_a_tag_that_comes_or_goes_is_found_in_the_nodes(old: str, new: str) -> None:
    tagged = BEFORE.replace(old, new, 1)
    for before, after in ((BEFORE, tagged), (tagged, BEFORE)):
        with pytest.raises(EditError, match="has another kind, tag or anchor"):
            check(before, after, {})


@rows("before after asked", {
    "entries": ("- name: a\n- name: b", "- name: b\n  newTag: v2\n- name: a", {0: {"newTag": "v2"}}),
    "the final line break went": ("- name: a\n", "- name: a\n  newTag: v2", {0: {"newTag": "v2"}}),
    "a blank line came": ("- name: a", "- name: a\n\n  newTag: v2", {0: {"newTag": "v2"}}),
    "a comment on the new line": ("- name: a", "- name: a\n  newTag: v2 # c", {0: {"newTag": "v2"}}),
    "one in between": (f"- digest: {D1}\n  # c\n  name: a", "- name: a", {0: {"digest": None}}),
    "two lines": (f"- name: a\n  digest:\n    {D1}", "- name: a", {0: {"digest": None}}),
})  # fmt: skip
def test_damage_beside_the_values_is_refused(before: str, after: str, asked: Asked) -> None:
    with pytest.raises(EditError):
        check(f"images:\n{before}", f"images:\n{after}", asked)


@pytest.mark.parametrize("kept", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
def test_a_pair_at_the_end_of_a_file_has_the_line_breaks_of_the_file(kept: str) -> None:
    before, asked = f"images:{kept}- name: a", {0: {"newTag": "v2"}}
    check(before, f"{before}{kept}  newTag: v2", asked)
    for other in {"\r\n", "\n", "\r"} - {kept}:
        with pytest.raises(EditError, match="a line break of another kind came in"):
            check(before, f"{before}{other}  newTag: v2", asked)


def test_aliases_that_lead_back_do_not_loop() -> None:
    before = "x: &x [*x]\nimages:\n- name: a\n"

    check(before, before + "  newTag: v2\n", {0: {"newTag": "v2"}})


def test_aliases_that_multiply_are_compared_once() -> None:
    layers = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 60))
    before = f"l0: &l0 x\n{layers}images:\n- name: a\n"

    check(before, before + "  newTag: v2\n", {0: {"newTag": "v2"}})
