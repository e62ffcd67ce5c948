"""`docs/configuration.md`, generated from the JSON Schema of `gitops-bot.yaml`.

python -m tests.pages.configuration > docs/configuration.md
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.config import form_target, leaves, times
from gitops_bot.config.schema import schema
from gitops_bot.config.validation import flow

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
SCHEMA: Schema = schema()

INTRODUCTION = """\
# Configuration

<!-- Generated from the schema: python -m tests.pages.configuration > docs/configuration.md -->

This page lists every key of `gitops-bot.yaml`, with its type, its default and an example. Put the file at the root of
the manifest repository. `gitops-bot check` validates it and reports every mistake with file, line and column. An
unknown key is an error.

**Which file is used.** Every command that talks to the remote reads the file on the remote's default branch, or the one
that you pass with `--config`. Only `check` reads the file in your checkout. If the two differ, `plan` says so at the
top; `gitops-bot plan --config gitops-bot.yaml` plans with yours.

**Which repository is used.** The first of these that exists: `--repository`, `repository:` in the file of `--config`,
the origin of the checkout. If the file on the branch names a repository other than the origin (a fork, a copy), the
command asks for `--repository`. `--repository team/web` is OWNER/NAME on the server, also beside a folder of that name,
which is `./team/web`. If your manifests are on another branch, put a file with `branch:` on the default branch.

**If HEAD of the remote names no branch that exists**, as after `git init --bare` and a push of another one, the command
begins at the `branch:` of `--config`, else at that of the file in your checkout, if the file on that branch says the
same. If neither says one, the error lists the branches that exist.

For completion and hints in an editor, save the schema next to the file
(`gitops-bot schema > gitops-bot.schema.json`) and name it in the first line:

```yaml
# yaml-language-server: $schema=./gitops-bot.schema.json
version: 1
repository: acme/deploy
branch: main

policies:
  releases: {semver: ">=1.0.0 <3"}
  builds: {pattern: "^main-(?P<build>[0-9]+)-[0-9a-f]{7}$", order: numerical}

environments:
  staging:
    overlays: ["apps/*/overlays/staging"]
    policy: builds
    images:
      postgres: {ignore: true}
    propose: {as: commit}
  production:
    overlays: ["apps/*/overlays/production"]
    promote_from: staging
    soak: 2h
    propose:
      group: overlay
      labels: [release]
      reviewers: ["team:platform"]

holds:
  - {environment: production, image: ghcr.io/acme/web, until: 2026-12-24, why: "no release before the fair"}

registries:
  ghcr.io: {username: bot, password_env: GHCR_TOKEN}
```
"""


@dataclass(frozen=True, slots=True)
class Section:
    """The keys of one mapping: its heading, its path in the file, and its definition in the schema ("" is the top)."""

    title: str
    path: str
    definition: str

    @property
    def schema(self) -> Schema:
        """The definition."""
        found: Schema = SCHEMA["$defs"][self.definition] if self.definition else SCHEMA
        return found


SECTIONS = (
    Section("Top level", "", ""),
    Section("Policies: a range of versions", "policies.<name>", "SemverForm"),
    Section("Policies: a pattern with an order", "policies.<name>", "PatternForm"),
    Section("Policies: a moving tag", "policies.<name>", "DigestForm"),
    Section("Environments", "environments.<name>", "EnvironmentForm"),
    Section("Files with pins", "environments.<name>.targets[]", "TargetForm"),
    Section("Images in values of Helm", "environments.<name>.targets[].images.<name>", "ImageForm"),
    Section("Blue-green deployments", "environments.<name>.blue_green", "BlueGreenForm"),
    Section("Release info", "environments.<name>.release_info", "ReleaseInfoForm"),
    Section("Images in any other file", "environments.<name>.targets[].patterns.<name>", "ImagePatternForm"),
    Section("Images of an environment", "environments.<name>.images.<image>", "RulesForm"),
    Section("Proposals", "environments.<name>.propose", "Propose"),
    Section("Named groups", "environments.<name>.propose.group[]", "NamedGroup"),
    Section("Limits", "environments.<name>.propose.limit", "Limit"),
    Section("Schedules", "environments.<name>.propose.schedule[]", "Window"),
    Section("Spans without any window", "environments.<name>.propose.schedule[].not", "Span"),
    Section("What must have succeeded", "environments.<name>.require", "Require"),
    Section("Checks", "environments.<name>.require.checks[]", "CheckForm"),
    Section("Checks of the source", "environments.<name>.require.source_checks", "SourceChecks"),
    Section("Deployments", "environments.<name>.require.deployment", "DeploymentForm"),
    Section("Signing keys", "commits", "SigningKey"),
    Section("Holds", "holds[]", "HoldForm"),
    Section("Registries", "registries.<host>", "RegistryAccess"),
)

#: The form of a text -> what a person calls it; every other text is "text".
TEXTS = {
    leaves.BRANCH: "branch name",
    leaves.GLOB: "path with wildcards",
    leaves.GROUP: "name",
    leaves.LOGIN: "login",
    leaves.NAME: "name",
    leaves.REPOSITORY: "OWNER/NAME or address",
    leaves.REVIEWER: "login or `team:NAME`",
    leaves.SPAN: "duration",
    leaves.TAG: "tag",
    leaves.VARIABLE: "name of an environment variable",
    form_target.FILE: "name of a file",
    form_target.ONE_FILE: "name of a file",
    form_target.PATH: "path in a resource",
    form_target.VALUE: "path in the values",
    form_target.NAME_OR_VALUE: "path in the values, or repository",
    times.DAYS: "day or range of days",
    times.HOURS: "two times of day",
    times.MOMENT: "date or time",
    times.ZONE: "time zone",
}


def page() -> str:
    """The whole page."""
    contents = "\n".join(f"* [{section.title}](#{anchor(section.title)})" for section in SECTIONS)
    return "\n".join([INTRODUCTION, contents, "", *(line for section in SECTIONS for line in _section(section))])


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, hyphens for spaces."""
    kept = (letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return "".join(kept).replace(" ", "-")


def example(key: str, value: Any) -> str:
    """A key with an example value, as YAML: long values in block style, one item a line."""
    line = f"{key}: {flow(value)}\n"
    match value:
        case {} if isinstance(value, dict) and key in ("policies", "environments", "images", "registries"):
            return f"{key}:\n" + "".join(f"  {name}: {flow(one)}\n" for name, one in value.items())
        case [{}, *_] if len(line) > 80:
            return f"{key}:\n" + "".join(f"  - {flow(one)}\n" for one in value)
        case _:
            return line


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    if section.path:
        yield _wrapped(f"`{section.path}`: {_lowered(section.schema['description'])}") + "\n"
    same = _same_as_environment(section)
    if same:
        links = ", ".join(f"[`{key}`](#{key})" for key in same)
        yield f"The keys are those of the environment, with the same types and meaning: {links}.\n"
        return
    for key, property_ in section.schema["properties"].items():
        yield from _key(section, key, property_)


def _same_as_environment(section: Section) -> list[str]:
    own = section.schema["properties"]
    environment = SCHEMA["$defs"]["EnvironmentForm"]["properties"]
    return list(own) if section.definition == "RulesForm" and own.items() <= environment.items() else []


def _key(section: Section, key: str, property_: Schema) -> Iterator[str]:
    yield f"### `{key}`\n"
    yield f"Type: {kind(property_)} · {_need(section, key, property_)}\n"
    yield f"{_wrapped(property_['description'])}\n"
    yield "```yaml"
    yield "```\n\n```yaml\n".join(example(key, value) for value in property_["examples"]) + "```\n"


def _need(section: Section, key: str, property_: Schema) -> str:
    if key in section.schema.get("required", ()):
        return "required"
    match property_:
        case {"default": value} if value in ([], {}):
            return "default: none"
        case {"default": value}:
            return f"default: `{flow(value)}`"
        case _:
            return "optional"


def kind(property_: Schema) -> str:
    """The type of a value, in words."""
    match property_:
        case {"const": value}:
            return f"the number {value}"
        case {"enum": values}:
            return _or(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)
        case {"oneOf": branches}:
            return ", or ".join(dict.fromkeys(map(_branch, branches)))
        case {"type": "array", "items": items}:
            return f"list of {_plural(_branch(items))}"
        case {"patternProperties": values}:
            return f"mapping of names to {_plural(_branch(next(iter(values.values()))))}"
        case {"type": "boolean"}:
            return "`true` or `false`"
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"whole number from {least} to {most}"
        case {"type": "number", "maximum": most}:
            return f"number up to {most}"
        case {"pattern": pattern}:
            return TEXTS.get(pattern, "text")
        case _:
            return _branch(property_)


def _branch(schema: Schema) -> str:
    match schema:
        case {"$ref": "#/$defs/SemverForm" | "#/$defs/PatternForm" | "#/$defs/DigestForm"}:
            return "[policy](policies.md)"
        case {"$ref": str(reference)}:
            section = next(one for one in SECTIONS if one.definition == reference.rpartition("/")[2])
            return f"[mapping](#{anchor(section.title)})"
        case _:
            return kind(schema)


def _plural(noun: str) -> str:
    match noun:
        case "path with wildcards":
            return "paths with wildcards"
        case "login or `team:NAME`":
            return "logins and `team:NAME`s"
        case "day or range of days":
            return "days and ranges of days"
        case "name of a file":
            return "names of files"
        case "text":
            return "texts"
        case _ if noun.startswith("["):
            return noun.replace("[mapping]", "[mappings]").replace("[policy]", "[policies]")
        case _:
            return f"{noun}s"


def _or(words: Any) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


if __name__ == "__main__":
    sys.stdout.write(page())
