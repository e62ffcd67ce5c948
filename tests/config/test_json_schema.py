from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_bot import config
from gitops_bot.errors import ConfigError
from gitops_bot.images.reference import is_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED = PROJECT / "gitops-bot.schema.json"

SCHEMA = config.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

HEAD = "version: 1\n"
DEV = HEAD + "environments: {dev: {overlays: [dev]}}\n"


def is_read(text: str) -> bool:
    try:
        config.read(text, "f.yaml")
    except ConfigError:
        return False
    return True


def is_valid(text: str) -> bool:
    """As an editor sees it: YAML 1.2 loaded as plain data of JSON, then the schema."""
    return VALIDATOR.is_valid(json.loads(json.dumps(YAML(typ="safe", pure=True).load(text))))


def test_the_published_schema_is_the_one_of_the_code() -> None:
    """After a change of the models: `gitops-bot schema > gitops-bot.schema.json`."""
    assert PUBLISHED.read_text(encoding="utf-8") == config.schema_text()
    assert json.loads(config.schema_text()) == SCHEMA


def test_the_schema_is_a_json_schema_of_2020_12_that_says_what_it_is() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "urn:gitops-bot:config:1"
    assert SCHEMA["title"] == "gitops-bot.yaml"


def _keys() -> Iterator[tuple[str, dict[str, Any]]]:
    for place, form in (("", SCHEMA), *SCHEMA["$defs"].items()):
        for key, property_ in form["properties"].items():
            yield f"{place}.{key}", property_


KEYS = list(_keys())


@pytest.mark.parametrize(("key", "property_"), KEYS, ids=[key for key, _ in KEYS])
def test_every_key_is_explained_and_its_examples_are_right(key: str, property_: dict[str, Any]) -> None:
    assert property_["description"].endswith(".")
    assert property_["examples"]
    resolved = jsonschema.Draft202012Validator({**property_, "$defs": SCHEMA["$defs"]})
    for value in (*property_["examples"], *([property_["default"]] if "default" in property_ else [])):
        resolved.validate(value)


def test_no_mapping_of_the_schema_is_open() -> None:
    def mappings(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            if node.get("type") == "object":
                yield node
            for value in node.values():
                yield from mappings(value)
        elif isinstance(node, list):
            for value in node:
                yield from mappings(value)

    found = list(mappings(SCHEMA))
    assert len(found) == 12
    assert all(mapping["additionalProperties"] is False for mapping in found)


def test_the_example_of_the_project_is_right() -> None:
    text = (PROJECT / "manifests-example" / "gitops-bot.yaml").read_text(encoding="utf-8")
    assert is_read(text)
    assert is_valid(text)


ACCEPTED = {
    "the least": DEV,
    "all there is": """\
version: 1
repository: git@github.com:acme/deploy.git
branch: release/1.x
policies:
  a: {semver: ">=1", prereleases: true, pattern: "^v"}
  b: {pattern: "^b-(?P<n>[0-9]+)$", order: alphabetical}
  c: {digest: main}
environments:
  prod.eu-1:
    overlays: ["**/prod", "apps/{app}/x?-*/", ./a, .]
    policy: a
    pin: tag+digest
    on_move: follow
    ignore: false
    images:
      ghcr.io/acme/web: {policy: {digest: latest}, pin: digest, on_move: hold, ignore: true}
      "a b:c": {}
    propose: {as: pull-request, labels: [x, "ümlaut"]}
registries:
  ghcr.io: {username: bot, password_env: _T1}
  "[::1]:5000": {plain_http: true, concurrency: 64, rate: 0.5}
  registry:5000: {}
  localhost: {}
""",
    "numbers as texts": DEV + "branch: 1.0\npolicies: {1.5: {digest: 1.10}, 2: {semver: 1.2}}",
    "a version with a point": "version: 1.0\nenvironments: {dev: {overlays: [dev]}}",
    "commit without labels": HEAD + "environments: {a: {overlays: [a], propose: {as: commit, labels: []}}}",
    "a password without a user": DEV + "registries: {ghcr.io: {password_env: X}}",
    "a whole number with a point": DEV + "registries: {ghcr.io: {concurrency: 4.0}}",
    "a hexadecimal number": DEV + "registries: {ghcr.io: {concurrency: 0x10}}",
}

REFUSED = {
    "nothing": "",
    "a list": "[]",
    "no version": "environments: {dev: {overlays: [dev]}}",
    "a version in quotes": "version: '1'\nenvironments: {dev: {overlays: [dev]}}",
    "another version": "version: 2\nenvironments: {dev: {overlays: [dev]}}",
    "no environments": HEAD,
    "none of them": HEAD + "environments: {}",
    "an environment of nothing": HEAD + "environments: {a: }",
    "no overlays": HEAD + "environments: {a: {}}",
    "an empty list of overlays": HEAD + "environments: {a: {overlays: []}}",
    "one overlay": HEAD + "environments: {a: {overlays: a}}",
    "an overlay that is none": HEAD + "environments: {a: {overlays: [../a]}}",
    "an overlay that is a truth": HEAD + "environments: {a: {overlays: [true]}}",
    "a bad name": HEAD + "environments: {a b: {overlays: [a]}}",
    "an unknown key": DEV + "colour: red",
    "a key of another place": HEAD + "environments: {a: {overlays: [a], labels: [x]}}",
    "not built yet": HEAD + "environments: {a: {overlays: [a], promote_from: b}}",
    "a null": DEV + "branch: ~",
    "a truth for a text": DEV + "branch: true",
    "a bad branch": DEV + "branch: a..b",
    "a bad repository": DEV + "repository: https://a:b@c/d",
    "a truth of YAML 1.1": HEAD + "environments: {a: {overlays: [a], ignore: yes}}",
    "a pin that is none": HEAD + "environments: {a: {overlays: [a], pin: tags}}",
    "an image of nothing": HEAD + "environments: {a: {overlays: [a], images: {b: }}}",
    "an image with overlays": HEAD + "environments: {a: {overlays: [a], images: {b: {overlays: [a]}}}}",
    "labels on a commit": HEAD + "environments: {a: {overlays: [a], propose: {as: commit, labels: [a]}}}",
    "a label too long": HEAD + f"environments: {{a: {{overlays: [a], propose: {{labels: [{'a' * 51}]}}}}}}",
    "a policy of nothing": DEV + "policies: {a: {}}",
    "a policy as a text": DEV + "policies: {a: '>=1'}",
    "two policies in one": DEV + "policies: {a: {semver: ^1, digest: main}}",
    "a pattern without order": DEV + "policies: {a: {pattern: x}}",
    "newest": DEV + "policies: {a: {pattern: x, order: newest}}",
    "a bad tag": DEV + "policies: {a: {digest: a/b}}",
    "a bad host": DEV + "registries: {'https://ghcr.io': {}}",
    "a host without a dot": DEV + "registries: {ghcr: {}}",
    "a password": DEV + "registries: {ghcr.io: {password: x}}",
    "a token for a variable": DEV + "registries: {ghcr.io: {password_env: ghp_x}}",
    "a user without a password": DEV + "registries: {ghcr.io: {username: x}}",
    "a count of none": DEV + "registries: {ghcr.io: {concurrency: 0}}",
    "half a count": DEV + "registries: {ghcr.io: {concurrency: 1.5}}",
    "a rate of none": DEV + "registries: {ghcr.io: {rate: 0}}",
}

#: What a schema cannot say: the reader knows more.
ONLY_THE_READER_REFUSES = {
    "no such policy": HEAD + "environments: {a: {overlays: [a], policy: b}}",
    "a wrong range": DEV + "policies: {a: {semver: '>=1.x.y'}}",
    "a wrong expression": DEV + "policies: {a: {pattern: '(', order: semver}}",
    "names that make one branch": HEAD + "environments: {a.b: {overlays: [a]}, a-b: {overlays: [b]}}",
    "one registry twice": DEV + "registries: {docker.io: {}, index.docker.io: {}}",
    "one image twice": HEAD + "environments: {a: {overlays: [a], images: {nginx: {}, docker.io/nginx: {}}}}",
    "a digest that is not pinned": HEAD + "environments: {a: {overlays: [a], pin: tag, policy: {digest: b}}}",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_schema_and_reader_accept(text: str) -> None:
    assert (is_valid(text), is_read(text)) == (True, True)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_schema_and_reader_refuse(text: str) -> None:
    assert (is_valid(text), is_read(text)) == (False, False)


@pytest.mark.parametrize("text", ONLY_THE_READER_REFUSES.values(), ids=ONLY_THE_READER_REFUSES.keys())
def test_only_the_reader_refuses(text: str) -> None:
    assert (is_valid(text), is_read(text)) == (True, False)


@given(st.text(alphabet="aA0_.-/:@ é", max_size=8))
def test_the_tags_of_schema_and_grammar_are_the_same(tag: str) -> None:
    """Without line breaks: before the last one, `$` matches in Python, though not in JSON Schema (ECMA 262)."""
    text = DEV + f"policies: {{a: {{digest: {json.dumps(tag)}}}}}"
    assert is_read(text) == is_valid(text) == is_tag(tag)
