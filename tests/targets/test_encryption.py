"""Files that SOPS encrypts: an edit of clear text that its MAC covers is refused, and any other is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import read, release_info
from gitops_bot.targets.patterns import ImagePattern, PatternTarget
from gitops_bot.targets.pin_file import edit
from tests.commands.scene import config
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

MAC = "ENC[AES256_GCM,data:mJjJ,iv:AAAA,tag:BBBB,type:str]"
VALUES = "image:\n    repository: acme/web\n    tag: v1\n"
IN_YAML = f"sops:\n    age: []\n    mac: {MAC}\n"
IN_LINES = f"sops_mac={MAC}\nsops_version=3.9.4\n"
POD = "---\nkind: Pod\napiVersion: v1\nspec: {containers: [{name: a, image: acme/web:v1}]}\n"
FLOW = '{"image": {"repository": "acme/web", "tag": "v1"},\n "sops": {"mac": "%s"%s}}\n'
INI = f"[a]\nimage = acme/web:v1\n[sops]\nmac     = {MAC}\n"
ANY = PatternTarget((("web", ImagePattern("acme/web", "acme/web:(?P<tag>v[0-9]+)")),))


@rows("file text mac", {
    "Helm values": ("values.yaml", VALUES + IN_YAML, 6),
    "the metadata first": ("values.yaml", IN_YAML + VALUES, 3),
    "a folded MAC": ("values.yaml", VALUES + IN_YAML.replace("mac: ", "mac: >-\n        "), 6),
    "JSON": ("values.yaml", FLOW % (MAC, ""), 2),
    "said to be false": ("values.yaml", f"{VALUES}{IN_YAML}    mac_only_encrypted: false\n", 6),
    "said in a comment": ("values.yaml", f"{VALUES}{IN_YAML}    # mac_only_encrypted: true\n", 6),
    "said elsewhere": ("values.yaml", f"mac_only_encrypted: true\n{VALUES}{IN_YAML}", 7),
    "one of two documents": ("pods.yaml", f"{IN_YAML}{POD}", 3),
    ".env": (".env", f"WEB_IMAGE=acme/web:v1\n{IN_LINES}", 2),
})  # fmt: skip
def test_an_entry_is_refused_where_the_mac_covers_it(file: str, text: str, mac: int) -> None:
    pins = read(text.encode(), file)
    (entry,) = pins.entries
    with pytest.raises(EditError) as caught:
        edit(pins, [Assignment(entry.name, Pin("v2"))])
    (problem,) = caught.value.problems
    assert (problem.code, problem.file, problem.line) == ("failed.edit", file, entry.line)
    assert f"the MAC of SOPS (line {mac}) covers this value too" in problem.message
    assert f"sops set {file} " in problem.next


@rows("file text", {
    "only encrypted": ("values.yaml", f"{VALUES}{IN_YAML}    mac_only_encrypted: true\n"),
    "only encrypted, JSON": ("values.yaml", FLOW % (MAC, ', "mac_only_encrypted": true')),
    "only encrypted, .env": (".env", f"WEB_IMAGE=acme/web:v1\n{IN_LINES}sops_mac_only_encrypted=true\n"),
    "values of a program": ("values.yaml", f"{VALUES}sops:\n    enabled: true\n    mac: none\n# ENC[\n"),
    "a file in a text": ("values.yaml", VALUES + "secret: |\n    " + IN_YAML.replace("\n", "\n    ")),
})  # fmt: skip
def test_every_other_file_is_edited(file: str, text: str) -> None:
    pins = read(text.encode(), file)
    (entry,) = pins.entries
    assert edit(pins, [Assignment(entry.name, Pin("v2"))]) == text.replace("v1", "v2").encode()


@rows("text refused", {
    "INI": (INI, True), "INI, only encrypted": (f"{INI}mac_only_encrypted = true\n", False), "YAML": (VALUES.replace(
        "repository: acme/web\n    tag: v1", "it: acme/web:v1") + IN_YAML, True),
})  # fmt: skip
def test_files_by_patterns_are_refused_too(text: str, refused: bool) -> None:
    (entry,) = ANY.read(text.encode(), "any.conf").entries
    assert (entry.refusal is not None) is refused


def test_a_config_map_that_follows_a_pin_is_refused_too() -> None:
    data = f"kind: ConfigMap\ndata:\n    version: v1\n{IN_YAML}".encode()
    with pytest.raises(EditError, match="line 6"):
        release_info.read(data, "info.yaml", ["version"])


def test_nothing_breaks_such_a_file_and_a_person_reads_why(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        values = VALUES.replace("acme/web", deploy.image("web")).replace("v1", "v1.0.0")
        deploy.push("web", "v1.0.0")
        deploy.push("web", "v1.2.0")
        sealed = f"{values}{IN_YAML}".encode()
        own = {"sealed": sealed, "open": sealed + b"    mac_only_encrypted: true\n"}
        paths = {f"apps/{name}/production/values.yaml": data for name, data in own.items()}
        return {"gitops-bot.yaml": config("{as: commit}"), **paths}

    deploy = worldwide.deploy(files)
    before = deploy.files("main")
    done = deploy.bot("update")
    after = deploy.files("main")
    where = "apps/sealed/production/values.yaml"
    assert done.code == 1
    assert {path for path in after if after[path] != before[path]} == {"apps/open/production/values.yaml"}
    assert f"{where}:3" in done.out
    assert f"sops set {where} " in done.out
    checkout = deploy.folder / "checkout"
    for path, data in after.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_bytes(data)
    checked = run("check", cwd=checkout)
    assert (checked.code, f"{where}:3:10: the MAC of SOPS (line 6)" in checked.err) == (1, True)
