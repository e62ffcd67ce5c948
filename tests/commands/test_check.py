from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.offline import check, places, write
from tests.counterparts.world import run

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
    wrong = """\
version: 1
polices: {}
policies:
  releases: {semver: "not a range"}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releasse
    pinn: tag
    propose: {as: push}
"""
    expected = [(2, 1), (4, 22), (8, 13), (9, 5), (10, 19)]
    done = check(tmp_path, {"gitops-bot.yaml": wrong}, "--output", "json")
    assert done.code == 2
    assert sorted(places(done)) == [("gitops-bot.yaml", *place) for place in expected]
    told = {problem["line"]: f"{problem['message']} {problem['next']}" for problem in done.json["problems"]}
    assert "policies" in told[2]
    assert "not a range" in told[4]
    assert "did you mean `releases`?" in told[8]
    assert "`pin`" in told[9]
    assert "pull-request" in told[10]
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
    assert text.out.startswith("5 files, 5 entries: 6 wrong\n\nentries: 5 tracked, 1 in no environment\n")


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


PROMOTED = """\
version: 1
environments:
  staging:
    overlays: {staging}
  production:
    overlays: {production}
    promote_from: staging
"""
AT_STAGING = "apps/web/staging/kustomization.yaml"


def promoted(staging: str, production: str, *files: str) -> dict[str, str]:
    """A checkout whose production is promoted from its staging, with these kustomizations."""
    config = PROMOTED.format(staging=staging, production=production)
    return {"gitops-bot.yaml": config, **dict.fromkeys(files, GOOD)}


def test_globs_that_cannot_correspond_are_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    files = promoted('["apps/*/staging"]', '["clusters/*/*"]', AT_STAGING, "clusters/eu/web/kustomization.yaml")
    done = check(tmp_path, files, "--output", "json")
    assert done.code == 2
    assert places(done) == [("gitops-bot.yaml", 7, 19)]
    message = done.json["problems"][0]["message"]
    assert message.startswith("production cannot be promoted from staging: `clusters/*/*` captures a wildcard, a wil")
    text = check(tmp_path, {})
    assert (text.code, text.out) == (2, "")
    assert "error: gitops-bot.yaml:7:19: production cannot be promoted from staging" in text.err


def test_a_promotion_for_which_no_overlay_is_there_is_told(tmp_path: Path) -> None:
    globs = '["apps/*/staging"]', '["apps/*/production"]'
    files = promoted(*globs, AT_STAGING, "apps/api/production/kustomization.yaml")
    done = check(tmp_path, files, "--output", "json")
    assert (done.code, done.json["files"]) == (1, 2)
    (problem,) = done.json["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("gitops-bot.yaml", 7, 19)
    assert problem["message"] == (
        "no overlay of production corresponds to one of staging: apps/api/production by `apps/*/production`, "
        "apps/web/staging by `apps/*/staging`"
    )
    assert "must match the same text" in problem["next"]


@pytest.mark.parametrize(
    ("staging", "production", "files"),
    [
        pytest.param('["apps/*/staging"]', '["apps/*/production"]',
            ["apps/web/production/kustomization.yaml", "apps/api/production/kustomization.yaml"],
            id="one of two has its partner"),
        pytest.param("[apps/web/staging]", "[live]", ["live/kustomization.yaml"], id="one and one"),
        pytest.param('["apps/{app}/staging"]', '["clusters/{cluster}/{app}"]',
            ["clusters/eu/web/kustomization.yaml", "clusters/us/web/kustomization.yaml"], id="one to many"),
    ],
)  # fmt: skip
def test_a_promotion_with_something_to_promote_is_good(
    tmp_path: Path, staging: str, production: str, files: list[str]
) -> None:
    done = check(tmp_path, promoted(staging, production, AT_STAGING, *files))
    assert (done.code, done.err) == (0, "")


def test_a_source_without_overlays_is_told_once(tmp_path: Path) -> None:
    globs = '["apps/*/staging"]', '["apps/*/production"]'
    done = check(tmp_path, promoted(*globs, "apps/web/production/kustomization.yaml"), "--output", "json")
    assert done.code == 1
    assert places(done) == [("gitops-bot.yaml", 4, 16)]
    assert "`apps/*/staging` of environment staging matches no directory" in done.json["problems"][0]["message"]


def test_an_entry_that_is_only_promoted_needs_the_name_of_an_image(tmp_path: Path) -> None:
    files = promoted("[s]", "[p]", "s/kustomization.yaml", "p/kustomization.yaml")
    files["p/kustomization.yaml"] = "images:\n- name: web\n  newName: Web/\n"
    done = check(tmp_path, files, "--output", "json")
    assert places(done) == [("p/kustomization.yaml", 2, 3)]
    assert "is not an image repository name" in done.json["problems"][0]["message"]


def test_a_linked_overlay_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "kustomization.yaml").write_text("images: [{name: secret, newTag: 1.0.0}]\n")
    (tmp_path / "apps" / "web").mkdir(parents=True)
    (tmp_path / "apps" / "web" / "production").symlink_to(outside)
    (tmp_path / "apps" / "api" / "production").mkdir(parents=True)
    (tmp_path / "apps" / "api" / "production" / "kustomization.yaml").symlink_to(outside / "kustomization.yaml")
    done = check(tmp_path, {"gitops-bot.yaml": CONFIG, "apps/web/staging/kustomization.yaml": GOOD}, "--output", "json")
    assert done.code == 1
    assert (done.json["files"], done.json["entries"]) == (1, 1)
    assert "symbolic link" in " ".join(problem["message"] + problem["next"] for problem in done.json["problems"])
    assert "secret" not in done.out + done.err


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_file_of_two_environments_is_a_mistake_of_the_configuration(tmp_path: Path, output: str) -> None:
    config = CONFIG.replace('["apps/*/production"]', '["apps/*/production", "apps/web/*"]')
    done = check(tmp_path, {"gitops-bot.yaml": config, "apps/web/staging/kustomization.yaml": GOOD}, "--output", output)
    assert done.code == 2
    assert "error: gitops-bot.yaml:8:" in done.err
    assert "apps/web/staging/kustomization.yaml is claimed by two environments: staging" in done.err
    assert "a file belongs to one environment" in done.err
    if output == "json":
        assert done.json["problems"][0]["line"] == 8


def test_another_configuration_can_be_named(tmp_path: Path) -> None:
    files = {
        "gitops-bot.yaml": "version: 9\n",
        "other.yaml": CONFIG,
        "apps/web/staging/kustomization.yaml": GOOD,
        "apps/web/production/kustomization.yaml": GOOD,
    }
    assert check(tmp_path, files, "--config", "other.yaml").code == 0
    missing = check(tmp_path, {}, "--config", "nowhere.yaml", "--output", "json")
    assert missing.code == 2
    assert "nowhere.yaml: the file cannot be read" in missing.json["problems"][0]["message"]


@pytest.mark.parametrize("files", [{}, {"apps/web/staging/kustomization.yaml": GOOD}], ids=["empty", "overlays"])
def test_a_folder_in_no_repository_is_not_green(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    done = run("check", "--output", "json", cwd=tmp_path)
    assert (done.code, done.json["files"]) == (2, 0)
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.usage"
    assert problem["message"] == "this folder is not in a Git repository and has no gitops-bot.yaml: nothing to check"
    assert problem["next"].startswith("change to the checkout of your manifests")


def test_a_folder_with_a_configuration_may_be_a_copy_without_git(tmp_path: Path) -> None:
    overlays = {f"apps/web/{name}/kustomization.yaml": GOOD for name in ("staging", "production")}
    write(tmp_path, {"gitops-bot.yaml": CONFIG, **overlays})
    assert run("check", cwd=tmp_path).code == 0


NO_OVERLAYS = {
    "nothing at all": ({}, "there is no gitops-bot.yaml, and no file that pins an image in a directory named like"),
    "a base only": (
        {"base/kustomization.yaml": GOOD},
        "there is no gitops-bot.yaml, and no file that pins an image in a",
    ),
    "globs that match nothing": ({"gitops-bot.yaml": CONFIG}, "`apps/*/staging` of environment staging matches no"),
}


@pytest.mark.parametrize(("files", "message"), NO_OVERLAYS.values(), ids=NO_OVERLAYS)
def test_a_repository_without_overlays_is_not_green(tmp_path: Path, files: dict[str, str], message: str) -> None:
    done = check(tmp_path, files, "--output", "json")
    assert (done.code, done.json["files"], done.json["complete"]) == (2, 0, False)
    assert message in done.json["problems"][0]["message"]
    assert all(problem["next"] for problem in done.json["problems"])
    # What there is, is told all the same.
    assert done.json["coverage"]["no_environment"] == ("base/kustomization.yaml" in files)
