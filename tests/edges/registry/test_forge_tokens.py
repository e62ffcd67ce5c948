"""A forge's own token as the password of its registry, where the environment lacks the variable that stands for it."""

from __future__ import annotations

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.facts import PackageApi, Token, fixed
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.credentials import Basic, basic
from gitops_bot.errors import ForgeError, Problem, RegistryError
from gitops_bot.images.reference import ImageName
from tests.counterparts.script import Script, reply

IMAGE = ImageName("ghcr.io", "acme/web")


def shown(token: Token, **environ: str) -> str | None:
    """How a bot logs in whose forge has this token for the registry."""
    script = Script(reply(401, "", {"WWW-Authenticate": "Basic"}), reply(200, '{"tags": []}'))
    access = {IMAGE.registry: RegistryAccess(username="ada", password_env="GITHUB_TOKEN")}
    api = PackageApi("ghcr.io", "api.github.com", {}, token, ("GITHUB_TOKEN", "GH_TOKEN"))
    with Registry(access, environ, Clock(), packages=[api], transport=script) as registry:
        registry.tags(IMAGE)
    return script.shown[-1]


def test_the_token_is_the_password_where_the_variable_is_not_set() -> None:
    assert shown(fixed("hunter2")) == basic(Basic("ada", "hunter2"))
    assert shown(fixed("hunter2"), GITHUB_TOKEN="hunter3") == basic(Basic("ada", "hunter3"))


def test_a_token_that_cannot_be_had_fails_the_image_with_the_reason() -> None:
    def refused(rejected: str | None = None, repository: str | None = None) -> str:
        del rejected, repository
        raise ForgeError(Problem("failed.auth", "the App lacks `Packages: read`", "add it"))

    with pytest.raises(RegistryError, match="the App lacks `Packages: read`"):
        shown(refused)
