"""A repository with one of everything: no command says `1 entries`."""

from __future__ import annotations

import re

import pytest

from tests.counterparts.world import Deploy, World, overlay

PATH = "apps/web/production/kustomization.yaml"
#: A one that stands before a plural; the words are what one thing does.
PLURAL = re.compile(r"(?<![\w.:#/@-])1 (?:[a-z]+ )?(?!(?:is|has|was|does|waits|soaks)\b)[a-z]+s\b")
CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  production: {overlays: ["apps/*/production"], policy: releases}
"""


@pytest.fixture(scope="module")
def single(worldwide: World) -> Deploy:
    def files(deploy: Deploy) -> dict[str, bytes]:
        pin = f"newTag: 1.0.0; digest: {deploy.push('web', '1.0.0')}"
        return {"gitops-bot.yaml": CONFIG, PATH: overlay([(deploy.image("web"), pin)])}

    deploy = worldwide.deploy(files)
    deploy.push("web", "1.1.0")
    return deploy


COMMANDS = (
    ("plan",),
    ("explain", "production", "web"),
    ("status",),
    ("status", "--output", "markdown"),
    ("history", "production"),
    ("audit",),
    ("doctor",),
    ("update",),
    ("plan",),
    ("set", "production", "web=1.0.0"),
    ("rollback", "production"),
)


def test_one_of_everything_is_never_told_as_several(single: Deploy) -> None:
    for command in COMMANDS:
        done = single.bot(*command)
        assert "Traceback" not in done.err, command
        assert PLURAL.findall(done.out + done.err) == [], (command, done.out)


def test_the_plural_of_one_would_be_found() -> None:
    assert PLURAL.search("there are 1 entries")
    assert PLURAL.search("1 open proposals wait")
    assert not PLURAL.search("production: 1 is held, 1 has failed, 1 entry, v1 files, 0.1 files, #1 waits")
