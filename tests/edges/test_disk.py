from __future__ import annotations

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
not_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything: run the tests as another user")


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_directory_means_its_one_kustomization(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "deployment.yaml").write_bytes(b"")

    assert Disk().pin_files(str(tmp_path)) == [str(tmp_path / name)]


def test_a_file_of_any_name_means_itself(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_bytes(b"")

    assert Disk().pin_files(str(file)) == [str(file)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], "the directory has no file that is known to pin images", id="none"),
        pytest.param(["kustomization.yaml", "Kustomization"], "has kustomization.yaml and Kustomization", id="two"),
    ],
)
def test_a_directory_without_exactly_one_kustomization_is_refused(
    tmp_path: Path, names: list[str], expected: str
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(EditError, match=expected) as caught:
        Disk().pin_files(str(tmp_path))

    assert caught.value.problem.file == str(tmp_path)


def test_a_directory_may_have_several_files_and_each_knows_the_others(tmp_path: Path) -> None:
    for name in ("compose.yaml", ".env", "notes.yaml"):
        (tmp_path / name).write_bytes(name.encode())

    compose, env = Disk().pin_files(str(tmp_path))

    assert (compose, env) == (str(tmp_path / "compose.yaml"), str(tmp_path / ".env"))
    assert Disk().beside(compose) == {".env": b".env"}


def test_a_folder_called_kustomization_is_none(tmp_path: Path) -> None:
    (tmp_path / "Kustomization").mkdir()

    with pytest.raises(EditError, match="no file that is known"):
        Disk().pin_files(str(tmp_path))


def test_the_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "k"
    file.write_bytes(b"\xef\xbb\xbfa\r\n\xff")

    assert Disk().read(str(file)) == b"\xef\xbb\xbfa\r\n\xff"


def test_no_more_is_read_than_shows_that_a_file_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "k"
    with file.open("wb") as opened:
        opened.truncate(1 << 40)

    assert len(Disk().read(str(file))) == SIZE_LIMIT + 1


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(EditError, match="cannot be read: No such file or directory") as caught:
        Disk().read(str(tmp_path / "k"))

    assert caught.value.problem.file == str(tmp_path / "k")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "k")

    with pytest.raises(EditError, match="not a regular file"):
        Disk().read(str(tmp_path / "k"))


class Waiting(io.FileIO):
    def read(self, *_: object) -> None:  # type: ignore[override]
        """Nothing yet."""


def test_a_file_that_waits_for_its_writer_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "k").touch()
    # As /proc/kmsg does, which counts as a regular file and whose messages go to one reader only.
    monkeypatch.setattr(os, "fdopen", Waiting)

    with pytest.raises(EditError, match="temporarily unavailable"):
        Disk().read(str(tmp_path / "k"))


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(EditError):
        Disk().read(str(tmp_path))


def replaced(file: Path, before: bytes = b"before", after: bytes = b"after") -> None:
    Disk().replace(str(file), before=before, after=after)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "k.yaml"
    file.write_bytes(b"before")
    return file


def test_the_file_gets_the_new_bytes_and_nothing_else_is_left(file: Path) -> None:
    replaced(file)

    assert file.read_bytes() == b"after"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755, 0o444], ids=oct)
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)

    replaced(file)

    assert (stat.S_IMODE(file.stat().st_mode), file.read_bytes()) == (mode, b"after")


@root_only
def test_owner_and_group_stay(file: Path) -> None:
    os.chown(file, 1234, 2345)
    file.chmod(0o640)

    replaced(file)

    assert (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (1234, 2345, 0o640)


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


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "k").symlink_to("missing")

    with pytest.raises(EditError, match="cannot be written: No such file or directory"):
        replaced(tmp_path / "k")


def test_a_file_that_somebody_else_wrote_meanwhile_is_left_alone(file: Path) -> None:
    with pytest.raises(EditError, match="changed while it was being edited") as caught:
        replaced(file, before=b"something else")

    assert "again" in caught.value.problem.next
    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


@not_root
def test_a_directory_that_may_not_be_written_is_told(file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        with pytest.raises(EditError, match="cannot be written: Permission denied"):
            replaced(file)
    finally:
        file.parent.chmod(0o700)
    assert file.read_bytes() == b"before"


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless", "named"])
@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_whatever_fails_leaves_the_old_file_and_nothing_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, failing: str, nameless: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if not nameless:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(EditError, match="cannot be written: No space left on device"):
        replaced(file)

    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


def test_an_interrupt_leaves_nothing_either(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "fsync", interrupt)

    with pytest.raises(KeyboardInterrupt):
        replaced(file)

    assert list(file.parent.iterdir()) == [file]


def test_it_works_where_a_file_needs_a_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    file.chmod(0o640)

    replaced(file)

    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"after", 0o640)
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


def test_many_replacements_at_once_lose_none_unnoticed(file: Path) -> None:
    """Ten processes count up in one file: each either writes on top of what it read, or says that it could not."""
    count = (
        "import sys\nfrom gitops_bot.edges.disk import Disk\nfrom gitops_bot.errors import EditError\n"
        "done = 0\n"
        "for _ in range(20):\n"
        "    before = Disk().read(sys.argv[1])\n"
        "    try:\n        Disk().replace(sys.argv[1], before=before, after=before + b'.')\n        done += 1\n"
        "    except EditError:\n        pass\n"
        "print(done)\n"
    )
    file.write_bytes(b"")
    running = [
        subprocess.Popen([sys.executable, "-c", count, str(file)], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    done = [process.communicate(timeout=60)[0] for process in running]

    assert set(file.read_bytes()) <= {ord(".")}
    assert 0 < len(file.read_bytes()) <= sum(map(int, done))
    assert list(file.parent.iterdir()) == [file]
