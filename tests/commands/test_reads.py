"""`reads` of the configuration: what an older version passed over becomes an entry where it says so, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.offline import check, checkout, init
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
version: 1
{}environments: {{prod: {{overlays: [charts/web], policy: {{semver: "*"}}}}}}
"""
VALUES = {
    "charts/web/values.yaml": "image: {repository: a/web, tag: v1}\nside: {name: a/side, tag: v1}\n",
}


@rows("line count", {"none": ("", 1), "the first": ("reads: 1\n", 1), "later ones": ("reads: 2\n", 2)})  # fmt: skip
def test_the_configuration_says_which_places_are_entries(tmp_path: Path, line: str, count: int) -> None:
    done = check(tmp_path, {**VALUES, "gitops-bot.yaml": CONFIG.format(line)}, "--output", "json")
    assert done.code == 0
    assert done.json["coverage"]["total"] == count


def test_without_a_configuration_and_in_what_init_writes_all_are(tmp_path: Path) -> None:
    text = VALUES["charts/web/values.yaml"]
    folder = checkout(tmp_path, {"charts/web/values-prod.yaml": text})
    assert run("check", "--output", "json", cwd=folder).json["coverage"]["total"] == 2
    assert init(folder).code == 0
    assert "\nreads: 2\n" in (folder / "gitops-bot.yaml").read_text()
    assert run("check", "--output", "json", cwd=folder).json["coverage"]["total"] == 2


CATALOG = """\
apiVersion: postgresql.cnpg.io/v1
kind: ImageCatalog
metadata: {name: pg}
spec: {images: [{major: 16, image: "ghcr.io/cloudnative-pg/postgresql:16.3"}]}
"""


@rows("values entries", {
    "one environment": (("values.yaml",), 2),
    "several, which one edit would reach": (("values-dev.yaml", "values-prod.yaml"), 2),
})  # fmt: skip
def test_an_image_that_a_template_of_a_chart_names_belongs_to_the_only_environment(
    tmp_path: Path, values: tuple[str, ...], entries: int
) -> None:
    """A template that Helm fills in is no YAML, and one edit of it would reach every environment of the chart."""
    folder = checkout(tmp_path, {
        "apps/db/Chart.yaml": "name: db\n",
        "apps/db/templates/catalog.yaml": CATALOG,
        "apps/db/templates/web.yaml": CATALOG.replace("pg", "{{ .Release.Name }}"),
        **{f"apps/db/{name}": "image: {repository: ghcr.io/acme/web, tag: 1.0.0}\n" for name in values},
    })  # fmt: skip
    assert init(folder).code == 0
    coverage = run("check", "--output", "json", cwd=folder).json["coverage"]
    assert coverage["total"] == entries
    assert ("apps/db/templates" in (folder / "gitops-bot.yaml").read_text()) == (len(values) == 1)
