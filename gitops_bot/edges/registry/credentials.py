"""The bot's credentials for a registry: from `registries:`, else from `docker login` and `podman login`, else from the
cloud that the bot runs in. Secrets are kept out of every `repr`.

Without any the bot is anonymous, also at ghcr.io: GITHUB_TOKEN goes to a registry only if `registries:` names it as the
password.

`docker login` writes config.json, `podman login` auth.json. Credential helpers are programs named
`docker-credential-*`: the only argument is `get`, the server is on standard input, JSON on standard output; so is the
message of a failure.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, assert_never

from gitops_bot import redact
from gitops_bot.edges.http import parse_json
from gitops_bot.edges.http.transport import clean
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.errors import ForgeError
from gitops_bot.images.reference import DOCKER_HUB

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from gitops_bot.config import RegistryAccess
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Token
    from gitops_bot.images.reference import ImageName

T = TypeVar("T")

#: Seconds; the helpers of clouds ask their own servers.
HELPER_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and password, sent as they are or exchanged for a token."""

    username: str
    password: str = field(repr=False)
    called: ClassVar = "user name and password"


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """The token that `docker login` got instead of a password; a token server exchanges it by OAuth 2."""

    token: str = field(repr=False)
    username: str = "<token>"
    called: ClassVar = "identity token"


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token for the registry itself."""

    token: str = field(repr=False)
    called: ClassVar = "registry token"


Credential = Basic | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class Login:
    """A credential and its source in words; without a credential, the reason."""

    credential: Credential | None
    source: str


@dataclass(frozen=True, slots=True)
class Workload:
    """The environment variables and the clock of this process; `seconds` limits one login."""

    environ: Mapping[str, str] = field(repr=False)
    clock: Clock
    seconds: float


#: A login and its lifetime in seconds.
ExpiringLogin = tuple[Login, float]


def basic(credential: Basic | IdentityToken) -> str:
    """The `Authorization` header for user name and password."""
    secret = credential.password if isinstance(credential, Basic) else credential.token
    return "Basic " + base64.b64encode(f"{credential.username}:{secret}".encode()).decode("ascii")


def secrets(credential: Credential | None) -> tuple[str, ...]:
    """Every form in which the credential is sent, to be struck out of answers. Raises ValueError if HTTP cannot."""
    match credential:
        case None:
            return ()
        case Basic(_, secret) | IdentityToken(secret):
            return (secret, basic(credential).removeprefix("Basic "))
        case RegistryToken(token):
            if not re.fullmatch(r"[!-~]+", token):
                raise ValueError("a header cannot carry it")
            return (token,)
        case _:
            assert_never(credential)


@dataclass(slots=True)
class Once(Generic[T]):
    """Answers that are asked for once, however many threads want them, even if asking fails."""

    _answers: dict[Hashable, Future[T]] = field(default_factory=dict)

    def get(self, key: Hashable, ask: Callable[[], T]) -> T:
        """The answer for `key`: the first caller asks; the others wait for its answer or exception."""
        mine: Future[T] = Future()
        answer = self._answers.setdefault(key, mine)
        if answer is mine:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - the others must not wait for ever; raised below
                answer.set_exception(error)
        return answer.result()


@dataclass(slots=True)
class Credentials:
    """Finds the login for an image. Files are read and helpers run at most once, each for `timeout` seconds.

    `clouds` is the login that a cloud gives for a registry, if it belongs to one; `tokens` are those of a forge by the
    variables that stand for them, where the environment lacks these.
    """

    access: Mapping[str, RegistryAccess]
    environ: Mapping[str, str] = field(repr=False)
    timeout: float = HELPER_TIMEOUT
    clouds: Callable[[str], Login | None] = lambda _: None
    tokens: Mapping[str, Token] = field(default_factory=dict, repr=False)
    _files: Once[tuple[DockerConfig, ...]] = field(default_factory=Once)
    _helped: Once[Credential | None] = field(default_factory=Once)

    def __post_init__(self) -> None:
        variables = (settings.password_env for settings in self.access.values())
        redact.learn(*(self.environ.get(variable) for variable in variables if variable is not None))

    def login(self, image: ImageName) -> Login:
        """The first credential found for an image. Raises NoLogin if it is configured but cannot be read or sent."""
        login = self._find(image)
        try:
            redact.learn(*secrets(login.credential), passing=True)
        except ValueError:  # JSON and the environment may contain lone surrogates
            raise NoLogin(
                f"the credentials for {image.registry} from {login.source} have characters that cannot be sent",
                "Log in again, or fix them where they are stored.",
            ) from None
        return login

    def _find(self, image: ImageName) -> Login:
        access, environ = self.access.get(image.registry), self.environ
        if access is not None and access.password_env is not None:
            # Secrets made with `echo` end in an unwanted line break.
            password = environ.get(access.password_env, "").rstrip("\r\n")
            if not password and (token := self.tokens.get(access.password_env)) is not None:
                try:
                    password = token()
                except ForgeError as error:
                    raise NoLogin(error.problem.message, error.problem.next) from None
            if not password:
                raise NoLogin(
                    f"the password for {image.registry} is expected in {access.password_env}, which is not set",
                    f"Set {access.password_env}, or change `registries:` in gitops-bot.yaml.",
                )
            return Login(Basic(access.username or "token", password), f"the environment variable {access.password_env}")
        why = f"no credentials found for {image.registry}"
        for config in self._files.get(None, lambda: tuple(filter(None, map(read_config, credential_files(environ))))):
            if (login := self._stored(config, image)).credential is not None:
                return login
            # A store for all registries that fails must not stop anonymous access to public images.
            why = f"no credentials found for {image.registry}: {login.source}" if login.source else why
        return self.clouds(image.registry) or Login(None, why)

    def _stored(self, config: DockerConfig, image: ImageName) -> Login:
        """A helper for this registry precedes the store for all, which precedes the file itself. Without a credential
        the source is the failure of the store, if there was one.
        """
        registry = image.registry
        own, failure = config.helpers.get(registry), ""
        if helper := own or config.store:
            # Docker stores the Hub under the URL of its long gone first version.
            server = "https://index.docker.io/v1/" if registry == DOCKER_HUB else registry
            try:
                credential = self._helped.get(
                    (helper, registry), lambda: ask_helper(helper, server, self.environ, self.timeout)
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
    """The credential files by precedence. DOCKER_CONFIG replaces `~/.docker`, as for docker; REGISTRY_AUTH_FILE is
    podman's, and takes the path of a mounted Kubernetes secret (`.dockerconfigjson`).
    """
    home, docker = environ.get("HOME"), environ.get("DOCKER_CONFIG")
    files = (
        (docker or home, "config.json" if docker else ".docker/config.json"),
        (environ.get("REGISTRY_AUTH_FILE"), ""),
        (environ.get("XDG_RUNTIME_DIR"), "containers/auth.json"),
        (home, ".config/containers/auth.json"),
    )
    return tuple(Path(folder, name) for folder, name in files if folder)


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")


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
    if (path := shutil.which(program, path=environ.get("PATH", ""))) is None:
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
        if answer == "credentials not found in native keychain":
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
