"""An exported folder: whole or not there, and never anything outside of it, whatever the paths say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.disk import free_folder, write_folder
from gitops_bot.errors import EditError, UsageError
from gitops_bot.releases.history.releases import ExportedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def file(path: str, data: bytes = b"x", *, executable: bool = False) -> ExportedFile:
    return ExportedFile(path, executable=executable, data=data)


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_files_are_written_with_their_modes(tmp_path: Path) -> None:
    folder = free_folder(str(tmp_path / "new" / "folder"))
    write_folder(folder, [file("a/b", b"\0\r\n", executable=True), file("c", b"")])
    assert everything(tmp_path / "new") == {"folder", "folder/a", "folder/a/b", "folder/c"}
    assert (folder / "a/b").read_bytes() == b"\0\r\n"
    assert [bool((folder / path).stat().st_mode & 0o100) for path in ("a/b", "c")] == [True, False]


@pytest.mark.parametrize("path", ["a/../../up", "/etc/up", "", "a/.", "a/.GIT/hooks/x", "git~1/config", ".git"])
def test_a_path_that_leads_out_of_it_or_into_git_writes_nothing(path: str, tmp_path: Path) -> None:
    with pytest.raises(EditError, match="is not written"):
        write_folder(free_folder(str(tmp_path / "folder")), [file("good"), file(path)])
    assert everything(tmp_path) == set()


def test_two_files_of_one_name_or_an_interrupt_leave_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[ExportedFile]:
        yield file("a")
        raise KeyboardInterrupt

    for files in ([file("a"), file("a")], [file("a"), file("a/b")]):
        with pytest.raises(EditError, match="cannot be written"):
            write_folder(free_folder(str(tmp_path / "folder")), files)
    with pytest.raises(KeyboardInterrupt):
        write_folder(free_folder(str(tmp_path / "folder")), interrupted())
    assert everything(tmp_path) == set()


def test_a_folder_that_was_filled_meanwhile_is_left_alone(tmp_path: Path) -> None:
    folder = free_folder(str(tmp_path / "folder"))
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(EditError, match="cannot be written"):
        write_folder(folder, [file("a")])
    assert everything(tmp_path) == {"folder", "folder/mine"}


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "file/below"])
def test_what_cannot_be_a_folder_is_a_mistake(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises((UsageError, EditError)):
        write_folder(free_folder(str(tmp_path / name)), [])
    assert everything(tmp_path) == {"file"}
