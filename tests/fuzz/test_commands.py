"""Commands over files that are encrypted, linked, mutated or all of it: none crashes, and an edit changes a pin alone.

2,000 commands with GITOPS_BOT_LONG=1.
"""

from __future__ import annotations

import os
import shutil
from difflib import SequenceMatcher
from random import Random
from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import EditError
from gitops_bot.targets import read
from tests.commands.offline import checkout
from tests.counterparts.world import run
from tests.fuzz import edits

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.targets.pin_file import FileEntry

COMMANDS = 2_000 if os.environ.get("GITOPS_BOT_LONG") == "1" else 24
NEW = "v9.9.9"
MAC = "ENC[AES256_GCM,data:mJjJ,iv:AAAA,tag:BBBB,type:str]"
SOPS = f"sops:\n    mac: {MAC}\n    version: 3.9.4\n"
VALUES = "image:\n    repository: acme/web\n    tag: v1.0.0\n"
KUSTOMIZATION = """\
resources: [web.yaml]
images:
- name: acme/web
  newTag: v1.0.0
patches:
- patch: |-
    - op: replace
      path: /spec/template/spec/containers/0/image
      value: acme/other:v1.2.0
- patch: |
    kind: Deployment
    spec: {template: {spec: {containers: [{name: a, image: acme/api:v1.1.0}]}}}
"""
RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  values:
    image: {repository: acme/web, tag: v1.0.0}
  valuesContent: |
    image: acme/api:v1.1.0
"""
POD = '{"apiVersion": "v1", "kind": "Pod",\n "spec": {"containers": [{"name": "a", "image": "acme/web:v1.0.0"}]}}\n'
OPERATIONS = """\
- op: replace
  path: /spec/template/spec/containers/0/image
  value: acme/web:v1.0.0 # ours
- {op: add, path: /spec/template/spec/containers/-, value: {name: b, image: "acme/api:v1.1.0"}}
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    path: apps/web
    kustomize: {images: ["a=acme/web:v1.0.0"]}
    helm: {valuesObject: {image: {tag: v1.0.0}}}
"""
FILES = [
    ("values.yaml", VALUES),
    ("values.yaml", VALUES + SOPS),
    ("values.yaml", f"{VALUES}{SOPS}    mac_only_encrypted: true\n"),
    (".env", f"WEB_IMAGE=acme/web:v1.0.0\nsops_mac={MAC}\nsops_version=3.9.4\n"),
    (".env", "WEB_IMAGE=acme/web:v1.0.0\n"),
    ("kustomization.yaml", KUSTOMIZATION),
    ("release.yaml", RELEASE),
    ("pod.yaml", POD),
    ("pod.json", POD),
    ("ops.yaml", OPERATIONS),
    ("ops.json", '[{"op": "add", "path": "/spec/image", "value": "acme/web:v1.0.0"}]\n'),
    (".argocd-source-web.yaml", "kustomize:\n  images:\n  - a=acme/web:v1.0.0\n"),
    (".argocd-source.yaml", "helm:\n  parameters:\n  - name: x.image\n    value: acme/web:v1.0.0\n"),
    ("values-prod.yaml", "image:\n  tag: v1.0.0\nother: {repository: acme/web, tag: v1.0.0}\n"),
    ("app.yaml", APPLICATION),
    ("compose.yaml", "services:\n  web: {image: 'acme/web:v1.0.0'}\n"),
]
SEALS = [b"\0GITCRYPT\0", b"age-encryption.org/v1\n", b"-----BEGIN AGE ENCRYPTED FILE-----\n"]
CONFIG = 'version: 1\nenvironments:\n  prod: {overlays: ["apps/*"], policy: {semver: ">=1"}}\n'


def entries(data: bytes, path: str) -> tuple[FileEntry, ...]:
    """The entries of a file as `edit` sees them, none where it cannot be read."""
    try:
        return read(data, path).entries or read(data, path, reads=2).entries
    except EditError:
        return ()


def damage(before: bytes, after: bytes, old: str) -> list[str]:
    """What an edit changed beside a pin: lines that are not the former ones with another tag."""
    was, now = before.decode().splitlines(keepends=True), after.decode().splitlines(keepends=True)
    found = []
    for kind, start, end, first, last in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        gone, come = "".join(was[start:end]), "".join(now[first:last])
        added = kind == "insert" and come.count("\n") <= 1 and "newTag" in come
        if kind != "equal" and not added and (NEW not in come or come.replace(NEW, old) != gone):
            found.append(f"{gone!r} -> {come!r}")
    return found


@pytest.mark.parametrize("part", range(2))
def test_no_command_crashes_and_no_edit_changes_more_than_a_pin(tmp_path: Path, part: int) -> None:
    edited = 0
    for number in range(part, COMMANDS, 2):
        random = Random(f"35 {number}")  # noqa: S311 - repeatable on purpose
        name, text = random.choice(FILES)
        data = edits.mutate(random, [text]) if random.random() < 0.7 else text.encode()
        if random.random() < 0.2:
            data = random.choice(SEALS) + data
        folder = tmp_path / str(number)
        reads = random.choice(("", "reads: 2\n"))
        files = {"gitops-bot.yaml": CONFIG + reads, "apps/web/README": "", "base/README": ""}
        checkout(folder, files | {"apps/values.yaml": VALUES})
        file = folder / "apps" / "web" / name
        is_link = random.random() < 0.1
        if is_link:
            file.symlink_to(random.choice(("../../base/values.yaml", "nowhere", "../..", "README")))
        else:
            file.write_bytes(data)
        own = () if is_link else entries(data, name)
        command = random.choice(("check", "init", "edit", "edit"))
        if command == "edit" and own:
            entry = random.choice(own)
            words = ["edit", str(file), f"{entry.name}={NEW}"]
        else:
            words = ["init", "--offline", "--dry-run"] if command == "init" else ["check"]
        if words[0] == "init":
            (folder / "gitops-bot.yaml").unlink()
        done = run(*words, cwd=folder)
        assert done.code in (0, 1, 2), (number, words, data, done.out, done.err)
        assert "UTF-8" not in done.err or not data.startswith(tuple(SEALS)), (number, words, data)
        if words[0] == "edit" and done.code == 0:
            after = file.read_bytes()
            if entry.pin.digest is None:  # the digest of another tag goes
                assert damage(data, after, entry.pin.tag or "") == [], (number, words, data, after)
            edited += after != data
        elif not is_link:
            assert file.read_bytes() == data
        shutil.rmtree(folder)
    assert edited > COMMANDS / 20
