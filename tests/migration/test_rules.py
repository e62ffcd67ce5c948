"""Expressions of other tools, as expressions of ours; and bounds on what may be read."""

from __future__ import annotations

import pytest

from gitops_bot.migration import rules
from gitops_bot.targets import yaml_values as placed
from tests.migration.trees import kustomization, written


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("^(?P<a>x)-(?<b>y)$", "^(?:x)-(?:y)$"),
        (r"\(?P<a>", r"\(?P<a>"),
        ("[(?P<a>]+(b)", "[(?P<a>]+(b)"),
        ("[]()]+(?P<x>b)", "[]()]+(?:b)"),
        ("(?i)(?:a)", "(?i)(?:a)"),
    ],
)
def test_groups_lose_their_names(pattern: str, plain: str) -> None:
    assert rules.without_names(pattern) == plain
    if rules.compiles(pattern) is None:
        assert rules.compiles(plain) is None


@pytest.mark.parametrize(
    ("group", "keyed"),
    [("b", "^(?:x)-(?P<b>y)-(?:z)$"), ("1", "^(?P<a>x)-(?:y)-(?:z)$"), ("3", "^(?:x)-(?:y)-(?P<key>z)$"), ("4", None)],
)
def test_one_group_is_the_key(group: str, keyed: str | None) -> None:
    assert rules.with_key("^(?P<a>x)-(?P<b>y)-(z)$", group) == keyed


@pytest.mark.parametrize(
    ("glob", "expression"),
    [("v1.*", r"^v1\..*$"), ("?", "^.$"), ("[a-c]x", "^[a-c]x$"), (r"\*", r"^\*$"), ("[", r"^\[$")],
)
def test_a_glob_becomes_an_expression(glob: str, expression: str) -> None:
    assert rules.of_glob(glob) == expression
    assert rules.compiles(expression) is None


@pytest.mark.parametrize("text", ["a: [", "a: " + "[" * 100, "- " * 100 + "x", "[" + "a, " * 30_000 + "]", "a: *b"])
def test_a_manifest_that_cannot_be_read_within_bounds_is_none(text: str) -> None:
    assert placed.documents(text) is None


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read() -> None:
    files = {
        "broken.yaml": "kind: [\n# argoproj.io/\n",
        "app.yaml": """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  annotations: {argocd-image-updater.argoproj.io/image-list: web}
spec: {source: {path: prod}}
""",
        "prod/kustomization.yaml": kustomization("web:1.0.0"),
    }
    gaps = written(files, "argocd-image-updater").gaps
    assert gaps[-1].startswith("broken.yaml:1: this file cannot be read as YAML")


def test_an_alias_that_holds_itself_ends() -> None:
    (document,) = placed.documents("&a {b: *a, c: [*a]}") or ()
    assert document.at("b").empty
