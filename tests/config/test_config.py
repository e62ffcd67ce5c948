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
from tests.config.reading import SCHEMA, told
from tests.tables import rows

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


@rows("environment who expected", {
    "the environment's": ("staging", entry("other"), Rules(BUILDS, ignore=True)),
    "by repository, ignore undone": (
        "staging", entry("web", "ghcr.io/acme/web"), Rules(RELEASES, ignore=False, own_policy=True),
    ),
    "by name before the repository": ("staging", entry("ghcr.io/acme/web", "x/y"), Rules(RELEASES, own_policy=True)),
    "key by key": ("staging", entry("postgres"), Rules(BUILDS, pin="tag", ignore=True)),
    "normalised": ("staging", entry("db", "docker.io/library/postgres"), Rules(BUILDS, pin="tag", ignore=True)),
    "by name, no image name": ("staging", Entry("postgres"), Rules(BUILDS, pin="tag", ignore=True)),
    "a policy written out": ("production", entry("api"), Rules(OWN, pin="digest", on_move="follow", own_policy=True)),
    "nothing but the promotion": (
        "production", entry("web"),
        Rules(None, pin="digest", on_move="hold", unmanaged=unmanaged("not_in_source", "production", "staging")),
    ),
})  # fmt: skip
def test_an_image_beats_its_environment(environment: str, who: Entry, expected: Rules) -> None:
    assert config.read(GOOD, "f.yaml").environments[environment].rules(who) == expected


@rows("line expected", {
    "a number with a last zero": ("digest: 1.10", "1.10"),
    "a leading zero": ("digest: 0123", "0123"),
    "an exponent": ("digest: 1e5", "1e5"),
    "quoted": ("digest: '1_000'", "1_000"),
    "a truth in YAML 1.1 only": ("digest: yes", "yes"),
    "an explicit text": ("digest: !!str true", "true"),
    "folded": ("digest: >-\n        main", "main"),
})  # fmt: skip
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
    "a list": ("- a\n", "1:1 this is no configuration of gitops-bot: it has none of its keys / check that this is"),
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
    places = "2:9 4:15 5:16 5:28 6:3 9:5 10:13 11:13 12:3 13:16 13:20 15:13 15:38"
    assert [problem.split(" ")[0] for problem in told(text)] == places.split()


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


@given(st.one_of(st.text(), st.text(alphabet="ab1: -?[]{}&*!|>'\"%@`,#~<\n\t\\xU", max_size=60)))
@example("%YAML 1.1\n%YAML 1.1\n---\n")
@example("%TAG ! x\n---\n!y z")
@example("? ? ? a")
@example("!<%zz> a")
@example("- !!binary x\n- !!timestamp y")
def test_any_text_is_read_or_refused(text: str) -> None:
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


FORMS = (SCHEMA, *SCHEMA["$defs"].values())
#: What stands for a branch of a union, or for a key, in the words of the library that reads, must not matter either.
KEYS = [
    "a",
    "web",
    "<semver>",
    "<named>",
    "<groups>",
    "[key]",
    *{key: 0 for form in FORMS for key in form["properties"]},
]
#: Every shape in every place: what a mapping, a list or a value may meet.
SHAPES = st.recursive(
    st.sampled_from(["x", "1", "true", "~", "", "'1'", "*a", "!t x", ">=1", "main", "&a 1"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"'{key}': {value}" for key, value in pairs) + "}"
        ),
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
