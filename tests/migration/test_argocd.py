"""`init --from argocd-image-updater`: annotations and `ImageUpdater` resources."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gitops_bot.errors import ConfigError
from tests.migration.trees import Written, kustomization, policies
from tests.migration.trees import written as migrated

PREFIX = "argocd-image-updater.argoproj.io"
GIT = {"write-back-method": "git", "write-back-target": "kustomization"}


def application(annotations: dict[str, str], path: str = "web/prod", name: str = "web") -> str:
    lines = "".join(f"    {PREFIX}/{key}: {value!r}\n" for key, value in annotations.items())
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  annotations:
{lines}spec:
  source: {{repoURL: https://git.example.com/deploy, path: {path}, targetRevision: HEAD}}
"""


def written(annotations: dict[str, str], *images: str) -> Written:
    files = {"argocd/web.yaml": application(annotations), "web/prod/kustomization.yaml": kustomization(*images)}
    return migrated(files, "argocd-image-updater")


WEB = "ghcr.io/acme/web"


POLICIES = r"""
{image-list: 'ghcr.io/acme/web:~1.2'}
    {semver: ~1.2}
    1.2.0 [1.2.9] 1.3.0 2.0.0
{image-list: ghcr.io/acme/web}
    {semver: '*'}
    1.2.0 1.10.0 [v2.0.0] 3.0.0-rc.1 latest
{image-list: 'web=ghcr.io/acme/web:>=1.0-0'}
    {semver: '>=1.0-0'}
    1.2.0 [1.3.0-rc.1]
{image-list: 'web=ghcr.io/acme/web:1.x', web.allow-tags: 'regexp:^[0-9.]+$', web.ignore-tags: '1.9.*, 1.8.?'}
    {semver: 1.x, exclude: [^1\.9\..*$, ^1\.8\..$], pattern: '^[0-9.]+$'}
    1.2.0 1.7.0 1.8.1 [1.8.10] 1.9.0 v1.11.0
{image-list: web=ghcr.io/acme/web, web.update-strategy: alphabetical, web.allow-tags: 'regexp:^r-'}
    {pattern: ^r-, order: alphabetical}
    1.2.0 r-2026-01-01 [r-2026-02-01] z
{image-list: ghcr.io/acme/web, update-strategy: name, allow-tags: 'regexp:^(?P<day>[0-9]+)-(b|c)$'}
    {pattern: '^(?:[0-9]+)-(b|c)$', order: alphabetical}
    1.2.0 10-b 2-b [2-c]
{image-list: 'ghcr.io/acme/web:main', update-strategy: digest}
    {digest: main}
    1.2.0 [main]
"""


@pytest.mark.parametrize(("settings", "policy", "tags", "chosen"), policies(POLICIES))
def test_a_strategy_becomes_the_policy_that_chooses_the_same_tag(
    settings: str, policy: dict[str, Any], tags: list[str], chosen: str
) -> None:
    done = written({**yaml.safe_load(settings), **GIT}, f"{WEB}:1.2.0")
    assert done.contents["policies"] == {"web": policy}
    assert done.chosen("prod", WEB, tags) == chosen
    assert done.gaps == ()


@pytest.mark.parametrize("strategy", ["newest-build", "latest"])
def test_newest_build_becomes_the_order_of_build_times(strategy: str) -> None:
    done = written({"image-list": f"a={WEB}", "a.update-strategy": strategy, **GIT}, f"{WEB}:sha-1")
    assert done.contents["policies"] == {"web": {"pattern": ".*", "order": "newest"}}


def test_the_environment_is_named_and_proposed_as_the_application_deploys() -> None:
    done = written({"image-list": WEB, "git-branch": "main:updates-{{.SHA256}}", **GIT}, f"{WEB}:1.2.0", "redis:7")
    assert done.contents == {
        "version": 1,
        "reads": 2,
        "branch": "main",
        "policies": {"web": {"semver": "*"}},
        "environments": {"prod": {"overlays": ["web/prod"], "pin": "tag", "images": {WEB: {"policy": "web"}}}},
    }
    straight = written({"image-list": WEB, "git-branch": "main", **GIT}, f"{WEB}:1.2.0")
    assert straight.contents["environments"]["prod"]["propose"] == {"as": "commit"}


def test_the_digest_strategy_writes_digests_and_wants_its_platform() -> None:
    annotations = {"image-list": f"web={WEB}:main", "web.update-strategy": "digest", "web.platforms": "linux/arm64/v8"}
    done = written({**annotations, **GIT}, f"{WEB}:main")
    image = done.contents["environments"]["prod"]["images"][WEB]
    assert image == {"policy": "web", "platforms": ["linux/arm64"]}
    assert "pin" not in done.contents["environments"]["prod"]


def test_an_image_whose_tags_are_all_ignored_is_ignored() -> None:
    done = written({"image-list": f"web={WEB}", "web.ignore-tags": "*", **GIT}, f"{WEB}:1.2.0")
    assert done.contents["environments"]["prod"]["images"] == {WEB: {"ignore": True}}


def test_the_image_of_a_kustomization_is_found_by_its_name() -> None:
    annotations = {"image-list": "argocd=ghcr.io/acme/argocd:2.x", "argocd.kustomize.image-name": "quay.io/argo/argocd"}
    done = written({**annotations, **GIT}, "quay.io/argo/argocd:2.0.0")
    assert done.contents["environments"]["prod"]["images"] == {"quay.io/argo/argocd": {"policy": "argocd"}}


@pytest.mark.parametrize(
    ("annotations", "gap"),
    [
        ({**GIT, "web.pull-secret": "secret:argocd/creds#x"}, "argocd/web.yaml:9: ghcr.io/acme/web: the pull secret"),
        (
            {**GIT, "web.allow-tags": "regexp:^(?!x)"},
            "argocd/web.yaml:9: ghcr.io/acme/web: the pattern '^(?!x)' is not",
        ),
        ({**GIT, "web.allow-tags": "glob:x"}, "argocd/web.yaml:9: ghcr.io/acme/web: allow-tags 'glob:x' admits no tag"),
        ({**GIT, "web.update-strategy": "best"}, "argocd/web.yaml:9: the update strategy 'best' is unknown"),
        ({**GIT, "web.platforms": "linux/arm64"}, "argocd/web.yaml:9: platforms has no effect with the strategy"),
        ({**GIT, "wbe.platforms": "linux/arm64"}, "argocd/web.yaml:9: the annotation wbe.platforms"),
        ({**GIT, "git-repository": "git@x:y.git"}, "argocd/web.yaml:9: git-repository git@x:y.git"),
        ({}, "argocd/web.yaml:4: Argo CD Application web has its pins in the cluster only"),
        ({"write-back-method": "git"}, "argocd/web.yaml:4: Argo CD Application web keeps its pins in .argocd-source"),
    ],
)
def test_what_has_no_counterpart_is_named_with_file_and_line(annotations: dict[str, str], gap: str) -> None:
    done = written({"image-list": f"web={WEB}, redis:7.x", **annotations}, f"{WEB}:1.2.0", "redis:7.0.0")
    assert [found for found in done.gaps if found.startswith(gap)], done.gaps
    assert f"#   {gap}" in done.text


def test_applications_that_follow_one_image_by_different_rules_are_two_environments() -> None:
    files = {
        "argocd/eu.yaml": application({"image-list": f"{WEB}:1.x", **GIT}, "prod/eu", "web-eu"),
        "argocd/us.yaml": application({"image-list": f"{WEB}:2.x", **GIT}, "prod/us", "web-us"),
        "argocd/ap.yaml": application({"image-list": f"{WEB}:1.x", **GIT}, "prod/ap", "web-ap"),
        **{f"prod/{region}/kustomization.yaml": kustomization(f"{WEB}:1.0.0") for region in ("eu", "us", "ap")},
    }
    done = migrated(files, "argocd-image-updater")
    environments = done.contents["environments"]
    assert {name: environment["overlays"] for name, environment in environments.items()} == {
        "prod": ["prod/ap", "prod/eu"],
        "prod-web-us": ["prod/us"],
    }


def test_an_image_that_is_not_listed_stays_unmanaged_where_another_application_lists_it() -> None:
    files = {
        "argocd/a.yaml": application({"image-list": f"{WEB}, redis", **GIT}, "prod/a", "a"),
        "argocd/b.yaml": application({"image-list": WEB, **GIT}, "prod/b", "b"),
        **{f"prod/{name}/kustomization.yaml": kustomization(f"{WEB}:1.0.0", "redis:7.0.0") for name in ("a", "b")},
    }
    environments = migrated(files, "argocd-image-updater").contents["environments"]
    assert {name: sorted(found["images"]) for name, found in environments.items()} == {
        "prod": [WEB, "redis"],
        "prod-b": [WEB],
    }


SET = f"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: web}}
spec:
  generators: [{{git: {{directories: [{{path: "apps/*"}}]}}}}]
  template:
    metadata:
      name: "{{{{path.basename}}}}"
      annotations:
        {PREFIX}/image-list: {WEB}:1.x
        {PREFIX}/write-back-method: git
        {PREFIX}/write-back-target: kustomization:../../overlays/staging
    spec:
      source: {{path: "{{{{path}}}}/overlays/staging", targetRevision: main}}
"""


def test_an_application_set_is_followed_to_each_of_its_directories() -> None:
    files = {
        "argocd/set.yaml": SET,
        "apps/a/overlays/staging/kustomization.yaml": kustomization(f"{WEB}:1.0.0"),
        "apps/b/overlays/staging/kustomization.yaml": kustomization(f"{WEB}:1.1.0"),
    }
    done = migrated(files, "argocd-image-updater")
    assert done.contents["environments"]["staging"]["overlays"] == ["apps/*/overlays/staging"]
    assert done.contents["branch"] == "main"


UPDATER = f"""\
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: all, namespace: argocd}}
spec:
  commonUpdateSettings: {{updateStrategy: semver, ignoreTags: ["*-rc*"]}}
  writeBackConfig:
    method: git
    gitConfig: {{branch: main, writeBackTarget: kustomization}}
  applicationRefs:
    - namePattern: "web*"
      images:
        - alias: web
          imageName: {WEB}:2.x
          commonUpdateSettings: {{allowTags: "regexp:^2"}}
        - alias: job
          imageName: redis
          commonUpdateSettings: {{updateStrategy: newest-build}}
    - namePattern: "other"
      images: [{{alias: x, imageName: x}}]
      imagesVerification: {{cosignKey: {{secretName: s, key: k}}}}
"""


def test_an_image_updater_has_the_settings_of_its_levels() -> None:
    files = {
        "argocd/updater.yaml": UPDATER,
        "argocd/web.yaml": application({}, name="web-1").replace("  annotations:\n", ""),
        "web/prod/kustomization.yaml": kustomization(f"{WEB}:2.0.0", "redis:7"),
    }
    done = migrated(files, "argocd-image-updater")
    assert done.contents["policies"] == {
        "redis": {"pattern": ".*", "order": "newest", "exclude": ["^.*\\-rc.*$"]},
        "web": {"semver": "2.x", "pattern": "^2", "exclude": ["^.*\\-rc.*$"]},
    }
    assert done.contents["environments"]["prod"]["propose"] == {"as": "commit"}
    assert [gap.partition(";")[0] for gap in done.gaps] == [
        "argocd/updater.yaml:18: no Application in this checkout is called 'other'",
        "argocd/updater.yaml:20: imagesVerification has no counterpart",
    ]


VALUES = f"side: {{img: {WEB}, version: 1.0.0}}\nlist:\n- image: redis:7.0.0\n"


def test_the_parameters_of_helm_become_the_places_in_the_values_file() -> None:
    annotations = {
        "image-list": f"web={WEB}:1.x, redis=redis:7.x",
        "web.helm.image-name": "side.img",
        "web.helm.image-tag": "side.version",
        "redis.helm.image-spec": "list[0].image",
        "write-back-method": "git",
        "write-back-target": "helmvalues:values-prod.yaml",
    }
    files = {"argocd/web.yaml": application(annotations, "charts/web"), "charts/web/values-prod.yaml": VALUES}
    done = migrated(files, "argocd-image-updater")
    (environment,) = done.contents["environments"].values()
    assert environment["overlays"] == ["charts/web/values-prod.yaml"]
    assert environment["targets"] == [
        {
            "kind": "helm",
            "files": ["values-prod.yaml"],
            "images": {
                WEB: {"repository": "/side/img", "tag": "/side/version"},
                "redis": {"image": "/list/0/image"},
            },
        }
    ]
    assert environment["images"] == {WEB: {"policy": "web"}, "redis": {"policy": "redis"}}
    assert done.gaps == ()


def test_values_files_of_one_name_in_which_images_stand_elsewhere_are_told_apart() -> None:
    files = {}
    for name in ("a", "b"):
        annotations = {
            "image-list": f"web={WEB}:1.x",
            "web.helm.image-name": f"{name}.img",
            "web.helm.image-tag": f"{name}.version",
            "write-back-method": "git",
            "write-back-target": "helmvalues:/prod/" + name + "/values.yaml",
        }
        files[f"argocd/{name}.yaml"] = application(annotations, f"charts/{name}", name)
        files[f"prod/{name}/values.yaml"] = f"{name}: {{img: {WEB}, version: 1.0.0}}\n"
    found = migrated(files, "argocd-image-updater").contents["environments"]["prod"]["targets"]
    assert [target["overlays"] for target in found] == [["prod/a/values.yaml"], ["prod/b/values.yaml"]]


def test_a_parameter_that_is_no_path_is_not_written() -> None:
    annotations = {
        "image-list": f"web={WEB}:1.x",
        "web.helm.image-spec": 'a"b {x: y}.',
        "write-back-method": "git",
        "write-back-target": "helmvalues:/prod/values.yaml",
    }
    values = f"web: {{image: {{repository: {WEB}, tag: 1.0.0}}}}\n"
    files = {"argocd/web.yaml": application(annotations), "prod/values.yaml": values}
    assert "targets" not in migrated(files, "argocd-image-updater").contents["environments"]["prod"]


def test_without_settings_of_the_tool_there_is_no_file_but_the_next_step() -> None:
    with pytest.raises(ConfigError, match="no settings of argocd-image-updater in this checkout"):
        migrated({"web/prod/kustomization.yaml": kustomization("web:1.0.0")}, "argocd-image-updater")
