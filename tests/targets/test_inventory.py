"""Every image reference of a file: by the places in which one may stand, and as libyaml sees real files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml

from gitops_bot.images.reference import is_reference
from gitops_bot.targets.inventory import MOST, is_pinned, may_have_references, references
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = "sha256:" + "ab" * 32
PATCH = "patches:\n- patch: |-\n    - op: replace\n      path: /spec/containers/0/image\n      value: acme/web:1\n"


@rows("text expected", {
    "a container": ("spec:\n  containers:\n  - name: web\n    image: nginx:1.27 # why\n", [(4, 4, "nginx:1.27")]),
    "a key that ends so": (f"kanikoImage: 'a/b@{DIGEST}'\nbackground_image: x.png\n", [(1, 1, f"a/b@{DIGEST}")]),
    "an anchor": ("image: &a a/b:1\n", [(1, 1, "a/b:1")]),
    "a text below its key": ("webImage: >-\n  a/c:2\n", [(2, 2, "a/c:2")]),
    "names and new tags": (
        f"images:\n- newTag: '1'\n  name: web\n- name: a\n  newName: b/c\n  digest: {DIGEST}\n- name: d:1\n",
        [(2, 3, "web:1"), (4, 6, f"b/c@{DIGEST}")],
    ),
    "a registry, a repository and a tag": (
        "web:\n  image:\n    registry: g.io\n    # said\n    tag: v1\n    repository: a/b\nhelm: {name: x, tag: v1}\n",
        [(3, 6, "g.io/a/b:v1")],
    ),
    "a name that can only be a repository": ("x:\n  name: g.io/a/b\n  tag: v1\nimage:\n  name: b\n  tag: v2\n", [
        (2, 3, "g.io/a/b:v1"), (5, 6, "b:v2"),
    ]),
    "prefixed pairs": (f"web_image: a/b\nweb_image_tag: v1\nwebSha: {'ab' * 20}\napiRepo: c\napiTag: v2\n", [
        (1, 2, "a/b:v1"), (1, 5, "c:v2"),
    ]),
    "items of Argo CD": ("kustomize:\n  images:\n  - web=g.io/a/web:v1\n  - b:2\n  - c\n", [
        (3, 3, "g.io/a/web:v1"), (4, 4, "b:2"),
    ]),
    "a patch in a text": (PATCH, [(5, 5, "acme/web:1")]),
    "a patch of JSON": ('- patch: |\n    [{"op": "add", "path": "/image",\n      "value": "a:1"}]\n', [(3, 3, "a:1")]),
    "a value by its name": ("- name: web.image\n  value: a/b:1\n- name: TITLE\n  value: a:1\n", [(2, 2, "a/b:1")]),
    "braces": ("a: {image: {repository: a/b, tag: 'v1'}, images: [c:1, x=d/e:2]}\n", [
        (1, 1, "a/b:v1"), (1, 1, "c:1"), (1, 1, "d/e:2"),
    ]),
    "JSON": ('{"kind": "Pod",\n "spec": {"containers": [\n  {"name":"web","image":"a/b:1"}]}}\n', [(3, 3, "a/b:1")]),
    "both branches of a template": (
        "{{- if .x }}\nimage: a:1\n{{ else }}\nimage: b:2\n{{ end }}\nwebImage: c:{{ .v }}\n",
        [(2, 2, "a:1"), (4, 4, "b:2")],
    ),
    "documents, of which one is a schema": (
        "kind: CustomResourceDefinition\nimage: a:1\n---\nimage: b:2\n---\n[ never closed\nimage: c:3\n",
        [(4, 4, "b:2"), (7, 7, "c:3")],
    ),
    "a reader of its own is not needed": ("﻿image: a:1\r\nimages: {web: 'b:2'}\r\n", [(1, 1, "a:1"), (2, 2, "b:2")]),
    "none": ((
        "image: nginx\nhost: db:5432\n# image: a:1\nurl: oci://g.io/c:1\nimage: 'oci://g.io/c:1'\nimage: ${A}:1\n"
        "ref: {tag: v1}\nrepository: https://a.b/c\ntag: v1\nlogoImage: data:image/png;base64,AA==\n"), [],
    ),
})  # fmt: skip
def test_a_reference_is_found_where_one_may_stand(text: str, expected: list[tuple[int, int, str]]) -> None:
    found = references(text.encode(), "a/values.yaml")
    assert [(each.line, each.last_line, each.image) for each in found] == expected


def test_a_file_of_variables_a_hostile_and_a_binary_file_have_what_they_have() -> None:
    env = b"export WEB_IMAGE='a/b:1' # x\nA=c:1\nAPI_IMAGE=d\nAPI_TAG=v2\n"
    assert [(each.line, each.image) for each in references(env, "prod.env")] == [(1, "a/b:1"), (1, "d:v2")]
    assert references(b"\0GITCRYPT\0image: a:1\n", "a.yaml") == ()
    many = b"".join(b"image: a:%d\n" % number for number in range(MOST + 5))
    assert len(references(many, "a.yaml")) == MOST
    for hostile in (b"[" * 200_000, b"- " * 200_000, b"image: [\n" * 50_000, b"{image: a:1,\n" * 50_000):
        assert len(references(b"image: a:1\n" + hostile, "a.yaml")) >= 1


@rows("path expected", {
    "a manifest": ("a/web.yaml", True), "JSON": ("a/web.json", True), "variables": ("a/.env.prod", True),
    "a template": ("chart/templates/_helpers.tpl", True), "a workflow": (".github/workflows/a.yaml", False),
    "a chart": ("c/Chart.yaml", False), "a schema": ("c/values.schema.json", False), "a recipe": ("Dockerfile", False),
    "GitLab": (".gitlab-ci.yml", False), "Terraform": ("x/terraform/a.yaml", False), "a program": ("a.py", False),
})  # fmt: skip
def test_files_that_no_deployment_reads_are_left_alone(path: str, expected: bool) -> None:
    assert may_have_references(path) == expected


def of_node(node: yaml.Node, above: str) -> Iterator[tuple[int, str]]:
    """Lines and images as libyaml sees them: another parser, and another idea of where one may stand."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            if above == "images" and isinstance(item, yaml.ScalarNode) and is_pinned(item.value):
                yield item.start_mark.line, item.value
            yield from of_node(item, above)
    if not isinstance(node, yaml.MappingNode):
        return
    texts = {key.value.lower(): value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    name = next((texts[key].value for key in ("newname", "repository", "name") if key in texts), "")
    pin = next((texts[key] for key in ("newtag", "tag", "digest") if key in texts and texts[key].value), None)
    is_pair = name and ("repository" in texts or above in ("image", "images")) and is_reference(name.lstrip("/"))
    if pin and is_pair and re.fullmatch(r"[A-Za-z0-9_][\w.-]{0,127}|sha256:[0-9a-f]{64}", pin.value, re.ASCII):
        yield pin.start_mark.line, name
    for key, value in node.value:
        if key.value.endswith(("image", "Image")) and isinstance(value, yaml.ScalarNode) and is_pinned(value.value):
            yield value.start_mark.line, value.value
        yield from of_node(value, key.value)


@pytest.mark.parametrize("folder", ["kustomizations", "manifests", "helm", "compose"])
def test_everything_that_libyaml_sees_in_real_files_is_found(corpus: Path, folder: str) -> None:
    count, missed = 0, []
    for path in sorted((corpus / folder).glob("*.yaml")):
        data = path.read_bytes()
        try:
            documents = [root for root in yaml.compose_all(data, Loader=yaml.CSafeLoader) if root is not None]
        except yaml.YAMLError:
            continue
        found = references(data, path.name)
        for root in documents:
            if "CustomResourceDefinition" in [
                value.value for _, value in getattr(root, "value", ()) if root.id == "mapping"
            ]:
                continue
            for line, image in of_node(root, ""):
                count += 1
                if not any(each.line <= line + 1 <= each.last_line for each in found):
                    missed.append((path.name, line + 1, image))
    assert count > 100
    assert missed == []


def test_a_json_file_on_one_line_is_read(corpus: Path) -> None:
    for path in sorted((corpus / "manifests").glob("*.yaml"))[:40]:
        roots = [root for root in yaml.safe_load_all(path.read_bytes()) if root]
        images = {each.image for each in references(path.read_bytes(), path.name)}
        in_json = {
            each.image for root in roots for each in references(json.dumps(root, default=str).encode(), "a.json")
        }
        assert in_json == images
