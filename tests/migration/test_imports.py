from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

FLUX = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: ghcr.io/acme/web}
"""
PINNED = 'images:\n- {name: ghcr.io/acme/web, newTag: 1.0.0} # {"$imagepolicy": "flux-system:web:tag"}\n'


@rows("command migrates", {
    "check": (("check",), False),
    "init": (("init", "--dry-run", "--offline"), False),
    "init --from": (("init", "--dry-run", "--offline", "--from", "flux"), True),
})  # fmt: skip
def test_only_init_from_loads_what_reads_the_settings_of_other_tools(
    tmp_path: Path, command: tuple[str, ...], *, migrates: bool
) -> None:
    for path, text in {
        ".git/HEAD": "ref: refs/heads/main\n", "flux.yaml": FLUX, "web/production/kustomization.yaml": PINNED
    }.items():  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    words = [sys.executable, "-X", "importtime", "-m", "gitops_bot", *command]
    run = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    loaded = re.findall(r"\| +(gitops_bot[\w.]*)$", run.stderr, re.MULTILINE)
    assert "gitops_bot.commands.check" in loaded
    assert any(name.startswith("gitops_bot.migration") for name in loaded) == migrates
