from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import pinned
from tests.counterparts.world import overlay, run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Done

A, B = (f"sha256:{letter * 64}" for letter in "ab")
BEFORE = b"\xef\xbb\xbf" + overlay(
    [("web", f"newTag: '1.0.0' ; digest: {A}"), ("ghcr.io/acme/api", "newTag: 2.0.0")], end="\r\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "overlay"
    place.mkdir()
    (place / "kustomization.yaml").write_bytes(BEFORE)
    (place / "kustomization.yaml").chmod(0o640)
    return place


def edit(folder: Path, *args: str) -> Done:
    """Edit, without git, network, token or checkout."""
    return run("edit", *args, cwd=folder)


def content(folder: Path) -> bytes:
    """The file, and the proof that nothing else lies beside it."""
    assert [path.name for path in folder.iterdir()] == ["kustomization.yaml"]
    return (folder / "kustomization.yaml").read_bytes()


@rows("pins replaced", {
    "tag": (["web=1.1.0"], [("'1.0.0'", "'1.1.0'"), (f"    digest: {A}\r\n", "")]),
    "digest": ([f"web=@{B}"], [(A, B)]),
    "quoted": (["ghcr.io/acme/api=1e5"], [("newTag: 2.0.0", 'newTag: "1e5"')]),
    "new name": (
        [f"ghcr.io/acme/api=ghcr.io/acme/api2:2.1.0@{B}"],
        [("    newTag: 2.0.0\r\n", f"    newName: ghcr.io/acme/api2\r\n    newTag: 2.1.0\r\n    digest: {B}\r\n")],
    ),
    "two": (
        [f"docker.io/library/web=1.1.0@{B}", "ghcr.io/acme/api=2.0.1"],
        [("'1.0.0'", "'1.1.0'"), (A, B), ("2.0.0", "2.0.1")],
    ),
})  # fmt: skip
def test_the_asked_bytes_change_and_no_other(folder: Path, pins: list[str], replaced: list[tuple[str, str]]) -> None:
    done = edit(folder, ".", *pins, "--output", "json")
    assert (done.code, done.err) == (0, "")
    assert content(folder) == pinned(BEFORE, *replaced)
    assert (folder / "kustomization.yaml").stat().st_mode & 0o777 == 0o640
    assert len(done.json["changes"]) == len(pins)
    assert [done.json[key] for key in ("repository", "branch", "commit")] == [None, None, None]
    for change in done.json["changes"]:
        assert change["source"] == "set"
        assert change["entry"]["environment"] is None
        assert change["entry"]["file"] == "kustomization.yaml"

    stat = (folder / "kustomization.yaml").stat()
    again = edit(folder, "kustomization.yaml", *pins)
    assert again.code == 0
    assert f"{len(pins)} already pinned as given" in again.out
    # A file that says it already is not even written.
    assert (folder / "kustomization.yaml").stat() == stat


def test_dry_run_prints_the_diff(folder: Path) -> None:
    done = edit(folder, "--dry-run", ".", "web=1.1.0")
    assert done.code == 0
    assert content(folder) == BEFORE
    assert "-    newTag: '1.0.0'" in done.out
    assert "+    newTag: '1.1.0'" in done.out


def test_an_image_of_a_patch_is_edited_where_nothing_else_has_the_name(folder: Path) -> None:
    before = b"- op: replace\n  path: /spec/image\n  value: ghcr.io/acme/web:1.0.0 # ours\n"
    (folder / "patch.yaml").write_bytes(before)
    assert edit(folder, "patch.yaml", "ghcr.io/acme/web=1.1.0").code == 0
    assert (folder / "patch.yaml").read_bytes() == before.replace(b"1.0.0", b"1.1.0")
    patch = b"patches:\n- patch: |\n    - {op: add, path: /spec/image, value: 'web:1.0.0'}\n"
    inline = patch + b"images:\n- {name: web, newTag: 1.0.0}\n"
    (folder / "kustomization.yaml").write_bytes(inline)
    assert edit(folder, "kustomization.yaml", "web=1.1.0").code == 0
    assert (folder / "kustomization.yaml").read_bytes() == inline.replace(b"newTag: 1.0.0", b"newTag: 1.1.0")


@rows("pins code problems", {
    "some that are nothing": (
        ["web=2", "x=1", "UPPER=1"], 1, ["no entry has the name 'x'", "no entry has the name 'UPPER'"],
    ),
    "nothing that is there": (["x=1"], 2, ["'x' or that repository It has: web, ghcr.io/acme/api, job, job."]),
    "an entry that is refused": (["web=2", "job=2"], 1, ["2 entries are called 'job'", "2 entries are called 'job'"]),
    "two that contradict each other": (
        ["web=2", "docker.io/library/web=3"], 2, ["two arguments set different pins for the entry 'web'"],
    ),
})  # fmt: skip
def test_all_pins_or_none(folder: Path, pins: list[str], code: int, problems: list[str]) -> None:
    text = BEFORE.replace(b"\r\n\r\nconfigMap", b"\r\n  - name: job\r\n  - name: job\r\n\r\nconfigMap")
    (folder / "kustomization.yaml").write_bytes(text)
    done = edit(folder, ".", *pins, "--output", "json")
    assert (done.code, content(folder)) == (code, text)
    told = [f"{each['message']} {each['next']}" for each in done.json["problems"]]
    assert [words in line for words, line in zip(problems, told, strict=True)] == [True] * len(problems), told
    assert "kustomization.yaml:" in done.err
    assert all(problem["file"] == "kustomization.yaml" for problem in done.json["problems"])


def test_a_path_that_means_two_files_or_a_pin_that_is_none(folder: Path) -> None:
    (folder / "kustomization.yml").write_bytes(BEFORE)
    two = edit(folder, ".", "web=1.1.0", "--output", "json")
    assert two.code == 1
    assert "kustomization.yaml and kustomization.yml" in two.json["problems"][0]["message"]
    wrong = edit(folder, ".", "web", "--output", "json")
    assert wrong.code == 2
    assert [(folder / name).read_bytes() for name in ("kustomization.yaml", "kustomization.yml")] == [BEFORE, BEFORE]
