from __future__ import annotations

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.history.changes import explains
from tests.tables import rows

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


@rows("after steps", {
    "a tag": (replaced(WEB_DONE), [WEB]),
    "tag and digest": (replaced(API_DONE), [API]),
    "in whatever order": (replaced(WEB_DONE, API_DONE), [API, WEB]),
    "a digest removed": (replaced((f"v1\n  digest: {A}\n", "v2\n")), [changed("api", Pin("v1", A), Pin("v2"))]),
    "one value for both": (replaced((f"v1@{A}", f"v2@{B}")), [changed("joined", Pin("v1", A), Pin("v2", B))]),
    "another repository": (
        replaced(("web\n  newTag: v1", "web\n  newName: r.test/web\n  newTag: v2")),
        [changed("web", Pin("v1"), Pin("v2"), "r.test/web")],
    ),
    "nothing": (TEXT, []),
})  # fmt: skip
def test_steps_explain_what_they_do(after: str, steps: list[tuple[Pin, Assignment]]) -> None:
    assert explains(FILE, TEXT.encode(), after.encode(), steps)


@rows("after steps", {
    "nothing is said": (replaced(WEB_DONE), []),
    "nothing was done": (TEXT, [WEB]),
    "one less was done": (replaced(WEB_DONE), [WEB, API]),
    "a byte more": (replaced(WEB_DONE) + " ", [WEB]),
    "the same value in quotes": (replaced(WEB_DONE).replace("v2", '"v2"'), [WEB]),
    "from another tag": (replaced(WEB_DONE), [changed("web", Pin("v0"), Pin("v2"))]),
    "to another tag": (replaced(WEB_DONE), [changed("web", Pin("v1"), Pin("v3"))]),
    "an entry that is not there": (replaced(WEB_DONE), [changed("nobody", Pin("v1"), Pin("v2"))]),
    "the tag stays, and another is said": (
        replaced((f"  digest: {A}\n", f"  digest: {B}\n")), [changed("api", Pin("v1", A), Pin(None, B))],
    ),
    "unpinned is said, and nothing was done": (TEXT, [changed("web", Pin("v1"), Pin())]),
    "no other repository": (replaced(WEB_DONE), [changed("web", Pin("v1"), Pin("v2"), "r.test/web")]),
})  # fmt: skip
def test_steps_do_not_explain_anything_else(after: str, steps: list[tuple[Pin, Assignment]]) -> None:
    assert not explains(FILE, TEXT.encode(), after.encode(), steps)


@rows("before", {
    "no YAML": b"images: {",
    "a name given twice": b"images:\n- {name: web, newTag: v1}\n- {name: web, newTag: v1}\n",
})  # fmt: skip
def test_a_file_that_cannot_be_edited_is_explained_by_nothing(before: bytes) -> None:
    assert not explains(FILE, before, before.replace(b"v1", b"v2"), [WEB])
