"""What the person of the story does with pull requests, by the API of the embedded forge."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

from gitops_bot.errors import ForgeError, Problem

NAME = "alice"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One that is open."""

    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token for the forge at `host`, working on one repository."""

    host: str
    token: str
    repository: str

    def open_pull_requests(self) -> list[PullRequest]:
        """The open ones, newest first."""
        found = json.loads(self._call("GET", "/pulls?state=open"))
        return [PullRequest(each["number"], each["title"], each["html_url"]) for each in found]

    def diff(self, number: int) -> list[str]:
        """What a pull request changes."""
        return self._call("GET", f"/pulls/{number}", accept="application/vnd.github.diff").splitlines()

    def merge(self, number: int) -> str:
        """Merge it, and give back the commit that this made."""
        return str(json.loads(self._call("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"}))["sha"])

    def _call(self, method: str, path: str, body: object = None, *, accept: str = "application/vnd.github+json") -> str:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept, "User-Agent": "gitops-bot-demo"}
        with closing(HTTPConnection(self.host, timeout=30)) as connection:
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v3/repos/{self.repository}{path}", sent, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        if answer.status >= 300:
            message = f"the demo's forge answered {answer.status} to {method} {path}: {text[:200]}"
            raise ForgeError(Problem("failed.forge", message, "please report this"))
        return text
