"""What `plan` and `check` end with: short, and every line that they offer does what they say."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from gitops_bot import config
from gitops_bot.images import inference
from gitops_bot.images.reason import Unmanaged, unmanaged
from gitops_bot.images.reference import ImageName, Pin
from gitops_bot.releases.decisions import Managed
from gitops_bot.releases.layout import coverage
from gitops_bot.releases.layout.coverage import Coverage, Outside, OutsideEntries
from gitops_bot.report import document
from gitops_bot.report.configuration import print_coverage, rule_for
from gitops_bot.report.screen import Screen
from gitops_bot.results.checkout import Checked
from gitops_bot.results.result import Head, Result
from tests.managed import managed

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Managed

DIGEST = "sha256:" + "0" * 64
#: What may be pinned where nothing says which tags to look at, and what people can then still mean.
PINS = {
    "commit": Pin("sha-0552453"),
    "counter": Pin("5.1.4-r3-ls453"),
    "digits": Pin("5093472"),
    "major": Pin("15-alpine"),
    "no_tag": Pin("${TAG}"),
    "number": Pin("alpine-3"),
    "ticket": Pin("pr-12"),
    "unordered": Pin("latest"),
    "year": Pin("2022"),
    "digest": Pin(None, DIGEST),
    "nothing": Pin(),
    "a version": Pin("v1.4.2"),
    "a pre-release": Pin("2.0.0-rc.1"),
    "a build": Pin("main-57"),
    "a major version with its digest": Pin("3", DIGEST),
}


@dataclass(frozen=True)
class Pinned:
    name: str
    image: ImageName | None
    pin: Pin


def outside(folders: dict[str, int], skipped: int = 0) -> Outside:
    return Outside(tuple(OutsideEntries(folder, None, count) for folder, count in folders.items()), skipped)


def entry(name: str, environment: str = "dev", app: str = "web") -> Managed:
    overlay = f"apps/{app}/overlays/{environment}"
    return managed(environment, overlay, f"{overlay}/kustomization.yaml", 2, name, name)


def shown(found: Coverage, width: int | None = None) -> list[str]:
    out = StringIO()
    print_coverage(found, Screen(out, width))
    return out.getvalue().splitlines()


def pasted(line: str, overlays: str = "dev") -> config.Config:
    """The configuration, with the line put where it belongs."""
    found = re.fullmatch(r"    add under `([^`]+)`: (.*)", line)
    assert found is not None, line
    _, *path = found[1].split(".")
    if not path:
        return config.read(f"version: 1\nenvironments:\n  {found[2]}\n", "f.yaml")
    text = f"version: 1\nenvironments:\n  {path[0]}:\n    overlays: [{overlays}]\n"
    text += f"    images:\n      {found[2]}\n" if path[1:] == ["images"] else f"    {found[2]}\n"
    return config.read(text, "f.yaml")


@pytest.mark.parametrize("pin", PINS.values(), ids=PINS)
@pytest.mark.parametrize("why", ["inferred", "no policy", "not in the source"])
@pytest.mark.parametrize("name", ["ghcr.io/acme/web", "localhost:5000/web", "yes", "123", 'a "b": #{c}'])
def test_the_line_that_is_offered_makes_the_entry_managed(pin: Pin, why: str, name: str) -> None:
    reason: Unmanaged
    match why, inference.infer(pin):
        case "inferred", Unmanaged() as inferred:
            reason = inferred
        case "inferred", _:
            return  # it is managed
        case "no policy", _:
            reason = unmanaged("no_policy", "dev")
        case _:
            reason = unmanaged("not_in_source", "dev", "staging")
    found = coverage.cover([(entry(name), pin, reason)], Outside(), inferred=why == "inferred")
    _, first, group, answer = shown(found)
    assert first.startswith("entries")
    assert group.startswith("  1 unmanaged: ")
    read = pasted(answer)
    assert why != "inferred" or read.environments["dev"].overlays == ("apps/web/overlays/dev",)
    rules = read.environments["dev"].rules(Pinned(name, None, pin))
    assert rules.policy is not None or rules.ignore


def test_every_reason_is_one_line_with_samples_and_one_to_add() -> None:
    latest = inference.infer(Pin("latest"))
    assert isinstance(latest, Unmanaged)
    many = [
        (entry(f"ghcr.io/acme/app{number}", environment, f"app{number}"), Pin("latest"), latest)
        for number in range(70)
        for environment in ("dev", "staging", "prod")
    ]
    ignored = [(entry("postgres", environment), Pin("16"), "ignored") for environment in ("dev", "prod")]
    folders = {f"apps/app{number}/base": 1 for number in range(70)} | {"platform/redis": 2, "platform/n8n": 1}
    assert shown(coverage.cover([*many, *ignored], outside(folders), inferred=True)) == [
        "",
        "entries, inferred without a gitops-bot.yaml: 0 tracked, 2 ignored, 210 unmanaged, 73 in no environment",
        "  2 ignored: postgres, in dev and prod",
        "  210 unmanaged: the tag has no order: app0, app1, app2 and 67 more, in dev, staging and prod",
        '    add under `environments`: dev: {overlays: ["apps/*/overlays/dev"], policy: {digest: latest}}',
        "  73 in no environment: apps/*/base and platform/*",
        '    add under `environments`: platform: {overlays: ["platform/*"]}',
    ]


def test_a_narrow_terminal_folds_all_but_what_is_to_be_copied() -> None:
    each = [
        (entry(f"ghcr.io/acme/{name}", "qa"), Pin("v1.4.2"), unmanaged("no_policy", "qa"))
        for name in ("web", "api", "job")
    ]
    assert shown(coverage.cover(each, outside({"tools": 1}), inferred=False), width=40) == [
        "",
        "entries: 0 tracked, 3 unmanaged, 1 in no",
        "  environment",
        "  3 unmanaged: qa has no `policy`: web,",
        "    api and job, in qa",
        '    add under `environments.qa`: policy: {semver: "^1"}',
        "  1 in no environment: tools",
        '    add under `environments`: tools: {overlays: ["tools"]}',
    ]


@pytest.mark.parametrize(
    ("folders", "line"),
    [
        ({"apps/a/overlays/local": 1, "apps/b/overlays/local": 1}, 'local: {overlays: ["apps/*/overlays/local"]}'),
        ({"base": 1}, 'base: {overlays: ["base"]}'),
        ({".": 1}, 'other: {overlays: ["."]}'),
        ({"clusters/prod eu/a": 1, "clusters/prod eu/b": 1}, 'prod-eu: {overlays: ["clusters/prod eu/*"]}'),
    ],
)
def test_what_is_in_no_environment_can_be_claimed_by_the_line(folders: dict[str, int], line: str) -> None:
    lines = shown(coverage.cover([], outside(folders), inferred=False))
    assert lines[-1] == f"    add under `environments`: {line}"
    assert pasted(lines[-1]).environments


def test_a_repository_without_entries_is_told_in_one_line() -> None:
    found = coverage.cover([], Outside(), inferred=True)
    assert shown(found) == ["", "entries: none; no file here pins an image"]
    shown_as_json = document.of("check", Result(Head(), Checked(0, found)), datetime.now(UTC))["coverage"]
    assert [shown_as_json.pop(name) for name in ("outside", "unread", "unread_files")] == [[], [], []]
    assert set(shown_as_json.values()) == {0}


def test_what_others_wrote_breaks_no_line_and_is_cut() -> None:
    names = ["a\nerror: b", "c\x1b[31m", "d" * 5000]
    each = [(entry(name, "dev\n::error::"), Pin("x\ny"), unmanaged("no_policy", "dev\n::error::")) for name in names]
    lines = shown(coverage.cover(each, outside({"x\ny": 1}, skipped=3), inferred=False))
    assert len(lines) == 7
    assert all(line.isprintable() and len(line) < 600 for line in lines)


@pytest.mark.parametrize(
    ("tag", "like", "unlike"),
    [
        ("sha-0552453", "sha-9c68c4a", "sha-9c68c4a1"),
        ("0552453aa98c68c4a0552453aa98c68c4a055245", "a" * 40, "a" * 39),
        ("develop-9c68c4a", "develop-1234567", "main-1234567"),
    ],
)
def test_a_commit_is_followed_by_the_newest_build_of_the_same_form(tag: str, like: str, unlike: str) -> None:
    match = re.fullmatch(r'policy: \{pattern: ("\^.+\$"), order: newest\}', rule_for(Pin(tag)))
    assert match is not None
    expression = re.compile(json.loads(match[1]))
    assert [bool(expression.search(one)) for one in (tag, like, unlike)] == [True, True, False]
