from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.offline import check, places, write
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path


CONFIG = """\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
  production:
    overlays: ["apps/*/production"]
    policy: releases
"""
GOOD = "images:\n- name: ghcr.io/acme/web\n  newTag: 1.0.0\n"


def test_a_good_repository_is_said_to_be_good(tmp_path: Path) -> None:
    files = {
        "gitops-bot.yaml": CONFIG,
        "apps/web/staging/kustomization.yaml": GOOD,
        "apps/web/production/Kustomization": GOOD,
    }
    done = check(tmp_path, files)
    assert (done.code, done.out, done.err) == (0, "2 files, 2 entries: all good\n\nentries: 2 tracked\n", "")
    done = check(tmp_path, files, "--output", "json")
    assert (done.code, done.json["files"], done.json["entries"], done.json["complete"]) == (0, 2, 2, True)


def test_every_mistake_of_the_configuration_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    wrong = CONFIG.replace("policies:", "polices:") + "    pinn: tag\n    propose: {as: push}\n"
    expected = [(2, 1), (6, 13), (9, 13), (10, 5), (11, 19)]
    done = check(tmp_path, {"gitops-bot.yaml": wrong}, "--output", "json")
    assert done.code == 2
    assert sorted(places(done)) == [("gitops-bot.yaml", *place) for place in expected]
    text = check(tmp_path, {})
    assert (text.code, text.out) == (2, "")
    for line, column in expected:
        assert f"error: gitops-bot.yaml:{line}:{column}: " in text.err


def test_everything_wrong_with_the_overlays_is_told_and_the_rest_is_counted(tmp_path: Path) -> None:
    files = {
        "gitops-bot.yaml": CONFIG,
        "apps/good/staging/kustomization.yaml": GOOD,
        "apps/two/staging/kustomization.yaml": GOOD,
        "apps/two/staging/kustomization.yml": GOOD,
        "apps/twice/staging/kustomization.yaml": GOOD + GOOD.removeprefix("images:\n"),
        "apps/template/staging/kustomization.yaml": "images:\n- name: web\n  newTag: ${TAG}\n",
        "apps/dead/base/kustomization.yaml": "images:\n- name: web\n  newName: ghcr.io/acme/web\n",
        "apps/dead/production/kustomization.yaml": "resources: [../base]\nimages:\n- name: web\n  newTag: 1.0.0\n",
        "apps/broken/production/kustomization.yaml": "images:\n- name: [\n",
    }
    done = check(tmp_path, files, "--output", "json")
    assert done.code == 1
    told = {(problem["file"], problem["line"]): problem for problem in done.json["problems"]}
    assert told.keys() == {
        ("apps/two/staging/kustomization.yaml", None),
        ("apps/twice/staging/kustomization.yaml", 2),
        ("apps/twice/staging/kustomization.yaml", 4),
        ("apps/template/staging/kustomization.yaml", 3),
        ("apps/dead/production/kustomization.yaml", 3),
        ("apps/broken/production/kustomization.yaml", 3),
    }
    dead = told["apps/dead/production/kustomization.yaml", 3]
    assert "has no effect: apps/dead/base/kustomization.yaml renames this image to ghcr.io/acme/web" in dead["message"]
    assert dead["next"] == "write `name: ghcr.io/acme/web`, the name that the overlay sees"
    text = check(tmp_path, {})
    assert text.code == 1
    for (file, line), problem in told.items():
        assert f"error: {file}" + (f":{line}:{problem['column']}" if line else "") in text.err
    assert text.out.startswith("5 files, 5 entries: 6 wrong\n\nentries: 2 tracked, 3 unmanaged, 1 in no environment\n")


def test_a_tag_that_kustomize_takes_for_a_number_is_told_unless_the_entry_is_ignored(tmp_path: Path) -> None:
    config = CONFIG.replace(
        '    overlays: ["apps/*/staging', '    images: {db: {ignore: true}}\n    overlays: ["apps/*/staging'
    )
    files = {
        "gitops-bot.yaml": config,
        "apps/web/staging/kustomization.yaml": """\
images:
- name: db
  newTag: 1.10
- name: web
  newTag: 1.10
- {name: api, newTag: "1.10"}
- {name: job, newTag: 2024-01-15}
- {name: cron, newTag: 7284872}
""",
        "apps/web/production/kustomization.yaml": GOOD,
    }
    done = check(tmp_path, files, "--output", "json")
    assert done.code == 1
    file = "apps/web/staging/kustomization.yaml"
    assert places(done) == [(file, 5, 11), (file, 8, 24)]
    first = done.json["problems"][0]
    assert first["message"] == "newTag: 1.10 is a number to kustomize, which refuses the file"
    assert first["next"] == 'Write it in quotes: `newTag: "1.10"`.'


def test_globs_that_cannot_correspond_and_those_that_do_not_are_told(tmp_path: Path) -> None:
    config = CONFIG.rpartition("    policy")[0] + "    promote_from: staging\n"
    files = {f"{path}/kustomization.yaml": GOOD for path in ("apps/web/staging", "apps/api/production", "eu/web")}
    wrong = {"gitops-bot.yaml": config.replace("apps/*/production", "*/*"), **files}
    done = check(tmp_path / "wrong", wrong, "--output", "json")
    assert (done.code, places(done)) == (2, [("gitops-bot.yaml", 9, 19)])
    message = done.json["problems"][0]["message"]
    assert message.startswith("production cannot be promoted from staging: `*/*` captures a wildcard, a wil")

    # A name that no registry can have counts where nothing but a promotion needs it, too.
    files["apps/api/production/kustomization.yaml"] = "images:\n- name: web\n  newName: Web/\n"
    done = check(tmp_path / "none", {"gitops-bot.yaml": config, **files}, "--output", "json")
    assert (done.code, done.json["files"]) == (1, 2)
    told = dict(zip(places(done), done.json["problems"], strict=True))
    assert told.keys() == {("gitops-bot.yaml", 9, 19), ("apps/api/production/kustomization.yaml", 2, 3)}
    assert "is not an image repository name" in told["apps/api/production/kustomization.yaml", 2, 3]["message"]
    assert told["gitops-bot.yaml", 9, 19]["message"] == (
        "no overlay of production corresponds to one of staging: apps/api/production by `apps/*/production`, "
        "apps/web/staging by `apps/*/staging`"
    )
    assert "must match the same text" in told["gitops-bot.yaml", 9, 19]["next"]


def test_a_folder_in_no_repository_is_not_green(tmp_path: Path) -> None:
    write(tmp_path, {"apps/web/staging/kustomization.yaml": GOOD})
    done = run("check", "--output", "json", cwd=tmp_path)
    assert (done.code, done.json["files"]) == (2, 0)
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.usage"
    assert problem["message"] == "this folder is not in a Git repository and has no gitops-bot.yaml: nothing to check"
    assert problem["next"].startswith("change to the checkout of your manifests")


@rows("files message", {
    "a base only": (
        {"base/kustomization.yaml": GOOD}, "there is no gitops-bot.yaml, and no file that pins an image in a directo",
    ),
    "globs that match nothing": ({"gitops-bot.yaml": CONFIG}, "`apps/*/staging` of environment staging matches no"),
})  # fmt: skip
def test_a_repository_without_overlays_is_not_green(tmp_path: Path, files: dict[str, str], message: str) -> None:
    done = check(tmp_path, files, "--output", "json")
    assert (done.code, done.json["files"], done.json["complete"]) == (2, 0, False)
    assert message in done.json["problems"][0]["message"]
    assert all(problem["next"] for problem in done.json["problems"])
    # What there is, is told all the same.
    assert done.json["coverage"]["no_environment"] == ("base/kustomization.yaml" in files)
