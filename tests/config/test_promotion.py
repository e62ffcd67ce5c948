from __future__ import annotations

from datetime import timedelta

from gitops_bot import config
from tests.config import reading

#: dev -> staging -> eu and us.
CHAIN = """\
version: 1
environments:
  eu: {overlays: [eu], promote_from: staging, soak: 2h}
  us: {overlays: [us], promote_from: staging, tag: release}
  staging: {overlays: [staging], promote_from: dev, match: digest, soak: 0}
  dev: {overlays: [dev], policy: {semver: "*"}}
  alone: {overlays: [alone], match: revision, tag: release}
"""


def told(environments: str) -> list[str]:
    """Every problem of these environments, the first in line 3."""
    return reading.told(f"version: 1\nenvironments:\n{environments}")


def test_chains_and_fan_out_are_read_in_any_order() -> None:
    environments = config.read(CHAIN, "f.yaml").environments
    assert {name: each.promotion for name, each in environments.items()} == {
        "eu": config.Promotion("staging", ("f.yaml", 3, 38), timedelta(hours=2)),
        "us": config.Promotion("staging", ("f.yaml", 4, 38)),
        "staging": config.Promotion("dev", ("f.yaml", 5, 48)),
        "dev": None,
        "alone": None,
    }
    asked = {name: (each.match_by, each.release_tag) for name, each in environments.items()}
    assert asked["us"] == ("digest", True)
    assert asked["staging"] == asked["dev"] == ("digest", False)
    # Nobody promotes to it by itself, but people may by hand.
    assert asked["alone"] == ("revision", True)


def test_a_source_where_there_is_no_other_environment_has_a_way_out() -> None:
    (problem,) = told("  production: {overlays: [p], promote_from: staging}\n")
    assert problem == "3:45 there is no environment 'staging' / write it under `environments`"


def test_a_circle_is_told_at_each_of_its_places_and_nowhere_else() -> None:
    problems = told("""\
  eu: {overlays: [eu], promote_from: production}
  production: {overlays: [p], promote_from: staging}
  staging: {overlays: [s], promote_from: dev}
  dev: {overlays: [d], promote_from: production}
  a: {overlays: [a], promote_from: b}
  b: {overlays: [b], promote_from: a}
  us: {overlays: [us], promote_from: eu}
""")
    way_out = "remove `promote_from` from the environment that gets new pins first"
    assert problems == [
        f"4:45 promotions go in a circle: 'production' from 'staging' from 'dev' from 'production' / {way_out}",
        f"5:42 promotions go in a circle: 'staging' from 'dev' from 'production' from 'staging' / {way_out}",
        f"6:38 promotions go in a circle: 'dev' from 'production' from 'staging' from 'dev' / {way_out}",
        f"7:36 promotions go in a circle: 'a' from 'b' from 'a' / {way_out}",
        f"8:36 promotions go in a circle: 'b' from 'a' from 'b' / {way_out}",
    ]


def test_an_enormous_circle_is_told_within_bounds() -> None:
    names = [f"e{number}" for number in range(300)]
    ring = zip(names, [*names[1:], names[0]], strict=True)
    problems = told("".join(f"  {name}: {{overlays: [{name}], promote_from: {source}}}\n" for name, source in ring))
    assert len(problems) == 201
    assert problems[0].startswith(
        "3:38 promotions go in a circle: 'e0' from 'e1' from 'e2' from 'e3' from 'e4' from 'e5' from 'e6' from "
        "'e7' from 'e8' from 'e9' from ... / "
    )


def test_a_circle_beside_other_mistakes_is_told_all_the_same() -> None:
    problems = told("""\
  a: {overlays: [a], promote_from: b, soak: x}
  b: {overlay: [b], promote_from: a}
""")
    assert [problem.split(" ")[0] for problem in problems] == ["3:36", "3:45", "4:7", "4:35"]


def test_what_reaches_other_environments_is_reached_by_none() -> None:
    (problem,) = told("""\
  a: {overlays: [a]}
  b: {overlays: [b], reaches: [a]}
  c: {overlays: [c], reaches: [b]}
""")
    assert problem == "5:32 'b' reaches other environments itself / name those that its overlays are built for"
