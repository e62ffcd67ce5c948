"""`init`: the file that it writes keeps most of a repository current, and takes nothing away from anybody."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gitops_bot.report.configuration import starter
from gitops_bot.results.checkout import Draft
from tests.commands.conftest import shop_files
from tests.commands.offline import checkout, init, write
from tests.conftest import PROJECT, unpack
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

ENTRY = "images:\n- name: {name}\n  newTag: {tag}\n"
#: Two environments, a base, and a directory that only Argo CD knows.
FILES = {
    "apps/web/base/kustomization.yaml": "resources: [web.yaml]\n",
    "apps/web/overlays/staging/kustomization.yaml": ENTRY.format(name="ghcr.io/acme/web", tag="v1.5.0"),
    "apps/web/overlays/production/kustomization.yaml": ENTRY.format(name="ghcr.io/acme/web", tag="v1.4.2"),
    "apps/api/overlays/staging/kustomization.yaml": ENTRY.format(name="ghcr.io/acme/api", tag="sha-1f2e3d4"),
    "apps/api/overlays/production/kustomization.yaml": ENTRY.format(name="ghcr.io/acme/api", tag="sha-1f2e3d4"),
    "clusters/eu-1/kustomization.yaml": ENTRY.format(name="ghcr.io/acme/web", tag="v1.4.2"),
    "argocd/apps.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web-live-eu}
spec: {source: {path: clusters/eu-1}, destination: {namespace: web-prod}}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: staging}
spec:
  generators: [{git: {directories: [{path: apps/*}]}}]
  template: {spec: {source: {path: "{{path}}/overlays/staging"}}}
""",
}


def test_the_file_has_a_policy_for_each_format_of_tags_and_environments_by_globs(tmp_path: Path) -> None:
    folder = checkout(tmp_path, FILES)
    done = init(folder)
    assert done.code == 0
    assert done.out.splitlines()[0] == "wrote gitops-bot.yaml"
    assert done.out.splitlines()[-1] == "5 of 5 pins are tracked or promoted"
    text = (folder / "gitops-bot.yaml").read_text()
    assert yaml.safe_load(text) == {
        "version": 1,
        "reads": 2,
        "policies": {"commits": {"pattern": "^sha-[0-9a-f]{7}$", "order": "newest"}},
        "environments": {
            "staging": {
                "overlays": ["apps/*/overlays/staging"],
                "policy": "auto",
                "images": {"ghcr.io/acme/api": {"policy": "commits"}},
            },
            "prod": {"overlays": ["clusters/eu-1"], "policy": "auto"},
            "production": {"overlays": ["apps/*/overlays/production"], "promote_from": "staging"},
        },
    }
    assert run("check", cwd=folder).code == 0
    assert all(len(line) < 130 for line in text.splitlines())
    assert init(folder).code == 2, "it is there"
    (folder / "gitops-bot.yaml").unlink()
    # A dry run writes nothing, and JSON says the same.
    dry = init(folder, "--dry-run")
    told = dry.err.splitlines()
    assert told[0].split() == ["ENVIRONMENT", "FILES", "ENTRIES", "OVERLAYS", "DEPLOYED", "BY"]
    assert told[1].split()[:4] == ["staging", "2", "2", "apps/*/overlays/staging"]
    assert told[1].endswith("Argo CD ApplicationSet staging")
    assert told[2].split()[:4] == ["prod", "1", "1", "clusters/eu-1"]
    assert not (folder / "gitops-bot.yaml").exists()
    done = init(folder, "--output", "json")
    assert done.json["written"]
    assert (folder / "gitops-bot.yaml").read_text() == done.json["text"] == dry.out
    assert [environment["name"] for environment in done.json["environments"]] == ["staging", "prod", "production"]
    assert done.json["environments"][2]["source"] == "staging"
    assert [environment["followed"] for environment in done.json["environments"]] == [2, 1, 2]
    assert (done.json["coverage"]["total"], done.json["coverage"]["promoted"]) == (5, 2)
    assert done.json["deployed_elsewhere"] == []
    assert done.json["registries"] == []


def test_a_link_or_a_folder_that_is_called_gitops_bot_yaml_is_never_replaced(tmp_path: Path) -> None:
    folder = checkout(tmp_path, FILES)
    path = folder / "gitops-bot.yaml"
    path.symlink_to(tmp_path / "nowhere")
    done = init(folder)
    assert (done.code, "exists" in done.err, path.is_symlink()) == (2, True, True)
    assert not (tmp_path / "nowhere").exists()
    path.unlink()
    path.mkdir()
    done = init(folder)
    assert (done.code, "exists" in done.err, path.is_dir()) == (1, True, True)
    assert not list(folder.glob(".*.tmp"))


def test_a_checkout_without_pins_gets_no_file_but_the_next_step(tmp_path: Path) -> None:
    folder = checkout(tmp_path, {"production/configmap.yaml": "a: 1\n"})
    done = init(folder)
    assert done.code == 2
    assert "no file here pins an image" in done.err
    assert not (folder / "gitops-bot.yaml").exists()
    write(folder, {"app/web.yaml": "kind: Odd\nwebImage: a/b:1\n"})
    told = "1 pin in 1 file is not read: no environment claims the file\n  next: for app/web.yaml:2 (a/b:1), add under"
    assert f"error: nothing here can be an environment by itself: {told} `environments`: NAME: {{" in init(folder).err
    (folder / "app").rename(folder / "base")
    assert "nothing here needs updates (1 pin): nothing deploys them" in init(folder).err
    assert not (folder / "gitops-bot.yaml").exists()
    assert "no settings of flux in this checkout" in init(folder, "--from", "flux").err
    (folder / ".git" / "HEAD").unlink()
    (folder / ".git").rmdir()
    assert "not inside a Git checkout" in init(folder).err


#: Each line that is a suggestion, below its comment sign.
SUGGESTED = re.compile(r"^( *)# ( *)(?=[^ #]+: |images:|registries:)", re.MULTILINE)


def test_every_commented_suggestion_is_accepted_when_its_comment_sign_is_taken_away(tmp_path: Path) -> None:
    digest = f"images:\n- name: ghcr.io/acme/web\n  digest: sha256:{'1f' * 32}\n"
    other = "images:\n- name: 478468757808.example.net/acme/api\n  newTag: pr-12\n"
    folder = checkout(tmp_path, {"apps/web/dev/kustomization.yaml": digest, "apps/api/dev/kustomization.yaml": other})
    assert init(folder).out.splitlines()[-1] == (
        "0 of 2 pins are tracked or promoted; 2 are left: 1 because the tag names a pull request or ticket, "
        "1 because only a digest is pinned"
    )
    file = folder / "gitops-bot.yaml"
    text, count = SUGGESTED.subn(r"\1\2", file.read_text())
    assert count == 3
    file.write_text(text)
    done = run("check", "--output", "json", cwd=folder)
    assert (done.code, done.json["problems"]) == (0, [])
    assert (done.json["coverage"]["tracked"], done.json["coverage"]["ignored"]) == (1, 1)


def test_what_git_ignores_is_not_read(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    entry = ENTRY.format(name="web", tag="1.0.0")
    for path in ("apps/web/prod", "node_modules/web/prod"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "kustomization.yaml").write_text(entry)
    (tmp_path / ".gitignore").write_text("node_modules\n")
    assert init(tmp_path).out.splitlines()[-1] == "1 of 1 pin is tracked or promoted"
    assert run("check", "--output", "json", cwd=tmp_path).json["coverage"]["total"] == 1


def test_more_overlays_than_a_configuration_may_list_are_told_as_such(tmp_path: Path) -> None:
    entry = ENTRY.format(name="web", tag="1.0.0")
    files = {f"a{at}/b{at}/staging/kustomization.yaml": entry for at in range(1100)}
    # One of the same form that is no environment: no glob may match it.
    done = init(checkout(tmp_path, {**files, "c/templates/staging/kustomization.yaml": entry}))
    assert done.code == 2
    assert "cannot describe this repository in gitops-bot.yaml" in done.err
    assert "with wider globs" in done.err
    assert not (tmp_path / "gitops-bot.yaml").exists()


APPS = {"web": "pod", "api": "pod", "job": "job"}
POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: {0}}}
spec: {{containers: [{{name: c, image: 'acme.dev/{0}:v1.4.2'}}]}}
"""
USES = "resources: [../../base]\n"
MANIFESTS = {
    **{f"apps/{app}/base/kustomization.yaml": f"resources: [{kind}.yaml]\n" for app, kind in APPS.items()},
    **{f"apps/{app}/base/{kind}.yaml": POD.format(app) for app, kind in APPS.items()},
    **{f"apps/{app}/overlays/staging/kustomization.yaml": USES for app in APPS},
    "apps/web/overlays/production/kustomization.yaml": USES + ENTRY.format(name="acme.dev/web", tag="v1.4.1"),
    "apps/api/overlays/production/kustomization.yaml": USES + ENTRY.format(name="acme.dev/api", tag="v1.4.1"),
    "apps/job/overlays/production/kustomization.yaml": USES,
    "charts/proxy/values.yaml": "image: {repository: acme/proxy, tag: 1.2.0}\n",
    "tools/shell.yaml": POD.format("shell"),
}


ARGO_APP = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web}}
spec: {{source: {{path: charts/web, helm: {{valuesObject: {{{}}}}}}}}}
"""
ADDED = "- op: add\n  path: /spec/containers/-\n  value: {name: x, image: 'acme.dev/x:v1.0.0'}\n"
REPLACED = '[{"op": "replace", "path": "/spec/containers/0/image", "value": "acme.dev/web:v1.4.0"}]'
PATCHED = {
    "base/kustomization.yaml": "resources: [pod.yaml]\n",
    "base/pod.yaml": POD.format("web"),
    **{
        f"overlays/{name}/kustomization.yaml": "resources: [../../base]\npatches: [{path: a.yaml}, {path: b.json}]\n"
        for name in ("staging", "production")
    },
    **{f"overlays/{name}/a.yaml": ADDED for name in ("staging", "production")},
    **{f"overlays/{name}/b.json": REPLACED for name in ("staging", "production")},
}


def test_pins_of_patch_files_belong_to_the_overlay_that_names_them(tmp_path: Path) -> None:
    folder = checkout(tmp_path, PATCHED)
    assert init(folder).out.splitlines()[-1].startswith("4 of 5 pins are tracked or promoted")
    environments = yaml.safe_load((folder / "gitops-bot.yaml").read_text())["environments"]
    files = ["overlays/{}/a.yaml", "overlays/{}/b.json"]
    assert environments["staging"]["overlays"] == [file.format("staging") for file in files]
    assert environments["production"]["overlays"] == [file.format("production") for file in files]
    assert environments["production"]["promote_from"] == "staging"
    assert accepted(folder)["promoted"] == 2


RINGS = {
    **{f"clusters/{name}/web/pod.yaml": POD.format("web") for name in ("ring-2", "ring-10", "canary")},
    "clusters/ring-2/old/pod.yaml": POD.format("old"),
    "set.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: apps}
spec:
  generators: [{list: {elements: [{ring: ring-2}, {ring: ring-10}, {ring: canary}]}}]
  template: {spec: {source: {path: 'clusters/{{ring}}/web'}}}
""",
    "apps.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: more}
spec:
  generators: [{list: {elements: [{app: web}]}}]
  template: {spec: {source: {path: 'clusters/ring-2/{{app}}'}}}
""",
}


def test_rings_come_one_after_the_other_and_what_no_list_names_is_left_out(tmp_path: Path) -> None:
    folder = checkout(tmp_path, RINGS)
    init(folder)
    environments = yaml.safe_load((folder / "gitops-bot.yaml").read_text())["environments"]
    assert {name: (its["overlays"], its.get("promote_from")) for name, its in environments.items()} == {
        "canary": (["clusters/canary/web"], None),
        "ring-2": (["clusters/ring-2/web"], "canary"),
        "ring-10": (["clusters/ring-10/web"], "ring-2"),
    }
    outside = accepted(folder)["outside"]
    assert [(item["overlay"], item["cause"]) for item in outside] == [("clusters/ring-2/old", "unreferenced")]


CHARTS = {
    "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
    "charts/web/values.yaml": "image: {repository: ghcr.io/acme/web}\n",
    "charts/web/values-staging.yaml": "image:\n  tag: 1.2.0\n",
    "charts/web/values-production.yaml": "image:\n  tag: 1.1.0\n",
    "deploy/staging/app.yaml": ARGO_APP.format("image: {tag: 1.4.0}"),
    "deploy/production/app.yaml": ARGO_APP.format("image: {tag: 1.3.0}"),
    "deploy/production/.argocd-source-api.yaml": "kustomize:\n  images:\n  - ghcr.io/acme/api:1.0.0\n",
}


def test_a_tag_whose_repository_stands_in_the_chart_is_an_entry_of_its_environment(tmp_path: Path) -> None:
    folder = checkout(tmp_path, CHARTS)
    assert init(folder).out.splitlines()[-1].startswith("5 of 5 pins are tracked or promoted")
    environments = yaml.safe_load((folder / "gitops-bot.yaml").read_text())["environments"]
    assert {name: (its["overlays"], its.get("promote_from")) for name, its in environments.items()} == {
        "staging": (["deploy/staging", "charts/web/values-staging.yaml"], None),
        "production": (["deploy/production", "charts/web/values-production.yaml"], "staging"),
    }
    assert accepted(folder)["promoted"] == 2


def test_a_pin_of_a_base_belongs_to_where_it_takes_effect_whatever_else_pins_an_image(tmp_path: Path) -> None:
    folder = checkout(tmp_path, MANIFESTS)
    last = "6 of 7 pins are tracked or promoted; 1 is left: 1 because they are ignored"
    assert init(folder).out.splitlines()[-1] == last
    text = (folder / "gitops-bot.yaml").read_text()
    environments = yaml.safe_load(text)["environments"]
    assert environments["staging"]["overlays"] == ["apps/*/base/pod.yaml"]
    assert environments["production"] == {"overlays": ["apps/*/overlays/production"], "promote_from": "staging"}
    assert environments["default"]["overlays"] == ["tools/shell.yaml", "charts/proxy/values.yaml"]
    assert environments["shared"]["overlays"] == ["apps/job/base/job.yaml"]
    assert environments["shared"]["reaches"] == ["staging", "production"]
    # What would reach the last environment together with the others is left alone, and says why.
    assert environments["shared"]["ignore"] is True
    assert "one change would reach staging and production: pin it in each overlay, by `images:`" in text
    assert run("check", cwd=folder).code == 0
    # An overlay that joins later is told of.
    (folder / "apps/web/overlays/production/kustomization.yaml").write_text(USES)
    done = run("check", "--output", "json", cwd=folder)
    assert [(problem["file"], problem["message"]) for problem in done.json["problems"]] == [
        (
            "apps/web/base/pod.yaml",
            "Pod/web/c of staging takes effect in production too, whose rules do not hold for it",
        )
    ]
    (folder / "gitops-bot.yaml").write_text(text.replace("reads: 2\n", ""))
    assert run("check", cwd=folder).code == 0


def test_on_a_terminal_it_asks_whether_to_promote(tmp_path: Path) -> None:
    folder = checkout(tmp_path, FILES)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gitops_bot", "init", "--offline"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT), "TERM": "dumb"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    os.write(master, b"n\n")
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(master, 65536):
            shown += part
    os.close(master)
    assert process.wait(60) == 0
    assert shown.count(b"Promote production from staging? [Y/n]") == 1
    written = yaml.safe_load((folder / "gitops-bot.yaml").read_text())
    assert "promote_from" not in written["environments"]["production"]
    assert run("check", cwd=folder).code == 0


def test_a_name_that_no_terminal_shows_stands_in_the_file_as_it_is(tmp_path: Path) -> None:
    names = ("uni\u202ecode", "two  spaces", "no\u00a0break", "smile\U0001f600", "#hash")
    files = {f"apps/{name}/prod/kustomization.yaml": ENTRY.format(name="web", tag="1.0.0") for name in names}
    # No glob means this one, so no wildcard may stand for the others.
    files["apps/esc\x1b[31m/prod/kustomization.yaml"] = ENTRY.format(name="web", tag="1.0.0")
    folder = checkout(tmp_path, files)
    before = run("check", "--output", "json", cwd=folder).json["coverage"]
    done = init(folder)
    text = (folder / "gitops-bot.yaml").read_text()
    assert (done.code, run("check", "--output", "json", cwd=folder).json["coverage"]) == (0, before)
    assert text.replace("\n", "").isprintable()
    overlays = yaml.safe_load(text)["environments"]["prod"]["overlays"]
    assert set(overlays) == {f"apps/{name}/prod" for name in names}


#: What is kept current of the pins of real trees, how many these are, and what is outside for a cause. Production
#: of the first has builds of a format that staging has not, and gets no rule for them.
TREES = {
    "Ama2352+vroom-gitops": (16, 40, {"dead": 4, "overridden": 11}),
    # Its pipelines pin the digests of dev, and no rule: so none moves what is promoted from there.
    "MicroTodoSuite+microservice-app-gitops": (0, 20, {"unreferenced": 5}),
}


#: Every real tree; what `init` writes for some of them has suggestions in comments.
EVERY_TREE = (
    *TREES, "bokristoffersson+homelab-k12n-gitops", "cterence+homelab-gitops", "krancour+kargo-examples",
    "humzamalak+Production-Ready-EKS-Cluster-with-GitOps", "stylealist+sj-lab-k8s-manifests",
    "team-project-final+synapse-gitops", "xunholy+k8s-gitops",
)  # fmt: skip


@pytest.mark.parametrize("name", EVERY_TREE)
def test_what_is_written_for_a_real_tree_is_accepted_with_and_without_its_comment_signs(
    name: str, tmp_path: Path, corpus: Path
) -> None:
    unpack((corpus / "trees" / f"{name}.tar").read_bytes(), tmp_path)
    checkout(tmp_path, {})
    file = tmp_path / "gitops-bot.yaml"
    file.unlink(missing_ok=True)
    init(tmp_path)
    written = file.read_text()
    for text in dict.fromkeys((written, SUGGESTED.sub(r"\1\2", written))):
        file.write_text(text)
        done = run("check", "--output", "json", cwd=tmp_path)
        assert (done.code, done.json["problems"]) == (0, [])


@pytest.mark.parametrize("name", TREES)
def test_a_real_tree_gets_the_globs_of_its_owners_and_is_kept_current(name: str, tmp_path: Path, corpus: Path) -> None:
    kept, pins, causes = TREES[name]
    unpack((corpus / "trees" / f"{name}.tar").read_bytes(), tmp_path)
    checkout(tmp_path, {})
    before = run("check", cwd=tmp_path)
    assert init(tmp_path).out.splitlines()[-1].startswith(f"{kept} of {pins} pins are tracked or promoted")
    coverage = accepted(tmp_path)
    assert (coverage["tracked"] + coverage["promoted"], coverage["pins"]) == (kept, pins)
    by_cause: Counter[str] = Counter()
    for item in coverage["outside"]:
        by_cause[item["cause"]] += item["entries"]
    assert by_cause == causes
    suggests = re.search(r"^0 of \d+ entries are tracked: `gitops-bot init` would track", before.out, re.MULTILINE)
    assert (suggests is not None) == (kept > 0)
    assert "all good" not in before.out
    written = yaml.safe_load((tmp_path / "gitops-bot.yaml").read_text())
    globs = {glob for environment in written["environments"].values() for glob in environment["overlays"]}
    assert {glob for glob in globs if "overlays" in glob} == {
        f"apps/*/overlays/{name}" for name in written["environments"] if name not in ("shared", "default")
    }


def accepted(folder: Path) -> dict[str, Any]:
    """The coverage of a file that `check` accepts as it is written, and with every suggestion."""
    done = run("check", "--output", "json", cwd=folder)
    assert (done.code, done.json["problems"]) == (0, [])
    file = folder / "gitops-bot.yaml"
    text = file.read_text()
    file.write_text(SUGGESTED.sub(r"\1\2", text))
    assert run("check", cwd=folder).code == 0
    file.write_text(text)
    coverage: dict[str, Any] = done.json["coverage"]
    return coverage


def test_a_plan_is_the_same_with_and_without_the_file(worldwide: World, tmp_path: Path) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        return {path: data for path, data in shop_files(deploy).items() if path != "gitops-bot.yaml"}

    deploy = worldwide.deploy(files)
    for tag in ("1.1.0", "1.2.0", "2.0.0", "latest"):
        deploy.push("web", tag)
    checkout(tmp_path, {})
    for path, data in deploy.files("main").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    without = deploy.ask("plan").json
    assert init(tmp_path).code == 0
    having = deploy.ask("plan", "--config", str(tmp_path / "gitops-bot.yaml")).json
    assert without["environments"][0]["proposals"][0]["changes"][0]["to"]["tag"] == "1.2.0"
    assert {**without, "at": None} == {**having, "at": None}


UPDATED_BY_FLUX = {
    "images.yaml": """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: ghcr.io/acme/web, secretRef: {name: login}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
""",
    "apps/staging/kustomization.yaml": """\
images:
- name: ghcr.io/acme/web
  newTag: 1.2.0 # {"$imagepolicy": "flux-system:web:tag"}
""",
}


def test_from_another_tool_it_writes_what_that_is_set_to_and_names_the_rest(tmp_path: Path) -> None:
    folder = checkout(tmp_path, UPDATED_BY_FLUX)
    printed = init(folder, "--from", "flux", "--dry-run").out
    document = init(folder, "--from", "flux", "--dry-run", "--output", "json").json
    assert [(gap["file"], gap["line"]) for gap in document["without_counterpart"]] == [("images.yaml", 4)]
    assert [environment["name"] for environment in document["environments"]] == ["staging"]
    done = init(folder, "--from", "auto")
    gap = "images.yaml:4: secretRef of the ImageRepository web is in the cluster"
    assert done.code == 0
    assert f"  {gap}; log in where the bot runs" in done.out
    assert (folder / "gitops-bot.yaml").read_text() == printed
    assert f"#   {gap}" in printed
    assert yaml.safe_load(printed)["environments"]["staging"]["images"] == {"ghcr.io/acme/web": {"policy": "web"}}
    assert run("check", "--output", "json", cwd=folder).json["coverage"]["tracked"] == 1


def test_a_registry_that_requires_a_login_gets_a_variable_and_that_of_a_cloud_its_identity() -> None:
    closed = {"1.example.net:5000": False, "478468757808.dkr.ecr.eu-west-1.amazonaws.com": True}
    text = starter(Draft({}, ()), closed)
    assert "#   1.example.net:5000: {username: bot, password_env: REGISTRY_1_EXAMPLE_NET_5000_TOKEN}\n" in text
    assert "pip install 'gitops-bot[aws]'" in text
    assert "amazonaws.com: {" not in text
    suggested = yaml.safe_load(SUGGESTED.sub(r"\1\2", text))
    assert list(suggested["registries"]) == ["1.example.net:5000"]


def test_a_registry_that_cannot_be_reached_costs_a_line(tmp_path: Path) -> None:
    folder = checkout(tmp_path, {"web/prod/kustomization.yaml": ENTRY.format(name="127.0.0.1:1/web", tag="1.0.0")})
    done = run("init", cwd=folder)
    assert done.code == 0
    assert "registry 127.0.0.1:1: " in done.err
    assert done.out.splitlines()[-1] == "1 of 1 pin is tracked or promoted"


def test_plan_says_what_init_would_track_where_nothing_is_tracked(worldwide: World) -> None:
    entry = ENTRY.format(name="ghcr.io/acme/api", tag="sha-1f2e3d4").encode()
    deploy = worldwide.deploy(lambda _: {"apps/api/prod/kustomization.yaml": entry, "tools/kustomization.yaml": entry})
    out = deploy.bot("plan").out
    assert "0 of 2 entries are tracked: `gitops-bot init` would track 2\n" in out
    deploy.remote.commit(
        "main", {"gitops-bot.yaml": b"version: 1\nenvironments: {prod: {overlays: [apps/api/prod]}}\n"}
    )
    assert "0 of 2 entries are tracked: `gitops-bot init` would track 2\n" in deploy.bot("plan").out
