"""Files of an environment that nobody can look into: they are named, and stop nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.offline import check, checkout
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

GIT_CRYPT = b"\0GITCRYPT\0\x01\x02\xff\xfe"
AGE = b"age-encryption.org/v1\n-> X25519 abc\n\xff\x00"
ARMORED = b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24\n-----END AGE ENCRYPTED FILE-----\n"
CONFIG = 'version: 1\nenvironments:\n  prod: {{overlays: ["apps/*"], policy: {{semver: ">=1"}}{more}}}\n'


@rows("path data why", {
    "git-crypt, values": ("apps/web/values.yaml", GIT_CRYPT, "encrypted with git-crypt"),
    "git-crypt, a kustomization": ("apps/api/kustomization.yaml", GIT_CRYPT, "encrypted with git-crypt"),
    "git-crypt, manifests": ("apps/api/pod.yaml", GIT_CRYPT, "encrypted with git-crypt"),
    "git-crypt, .env": ("apps/api/.env", GIT_CRYPT, "encrypted with git-crypt"),
    "age": ("apps/web/values.yaml", AGE, "encrypted with age"),
    "age, armored": ("apps/web/values.yaml", ARMORED, "encrypted with age"),
    "age, armored, behind a line": ("apps/api/values.yaml", b"\n" + ARMORED, "encrypted with age"),
    "age, behind a mark of the byte order": ("apps/api/values.yaml", b"\xef\xbb\xbf" + ARMORED, "encrypted with age"),
    "a link": ("apps/web/values.yaml", None, "a symbolic link is not followed"),
    "a link that points nowhere": ("apps/api/kustomization.yaml", None, "a symbolic link is not followed"),
})  # fmt: skip
def test_a_file_that_nobody_can_look_into_is_named_and_no_error(
    tmp_path: Path, path: str, data: bytes | None, why: str
) -> None:
    kustomization = "images:\n- name: acme/web\n  newTag: v1.0.0\n"
    files = {"gitops-bot.yaml": CONFIG.format(more=""), "apps/web/kustomization.yaml": kustomization}
    checkout(tmp_path, files)
    (tmp_path / path).parent.mkdir(exist_ok=True)
    if data is None:
        (tmp_path / path).symlink_to("../../base/values.yaml")
    else:
        (tmp_path / path).write_bytes(data)
    done = check(tmp_path, {}, "--output", "json")
    assert (done.code, done.json["problems"]) == (0, [])
    unread = [(file["file"], file["why"]) for file in done.json["coverage"]["unread_files"]]
    assert unread == [(path, why)]
    text = check(tmp_path, {})
    assert "UTF-8" not in text.out + text.err
    assert "nothing wrong in these" in text.out
    assert f"1 file is not read: {why}: {path}" in text.out
    without = {"gitops-bot.yaml": CONFIG.format(more=f", exclude: [{path}]")}
    done = check(tmp_path, without, "--output", "json")
    assert (done.code, done.json["problems"], done.json["coverage"]["unread_files"]) == (0, [], [])


def test_an_edit_of_an_encrypted_file_says_that_it_is_encrypted(tmp_path: Path) -> None:
    checkout(tmp_path, {"values.yaml": ""})
    (tmp_path / "values.yaml").write_bytes(GIT_CRYPT)
    done = run("edit", "values.yaml", "acme/web=v2", cwd=tmp_path)
    assert (done.code, (tmp_path / "values.yaml").read_bytes()) == (1, GIT_CRYPT)
    assert "the file is encrypted with git-crypt: no pin in it can be read" in done.err
