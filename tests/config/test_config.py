from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops_bot import config
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.images.kinds import Follow, NamedPolicy, Pattern, Rules, Semver, describe
from gitops_bot.images.reason import unmanaged
from gitops_bot.images.reference import ImageName, Pin

GOOD = """\
# gitops-bot.yaml, at the root of the manifest repository
version: 1
repository: acme/deploy
branch: main

policies:
  releases: {semver: ">=1.0.0 <3"}
  builds: {pattern: "^build-(?P<n>[0-9]+)$", order: numerical}
  main: {digest: main}

environments:
  staging:
    overlays: ["apps/*/overlays/staging"]
    policy: builds
    ignore: true
    images:
      ghcr.io/acme/web: {policy: releases, ignore: false}
      postgres: {pin: tag}
    propose: {as: commit}
  production:
    overlays: ["apps/{app}/overlays/production", ./clusters/**/prod/]
    pin: digest
    on_move: hold
    promote_from: staging
    match: revision
    tag: release
    soak: 1d12h
    images:
      api:
        policy: {semver: ^1.2, prereleases: true, pattern: "^v"}
        on_move: follow
    propose:
      group:
        - {name: web, images: ["ghcr.io/acme/web*"], together: true}
        - {name: rest, overlays: ["apps/*/overlays/production"]}
      labels: [release, 1.0]
      reviewers: [alice, "team:acme/platform"]
      auto_merge: without-checks
      merge_method: squash
      limit: {open: 5, new_per_hour: 2}
      schedule: [{days: [mon-fri], hours: 09:00-16:30, timezone: Europe/Berlin}]
      title: "chore({environment}): {summary}"
      message: "{title}\\n\\n{changes}"

holds:
  - {environment: production, image: ghcr.io/acme/web, until: 2026-12-24, why: no release before the fair}
  - {environment: staging, until: "2026-12-24T18:00:00+01:00", why: 'the fair'}

registries:
  ghcr.io: {username: bot, password_env: GHCR_TOKEN}
  index.docker.io: {password_env: HUB_TOKEN}
  localhost:5000: {plain_http: true, concurrency: 4, rate: 2.5}
  quay.io: {mirror: localhost:5000/quay}
  123456789012.dkr.ecr.eu-west-1.amazonaws.com: {aws_role: "arn:aws:iam::123456789012:role/bot"}
"""
#: Around one environment, for what is not about environments.
REST = "environments: {dev: {overlays: [dev]}}\n"


@dataclass(frozen=True)
class Entry:
    name: str
    image: ImageName | None = None
    pin: Pin = field(default_factory=Pin)


def entry(name: str, image: str | None = None) -> Entry:
    return Entry(name, ImageName.parse(image or name))


def told(text: str) -> list[str]:
    """Every problem of a text as `line:column message / next`."""
    with pytest.raises(ConfigError) as caught:
        config.read(text, "f.yaml")
    problems = caught.value.problems
    assert all(problem.code == "failed.config" and problem.file == "f.yaml" and problem.next for problem in problems)
    return [f"{problem.line}:{problem.column} {problem.message} / {problem.next}" for problem in problems]


# --- what a good file means ----------------------------------------------------------------------------------------


def test_a_good_file_is_read_in_its_order() -> None:
    read = config.read(GOOD, "gitops-bot.yaml")
    assert (read.repository, read.branch) == ("acme/deploy", "main")
    assert list(read.environments) == ["staging", "production"]
    production = read.environments["production"]
    assert production.name == "production"
    assert production.overlays == ("apps/{app}/overlays/production", "./clusters/**/prod/")
    assert production.places == (("gitops-bot.yaml", 21, 16), ("gitops-bot.yaml", 21, 50))
    assert production.promotion == config.Promotion("staging", ("gitops-bot.yaml", 24, 19), timedelta(hours=36))
    assert (production.match_by, production.release_tag) == ("revision", True)
    assert production.propose == config.Propose(
        group=(
            config.NamedGroup("web", images=("ghcr.io/acme/web*",), together=True),
            config.NamedGroup("rest", overlays=("apps/*/overlays/production",)),
        ),
        labels=("release", "1.0"),
        reviewers=("alice", "team:acme/platform"),
        auto_merge="without-checks",
        merge_method="squash",
        limit=config.Limit(open=5, new_per_hour=2),
        schedule=(config.Window(("mon-fri",), "09:00-16:30", "Europe/Berlin"),),
        title="chore({environment}): {summary}",
        message="{title}\n\n{changes}",
    )
    assert read.environments["staging"].propose == config.Propose("commit")
    assert read.holds == (
        config.Hold(
            environments=("production",),
            image="ghcr.io/acme/web",
            until=datetime(2026, 12, 24, tzinfo=UTC),
            why="no release before the fair",
            place=("gitops-bot.yaml", 46, 5),
        ),
        config.Hold(
            environments=("staging",),
            until=datetime(2026, 12, 24, 17, tzinfo=UTC),
            why="the fair",
            place=("gitops-bot.yaml", 47, 5),
        ),
    )
    assert dict(read.registries) == {
        "ghcr.io": config.RegistryAccess(username="bot", password_env="GHCR_TOKEN"),
        "docker.io": config.RegistryAccess(password_env="HUB_TOKEN"),
        "localhost:5000": config.RegistryAccess(plain_http=True, concurrency=4, rate=2.5),
        "quay.io": config.RegistryAccess(mirror="localhost:5000/quay"),
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com": config.RegistryAccess(
            aws_role="arn:aws:iam::123456789012:role/bot"
        ),
    }


def test_the_smallest_file_has_defaults() -> None:
    read = config.read("version: 1\n" + REST, "f.yaml")
    assert (read.repository, read.branch, dict(read.registries), read.holds) == (None, None, {}, ())
    dev = read.environments["dev"]
    assert dev.propose == config.Propose("pull-request", "environment")
    assert (dev.promotion, dev.match_by, dev.release_tag) == (None, "digest", False)
    without = unmanaged("no_policy", "dev")
    assert read.environments["dev"].rules(entry("web")) == Rules(
        None, pin="tag+digest", on_move=None, ignore=False, unmanaged=without
    )


def test_crlf_a_byte_order_mark_and_comments_change_nothing() -> None:
    assert config.read("\ufeff" + GOOD.replace("\n", "\r\n"), "f.yaml") == config.read(GOOD, "f.yaml")


RELEASES = NamedPolicy("releases", Semver(">=1.0.0 <3"), "config")
BUILDS = NamedPolicy("builds", Pattern("^build-(?P<n>[0-9]+)$", order="numerical"), "config")
OWN = NamedPolicy(None, Semver("^1.2", prereleases=True, pattern="^v"), "config")


@pytest.mark.parametrize(
    ("environment", "who", "expected"),
    [
        pytest.param("staging", entry("other"), Rules(BUILDS, ignore=True), id="the environment's"),
        pytest.param("staging", entry("web", "ghcr.io/acme/web"), Rules(RELEASES, ignore=False, own_policy=True),
            id="by repository, ignore undone"),
        pytest.param("staging", entry("ghcr.io/acme/web", "x/y"), Rules(RELEASES, own_policy=True),
            id="by name before the repository"),
        pytest.param("staging", entry("postgres"), Rules(BUILDS, pin="tag", ignore=True), id="key by key"),
        pytest.param("staging", entry("db", "docker.io/library/postgres"), Rules(BUILDS, pin="tag", ignore=True),
            id="normalised"),
        pytest.param("staging", Entry("postgres"), Rules(BUILDS, pin="tag", ignore=True), id="by name, no image name"),
        pytest.param("production", entry("api"), Rules(OWN, pin="digest", on_move="follow", own_policy=True),
            id="a policy written out"),
        pytest.param("production", entry("web"),
            Rules(None, pin="digest", on_move="hold", unmanaged=unmanaged("not_in_source", "production", "staging")),
            id="nothing but the promotion"),
    ],
)  # fmt: skip
def test_an_image_beats_its_environment(environment: str, who: Entry, expected: Rules) -> None:
    assert config.read(GOOD, "f.yaml").environments[environment].rules(who) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("digest: 1.10", "1.10", id="a number with a last zero"),
        pytest.param("digest: 0123", "0123", id="a leading zero"),
        pytest.param("digest: 1e5", "1e5", id="an exponent"),
        pytest.param("digest: '1_000'", "1_000", id="quoted"),
        pytest.param("digest: yes", "yes", id="a truth in YAML 1.1 only"),
        pytest.param("digest: !!str true", "true", id="an explicit text"),
        pytest.param("digest: >-\n        main", "main", id="folded"),
    ],
)
def test_a_tag_is_taken_by_its_raw_text(line: str, expected: str) -> None:
    text = f"version: 1\nenvironments:\n  dev:\n    overlays: [dev]\n    policy:\n      {line}\n"
    assert config.read(text, "f.yaml").environments["dev"].rules(entry("web")).policy == NamedPolicy(
        None, Follow(expected), "config"
    )


@pytest.mark.parametrize(
    "repository",
    [
        "acme/deploy",
        "a-b/c.d_e",
        "https://github.com/acme/deploy.git",
        "http://127.0.0.1:8080/deploy.git",
        "ssh://git@github.com/acme/deploy",
        "git@github.com:acme/deploy.git",
        "file:///srv/git/deploy.git",
    ],
)
def test_a_repository_is_a_name_or_an_address(repository: str) -> None:
    assert config.read(f"version: 1\nrepository: {repository}\n{REST}", "f").repository == repository


@pytest.mark.parametrize("branch", ["main", "release/1.x", "1.0", "feature#2", "ümlaut", "a@b", "HEAD-1"])
def test_a_branch_is_what_git_takes(branch: str) -> None:
    assert config.read(f"version: 1\nbranch: {branch}\n{REST}", "f").branch == branch


# --- wrong files, one problem each: `line:column message / next` ----------------------------------------------------

SYNTAX = {
    "empty": ("", "1:1 the configuration is empty / begin with `version: 1`"),
    "only a comment": ("# nothing\n", "1:1 the configuration is empty / begin with `version: 1`"),
    "a list": ("- a\n", "1:1 this is no configuration of gitops-bot: it has none of its keys / check that this is"),
    "a word": ("x\n", "1:1 this is no configuration of gitops-bot: it has none of its keys / check that this is"),
    "other keys": ("x: 1\nx: 2\n", "1:1 this is no configuration of gitops-bot: it has none of its keys / check"),
    "a tab": ("version: 1\n\tbranch: main\n", "2:1 there is a tab where YAML needs spaces / indent with spaces"),
    "a second colon": ("branch: a: b\n", "1:10 a second `: ` on one line, or a line that is indented too far / put t"),
    "no colon": ("version: 1\nbranch\n", "3:1 a key without `:` / write it as `key: value`"),
    "an open quote": ('version: 1\nbranch: "main\n', "3:1 a quote is opened and never closed / close the quote"),
    "an open list": ("a: [1, 2\n", "2:1 a list `[...]` is not closed, or a comma is missing / close it with `]`"),
    "an open mapping": ("a: {b: 1\n", "2:1 a mapping `{...}` is not closed, or a comma is missing / close it with"),
    "a bare at sign": ("a: @x\n", "1:4 a value starts with a character that has another meaning in YAML / put it in"),
    "a NUL": ("version: 1\na: \0\n", "2:4 YAML does not allow this character / remove it"),
    "a byte that is not UTF-8": ("a: b\nc: \udcff\n", "2:4 this is not UTF-8 / save the file as UTF-8"),
    "an unknown tag": ("a: !b!c d\n", "1:4 this is not YAML: found undefined tag handle / check this line"),
    "a lone surrogate": ("a: \ud800\n", "1:4 YAML does not allow this character / remove it"),
    "an escape too far": ('a: "\\UFFFFFFFF"\n', "1:1 the file is not YAML / look for an escape"),
    "a directive of tomorrow": ("%YAML 9.9\n---\na: 1\n", "1:1 this is not YAML: found incompatible YAML document"),
    "nested too deep": ("[" * 5000, "1:22 this is nested too deep / no setting is nested that deep"),
    "over 1 MiB": ("#" * (1 << 20) + "\n", "1:1 the file is over 1 MiB / check that this is the right file"),
}


@pytest.mark.parametrize(("text", "expected"), SYNTAX.values(), ids=SYNTAX.keys())
def test_what_is_no_yaml_is_told_at_its_place(text: str, expected: str) -> None:
    (problem,) = told(text)
    assert problem.startswith(expected)


def test_a_file_with_too_many_values_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitops_bot.config.document.MOST_EVENTS", 20)

    with pytest.raises(ConfigError) as caught:
        config.read("version: 1\nimages: [" + "[]," * 340_000 + "}", "f.yaml")

    problem = caught.value.problem
    assert (problem.code, problem.where, problem.message, problem.next) == (
        "failed.config",
        "f.yaml:2:29",
        "the file has more than 20 keys and values",
        "check that this is the right file",
    )


def test_a_configuration_of_a_thousand_environments_is_read() -> None:
    environments = "".join(f"  e{at}: {{overlays: [clusters/{at}/*], policy: p}}\n" for at in range(1000))
    policies = "policies: {p: {semver: '>=1'}}\n"

    assert len(config.read(f"version: 1\n{policies}environments:\n{environments}", "f").environments) == 1000


#: What follows `version: 1` and `environments:` with one environment -> the one problem.
TOP = {
    "an unknown key": ("brnch: main", "3:1 unknown key 'brnch' / did you mean `branch`?"),
    "an unknown key, far from all": (
        "colour: red",
        "3:1 unknown key 'colour' / known here: `version`, `repository`, `b",
    ),
    "a key twice": ("branch: a\nbranch: b", "4:1 'branch' is given twice; the first is on line 3 / keep one of the"),
    "a second document": ("---\nbranch: a", "3:1 a second document starts here / keep one document in the file"),
    "a merge key": ("<<: {branch: a}", "3:1 merge keys are not allowed here / write the keys out"),
    "a YAML tag": ("branch: !secret x", "3:9 YAML tags are not allowed here / remove the `!...`"),
    "an alias": ("repository: &a a/b\nbranch: *a", "4:9 `*` starts a YAML alias, and aliases are not allowed here / "),
    "a key that is a list": ("? [a]\n: 1", "3:3 a key must be plain text / write it as `key: value`"),
    "no value": ("branch:\nregistries: {}", "3:1 `branch` has no value / as in `branch: main`, or remove the line"),
    "a null": ("branch: ~", "3:9 `branch` has no value / as in `branch: main`, or remove the line"),
    "a list for a value": (
        "branch: [main]",
        "3:9 `branch` must be a single value, not a list / as in `branch: main`",
    ),
    "a truth for a text": (
        "branch: true",
        "3:9 `branch` must be text, but YAML reads true as true or false / put it in qu",
    ),
    "a branch with spaces": (
        'branch: "a b"',
        "3:9 `branch` must be the name of a branch, not 'a b' / as in `branch: main`",
    ),
    "a full ref": (
        "branch: refs/heads/main",
        "3:9 `branch` must be the name of a branch, not 'refs/heads/main' / as in",
    ),
    "a branch like an option": ("branch: --force", "3:9 `branch` must be the name of a branch, not '--force' / as in"),
    "a branch with dots": (
        "branch: a..b",
        "3:9 `branch` must be the name of a branch, not 'a..b' / as in `branch: main`",
    ),
    "a locked branch": (
        "branch: a.lock",
        "3:9 `branch` must be the name of a branch, not 'a.lock' / as in `branch: main`",
    ),
    "a repository by name only": (
        "repository: deploy",
        "3:13 `repository` must be OWNER/NAME or a Git URL without",
    ),
    "an option for a host": (
        "repository: ssh://-oProxyCommand=x/y",
        "3:13 `repository` must be OWNER/NAME or a Git URL",
    ),
    "another transport": (
        "repository: 'ext::sh -c x'",
        "3:13 `repository` must be OWNER/NAME or a Git URL without",
    ),
    "policies as a list": (
        "policies: [a]",
        "3:11 `policies` must be a mapping of keys to values, not a list / write it as",
    ),
    "policies without any": ("policies:", "3:1 `policies` is empty / indent its contents below it, or remove"),
    "a policy as a text": (
        "policies: {a: '>=1'}",
        "3:15 a policy has `semver`, `pattern` with `order`, or `digest` / ",
    ),
    "a policy of nothing": (
        "policies: {a: {}}",
        "3:15 a policy has `semver`, `pattern` with `order`, or `digest` / as",
    ),
    "a misspelt policy": ("policies: {a: {semvr: '1'}}", "3:16 unknown key 'semvr' / did you mean `semver`?"),
    "a foreign key in a policy": (
        "policies: {a: {semver: ^1, order: semver}}",
        "3:28 unknown key 'order' / known here: ",
    ),
    "two policies in one": (
        "policies: {a: {semver: ^1, digest: main}}",
        "3:28 unknown key 'digest' / known here: `sem",
    ),
    "a wrong range": ("policies: {a: {semver: '>=1.x.y'}}", "3:24 `semver` is not valid: "),
    "a wrong expression": (
        "policies: {a: {pattern: '(', order: semver}}",
        "3:25 `pattern` is not valid: the pattern '('",
    ),
    "a look-ahead": (
        "policies: {a: {semver: ^1, pattern: '(?=a)'}}",
        "3:37 `pattern` is not valid: the pattern '(?=a)'",
    ),
    "two named groups of one name": (
        "policies: {a: {pattern: '(?P<n>a)(?P<n>b)', order: semver}}",
        "3:25 `pattern` is not valid: the pattern '(?P<n>a)(?P<n>b)' has a name for two groups",
    ),
    "a wrong exclusion": (
        "policies: {a: {semver: ^1, exclude: '('}}",
        "3:37 `exclude` is not valid: the pattern '(' is not a valid",
    ),
    "a wrong one of several": (
        "policies: {a: {pattern: x, order: calver, exclude: [x, '(']}}",
        "3:56 an item of `exclude` is not valid: the pattern '(' is not",
    ),
    "nothing to exclude": (
        "policies: {a: {semver: ^1, exclude: []}}",
        "3:37 `exclude` must not be an empty list / as in `exclude: ",
    ),
    "an exclusion without a value": (
        "policies: {a: {semver: ^1, exclude: }}",
        "3:28 `exclude` has no value / as in `exclude: ",
    ),
    "a mapping to exclude": (
        "policies: {a: {semver: ^1, exclude: {a: b}}}",
        "3:37 `exclude` must be a single value, not a mapping / as in",
    ),
    "more to exclude than the limit": (
        f"policies: {{a: {{semver: ^1, exclude: [{', '.join(map(str, range(21)))}]}}}}",
        "3:37 `exclude` has 21 items, and the limit is 20 / keep",
    ),
    "an exclusion from one moving tag": (
        "policies: {a: {digest: main, exclude: x}}",
        "3:30 unknown key 'exclude' / known here: `digest`",
    ),
    "a family that is neither a suffix nor a prefix": (
        "policies: {a: {semver: ^1, prefer: alpine}}",
        "3:36 `prefer` must be a suffix such as -alpine, or a prefix such as release-, not 'alpine' / as in",
    ),
    "a family twice": (
        "policies: {a: {semver: ^1, prefer: [-a, -b, -a]}}",
        "3:36 `prefer` has '-a' twice / remove one of the two",
    ),
    "a family beside a pattern": (
        "policies: {a: {semver: ^1, pattern: x, prefer: -a}}",
        "3:40 `pattern` and `prefer` cannot be used together / remove one; a pattern can include the suffix",
    ),
    "a pattern without order": (
        "policies: {a: {pattern: x}}",
        "3:12 `a` has no `order` / add it, as in `order: ",
    ),
    "an order without pattern": (
        "policies: {a: {order: semver}}",
        "3:12 `a` has no `pattern` / add it, as in `pattern: ",
    ),
    "an order that there is not": (
        "policies: {a: {pattern: x, order: random}}",
        "3:35 `order` must be semver, numerical, calver, alphabetical or newest, not 'random' / as in",
    ),
    "a misspelt order": (
        "policies: {a: {pattern: x, order: numeric}}",
        "3:35 `order` must be semver, numerical, calver, alphab",
    ),
    "a tag with a line break": ('policies: {a: {digest: "a\\n"}}', "3:24 `digest` must be a tag, not 'a\\n' / as in"),
    "a tag with a slash": (
        "policies: {a: {digest: a/b}}",
        "3:24 `digest` must be a tag, not 'a/b' / as in `digest: main`",
    ),
    "the name of a policy": (
        "policies: {'a b': {digest: a}}",
        "3:12 the name of a policy must be up to 60 letters, digit",
    ),
    "an address for a registry": (
        "registries: {'https://ghcr.io': {}}",
        "3:14 a key of `registries` must be a host, with",
    ),
    "a name for a registry": (
        "registries: {ghcr: {}}",
        "3:14 a key of `registries` must be a host, with its port if it",
    ),
    "a registry twice": (
        "registries: {docker.io: {}, index.docker.io: {}}",
        "3:29 'index.docker.io': it is the same registry as 'docker.io' in line 3 / rename or remove one of the two",
    ),
    "a password": (
        "registries: {ghcr.io: {password: hunter2}}",
        "3:24 `password`: secrets do not belong in this file / put it into an environment variable and give ",
    ),
    "a secret for a variable": (
        "registries: {ghcr.io: {password_env: hunter2!}}",
        (
            "3:38 `password_env` must be the name of an environment variable, never the secret itself / as in "
            "`password_env: GH"
        ),
    ),
    "a token for a variable": (
        "registries: {ghcr.io: {password_env: ghp_hunter2}}",
        (
            "3:38 `password_env` must be the name of an environment variable, never the secret itself / as in "
            "`password_env: GH"
        ),
    ),
    "a user without password": (
        "registries: {ghcr.io: {username: bot}}",
        "3:24 `username` alone is not enough to log in / set",
    ),
    "a mirror without a host": (
        "registries: {docker.io: {mirror: hub/cache}}",
        "3:34 `mirror` must be a host and a path, not 'hub/cache' / as in `mirror: registry.acme.io/hub`",
    ),
    "an address for a mirror": (
        "registries: {docker.io: {mirror: 'https://registry.acme.io/hub'}}",
        "3:34 `mirror` must be a host and a path, not 'https://registry.acme.io/hub' / as in `mirror: registry.acme.io",
    ),
    "a login beside a mirror": (
        "registries: {docker.io: {mirror: r.acme.io/hub, password_env: HUB}}",
        (
            "3:49 `password_env` has no effect with `mirror`, because only the mirror is queried / write it under "
            "`registries: {r.acme.io: ...}`"
        ),
    ),
    "a mirror of a mirror": (
        "registries: {docker.io: {mirror: r.acme.io/hub}, r.acme.io: {mirror: quay.io}}",
        "3:34 the mirror 'r.acme.io' is this registry, or has a mirror itself / give the host that stores the images",
    ),
    "a mirror of itself": (
        "registries: {docker.io: {mirror: index.docker.io}}",
        "3:34 the mirror 'index.docker.io' is this registry, or has a mirror itself / give the host",
    ),
    "a role that is none": (
        "registries: {123456789012.dkr.ecr.eu-west-1.amazonaws.com: {aws_role: bot}}",
        "3:71 `aws_role` must be the ARN of a role, not 'bot' / as in `aws_role: ",
    ),
    "a role for another registry": (
        "registries: {ghcr.io: {aws_role: 'arn:aws:iam::123456789012:role/bot'}}",
        "3:24 `aws_role` is for registries of Amazon ECR only / remove it",
    ),
    "a role and a password": (
        "registries: {1.dkr.ecr.a-b-1.amazonaws.com: {aws_role: 'arn:aws:iam::123456789012:role/b', password_env: A}}",
        "3:46 `aws_role` and `password_env` are two ways to log in / remove one of the two",
    ),
    "a truth of YAML 1.1": (
        "registries: {ghcr.io: {plain_http: yes}}",
        "3:36 `plain_http` must be true or false; yes is text in YAML 1.2 / write `plain_http: true`",
    ),
    "a truth in quotes": (
        "registries: {ghcr.io: {plain_http: 'true'}}",
        "3:36 `plain_http` must be true or false; in quotes it is text / remove the quotes",
    ),
    "a number for a truth": (
        "registries: {ghcr.io: {plain_http: 1}}",
        "3:36 `plain_http` must be true or false, not '1' / ",
    ),
    "a count of none": (
        "registries: {ghcr.io: {concurrency: 0}}",
        "3:37 `concurrency` must be a whole number from 1 to 64, not '0' / as in `concurrency: 4`",
    ),
    "a count too high": (
        "registries: {ghcr.io: {concurrency: 65}}",
        "3:37 `concurrency` must be a whole number from 1 to",
    ),
    "half a request": (
        "registries: {ghcr.io: {concurrency: 1.5}}",
        "3:37 `concurrency` must be a whole number from 1 to 64",
    ),
    "a count in quotes": (
        "registries: {ghcr.io: {concurrency: '4'}}",
        "3:37 `concurrency` must be a whole number from 1 to 64, not '4' / remove the quotes",
    ),
    "a count without end": (
        f"registries: {{ghcr.io: {{concurrency: 1{'0' * 5000}}}}}",
        "3:37 `concurrency` must be a whole",
    ),
    "no requests a second": (
        "registries: {ghcr.io: {rate: 0}}",
        "3:30 `rate` must be a number of requests a second, over 0 a",
    ),
    **{
        f"a rate that is no finite number, {rate}": (
            f"registries: {{ghcr.io: {{rate: {rate}}}}}",
            (
                f"3:30 `rate` must be a number of requests a second, over 0 and at most 1000, not '{rate}' / as in "
                "`rate: "
                "10`"
            ),
        )
        for rate in (".inf", ".Inf", ".INF", "-.Inf", ".nan", ".NaN", ".NAN")
    },
}


@pytest.mark.parametrize(("line", "expected"), TOP.values(), ids=TOP.keys())
def test_a_wrong_key_or_value_is_told_at_its_place(line: str, expected: str) -> None:
    (problem,) = told(f"version: 1\n{REST}{line}\n")
    assert problem.startswith(expected)


#: What stands in the environment `staging`, in line 4 -> the one problem.
WITHIN = {
    "no overlays": ("pin: tag", '3:3 `staging` has no `overlays` / add it, as in `overlays: ["apps/*/ov'),
    "misspelt overlays": ("overlay: [a]", "4:5 unknown key 'overlay' / did you mean `overlays`?"),
    "one overlay": ("overlays: a", '4:15 `overlays` must be a list / as in `overlays: ["apps/*/overlays/staging"]`'),
    "no overlay in the list": ("overlays: []", "4:15 `overlays` must not be an empty list / as in `overlays: "),
    "overlays without any": ("overlays:", "4:5 `overlays` has no value / as in `overlays: "),
    "a glob without quotes": (
        "overlays: [*/staging]",
        "4:16 `*` starts a YAML alias, and aliases are not allowed here",
    ),
    "out of the repository": (
        "overlays: [a, ../b]",
        "4:19 an item of `overlays` must be a path from the repository ",
    ),
    "an absolute path": ("overlays: [/a]", "4:16 an item of `overlays` must be a path from the repository root, wit"),
    "a character class": (
        "overlays: ['a/[bc]']",
        "4:16 an item of `overlays` must be a path from the repository root",
    ),
    "two names in a part": (
        "overlays: ['a/b', 'a/{b}-{c}']",
        "4:23 an item of `overlays` must be a path from the repository root, with `*`, `?`, `**` or `{name}` (once in",
    ),
    "alternatives": ("overlays: ['a/{b,c}']", "4:16 an item of `overlays` must be a path from the repository root,"),
    "a truth for a path": (
        "overlays: [true]",
        "4:16 an item of `overlays` must be text, but YAML reads true as true or",
    ),
    "not built yet": (
        "overlays: [a]\n    verify: cosign",
        "5:5 unknown key 'verify' / known here: `policy`, ",
    ),
    "no such policy": (
        "overlays: [a]\n    policy: relases",
        "5:13 there is no policy 'relases' / did you mean `releas",
    ),
    "nothing like a policy": (
        "overlays: [a]\n    policy: x",
        "5:13 there is no policy 'x' / `policies` has: `releases`",
    ),
    "a policy as a list": (
        "overlays: [a]\n    policy: [releases]",
        "5:13 `policy` must be a single value, not a lis",
    ),
    "a wrong policy written out": ("overlays: [a]\n    policy: {semver: '>=1.x.y'}", "5:22 `semver` is not valid: "),
    "a misspelt pin": (
        "overlays: [a]\n    pin: tags",
        "5:10 `pin` must be tag+digest, tag or digest, not 'tags' / did you",
    ),
    "a wrong on_move": (
        "overlays: [a]\n    on_move: stay",
        "5:14 `on_move` must be hold or follow, not 'stay' / as in `on_mo",
    ),
    "an image with a wrong key": (
        "overlays: [a]\n    images: {web: {polcy: releases}}",
        "5:20 unknown key 'polcy' / di",
    ),
    "an image without a word": (
        "overlays: [a]\n    images: {web: }",
        "5:14 `web` is empty / indent its contents",
    ),
    "an image with no policy": ("overlays: [a]\n    images: {web: {policy: x}}", "5:28 there is no policy 'x' / `poli"),
    "an image twice": (
        "overlays: [a]\n    images: {nginx: {}, docker.io/nginx: {}}",
        "5:25 'docker.io/nginx': it is the same image as 'nginx' in line 5 / rename or remove one of the two",
    ),
    "another way to propose": (
        "overlays: [a]\n    propose: {as: pullrequest}",
        "5:19 `as` must be pull-request or commit, not 'pullrequest' / did you mean `pull-request`?",
    ),
    "a glob that says a name twice": (
        'overlays: ["{app}/{app}"]',
        "4:16 an item of `overlays` is not valid: `{app}` is in it twice / as in `overlays: ",
    ),
    "a digest that is not pinned": (
        "overlays: [a]\n    pin: tag\n    policy: {digest: main}",
        (
            "6:13 a policy that follows the digest of a tag has nothing to write with `pin: tag` / choose another "
            "`pin`, "
            "or"
        ),
    ),
    "a digest that an image does not pin": (
        "overlays: [a]\n    policy: main\n    images: {web: {pin: tag}}",
        (
            "6:25 a policy that follows the digest of a tag has nothing to write with `pin: tag` / choose another "
            "`pin`, "
            "or"
        ),
    ),
}


@pytest.mark.parametrize(("lines", "expected"), WITHIN.values(), ids=WITHIN.keys())
def test_a_wrong_environment_is_told_at_its_place(lines: str, expected: str) -> None:
    policies = "policies: {releases: {semver: ^1}, main: {digest: main}}\n"
    (problem,) = told(f"version: 1\nenvironments:\n  staging:\n    {lines}\n{policies}")
    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(REST, "1:1 the configuration has no `version` / add it, as in `version: 1`", id="no version"),
        pytest.param("version: '1'\n" + REST,
            "1:10 `version` must be the number 1, and in quotes it is text / write `version: 1`",
            id="a version in quotes"),
        pytest.param("version: 2\n" + REST,
            "1:10 `version` must be 1, not '2' / write `version: 1`; a newer format needs a newer gitops-bot",
            id="a later version"),
        pytest.param("version: 1\n", "1:1 the configuration has no `environments` / add it", id="no environments"),
        pytest.param("version: 1\nenvironments: {}", "2:15 `environments` is empty / write it as in",
            id="none of them"),
        pytest.param("version: 1\nenvironments: {a: }", "2:16 `a` is empty / indent its", id="an empty environment"),
        pytest.param(
            "version: 1\nenvironments: {a b: {overlays: [a]}}",
            "2:16 the name of an environment must be up to 60 letters, digits, `.`, `_` and `-`, not 'a b' / as in "
            "`stag",
            id="a name with a space",
        ),
        pytest.param(
            "version: 1\nenvironments:\n  prod.eu: {overlays: [a]}\n  Prod-EU: {overlays: [b]}\n",
            "4:3 'Prod-EU': its branches would have the same names as those of 'prod.eu' in line 3 / rename or remove "
            "one of",
            id="names that make one branch",
        ),
    ],
)  # fmt: skip
def test_a_wrong_frame_is_told_at_its_place(text: str, expected: str) -> None:
    (problem,) = told(text)
    assert problem.startswith(expected)


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
version: 1
branch: true
policies:
  a: {semver: ">=1.x.y"}
  b: {pattern: "(", order: random}
  a: {digest: main}
environments:
  staging:
    overlay: [a]
    policy: c
    ignore: yes
  Staging:
    overlays: [/a, ../b]
registries:
  ghcr.io: {password: hunter2, rate: 0}
"""
    assert [problem.split(" ")[0] for problem in told(text)] == [
        "2:9",
        "4:15",
        "5:16",
        "5:28",
        "6:3",
        "9:5",
        "10:13",
        "11:13",
        "12:3",
        "13:16",
        "13:20",
        "15:13",
        "15:38",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "registries: {ghcr.io: {password: hunter2}}",
        "registries: {ghcr.io: {token: hunter2}}",
        "registries: {ghcr.io: {password_env: 'hunter2 '}}",
        "registries: {ghcr.io: {password_env: gho_hunter2}}",
        "repository: https://bot:hunter2@github.com/acme/deploy",
        "repository: https://hunter2@github.com/acme/deploy",
        "repository: ssh://git:hunter2@github.com/acme/deploy",
    ],
)
def test_a_secret_is_refused_and_never_repeated(line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.read(f"version: 1\n{REST}{line}\n", "f.yaml")
    assert "hunter2" not in str(caught.value) + repr(caught.value) + repr(caught.value.__context__)


def test_a_file_of_nothing_but_mistakes_is_told_within_bounds() -> None:
    problems = told("version: 1\n" + REST + "".join(f"k{number}: 1\n" for number in range(3000)))
    assert len(problems) == 201
    assert problems[-1] == "None:None and at least 800 more problems / correct these first"


def test_control_characters_of_the_file_do_not_reach_the_terminal() -> None:
    (problem,) = told(f'version: 1\n{REST}"\\e[31mred\\u202e": 1\n')
    assert "\x1b" not in problem
    assert "\u202e" not in problem


# --- whatever comes, only a ConfigError ------------------------------------------------------------------------------


def read_or_refuse(text: str) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        config.read(text, "f.yaml")
    except ConfigError as error:
        problems = error.problems
    if problems is not None:
        assert problems
        lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029")
        assert all(problem.line is None or 1 <= problem.line <= lines + 2 for problem in problems)


@given(st.text())
@example("%YAML 1.1\n%YAML 1.1\n---\n")
@example("%TAG ! x\n---\n!y z")
@example("? ? ? a")
@example("!<%zz> a")
@example("- !!binary x\n- !!timestamp y")
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)


@given(st.text(alphabet="ab1: -?[]{}&*!|>'\"%@`,#~<\n\t\\xU", max_size=60))
def test_any_text_of_yaml_characters_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)


@given(st.data())
def test_any_mutation_of_a_good_file_is_read_or_refused(data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        new = data.draw(st.one_of(st.text(max_size=4), st.sampled_from(GOOD.split()), st.just("\n  ")))
        text = text[:start] + new + text[end:]
    read_or_refuse(text)


KEYS = [
    "a",
    "policy",
    "semver",
    "pattern",
    "order",
    "digest",
    "overlays",
    "images",
    "as",
    "promote_from",
    "match",
    "soak",
    "labels",
    "web",
    "propose",
    "pin",
    "ignore",
    "<semver>",
    "<named>",
    "<groups>",
    "name",
    "days",
    "hours",
    "timezone",
    "open",
    "environment",
    "until",
    "why",
    "[key]",
    "username",
    "password_env",
    "rate",
]
#: Every shape in every place: what a mapping, a list or a value may meet.
SHAPES = st.recursive(
    st.sampled_from(["x", "1", "true", "~", "", "'1'", "*a", "!t x", ">=1", "main", "&a 1"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(
            st.tuples(
                st.sampled_from(KEYS),
                inner,
            ),
            max_size=4,
        ).map(lambda pairs: "{" + ", ".join(f"'{key}': {value}" for key, value in pairs) + "}"),
    ),
    max_leaves=8,
)


@given(key=st.sampled_from(["version", "branch", "policies", "environments", "registries", "x"]), shape=SHAPES)
def test_any_shape_in_any_place_is_read_or_refused(key: str, shape: str) -> None:
    read_or_refuse(f"{key}: {shape}\n")
    read_or_refuse(
        f"version: 1\npolicies: {{a: {shape}}}\nenvironments: {{a: {shape}}}\nregistries: {{a.b: {shape}}}\n"
    )
    read_or_refuse(f"version: 1\nenvironments: {{a: {{overlays: [a], policy: {shape}, images: {{b: {shape}}}}}}}\n")


@given(
    key=st.sampled_from(["as", "group", "labels", "reviewers", "auto_merge", "limit", "schedule", "title", "message"]),
    shape=SHAPES,
)
def test_any_shape_in_any_place_of_propose_and_holds_is_read_or_refused(key: str, shape: str) -> None:
    read_or_refuse(
        f"version: 1\nholds: {shape}\nenvironments: {{a: {{overlays: [a], propose: {{{key}: {shape}}}}}, "
        f"b: {{overlays: [b], propose: {{as: commit, group: [{shape}], schedule: [{shape}]}}}}}}\n"
    )
    read_or_refuse(f"version: 1\nholds: [{shape}]\nenvironments: {{a: {{overlays: [a], propose: {shape}}}}}\n")


@pytest.mark.parametrize(
    ("pin", "rules"),
    [
        (Pin("v1.4.2", f"sha256:{'a' * 64}"), ("semver ^1 of ^v[0-9]+\\.[0-9]+\\.[0-9]+$", "tag+digest")),
        (Pin("v1.4.2"), ("semver ^1 of ^v[0-9]+\\.[0-9]+\\.[0-9]+$", "tag")),
        (Pin("sha-1f2e3d4"), (None, "tag")),
    ],
)
def test_auto_infers_a_policy_for_each_entry_and_keeps_the_shape_of_its_pin(
    pin: Pin, rules: tuple[str | None, str]
) -> None:
    text = 'version: 1\nenvironments: {a: {overlays: [a], policy: auto, images: {api: {policy: {semver: "*"}}}}}\n'
    environment = config.read(text, "f.yaml").environments["a"]
    found = environment.rules(Entry("web", ImageName.parse("web"), pin))
    assert (describe(found.policy.policy) if found.policy else None, found.pin) == rules
    assert (found.unmanaged is None) == (rules[0] is not None)
    own = environment.rules(Entry("api", ImageName.parse("api"), pin))
    assert (own.policy and describe(own.policy.policy), own.pin) == ("semver *", "tag+digest")


def test_no_policy_may_be_called_auto() -> None:
    text = 'version: 1\npolicies: {auto: {semver: "*"}}\nenvironments: {a: {overlays: [a], policy: auto}}\n'
    with pytest.raises(ConfigError, match="`auto` is the policy that follows the format of the present tag"):
        config.read(text, "f.yaml")


@pytest.mark.parametrize(
    ("top", "own", "wrong"),
    [
        pytest.param("artifact_metadata: true", "", "gitops-bot.yaml:2:1", id="nothing is recorded"),
        pytest.param("", "artifact_metadata: true, ", "gitops-bot.yaml:5:6", id="nor here"),
        pytest.param("records: github", "records: none, artifact_metadata: true, ", "gitops-bot.yaml:5:21", id="off"),
        pytest.param("artifact_metadata: true", "records: github, ", None, id="somewhere"),
        pytest.param("records: github", "artifact_metadata: true, ", None, id="everywhere"),
    ],
)
def test_artifacts_are_recorded_with_deployments(top: str, own: str, wrong: str | None) -> None:
    text = f"version: 1\n{top}\nenvironments:\n  production:\n    {{{own}overlays: [a]}}\n"
    if wrong is None:
        config.read(text, "gitops-bot.yaml")
        return
    with pytest.raises(ConfigError) as refused:
        config.read(text, "gitops-bot.yaml")
    assert [problem.where for problem in refused.value.problems] == [wrong]
