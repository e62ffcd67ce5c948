"""A GitHub App as the bot's identity: its installation on a repository, and tokens that are narrowed to one purpose.

A token ends after an hour: it is replaced before that, and where the server rejects it. For some seconds not all of
GitHub knows a new one (it answers 404, or 401), so each is tried before it is used. PyGithub signs what the App says of
itself; its tokens of installations cannot be narrowed to a repository, and its requests keep to no limits.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal

from gitops_bot import redact
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.disk import Disk
from gitops_bot.edges.facts import fixed
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.address import API, APP_ID, APP_KEY, APP_KEY_FILE, unusable
from gitops_bot.edges.github.api import TOKEN, Api
from gitops_bot.edges.github.failure import Refused
from gitops_bot.errors import EditError, ForgeError, Problem
from gitops_bot.targets.document import SIZE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gitops_bot.edges.facts import Token

#: What a token is for: to write proposals, to read them, to check the settings (`doctor`), to read commits and checks
#: of a source repository, and to read images.
Purpose = Literal["propose", "read", "inspect", "source", "packages"]
_READ = dict.fromkeys(("contents", "metadata", "pull_requests", "checks", "statuses", "deployments", "actions"), "read")
_WRITE = dict.fromkeys(
    ("contents", "pull_requests", "issues", "deployments", "artifact_metadata", "workflows", "statuses"), "write"
)
#: The permissions that are asked for, as far as the installation has them. The first one is needed.
_WANTED: Mapping[Purpose, Mapping[str, str]] = {
    "propose": {**_READ, **_WRITE, "members": "read"},
    "read": _READ,
    "inspect": {**_READ, "administration": "read"},
    "source": dict.fromkeys(("contents", "metadata", "checks", "statuses", "actions"), "read"),
    "packages": dict.fromkeys(("packages", "metadata"), "read"),
}
#: Seconds: how early a token is replaced (git may take that long), and the waits until GitHub knows a new one.
_EARLY, _PAUSES = 300.0, (0.5, 1.0, 2.0, 4.0, 8.0)
#: The id or the client id of an App, which is sent as it is: a key in its place must not be.
_ID = re.compile(r"[0-9]{1,20}|Iv[0-9]{1,3}[.0-9A-Za-z]{8,40}")


@dataclass(frozen=True, slots=True)
class Installation:
    """An App as it is installed on a repository, and what it may do there: permission -> `read`, `write` or `admin`."""

    number: int
    app: str
    permissions: Mapping[str, str]

    def grant(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """As much of these permissions as it has."""
        held = {name: self.permissions[name] for name in wanted if name in self.permissions}
        return {name: "read" if level == "read" else wanted[name] for name, level in held.items()}

    def insist(self, **needed: str) -> None:
        """Raise a ForgeError unless it has these permissions."""
        if missing := [name for name, level in needed.items() if self.grant(needed).get(name) != level]:
            names = ", ".join(f"`{name.replace('_', ' ').capitalize()}: {needed[name]}`" for name in missing)
            message = f"the GitHub App {self.app} has too few permissions here: it lacks {names}"
            advice = "add them to the App under Permissions & events, then accept them on the page of its installation"
            raise ForgeError(Problem("failed.auth", message, advice))


class App:
    """Gets one token per repository and purpose, from any thread, and keeps it while this object lives.

    Whatever asks GitHub raises a ForgeError if the App is not installed there, lacks a permission, or its id and key do
    not fit. `variable` is the one that has the key, or its file.
    """

    def __init__(self, app_id: str, key: str, variable: str, api_url: str, clock: Clock | None = None) -> None:
        redact.learn(key)
        self._id, self._key, self._variable, self._clock = app_id, key, variable, clock or Clock()
        #: Seconds for an answer, which is then asked for once.
        self.timeout: int | None = None
        # It sends nothing: each request has a connection of its own, as these are hours apart.
        self._api = Api(None, None, clock=self._clock, api_url=api_url)
        #: Each with the second (of the monotonic clock) when it is to be replaced.
        self._tokens: dict[tuple[str, Purpose], tuple[str, float]] = {}
        self._lock = RLock()

    @classmethod
    def read(cls, environ: Mapping[str, str], api_url: str) -> App:
        """The App in the environment; the same object for the same one, with the tokens that it has.

        Raises:
            UsageError: a part is missing or cannot be read.
        """
        app_id, key, file = (environ.get(name, "").strip() for name in (APP_ID, APP_KEY, APP_KEY_FILE))
        if not app_id or bool(key) == bool(file):
            keys = f"one of {APP_KEY} (the text) and {APP_KEY_FILE} (the path of a file)"
            advice = f"set {APP_ID} to its id or client id, and {keys}"
            raise unusable("a GitHub App needs an id, and one private key", advice)
        if not _ID.fullmatch(app_id):
            advice = "set it to the App ID (a number) or the Client ID, as the page of the App shows them"
            raise unusable(f"{APP_ID} is not the id of a GitHub App", advice)
        # On one line, as files of variables have it, a key has `\n` for its line breaks.
        text = (key or _read(file)).replace("\\n", "\n")
        return _same(app_id, text, APP_KEY if key else APP_KEY_FILE, api_url)

    def token(self, home: str, purpose: Purpose) -> Token:
        """The token for a purpose in the repository `home`, `OWNER/NAME`, got when it is used; others are sources.

        Where the App is not installed on a source repository, what is public there can still be read.
        """

        def current(rejected: str | None = None, repository: str | None = None) -> str:
            if repository is None or repository.lower() == home.lower():
                return self._current(home, purpose, rejected)
            with suppress(ForgeError):
                return self._current(repository, "source", rejected)
            return self._current(home, "source", rejected)

        return current

    def installation(self, repository: str) -> Installation:
        """The installation on a repository: one request."""
        try:
            document = self._ask(repository, f"/repos/{repository}/installation")
        except Refused:
            app = self._ask(repository, "/app")
            with self._api.reading():
                message = f"the GitHub App {app['slug']} is not installed on {repository}, or this does not exist"
                advice = f"install it for this repository at {app['html_url']}/installations/new"
            raise ForgeError(Problem("failed.auth", message, advice)) from None
        with self._api.reading():
            number, name = answers.of_type(int, document["id"]), answers.of_type(str, document["app_slug"])
            return Installation(number, name, answers.of_type(dict, document["permissions"]))

    def _current(self, repository: str, purpose: Purpose, rejected: str | None) -> str:
        with self._lock:
            key = repository.lower(), purpose
            text, ends = self._tokens.get(key, ("", 0.0))
            if text in ("", rejected) or self._clock.monotonic() >= ends:
                text, _ = self._tokens[key] = self._issue(repository, purpose)
            return text

    def _issue(self, repository: str, purpose: Purpose) -> tuple[str, float]:
        """A new token: three requests."""
        installation, wanted = self.installation(repository), _WANTED[purpose]
        needed = next(iter(wanted))
        installation.insist(**{needed: wanted[needed]})
        body: dict[str, object] = {"permissions": installation.grant(wanted)}
        if purpose != "packages":  # images are the owner's, whatever repositories they were built from
            body["repositories"] = [repository.partition("/")[2]]
        try:
            document = self._ask(repository, f"/app/installations/{installation.number}/access_tokens", body)
        except Refused as refused:
            message = f"the GitHub App {installation.app} gets no token for {repository}: {refused.message}"
            raise ForgeError(Problem("failed.auth", message, "check what its installation may access")) from None
        with self._api.reading():
            text, end = answers.of_type(str, document["token"]), answers.time(document["expires_at"])
            redact.learn(text, passing=True)
            if not TOKEN.match(text):
                message = f"{self._api.host} answered the GitHub App {installation.app} with something that is no token"
                advice = f"check {API}, and what answers between this machine and {self._api.host}; then run again"
                raise ForgeError(Problem("failed.forge", message, advice))
            seconds = (end - self._clock.now()).total_seconds()
        for pause in (*_PAUSES, 0.0):
            with suppress(Refused):
                self._send(repository, fixed(text), f"/repos/{repository}", None, (401, 403, 404) if pause else ())
                break
            self._clock.sleep(pause)
        return text, self._clock.monotonic() + seconds - _EARLY

    def _ask(self, repository: str, path: str, body: object = None) -> Any:
        """Ask as the App itself, about a repository. Raises Refused where there is nothing, or nothing so."""
        try:
            return self._send(repository, self._signed, path, body, (401, 404, 422))
        except Refused as refused:
            if refused.status != 401 and "integration" not in refused.message.lower():
                raise
            told = f"(GitHub says: {refused.message})"
            message = f"{self._api.host} does not accept {APP_ID} with the key of {self._variable} {told}"
            advice = "check both in Settings > Developer settings > GitHub Apps, and this machine's clock"
            raise ForgeError(Problem("failed.auth", message, advice)) from None

    def _send(self, repository: str, token: Token, path: str, body: object, expected: Collection[int]) -> Any:
        """Send one request: a POST if it has a body."""
        api = Api(repository, token, clock=self._clock, api_url=self._api.url, timeout=self.timeout)
        try:
            return api.ask("GET" if body is None else "POST", path, body=body, root="", expected=expected)
        finally:
            api.disconnect()

    def _signed(self, rejected: str | None = None, repository: str | None = None) -> str:
        """What the App proves itself with; `repository` does not matter. A rejected one would be no better anew."""
        from gitops_bot.edges.github.wire import sign_in

        del repository
        try:
            return rejected or sign_in(self._id, self._key)
        except Exception:  # noqa: BLE001 - of several libraries, whose words may quote the key
            advice = "use the .pem file as GitHub made it: the whole text, with its first and last line"
            raise unusable(f"{self._variable} has no RSA private key", advice) from None


def _read(file: str) -> str:
    """The text of the file with a key; a UsageError where it is missing, no regular file, too large, or no text."""
    try:
        data = Disk().read(file)
        text = data.decode("ascii")
    except UnicodeDecodeError:
        why = "it is no text"
    except EditError as error:
        why = getattr(error.__cause__, "strerror", None) or error.problem.message
    else:
        if len(data) <= SIZE_LIMIT:
            return text
        why = "it is too large for a key"
    raise unusable(f"the file in {APP_KEY_FILE} cannot be read: {why}", "correct its path")


_same = lru_cache(maxsize=8)(App)
