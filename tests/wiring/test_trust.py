from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.edges.github.server import Server
from gitops_bot.errors import ConfigError, UsageError
from gitops_bot.wiring.world import access
from tests.tables import rows

GHES = {"GITHUB_SERVER_URL": "https://ghe.test"}
HERE = {"GITHUB_SERVER_URL": "http://127.0.0.1:3000", "GITHUB_API_URL": "http://127.0.0.1:3001/api/v3"}


def configured(registry: str, variable: str) -> config.Config:
    text = f"""\
version: 1
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments: {{production: {{overlays: ["apps/*/production"], policy: releases}}}}
registries: {{"{registry}": {{username: bot, password_env: {variable}}}}}
"""
    return config.read(text, "gitops-bot.yaml")


@rows("registry variable environ", {
    "GitHub's registry": ("ghcr.io", "GITHUB_TOKEN", {}),
    "GitHub's registry, the other name": ("ghcr.io", "GH_TOKEN", {}),
    "GitHub's older registry": ("docker.pkg.github.com", "GITHUB_TOKEN", {}),
    "an Enterprise's registry": ("containers.ghe.test", "GITHUB_TOKEN", GHES),
    "a variable of its own": ("registry.test", "REGISTRY_PASSWORD", {}),
    "a variable whose name only starts like it": ("registry.test", "GITHUB_TOKEN_OF_MINE", {}),
})  # fmt: skip
def test_a_registry_gets_its_own_password(registry: str, variable: str, environ: dict[str, str]) -> None:
    access(configured(registry, variable), environ, [Server.read(environ)])


@rows("registry variable environ", {
    "somebody's": ("registry.test", "GITHUB_TOKEN", {}),
    "somebody's, the other name": ("registry.test", "GH_TOKEN", {}),
    "a name that looks like GitHub's": ("ghcr.io.evil.test", "GITHUB_TOKEN", {}),
    "another port": ("ghcr.io:8443", "GITHUB_TOKEN", {}),
    "GitHub's, for the token of an Enterprise": ("ghcr.io", "GITHUB_TOKEN", GHES),
    "another Enterprise's": ("containers.other.test", "GITHUB_TOKEN", GHES),
    "not one of github.com": ("containers.github.com", "GITHUB_TOKEN", {}),
    "on this machine": ("127.0.0.1:5000", "GITHUB_TOKEN", HERE),
})  # fmt: skip
def test_the_forges_token_goes_to_no_other_registry(registry: str, variable: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        access(configured(registry, variable), environ, [Server.read(environ)])
    problem = caught.value.problem
    assert problem.file == "gitops-bot.yaml"
    assert f"{variable} is the token of" in problem.message
    assert problem.message.endswith(f"is not sent to {registry}")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("", None),
        ("ghcr.io", "ghcr.io"),
        (" GHCR.io\n", "ghcr.io"),
        ("index.docker.io", "docker.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
    ],
)
def test_the_registry_of_the_login_is_as_images_name_it(text: str, host: str | None) -> None:
    assert [*access(config.Config(None, {}), {"GITOPS_BOT_REGISTRY": text}, [Server()])] == ([host] if host else [])


@pytest.mark.parametrize(
    "text", ["https://ghcr.io", "ghcr.io/acme", "user@ghcr.io", "ghcr", "a b.io", "ghcr.io\nevil.io"]
)
def test_what_is_no_host_of_a_registry_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not the host of a registry"):
        access(config.Config(None, {}), {"GITOPS_BOT_REGISTRY": text}, [Server()])


@pytest.mark.parametrize(
    ("given", "refused"), [("ghcr.io", False), ("quay.io", True), ("", True)], ids=["its own", "another's", "nobody's"]
)
def test_the_login_for_one_registry_goes_to_no_other(given: str, refused: bool) -> None:
    said = config.read(
        "version: 1\nenvironments: {live: {overlays: [a]}}\n"
        "registries: {ghcr.io: {username: bot, password_env: GITOPS_BOT_REGISTRY_PASSWORD}}\n",
        "gitops-bot.yaml",
    )
    environ = {"GITOPS_BOT_REGISTRY": given, "GITOPS_BOT_REGISTRY_PASSWORD": "x"}
    if not refused:
        access(said, environ, [Server()])
        return
    with pytest.raises(ConfigError, match=r"GITOPS_BOT_REGISTRY_PASSWORD is for .* and is not sent to ghcr\.io"):
        access(said, environ, [Server()])


@pytest.mark.parametrize(
    ("variable", "owner"),
    [
        ("DOCKER_AUTH_CONFIG", "Docker"),
        ("SSH_AUTH_SOCK", "this machine"),
        ("https_proxy", "this machine"),
        ("GIT_CONFIG_VALUE_0", "git"),
        ("GIT_PASSWORD", None),
        ("DOCKER_PASSWORD", None),
    ],
)
def test_what_holds_logins_for_other_places_goes_to_no_registry(variable: str, owner: str | None) -> None:
    said = configured("registry.test", variable)
    if owner is None:
        access(said, {}, [Server.read({})])
        return
    with pytest.raises(ConfigError, match=rf"{variable} belongs to {owner} and is not sent to registry\.test"):
        access(said, {}, [Server.read({})])


@pytest.mark.parametrize(
    ("variable", "refused"),
    [
        ("ACTIONS_RUNTIME_TOKEN", True),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", True),
        ("INPUT_TOKEN", True),
        ("AWS_SESSION_TOKEN", True),
        ("AZURE_CLIENT_SECRET", True),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", True),
        ("AWSOME_TOKEN", False),
        ("HARBOR_TOKEN", False),
    ],
)
def test_in_a_workflow_what_the_runner_and_clouds_put_there_goes_to_no_registry(variable: str, refused: bool) -> None:
    said = configured("registry.test", variable)
    access(said, {}, [Server.read({})])
    workflow = [Server.read({"GITHUB_ACTIONS": "true"})]
    if not refused:
        access(said, {}, workflow)
        return
    with pytest.raises(ConfigError, match=rf"{variable} belongs to this workflow and is not sent to registry\.test"):
        access(said, {}, workflow)
