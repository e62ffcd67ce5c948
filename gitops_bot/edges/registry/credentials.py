"""The bot's credentials for a registry: from `registries:`, else from `docker login` and `podman login`, else
from the cloud that the bot runs in.

Without any the bot is anonymous, also at ghcr.io: GITHUB_TOKEN goes to a registry only if `registries:` names it as the
password.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.edges.registry.docker_config import HELPER_TIMEOUT, DockerConfig, ask_helper, read_config
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.edges.registry.login import Basic, Credential, Login, is_sendable, secrets
from gitops_bot.edges.registry.memo import Once
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.registry.cloud.logins import CloudLogins
    from gitops_bot.images.reference import ImageName


class Credentials:
    """Finds the login for an image. Files are read and helpers run at most once, each for `timeout` seconds."""

    def __init__(
        self,
        access: Mapping[str, RegistryAccess],
        environ: Mapping[str, str],
        *,
        timeout: float = HELPER_TIMEOUT,
        clouds: CloudLogins | None = None,
    ) -> None:
        self._access = access
        self._environ = environ
        variables = (settings.password_env for settings in access.values())
        redact.learn(*(environ.get(variable) for variable in variables if variable is not None))
        self._timeout = timeout
        self._clouds = clouds
        self._files: Once[tuple[DockerConfig, ...]] = Once()
        self._helped: Once[Credential | None] = Once()

    def login(self, image: ImageName) -> Login:
        """The first credential found for an image. Raises NoLogin if it is configured but cannot be read or sent."""
        login = self._find(image)
        if login.credential is not None and not is_sendable(login.credential):
            raise NoLogin(
                f"the credentials for {image.registry} from {login.source} have characters that cannot be sent",
                "Log in again, or fix them where they are stored.",
            )
        redact.learn(*secrets(login.credential), passing=True)
        return login

    def _find(self, image: ImageName) -> Login:
        access, environ = self._access.get(image.registry), self._environ
        if access is not None and access.password_env is not None:
            # Secrets made with `echo` end in an unwanted line break.
            password = environ.get(access.password_env, "").rstrip("\r\n")
            if not password:
                raise NoLogin(
                    f"the password for {image.registry} is expected in {access.password_env}, which is not set",
                    f"Set {access.password_env}, or change `registries:` in gitops-bot.yaml.",
                )
            return Login(Basic(access.username or "token", password), f"the environment variable {access.password_env}")
        why = f"no credentials found for {image.registry}"
        for config in self._files.get(None, lambda: tuple(filter(None, map(read_config, credential_files(environ))))):
            login = self._stored(config, image)
            if login.credential is not None:
                return login
            # A store for all registries that fails must not stop anonymous access to public images.
            why = f"no credentials found for {image.registry}: {login.source}" if login.source else why
        return (self._clouds and self._clouds.login(image.registry)) or Login(None, why)

    def _stored(self, config: DockerConfig, image: ImageName) -> Login:
        """A helper for this registry precedes the store for all registries, which precedes the file itself.

        Without a credential the source is the failure of the store, if there was one.
        """
        registry = image.registry
        own, failure = config.helpers.get(registry), ""
        if helper := own or config.store:
            # Docker stores the Hub under the URL of its long gone first version.
            server = "https://index.docker.io/v1/" if registry == DOCKER_HUB else registry
            try:
                credential = self._helped.get(
                    (helper, registry), lambda: ask_helper(helper, server, self._environ, self._timeout)
                )
            except NoLogin as error:
                failure = f"{error.what} ({config.path} names it)"
                if own:
                    raise NoLogin(failure, error.advice) from error
            else:
                if credential is not None:
                    return Login(credential, f"docker-credential-{helper}")
        credential = config.credential(image)
        return Login(credential, str(config.path) if credential is not None else failure)


def credential_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The credential files in order of precedence.

    DOCKER_CONFIG replaces `~/.docker`, as for docker; REGISTRY_AUTH_FILE is podman's, and takes the path of a mounted
    Kubernetes secret (`.dockerconfigjson`).
    """
    home = environ.get("HOME")
    files: list[Path] = []
    if docker := environ.get("DOCKER_CONFIG"):
        files.append(Path(docker) / "config.json")
    elif home:
        files.append(Path(home) / ".docker" / "config.json")
    if podman := environ.get("REGISTRY_AUTH_FILE"):
        files.append(Path(podman))
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        files.append(Path(runtime) / "containers" / "auth.json")
    if home:
        files.append(Path(home) / ".config" / "containers" / "auth.json")
    return tuple(files)
