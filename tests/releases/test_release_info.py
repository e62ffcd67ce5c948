"""Which file describes which entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gitops_bot.images.kinds import Rules
from gitops_bot.images.reason import unmanaged
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.decisions import Managed
from gitops_bot.releases.layout import read as layout
from gitops_bot.releases.layout import release_info
from gitops_bot.releases.layout.overlays import select
from gitops_bot.releases.layout.owners import Owners
from tests.managed import managed

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed

INFO = b"kind: ConfigMap\ndata: {version: a}\n"
ELSEWHERE, MANUAL = (
    Rules(None, unmanaged=unmanaged("overridden", "k")),
    Rules(None, unmanaged=unmanaged("no_policy", "production")),
)


@dataclass(frozen=True)
class Setting:
    image: str | None = None
    overlays: tuple[str, ...] = ()
    file: str = "info.yaml"
    keys: tuple[tuple[str, str | None], ...] = (("version", "a.b"), ("build-number", None))


def entry(name: str, image: str = "web", *, overlay: str = "apps/web", file: str = "k.yaml", **more: object) -> Managed:
    repository = ImageName.parse(image)
    return managed("production", overlay, f"{overlay}/{file}", 1, name, str(repository), **more)


def described(setting: Setting | list[Setting], *entries: Managed, **owners: str) -> dict[str, str]:
    """By the names of entries, the file that describes each, or what is wrong."""
    contents = {"apps/web/info.yaml": INFO, "apps/web/db.yaml": INFO, "apps/api/info.yaml": INFO, "info.yaml": INFO}
    shared = {path.replace("__", "/") + ".yaml": names.split() for path, names in owners.items()}
    settings = [setting] if isinstance(setting, Setting) else setting
    found = release_info.find(settings, entries, contents, shared)
    return {one.name: file.wrong.message if file.wrong is not None else file.path for one, file in found}


WEB = "apps/web/info.yaml"
TWICE = "two settings of `release_info` mean {}".format
WHICH = "`release_info` does not say which image apps/web/info.yaml describes: docker.io/library/web"


@pytest.mark.parametrize(
    ("setting", "entries", "found"),
    [
        pytest.param(Setting(), [entry("a")], {"a": WEB}, id="the only one"),
        pytest.param(Setting(), [entry("a"), entry("b")], {"a": WEB}, id="the first of two with one image"),
        pytest.param(Setting(), [entry("a"), entry("b", "db", rules=Rules(None, ignore=True))], {"a": WEB},
            id="ignored"),
        pytest.param(Setting(), [entry("a", rules=ELSEWHERE), entry("b")], {"b": WEB}, id="decided by another file"),
        pytest.param(Setting(), [entry("s", choices=("blue", "green"))], {}, id="a selector"),
        pytest.param(Setting(), [entry("a"), entry("b", "db", file="x.yaml")],
            dict.fromkeys(("a", "b"), f"{WHICH}, docker.io/library/db"), id="two images"),
        pytest.param(Setting("db"), [entry("a"), entry("b", "db")], {"b": WEB}, id="a repository"),
        pytest.param(Setting("b"), [entry("a"), entry("b")], {"b": WEB}, id="a name"),
        pytest.param(Setting(overlays=("apps/api",)), [entry("a"), entry("b", overlay="apps/api")],
            {"b": "apps/api/info.yaml"}, id="of some overlays"),
        pytest.param([Setting("web"), Setting("db")], [entry("a"), entry("b", "db", overlay="apps/api")],
            {"a": WEB, "b": "apps/api/info.yaml"}, id="one image in each overlay"),
        pytest.param([Setting("web"), Setting("db", file="db.yaml")], [entry("a"), entry("b", "db")],
            {"a": WEB, "b": "apps/web/db.yaml"}, id="two files in one overlay"),
        pytest.param([Setting("web"), Setting("db")], [entry("a"), entry("b", "db")],
            dict.fromkeys(("a", "b"), TWICE(WEB)), id="one file for two images"),
        pytest.param([Setting("web"), Setting(file="db.yaml")], [entry("a")], {"a": TWICE("a in apps/web")},
            id="two files"),
        pytest.param(Setting(), [entry("a", overlay="apps/x")],
            {"a": "apps/x/info.yaml is missing, which `release_info` needs"}, id="no file"),
    ],
)  # fmt: skip
def test_a_file_describes_one_image_of_its_overlay(
    setting: Setting | list[Setting], entries: list[Managed], found: dict[str, str]
) -> None:
    assert described(setting, *entries) == found


def test_a_file_belongs_to_one_environment() -> None:
    found = described(Setting(), entry("a"), apps__web__info="staging production")
    assert found == {"a": "apps/web/info.yaml is the `release_info` of staging and production"}


def test_the_files_are_those_beside_the_pins() -> None:
    @dataclass(frozen=True)
    class Environment:
        overlays: tuple[str, ...]
        release_info: tuple[Setting, ...] = (Setting(), Setting("db", keys=(("version", "c"), ("x", "y"))))
        targets: tuple[()] = ()
        places: tuple[()] = ()
        exclude: tuple[()] = ()
        reads: int = 1
        reaches: tuple[()] = ()

    tree = {
        "web/values-a.yaml": "100644",
        "web/values-b.yaml": "100644",
        "web/info.yaml": "100644",
        "api/kustomization.yaml": "100644",
        "api/info.yaml": "120000",
        "job/kustomization.yaml": "100644",
    }
    environments = {
        "a": Environment(("web/values-a.yaml", "api")),
        "b": Environment(("web/values-b.yaml",)),
        "c": Environment(("job",), ()),
    }
    selection = select(environments, tree)
    assert release_info.files(environments, selection) == {"web/info.yaml": ["a", "b"], "api/info.yaml": ["a"]}
    pins = ["api/kustomization.yaml", "web/values-a.yaml", "web/values-b.yaml", "job/kustomization.yaml"]
    assert sorted(layout.paths(environments, selection, tree)) == sorted([*pins, "web/info.yaml"])
    targets = layout.file_targets(environments, selection, Owners(environments, selection), {})
    assert targets.following("web/info.yaml") == ("version", "build-number", "x")
