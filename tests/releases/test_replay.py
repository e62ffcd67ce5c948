from __future__ import annotations

import pytest

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.history.changes import explains

A, B = ("sha256:" + letter * 64 for letter in "ab")
FILE = "apps/web/kustomization.yaml"
TEXT = f"""\
images:
- name: web
  newTag: v1
- name: api
  newTag: v1
  digest: {A}
- name: joined
  newTag: v1@{A}
"""


def replaced(*pairs: tuple[str, str]) -> str:
    text = TEXT
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def changed(name: str, before: Pin, after: Pin, new_name: str | None = None) -> tuple[Pin, Assignment]:
    return before, Assignment(name, after, new_name)


WEB = changed("web", Pin("v1"), Pin("v2"))
WEB_DONE = ("web\n  newTag: v1", "web\n  newTag: v2")
API = changed("api", Pin("v1", A), Pin("v2", B))
API_DONE = (f"newTag: v1\n  digest: {A}", f"newTag: v2\n  digest: {B}")


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        pytest.param(replaced(WEB_DONE), [WEB], id="a tag"),
        pytest.param(replaced(API_DONE), [API], id="tag and digest"),
        pytest.param(replaced(WEB_DONE, API_DONE), [API, WEB], id="in whatever order"),
        pytest.param(replaced((f"v1\n  digest: {A}\n", "v2\n")), [changed("api", Pin("v1", A), Pin("v2"))],
            id="a digest removed"),
        pytest.param(replaced((f"v1@{A}", f"v2@{B}")), [changed("joined", Pin("v1", A), Pin("v2", B))],
            id="one value for both"),
        pytest.param(replaced(("web\n  newTag: v1", "web\n  newName: r.test/web\n  newTag: v2")),
            [changed("web", Pin("v1"), Pin("v2"), "r.test/web")], id="another repository"),
        pytest.param(TEXT, [], id="nothing"),
    ],
)  # fmt: skip
def test_steps_explain_what_they_do(after: str, steps: list[tuple[Pin, Assignment]]) -> None:
    assert explains(FILE, TEXT.encode(), after.encode(), steps)


@pytest.mark.parametrize(
    ("after", "steps"),
    [
        pytest.param(replaced(WEB_DONE), [], id="nothing is said"),
        pytest.param(TEXT, [WEB], id="nothing was done"),
        pytest.param(replaced(WEB_DONE), [WEB, API], id="one less was done"),
        pytest.param(replaced(WEB_DONE) + " ", [WEB], id="a byte more"),
        pytest.param(replaced(WEB_DONE).replace("v2", '"v2"'), [WEB], id="the same value in quotes"),
        pytest.param(replaced(WEB_DONE), [changed("web", Pin("v0"), Pin("v2"))], id="from another tag"),
        pytest.param(replaced(WEB_DONE), [changed("web", Pin("v1"), Pin("v3"))], id="to another tag"),
        pytest.param(replaced(WEB_DONE), [changed("nobody", Pin("v1"), Pin("v2"))], id="an entry that is not there"),
        pytest.param(replaced((f"  digest: {A}\n", f"  digest: {B}\n")), [changed("api", Pin("v1", A), Pin(None, B))],
            id="the tag stays, and another is said"),
        pytest.param(TEXT, [changed("web", Pin("v1"), Pin())], id="unpinned is said, and nothing was done"),
        pytest.param(replaced(WEB_DONE), [changed("web", Pin("v1"), Pin("v2"), "r.test/web")],
            id="no other repository"),
    ],
)  # fmt: skip
def test_steps_do_not_explain_anything_else(after: str, steps: list[tuple[Pin, Assignment]]) -> None:
    assert not explains(FILE, TEXT.encode(), after.encode(), steps)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"images: {", id="no YAML"),
        pytest.param(b"images:\n- {name: web, newTag: v1}\n- {name: web, newTag: v1}\n", id="a name given twice"),
    ],
)
def test_a_file_that_cannot_be_edited_is_explained_by_nothing(before: bytes) -> None:
    assert not explains(FILE, before, before.replace(b"v1", b"v2"), [WEB])
