"""The embedded GitHub server with one repository, and what people do to it: commits, and calls by hand."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from gitops_bot.demo import landing, merging
from gitops_bot.demo.bare import Person
from gitops_bot.demo.refusal import Invalid
from tests.counterparts.github import Forge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitops_bot.demo.bare import Bare
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests

REPOSITORY = "acme/deploy"
BOT, BOT_TOKEN = "gitops-bot[bot]", "ghs_bot0123456789abcdef"
PERSON, PERSON_TOKEN = "alice", "ghp_alice0123456789abcdef"
TOKENS = {BOT_TOKEN: BOT, PERSON_TOKEN: PERSON}
FILES = {"README.md": b"# deploy\n", "apps/web/kustomization.yaml": b"images:\n- name: web\n  newTag: v1\n"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API answered; `headers` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Site:
    """A forge that runs, with the repository `acme/deploy`."""

    forge: Forge
    bare: Bare

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = PERSON_TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask the API below the repository, as a person does."""
        return self.ask(method, f"/api/v3/repos/{REPOSITORY}{path}", body, token=token, headers=headers)

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        token: str | None = PERSON_TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask anything of the server, as a person does; bytes are sent as they are."""
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        with closing(HTTPConnection(self.forge.host, timeout=30)) as connection:
            connection.request(method, target, sent, {**authorization, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def graphql(self, query: str, *, token: str = BOT_TOKEN, **variables: Any) -> Any:
        """Ask in GraphQL, as the bot does, and give back the whole document."""
        reply = self.ask("POST", "/api/graphql", {"query": query, "variables": variables}, token=token)
        assert reply.status == 200, reply.body
        return reply.json

    def commit(
        self, branch: str, files: Mapping[str, bytes | None], *, onto: str = "main", message: str = "a change\n"
    ) -> str:
        """Commit on top of a branch (or commit) straight into the bare repository, and put `branch` there."""
        return commit(self.bare, branch, files, onto=onto, message=message)

    def proposed(self, branch: str = "gitops-bot/production/all", *, tag: str = "v2", title: str = "web v2") -> int:
        """Open a pull request that changes the tag, as the bot, and give back its number."""
        self.commit(branch, {"apps/web/kustomization.yaml": f"images:\n- name: web\n  newTag: {tag}\n".encode()})
        asked = {"title": title, "head": branch, "base": "main", "body": "what changes"}
        reply = self.call("POST", "/pulls", asked, token=BOT_TOKEN)
        assert reply.status == 201, reply.body
        return int(reply.json["number"])


@contextmanager
def serving(folder: Path, *, private: bool = False, files: Mapping[str, bytes] | None = None) -> Iterator[Site]:
    """Serve a new forge whose state is in `folder`."""
    with Forge(folder, tokens=TOKENS) as forge:
        yield Site(forge, forge.create(REPOSITORY, FILES if files is None else files, private=private))


def commit(
    bare: Bare, branch: str, files: Mapping[str, bytes | None], *, onto: str | None, message: str = "a change\n"
) -> str:
    """Commit by plumbing; `None` removes a path, `onto=None` begins without history."""
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"), ("DATE", "1760000000 +0000"))
    }
    index = {"GIT_INDEX_FILE": str(bare.path / f"test-index-{os.getpid()}")}
    parent = None if onto is None else bare.line("rev-parse", "--verify", f"{onto}^{{commit}}")
    bare.git("read-tree", *(["--empty"] if parent is None else [parent]), extra=index)
    for path, content in files.items():
        line = f"0 {'0' * 40}\t{path}\0"
        if content is not None:
            line = f"100644 {bare.line('hash-object', '-w', '--stdin', stdin=content)}\t{path}\0"
        bare.git("update-index", "-z", "--index-info", stdin=line.encode(), extra=index)
    tree = bare.line("write-tree", extra=index)
    made = bare.line(
        "commit-tree", tree, *(["-p", parent] if parent else []), "-F", "-", stdin=message.encode(), extra=identity
    )
    bare.git("update-ref", f"refs/heads/{branch}", made)
    return made


def git(*args: str, cwd: Path, token: str | None = None, server: str = "") -> subprocess.CompletedProcess[str]:
    """Real git as a user runs it; the token goes by environment, for `server` only."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.com",
    }
    if token is not None:
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        environ |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{server}/.extraheader",
            "GIT_CONFIG_VALUE_0": f"Authorization: basic {basic}",
        }
    return subprocess.run(["git", *args], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)


def update_branch(pulls: PullRequests, pull: Pull, *, user: str) -> None:
    """What the button "Update branch" does: merge the base branch into it."""
    by, text = Person(user, f"{user}@users.noreply.github.com"), f"Merge branch '{pull.base}' into {pull.head}\n"
    if pull.state == "closed" or pulls.fork(pull) == pull.base_sha:
        raise Invalid(422, "It is closed, or there are no new commits on the base branch.")
    try:
        commit = merging.merge(
            pulls.bare, pull.head_sha, pull.base_sha, "merge", text, author=by, by=by, at=pulls.moment()
        )
    except merging.Conflict:
        raise Invalid(422, "merge conflict between base and head") from None
    pulls.bare.move(pull.head, commit, expected=pull.head_sha)
    landing.settle(pulls)
