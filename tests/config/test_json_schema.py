from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

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


class Core(SafeConstructor):
    """YAML 1.2 has no type for dates: they are texts."""


Core.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def is_valid(text: str) -> bool:
    """As an editor sees it: YAML 1.2 loaded as plain data of JSON, then the schema."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = Core
    return VALIDATOR.is_valid(json.loads(json.dumps(yaml.load(text))))


def proposed(lines: str) -> str:
    """A file whose one environment says that of its proposals."""
    return HEAD + f"environments: {{a: {{overlays: [a], propose: {{{lines}}}}}}}\n"


def promoted(lines: str) -> str:
    """A file with an environment that says that, after another one, `b`."""
    return HEAD + f"environments: {{b: {{overlays: [b]}}, a: {{overlays: [a], {lines}}}}}\n"


def held(lines: str) -> str:
    """A file with one hold."""
    return DEV + f"holds: [{{{lines}}}]\n"


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
    assert len(found) == 32
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
    "a reason of blanks and a word": held("environment: dev, until: 2026-12-24, why: ' x '"),
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
    "not built yet": HEAD + "environments: {a: {overlays: [a], verify: cosign}}",
    "a promotion of an image": HEAD + "environments: {a: {overlays: [a], images: {b: {promote_from: a}}}}",
    "a promotion from nowhere": promoted("promote_from: a b"),
    "a promotion from two": promoted("promote_from: [dev, b]"),
    "another match": promoted("promote_from: b, match: tag"),
    "a revision without a version": promoted("promote_from: b, match: revision"),
    "a revision by the tag of the source": promoted("match: revision, tag: source"),
    "another tag": promoted("promote_from: b, tag: latest"),
    "soaking nowhere": promoted("soak: 2h"),
    "soaking for a number": promoted("promote_from: b, soak: 2"),
    "soaking for words": promoted("promote_from: b, soak: 2 hours"),
    "soaking for nothing": promoted("promote_from: b, soak: ''"),
    "soaking backwards": promoted("promote_from: b, soak: 5m2h"),
    "soaking less than no time": promoted("promote_from: b, soak: -1h"),
    "a family beside a pattern": DEV + "policies: {a: {semver: '*', pattern: x, prefer: -a}}",
    "a family in words": DEV + "policies: {a: {semver: '*', prefer: alpine}}",
    "a family twice": DEV + "policies: {a: {semver: '*', prefer: [-a, -a]}}",
    "nothing excluded": DEV + "policies: {a: {semver: '*', exclude: []}}",
    "a null": DEV + "branch: ~",
    "a truth for a text": DEV + "branch: true",
    "a bad branch": DEV + "branch: a..b",
    "a bad repository": DEV + "repository: https://a:b@c/d",
    "a truth of YAML 1.1": HEAD + "environments: {a: {overlays: [a], ignore: yes}}",
    "a pin that is none": HEAD + "environments: {a: {overlays: [a], pin: tags}}",
    "an image of nothing": HEAD + "environments: {a: {overlays: [a], images: {b: }}}",
    "an image with overlays": HEAD + "environments: {a: {overlays: [a], images: {b: {overlays: [a]}}}}",
    **{
        f"{key} on a commit": proposed(f"as: commit, {key}: {value}")
        for key, value in {
            "group": "overlay",
            "together": "true",
            "labels": "[a]",
            "reviewers": "[a]",
            "assignees": "[a]",
            "draft": "true",
            "refresh_approved": "true",
            "auto_merge": "without-checks",
            "merge_method": "merge",
            "limit": "{open: 1}",
        }.items()
    },
    "groups by name on a commit": proposed("as: commit, group: [{name: a, images: [b]}]"),
    "a draft that merges": proposed("draft: true, auto_merge: without-checks"),
    "a method that nothing merges by": proposed("merge_method: merge"),
    "a method beside no merging": proposed("merge_method: merge, auto_merge: false"),
    "another grouping": proposed("group: team"),
    "no groups": proposed("group: []"),
    "a group of nothing": proposed("group: [{name: a}]"),
    "a group of no images": proposed("group: [{name: a, images: []}]"),
    "a group without a name": proposed("group: [{images: [a]}]"),
    "a group like the default": proposed("group: [{name: All, images: [a]}]"),
    "a group like a rollback": proposed("group: [{name: Rollback.a, images: [a]}]"),
    "a group with labels": proposed("group: [{name: a, images: [a], labels: [b]}]"),
    "together as a word": proposed("together: yes"),
    "the label of a hold": proposed("labels: [Hold]"),
    "the label that hands back": proposed("labels: [hand-back]"),
    "a person with an at sign": proposed("reviewers: ['@alice']"),
    "a team without a name": proposed("reviewers: ['team:']"),
    "a team for an assignee": proposed("assignees: ['team:platform']"),
    "too many assignees": proposed(f"assignees: [{', '.join(f'a{number}' for number in range(11))}]"),
    "another word for merging": proposed("auto_merge: always"),
    "merging in quotes": proposed("auto_merge: 'true'"),
    "another method": proposed("auto_merge: true, merge_method: fast-forward"),
    "a limit of nothing": proposed("limit: {}"),
    "a limit of none": proposed("limit: {open: 0}"),
    "a limit without end": proposed("limit: {new_per_hour: 1001}"),
    "an empty schedule": proposed("schedule: []"),
    "a window of nothing": proposed("schedule: [{timezone: UTC}]"),
    "a window of no days": proposed("schedule: [{days: []}]"),
    "a day that is none": proposed("schedule: [{days: [mo]}]"),
    "days with capitals": proposed("schedule: [{days: [Mon-Fri]}]"),
    "hours of one digit": proposed("schedule: [{hours: 9:00-17:00}]"),
    "hours that are none": proposed("schedule: [{hours: 24:00-09:00}]"),
    "hours of no length": proposed("schedule: [{hours: 09:00-09:00}]"),
    "a zone by its offset": proposed("schedule: [{days: [mon], timezone: +02:00}]"),
    "the zone of the machine": proposed("schedule: [{days: [mon], timezone: localtime}]"),
    "an unknown field": proposed("title: '{sumary}'"),
    "a field of messages in a title": proposed("title: '{title}'"),
    "a format of a field": proposed("title: '{count:>10}'"),
    "a brace that is open": proposed("message: 'a {'"),
    "a brace that is closed": proposed("message: 'a }}}'"),
    "a trailer": proposed('message: "{title}\\n\\nGitops-Bot-Plan: 1 a b policy"'),
    "a title of two lines": proposed('title: "a\\nb"'),
    "a window in which none is": proposed("schedule: [{days: [mon], not: {days: [tue]}}]"),
    "a span of nothing": proposed("schedule: [{not: {timezone: UTC}}]"),
    "a span in a span": proposed("schedule: [{not: {not: {days: [mon]}}}]"),
    "spans in a list": proposed("schedule: [{not: [{days: [mon]}]}]"),
    "a zone of a span": proposed("schedule: [{not: {days: [mon]}, timezone: UTC}]"),
    "a title of a separator": proposed('title: "a\\u2028b"'),
    "a title too long": proposed(f"title: {'x' * 201}"),
    "a title of nothing": proposed("title: '  '"),
    "a message too long": proposed(f"message: {'x' * 10_001}"),
    "a message that begins with nothing": proposed('message: "\\n{title}"'),
    "a hold of nothing": held(""),
    "a hold without an environment": held("until: 2026-12-24, why: a"),
    "a hold without an end": held("environment: dev, why: a"),
    "a hold without a reason": held("environment: dev, until: 2026-12-24"),
    "a hold of blanks": held("environment: dev, until: 2026-12-24, why: ' '"),
    "a hold of two lines": held('environment: dev, until: 2026-12-24, why: "a\\nb"'),
    "a hold until a number": held("environment: dev, until: 2026, why: a"),
    "a hold until no month": held("environment: dev, until: 2026-13-01, why: a"),
    "a hold until an hour of nowhere": held("environment: dev, until: 2026-12-24T18:00:00, why: a"),
    "a hold from an hour of nowhere": held("environment: dev, from: 2026-12-23T18:00, until: 2026-12-24, why: a"),
    "a hold of a zone for nothing": held("environment: dev, until: 2026-12-24T18:00Z, timezone: UTC, why: a"),
    "a hold in a zone of no name": held("environment: dev, until: 2026-12-24, timezone: +01:00, why: a"),
    "a hold of environments in two ways": held("environment: dev, environments: all, until: 2026-12-24, why: a"),
    "a hold of no environments": held("environments: [], until: 2026-12-24, why: a"),
    "a hold with no exceptions": held("environment: dev, except: [], until: 2026-12-24, why: a"),
    "a hold of an image with exceptions": held("environment: dev, image: a, except: [b], until: 2026-12-24, why: a"),
    "holds as a mapping": DEV + "holds: {environment: dev, until: 2026-12-24, why: a}",
    "a label too long": HEAD + f"environments: {{a: {{overlays: [a], propose: {{labels: [{'a' * 51}]}}}}}}",
    "a policy of nothing": DEV + "policies: {a: {}}",
    "a policy as a text": DEV + "policies: {a: '>=1'}",
    "two policies in one": DEV + "policies: {a: {semver: ^1, digest: main}}",
    "a pattern without order": DEV + "policies: {a: {pattern: x}}",
    "random": DEV + "policies: {a: {pattern: x, order: random}}",
    "no platform": HEAD + "environments: {a: {overlays: [a], platforms: [amd64]}}",
    "no platforms": HEAD + "environments: {a: {overlays: [a], platforms: []}}",
    "a platform in capitals": HEAD + "environments: {a: {overlays: [a], platforms: [Linux/amd64]}}",
    "an age of no unit": DEV + "policies: {a: {semver: ^1, minimum_age: 3}}",
    "the age of a tag": DEV + "policies: {a: {digest: main, minimum_age: 3d}}",
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
    "a glob that says a name twice": HEAD + "environments: {a: {overlays: ['{b}/{b}']}}",
    "groups that make one branch": proposed("group: [{name: a.b, images: [a]}, {name: A-b, images: [c]}]"),
    "no such time zone": proposed("schedule: [{days: [mon], timezone: Europe/Berln}]"),
    "no such time zone of a span": proposed("schedule: [{not: {days: [mon], timezone: Europe/Berln}}]"),
    "promoted from no environment": promoted("promote_from: c"),
    "promoted from itself": promoted("promote_from: a"),
    "promoted in a circle": HEAD
    + "environments: {a: {overlays: [a], promote_from: b}, b: {overlays: [b], promote_from: a}}",
    "soaking for years": promoted("promote_from: b, soak: 367d"),
    "no such environment": held("environment: production, until: 2026-12-24, why: a"),
    "no such environments": held("environments: [dev, production], until: 2026-12-24, why: a"),
    "a hold that ends before it begins": held("environment: dev, from: 2026-12-25, until: 2026-12-24, why: a"),
    "a hold in no such zone": held("environment: dev, until: 2026-12-24, timezone: Europe/Berln, why: a"),
    "no such day": held("environment: dev, until: 2026-02-30, why: a"),
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
