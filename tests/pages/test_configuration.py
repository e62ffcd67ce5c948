"""`docs/configuration.md` is what the schema gives, and the reader accepts what it shows."""

from __future__ import annotations

import re

import pytest

from gitops_bot import config
from gitops_bot.config import commits, form, form_policy, form_target, propose, require, validation
from gitops_bot.config.document import parse
from gitops_bot.config.schema import schema
from tests.conftest import PROJECT
from tests.pages import configuration
from tests.pages.configuration import SECTIONS, Section

PAGE = PROJECT / "docs" / "configuration.md"
SCHEMA = schema()

MODULES = (commits, form, form_policy, form_target, propose, require)
NAMES = ("ConfigForm", *SCHEMA["$defs"])
FORMS = [
    getattr(module, name) for name in ("ConfigForm", *SCHEMA["$defs"]) for module in MODULES if name in vars(module)
]


@pytest.mark.parametrize("own", dict.fromkeys(FORMS), ids=lambda own: own.__name__)
def test_the_reader_accepts_every_example(own: type) -> None:
    for key, setting in validation.settings_of(own).items():
        assert setting.about is not None
        for value in setting.about.examples:
            document = parse(f"{key}: {validation.flow(value)}\n", "gitops-bot.yaml")
            assert validation.read(document, setting.hint, (key,)) is not None, (key, document.problems)
            assert document.problems == []


def test_the_page_is_the_one_that_the_schema_gives() -> None:
    """After a change of the schema: `python -m tests.pages.configuration > docs/configuration.md`."""
    assert PAGE.read_text(encoding="utf-8") == configuration.page()


def test_the_page_has_every_mapping_of_the_schema() -> None:
    assert {section.definition for section in SECTIONS} == {"", *SCHEMA["$defs"]}


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
