"""What a new target costs: a folder, a line in `TARGETS`, and its settings. Here a copy of the package has them."""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from tests.counterparts.world import PROJECT, Done

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World


class Bot(Protocol):
    """Runs the program."""

    def __call__(self, shop: Deploy, *args: str, folder: Path | None = None) -> Done: ...


#: What is added to which file, and behind what.
ADDED: Final = (
    ("targets/__init__.py", "from gitops_bot.targets.manifests import ManifestsTarget, is_resource, may_be_resource\n",
     "from gitops_bot.targets.pin_list import PinListTarget\n"),
    ("targets/__init__.py", "    EnvTarget(),\n", "    PinListTarget(),\n"),
    ("config/form_target.py", "from gitops_bot.targets.manifests import ManifestsTarget\n",
     "from gitops_bot.targets.pin_list import PinListTarget\n"),
    ("config/form_target.py", 'TargetKind = Literal["compose", ', '"pins", '),
    ("config/form_target.py", '"apps/*/overlays/production")] = ()\n',
     '    comment: Annotated[str | None, leaf.text("must be one mark", "^[#;]$"), about("A mark.", ";")] = None\n'),
    ("config/form_target.py", "        match self.kind:\n",
     '            case "pins":\n                target = PinListTarget(self.comment or "#")\n'),
)  # fmt: skip
CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
  hosts:
    overlays: ["hosts/{host}/*.pins"]
    policy: releases
    targets: [{kind: pins, files: ["*.pins"], comment: ";"}]
"""
STAGING, PRODUCTION, KUSTOMIZATION = (
    "apps/web/staging/pins.txt",
    "apps/web/production/pins.txt",
    "apps/web/staging/kustomization.yaml",
)
HOST = "hosts/a/web.pins"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package that has the target."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PROJECT / "gitops_bot", folder / "gitops_bot", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "gitops_bot/targets/pin_list").mkdir()
    shutil.copy(PROJECT / "tests/targets/pin_list.py", folder / "gitops_bot/targets/pin_list/__init__.py")
    for path, before, added in ADDED:
        file = folder / "gitops_bot" / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) >= 1, before
        file.write_text(text.replace(before, before + added, 1), encoding="utf-8")
    return folder


@pytest.fixture
def shop(worldwide: World) -> Deploy:
    """`web` in a list of pins, in staging beside a kustomization that pins `api`."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        web, api = deploy.push("web", "1.0.0"), deploy.push("api", "1.0.0")
        pins = f"# ours\r\n{deploy.image('web')}: 1.0.0@{web}  # stays"
        return {
            "gitops-bot.yaml": CONFIG,
            STAGING: pins.encode(),
            PRODUCTION: pins.encode(),
            KUSTOMIZATION: f"images:\n- {{name: {deploy.image('api')}, newTag: 1.0.0, digest: {api}}}\n".encode(),
            "pins/pins.txt": b"other: 1\nanother: 2\n",
            HOST: f"; ours\n{deploy.image('web')}: 1.0.0@{web} ; stays\n".encode(),
        }

    return worldwide.deploy(files)


@pytest.fixture(scope="module")
def bot(package: Path) -> Bot:
    """The program with the target, in a folder or in none."""

    def run(shop: Deploy, *args: str, folder: Path | None = None) -> Done:
        command, cwd = [sys.executable, "-m", "gitops_bot", *args], folder or shop.folder
        env = {**shop.env, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(package), "HOME": str(shop.folder)}
        done = subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, encoding="utf-8")
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def on_disk(shop: Deploy, folder: Path) -> None:
    for path, data in shop.files("main").items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def test_plan_and_update_write_its_files_beside_those_of_another_target(bot: Bot, shop: Deploy) -> None:
    web, api = shop.push("web", "1.1.0"), shop.push("api", "1.1.0")
    before = shop.files("main")
    asked = ("--repository", shop.name, "--output", "json", "staging")
    planned = bot(shop, "plan", *asked).json["environments"][0]
    (change, other) = planned["proposals"][0]["changes"]
    assert {change["entry"]["file"], other["entry"]["file"]} == {STAGING, KUSTOMIZATION}

    assert bot(shop, "update", *asked).code == 0
    after = shop.files("gitops-bot/staging/all")
    assert after[STAGING] == f"# ours\r\n{shop.image('web')}: 1.1.0@{web}  # stays".encode()
    assert f"newTag: 1.1.0, digest: {api}".encode() in after[KUSTOMIZATION]
    assert {path for path in before if before[path] != after[path]} == {STAGING, KUSTOMIZATION}


def test_its_settings_and_globs_of_its_files_are_those_of_any_target(bot: Bot, shop: Deploy, tmp_path: Path) -> None:
    digest, before = shop.push("web", "1.1.0"), shop.files("main")
    done = bot(shop, "update", "--repository", shop.name, "hosts")
    assert done.code == 0, done.err
    after = shop.files("gitops-bot/hosts/all")
    assert after[HOST] == f"; ours\n{shop.image('web')}: 1.1.0@{digest} ; stays\n".encode()
    assert {path for path in before if before[path] != after[path]} == {HOST}
    assert '"pins"' in bot(shop, "schema").out

    on_disk(shop, tmp_path)
    (tmp_path / "gitops-bot.yaml").write_bytes(CONFIG.replace(b'comment: ";"', b'comment: "x"'))
    wrong = bot(shop, "check", folder=tmp_path)
    assert (wrong.code, "`comment` must be one mark" in wrong.err) == (2, True), wrong.err


def test_it_needs_no_line_outside_of_targets_and_config(package: Path) -> None:
    def differing(compared: filecmp.dircmp[str], at: str = "") -> list[str]:
        here = [f"{at}{name}" for name in (*compared.diff_files, *compared.right_only)]
        return here + [path for name, below in compared.subdirs.items() for path in differing(below, f"{at}{name}/")]

    compared = filecmp.dircmp(PROJECT / "gitops_bot", package / "gitops_bot", ignore=["__pycache__"])
    assert sorted(differing(compared)) == ["config/form_target.py", "targets/__init__.py", "targets/pin_list"]
