"""`exclude`: overlays that a glob matches and that are not the environment's all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.commands.offline import check, places
from tests.commands.stages import actions, environment
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

CONFIG = """\
version: 1
environments:
  canary:
    overlays: ["clusters/eu-canary{canary}/{app}"]
    policy: {semver: "*"}
  eu:
    overlays: ["clusters/eu-{cluster}/{app}"]
    exclude: ["clusters/eu-canary*/**"]
    promote_from: canary
"""
FILE = "images: [{name: web, newTag: 1.0.0}]\n"
NAMES = ("eu-canary1", "eu-1", "eu-2")
FILES = {f"clusters/{name}/web/kustomization.yaml": FILE for name in NAMES}


def covered(folder: Path, config: str, files: dict[str, str] = FILES) -> Any:
    done = check(folder, {"gitops-bot.yaml": config, **files}, "--output", "json")
    assert (done.code, done.json["problems"]) == (0, [])
    return {name: number for name, number in done.json["coverage"].items() if name != "outside"}


def test_an_overlay_that_one_environment_excludes_is_anothers(tmp_path: Path) -> None:
    coverage = covered(tmp_path, CONFIG)
    assert (coverage["tracked"], coverage["promoted"], coverage["total"]) == (1, 2, 3)
    contested = check(tmp_path, {"gitops-bot.yaml": CONFIG.replace("    exclude", "    # exclude")}, "--output", "json")
    assert (contested.code, places(contested)) == (2, [("gitops-bot.yaml", 7, 16)])


def test_of_a_directory_single_files_are_excluded(tmp_path: Path) -> None:
    values = "image: {repository: web, tag: 1.0.0}\n"
    files = {"apps/web/values.yaml": values, "apps/web/values-old.yaml": values}
    settings = '{overlays: ["apps/*"], exclude: ["apps/*/values-old.yaml"], policy: {semver: "*"}}'
    assert covered(tmp_path, f"version: 1\nenvironments:\n  eu: {settings}\n", files)["tracked"] == 1


def test_an_exclude_that_excludes_nothing_is_told_with_its_place(tmp_path: Path) -> None:
    config = CONFIG.replace('*/**"]', '*/**", "clusters/us-*/**", "clusters/eu-3/web"]')
    done = check(tmp_path, {"gitops-bot.yaml": config, **FILES}, "--output", "json")
    assert (done.code, places(done)) == (1, [("gitops-bot.yaml", 8, 41), ("gitops-bot.yaml", 8, 61)])
    problem = done.json["problems"][0]
    assert problem["message"] == "`exclude` of eu names `clusters/us-*/**`, but there is no such overlay"
    assert problem["next"] == "remove it if it is obsolete, or correct it"


def test_promotion_and_history_go_by_it_also_for_overlays_that_are_gone(worldwide: World) -> None:
    def file(deploy: Deploy, tag: str) -> bytes:
        return overlay([(deploy.image("web"), f"newTag: {tag}; digest: {deploy.push('web', tag)}")])

    def files(deploy: Deploy) -> dict[str, bytes]:
        first = {name.replace("eu-2", "eu-canary9"): file(deploy, "1.0.0") for name in FILES}
        return {"gitops-bot.yaml": CONFIG.encode(), **dict.fromkeys(FILES, file(deploy, "1.0.0")), **first}

    deploy = worldwide.deploy(files)
    gone = deploy.remote.commit("main", {"clusters/eu-canary9/web/kustomization.yaml": file(deploy, "1.1.0")})
    deploy.remote.commit("main", {"clusters/eu-canary9/web/kustomization.yaml": None})
    commit = deploy.remote.commit("main", {"clusters/eu-canary1/web/kustomization.yaml": file(deploy, "1.2.0")})
    done = deploy.ask("update")
    assert actions(done.json, "eu") == {"all": "open"}
    (proposal,) = environment(done.json, "eu")["proposals"]
    assert [change["entry"]["overlay"] for change in proposal["changes"]] == ["clusters/eu-1/web", "clusters/eu-2/web"]

    def commits(name: str) -> set[str]:
        return {release["commit"] for release in deploy.ask("history", name).json["releases"]}

    assert {gone, commit} <= commits("canary")
    assert {gone, commit}.isdisjoint(commits("eu"))
