"""Generated files in every style: the edit must give exactly the text that the model of the file expects."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.kustomization import read
from gitops_bot.targets.pin_file import edit
from tests.targets.model import Block, File, digests, files, tags

LONG = os.environ.get("GITOPS_BOT_LONG") == "1"
profile = settings(
    max_examples=20_000 if LONG else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)


@st.composite
def edits(draw: st.DrawFn, file: File) -> dict[int, tuple[Assignment, dict[str, str | None]]]:
    """Edits of some entries, each with the fields that it must change."""
    found = {}
    for index in draw(st.lists(st.integers(0, len(file.entries) - 1), unique=True, min_size=1)):
        fields = {field.name: field.text for field in file.entries[index].fields}
        tag = draw(st.none() | tags)
        digest = draw(st.none() | digests)
        new_name = draw(st.none() | st.just("r.example:5000/new"))
        wanted = {"newName": new_name, "newTag": tag, "digest": digest}
        changes = {name: text for name, text in wanted.items() if text is not None and text != fields.get(name)}
        stale: dict[str, str | None] = {"digest": None} if tag and digest is None and "digest" in fields else {}
        found[index] = (Assignment(fields["name"], Pin(tag, digest), new_name), {**changes, **stale})
    return found


def unclean(file: File, index: int, changes: dict[str, str | None]) -> bool:
    """Whether the editor has to refuse: a digest behind the dash with something other than its neighbour below."""
    entry = file.entries[index]
    if "digest" not in changes or changes["digest"] is not None or not isinstance(entry, Block):
        return False
    first, *others = entry.fields
    return first.name == "digest" and not entry.dash.endswith("\n" + " " * entry.indent) and others[0].above != ()


@given(st.data())
@profile
def test_an_edit_gives_the_expected_text_and_nothing_else(data: st.DataObject) -> None:
    file = data.draw(files())
    asked = data.draw(edits(file))
    changes = {index: wanted for index, (_, wanted) in asked.items()}
    present = read(file.text.encode(), "k.yaml")

    assert [entry.pin for entry in present.entries] == [file.pin(index) for index in range(len(file.entries))]
    assert [entry.refusal for entry in present.entries] == [None] * len(file.entries)
    if any(unclean(file, index, wanted) for index, wanted in changes.items()):
        try:
            edit(present, [one for one, _ in asked.values()])
        except EditError as error:
            assert "cannot be removed cleanly" in error.problem.message  # noqa: PT017 - the text decides
            return
        raise AssertionError("a digest that cannot be removed cleanly was removed")
    assert edit(present, [one for one, _ in asked.values()]).decode() == file.edited(changes).text


@given(st.data())
@profile
def test_editing_back_what_was_only_replaced_gives_the_original_bytes(data: st.DataObject) -> None:
    file = data.draw(files())
    index = data.draw(st.integers(0, len(file.entries) - 1))
    pin = file.pin(index)
    name = next(field.text for field in file.entries[index].fields if field.name == "name")
    there = Pin("v9" if pin.tag else None, "sha256:" + "ab" * 32 if pin.digest else None)
    before = file.text.encode()

    after = edit(read(before, "k.yaml"), [Assignment(name, there)])

    assert (after == before) == (pin == Pin())
    assert edit(read(after, "k.yaml"), [Assignment(name, pin)]) == before
