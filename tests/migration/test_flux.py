"""`init --from flux`: policies, automations, and markers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot.errors import ConfigError
from gitops_bot.migration.flux import markers
from tests.migration.trees import Written, policies
from tests.migration.trees import written as migrated

if TYPE_CHECKING:
    from pathlib import Path

WEB = "ghcr.io/acme/web"
HEAD = "apiVersion: image.toolkit.fluxcd.io/v1\n"
REPOSITORY = f"{HEAD}kind: ImageRepository\nmetadata: {{name: web, namespace: flux-system}}\nspec: {{image: {WEB}%s}}\n"
POLICY = f"""\
{HEAD}kind: ImagePolicy
metadata: {{name: web, namespace: flux-system}}
spec: %s
"""
AUTOMATION = f"""\
{HEAD}kind: ImageUpdateAutomation
metadata: {{name: all, namespace: flux-system}}
spec: %s
"""
GIT = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {ref: {branch: main}}
"""
KUSTOMIZATION = f"""\
images:
- name: web
  newName: {WEB} # {{"$imagepolicy": "flux-system:web:name"}}
  newTag: %s # {{"$imagepolicy": "flux-system:web:tag"}}
- name: redis
  newTag: "7.0.0"
"""
SOURCE = "sourceRef: {kind: GitRepository, name: flux-system}"


def spec(**keys: Any) -> str:
    return POLICY % json.dumps({"imageRepositoryRef": {"name": "web"}, **keys})


def written(policy: str, tag: str = "1.2.0", *, repository: str = "", automation: str = "") -> Written:
    files = {
        "images/web.yaml": f"{REPOSITORY % repository}---\n{policy}",
        "apps/staging/kustomization.yaml": KUSTOMIZATION % tag,
    }
    if automation:
        files["images/all.yaml"] = f"{AUTOMATION % automation}---\n{GIT}"
    return migrated(files, "flux")


POLICIES = r"""
{policy: {semver: {range: 1.x}}}
    {semver: 1.x}
    1.2.0 [1.10.0] 1.11.0-rc.1 2.0.0
{policy: {semver: {range: ^1.x-0}}, filterTags: {pattern: .*-rc.*}}
    {semver: ^1.x-0, pattern: .*-rc.*}
    1.2.0 1.3.0 [1.3.0-rc.1] 1.3.0-beta
{policy: {semver: {range: '>=1.0.0'}}, filterTags: {pattern: '^(?P<v>[0-9.]+)-(?P<os>alpine)$', extract: $v}}
    {semver: '>=1.0.0', pattern: '^(?P<v>[0-9.]+)-(?:alpine)$'}
    1.2.0-alpine [1.4.0-alpine] 1.5.0
{policy: {alphabetical: {order: asc}}, filterTags: {pattern: '^RELEASE\.(?P<timestamp>.*)Z$', extract: $timestamp}}
    {pattern: '^RELEASE\.(?P<timestamp>.*)Z$', order: alphabetical}
    1.2.0 [RELEASE.2026-01-02Z] RELEASE.2025-12-31Z
{policy: {numerical: {}}, filterTags: {pattern: '^main-[a-f0-9]+-([0-9]+)$', extract: '${1}'}}
    {pattern: '^main-[a-f0-9]+-(?P<key>[0-9]+)$', order: numerical}
    1.2.0 main-aa-9 [main-bb-10]
{policy: {alphabetical: {}}}
    {pattern: .*, order: alphabetical, exclude: [^.*\.sig$]}
    1.2.0 [1.9.0] 1.10.0 sha256-abc.sig
{policy: {alphabetical: {}}, filterTags: {pattern: ^main$}, digestReflectionPolicy: Always, interval: 10m}
    {digest: main}
    [main] 1.2.0
"""


@pytest.mark.parametrize(("settings", "policy", "tags", "chosen"), policies(POLICIES))
def test_a_policy_becomes_the_one_that_chooses_the_same_tag(
    settings: str, policy: dict[str, Any], tags: list[str], chosen: str
) -> None:
    done = written(spec(**yaml.safe_load(settings)))
    assert done.contents["policies"] == {"web": policy}
    assert done.chosen("staging", "web", tags) == chosen
    assert done.gaps == ()


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ({"policy": {"numerical": {"order": "desc"}}}, "numerical in descending order has no counterpart"),
        ({"policy": {"semver": {"range": ">>1"}}}, "not a range of versions"),
        ({"policy": {}}, "it has none of semver, alphabetical and numerical"),
        (
            {"policy": {"numerical": {}}, "filterTags": {"pattern": "^([0-9]+)-([0-9]+)$", "extract": "$1$2"}},
            "extract '$1$2' is more than one group of the pattern",
        ),
        ({"policy": {"numerical": {}}, "filterTags": {"pattern": "^(?=x)"}}, "the pattern '^(?=x)' is not"),
    ],
)
def test_a_policy_that_cannot_be_said_leaves_its_image_unmanaged_and_is_named(policy: dict[str, Any], why: str) -> None:
    done = written(spec(**policy))
    (gap,) = done.gaps
    assert gap.startswith("images/web.yaml:9: ImagePolicy web: ")
    assert why in gap
    assert "policies" not in done.contents


@pytest.mark.parametrize(
    ("git", "branch", "propose"),
    [
        ("", "main", {"as": "commit"}),
        ("git: {push: {branch: main}}", "main", {"as": "commit"}),
        ("git: {push: {branch: image-updates}}", "main", None),
        ("git: {checkout: {ref: {branch: live}}, push: {branch: live}}", "live", {"as": "commit"}),
        ("git: {checkout: {ref: {branch: live}}, push: {branch: main}}", "live", None),
    ],
)
def test_a_push_to_another_branch_becomes_a_pull_request(git: str, branch: str, propose: Any) -> None:
    policy = spec(policy={"semver": {"range": "1.x"}})
    done = written(policy, automation=f"{{{SOURCE}, {git}}}")
    assert done.contents["branch"] == branch
    assert done.contents["environments"]["staging"].get("propose") == propose


@pytest.mark.parametrize(
    ("automation", "gap"),
    [
        ("{git: {commit: {signingKey: {secretRef: {name: x}}}}}", "images/all.yaml:4: signingKey of"),
        ("{git: {commit: {messageTemplate: x}}}", "images/all.yaml:4: messageTemplate of"),
        ("{git: {push: {refspec: x}}}", "images/all.yaml:4: refspec of"),
        ("{suspend: true}", "images/all.yaml:4: the ImageUpdateAutomation all is suspended"),
        ("{update: {path: ./clusters}}", "apps/staging/kustomization.yaml:4: no ImageUpdateAutomation covers"),
        (
            "{policySelector: {matchLabels: {a: b}}}",
            "apps/staging/kustomization.yaml:4: no ImageUpdateAutomation covers",
        ),
    ],
)
def test_what_an_automation_says_beyond_that_is_named_with_file_and_line(automation: str, gap: str) -> None:
    done = written(spec(policy={"semver": {"range": "1.x"}}), automation=automation)
    assert [found for found in done.gaps if found.startswith(gap)], done.gaps
    image = done.contents["environments"]["staging"]["images"][WEB]
    assert image.get("ignore", False) is ("suspend" in automation)


def test_the_login_of_a_registry_is_named_and_what_it_excludes_is_kept() -> None:
    repository = ", secretRef: {name: login}, exclusionList: ['^dev-']"
    done = written(spec(policy={"semver": {"range": "1.x"}}), repository=repository)
    assert done.contents["policies"] == {"web": {"semver": "1.x", "exclude": ["^dev-"]}}
    assert [gap.partition(";")[0] for gap in done.gaps] == [
        "images/web.yaml:4: secretRef of the ImageRepository web is in the cluster"
    ]


MANIFEST = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - name: web
        image: ghcr.io/acme/web:1.0.0 # {"$imagepolicy": "flux-system:web"}
      - name: sidecar
        image: ghcr.io/acme/web:2.0.0
"""


@pytest.mark.parametrize(
    ("reflection", "pin", "on_move"),
    [("Never", "tag", None), ("IfNotPresent", None, "hold"), ("Always", None, "follow")],
)
def test_a_marked_manifest_beside_a_kustomization_is_read_for_its_marked_image_only(
    reflection: str, pin: str | None, on_move: str | None
) -> None:
    files = {
        "images/web.yaml": (REPOSITORY % "")
        + "---\n"
        + spec(policy={"semver": {"range": "1.x"}}, digestReflectionPolicy=reflection),
        "apps/web/kustomization.yaml": "resources: [deployment.yaml]\n",
        "apps/web/deployment.yaml": MANIFEST,
    }
    (environment,) = migrated(files, "flux").contents["environments"].values()
    assert environment["overlays"] == ["apps/web/deployment.yaml"]
    assert environment["targets"] == [{"kind": "manifests", "files": ["deployment.yaml"]}]
    rule = {"policy": "web"} | ({"on_move": on_move} if on_move else {})
    assert environment["images"] == {"Deployment/web/web": rule}
    assert environment.get("pin") == pin


def test_a_marked_release_of_helm_is_read_as_such() -> None:
    release = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: web, namespace: web}}
spec:
  values:
    image:
      repository: {WEB} # {{"$imagepolicy": "flux-system:web:name"}}
      tag: 1.0.0 # {{"$imagepolicy": "flux-system:web:tag"}}
"""
    files = {
        "images/web.yaml": f"{REPOSITORY % ''}---\n{spec(policy={'semver': {'range': '1.x'}})}",
        "apps/prod/kustomization.yaml": "resources: [release.yaml]\n",
        "apps/prod/release.yaml": release,
    }
    done = migrated(files, "flux")
    assert done.contents["environments"]["prod"]["targets"] == [{"kind": "helm", "files": ["release.yaml"]}]
    assert done.contents["environments"]["prod"]["images"] == {WEB: {"policy": "web"}}
    assert done.gaps == ()


def test_a_digest_marker_beside_the_tag_pins_both() -> None:
    text = (KUSTOMIZATION % "1.2.0").replace(
        "- name: redis", f'  digest: sha256:{"0" * 64} # {{"$imagepolicy": "flux-system:web:digest"}}\n- name: redis'
    )
    files = {
        "images/web.yaml": f"{REPOSITORY % ''}---\n{spec(policy={'semver': {'range': '1.x'}})}",
        "apps/staging/kustomization.yaml": text,
    }
    assert migrated(files, "flux").contents["environments"]["staging"].get("pin") is None


def test_an_entry_without_a_marker_is_left_alone() -> None:
    done = written(spec(policy={"semver": {"range": "1.x"}}))
    assert list(done.contents["environments"]["staging"]["images"]) == [WEB]


def test_markers_of_policies_that_are_not_here_are_named() -> None:
    with pytest.raises(ConfigError, match="the ImagePolicy flux-system/web is not in this checkout") as raised:
        migrated({"apps/staging/kustomization.yaml": KUSTOMIZATION % "1.2.0"}, "flux")
    assert str(raised.value).startswith("apps/staging/kustomization.yaml:4: ")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('a: b # {"$imagepolicy": "ns:name"}', ("ns", "name", "")),
        ('- b # {"$imagepolicy": "ns:name:tag"}', ("ns", "name", "tag")),
        ('a: b # see {"$imagepolicy": "ns:name:digest"} there', ("ns", "name", "digest")),
        ('# a: b # {"$imagepolicy": "ns:name"}', None),
        ('a: b # {"$imagepolicy": "ns/name"}', None),
        ('a: b # {"$imagepolicy": "ns:name:other"}', None),
        ('a: b # {"$imagepolicy": ["ns:name"]}', None),
        ('a: b # {"$imagepolicy": "ns:name"', None),
        (f'a: b {" " * 3000}# {{"$imagepolicy": "ns:name"}}', None),
    ],
)
def test_a_marker_is_a_comment_behind_a_value(line: str, found: tuple[str, str, str] | None) -> None:
    read = [(*one.key, one.field) for one in markers("a.yaml", f"x: y\n{line}\n".encode())]
    assert read == ([found] if found else [])


def test_each_marked_kustomization_of_the_corpus_is_moved(corpus: Path) -> None:
    """With a policy for each of its markers, every entry that a marker stands in is tracked."""
    moved = 0
    for path in sorted((corpus / "kustomizations").glob("*.yaml")):
        data = path.read_bytes()
        found = [one for one in markers("apps/prod/kustomization.yaml", data) if one.field == "tag"]
        if not found:
            continue
        names = sorted({one.key for one in found})
        policies = "---\n".join(
            f"{HEAD}kind: ImagePolicy\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
            "spec: {imageRepositoryRef: {name: x}, policy: {semver: {range: '*'}}}\n"
            for namespace, name in names
        )
        files = {"apps/prod/kustomization.yaml": data.decode(), "policies.yaml": policies}
        done = migrated(files, "flux")
        assert done.contents["environments"]["prod"]["images"], path.name
        moved += 1
    assert moved >= 10
