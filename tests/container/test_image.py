"""The image: built without an engine, then started as a container is, by users to whom nothing in it belongs."""

from __future__ import annotations

import glob
import importlib.metadata
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.site import REPOSITORY, begun, populate
from tests.conftest import PROJECT
from tests.container.conftest import LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.container.engine import Image

pytestmark = pytest.mark.xdist_group("image")  # built once, in one process

SOMEBODY = 1001


def everything(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Each file and folder below, by what a change of it would show."""
    return {
        str(path): (state.st_mode, state.st_uid, state.st_size, state.st_mtime_ns)
        for path in folder.rglob("*")
        for state in (path.lstat(),)
    }


@pytest.fixture
def writable(ground: Path) -> Iterator[Path]:
    """What `--tmpfs /tmp` is to a container whose root file system is read-only."""
    folder = ground / "writable"
    folder.mkdir()
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("user", ["10001:10001", "1000680000:0"], ids=["the image's own user", "as on OpenShift"])
def test_a_user_who_may_write_only_in_tmpdir_goes_the_whole_way(
    user: str, image: Image, ground: Path, writable: Path
) -> None:
    assert image.user == "10001:10001"
    before = everything(image.root)
    with begun(ground / f"demo-{user}") as site:  # registry, git remote and GitHub, outside of the container
        populate(site)
        site.push("web", "v1.4.2")
        words = (*image.entrypoint, "update", "--repository", REPOSITORY, "--output", "json")
        done = image.start(*words, user=user, TMPDIR=str(writable), **site.environment)
        hub = site.forge.store.named(REPOSITORY)
        assert hub is not None
        refs = site.forge.store.bare(hub).branches()
    assert done.returncode == 0, done.stderr
    (production,) = (each for each in json.loads(done.stdout)["environments"] if each["name"] == "production")
    assert [(each["action"], each["pull_request"]["number"]) for each in production["proposals"]] == [("open", 1)]
    assert refs.keys() == {"main", "gitops-bot/production/all"}
    assert list(writable.iterdir()) == []
    assert everything(image.root) == before


def test_what_a_login_at_amazon_needs_is_in_the_image(image: Image) -> None:
    code = (
        "import boto3; session = boto3.Session('a', 'b', region_name='us-east-1');"
        "print(*(session.client(name).meta.endpoint_url for name in ('ecr', 'ecr-public', 'sts')))"
    )
    done = image.start("python", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [
        "https://api.ecr.us-east-1.amazonaws.com",
        "https://api.ecr-public.us-east-1.amazonaws.com",
        "https://sts.us-east-1.amazonaws.com",
    ]
    (data,) = image.inside("/opt/gitops-bot/lib").glob("python3.*/site-packages/botocore/data")
    assert sum(file.stat().st_size for file in data.rglob("*") if file.is_file()) < 2_000_000


@pytest.mark.parametrize("user", ["0:0", "10001:10001"], ids=["root, as a Docker action", "the image's own user"])
def test_a_workspace_and_a_home_may_belong_to_others(user: str, image: Image, ground: Path, writable: Path) -> None:
    workspace, home = ground / f"workspace-{user}", ground / f"home-{user}"
    shutil.copytree(PROJECT / "manifests-example", workspace)
    home.mkdir()
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(workspace)], check=True)
    for place in (home, workspace, *workspace.rglob("*")):
        os.chown(place, SOMEBODY, SOMEBODY, follow_symlinks=False)
    before = everything(workspace), everything(image.root)

    words = (*image.entrypoint, "check", "--output", "json")
    done = image.start(*words, user=user, folder=workspace, HOME=str(home), TMPDIR=str(writable))
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["entries"] > 0
    assert (everything(workspace), everything(image.root)) == before
    assert list(home.iterdir()) == []


def test_commands_that_need_nothing_say_what_they_do(image: Image) -> None:
    done = image.start(*image.entrypoint, "demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'gitops-bot[demo]'" in done.stderr
    done = image.start(*image.entrypoint, *image.command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gitops-bot" in done.stdout
    assert image.healthcheck is not None
    done = image.start(*image.healthcheck)
    assert (done.returncode, done.stdout, done.stderr) == (0, "this command serves no /healthz\n", "")


def test_the_image_holds_what_runs_and_nothing_that_built_it(image: Image) -> None:
    (site,) = image.inside("/opt/gitops-bot/lib").glob("python3.*/site-packages")
    installed = {path.name.partition("-")[0] for path in site.glob("*.dist-info")}
    assert {"gitops_bot", "ruamel_yaml", "google_re2"} <= {name.replace(".", "_") for name in installed}
    assert not installed & {"pip", "setuptools", "hatchling", "pytest", "graphql_core"}
    assert not [path for path in image.root.rglob("*") if path.name in {"pip", "ensurepip"} and path.exists()]
    assert not image.inside("/build").exists()
    assert [path.name for path in site.glob("gitops_bot-*.dist-info/licenses/*")] == ["LICENSE"]
    assert list(image.inside("/var/lib/apt/lists").iterdir()) == []
    assert stat.S_IMODE((site / "gitops_bot/edges/git/hooks/pre-push").stat().st_mode) == 0o755, "git can run it"


def test_every_module_is_compiled_and_trusted_without_a_look_at_its_source(image: Image) -> None:
    modules = [*image.inside("/opt/gitops-bot/lib").rglob("*.py"), *image.inside("/usr/local/lib").rglob("*.py")]
    assert len(modules) > 1000
    for module in modules:
        (compiled,) = (module.parent / "__pycache__").glob(f"{glob.escape(module.stem)}.cpython-3??.pyc")
        assert compiled.read_bytes()[4:8] == b"\1\0\0\0", module  # PEP 552: by hash, not checked


def test_the_labels_say_what_it_is_and_from_which_source(image: Image) -> None:
    said = {key.removeprefix("org.opencontainers.image."): value for key, value in image.labels.items()}
    assert said.pop("description") == importlib.metadata.metadata("gitops-bot")["Summary"]
    assert said == {
        "title": "gitops-bot",
        "licenses": "Apache-2.0",
        "source": LABELS["SOURCE"],
        "version": LABELS["VERSION"],
        "revision": LABELS["REVISION"],
    }


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_lock_has_a_wheel_of_every_compiled_library_for_both_platforms(
    machine: str, image: Image, tmp_path: Path
) -> None:
    (site,) = image.inside("/opt/gitops-bot/lib").glob("python3.*/site-packages")
    compiled = {
        path.parent.name.partition("-")[0].replace("_", "[-_.]")
        for path in site.glob("*.dist-info/WHEEL")
        if "Root-Is-Purelib: false" in path.read_text(encoding="utf-8")
    }
    assert len(compiled) > 3
    blocks = re.split(
        r"^(?! |#)", (PROJECT / "requirements-image.lock").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    wanted = tmp_path / "compiled.lock"
    wanted.write_text("".join(each for each in blocks if re.match(rf"(?:{'|'.join(compiled)})==", each)), "utf-8")
    # Debian 13 has glibc 2.41, and takes every wheel that asks for an older one.
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, 42)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--only-binary=:all:", "--require-hashes", "--implementation=cp", "--python-version=3.13", *platforms),
            *(f"--platform=manylinux2014_{machine}", f"--dest={tmp_path / 'wheels'}", f"--requirement={wanted}"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "wheels").glob(f"*{machine}.whl"))) == len(compiled)
