from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.errors import ConfigError
from gitops_bot.images.kinds import Rules
from gitops_bot.releases.layout.correspondence import check, impossible, pairs, partners
from gitops_bot.releases.layout.overlays import OverlayFile, select
from gitops_bot.releases.layout.read import Overlay
from gitops_bot.targets import TARGETS
from tests.releases.past import Globs, tree
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed


def found(globs: list[str], directories: list[str]) -> tuple[OverlayFile, ...]:
    files = tree(*(f"{directory}/kustomization.yaml" for directory in directories))
    return select({"any": Globs(tuple(globs))}, files).overlays["any"]


def met(source: tuple[list[str], list[str]], target: tuple[list[str], list[str]]) -> dict[str, list[str]]:
    """The target's directories, each with those of the source."""
    result = pairs(found(*source), found(*target))
    return {file.directory: [files[0].directory for files in overlays] for file, overlays in result}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        pytest.param((["apps/*/overlays/staging"], ["apps/web/overlays/staging", "apps/old/overlays/staging"]),
            (["apps/*/overlays/production"], ["apps/web/overlays/production", "apps/new/overlays/production"]),
            {"apps/new/overlays/production": [], "apps/web/overlays/production": ["apps/web/overlays/staging"]},
            id="what the star stood for is equal"),
        pytest.param(
            (["staging/{app}"], ["staging/web", "staging/api"]),
            (["clusters/{cluster}/{app}"], ["clusters/eu/web", "clusters/us/web", "clusters/us/api"]),
            {
                "clusters/eu/web": ["staging/web"],
                "clusters/us/api": ["staging/api"],
                "clusters/us/web": ["staging/web"],
            },
            id="one to many",
        ),
        pytest.param(
            (["clusters/canary-{canary}/{app}"], ["clusters/canary-a/web", "clusters/canary-b/web"]),
            (["clusters/eu-{cluster}/{app}"], ["clusters/eu-1/web", "clusters/eu-2/web", "clusters/eu-1/api"]),
            {
                "clusters/eu-1/api": [],
                "clusters/eu-1/web": ["clusters/canary-a/web", "clusters/canary-b/web"],
                "clusters/eu-2/web": ["clusters/canary-a/web", "clusters/canary-b/web"],
            },
            id="many to many, by a name in a part",
        ),
        pytest.param((["eu-{cluster}/{app}"], ["eu-1/web", "eu-2/web"]),
            (["us-{cluster}/{app}"], ["us-1/web", "us-3/web"]), {"us-1/web": ["eu-1/web"], "us-3/web": []},
            id="a name in a part that both sides have"),
        pytest.param((["{cluster}/{app}/staging"], ["eu/web/staging", "us/web/staging"]),
            (["{app}/production"], ["web/production"]), {"web/production": ["eu/web/staging", "us/web/staging"]},
            id="many to one"),
        pytest.param((["{region}/*/staging"], ["eu/web/staging"]),
            (["*/production/{zone}"], ["web/production/a", "api/production/a"]),
            {"api/production/a": [], "web/production/a": ["eu/web/staging"]},
            id="those without a name by their order, wherever they stand"),
        pytest.param((["staging/**"], ["staging/a/b", "staging/a"]),
            (["production/**"], ["production/a/b", "production/c"]),
            {"production/a/b": ["staging/a/b"], "production/c": []}, id="any number of parts"),
        pytest.param((["stage"], ["stage"]), (["deploy/live"], ["deploy/live"]), {"deploy/live": ["stage"]},
            id="one and one"),
        pytest.param((["web/staging", "api/staging"], ["web/staging", "api/staging"]),
            (["deploy/web/live"], ["deploy/web/live"]), {"deploy/web/live": []}, id="written out, of another depth"),
        pytest.param((["apps/*/staging", "infra/staging"], ["apps/web/staging", "infra/staging"]),
            (["infra/production", "apps/*/production"], ["infra/production", "apps/web/production"]),
            {"apps/web/production": ["apps/web/staging"], "infra/production": ["infra/staging"]},
            id="globs of both kinds"),
        pytest.param((["apps/*/staging"], ["apps/web/staging"]), (["apps/web/production"], ["apps/web/production"]),
            {"apps/web/production": []}, id="nothing to compare"),
    ],
)  # fmt: skip
def test_overlays_correspond_by_what_their_globs_captured(
    source: tuple[list[str], list[str]], target: tuple[list[str], list[str]], expected: dict[str, list[str]]
) -> None:
    assert met(source, target) == expected


APPS = st.lists(st.sampled_from(["web", "api", "db", "job"]), unique=True)


@given(APPS, APPS)
def test_each_application_meets_itself_and_nobody_else(source: list[str], target: list[str]) -> None:
    expected = {f"{app}/production": [f"{app}/staging"] if app in source else [] for app in target}
    staging, production = ([f"{app}/staging" for app in source], [f"{app}/production" for app in target])
    assert met((["*/staging"], staging), (["*/production"], production)) == expected
    if len(source) > 1:
        assert met((staging, staging), (production, production)) == expected


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (["apps/*/staging"], ["apps/*/production"]),
        (["staging/{app}"], ["clusters/{cluster}/{app}"]),
        (["staging"], ["production"]),
        (["*/staging"], ["*/production", "monitoring/production"]),
        (["{cluster}/{app}"], ["{app}"]),
        (["*/*/staging", "*/staging"], ["*/production"]),
    ],
)
def test_globs_that_may_correspond(source: list[str], target: list[str]) -> None:
    assert impossible(source, target) is None


@pytest.mark.parametrize(
    ("source", "target", "named", "advice"),
    [
        pytest.param(["apps/*/staging"], ["clusters/*/*/production"], "clusters/*/*/production",
            "write `apps/{app}/staging` and `clusters/{cluster}/{app}/production`", id="not as many"),
        pytest.param(["staging/{name}"], ["production/{app}"], "production/{app}",
            "write `staging/{app}` and `production/{app}`", id="other names"),
        pytest.param(["staging/*"], ["production/web"], "production/web",
            "write `staging/{app}` and `production/{app}`", id="nothing is captured here"),
        pytest.param(["*/staging"], ["*/production", "x", "*/*/production"], "*/*/production",
            "write `{app}/staging` and `{cluster}/{app}/production`", id="one of three"),
        pytest.param(["web-*/staging"], ["*/*/production"], "*/*/production",
            "use as many unnamed wildcards on both sides", id="no part is the application"),
    ],
)  # fmt: skip
def test_globs_that_never_can_are_named(source: list[str], target: list[str], named: str, advice: str) -> None:
    message = impossible(source, target)
    assert message is not None
    assert message.startswith(f"`{named}` captures ")
    assert all(f"`{text}`" in message for text in source)
    assert f": {advice}" in message


@dataclass(frozen=True)
class From:
    source: str
    place: tuple[str, int, int]


@dataclass(frozen=True)
class Promoted:
    overlays: tuple[str, ...]
    promotion: From | None = None


def test_promotions_that_can_never_be_are_refused_where_they_are_written() -> None:
    environments = {
        "eu": Promoted(("clusters/*/*",), From("staging", ("g.yaml", 4, 19))),
        "us": Promoted(("us/{app}",), From("staging", ("g.yaml", 7, 19))),
        "good": Promoted(("good/*",), From("staging", ("g.yaml", 9, 19))),
        "staging": Promoted(("staging/*",)),
        "other": Promoted(("a/*/b/*",)),
    }
    with pytest.raises(ConfigError) as caught:
        check(environments)
    first, second = caught.value.problems
    assert (first.where, second.where) == ("g.yaml:4:19", "g.yaml:7:19")
    assert first.message.startswith("eu cannot be promoted from staging: `clusters/*/*` captures a wildcard, a wild")
    assert second.message.startswith(
        "us cannot be promoted from staging: `us/{app}` captures `{app}`, which nothing in"
    )
    assert second.next == "correct the `overlays` of one of the two, or remove `promote_from` of us"
    check({name: environments[name] for name in ("good", "staging", "other")})


@rows("entry own source expected", {
    "by name": ("web", ["web"], ["api", "web"], ["web"]),
    "by repository": ("web>acme/web", ["web>acme/web"], ["acme/web", "x"], ["acme/web"]),
    "two could be meant": ("web>acme/a", ["web>acme/a"], ["a:1>acme/a", "b:2>acme/a"], ["a", "b"]),
    "two that pin the same": ("web>acme/a", ["web>acme/a"], ["a:1>acme/a", "b:1>acme/a"], ["a"]),
    "another could mean it": ("web>acme/a", ["web>acme/a", "job>acme/a"], ["acme/a"], []),
    "no repositories at all": ("A/", ["A/"], ["B/"], []),
})  # fmt: skip
def test_an_entry_has_its_partner(entry: str, own: list[str], source: list[str], expected: list[str]) -> None:
    def read(texts: list[str]) -> tuple[Managed, ...]:
        lines = ["images:"]
        for text in texts:
            name, renamed, new_name = text.partition(">")
            name, tagged, tag = name.partition(":")
            lines += [f"  - name: {name}", *([f"    newName: {new_name}"] if renamed else [])]
            lines += [f"    newTag: v{tag}"] if tagged else []
        pin_file = TARGETS[0].read("\n".join(lines).encode(), "k")
        return Overlay.of("any", ".", pin_file, lambda _: Rules(None)).entries

    mine, theirs = read(own), [(TARGETS[0], item) for item in read(source)]
    item = next(item for item, text in zip(mine, own, strict=True) if text == entry)
    assert [one.name for one in partners(item, TARGETS[0], mine, theirs)] == expected


@rows("source target expected", {
    "in the file called alike": ("api.yaml:api web.yaml:web", "api.yaml:api web.yaml:web", "web.yaml"),
    "in the only file": ("staging.yaml:old", "web.yaml:web", "staging.yaml"),
    "not in one that is for another file": ("api.yaml:api", "api.yaml:api web.yaml:web", ""),
    "in the one left": ("api.yaml:api staging.yaml:web", "api.yaml:api web.yaml:web", "staging.yaml"),
    "by repository": ("a.yaml:a b.yaml:web", "web.yaml:web", "b.yaml"),
    "nobody can tell": ("a.yaml:a b.yaml:b", "web.yaml:web", "a.yaml b.yaml"),
})  # fmt: skip
def test_one_name_in_several_files_of_an_overlay_means_the_entry_of_one_of_them(
    source: str, target: str, expected: str
) -> None:
    def read(texts: str) -> list[Managed]:
        entries = []
        for text in texts.split():
            file, _, repository = text.partition(":")
            pin_file = TARGETS[0].read(f"images: [{{name: image, newName: acme/{repository}}}]".encode(), file)
            entries += Overlay.of("any", ".", pin_file, lambda _: Rules(None)).entries
        return entries

    mine, theirs = read(target), [(TARGETS[0], item) for item in read(source)]
    chosen = partners(mine[-1], TARGETS[0], mine[-1:], theirs, {one.key for one in mine})
    assert [one.file for one in chosen] == expected.split()
