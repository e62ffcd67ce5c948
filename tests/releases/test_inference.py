from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import Config, Propose
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.layout import inference, overlays
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


DIGEST = "sha256:" + "0" * 64


WEB = ImageName("docker.io", "library/web")


@dataclass(frozen=True)
class Entry:
    pin: Pin
    name: str = "web"
    image: ImageName | None = WEB


def inferred(tree: Mapping[str, str]) -> Config:
    return Config.inferred(inference.infer(tree))


def environments(*directories: str) -> dict[str, list[str]]:
    tree = {f"{directory}/kustomization.yaml": "100644" for directory in directories}
    found = inferred(tree)
    # What is inferred is selected like what is configured: nothing lost, nothing claimed twice.
    selection = overlays.select(found.environments, tree)
    assert selection.problems == ()
    selected = {name: [overlay.directory for overlay in each] for name, each in selection.overlays.items()}
    assert selected == {name: list(each.overlays) for name, each in found.environments.items()}
    return selected


@rows("directory environment", {
    "the word": ("apps/web/overlays/dev", "dev"),
    "above": ("prod/web", "prod"),
    "the deepest": ("prod/eu/web/overlays/staging", "staging"),
    "at the end": ("clusters/cluster-staging", "staging"),
    "at the end, after a dot": ("clusters/eu.prod/web", "prod"),
    "before a region": ("clusters/prod-eu", "prod"),
    "before a region in one word": ("clusters/prod-westeurope", "prod"),
    "a colour below": ("prod/blue", "prod"),
    "test among overlays": ("apps/web/overlays/test", "test"),
    "an application that sounds so": ("apps/live-eu/overlays/dev", "dev"),
    "a ring among clusters": ("clusters/ring-1", "ring-1"),
    "a wave of production": ("clusters/prod-wave2/web", "prod-wave2"),
    "a canary among overlays": ("apps/web/overlays/canary", "canary"),
    "tools of dev, in prod": ("apps/dev-tools/overlays/prod", "prod"),
})  # fmt: skip
def test_a_directory_belongs_to_an_environment(directory: str, environment: str) -> None:
    assert environments(directory) == {environment: [directory]}


@pytest.mark.parametrize(
    "directory",
    [
        "apps/canary", "apps/ring-1", "apps/canary-checker/web", "apps/ringtone",
        "base", "apps/web/base", "apps/web/overlays/prod/base", "trino-dev/bases", "apps/dev-tools", "apps/prod-eu-web",
        "apps/prod-web-eu", "apps/prod-", "apps/test-app", "apps/live-chat", "apps/web-test", "apps/production2",
        "apps/predev", "apps/pr-test-api", "clusters/load-test", "test/kubernetes/deploy", "manifests/test",
        "tests/web", "config/testing", "overlays/latest", "overlays/local", "overlays/eks", "vendor/web/overlays/prod",
        "internal/testdata/apps/dev", "templates/app/overlays/dev", "third-party/prod", ".github/overlays/dev",
        "{{cookiecutter.name}}/overlays/dev", "apps/[app]/overlays/dev", "apps/*/overlays/dev",
    ],
)  # fmt: skip
def test_a_directory_belongs_to_no_environment(directory: str) -> None:
    assert environments(directory) == {}


@rows("tree found", {
    "tests beside what is deployed": (["apps/prod", "tests/overlays/dev"], {"prod": ["apps/prod"]}),
    "nothing but examples": (["examples/a/prod"], {"prod": ["examples/a/prod"]}),
    "a scenario of kuttl": (["a/prod", "b/dev", "b/dev/kuttl-test.yaml"], {"prod": ["a/prod"]}),
    "a scenario of Chainsaw": (["a/prod", "b/dev/x", "b/chainsaw-test.yaml"], {"prod": ["a/prod"]}),
    "tests in test": (["a/prod", "test/overlays/dev", "test/e2e_test.go"], {"prod": ["a/prod"]}),
    "an environment called test": (["a/prod", "a/test", "a/test_all.py"], {"test": ["a/test"], "prod": ["a/prod"]}),
})  # fmt: skip
def test_a_directory_of_tests_is_no_environment(tree: list[str], found: dict[str, list[str]]) -> None:
    paths = [path if "." in path.rpartition("/")[2] else f"{path}/kustomization.yaml" for path in tree]
    assert inference.infer(dict.fromkeys(paths, "100644")) == found


def test_an_ambiguous_word_counts_beside_an_environment_beyond_doubt() -> None:
    assert environments("lab/test", "lab/dev") == {"dev": ["lab/dev"], "test": ["lab/test"]}
    assert environments("live/web", "staging/web") == {"staging": ["staging/web"], "live": ["live/web"]}
    assert environments("lab/test", "other/dev") == {"dev": ["other/dev"]}
    assert environments("a/ring2", "a/ring10", "a/canary", "b/ring1") == {
        "canary": ["a/canary"],
        "ring2": ["a/ring2"],
        "ring10": ["a/ring10"],
    }


def test_environments_are_in_the_order_in_which_a_release_travels() -> None:
    names = ["prod", "live", "staging", "dev", "qa", "production", "preprod", "uat", "development", "test", "stage"]
    found = list(environments(*(f"overlays/{name}" for name in [*names, "canary", "wave-2", "wave-10", "qa-wave-1"])))
    before = [*inference.WORDS[:4], "qa-wave-1", *inference.WORDS[4:10]]
    assert found == [*before, "wave-2", "wave-10", *inference.WORDS[10:]]


def test_below_a_kustomization_other_files_say_nothing() -> None:
    tree = {"kustomization.yaml": "100644", "prod/deployment.yaml": "100644", "dev/my-kustomization.yaml": "100644"}
    assert dict(inferred(tree).environments) == {}


def test_directories_of_manifests_are_environments() -> None:
    tree = {"apps/web/prod/deployment.yaml": "100644", "apps/web/dev/README.md": "100644"}
    assert {name: found.overlays for name, found in inferred(tree).environments.items()} == {"prod": ("apps/web/prod",)}


def test_an_inferred_environment_is_proposed_as_one_of_a_configuration_that_says_nothing() -> None:
    found = inferred({"prod/kustomization.yaml": "100644"})
    assert found.environments["prod"].propose == Propose()
    assert (found.file, found.holds, found.mentions) == (None, (), ())


@pytest.mark.parametrize(
    ("pin", "shape"),
    [(Pin("latest"), "tag"), (Pin("latest", DIGEST), "tag+digest"), (Pin(None, DIGEST), "digest"), (Pin(), "tag")],
)
def test_rules_say_why_an_entry_is_not_tracked(pin: Pin, shape: str) -> None:
    rules = inferred({"prod/kustomization.yaml": "100644"}).environments["prod"].rules(Entry(pin))
    assert (rules.policy, rules.pin, rules.ignore) == (None, shape, False)
    assert rules.unmanaged is not None
    assert rules.unmanaged.code == "unmanaged"


def test_what_names_no_repository_is_unmanaged() -> None:
    rules = inferred({"prod/kustomization.yaml": "100644"}).environments["prod"].rules(Entry(Pin("1.4.2"), image=None))
    assert rules.policy is None
    assert rules.unmanaged is not None
    assert rules.unmanaged.why == "no_repository"


def test_files_beside_one_another_are_environments_by_their_names() -> None:
    names = (".env.production", "staging.env", "compose.prod.yml", "docker-compose-dev.yaml", "production-values.yml")
    tree = {
        f"app/{name}": "100644" for name in (*names, "compose.yaml", ".env", "deployment-prod.yaml", ".env.example")
    }
    assert {name: found.overlays for name, found in inferred(tree).environments.items()} == {
        "dev": ("app/docker-compose-dev.yaml",),
        "staging": ("app/staging.env",),
        "prod": ("app/compose.prod.yml",),
        "production": ("app/.env.production", "app/production-values.yml"),
    }


def test_the_paths_of_the_corpus(corpus: Path) -> None:
    """Every directory whose own name is a word is found, but for scaffolds and tests; and who else is."""
    trees: dict[str, dict[str, str]] = defaultdict(dict)
    for line in (corpus / "INDEX.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        trees[entry["repo"]][entry["path"]] = "100644"
    found, left = set(), set()
    for repository, tree in trees.items():
        claimed = {overlay: name for name, each in inferred(tree).environments.items() for overlay in each.overlays}
        for path in tree:
            directory = path.rpartition("/")[0]
            by_name = directory.rpartition("/")[2] in inference.WORDS
            if by_name and directory not in claimed:
                left.add(f"{repository} {directory}")
            if directory in claimed and not (by_name and claimed[directory] == directory.rpartition("/")[2]):
                found.add(f"{repository} {directory} {claimed[directory]}")
    assert left == {
        "XenitAB/gitops-promotion pkg/manifest/testdata/duplicate-application/apps/dev",
        "emmexgdc/homelab-gitops templates/app/overlays/dev",
        "emmexgdc/homelab-gitops templates/app/overlays/prod",
        "emmexgdc/homelab-gitops templates/app/overlays/staging",
        "fluxcd/flux2 manifests/test",
    }
    assert {line for line in found if not line.startswith("tahminator/k8s-personal base/")} == {
        "Cybe-Asia/digital-school-gitops prod/blue prod",
        "Cybe-Asia/digital-school-gitops prod/green prod",
        "kubernetes-sigs/security-profiles-operator deploy/overlays/openshift-dev dev",
    }
    assert len(found) == 14


@rows("path environment", {
    "behind a dash": ("charts/web/values-production.yaml", "production"),
    "in front": ("charts/web/production-values.yml", "production"),
    "before a region, at the top": ("values-prod-eu.yaml", "prod"),
    "in a chart": ("charts/web/prod.yaml", "prod"),
    "no word": ("charts/web/values.yaml", None),
    "an ambiguous word alone": ("charts/web/values-test.yaml", None),
    "in no chart": ("other/prod.yaml", None),
    "in templates": ("charts/web/templates/values-prod.yaml", None),
    "a path that is no glob": ("charts/{web}/values-prod.yaml", None),
})  # fmt: skip
def test_a_file_may_belong_to_an_environment(path: str, environment: str | None) -> None:
    tree = {path: "100644", "charts/web/Chart.yaml": "100644"}
    found = inferred(tree).environments
    assert {name: each.overlays for name, each in found.items()} == ({environment: (path,)} if environment else {})
    selected = overlays.select(found, tree)
    assert selected.problems == ()
    assert [each.file for name in found for each in selected.overlays[name]] == ([path] if environment else [])


def test_an_ambiguous_word_in_the_name_of_a_file_counts_beside_an_environment_beyond_doubt() -> None:
    tree = dict.fromkeys(("web/values-test.yaml", "web/values-prod.yaml", "db/values-live.yaml"), "100644")
    assert inference.infer(tree) == {"test": ["web/values-test.yaml"], "prod": ["web/values-prod.yaml"]}
