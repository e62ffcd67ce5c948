"""The files that `docker login` (config.json) and `podman login` (auth.json) write, and credential helpers.

Helpers are programs named `docker-credential-*`. Protocol: the only argument is `get`, the server is on standard input,
JSON on standard output; so is the message of a failure.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitops_bot import redact
from gitops_bot.edges.http import parse_json
from gitops_bot.edges.http.failure import clean
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.edges.registry.login import Basic, Credential, IdentityToken, RegistryToken
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitops_bot.images.reference import ImageName


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
#: Seconds; the helpers of clouds ask their own servers.
HELPER_TIMEOUT = 30.0
_NOT_FOUND = "credentials not found in native keychain"


def ask_helper(
    name: str, server: str, environ: Mapping[str, str], timeout: float = HELPER_TIMEOUT
) -> Credential | None:
    """The credential that `docker-credential-<name>` has for a server; None if it has none.

    Raises:
        NoLogin: it is not on the PATH of `environ`, it failed, or its answer cannot be read.
    """
    if not _NAME.match(name):
        raise NoLogin(f"{name[:100]!r} cannot be the name of a credential helper", "Fix the Docker configuration.")
    program = f"docker-credential-{name}"
    path = shutil.which(program, path=environ.get("PATH", ""))
    if path is None:
        raise NoLogin(f"the credential helper {program} is not installed", "Install it, or log in without it.")
    advice = f"Run it by hand: echo {server} | {program} get"
    try:
        done = subprocess.run(
            [path, "get"], input=server.encode(), capture_output=True, timeout=timeout, env=dict(environ), check=False
        )
    except subprocess.TimeoutExpired:
        raise NoLogin(f"the credential helper {program} did not answer within {timeout:g} s", advice) from None
    except OSError as error:
        raise NoLogin(f"the credential helper {program} does not run: {error.strerror}", advice) from error
    answer = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        if answer == _NOT_FOUND:
            return None
        raise NoLogin(f"the credential helper {program} failed: {clean(answer) or done.returncode}", advice)
    match parse_json(answer):
        case {"Username": str(), "Secret": ""}:
            return None
        case {"Username": str(username), "Secret": str(secret)}:
            redact.learn(secret, passing=True)  # many give a new one each time
            return IdentityToken(secret) if username == "<token>" else Basic(username, secret)
        case _:
            raise NoLogin(f"the credential helper {program} gave an answer that cannot be read", advice)


_LIMIT = 1024 * 1024
_HUB = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
#: The user name of identity tokens at Azure's registries.
AZURE = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """One such file; keys are normalised to `host` or `host/path`, with `docker.io` for Docker Hub."""

    path: Path
    auths: Mapping[str, Any] = field(repr=False)
    helpers: Mapping[str, str]
    store: str | None

    def credential(self, image: ImageName) -> Credential | None:
        """The entry of an image's repository, else of the nearest parent. Raises NoLogin if it cannot be read."""
        name = str(image)
        while name:
            if (credential := self._entry(name)) is not None:
                return credential
            name = name.rpartition("/")[0]
        return None

    def _entry(self, name: str) -> Credential | None:
        match self.auths.get(name) or self._wildcard_entry(name):
            case {"registrytoken": str(token)} if token:
                return RegistryToken(token)
            case {"identitytoken": str(token)} if token:
                return IdentityToken(token)
            case {"auth": str(encoded)} if encoded:
                try:
                    username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
                except ValueError:
                    colon = ""
                if not colon:
                    # Not chained: the error would hold the secret.
                    raise NoLogin(f"the entry for {name} in {self.path} cannot be read", "Log in again.") from None
                password = password.rstrip("\0")
            case {"username": str(username), "password": str(password)} if password:
                pass
            case _:
                return None
        return IdentityToken(password, username) if username == AZURE else Basic(username, password)

    def _wildcard_entry(self, name: str) -> Any:
        """The first entry whose host has a `*` and matches: Kubernetes supports that, docker does not."""
        host, _, path = name.partition("/")
        for key, entry in self.auths.items():
            pattern, _, pattern_path = key.partition("/")
            labels, patterns = host.split("."), pattern.split(".")  # `*` never matches a dot
            fits = len(labels) == len(patterns) and all(map(fnmatchcase, labels, patterns))
            if "*" in pattern and pattern_path == path and fits:
                return entry
        return None


def read_config(path: Path) -> DockerConfig | None:
    """The file at `path`; None if there is none that this user can see. Raises NoLogin if it cannot be read."""
    advice = "Fix or remove it, or log in again."
    try:
        if not path.is_file():
            return None
    except OSError:
        return None
    document = parse_json(read_secrets(path, str(path), _LIMIT, advice))
    if not isinstance(document, dict):
        raise NoLogin(f"{path} is not {'valid JSON' if document is None else 'a JSON object'}", advice)
    auths = _with_normalised_names(document.get("auths"))
    redact.learn(*(secret for entry in auths.values() for secret in _secrets(entry)))
    helpers = _with_normalised_names(document.get("credHelpers"))
    store = document.get("credsStore")
    return DockerConfig(
        path,
        auths=auths,
        helpers={name: helper for name, helper in helpers.items() if isinstance(helper, str)},
        store=store if isinstance(store, str) else None,
    )


def read_secrets(path: Path | str, name: str, limit: int, advice: str) -> bytes:
    """A file with credentials; `name` and `advice` are for errors. Raises NoLogin if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise NoLogin(f"{name} cannot be read: {why}", advice) from error
    if len(data) > limit:
        raise NoLogin(f"{name} is larger than the {limit} bytes that are read", advice)
    return data


def _secrets(entry: Any) -> Iterator[str]:
    """All secrets of an entry, also for registries that are never queried."""
    for key in ("auth", "password", "identitytoken", "registrytoken") if isinstance(entry, dict) else ():
        if isinstance(text := entry.get(key), str):
            yield text
            if key == "auth":
                with suppress(ValueError):
                    yield base64.b64decode(text, validate=True).decode().partition(":")[2].rstrip("\0")


def _with_normalised_names(section: Any) -> dict[str, Any]:
    return {_normalised(key): value for key, value in section.items()} if isinstance(section, dict) else {}


def _normalised(key: str) -> str:
    """`https://index.docker.io/v1/` and `ghcr.io/` as `docker.io` and `ghcr.io`."""
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, slash, path = bare.removesuffix("/v1").removesuffix("/v2").partition("/")
    host = host.lower()
    return (DOCKER_HUB if host in _HUB else host) + slash + path
