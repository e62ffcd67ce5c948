"""The first configuration: which policy an entry gets, and which environment is promoted from which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.commands.test_init import checkout, init

if TYPE_CHECKING:
    from pathlib import Path


def kustomization(images: dict[str, str]) -> str:
    def entry(name: str, tag: str) -> str:
        return f"- name: {name}\n  {'digest' if tag.startswith('sha256:') else 'newTag'}: '{tag}'\n"

    return "images:\n" + "".join(entry(name, tag) for name, tag in images.items())


def drafted(folder: Path, environments: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The file for environments of one overlay each, by the names and tags of their images."""
    files = {f"overlays/{name}/kustomization.yaml": kustomization(images) for name, images in environments.items()}
    init(checkout(folder, files))
    written: dict[str, Any] = yaml.safe_load((folder / "gitops-bot.yaml").read_text())
    return written


A, B = "a1b2c3d", "1f2e3d4"


@pytest.mark.parametrize(
    ("source", "target", "promoted"),
    [
        pytest.param({"web": A}, {"web": B}, True, id="commits"),
        pytest.param({"web": "1.4.0"}, {"web": "1.3.0"}, True, id="versions"),
        pytest.param({"web": "1.3.0"}, {"web": "1.4.0"}, False, id="the source is behind"),
        pytest.param({"web": A}, {"web": "v1.3.0"}, False, id="another format"),
        pytest.param({"web": A}, {"web": "initial"}, True, id="a placeholder of the target"),
        pytest.param({"web": "initial"}, {"web": A}, False, id="a placeholder of the source"),
        pytest.param({"web": "latest"}, {"web": "latest"}, False, id="a tag that moves"),
        pytest.param({"web": A}, {"api": B}, False, id="no pairs"),
        pytest.param({"a": A, "b": A, "c": "1.0.0"}, {"a": B, "b": B, "c": A}, True, id="most pairs"),
        pytest.param({"a": A, "b": "1.0.0"}, {"a": B, "b": A}, False, id="half of the pairs"),
        pytest.param({"web": "sha256:" + "1f" * 32}, {"web": "sha256:" + "2e" * 32}, True, id="digests"),
    ],
)
def test_an_environment_is_promoted_where_most_pins_look_alike(
    tmp_path: Path, source: dict[str, str], target: dict[str, str], promoted: bool
) -> None:
    written = drafted(tmp_path, {"staging": source, "production": target})
    assert (written["environments"]["production"].get("promote_from") == "staging") is promoted


def test_of_a_promoted_environment_what_does_not_look_alike_keeps_a_policy_of_its_own(tmp_path: Path) -> None:
    staging = {"a": A, "b": A, "c": A, "d": "latest", "e": "initial", "f": A, "h": A}
    production = {"a": B, "b": B, "c": "v1.0.0", "d": "v1.0.0", "e": B, "f": "initial", "g": "1.0.0", "h": B}
    written = drafted(tmp_path, {"staging": staging, "production": production})
    assert written["environments"]["production"] == {
        "overlays": ["overlays/production"],
        "promote_from": "staging",
        "policy": "auto",
        "images": {"c": {"policy": "auto"}, "d": {"policy": "auto"}, "e": {"policy": "commits"}},
    }


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param({"web": "1.2.3"}, {"policy": "auto"}, id="a version"),
        pytest.param({"web": A, "api": "1234567"}, {"policy": "commits"}, id="a commit of digits only among others"),
        pytest.param({"web": A, "api": "changeme"}, {"policy": "commits"}, id="a placeholder waits for a commit"),
        pytest.param(
            {"web": "latest", "api": "latest", "old": "changeme"},
            {"policy": "latest", "images": {"old": {"ignore": True}}},
            id="a placeholder does not follow a tag that moves",
        ),
        pytest.param(
            {"web": "1.2.3", "postgres": "15-alpine"},
            {"policy": "auto", "images": {"postgres": {"policy": {"digest": "15-alpine"}}}},
            id="a major version moves",
        ),
        pytest.param(
            {"a/x-api": A, "a/x-web": A, "b/redis": "7.2.1", "b/nginx": "1.27.0", "b/php": "8.1.0"},
            {"policy": "auto", "images": {"a/x-*": {"policy": "commits"}}},
            id="images that differ are one glob",
        ),
        pytest.param(
            {"a/x-api": A, "a/x-web": A, "a/x-old": "7.2.1", "b/nginx": "1.27.0", "b/php": "8.1.0"},
            {"policy": "auto", "images": {"a/x-api": {"policy": "commits"}, "a/x-web": {"policy": "commits"}}},
            id="a glob never means another image",
        ),
    ],
)
def test_an_environment_has_the_policy_of_most_and_images_have_what_differs(
    tmp_path: Path, images: dict[str, str], expected: dict[str, Any]
) -> None:
    written = drafted(tmp_path, {"production": images})
    assert written["environments"]["production"] == {"overlays": ["overlays/production"], **expected}


def test_a_word_of_one_tag_is_in_no_policy_and_one_of_several_tags_is(tmp_path: Path) -> None:
    written = drafted(tmp_path / "one", {"production": {"web": f"login-{A}", "api": "1.0.0"}})
    assert "policies" not in written
    written = drafted(tmp_path / "two", {"production": {"web": f"shop-{A}", "api": f"shop-{B}"}})
    assert written["policies"] == {"commits": {"pattern": "^shop-[0-9a-f]{7}$", "order": "newest"}}
    written = drafted(tmp_path / "name", {"production": {"acme/shop": f"shop-{A}"}})
    assert written["policies"] == {"commits": {"pattern": "^shop-[0-9a-f]{7}$", "order": "newest"}}


def test_directories_of_environments_may_have_any_name_and_a_base_of_one_belongs_to_it(tmp_path: Path) -> None:
    base = kustomization({"postgres": "16.1"})
    files = {
        "environments/at23/kustomization.yaml": kustomization({"web": A}) + "resources: [../../own]\n",
        "environments/yt01/kustomization.yaml": kustomization({"web": B}),
        "own/kustomization.yaml": base,
        "tools/kustomization.yaml": base,
    }
    init(checkout(tmp_path, files))
    assert yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())["environments"] == {
        "at23": {
            "overlays": ["environments/at23", "own"],
            "policy": "auto",
            "images": {"web": {"policy": "commits"}},
        },
        "yt01": {"overlays": ["environments/yt01"], "policy": "commits"},
        "shared": {"overlays": ["tools"], "policy": "auto"},
    }


def test_an_entry_that_check_rejects_is_ignored_with_the_reason(tmp_path: Path) -> None:
    files = {"overlays/production/kustomization.yaml": kustomization({"web": "1.0.0", "api": "${TAG}"})}
    done = init(checkout(tmp_path, files))
    text = (tmp_path / "gitops-bot.yaml").read_text()
    assert "      api: {ignore: true}  # newTag holds a template placeholder: '${TAG}'\n" in text
    assert done.out.splitlines()[-1] == (
        "1 of 2 entries are tracked or promoted; 1 is left: 1 because newTag holds a template placeholder: '${TAG}'"
    )
