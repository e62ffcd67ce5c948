from __future__ import annotations

from datetime import timedelta

import pytest

from gitops_bot import config
from gitops_bot.errors import ConfigError

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
    """Every problem of these environments, the first in line 3, as `line:column message / next`."""
    with pytest.raises(ConfigError) as caught:
        config.read(f"version: 1\nenvironments:\n{environments}", "f.yaml")
    assert all(problem.file == "f.yaml" for problem in caught.value.problems)
    return [f"{each.line}:{each.column} {each.message} / {each.next}" for each in caught.value.problems]


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


#: What the environment `production` says from line 6 on, in column 5 -> the one problem.
WRONG = {
    "a misspelt source": (["promote_from: stagin"], "6:19 there is no environment 'stagin' / did you mean `staging`?"),
    "a source that looks like itself": (
        ["promote_from: productio"],
        "6:19 there is no environment 'productio' / `environments` has: `staging`",
    ),
    "itself": (
        ["promote_from: production"],
        "6:19 'production' cannot be promoted from itself / set the environment that runs a pin first, or remove",
    ),
    "several sources": (
        ["promote_from: [staging]"],
        "6:19 `promote_from` must be a single value, not a list / as in `promote_from: staging`",
    ),
    "no source": (["promote_from:"], "6:5 `promote_from` has no value / as in `promote_from: staging`, or remove"),
    "a truth": (["promote_from: true"], "6:19 `promote_from` must be text, but YAML reads true as true or false / put"),
    "another match": (
        ["promote_from: staging", "match: digests"],
        "7:12 `match` must be digest or revision, not 'digests' / did you mean `digest`?",
    ),
    "another tag": (
        ["promote_from: staging", "tag: v1"],
        "7:10 `tag` must be source or release, not 'v1' / as in `tag: release`",
    ),
    "a revision without a tag": (
        ["promote_from: staging", "match: revision"],
        "7:12 `match: revision` looks for the version tag of the same revision, so it needs `tag: release` / set `t",
    ),
    "a revision by the tag of the source": (
        ["match: revision", "tag: source"],
        "6:12 `match: revision` looks for the version tag of the same revision, so it needs `tag: release` / set `t",
    ),
    "soaking nowhere": (
        ["soak: 2h"],
        ("6:5 `soak` needs `promote_from`: it is how long that environment must run a pin first / set `pro"),
    ),
    "soaking for words": (
        ["promote_from: staging", "soak: 2 hours"],
        "7:11 `soak` is not valid: '2 hours' is not a duration: write it as 90s, 15m, 2h or 1d12h / as in `soak: 2h`",
    ),
    "soaking for a number": (
        ["promote_from: staging", "soak: 30"],
        "7:11 `soak` is not valid: '30' is not a duration: write it",
    ),
    "soaking for years": (
        ["promote_from: staging", "soak: 400d"],
        "7:11 `soak` is not valid: '400d' is longer than 366 days / as",
    ),
    "soaking in a list": (
        ["promote_from: staging", "soak: [2h]"],
        "7:11 `soak` must be a single value, not a list / as",
    ),
}


@pytest.mark.parametrize(("keys", "expected"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_one_promotion_is_told_at_its_place(keys: list[str], expected: str) -> None:
    lines = ["  staging: {overlays: [s]}", "  production:", *(f"    {key}" for key in ["overlays: [p]", *keys])]
    (problem,) = told("".join(f"{line}\n" for line in lines))
    assert problem.startswith(expected)


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


def test_a_circle_is_a_mistake_of_the_configuration_and_of_no_file_that_is_edited() -> None:
    ring = "version: 1\nenvironments: {a: {overlays: [a], promote_from: b}, b: {overlays: [b], promote_from: a}}\n"
    with pytest.raises(ConfigError) as caught:
        config.read(ring, "f.yaml")
    assert [problem.code for problem in caught.value.problems] == ["failed.config"] * 2


def test_an_enormous_circle_is_told_within_bounds() -> None:
    names = [f"e{number}" for number in range(3000)]
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
