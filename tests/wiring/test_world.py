"""How what the configuration says reaches the edges; the tests of the commands have the rest."""

from __future__ import annotations

import pytest

from gitops_bot.config import RegistryAccess, read
from gitops_bot.edges.github.server import Server
from gitops_bot.wiring import world

LOOPBACK = "localhost:5000"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param("{}", RegistryAccess(), id="nothing"),
        pytest.param("{concurrency: 3}", RegistryAccess(concurrency=3), id="how many requests at once"),
        pytest.param("{rate: 0.5}", RegistryAccess(rate=0.5), id="how many a second"),
        pytest.param("{plain_http: true}", RegistryAccess(plain_http=True), id="without TLS"),
        pytest.param("{username: bot, password_env: HUB}", RegistryAccess("bot", "HUB"), id="credentials"),
    ],
)
def test_a_registry_is_reached_as_the_configuration_says(said: str, expected: RegistryAccess) -> None:
    text = f'version: 1\nenvironments: {{dev: {{overlays: [dev]}}}}\nregistries: {{"{LOOPBACK}": {said}}}\n'
    assert world.access(read(text, "gitops-bot.yaml"), {}, [Server()]) == {LOOPBACK: expected}


def test_credentials_of_the_environment_keep_what_the_configuration_says_of_their_registry() -> None:
    registries = (
        f'{{"{LOOPBACK}": {{concurrency: 3, rate: 2, username: bot, password_env: HUB}}, ghcr.io: {{rate: 1}}}}'
    )
    text = f"version: 1\nenvironments: {{dev: {{overlays: [dev]}}}}\nregistries: {registries}\n"
    environ = {"GITOPS_BOT_REGISTRY": LOOPBACK, "GITOPS_BOT_REGISTRY_USERNAME": "ci"}
    assert world.access(read(text, "gitops-bot.yaml"), environ, [Server()]) == {
        LOOPBACK: RegistryAccess("ci", "GITOPS_BOT_REGISTRY_PASSWORD", concurrency=3, rate=2),
        "ghcr.io": RegistryAccess(rate=1),
    }
