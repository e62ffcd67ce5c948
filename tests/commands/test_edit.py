from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from gitops_bot.commands.edit import edit
from gitops_bot.errors import EditError, Problem, UsageError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.releases.decisions import PinChange

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Change

D1 = "sha256:" + "0123456789abcdef" * 4
D2 = "sha256:" + "fedcba9876543210" * 4
FILE = "app/kustomization.yaml"
TEXT = f"""\
images: # pinned by hand
- name: web
  newName: ghcr.io/acme/web
  newTag: v1 # stable
  digest: {D1}
- name: api
  newName: ghcr.io/acme/web
  newTag: v1
- name: postgres
  newTag: "16"
- name: broken
  newTag: ${{TAG}}
"""


@dataclass
class FakeDisk:
    """One directory in memory; it knows nothing else."""

    files: dict[str, bytes]
    written: list[str] = field(default_factory=list)

    def pin_files(self, path: str) -> list[str]:
        return [f"{path}/kustomization.yaml" if path == "app" else path]

    def beside(self, file: str) -> dict[str, bytes]:
        del file
        return {}

    def read(self, file: str) -> bytes:
        if file not in self.files:
            raise EditError(Problem("failed.edit", "missing", file=file))
        return self.files[file]

    def replace(self, file: str, *, before: bytes, after: bytes) -> None:
        assert self.files[file] == before
        self.files[file] = after
        self.written.append(file)


def disk() -> FakeDisk:
    return FakeDisk({FILE: TEXT.encode()})


def asked(*texts: str) -> list[Assignment]:
    return [Assignment.parse(text) for text in texts]


def told(change: Change) -> tuple[object, ...]:
    entry = change.entry
    return (entry.environment, entry.overlay, entry.line, entry.image, change.direction, change.pin_change)


def test_several_images_are_pinned_in_one_file() -> None:
    where = disk()

    outcome = edit(where, "app", asked(f"web=v2@{D2}", "postgres=17")).body

    after = TEXT.replace("newTag: v1 #", "newTag: v2 #").replace(D1, D2).replace('"16"', '"17"')
    assert where.files == {FILE: after.encode()}
    assert where.written == [FILE]
    assert outcome.file == FILE
    web = PinChange(FILE, "web", Pin("v1", D1), Pin("v2", D2), "set")
    postgres = PinChange(FILE, "postgres", Pin("16"), Pin("17"), "set")
    assert [told(change) for change in outcome.changes] == [
        (None, "app", 2, "ghcr.io/acme/web", "forward", web),
        (None, "app", 9, "docker.io/library/postgres", "forward", postgres),
    ]
    assert [change.reason for change in outcome.changes] == [Reason("set", "given on the command line")] * 2
    assert (outcome.before, outcome.after, outcome.unchanged) == (TEXT.encode(), after.encode(), 0)


@pytest.mark.parametrize(
    ("image", "names"),
    [
        pytest.param("web", ["web"], id="a name"),
        pytest.param("ghcr.io/acme/web", ["web", "api"], id="a repository of several entries"),
        pytest.param("docker.io/library/postgres", ["postgres"], id="a repository written out"),
        pytest.param("postgres", ["postgres"], id="a name that is a short repository"),
    ],
)
def test_an_image_means_the_entry_of_that_name_else_those_of_that_repository(image: str, names: list[str]) -> None:
    assert [change.entry.name for change in edit(disk(), "app", asked(f"{image}=v9")).body.changes] == names


@pytest.mark.parametrize(
    ("pin", "after"),
    [
        pytest.param("v2", Pin("v2"), id="a tag alone removes the stale digest"),
        pytest.param(f"@{D2}", Pin("v1", D2), id="a digest alone keeps the tag"),
        pytest.param(f"v2@{D2}", Pin("v2", D2), id="both"),
    ],
)
def test_nobody_is_asked_what_a_tag_means(pin: str, after: Pin) -> None:
    (change,) = edit(disk(), FILE, asked(f"web={pin}")).body.changes

    assert change.after == after


def test_a_new_name_is_set_with_its_pin() -> None:
    where = disk()

    (change,) = edit(where, FILE, asked("postgres=mirror.example/postgres:17")).body.changes

    assert change.new_name == "mirror.example/postgres"
    assert b'- name: postgres\n  newName: mirror.example/postgres\n  newTag: "17"\n' in where.files[FILE]


def test_what_is_pinned_already_is_counted_and_nothing_is_written() -> None:
    where = disk()

    outcome = edit(where, "app", asked("postgres=16", f"web=v1@{D1}")).body

    assert (outcome.changes, outcome.unchanged, outcome.after) == ((), 2, TEXT.encode())
    assert where.written == []


def test_a_dry_run_shows_the_edit_and_writes_nothing() -> None:
    where = disk()

    outcome = edit(where, "app", asked("postgres=17"), dry_run=True).body

    assert len(outcome.changes) == 1
    assert outcome.after == TEXT.replace('"16"', '"17"').encode()
    assert (where.files, where.written) == ({FILE: TEXT.encode()}, [])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["web=v2", "redis=7"], ["no entry has the name 'redis'"], id="an unknown image"),
        pytest.param(
            ["web=v2", "x=1", "y=2"], ["no entry has the name 'x'", "no entry has the name 'y'"], id="two unknown ones"
        ),
        pytest.param(["web=v2", "UPPER=1"], ["no entry has the name 'UPPER'"], id="no repository name either"),
        pytest.param(["web=v2", "broken=v2"], ["newTag holds a template placeholder"], id="a refused entry"),
    ],
)
def test_all_pins_or_none(texts: list[str], expected: list[str]) -> None:
    where = disk()

    with pytest.raises(EditError) as caught:
        edit(where, "app", asked(*texts))

    assert [problem.message.partition(" or ")[0].partition(": ")[0] for problem in caught.value.problems] == expected
    assert all(problem.file == FILE for problem in caught.value.problems)
    assert where.files == {FILE: TEXT.encode()}


def test_images_of_which_no_entry_is_one_are_wrong_usage_told_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        edit(disk(), "app", asked("redis=7"))

    assert caught.value.problem.next == "It has: web, api, postgres, broken."


def test_a_file_without_entries_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        edit(FakeDisk({"k": b"resources: []\n"}), "k", asked("redis=7"))

    assert caught.value.problem.next.startswith("It has no entries")


@pytest.mark.parametrize("texts", [["web=v2", "web=v3"], ["web=v2", "ghcr.io/acme/web=v3"]], ids=["name", "repository"])
def test_two_arguments_that_contradict_each_other_are_a_wrong_usage(texts: list[str]) -> None:
    where = disk()

    with pytest.raises(UsageError) as caught:
        edit(where, "app", asked(*texts))

    assert caught.value.problem.where == f"{FILE}:2:3"
    assert where.written == []


def test_two_arguments_that_agree_count_once() -> None:
    assert len(edit(disk(), "app", asked("postgres=17", "docker.io/library/postgres=17")).body.changes) == 1
