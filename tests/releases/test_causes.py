"""Why pins that no environment claims need none: found by what the kustomizations of a repository are built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.releases.layout import causes
from gitops_bot.releases.layout.causes import Judge

if TYPE_CHECKING:
    from collections.abc import Collection

WEB = "spec: {containers: [{image: web:1}, {image: 'ghcr.io/acme/api@sha256:0'}]}\n"


def pins(*names: str, resources: str = "") -> str:
    images = "".join(f"- name: {name}\n  newTag: '1'\n" for name in names)
    return f"resources: [{resources}]\nimages:\n{images}"


def find(files: dict[str, str], *overlays: str, deployed: Collection[str] = ()) -> dict[str, tuple[str | None, ...]]:
    data = {path: text.encode() for path, text in files.items()}
    others = [path for path in files if path.rpartition("/")[0] not in overlays]
    roots = causes.Roots({"prod": overlays}, lambda directory: directory in deployed)
    modes = dict.fromkeys(files, "100644")
    judge = Judge(data, modes, lambda paths: {path: data[path] for path in paths if path in data}, roots)
    found = causes.find(judge, others)
    return {file.directory: file.causes for file in found}


BASE = {"base/kustomization.yaml": pins("web", "gone", resources="web.yaml"), "base/web.yaml": WEB}


def overlay(*names: str) -> str:
    return pins(*names, resources="../base")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({**BASE, "prod/kustomization.yaml": overlay()}, (None, "dead"), id="an image that nothing has"),
        pytest.param({**BASE, "prod/kustomization.yaml": overlay("web")}, ("overridden", "dead"),
            id="its only user pins it again"),
        pytest.param({**BASE, "prod/kustomization.yaml": overlay("web"), "dev/kustomization.yaml": overlay()},
            (None, "dead"), id="one of two users pins it again"),
        pytest.param({**BASE, "base/kustomization.yaml": pins("gone", resources="https://example.org/x"), "prod/x": ""},
            ("unreferenced",), id="nobody uses it"),
        pytest.param(
            {
                **BASE,
                "base/kustomization.yaml": pins("gone", resources="https://example.org/x"),
                "prod/kustomization.yaml": overlay(),
            },
            (None,),
            id="what is outside the repository may have the image",
        ),
        pytest.param(
            {
                **BASE,
                "base/kustomization.yaml": pins("gone", resources="web.yaml") + "patches: [{patch: 'image: gone'}]\n",
                "prod/kustomization.yaml": overlay(),
            },
            (None,),
            id="a patch of its own has the image",
        ),
        pytest.param(
            {
                **BASE,
                "base/kustomization.yaml": pins("gone", resources="web.yaml") + "patches: [{path: ops.json}]\n",
                "base/ops.json": '[{"op": "add", "path": "/spec/image", "value": "gone:v1"}]',
                "prod/kustomization.yaml": overlay(),
            },
            (None,),
            id="an operation of a patch has the image",
        ),
        pytest.param(
            {
                **BASE,
                "base/kustomization.yaml": pins("gone", resources="web.yaml") + "helmCharts: [{name: x}]\n",
                "prod/kustomization.yaml": overlay(),
            },
            (None,),
            id="a chart may have the image",
        ),
    ],
)  # fmt: skip
def test_an_entry_of_a_base_may_have_no_effect(files: dict[str, str], expected: tuple[str | None, ...]) -> None:
    assert find(files, "prod")["base"] == expected


@pytest.mark.parametrize(
    ("path", "deployed", "expected"),
    [
        ("apps/local", (), "unreferenced"),
        ("apps/local", ("apps/local",), None),
        ("tools/redis", (), None),
        ("tests/redis", (), "fixture"),
        ("examples/redis", ("examples/redis",), None),
        ("apps/shared", (), None),
    ],
)
def test_a_directory_may_be_for_nobody(path: str, deployed: Collection[str], expected: str | None) -> None:
    files = {f"{path}/kustomization.yaml": pins("web"), "prod/kustomization.yaml": pins("web")}
    assert find(files, "prod", deployed=deployed) == {path: (expected,)}


def test_what_a_deployed_base_is_built_from_is_referenced() -> None:
    files = {
        "rings/base/kustomization.yaml": "resources: [queue]\n",
        "rings/base/queue/kustomization.yaml": pins("queue"),
        "prod/kustomization.yaml": pins("web"),
    }
    assert find(files, "prod")["rings/base/queue"] == ("unreferenced",)
    assert find(files, "prod", deployed=["rings/base"])["rings/base/queue"] == (None,)


def test_without_knowing_what_is_deployed_nothing_is_unreferenced() -> None:
    files = {"local/kustomization.yaml": pins("web").encode()}
    (found,) = causes.find(Judge(files, dict.fromkeys(files, "100644"), lambda _: files), files)
    assert found.causes == (None,)


def test_a_component_that_nothing_uses_is_unreferenced_and_of_one_that_is_used_any_name_may_match() -> None:
    component = "kind: Component\n" + pins("anything").removeprefix("resources: []\n")
    files = {"parts/tls/kustomization.yaml": component, "prod/kustomization.yaml": pins("web")}
    assert find(files, "prod") == {"parts/tls": ("unreferenced",)}
    files["prod/kustomization.yaml"] = pins("web") + "components: [../parts/tls]\n"
    assert find(files, "prod") == {"parts/tls": (None,)}
