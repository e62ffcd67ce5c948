"""Which server the token is for, and where it may go: decided from names alone, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitops_bot.config import checks
from gitops_bot.edges import address
from gitops_bot.errors import ConfigError, Problem, UsageError
from gitops_bot.wiring.options import TOKENS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from gitops_bot.config import Config
    from gitops_bot.edges.address import Address

#: A login for one registry, beside those of the configuration: its host, and the user and password for it alone.
REGISTRY = "GITOPS_BOT_REGISTRY"
REGISTRY_USERNAME, REGISTRY_PASSWORD = f"{REGISTRY}_USERNAME", f"{REGISTRY}_PASSWORD"


def token(environ: Mapping[str, str]) -> str | None:
    """The token for the forge, without the line break that a mounted file often ends in."""
    variable = token_variable(environ)
    return environ[variable].strip() if variable is not None else None


def token_variable(environ: Mapping[str, str]) -> str | None:
    """The name of the environment variable that holds the token."""
    return next((name for name in TOKENS if environ.get(name, "").strip()), None)


def server(environ: Mapping[str, str]) -> str:
    """The server that OWNER/NAME and the token belong to: GITHUB_SERVER_URL, else the API's, else github.com.

    Raises:
        UsageError: a variable holds no address of a server, or of an API.
    """
    api = _api(environ)
    if environ.get("GITHUB_SERVER_URL") or api is None:
        return address.server_of(environ)
    return address.server_of({"GITHUB_SERVER_URL": f"{api.scheme}://{api.netloc.removeprefix('api.')}"})


def _api(environ: Mapping[str, str]) -> SplitResult | None:
    """GITHUB_API_URL in its parts. An error does not quote it: it may hold a login."""
    text = environ.get("GITHUB_API_URL")
    if not text:
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        usable = False
    if not usable:
        advice = "write https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise"
        raise UsageError(Problem("failed.usage", "GITHUB_API_URL is not the address of an API", advice))
    return parts


def api_url(environ: Mapping[str, str]) -> str:
    """Where the forge's API is: GITHUB_API_URL, else where GitHub or GitHub Enterprise has it."""
    known = server(environ)
    default = "https://api.github.com" if known == address.GITHUB else f"{known}/api/v3"
    return environ.get("GITHUB_API_URL") or default


def takes_token(where: Address, environ: Mapping[str, str]) -> bool:
    """Whether the token belongs to the server of this repository: it and its API have one host, and it is that one."""
    known = server(environ)
    hosts = [(urlsplit(url).hostname or "").removeprefix("api.") for url in (known, api_url(environ))]
    host = where.host or ""
    if address.is_loopback(host):
        # On one machine, git and the API may be two servers with a port each.
        return all(address.is_loopback(name) for name in hosts)
    if len(set(hosts)) > 1:
        return False
    if where.server is None:
        return host.removeprefix("ssh.") == hosts[0]  # over ssh git needs no token, but the API does
    return where.takes_token_of(known)


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
    """A configuration may come from whoever opened a pull request: it must not send the token of the job anywhere.

    Raises:
        ConfigError: `password_env` names the forge's token, or the login for one registry, for another registry.
    """
    host = urlsplit(server(environ)).hostname or ""
    own = {"ghcr.io", "docker.pkg.github.com"} if host == "github.com" else {f"containers.{host}"}
    given = registry(environ)
    for name, access in config.registries.items():
        if access.password_env in TOKENS and name not in own:
            message = f"`registries`: {access.password_env} is the token of {host} and is not sent to {name}"
        elif access.password_env == REGISTRY_PASSWORD and name != given:
            message = f"`registries`: {REGISTRY_PASSWORD} is for {given or 'no registry'} and is not sent to {name}"
        else:
            continue
        advice = "put that registry's password into its own variable"
        raise ConfigError(Problem("failed.config", message, advice, config.file))
