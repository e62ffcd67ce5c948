"""The first configuration: which policy an entry gets, and which environment is promoted from which."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.commands.offline import checkout, init
from tests.counterparts.world import run
from tests.tables import rows

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


@rows("source target promoted", {
    "commits": ({"web": A}, {"web": B}, True),
    "versions": ({"web": "1.4.0"}, {"web": "1.3.0"}, True),
    "the source is behind": ({"web": "1.3.0"}, {"web": "1.4.0"}, False),
    "another format": ({"web": A}, {"web": "v1.3.0"}, False),
    "a placeholder of the target": ({"web": A}, {"web": "initial"}, True),
    "a placeholder of the source": ({"web": "initial"}, {"web": A}, False),
    "a tag that moves": ({"web": "latest"}, {"web": "latest"}, False),
    "no pairs": ({"web": A}, {"api": B}, False),
    "most pairs": ({"a": A, "b": A, "c": "1.0.0"}, {"a": B, "b": B, "c": A}, True),
    "half of the pairs": ({"a": A, "b": "1.0.0"}, {"a": B, "b": A}, False),
    "digests": ({"web": "sha256:" + "1f" * 32}, {"web": "sha256:" + "2e" * 32}, True),
})  # fmt: skip
def test_an_environment_is_promoted_where_most_pins_look_alike(
    tmp_path: Path, source: dict[str, str], target: dict[str, str], promoted: bool
) -> None:
    written = drafted(tmp_path, {"staging": source, "production": target})
    assert (written["environments"]["production"].get("promote_from") == "staging") is promoted


@rows("production expected comment", {
    "commits": ({"web": A, "db": "16.1.0"}, {"policy": "auto"}, True),
    "commits beside a moving tag": ({"web": A, "job": "latest", "cron": "latest"}, {"policy": "latest", "images": {
        "web": {"ignore": True},
    }}, False),
    "nothing but commits": ({"web": A}, {}, True),
    "a version": ({"web": "1.4.0"}, {"policy": "auto"}, False),
    "an image of its own": ({"cron": A}, {"policy": "commits"}, False),
})  # fmt: skip
def test_the_last_environment_has_no_rule_for_builds_that_an_earlier_one_runs_first(
    tmp_path: Path, production: dict[str, str], expected: dict[str, Any], comment: bool
) -> None:
    # A placeholder in staging: nothing can be promoted from there yet.
    written = drafted(tmp_path, {"staging": {"web": "initial", "api": A}, "production": production})
    assert written["environments"]["production"] == {"overlays": ["overlays/production"], **expected}
    reason = "staging runs them first: add `promote_from: staging`"
    text = (tmp_path / "gitops-bot.yaml").read_text()
    assert (f"1 entry left, because {reason}" in text) is comment
    assert run("check", cwd=tmp_path).code == 0


def test_of_a_promoted_environment_what_does_not_look_alike_keeps_a_policy_of_its_own(tmp_path: Path) -> None:
    staging = {"a": A, "b": A, "c": A, "d": "latest", "e": "initial", "f": A, "h": A}
    production = {"a": B, "b": B, "c": "v1.0.0", "d": "v1.0.0", "e": B, "f": "initial", "g": "1.0.0", "h": B}
    written = drafted(tmp_path, {"staging": staging, "production": production})
    assert written["environments"]["production"] == {
        "overlays": ["overlays/production"],
        "promote_from": "staging",
        "policy": "auto",
        "images": {"c": {"policy": "auto"}, "d": {"policy": "auto"}},
    }


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        pytest.param({"web": "1.2.3"}, {"policy": "auto"}, id="a version"),
        pytest.param({"web": A, "api": "1234567"}, {"policy": "commits"}, id="a commit of digits only among others"),
        pytest.param({"web": A, "api": "changeme"}, {"policy": "commits"}, id="a placeholder waits for a commit"),
        pytest.param({"web": "latest", "api": "latest", "old": "changeme"},
            {"policy": "latest", "images": {"old": {"ignore": True}}},
            id="a placeholder does not follow a tag that moves"),
        pytest.param({"web": "1.2.3", "postgres": "15-alpine"},
            {"policy": "auto", "images": {"postgres": {"policy": {"digest": "15-alpine"}}}},
            id="a major version moves"),
        pytest.param({"a/x-api": A, "a/x-web": A, "b/redis": "7.2.1", "b/nginx": "1.27.0", "b/php": "8.1.0"},
            {"policy": "auto", "images": {"a/x-*": {"policy": "commits"}}}, id="images that differ are one glob"),
        pytest.param({"a/x-api": A, "a/x-web": A, "a/x-old": "7.2.1", "b/nginx": "1.27.0", "b/php": "8.1.0"},
            {"policy": "auto", "images": {"a/x-api": {"policy": "commits"}, "a/x-web": {"policy": "commits"}}},
            id="a glob never means another image"),
    ],
)  # fmt: skip
def test_an_environment_has_the_policy_of_most_and_images_have_what_differs(
    tmp_path: Path, images: dict[str, str], expected: dict[str, Any]
) -> None:
    written = drafted(tmp_path, {"production": images})
    assert written["environments"]["production"] == {"overlays": ["overlays/production"], **expected}


VALUES = "a: {{image: {{repository: busybox, tag: {}}}}}\n{}: {{image: {{repository: acme/web, tag: '{}'}}}}\n"
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: %s%s}
spec: {template: {spec: {containers: [{image: "a/x:1.0.0"}]}}}
"""


def test_an_image_has_one_rule_by_its_repository_and_what_differs_has_its_own(tmp_path: Path) -> None:
    files = {f"apps/{app}/values.yaml": VALUES.format("latest", app, "60") for app in "bcd"}
    init(checkout(tmp_path, files | {"apps/e/values.yaml": "e: {image: {repository: busybox, tag: 1.36.0}}\n"}))
    text = (tmp_path / "gitops-bot.yaml").read_text()
    written = yaml.safe_load(text)["environments"]["default"]
    assert (written["policy"], written["images"]) == (
        "latest",
        {"docker.io/acme/web": {"ignore": True}, "e.image": {"policy": "auto"}},
    )
    assert "docker.io/acme/web: {ignore: true}  # the tag may be a version or a build number\n" in text


def test_a_job_that_nothing_replaces_keeps_its_image(tmp_path: Path) -> None:
    hook = ", annotations: {argocd.argoproj.io/hook: Sync}"
    jobs = {f"jobs/{name}.yaml": JOB % (name, "") for name in ("load-a", "load-b")}
    init(checkout(tmp_path, jobs | {"jobs/hook.yaml": JOB % ("two", hook)}))
    text = (tmp_path / "gitops-bot.yaml").read_text()
    assert yaml.safe_load(text)["environments"]["default"] == {
        "overlays": ["jobs"],
        "policy": "auto",
        "images": {"Job/load-*": {"ignore": True}},
    }
    assert '"Job/load-*": {ignore: true}  # a Job gets no other image once it is there' in text


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
        "default": {"overlays": ["tools"], "policy": "auto"},
    }


def test_an_entry_that_check_rejects_is_ignored_with_the_reason(tmp_path: Path) -> None:
    files = {"overlays/production/kustomization.yaml": kustomization({"web": "1.0.0", "api": "${TAG}"})}
    done = init(checkout(tmp_path, files))
    text = (tmp_path / "gitops-bot.yaml").read_text()
    assert "      api: {ignore: true}  # newTag holds a template placeholder: '${TAG}'\n" in text
    assert done.out.splitlines()[-1] == (
        "1 of 2 pins are tracked or promoted; 1 is left: 1 because newTag holds a template placeholder: '${TAG}'"
    )


def test_images_of_several_major_versions_keep_to_their_own(tmp_path: Path) -> None:
    written = drafted(tmp_path, {"production": {"a": "1.4.2-ls7", "b": "1.0.0-ls12", "c": "14.0.1-ls3"}})
    assert {name: policy["semver"] for name, policy in written["policies"].items()} == {"builds": ">=1.0.0-0 <2.0.0"}
    own = {"semver": ">=14.0.0-0 <15.0.0", "pattern": "^(?P<version>[0-9]+\\.[0-9]+\\.[0-9]+)-ls(?P<build>[0-9]+)$"}
    assert written["environments"]["production"]["images"] == {"c": {"policy": own}}


def test_only_images_of_ones_own_get_the_next_major_version(tmp_path: Path) -> None:
    tag = "v1.0.0-build.52-667e382a"
    images = {"ghcr.io/acme/web": tag, "ghcr.io/others/web": tag, "registry.example.net/web": tag}
    folder = checkout(tmp_path, {"overlays/production/kustomization.yaml": kustomization(images)})
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(
        ["git", "-C", str(folder), "remote", "add", "origin", "https://github.com/Acme/deploy.git"], check=True
    )
    init(folder, "--own", "registry.example.net/*")
    written = yaml.safe_load((folder / "gitops-bot.yaml").read_text())
    ranges = {name: policy["semver"] for name, policy in written["policies"].items()}
    environment = written["environments"]["production"]
    rules = {name: environment["images"].get(name, environment)["policy"] for name in images}
    assert {name: rule["semver"] if isinstance(rule, dict) else ranges[rule] for name, rule in rules.items()} == {
        "ghcr.io/acme/web": ">=0.0.0-0",
        "ghcr.io/others/web": ">=1.0.0-0 <2.0.0",
        "registry.example.net/web": ">=0.0.0-0",
    }


def test_a_promotion_that_globs_do_not_allow_takes_no_other_with_it(tmp_path: Path) -> None:
    files = {
        "apps/web/dev/kustomization.yaml": kustomization({"web": A}),
        "apps/web/staging/kustomization.yaml": kustomization({"web": A}),
        "apps/api/staging/kustomization.yaml": kustomization({"web": A}),
        "apps/web/production/kustomization.yaml": kustomization({"web": B}),
        "apps/api/production/kustomization.yaml": kustomization({"web": B}),
    }
    init(checkout(tmp_path, files))
    environments = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())["environments"]
    assert {name: environment.get("promote_from") for name, environment in environments.items()} == {
        "dev": None,
        "staging": None,
        "production": "staging",
    }


def test_an_environment_of_one_file_owns_nothing_else_in_its_directory(tmp_path: Path) -> None:
    service = "services: {web: {image: 'nginx:1.27.0'}}\n"
    files = {"compose.production.yaml": service, "tools/compose.yaml": service}
    init(checkout(tmp_path, files))
    environments = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())["environments"]
    assert {name: environment["overlays"] for name, environment in environments.items()} == {
        "production": ["compose.production.yaml"],
        "default": ["tools/compose.yaml"],
    }


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: web, image: %s}, {name: job, image: %s}]}}}
"""


def test_where_there_are_only_plain_manifests_their_directories_are_one_environment(tmp_path: Path) -> None:
    files = {
        "k8s/web/web.yaml": DEPLOYMENT % ("web:main-a1b2c3d", "job:main-1f2e3d4"),
        "k8s/api/api.yaml": DEPLOYMENT % ("web:main-a1b2c3d", "job:main-1f2e3d4"),
        "k8s/rbac/role.yaml": "apiVersion: v1\nkind: Role\n",
        "charts/web/templates/web.yaml": DEPLOYMENT % ("web:1", "{{ .Values.image }}"),
        ".github/workflows/ci.yaml": DEPLOYMENT % ("web:main-a1b2c3d", "job:main-1f2e3d4"),
    }
    checkout(tmp_path, files)
    assert "no entry is tracked: `gitops-bot init` would track 4" in run("check", cwd=tmp_path).out
    # The chart's own file pins one, which nothing reads.
    assert init(tmp_path).out.splitlines()[-1] == (
        "4 of 5 pins are tracked or promoted; 1 pin in 1 file is not read: no environment claims the file"
    )
    written = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())
    assert written["environments"] == {"default": {"overlays": ["k8s/*"], "policy": "commits"}}


def test_an_entry_that_can_never_be_edited_is_ignored_and_not_the_one_before_it(tmp_path: Path) -> None:
    init(checkout(tmp_path, {"k8s/web.yaml": DEPLOYMENT % ("&image web:1.0.0", "*image")}))
    done = run("check", "--output", "json", cwd=tmp_path)
    assert (done.code, done.json["problems"]) == (0, [])


def test_values_that_are_named_after_their_applications_are_one_glob(tmp_path: Path) -> None:
    files = {f"values/{name}-values.yaml": "image: {repository: web, tag: 1.0.0}\n" for name in ("web", "api")}
    init(checkout(tmp_path, {**files, "values/db-values.yaml": "size: 1\n"}))
    environments = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())["environments"]
    assert environments == {"default": {"overlays": ["values/*-values.yaml"], "policy": "auto"}}


def test_entries_that_no_name_tells_apart_keep_to_their_own_format(tmp_path: Path) -> None:
    files = {
        f"apps/{name}/production/kustomization.yaml": kustomization({"web": tag})
        for name, tag in {"a": "main-a1b2c3d", "b": "main-1f2e3d4", "c": "0.50.1"}.items()
    }
    done = init(checkout(tmp_path, files))
    (environment,) = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())["environments"].values()
    assert environment["images"] == {"web": {"policy": "auto"}}
    assert done.out.splitlines()[-1] == (
        "1 of 3 pins are tracked or promoted; 2 are left: 2 because the tag is a commit, and commits have no order"
    )
