"""The digest of what a release consists of: equal for equal things, whichever environment has them."""

from __future__ import annotations

import json

import pytest

from gitops_bot.config import read
from gitops_bot.releases.history.releases import Content
from gitops_bot.releases.layout.overlays import select


def names(environment: str, globs: tuple[str, ...], *paths: str) -> list[str]:
    tree = dict.fromkeys(paths, "100644")
    config = read(json.dumps({"version": 1, "environments": {environment: {"overlays": globs}}}), "gitops-bot.yaml")
    found = select(config.environments, tree).overlays[environment]
    content = Content.of("c", environment, found, dict.fromkeys(paths, "b" * 40), ())
    return [file.name for file in content.files]


K = "kustomization.yaml"


@pytest.mark.parametrize(
    ("globs", "paths", "expected"),
    [
        pytest.param(("apps/*/overlays/prod",),
            (f"apps/web/base/{K}", f"apps/web/overlays/prod/{K}", "apps/web/overlays/prod/sub/a"),
            [f"apps/web/base/{K}", f"/web/{K}", "/web/sub/a"], id="captures"),
        pytest.param(("clusters/{cluster}/{app}",), (f"clusters/eu/web/{K}",), [f"/eu/web/{K}"],
            id="captures by their names"),
        pytest.param(("apps/web/prod",), (f"apps/web/prod/{K}",), [f"/{K}"], id="one that is written out"),
        pytest.param(("apps/web/prod", "apps/api/prod"), (f"apps/api/prod/{K}", f"apps/web/prod/{K}"),
            [f"/apps/api/*/{K}", f"/apps/web/*/{K}"], id="several that are written out"),
        pytest.param(("apps/*/prod", "infra/*/prod"), (f"apps/web/prod/{K}", f"infra/web/prod/{K}"),
            [f"/apps/web/*/{K}", f"/infra/web/*/{K}"], id="equal captures"),
        pytest.param((".",), (K,), [f"/{K}"], id="the top"),
    ],
)  # fmt: skip
def test_an_overlay_is_called_alike_in_all_environments(
    globs: tuple[str, ...], paths: tuple[str, ...], expected: list[str]
) -> None:
    assert sorted(names("prod", globs, *paths)) == sorted(expected)


def test_any_other_name_or_blob_gives_another_digest() -> None:
    def digest(**files: str) -> str:
        return Content.of("c", "prod", (), files, ()).digest

    digests = [digest(), digest(a="1"), digest(a="2"), digest(b="1"), digest(a="1", b="2"), digest(a="2", b="1")]
    assert len(set(digests)) == len(digests)
