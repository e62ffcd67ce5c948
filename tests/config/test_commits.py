"""`commits`, in every way to write it, and what may be wrong with it."""

from __future__ import annotations

import jsonschema
import pytest

from gitops_bot import config
from gitops_bot.config.commits import Signer, SigningKey
from gitops_bot.errors import ConfigError

TEXT = "version: 1\ncommits: %s\nenvironments: {a: {overlays: [a], commits: %s}, b: {overlays: [b]}}\n"


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
def test_an_environment_overrides_what_stands_at_the_top(written: str, meant: Signer | None) -> None:
    environments = config.read(TEXT % ("api", written), "gitops-bot.yaml").environments
    assert [environment.signer for environment in environments.values()] == [meant, "api"]
    environments = config.read(TEXT % (written, "git"), "gitops-bot.yaml").environments
    assert [environment.signer for environment in environments.values()] == [None, meant]


def test_without_it_git_makes_the_commits() -> None:
    text = "version: 1\nenvironments: {a: {overlays: [a]}}\n"
    assert config.read(text, "gitops-bot.yaml").environments["a"].signer is None


@pytest.mark.parametrize("key", [12345678, "3AA5C34371567BD2"])
def test_the_schema_takes_a_key_of_digits_as_yaml_reads_it(key: object) -> None:
    document = {"version": 1, "commits": {"gpg_key": key}, "environments": {"a": {"overlays": ["a"]}}}
    jsonschema.validate(document, config.schema())


@pytest.mark.parametrize(
    ("written", "message", "advice"),
    [
        ("signed", "`commits` must be git or api, not 'signed'", "as in `commits: api`"),
        ("", "`commits` has no value", "as in `commits: api`"),
        ("[api]", "`commits` must be a single value, not a list", "as in `commits: api`"),
        ("{}", "`commits` takes one key", "write `ssh_key_file` or `gpg_key`"),
        ("{ssh_kye_file: /k}", "unknown key 'ssh_kye_file'", "did you mean `ssh_key_file`?"),
        ("{ssh_key_file: /k, gpg_key: 12345678}", "`commits` takes one key", "write `ssh_key_file` or `gpg_key`"),
        ("{ssh_key_file: -oProxyCommand=x}", "must be the absolute path of a file, never the key", "/run/secrets/"),
        ("{ssh_key_file: keys/bot}", "must be the absolute path of a file, never the key", "/run/secrets/"),
        ("{ssh_key_file: ~/bot}", "must be the absolute path of a file, never the key", "/run/secrets/"),
        ("{gpg_key: --output=x}", "must be the ID of a key", "as in `gpg_key: 3AA5C34371567BD2`"),
        ("{gpg_key: bot@example.test}", "must be the ID of a key", "as in `gpg_key: 3AA5C34371567BD2`"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(written: str, message: str, advice: str) -> None:
    text = f"version: 1\nenvironments: {{a: {{overlays: [a]}}}}\ncommits: {written}\n"
    with pytest.raises(ConfigError) as raised:
        config.read(text, "gitops-bot.yaml")
    (problem,) = raised.value.problems
    assert message in problem.message
    assert advice in problem.next
    assert problem.line == 3


def test_a_key_that_was_pasted_by_mistake_is_not_repeated() -> None:
    text = "version: 1\nenvironments: {a: {overlays: [a]}}\ncommits: {ssh_key_file: '-----BEGIN KEY----- hunter2'}\n"
    with pytest.raises(ConfigError) as raised:
        config.read(text, "gitops-bot.yaml")
    assert "hunter2" not in str(raised.value)
