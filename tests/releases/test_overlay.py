from __future__ import annotations

import pytest

from gitops_bot.images.kinds import Rules
from gitops_bot.releases.decisions import Managed
from gitops_bot.releases.layout.read import Overlay
from gitops_bot.targets import kustomization

WEB = "apps/web/kustomization.yaml"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"images:\n- name: web\n", "docker.io/library/web", id="a name"),
        pytest.param(b"images:\n- name: web\n  newName: ghcr.io/acme/web\n", "ghcr.io/acme/web", id="newName"),
        pytest.param(b"images:\n- name: WEB\n", "WEB", id="no repository name"),
        pytest.param(b"images:\n- name: web\n  newName: Acme Web\n", "Acme Web", id="newName is none"),
    ],
)
def test_an_entry_knows_its_place_and_its_effective_repository(data: bytes, expected: str) -> None:
    pin_file = kustomization.read(data, WEB)
    overlay = Overlay.of("staging", "apps/web", pin_file, lambda _: Rules(None))
    (item,), (entry,) = pin_file.entries, overlay.entries
    assert entry == Managed(item, WEB, "apps/web", "staging")
    assert (entry.line, entry.image) == (2, expected)
    assert entry.key == (WEB, item.name)
