"""`init --from renovate`: settings, package rules, schedules, and the tags that Renovate compares."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from gitops_bot.errors import ConfigError
from gitops_bot.migration import json5
from gitops_bot.migration.renovate_policy import windows
from tests.migration.trees import Written, kustomization, policies
from tests.migration.trees import written as migrated

DIGEST = f"sha256:{'0' * 64}"


def written(settings: dict[str, Any], *images: str, path: str = "apps/prod", file: str = "renovate.json") -> Written:
    files = {file: json.dumps(settings, indent=1), f"{path}/kustomization.yaml": kustomization(*images)}
    return migrated(files, "renovate")


POLICIES = r"""
nginx:1.27 {}
    {semver: '*', pattern: '^v?(?P<version>[0-9]+\.[0-9]+)$'}
    1.27 [1.29] 1.30.1 2.0-alpine latest
nginx:1.27.0-alpine {}
    {semver: '*', pattern: '^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+)-alpine$'}
    1.27.0-alpine 1.28.1-alpine [2.0.0-alpine] 3.0.0 1.29-alpine 1.30.0-alpine3.20
app:2026.01.3 {}
    {pattern: '^v?(?P<n1>[0-9]+)\.(?P<n2>[0-9]+)\.(?P<n3>[0-9]+)$', order: numerical}
    2026.01.3 [2026.02.1] 2026.10
nginx:1.27.0 {packageRules: [{matchUpdateTypes: [major], enabled: false}]}
    {semver: 1.x, pattern: '^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$'}
    1.27.0 [1.29.0] 2.0.0
nginx:1.27.0 {major: {enabled: false}, minor: {enabled: false}}
    {semver: 1.27.x, pattern: '^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$'}
    1.27.0 [1.27.3] 1.29.0
nginx:1.27.0 {packageRules: [{matchPackageNames: [nginx], allowedVersions: <2}]}
    {semver: <2, pattern: '^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$'}
    1.27.0 [1.29.0] 2.0.0
nginx:1.27.0 {packageRules: [{matchPackageNames: [/^ngi/], allowedVersions: '!/^1\.29/'}]}
    {semver: '*', pattern: '^v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+)$', exclude: [^1\.29]}
    1.27.0 [1.28.0] 1.29.0
nginx:1.27.0 {packageRules: [{matchPackageNames: [nginx], versioning: semver, minimumReleaseAge: 3 days}]}
    {semver: '*', minimum_age: 3d}
    1.27.0 [1.28.0] 1.29.0-rc.1
app:main-1.2-b9 {packageRules: [{matchPackageNames: [app], versioning: 'regex:^(?<compatibility>[a-z]+)-(?<major>\d+)\.(?<minor>\d+)-b(?<build>\d+)$'}]}
    {pattern: '^main-(?P<major>\d+)\.(?P<minor>\d+)-b(?P<build>\d+)$', order: numerical}
    main-1.2-b9 [main-1.2-b10] dev-2.0-b1
app:main {pinDigests: true}
    {digest: main}
    [main] 1.0.0
"""  # noqa: E501


@pytest.mark.parametrize(("settings", "policy", "tags", "chosen"), policies(POLICIES))
def test_a_tag_gets_the_policy_that_chooses_as_renovate_does(
    settings: str, policy: dict[str, Any], tags: list[str], chosen: str
) -> None:
    image, _, said = settings.partition(" ")
    done = written(yaml.safe_load(said), image)
    assert list(done.contents["policies"].values()) == [policy]
    assert done.chosen("prod", image.partition(":")[0], tags) == chosen
    assert done.gaps == ()


def test_each_image_has_a_pull_request_of_its_own_unless_it_is_grouped() -> None:
    images = ("nginx:1.27", "redis:7.0", "ghcr.io/acme/web:1.0")
    assert written({}, *images).contents["environments"]["prod"]["propose"] == {"group": "image"}
    everything = written({"extends": ["group:all"]}, *images)
    assert "propose" not in everything.contents["environments"]["prod"]
    rules = [{"matchPackageNames": ["ghcr.io/acme/**"], "groupName": "Our images"}]
    assert written({"packageRules": rules}, *images).contents["environments"]["prod"]["propose"] == {
        "group": [
            {"name": "Our-images", "images": ["ghcr.io/acme/web"]},
            {"name": "nginx", "images": ["nginx"]},
            {"name": "redis", "images": ["redis"]},
        ]
    }


def test_a_group_called_all_gets_another_name_and_labels_for_people_are_left_out() -> None:
    rules = [{"matchPackageNames": ["nginx"], "groupName": "all"}]
    done = written({"packageRules": rules, "labels": ["hold", "deps"]}, "nginx:1.27", "redis:7.0")
    propose = done.contents["environments"]["prod"]["propose"]
    assert [group["name"] for group in propose["group"]] == ["group-all", "redis"]
    assert propose["labels"] == ["deps"]


@pytest.mark.parametrize("branch", ["a..b", "-x", "a b"])
def test_a_branch_that_git_does_not_take_is_named(branch: str) -> None:
    done = written({"baseBranches": [branch]}, "nginx:1.27")
    assert "branch" not in done.contents
    assert done.gaps == (f"gitops-bot.yaml:1: {branch!r} is not the name of a branch; write `branch` by hand",)


def test_what_holds_for_all_becomes_how_an_environment_is_proposed() -> None:
    done = written(
        {
            "extends": ["config:recommended", "schedule:weekly", ":timezone(Europe/Berlin)", ":label(deps)"],
            "automerge": True,
            "automergeStrategy": "squash",
            "reviewers": ["alice", "team:platform"],
            "prConcurrentLimit": 5,
            "baseBranches": ["live"],
            "pinDigests": True,
        },
        "nginx:1.27",
    )
    assert done.contents["branch"] == "live"
    environment = done.contents["environments"]["prod"]
    assert "pin" not in environment
    assert environment["propose"] == {
        "group": "image",
        "labels": ["deps"],
        "reviewers": ["alice", "team:platform"],
        "auto_merge": True,
        "merge_method": "squash",
        "limit": {"open": 5},
        "schedule": [{"days": ["mon"], "hours": "00:00-04:00", "timezone": "Europe/Berlin"}],
    }


def test_rules_for_files_make_environments_that_differ() -> None:
    files = {
        "renovate.json5": "{packageRules: [{matchFileNames: ['**/dev/**'], automerge: true}], // yes\n}",
        "web/dev/kustomization.yaml": kustomization("nginx:1.27"),
        "web/prod/kustomization.yaml": kustomization("nginx:1.27"),
    }
    environments = migrated(files, "renovate").contents["environments"]
    assert environments["dev"]["propose"] == {"auto_merge": True, "group": "image"}
    assert environments["prod"]["propose"] == {"group": "image"}
    assert environments["prod"]["pin"] == "tag"


def test_images_that_are_switched_off_are_ignored_and_paths_that_are_left_out_are_in_no_environment() -> None:
    settings = {
        "ignoreDeps": ["redis"],
        "ignorePaths": ["**/old/**"],
        "packageRules": [{"matchManagers": ["kustomize"], "matchPackageNames": ["postgres"], "enabled": False}],
    }
    files = {
        ".renovaterc": json.dumps(settings),
        "web/prod/kustomization.yaml": kustomization("nginx:1.27", "redis:7.0", "postgres:16.1"),
        "old/prod/kustomization.yaml": kustomization("nginx:1.27"),
    }
    environment = migrated(files, "renovate").contents["environments"]["prod"]
    assert environment["overlays"] == ["web/prod"]
    assert environment["images"] == {
        "nginx": {"policy": "x.y"},
        "postgres": {"ignore": True},
        "redis": {"ignore": True},
    }


@pytest.mark.parametrize(
    ("settings", "gap"),
    [
        ({"extends": ["acme/presets"]}, "renovate.json:3: the preset acme/presets is not known here"),
        ({"packageRules": [{"extends": ["acme/rule"]}]}, "renovate.json:5: the preset acme/rule is not applied here"),
        ({"kustomize": {"extends": [":label(a)"]}}, "renovate.json:4: the preset :label(a) is not applied here"),
        ({"extends": ["github>acme/x"]}, "renovate.json:3: the preset github>acme/x is not known here"),
        ({"hostRules": [{}]}, "renovate.json:2: hostRules has no counterpart"),
        ({"commitMessagePrefix": "x"}, "renovate.json:2: commitMessagePrefix has no counterpart; see `propose.title`"),
        ({"schedule": ["every 3 months"]}, "renovate.json:2: the schedule 'every 3 months' has no counterpart"),
        ({"packageRules": [{"matchCurrentVersion": "<1"}]}, "renovate.json:4: a rule is left out: matchCurrentVersion"),
        (
            {"packageRules": [{"matchPackageNames": ["/(?!x)/"], "enabled": False}]},
            "renovate.json:4: a rule is left out: the pattern",
        ),
        (
            {"packageRules": [{"matchUpdateTypes": ["minor", "patch"], "automerge": True}]},
            "renovate.json:8: automerge for minor and patch updates only has no counterpart",
        ),
        (
            {"packageRules": [{"matchPackageNames": ["redis"], "automerge": True}]},
            "renovate.json:7: automerge for some images of a directory only",
        ),
        (
            {"automerge": True, "automergeType": "branch"},
            "renovate.json:3: automergeType branch: pull requests are merged, and no branch without one",
        ),
        (
            {"packageRules": [{"matchPackageNames": ["redis"], "versioning": "pep440"}]},
            "renovate.json:7: redis in apps/prod/kustomization.yaml: versioning 'pep440' has no counterpart",
        ),
        (
            {"packageRules": [{"matchPackageNames": ["redis"], "allowedVersions": "<{{major}}"}]},
            "renovate.json:7: redis in apps/prod/kustomization.yaml: allowedVersions '<{{major}}' is a template",
        ),
    ],
)
def test_what_has_no_counterpart_is_named_with_file_and_line(settings: dict[str, Any], gap: str) -> None:
    done = written(settings, "nginx:1.27", "redis:7.0")
    assert [found for found in done.gaps if found.startswith(gap)], done.gaps


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["before 6am on monday"], [{"days": ["mon"], "hours": "00:00-06:00"}]),
        (["after 10pm every weekday"], [{"days": ["mon-fri"], "hours": "22:00-24:00"}]),
        (["after 9am and before 5pm every weekday"], [{"days": ["mon-fri"], "hours": "09:00-17:00"}]),
        (["every weekend"], [{"days": ["sat-sun"]}]),
        (["on friday and saturday"], [{"days": ["fri", "sat"]}]),
        (["after 22:30"], [{"hours": "22:30-24:00"}]),
        (["* 0-3 * * 1"], [{"days": ["mon"], "hours": "00:00-04:00"}]),
        (["* 22-23,0-4 * * 1-5"], [{"days": ["mon-fri"], "hours": h} for h in ("22:00-24:00", "00:00-05:00")]),
        (["* * * * 0,6"], [{"days": ["sun", "sat"]}]),
        (["at any time"], None),
    ],
)
def test_a_schedule_becomes_windows(texts: list[str], expected: list[dict[str, Any]] | None) -> None:
    assert windows(tuple(texts), "") == (expected, None)


@pytest.mark.parametrize(
    "text", ["every 2 weeks", "* 0-3 1 * *", "* 0-30 * * *", "0 3 * * *", "before 25:00", "x" * 9999]
)
def test_a_schedule_that_no_window_says_is_named(text: str) -> None:
    assert windows((text,), "") == (None, text)


def test_json5_is_read_with_the_line_of_each_value() -> None:
    found = json5.read(b"// a\n{a: 1, 'b': [true, null, 'x\\n\\u0041'],\n/* c\n */ \"c\": {d: .5,},}\n")
    assert found.at("a").text == "1"
    assert found.at("b").texts == ("true", "x\nA")
    assert (found.at("c", "d").text, found.at("c", "d").line) == (".5", 4)


@pytest.mark.parametrize(
    "text", ["", "{", "{a}", "[1 2]", "/*", "{a: 'x\n'}", "[" * 100, "{a: 1} x", "{:1}", "]", " " * 600_000]
)
def test_json5_that_is_broken_or_too_large_fails_with_a_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"^line [0-9]+: "):
        json5.read(text.encode())


def test_settings_that_cannot_be_read_are_named() -> None:
    files = {"renovate.json": "{", "apps/prod/kustomization.yaml": kustomization("nginx:1.27")}
    with pytest.raises(ConfigError, match=r"renovate\.json:1: this file cannot be read: line 1: a key is missing"):
        migrated(files, "renovate")
