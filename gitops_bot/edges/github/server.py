"""The GitHub server of a repository and the token: where it is, and where its token may go.

Everything is decided from names alone, before any request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from gitops_bot import log
from gitops_bot.edges.address import OWNER_AND_NAME, is_loopback, origin
from gitops_bot.edges.facts import PROTECTED, TOO_LARGE, PackageApi, Refusal, fixed
from gitops_bot.edges.github.address import API, API_URL, APP_ID, APP_KEY, APP_KEY_FILE, check_api
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.edges.address import Address
    from gitops_bot.edges.clock import Clock
    from gitops_bot.edges.facts import Token
    from gitops_bot.edges.github.app import App, Purpose
    from gitops_bot.edges.github.forge import GitHub
    from gitops_bot.edges.github.inspection import Inspection

PUBLIC: Final = "https://github.com"
_SERVER = "GITHUB_SERVER_URL"
#: The runner's own variables, inputs of actions, and what the login actions of clouds export.
_RESERVED = re.compile(r"(?:ACTIONS|INPUT|RUNNER|AWS|AZURE|ARM|GOOGLE|GCLOUD|CLOUDSDK)_")


#: What git says there when a rule of the server refuses a push. The first match counts: a ruleset's refusal, GH013,
#: also names the rule.
_REFUSALS = (
    Refusal(
        r"branches that\s+(?:remote:\s*)?are queued for merging cannot be updated|has been added to a merge queue",
        "has this branch in its merge queue, where it cannot be changed",
        "Wait until it is merged, or remove the pull request from the queue.",
    ),
    Refusal(
        r"changes must be made through (?:a|the) merge queue",
        "accepts changes to this branch only through its merge queue",
        "Use `propose: {as: pull-request}` in gitops-bot.yaml; with `auto_merge: true` the bot adds pull requests to "
        "the queue.",
    ),
    Refusal(
        r"changes must be made through a pull request",
        "accepts changes to this branch only through pull requests",
        "Use `propose: {as: pull-request}` in gitops-bot.yaml, or let the bot bypass the rule. If the branch starts "
        "with gitops-bot/, exclude those branches from the rule.",
    ),
    Refusal(
        r"commits must have (?:verified|valid) signatures|missing successful verification of signatures",
        "requires signed commits on this branch, and could not verify the bot's",
        "Set `commits: api` or a key that the server knows, or let the bot bypass the rule. If the branch starts with "
        "gitops-bot/, exclude those branches from the rule.",
    ),
    Refusal(
        r"refusing to allow .{0,200} to create or update workflow",
        "does not let this token change workflow files",
        "Point the overlays away from .github/workflows, or give the token the permission `workflows: write`.",
    ),
    Refusal(r"GH006|GH013", *PROTECTED),
    Refusal(r"GH001|exceeds GitHub's file size limit", *TOO_LARGE),
)


@dataclass(frozen=True, slots=True)
class Server:
    """One server. `variable` is the environment variable with the token, or the App's id; None without either.

    `in_workflow`: the bot runs in Actions.
    """

    #: The variables with the token, in order of precedence, and all with something secret; the user name for git, with
    #: the token as password; what the token must be allowed to do; what to set where a repository is on another server;
    #: how many parts the name of a repository has; what only git there says.
    TOKENS: ClassVar[Sequence[str]] = ("GITHUB_TOKEN", "GH_TOKEN")
    SECRETS: ClassVar[Sequence[str]] = (*TOKENS, APP_KEY)
    USER: ClassVar[str] = "x-access-token"
    RIGHTS: ClassVar[str] = "contents: write, pull-requests: write"
    TOKEN_ELSEWHERE: ClassVar[str] = f"set {_SERVER} to the server that the token is for"
    PARTS: ClassVar[range] = OWNER_AND_NAME
    REFUSALS: ClassVar[Sequence[Refusal]] = _REFUSALS

    url: str = PUBLIC
    api_url: str = API_URL
    token: str | None = field(default=None, repr=False)
    variable: str | None = None
    in_workflow: bool = False
    app: App | None = field(default=None, repr=False)

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Server:
        """The server in the environment, as in Actions; github.com by default.

        If only one of server and API is given, the other follows from it.

        Raises:
            UsageError: a variable is not the URL of a server, or of an API.
        """
        server_url, api = environ.get(_SERVER), environ.get(API)
        if api:
            parts = check_api(api)
            server_url = server_url or f"{parts.scheme}://{parts.netloc.removeprefix('api.')}"
        url = origin(server_url or PUBLIC, _SERVER, f"For example {PUBLIC}.")
        variable = next((name for name in cls.TOKENS if environ.get(name, "").strip()), None)
        api = api or (API_URL if url == PUBLIC else f"{url}/api/v3")
        in_workflow = environ.get("GITHUB_ACTIONS") == "true"
        if variable is None:
            if not any(environ.get(name, "").strip() for name in (APP_ID, APP_KEY, APP_KEY_FILE)):
                return cls(url, api, in_workflow=in_workflow)
            from gitops_bot.edges.github.app import App

            return cls(url, api, None, APP_ID, in_workflow, App.read(environ, api))
        if environ.get(APP_ID, "").strip():
            log.once("app.unused", level="warning", next=f"unset {variable} to use the GitHub App of {APP_ID}")
        # A token from a mounted file often ends in a line break.
        return cls(url, api, environ[variable].strip(), variable, in_workflow)

    def token_for(self, repository: str | None, purpose: Purpose) -> Token | None:
        """The token for a repository, `OWNER/NAME`: that of an App is for one purpose."""
        if self.app is not None:
            return self.app.token(repository, purpose) if repository is not None else None
        return fixed(self.token) if self.token is not None else None

    @property
    def host(self) -> str:
        """The host, without a port."""
        return urlsplit(self.url).hostname or ""

    def takes_token(self, address: Address) -> bool:
        """Whether the token may go to a repository: the server and its API have one host, and it is there."""
        hosts = [(urlsplit(url).hostname or "").removeprefix("api.") for url in (self.url, self.api_url)]
        host = address.host or ""
        if is_loopback(host):
            # On loopback, git and the API may be two servers on different ports.
            return all(is_loopback(name) for name in hosts)
        if len(set(hosts)) > 1:
            return False
        if address.server is None:
            return host.removeprefix("ssh.") == hosts[0]  # ssh needs no token, but the API does
        return address.server == self.url

    def packages(self, repository: str | None) -> PackageApi | None:
        """Where a forge lists the images of its registry with their times, if it does: here only the public one.

        An App reads the images of those who own `repository`.
        """
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        token = self.token_for(repository, "packages") if self.url == PUBLIC else None
        return PackageApi("ghcr.io", "api.github.com", headers, token, self.TOKENS)

    def has_registry(self, host: str) -> bool:
        """Whether a registry belongs to this server and takes the same token."""
        public = self.host == "github.com"
        return host in ({"ghcr.io", "docker.pkg.github.com"} if public else {f"containers.{self.host}"})

    def reserves(self, variable: str) -> str | None:
        """Whose variable this is, if not a registry's: in a workflow that of its runner, or of a login to a cloud."""
        if variable.startswith("GITHUB_APP_"):
            return "the GitHub App"
        return "this workflow" if self.in_workflow and _RESERVED.match(variable) else None

    def connect(
        self, repository: str, *, clock: Clock, warn: Callable[[Problem], None], writes: bool = True
    ) -> GitHub | None:
        """The pull requests of a repository, `OWNER/NAME`; None without a token."""
        from gitops_bot.edges.github.forge import GitHub

        token = self.token or self.token_for(repository, "propose" if writes else "read")
        return GitHub(repository, token, clock=clock, warn=warn, api_url=self.api_url) if token is not None else None

    def inspect(self, repository: str | None, *, clock: Clock, timeout: int) -> Inspection:
        """Checks of this server and a repository, `OWNER/NAME`; anonymous without a token.

        `timeout` is in seconds, for a whole answer. Raises UsageError if the repository, token or address is invalid.
        """
        from gitops_bot.edges.github.api import Api
        from gitops_bot.edges.github.inspection import Inspection

        if self.app is not None:
            self.app.timeout = timeout
        token = self.token or self.token_for(repository, "inspect")
        api = Api(repository, token, clock=clock, api_url=self.api_url, timeout=timeout)
        return Inspection(api, in_workflow=self.in_workflow, app=self.app)

    def no_token(self, repository: str | None) -> Problem:
        """The problem that no token is set, and how to get one."""
        from gitops_bot.edges.github.inspection import NEEDED

        what = repository or "the repository of the manifests"
        advice = f"create a fine-grained token for {what} only, with {NEEDED}, and put it into {self.TOKENS[0]}"
        return Problem("failed.auth", f"neither {' nor '.join(self.TOKENS)} is set", advice)

    def elsewhere(self, host: str | None) -> Problem:
        """The problem that the repository is on another host, and how to name its server."""
        message = f"the repository is on {host}, but the server is {self.url}"
        return Problem("failed.auth", message, f"set {_SERVER} (and {API}) to the repository's server")
