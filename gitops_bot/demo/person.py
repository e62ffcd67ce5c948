"""What the demo's person does through the API of the embedded GitHub server."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection

from gitops_bot.errors import ForgeError, Problem

NAME = "alice"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An open pull request."""

    number: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Person:
    """A user of one repository on the server at `host`."""

    host: str
    token: str
    repository: str

    def open_pull_requests(self) -> list[PullRequest]:
        """The open pull requests, newest first."""
        pulls = json.loads(self._call("GET", "/pulls?state=open"))
        return [PullRequest(pull["number"], pull["title"], pull["html_url"]) for pull in pulls]

    def diff(self, number: int) -> list[str]:
        """The diff of a pull request."""
        return self._call("GET", f"/pulls/{number}", accept="application/vnd.github.diff").splitlines()

    def merge(self, number: int) -> str:
        """Merge a pull request; returns the new commit."""
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
