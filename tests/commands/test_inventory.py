"""Every image of a repository is told of: an entry, outside by a cause, or not read, with what makes it an entry."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.commands.offline import check
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "ab" * 32
POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: acme/web:1.0.0\n"
)
PINNED = "resources: [../base]\nimages:\n- name: acme/web\n  newTag: 1.1.0\n"
BASE = {"base/kustomization.yaml": "resources: [web.yaml]\n", "base/web.yaml": POD}
REMEDY = (
    '    add under `environments`: NAME: {"overlays": ["x/a.yaml"], "targets": [{"kind": "pattern", '
    r'"files": ["a.yaml"], "patterns": {"a": {"repository": "a", "pattern": "cmpImage: a:(?P<tag>[\\w.-]+)"}}}]}'
)
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
MAC = "sops:\n  mac: ENC[AES256_GCM,data:abc]\n  version: 3.9.0\n"
CONFIG = "version: 1\nenvironments:\n  prod:\n    overlays: [prod]\n    policy: auto\n"
PROD = {"prod/kustomization.yaml": "images:\n- name: acme/api\n  newTag: 1.0.0\n"}


def covered(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    coverage: dict[str, Any] = check(folder, {"gitops-bot.yaml": CONFIG, **PROD, **files}, "--output", "json").json[
        "coverage"
    ]
    assert coverage["pins"] == coverage["total"] + len(coverage["unread"])
    return coverage


def applied(remedy: str) -> str:
    """The configuration with what a remedy says."""
    settings = yaml.safe_load(CONFIG)
    environments = settings["environments"]
    if switch := re.match(r"add `reads: (\d)`(?: and )?", remedy):
        settings["reads"] = int(switch[1])
        remedy = remedy[switch.end() :]
    if not remedy:
        pass
    elif listed := re.fullmatch(r"list (\S+) under `overlays`(?: of (\S+))?", remedy):
        environment = environments.setdefault(listed[2] or "other", {"overlays": [], "policy": "auto"})
        environment["overlays"].append(listed[1])
    elif added := re.fullmatch(r"add under `environments`: NAME: (.*)", remedy):
        environments["other"] = json.loads(added[1]) | {"policy": "auto"}
    else:
        added = re.fullmatch(r"add under `environments\.(\w+)\.targets`: (.*)", remedy)
        assert added is not None, remedy
        environments[added[1]].setdefault("targets", []).append(json.loads(added[2]))
    return yaml.safe_dump(settings)


@rows("path text line image", {
    "a manifest that no environment has": ("apps/web.yaml", POD, 7, "acme/web:1.0.0"),
    "one beside the kustomization of an environment": ("prod/web.yaml", POD, 7, "acme/web:1.0.0"),
    "values": ("charts/web/more.yaml", "web: {image: {repository: acme/web, tag: v1}}\n", 1, "acme/web:v1"),
    "a key that no reader knows": ("a/x.yaml", "spec:\n  cmpImage: acme/web:v1\n", 2, "acme/web:v1"),
    "in an environment": ("prod/x.yaml", "spec:\n  cmpImage: acme/web:v1\n", 2, "acme/web:v1"),
    "the same image again, below another key": (
        "a/x.yaml", "a:\n  cmpImage: acme/web:v1\nb:\n  cmpImage: acme/web:v2\n", 4, "acme/web:v2",
    ),
    "a template of a chart": ("c/templates/w.yaml", "{{ if .x }}\nimage: acme/web:v1\n{{ end }}\n", 2, "acme/web:v1"),
    "JSON": ("a/web.json", '{"kind": "Pod", "spec": {"containers": [{"image": "acme/web:v1"}]}}\n', 1, "acme/web:v1"),
    "JSON that a newer reader knows": (
        "a/web.json", '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a:v1"}]}}\n', 1, "a:v1",
    ),
    "a place that a newer reader knows": (
        "prod/x.yaml", "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nspec:\n  imageName: db:17\n", 4, "db:17",
    ),
    "a digest too": ("a/x.yaml", f"webImage: acme/web:v1@{DIGEST}\n", 1, f"acme/web:v1@{DIGEST}"),
    "a tag and a bare digest by themselves": (
        "a/x.yaml", f"web:\n  name: acme/web\n  tag: v1\n  sha256: {'ab' * 32}\n", 2, f"acme/web:v1@{DIGEST}",
    ),
    "a patch in a text": (
        "prod/y.yaml", "patches:\n- patch: |-\n    - path: /image\n      value: acme/web:1\n", 4, "acme/web:1",
    ),
})  # fmt: skip
def test_what_is_not_read_becomes_an_entry_by_its_remedy(
    tmp_path: Path, path: str, text: str, line: int, image: str
) -> None:
    before = covered(tmp_path, {path: text})
    newer = text.startswith(("apiVersion: postgresql", '{"apiVersion'))
    (unread,) = [each for each in before["unread"] if (each["line"], each["image"]) == (line, image)]
    assert unread["file"] == path
    assert ("add `reads: 2`" in unread["remedy"]) == newer
    after = covered(tmp_path, {path: text, "gitops-bot.yaml": applied(unread["remedy"])})
    assert unread not in after["unread"]
    assert after["tracked"] + after["unmanaged"] == before["tracked"] + before["unmanaged"] + 1
    assert after["pins"] == before["pins"]


@rows("files cause", {
    "a release of somebody else, with definitions": ({"x/crds.yaml": f"{CRD}---\n{POD}" + "#\n" * 1000}, "vendored"),
    "what Flux writes": ({"x/flux-system/gotk-components.yaml": POD}, "vendored"),
    "a chart that another chart is made of": ({"c/Chart.yaml": "", "c/charts/db/values.yaml": POD}, "vendored"),
    "archived": ({"apps/.archive/web/pod.yaml": POD}, "archived"),
    "of tests": ({"tests/web/pod.yaml": POD}, "fixture"),
    "a key of SOPS covers it": ({"x/secret.yaml": f"webImage: acme/web:v1\n{MAC}"}, "encrypted"),
    "a placeholder": ({"x/pod.yaml": POD.replace("1.0.0", "IMAGE_TAG")}, "template"),
    "every user pins it again": (BASE | {"staging/kustomization.yaml": PINNED}, "overridden"),
    "nothing is built from it": ({"base/pod.yaml": POD, "base/kustomization.yaml": "resources: []\n"}, "unreferenced"),
})  # fmt: skip
def test_what_needs_no_updates_is_outside_by_its_cause(tmp_path: Path, files: dict[str, str], cause: str) -> None:
    coverage = covered(tmp_path, files)
    assert coverage["unread"] == []
    assert [item["cause"] for item in coverage["outside"] if item["overlay"] != "staging"] == [cause]


def test_a_base_and_two_overlays_that_pin_it_are_three_pins_two_entries_and_one_overridden(tmp_path: Path) -> None:
    files = BASE | {"prod/kustomization.yaml": PINNED, "prod/b/kustomization.yaml": PINNED.replace("../", "../../")}
    config = CONFIG.replace("[prod]", "[prod, prod/b]")
    for overlays, entries in ((config, 2), (config.replace("prod/b]", "prod/b, base/web.yaml]"), 2)):
        coverage = covered(tmp_path, files | {"gitops-bot.yaml": overlays})
        assert coverage["outside"] == [{"overlay": "base", "cause": "overridden", "entries": 1}]
        assert (coverage["tracked"], coverage["unmanaged"], coverage["pins"]) == (entries, 0, 3)


def test_all_is_good_only_where_every_pin_is_read(tmp_path: Path) -> None:
    files = {"gitops-bot.yaml": CONFIG, **PROD, "apps/web.yaml": POD, "x/a.yaml": "cmpImage: a:1\n"}
    assert check(tmp_path, files).out.splitlines() == [
        "1 file, 1 entry: nothing wrong in these, 2 of 3 pins not read",
        "",
        "entries: 1 tracked",
        "2 pins in 2 files are not read: no environment claims the file; `--output json` has what makes each an entry",
        "  apps/web.yaml:7 acme/web:1.0.0 and x/a.yaml:1 a:1",
        "    list apps/web.yaml under `overlays`",
    ]
    files["apps/web.yaml"] = "kind: Pod\n"
    assert check(tmp_path, files).out.splitlines()[3:] == [
        "1 pin in 1 file is not read: no environment claims the file",
        "  x/a.yaml:1 a:1",
        REMEDY,
    ]
