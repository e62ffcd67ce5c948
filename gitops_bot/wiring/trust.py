"""Where the passwords in the environment may go: decided from names alone, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config import checks
from gitops_bot.errors import ConfigError, Problem, UsageError
from gitops_bot.wiring.forge import TOKENS, Server

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import Config

#: A login for one registry, beside those of the configuration: its host, and the user and password for it alone.
REGISTRY = "GITOPS_BOT_REGISTRY"
REGISTRY_USERNAME, REGISTRY_PASSWORD = f"{REGISTRY}_USERNAME", f"{REGISTRY}_PASSWORD"


def registry(environ: Mapping[str, str]) -> str | None:
    """The registry that the login in the environment is for, as images name it.

    Raises:
        UsageError: it is no host.
    """
    text = environ.get(REGISTRY, "").strip()
    if not text:
        return None
    host = checks.host(text)
    if host is None:
        advice = "write its host, and the port where it has one, as in ghcr.io"
        raise UsageError(Problem("failed.usage", f"{REGISTRY} is not the host of a registry", advice))
    return host


def check_registries(config: Config, environ: Mapping[str, str]) -> None:
    """Whoever opened a pull request may have written the configuration: it must not send the job's token anywhere.

    Raises:
        ConfigError: `password_env` names the forge's token, or the login for one registry, for another registry.
    """
    server = Server.read(environ)
    given = registry(environ)
    for name, access in config.registries.items():
        if access.password_env in TOKENS and not server.has_registry(name):
            message = f"`registries`: {access.password_env} is the token of {server.host} and is not sent to {name}"
        elif access.password_env == REGISTRY_PASSWORD and name != given:
            message = f"`registries`: {REGISTRY_PASSWORD} is for {given or 'no registry'} and is not sent to {name}"
        else:
            continue
        advice = "put that registry's password into its own variable"
        raise ConfigError(Problem("failed.config", message, advice, config.file))
