from __future__ import annotations

from gitops_bot.releases.layout.overlays import select
from gitops_bot.releases.layout.owners import Owners
from tests.releases.past import Globs, tree
from tests.tables import rows

ENVIRONMENTS = {
    "staging": Globs(("apps/*/overlays/staging", "apps/web/overlays/production/preview")),
    "production": Globs(("apps/*/overlays/production",)),
    "tools": Globs(("tools/**",)),
    "top": Globs((".",)),
}
TREE = tree(
    *("kustomization.yaml", "apps/web/base/kustomization.yaml", "apps/web/overlays/production/kustomization.yaml"),
    *("apps/web/overlays/production/preview/kustomization.yaml", "apps/web/overlays/staging/kustomization.yaml"),
    "tools/a/kustomization.yaml",
)


@rows("path expected", {
    "below": ("apps/web/overlays/production/a/b.yaml", ("production", "apps/web/overlays/production")),
    "an overlay of another environment below it": (
        "apps/web/overlays/production/preview/x", ("staging", "apps/web/overlays/production/preview"),
    ),
    "one that is gone": ("apps/gone/overlays/staging/x", ("staging", "apps/gone/overlays/staging")),
    "the overlay that is there, not what ** means too": ("tools/a/patches/x", ("tools", "tools/a")),
    "nobody's but that of the top": ("apps/web/base/deployment.yaml", ("top", ".")),
})  # fmt: skip
def test_a_path_belongs_to_the_deepest_overlay_above_it(path: str, expected: tuple[str, str]) -> None:
    selection = select(ENVIRONMENTS, TREE)
    assert Owners(ENVIRONMENTS, selection).owner(path) == expected


def test_a_path_may_be_nobodys() -> None:
    own = {name: globs for name, globs in ENVIRONMENTS.items() if name != "top"}
    ground = Owners(own, select(own, TREE))
    assert ground.owner("apps/web/base/deployment.yaml") is None
    assert ground.owner("README.md") is None


def test_a_file_that_a_glob_names_belongs_to_its_environment_also_when_it_is_gone() -> None:
    environments = {"staging": Globs(("charts/web",)), "production": Globs(("charts/*/production.yaml",))}
    files = tree("charts/web/kustomization.yaml", "charts/web/production.yaml")
    owners = Owners(environments, select(environments, files))
    assert owners.owner("charts/web/production.yaml") == ("production", "charts/web")
    assert owners.owner("charts/gone/production.yaml") == ("production", "charts/gone")
    assert owners.owner("charts/web/templates/x.yaml") == ("staging", "charts/web")
    assert owners.owner("charts/gone/Chart.yaml") is None
