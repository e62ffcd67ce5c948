from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.config.schema import schema_text
from gitops_bot.images.reference import is_tag
from tests.config.reading import SCHEMA, is_read, is_valid

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED = PROJECT / "gitops-bot.schema.json"

HEAD = "version: 1\n"
DEV = HEAD + "environments: {dev: {overlays: [dev]}}\n"


def proposed(lines: str) -> str:
    """A file whose one environment says that of its proposals."""
    return HEAD + f"environments: {{a: {{overlays: [a], propose: {{{lines}}}}}}}\n"


def promoted(lines: str) -> str:
    """A file with an environment that says that, after another one, `b`."""
    return HEAD + f"environments: {{b: {{overlays: [b]}}, a: {{overlays: [a], {lines}}}}}\n"


def test_the_published_schema_is_the_one_of_the_code() -> None:
    """After a change of the models: `gitops-bot schema > gitops-bot.schema.json`."""
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()
    assert json.loads(schema_text()) == SCHEMA


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
    assert len(found) == 33
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
  d: {semver: "*", prefer: [-alpine3.20, release-, ""], exclude: -debug$}
  e: {pattern: ^2, order: calver, exclude: [a, "b|c"]}
  n: {pattern: ^2, order: newest, minimum_age: 1d12h}
environments:
  prod.eu-1:
    overlays: ["**/prod", "apps/{app}/x?-*/", ./a, .]
    policy: a
    pin: tag+digest
    on_move: follow
    platforms: [linux/amd64, linux/arm/v7]
    ignore: false
    images:
      ghcr.io/acme/web: {policy: {digest: latest}, pin: digest, on_move: hold, ignore: true}
      "a b:c": {}
    propose:
      as: pull-request
      group:
        - {name: web-1.x, images: ["ghcr.io/acme/web*", "a b:*"], overlays: ["apps/{app}/**"], together: false}
        - {name: rollback, overlays: [.]}
      together: true
      labels: [x, "ümlaut", holder, 1]
      reviewers: [alice, a_b-c, 1x, 12, team:platform, "team:acme/the_platform-2"]
      assignees: [bob]
      draft: false
      refresh_approved: true
      auto_merge: without-checks
      merge_method: rebase
      limit: {open: 1, new_per_hour: 1000}
      schedule:
        - {days: [mon, tuesday-wed, sat-mon], hours: 22:00-06:00, timezone: America/Argentina/Buenos_Aires}
        - {hours: "00:00-24:00"}
        - {days: [sun], timezone: UTC}
        - {not: {days: [fri], hours: "15:00-24:00", timezone: Europe/Berlin}}
        - not: {hours: "22:00-06:00"}
      title: "{{{environment}}}: {group} {summary} {count} {images} {overlays} {source}"
      message: |
        {title}

        {changes} {{}}
holds:
  - {environment: prod.eu-1, image: a b:c, until: 2028-02-29, why: "ümlaut: yes"}
  - {environment: prod.eu-1, until: "2026-12-24T23:59:59.5-23:59", why: 1}
  - {environment: prod.eu-1, until: 2026-12-24 18:00Z, why: fair}
  - {environments: [prod.eu-1], except: [a b:c], from: "2026-12-19T18:00", until: 2026-12-24, timezone: UTC, why: fair}
  - {environments: all, from: 2026-12-19T18:00Z, until: 2026-12-24T18:00, timezone: Europe/Berlin, why: fair}
registries:
  ghcr.io: {username: bot, password_env: _T1}
  "[::1]:5000": {plain_http: true, concurrency: 64, rate: 0.5}
  registry:5000: {}
  localhost: {}
""",
    "a promotion in every word": promoted("promote_from: b, match: revision, tag: release, soak: 1d2h3m4s"),
    "a promotion in other words": promoted("promote_from: b, match: digest, tag: source, soak: 0"),
    "no soaking, as a text": promoted("promote_from: b, soak: '0'"),
    "a promotion by hand": promoted("match: revision, tag: release"),
    "from a number": HEAD + "environments: {1.5: {overlays: [a]}, b: {overlays: [b], promote_from: 1.5}}",
    "numbers as texts": DEV + "branch: 1.0\npolicies: {1.5: {digest: 1.10}, 2: {semver: 1.2}}",
    "a version with a point": "version: 1.0\nenvironments: {dev: {overlays: [dev]}}",
    "a commit, and what says nothing beside it": proposed(
        "as: commit, group: environment, together: false, labels: [], reviewers: [], assignees: [], draft: false, "
        "refresh_approved: false, auto_merge: false, schedule: [{days: [mon]}], title: a, message: b"
    ),
    "a draft that does not merge": proposed("draft: true, auto_merge: false"),
    "neither a draft": proposed("draft: false, auto_merge: true"),
    "one limit": proposed("limit: {open: 1.0}"),
    "the longest title": proposed(f"title: {'x' * 200}"),
    "the longest message": proposed(f"message: {'x' * 10_000}"),
    "a reason of blanks and a word": DEV + "holds: [{environment: dev, until: 2026-12-24, why: ' x '}]",
    "a password without a user": DEV + "registries: {ghcr.io: {password_env: X}}",
    "a whole number with a point": DEV + "registries: {ghcr.io: {concurrency: 4.0}}",
    "a hexadecimal number": DEV + "registries: {ghcr.io: {concurrency: 0x10}}",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_schema_and_reader_accept(text: str) -> None:
    assert (is_valid(text), is_read(text)) == (True, True)


@given(st.text(alphabet="aA0_.-/:@ é", max_size=8))
def test_the_tags_of_schema_and_grammar_are_the_same(tag: str) -> None:
    """Without line breaks: before the last one, `$` matches in Python, though not in JSON Schema (ECMA 262)."""
    text = DEV + f"policies: {{a: {{digest: {json.dumps(tag)}}}}}"
    assert is_read(text) == is_valid(text) == is_tag(tag)
