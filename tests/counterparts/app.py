"""A GitHub App on the tests' GitHub server, with a key of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.counterparts.apps import App, Installation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.github import Forge

#: What the documentation asks for.
PERMISSIONS = {"contents": "write", "pull_requests": "write"}


@cache
def key_pair(name: str = "usual") -> tuple[str, str]:
    """A private key in PEM, as GitHub gives it, and its public half; always the same ones for one name."""
    del name
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), public.decode()


@dataclass(frozen=True, slots=True)
class Registered:
    """An App that the server knows; what leads the bot to it as this App is `env`."""

    forge: Forge
    app: App

    @property
    def env(self) -> dict[str, str]:
        """Git is served by the same server: it knows what the tokens are for."""
        return {
            "GITHUB_SERVER_URL": self.forge.url,
            "GITHUB_API_URL": self.forge.api_url,
            "GITHUB_APP_ID": str(self.app.number),
            "GITHUB_APP_PRIVATE_KEY": key_pair()[0],
        }

    def install(self, *full_names: str, permissions: Mapping[str, str] = PERMISSIONS) -> None:
        """Install it on these repositories of one account alone, instead of where it was installed before there."""
        apps, owner = self.forge.apps, full_names[0].partition("/")[0].lower()
        names = frozenset(name.lower() for name in full_names)
        kept = [each for each in apps.installations if (each.app, each.owner) != (self.app, owner)]
        number, granted = self.app.number * 1000 + len(kept) + 1, {"metadata": "read", **permissions}
        apps.installations = [*kept, Installation(number, self.app, owner, names, granted)]

    @property
    def issued(self) -> list[tuple[tuple[str, ...], dict[str, str]]]:
        """The repositories and permissions of every token so far, in order."""
        tokens = self.forge.apps.tokens.values()
        return [(tuple(sorted(token.repositories)), dict(token.permissions)) for token in tokens]


def registered(forge: Forge, number: int = 4711, slug: str = "acme-bot") -> Registered:
    """Register an App."""
    app = forge.apps.known[str(number)] = App(number, slug, key_pair()[1])
    return Registered(forge, app)
