"""A forge's own token as the password of its registry, where the environment lacks the variable that stands for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.facts import PackageApi, Token, fixed
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import ForgeError, Problem, RegistryError
from gitops_bot.images.reference import ImageName
from tests.counterparts.registry import PASSWORD, USER, docker_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.counterparts.registry import DockerRegistry


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry"), password=True) as registry:
        registry.push("acme/web", "1.0.0")
        yield registry


def tags(private: DockerRegistry, token: Token, home: Path, **environ: str) -> tuple[str, ...]:
    """What the private registry lists for a bot whose forge has this token for it."""
    access = {private.host: RegistryAccess(username=USER, password_env="GITHUB_TOKEN")}
    api = PackageApi("ghcr.io", "api.github.com", {}, token, ("GITHUB_TOKEN", "GH_TOKEN"))
    with Registry(access, {"HOME": str(home), **environ}, Clock(), packages=[api]) as registry:
        return registry.tags(ImageName(private.host, "acme/web"))


def test_the_token_is_the_password_where_the_variable_is_not_set(private: DockerRegistry, tmp_path: Path) -> None:
    assert tags(private, fixed(PASSWORD), tmp_path) == ("1.0.0",)


def test_the_variable_wins_where_it_is_set(private: DockerRegistry, tmp_path: Path) -> None:
    assert tags(private, fixed("not this one"), tmp_path, GITHUB_TOKEN=PASSWORD) == ("1.0.0",)
    with pytest.raises(RegistryError):
        tags(private, fixed(PASSWORD), tmp_path, GITHUB_TOKEN="not this one")


def test_a_token_that_cannot_be_had_fails_the_image_with_the_reason(private: DockerRegistry, tmp_path: Path) -> None:
    def refused(rejected: str | None = None, repository: str | None = None) -> str:
        del rejected, repository
        raise ForgeError(Problem("failed.auth", "the App lacks `Packages: read`", "add it"))

    with pytest.raises(RegistryError, match="the App lacks `Packages: read`"):
        tags(private, refused, tmp_path)
