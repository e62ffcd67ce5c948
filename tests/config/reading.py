"""What the configuration's reader says of a text, and what its schema does."""

from __future__ import annotations

import json

import jsonschema
import pytest
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from gitops_bot import config
from gitops_bot.config.schema import schema
from gitops_bot.errors import ConfigError

SCHEMA = schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class Core(SafeConstructor):
    """YAML 1.2 has no type for dates: they are texts."""


Core.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def is_valid(text: str) -> bool:
    """As an editor sees it: YAML 1.2 loaded as plain data of JSON, then the schema."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Core
    try:
        return VALIDATOR.is_valid(json.loads(json.dumps(yaml.load(text))))
    except (YAMLError, TypeError):
        return False


def is_read(text: str) -> bool:
    try:
        config.read(text, "f.yaml")
    except ConfigError:
        return False
    return True


def told(text: str) -> list[str]:
    """Every problem of a text as `line:column message / next`."""
    with pytest.raises(ConfigError) as caught:
        config.read(text, "f.yaml")
    problems = caught.value.problems
    assert all(problem.code == "failed.config" and problem.file == "f.yaml" and problem.next for problem in problems)
    return [f"{problem.line}:{problem.column} {problem.message} / {problem.next}" for problem in problems]
