"""Every example goes through the linter of its kind. For Jenkins there is none: jenkinsfile.py stands in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.conftest import PROJECT, program
from tests.examples import jenkinsfile

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = PROJECT / "examples"
WORKFLOWS = [str(path) for path in sorted((EXAMPLES / "github").glob("*.yml"))]
#: The schemas that check-jsonschema brings along: GitLab's own, and that of the Compose Specification.
SCHEMAS = {
    "gitlab/app/.gitlab-ci.yml": "gitlab-ci",
    "gitlab/deploy/.gitlab-ci.yml": "gitlab-ci",
    "compose/compose.yaml": "compose-spec",
    "compose-host/compose.yaml": "compose-spec",
}
SCRIPTS = sorted([*EXAMPLES.rglob("Jenkinsfile"), *EXAMPLES.rglob(".gitlab-ci.yml")])
#: Repositories of manifests, each whole: the bot itself checks them.
WHOLE = ("blue-green", "waves")
LINTED = {
    "github": ".yml",
    "gitlab": ".gitlab-ci.yml",
    "jenkins": "Jenkinsfile",
    "compose-host": (".env", ".service", ".timer"),  # see test_compose_host.py
} | dict.fromkeys(WHOLE, ".yaml")


def lint(*command: str, cwd: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)


def test_actionlint_finds_nothing() -> None:
    # What a script in a workflow says is shellcheck's part, which comes as a Python package here.
    done = lint(program("actionlint"), "-no-color", f"-shellcheck={program('shellcheck')}", *WORKFLOWS)
    assert (done.returncode, done.stdout) == (0, "")


def test_zizmor_finds_nothing() -> None:
    done = lint(program("zizmor"), "--offline", "--quiet", "--no-progress", *WORKFLOWS)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_a_file_is_as_its_schema_says(name: str, schema: str, tmp_path: Path) -> None:
    check = [program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}"]
    done = lint(*check, str(EXAMPLES / name))
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.yaml"
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    wrong.write_text(
        text.replace("rules:\n    - if:", "rules:\n    - iff:").replace("read_only: true", "read_only: []")
    )
    assert lint(*check, str(wrong)).returncode == 1


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda path: path.parent.relative_to(EXAMPLES).as_posix())
def test_shellcheck_finds_nothing_in_a_pipeline(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.name == "Jenkinsfile":
        scripts = jenkinsfile.scripts(jenkinsfile.parse(text))
    else:
        scripts = ["\n".join(job["script"]) for job in yaml.safe_load(text).values() if "script" in job]
    assert any("gitops-bot " in script for script in scripts)
    for at, script in enumerate(scripts):
        (tmp_path / str(at)).write_text(script, encoding="utf-8")
    done = lint(program("shellcheck"), "--shell=sh", *map(str, tmp_path.iterdir()))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("folder", [EXAMPLES, EXAMPLES / "gitlab" / "deploy"], ids=["GitHub", "GitLab"])
def test_the_bot_takes_the_configuration(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gitops-bot.yaml").write_bytes((folder / "gitops-bot.yaml").read_bytes())
    for name in ("staging", "production"):
        overlay = tmp_path / f"apps/web/overlays/{name}/kustomization.yaml"
        overlay.parent.mkdir(parents=True)
        overlay.write_text("images:\n- {name: ghcr.io/acme/web, newTag: v1.0.0}\n- {name: postgres, newTag: 17.6.0}\n")
    done = lint(sys.executable, "-P", "-m", "gitops_bot", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", WHOLE)
def test_the_bot_takes_a_whole_repository(folder: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / folder, tmp_path, dirs_exist_ok=True)
    done = lint(sys.executable, "-P", "-m", "gitops_bot", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    others = ("gitops-bot.yaml", "kustomization.yaml")
    manifests = [str(path) for path in tmp_path.rglob("*.yaml") if path.name not in others]
    assert manifests
    assert lint(program("kubernetes-validate"), "-k", "1.31", "--strict", *manifests).returncode == 0


def test_every_example_is_linted_and_told_of() -> None:
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for folder in WHOLE:
        own = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
        readme += re.sub(r"\]\((?=(?:apps|base|clusters)/)", f"]({folder}/", own)
    kept = {name for name in files if name.endswith(("README.md", "gitops-bot.yaml"))}
    for name in files - kept:
        folder = name.partition("/")[0]
        assert name in SCHEMAS or name.endswith(LINTED[folder]), name
        # Of the clusters, one stands for all.
        assert f"({re.sub(r'clusters/[a-z-]+[0-9]+/', 'clusters/eu-7/', name)})" in readme, name
