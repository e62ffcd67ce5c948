"""`docs/configuration.md` is what the schema gives, and the reader accepts what it shows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gitops_bot import config
from tests.conftest import PROJECT
from tests.pages import configuration
from tests.pages.configuration import SECTIONS, Section

PAGE = PROJECT / "docs" / "configuration.md"

#: The definition of a section -> the least that the reader accepts as such a mapping.
LEAST: dict[str, dict[str, Any]] = {
    "SemverForm": {"semver": "*"},
    "PatternForm": {"pattern": "a", "order": "numerical"},
    "DigestForm": {"digest": "main"},
    "EnvironmentForm": {"overlays": ["a"]},
    "TargetForm": {"kind": "manifests", "files": ["a.yaml"]},
    "BlueGreenForm": {"service": "s.yaml", "selector": "version", "slots": {"blue": "b.yaml", "green": "g.yaml"}},
    "ReleaseInfoForm": {"file": "r.yaml"},
    "ImagePatternForm": {"repository": "a", "pattern": "(?P<tag>a)"},
    "NamedGroup": {"name": "web", "images": ["a"]},
    "Span": {"days": ["mon"]},
    "CheckForm": {"name": "e2e"},
    "SourceChecks": {"images": {"web": "acme/web"}, "checks": ["test"]},
    "HoldForm": {"until": "2026-12-24", "why": "a"},
}
#: What a key needs beside it.
COMPANY: dict[str, dict[str, Any]] = {
    "soak": {"promote_from": "staging"},
    "artifact_metadata": {"records": "github"},
    "username": {"password_env": "TOKEN"},
    "merge_method": {"auto_merge": True},
    "Window.timezone": {"days": ["mon"]},
    "require_after": {"on_failure": "rollback"},
    "on_failure": {"require_after": ["e2e"]},
    "TargetForm.images": {"kind": "helm"},
    "TargetForm.patterns": {"kind": "pattern"},
    **{
        f"HoldForm.{key}": {"environment": "production"}
        for key in ("image", "except", "from", "until", "timezone", "why")
    },
    **{f"ImageForm.{key}": {"repository": "a", "tag": ".a"} for key in ("registry", "repository", "tag", "digest")},
}
#: The kind of files that a section is about.
KINDS = {"ImageForm": "helm", "ImagePatternForm": "pattern"}
NAMES = {"<name>": "production", "<image>": "web", "<host>": "1.dkr.ecr.eu-west-1.amazonaws.com"}


def with_example(section: Section, key: str, value: Any) -> str:
    """A whole configuration in which that key has that value."""
    tree: dict[str, Any] = {
        "version": 1,
        "policies": {"releases": {"semver": "*"}},
        "environments": {name: {"overlays": [name]} for name in ("staging", "production")},
    }
    if ".require" in section.path or key in ("require", "require_after"):
        tree["environments"]["production"] = {"overlays": ["{app}/production"], "promote_from": "staging"}
        tree["environments"]["staging"] = {"overlays": ["{app}/staging"]}
    here: Any = tree
    for part in section.path.split(".") if section.path else ():
        name = NAMES.get(part, part.removesuffix("[]"))
        if part.endswith("[]"):
            kind = KINDS.get(section.definition)
            here[name] = [{"kind": kind, "files": ["a.yaml"]} if kind else {}]
            here = here[name][0]
        else:
            here = here.setdefault(name, {})
    if section.path == "policies.<name>":
        here.clear()
    company = COMPANY.get(f"{section.definition}.{key}", {})
    if section.definition != "BlueGreenForm":
        company = {**COMPANY.get(key, {}), **company}
    here.update({**LEAST.get(section.definition, {}), **company, **here, key: value})
    return "".join(configuration.example(name, value) for name, value in tree.items())


CASES = [
    pytest.param(section, key, value, id=f"{section.path or 'top'}.{key}-{at}")
    for section in SECTIONS
    for key, property_ in section.schema["properties"].items()
    for at, value in enumerate(property_["examples"])
]


@pytest.mark.parametrize(("section", "key", "value"), CASES)
def test_the_reader_accepts_every_example(section: Section, key: str, value: Any) -> None:
    config.read(with_example(section, key, value), "gitops-bot.yaml")


def test_the_page_is_the_one_that_the_schema_gives() -> None:
    """After a change of the schema: `python -m tests.pages.configuration > docs/configuration.md`."""
    assert PAGE.read_text(encoding="utf-8") == configuration.page()


def test_the_page_has_every_mapping_of_the_schema() -> None:
    assert {section.definition for section in SECTIONS} == {"", *configuration.SCHEMA["$defs"]}


def test_the_reader_accepts_the_whole_file_at_the_top_of_the_page() -> None:
    whole = re.search(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert whole is not None
    assert set(config.read(whole[1], "gitops-bot.yaml").environments) == {"staging", "production"}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_an_optional_key_without_a_default_says_what_holds_without_it(section: Section) -> None:
    silent = [
        key
        for key, property_ in section.schema["properties"].items()
        if key not in section.schema.get("required", ())
        and "default" not in property_
        and "$ref" not in property_
        and not re.search(r"\bWithout it\b|\bdefault\b|`hours` or both", property_["description"])
    ]
    assert silent == []
