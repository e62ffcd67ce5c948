from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitops_bot.edges.checkout import FILE_LIMIT, Checkout, find
from gitops_bot.errors import GitError

NOBODY = 65534


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, env=environment(folder.parent))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    top = tmp_path / "deploy"
    top.mkdir()
    git(top, "init", "--quiet")
    return Checkout(top)


def write(top: Path, path: str, data: bytes = b"x") -> Path:
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): ((found := path.lstat()).st_mtime_ns, found.st_size) for path in [folder, *folder.rglob("*")]}


def test_a_checkout_is_found_from_the_top_and_from_below(checkout: Checkout, tmp_path: Path) -> None:
    below = checkout.top / "apps" / "web"
    below.mkdir(parents=True)
    git(checkout.top, "-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "-q", "--allow-empty", "-m", "x")
    git(checkout.top, "worktree", "add", "-q", str(tmp_path / "other"))
    (tmp_path / "none" / ".git").mkdir(parents=True)  # an empty folder of that name makes no checkout

    assert find(checkout.top) == find(below) == checkout
    assert find(tmp_path / "other") == Checkout(tmp_path / "other"), "a worktree has a file in place of a folder"
    assert find(tmp_path / "none") is None


class TestTree:
    def test_tells_files_links_and_inner_checkouts_by_their_git_modes(self, checkout: Checkout) -> None:
        write(checkout.top, "apps/web/kustomization.yaml")
        write(checkout.top, "run.sh").chmod(0o755)
        (checkout.top / "link").symlink_to("apps")
        (checkout.top / "loop").symlink_to(".")
        write(checkout.top, "vendor/.git", b"gitdir: ../.git/modules/vendor")
        write(checkout.top, "vendor/kustomization.yaml")
        os.mkfifo(checkout.top / "pipe")
        Path(os.fsdecode(os.fsencode(checkout.top) + b"/\xff")).mkdir()
        Path(os.fsdecode(os.fsencode(checkout.top) + b"/\xff/k.yaml")).write_bytes(b"x")

        assert checkout.tree(dict(os.environ)) == {
            "apps/web/kustomization.yaml": "100644",
            "link": "120000",
            "loop": "120000",
            "run.sh": "100755",
            "vendor": "160000",
        }

    def test_what_git_ignores_is_left_out_and_what_it_tracks_all_the_same_stays(self, checkout: Checkout) -> None:
        write(checkout.top, ".gitignore", b"node_modules/\n*.log\nkept.log\n")
        for path in ("a/k.yaml", "node_modules/x/k.yaml", "a/node_modules/k.yaml", "a/b.log", "kept.log"):
            write(checkout.top, path)
        git(checkout.top, "add", "--force", "kept.log")
        assert set(checkout.tree(dict(os.environ))) == {".gitignore", "a/k.yaml", "kept.log"}

    def test_too_many_files_are_an_error(self, checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gitops_bot.edges.checkout.ENTRY_LIMIT", 2)
        for name in "abc":
            write(checkout.top, name)

        with pytest.raises(GitError, match="more than 2 files"):
            checkout.tree(dict(os.environ))


class TestRead:
    def test_gives_the_exact_bytes_but_no_more_than_one_over_the_limit(
        self, checkout: Checkout, tmp_path: Path
    ) -> None:
        data = b"\xef\xbb\xbfimages:\r\n- name: a # \xc3\xbc\r\n"
        write(checkout.top, "a/k.yaml", data)
        write(checkout.top, "large", b"x" * (FILE_LIMIT + 1000))
        (tmp_path / "by-link").symlink_to(checkout.top)

        for top in (checkout, Checkout(tmp_path / "by-link")):
            read = top.read(["a/k.yaml", "a/missing.yaml", "a/k.yaml/x", "large"])
            assert read == {"a/k.yaml": data, "large": b"x" * (FILE_LIMIT + 1)}

    def test_never_leaves_the_folder_and_follows_no_link(self, checkout: Checkout, tmp_path: Path) -> None:
        write(tmp_path, "secret", b"secret")
        write(checkout.top, "apps/k.yaml")
        (checkout.top / "link").symlink_to(tmp_path)
        (checkout.top / "file-link").symlink_to(tmp_path / "secret")
        os.mkfifo(checkout.top / "pipe")
        paths = ["../secret", "link/secret", "file-link", "/etc/passwd", ".", "apps/../apps/k.yaml", "", "a\0b", "pipe"]

        assert checkout.read(paths) == {}


class TestOrigin:
    def test_is_the_address_of_the_remote_as_the_user_has_it_read(self, checkout: Checkout, tmp_path: Path) -> None:
        elsewhere = {"GIT_DIR": "/nonexistent", "GIT_WORK_TREE": "/", "GIT_INDEX_FILE": "/nonexistent"}
        assert checkout.origin(environment(tmp_path)) is None
        git(checkout.top, "remote", "add", "origin", "gh:acme/deploy")
        assert checkout.origin(environment(tmp_path) | elsewhere) == "gh:acme/deploy"
        write(tmp_path, ".gitconfig", b'[url "https://github.com/"]\n\tinsteadOf = gh:\n')
        assert checkout.origin(environment(tmp_path)) == "https://github.com/acme/deploy"

    def test_without_git_the_error_says_what_to_install(self, checkout: Checkout, tmp_path: Path) -> None:
        with pytest.raises(GitError, match="git is not installed") as failed:
            checkout.origin({"PATH": str(tmp_path)})

        assert "Install git" in failed.value.problem.next

    def test_nothing_is_written_and_nothing_is_run(self, checkout: Checkout, tmp_path: Path) -> None:
        git(checkout.top, "remote", "add", "origin", "https://github.com/acme/deploy")
        ran = tmp_path / "ran"
        for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor"):
            git(checkout.top, "config", key, f": >{ran}")
        write(checkout.top, "k.yaml")
        before = snapshot(checkout.top)

        checkout.origin(environment(tmp_path))
        checkout.read(checkout.tree(dict(os.environ)))

        assert before == snapshot(checkout.top)
        assert not ran.exists()

    def test_git_that_waits_is_given_up(
        self, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gitops_bot.edges.checkout.GIT_TIMEOUT", 0.2)
        (checkout.top / ".git" / "config").unlink()
        os.mkfifo(checkout.top / ".git" / "config")

        with pytest.raises(GitError, match=r"did not report the origin of .* within 0.2 s") as failed:
            checkout.origin(environment(tmp_path))

        assert "--repository" in failed.value.problem.next

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_another_users_workspace_leads_to_a_host_but_to_no_folder(self, checkout: Checkout, tmp_path: Path) -> None:
        git(checkout.top, "remote", "add", "origin", "https://github.com/acme/deploy")
        for path in (checkout.top, *checkout.top.rglob("*")):
            os.lchown(path, NOBODY, NOBODY)
        assert checkout.origin(environment(tmp_path)) == "https://github.com/acme/deploy"
        for origin in ("/srv/evil.git", "file:///srv/evil.git", "../evil.git"):
            git(checkout.top, "-c", f"safe.directory={checkout.top}", "remote", "set-url", "origin", origin)
            with pytest.raises(GitError, match="belongs to another user"):
                checkout.origin(environment(tmp_path))


def test_what_one_made_oneself_is_not_foreign_and_what_cannot_be_looked_at_is(
    checkout: Checkout, tmp_path: Path
) -> None:
    assert not checkout.is_foreign
    (tmp_path / "plain").mkdir()
    assert not Checkout(tmp_path / "plain").is_foreign
    (tmp_path / "plain" / ".git").symlink_to(tmp_path / "missing")
    assert Checkout(tmp_path / "plain").is_foreign


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("given_away", [".", ".git", "link", "../target"])
def test_what_belongs_to_another_user_is_foreign_and_a_link_counts_with_what_it_leads_to(
    checkout: Checkout, given_away: str
) -> None:
    if given_away in ("link", "../target"):
        (checkout.top / ".git").rename(checkout.top / "../target")
        (checkout.top / ".git").symlink_to("../target")
    os.lchown(checkout.top / (".git" if given_away == "link" else given_away), NOBODY, NOBODY)

    assert checkout.is_foreign
