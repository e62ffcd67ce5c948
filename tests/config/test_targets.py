"""Which settings each kind of file in `targets` has, and what is said of the others."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.errors import ConfigError

TEXT = "version: 1\nenvironments: {production: {overlays: [a], targets: [{kind: %s, files: [f], %s}]}}\n"
IMAGES = "images: {web: {repository: ghcr.io/acme/web, tag: WEB_TAG, digest: WEB_DIGEST}}"
PATTERNS = "patterns: {web: {repository: ghcr.io/acme/web, pattern: 'web:(?P<tag>[0-9.]+)'}}"


@pytest.mark.parametrize(
    ("kind", "setting"),
    [("env", IMAGES), ("helm", IMAGES), ("manifests", "kinds: {Kafka: [.spec.image]}"), ("pattern", PATTERNS)],
)
def test_a_kind_of_file_takes_its_settings(kind: str, setting: str) -> None:
    config.read(TEXT % (kind, setting), "gitops-bot.yaml")


@pytest.mark.parametrize(
    ("kind", "setting", "message"),
    [
        ("compose", IMAGES, "`images` is for `kind: helm` or `kind: env`"),
        ("manifests", IMAGES, "`images` is for `kind: helm` or `kind: env`"),
        ("env", "kinds: {Kafka: [.spec.image]}", "`kinds` is for `kind: manifests`"),
        ("env", PATTERNS, "`patterns` is for `kind: pattern`"),
    ],
)
def test_a_setting_of_another_kind_is_refused_with_the_kinds_that_have_it(
    kind: str, setting: str, message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(TEXT % (kind, setting), "gitops-bot.yaml")
    (problem,) = raised.value.problems
    assert problem.message == message
    assert problem.next == f"remove it, or set {message.partition(' is for ')[2]}"
