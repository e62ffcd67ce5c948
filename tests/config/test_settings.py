"""Settings of an environment that have several ways to be written: what each means."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.config import ReleaseInfo
from gitops_bot.config.commits import Signer, SigningKey
from gitops_bot.config.require import CheckForm
from gitops_bot.errors import ConfigError
from gitops_bot.images.build import LABELS
from tests.config.reading import VALIDATOR

KNOWN = tuple(LABELS.items())


def environment(settings: str) -> config.Environment:
    text = f"version: 1\nenvironments: {{s: {{overlays: [s]}}, a: {{overlays: ['{{app}}/a'], {settings}}}}}\n"
    return config.read(text, "f.yaml").environments["a"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("git", None),
        ("api", "api"),
        ("{ssh_key_file: /run/secrets/a b}", SigningKey(ssh_key_file="/run/secrets/a b")),
        ("{gpg_key: 3AA5C34371567BD2}", SigningKey(gpg_key="3AA5C34371567BD2")),
        ("{gpg_key: 12345678}", SigningKey(gpg_key="12345678")),
    ],
)
def test_an_environment_overrides_who_signs_commits(written: str, meant: Signer | None) -> None:
    text = "version: 1\ncommits: %s\nenvironments: {a: {overlays: [a], commits: %s}, b: {overlays: [b]}}\n"
    for top, own, expected in (("api", written, [meant, "api"]), (written, "git", [None, meant])):
        environments = config.read(text % (top, own), "f.yaml").environments
        assert [each.signer for each in environments.values()] == expected
    assert environment("").signer is None


@pytest.mark.parametrize("key", [12345678, "3AA5C34371567BD2"])
def test_the_schema_takes_a_key_of_digits_as_yaml_reads_it(key: object) -> None:
    document = {"version": 1, "commits": {"gpg_key": key}, "environments": {"a": {"overlays": ["a"]}}}
    assert VALIDATOR.is_valid(document)


def test_a_key_that_was_pasted_by_mistake_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as raised:
        environment("commits: {ssh_key_file: '-----BEGIN KEY----- hunter2'}")
    assert "hunter2" not in str(raised.value)


def test_checks_of_what_was_released_are_read_as_in_require() -> None:
    read = environment('require_after: ["argo/{app}", {name: e2e, app: ci}], on_failure: rollback')
    assert read.require_after == (CheckForm(name="argo/{app}"), CheckForm(name="e2e", app="ci"))
    assert read.on_failure == "rollback"
    assert (environment("").require_after, environment("").on_failure) == ((), None)


def test_what_is_promoted_on_may_be_watched_without_a_rollback() -> None:
    lines = [
        "staging: {overlays: [staging], require_after: [e2e]}",
        "production: {overlays: [p], promote_from: staging}",
    ]
    text = "version: 1\nenvironments:\n" + "".join(f"  {line}\n" for line in lines)
    read = config.read(text, "f.yaml").environments["staging"]
    assert (read.require_after, read.on_failure) == ((CheckForm(name="e2e"),), None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("info.yaml", (ReleaseInfo("info.yaml", None, KNOWN),)),
        ("{file: info.yaml}", (ReleaseInfo("info.yaml", None, KNOWN),)),
        ("[{file: a.yaml, image: web}, {file: b.yaml, overlays: [b]}]",
         (ReleaseInfo("a.yaml", "web", KNOWN), ReleaseInfo("b.yaml", None, KNOWN, ("b",)))),
        ("{file: i.yaml, image: web, overlays: [a], keys: {version: x.y, build-number: b, COMMIT: c}}",
         (ReleaseInfo("i.yaml", "web", (("version", "x.y"), KNOWN[1], KNOWN[2], ("build-number", "b"), ("COMMIT", "c")),
                      ("a",)),)),
    ],
)  # fmt: skip
def test_labels_are_those_of_oci_unless_they_are_named(written: str, meant: tuple[ReleaseInfo, ...]) -> None:
    assert environment(f"release_info: {written}").release_info == meant


def test_an_environment_may_have_several_pairs_of_slots() -> None:
    slots = "{service: %s, selector: v, slots: {blue: b.yaml, green: g.yaml}, overlays: [%s]}"
    read = environment(f"blue_green: [{slots % ('s', 'a/*')}, {slots % ('s', 'b/*')}]")
    assert [setting.overlays for setting in read.blue_green] == [("a/*",), ("b/*",)]
    others = "{service: t, selector: v, slots: {blue: c.yaml, green: h.yaml}}"
    read = environment(f"blue_green: [{others}, {slots % ('s', 'a/*')}]")
    assert [setting.service for setting in read.blue_green] == ["t", "s"]


@pytest.mark.parametrize(
    ("kind", "setting"),
    [
        ("env", "images: {web: {repository: ghcr.io/acme/web, tag: WEB_TAG, digest: WEB_DIGEST}}"),
        ("helm", "images: {web: {repository: ghcr.io/acme/web, tag: WEB_TAG, digest: WEB_DIGEST}}"),
        ("manifests", "kinds: {Kafka: [.spec.image]}"),
        ("pattern", "patterns: {web: {repository: ghcr.io/acme/web, pattern: 'web:(?P<tag>[0-9.]+)'}}"),
    ],
)
def test_a_kind_of_file_takes_its_settings(kind: str, setting: str) -> None:
    assert environment(f"targets: [{{kind: {kind}, files: [f], {setting}}}]").targets[0].names == ("f",)
