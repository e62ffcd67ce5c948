from __future__ import annotations

import contextlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gitops_bot.edges.disk import Disk
from gitops_bot.errors import EditError
from gitops_bot.targets.document import SIZE_LIMIT

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to somebody else")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "k.yaml"
    file.write_bytes(b"before")
    return file


def test_a_directory_means_its_pin_files_and_a_file_itself(tmp_path: Path) -> None:
    def found(*names: str) -> list[str]:
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(name.encode())
        return [str(Path(path).relative_to(folder)) for path in Disk().pin_files(str(folder))]

    assert found("Kustomization", "deployment.yaml") == ["Kustomization"]
    assert found("compose.yaml", ".env", "notes.yaml") == ["compose.yaml", ".env"]
    assert Disk().beside(str(tmp_path / "compose.yaml-.env-notes.yaml" / "compose.yaml")) == {".env": b".env"}
    assert Disk().pin_files(str(tmp_path / "other.yaml")) == [str(tmp_path / "other.yaml")]
    with pytest.raises(EditError, match=r"has kustomization\.yaml and Kustomization"):
        found("kustomization.yaml", "Kustomization")
    (tmp_path / "none" / "Kustomization").mkdir(parents=True)
    with pytest.raises(EditError, match="the directory has no file that is known to pin images") as caught:
        Disk().pin_files(str(tmp_path / "none"))
    assert caught.value.problem.file == str(tmp_path / "none")


def test_the_bytes_are_read_as_they_are_and_no_more_than_shows_that_a_file_is_too_large(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfa\r\n\xff")
    assert Disk().read(str(file)) == b"\xef\xbb\xbfa\r\n\xff"
    os.truncate(file, 1 << 40)
    assert len(Disk().read(str(file))) == SIZE_LIMIT + 1


def test_what_is_no_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    rows = {"missing": "cannot be read: No such file or directory", "pipe": "not a regular file", ".": "Is a directory"}
    for name, said in rows.items():
        with pytest.raises(EditError, match=said) as caught:
            Disk().read(str(tmp_path / name))
        assert caught.value.problem.file == str(tmp_path / name)


class Waiting(io.FileIO):
    def read(self, *_: object) -> None:  # type: ignore[override]
        """Nothing yet."""


def test_a_file_that_waits_for_its_writer_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k").touch()
    # As /proc/kmsg does, which counts as a regular file and whose messages go to one reader only.
    monkeypatch.setattr(os, "fdopen", Waiting)

    with pytest.raises(EditError, match="temporarily unavailable"):
        Disk().read(str(tmp_path / "k"))


def replaced(file: Path, before: bytes = b"before", after: bytes = b"after") -> None:
    Disk().replace(str(file), before=before, after=after)


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "named"])
def test_the_file_gets_the_new_bytes_and_keeps_what_else_it_has(
    file: Path, monkeypatch: pytest.MonkeyPatch, nameless: bool
) -> None:
    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    attributes = contextlib.suppress(OSError, AttributeError)
    with attributes:
        os.setxattr(file, "user.note", b"x")
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    for mode in (0o600, 0o664, 0o755, 0o444):
        file.chmod(0o600)
        file.write_bytes(b"before")
        file.chmod(mode)
        before = file.stat()
        replaced(file)
        after = file.stat()
        assert (stat.S_IMODE(after.st_mode), file.read_bytes()) == (mode, b"after")
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    with attributes:
        assert os.getxattr(file, "user.note") == b"x"
    assert list(file.parent.iterdir()) == [file]


@root_only
def test_a_file_of_somebody_else_does_not_change_hands(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    os.chown(file, 1234, 2345)
    monkeypatch.setattr(os, "fchown", forbid)

    with pytest.raises(EditError, match="belongs to user 1234 and group 2345, and writing it would make it yours"):
        replaced(file)

    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"x")
    except (OSError, AttributeError):
        pytest.skip("no extended attributes here")

    replaced(file)

    assert os.getxattr(file, "user.note") == b"x"


def test_the_time_of_change_is_the_present_one(file: Path) -> None:
    os.utime(file, (1, 1))

    replaced(file)

    assert file.stat().st_mtime > 1


def test_a_symbolic_link_stays_and_what_it_leads_to_is_replaced(file: Path) -> None:
    other = file.parent / "other"
    other.mkdir()
    link = other / "link.yaml"
    link.symlink_to("../k.yaml")

    replaced(link)

    assert (link.is_symlink(), link.read_bytes(), file.read_bytes()) == (True, b"after", b"after")
    assert sorted(file.parent.rglob("*")) == [file, other, link]
    file.unlink()
    with pytest.raises(EditError, match="cannot be written: No such file or directory"):
        replaced(link)


def test_a_file_that_somebody_else_wrote_meanwhile_is_left_alone(file: Path) -> None:
    with pytest.raises(EditError, match="changed while it was being edited") as caught:
        replaced(file, before=b"something else")

    assert "again" in caught.value.problem.next
    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "named"])
@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_whatever_fails_leaves_the_old_file_and_nothing_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, failing: str, nameless: bool
) -> None:
    failure: list[BaseException] = [KeyboardInterrupt(), OSError(28, "No space left on device")]

    def fail(*_: object) -> None:
        raise failure.pop()

    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(*(os, "fsync") if failing == "fsync" else (Path, "replace"), fail)

    with pytest.raises(EditError, match="cannot be written: No space left on device"):
        replaced(file)
    with pytest.raises(KeyboardInterrupt):
        replaced(file)

    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


KILLED = """
import os, signal, sys
from gitops_bot.edges.disk import Disk
def kill(descriptor):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = kill
Disk().replace(sys.argv[1], before=b"before", after=b"after")
"""


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without a name")
def test_a_killed_process_leaves_the_old_file_and_nothing_beside_it(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False, timeout=60)

    assert done.returncode == -9
    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


COUNTING = """
import sys
from gitops_bot.edges.disk import Disk
from gitops_bot.errors import EditError
done = 0
for _ in range(20):
    before = Disk().read(sys.argv[1])
    try:
        Disk().replace(sys.argv[1], before=before, after=before + b".")
        done += 1
    except EditError:
        pass
print(done)
"""


def test_many_replacements_at_once_lose_none_unnoticed(file: Path) -> None:
    """Processes count up in one file: each either writes on top of what it read, or says that it could not."""
    file.write_bytes(b"")
    command = [sys.executable, "-c", COUNTING, str(file)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    done = [process.communicate(timeout=60)[0] for process in running]

    assert set(file.read_bytes()) <= {ord(".")}
    assert 0 < len(file.read_bytes()) <= sum(map(int, done))
    assert list(file.parent.iterdir()) == [file]
