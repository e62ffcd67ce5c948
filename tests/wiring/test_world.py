"""How what the configuration says reaches the edges; the tests of the commands have the rest."""

from __future__ import annotations

from gitops_bot.config import RegistryAccess, read
from gitops_bot.edges.github.server import Server
from gitops_bot.wiring import world
from tests.tables import rows

LOOPBACK = "localhost:5000"


@rows("said expected", {
    "nothing": ("{}", RegistryAccess()),
    "how many requests at once": ("{concurrency: 3}", RegistryAccess(concurrency=3)),
    "how many a second": ("{rate: 0.5}", RegistryAccess(rate=0.5)),
    "without TLS": ("{plain_http: true}", RegistryAccess(plain_http=True)),
    "credentials": ("{username: bot, password_env: HUB}", RegistryAccess("bot", "HUB")),
})  # fmt: skip
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
