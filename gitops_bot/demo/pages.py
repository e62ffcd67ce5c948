"""The web pages: repositories with their files, what runs where, and pull requests with a button that merges them.

A browser has no token, so only public repositories have pages. The button merges as a fixed user. Other sites cannot
use it: the form needs a token that only these pages contain, and `http.py` refuses requests with another `Host` or
`Origin`.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from gitops_bot.demo import landing, page
from gitops_bot.demo.http import Answer, Refused, Route
from gitops_bot.demo.hub import AutoMerge
from gitops_bot.demo.refusal import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gitops_bot.demo.http import Request
    from gitops_bot.demo.hub import Hub
    from gitops_bot.demo.rules import Method
    from gitops_bot.demo.store import Store

REPOSITORY: Final = r"/(?P<owner>[^/]{1,40})/(?P<name>[^/]{1,110}?)"
_NUMBER = r"/pull/(?P<number>[0-9]{1,9})"
#: In order of preference.
_METHODS: tuple[Method, ...] = ("squash", "merge", "rebase")
_FORM = "application/x-www-form-urlencoded"
_README = "README.md"
_NOT_FOUND = Answer(404, b"Not Found\n")


class Pages:
    """Answers a browser's requests; `visitor` is the user of the merge button, None: there is no button.

    `status` makes the status page of the repository with this name, None where it cannot; without it, there is none.
    """

    def __init__(self, store: Store, visitor: str | None, status: Callable[[str], bytes | None] | None) -> None:
        self._store, self._visitor, self._status = store, visitor, status
        self._token = secrets.token_urlsafe(32)

    def routes(self) -> Sequence[Route]:
        """The URLs of the pages."""
        return (
            Route("GET", f"{REPOSITORY}{_NUMBER}", self._pull),
            Route("POST", f"{REPOSITORY}{_NUMBER}/merge", self._merge),
            Route("GET", f"{REPOSITORY}/status", self._show_status),
            Route("GET", f"{REPOSITORY}/blob/(?P<path>.+)", self._file),
            Route("GET", f"{REPOSITORY}(?:/pulls)?", self._repository),
            Route("GET", "/", self._first),
        )

    def _first(self, _: Request) -> Answer:
        hub = self._store.numbered(1)
        if hub is None or hub.private:
            raise Refused(_NOT_FOUND)
        return Answer(302, headers={"Location": f"/{hub.full_name}"})

    def _pull(self, _: Request, owner: str, name: str, number: str) -> Answer:
        hub = self._public(owner, name)
        with self._store.opened(hub, writes=False) as pulls:
            pull = hub.pulls.get(int(number))
            if pull is None:
                raise Refused(_NOT_FOUND)
            diff = pulls.diff(pull)
        form = page.Form(self._token, self._visitor) if self._visitor is not None else None
        return Answer(200, page.pull_page(hub, pull, diff, form), page.HEADERS)

    def _repository(self, _: Request, owner: str, name: str) -> Answer:
        hub = self._public(owner, name)
        with self._store.opened(hub, writes=False) as pulls:
            newest = pulls.list(state="all", head=None, base=None)
        branch, files, bare = *self._files(hub), self._store.bare(hub)
        readme = bare.git("cat-file", "blob", files[_README]) if _README in files else b""
        return Answer(200, page.repository_page(hub, newest, branch, files, readme), page.HEADERS)

    def _file(self, _: Request, owner: str, name: str, path: str) -> Answer:
        """A file of the default branch."""
        hub = self._public(owner, name)
        branch, files = self._files(hub)
        path = path.removeprefix(f"{branch}/")
        if path not in files:
            raise Refused(_NOT_FOUND)
        content = self._store.bare(hub).git("cat-file", "blob", files[path])
        return Answer(200, page.file_page(hub, path, content), page.HEADERS)

    def _files(self, hub: Hub) -> tuple[str, Mapping[str, str]]:
        bare = self._store.bare(hub)
        branch = bare.default_branch()
        commit = bare.branches().get(branch)
        return branch, bare.files(commit) if commit is not None else {}

    def _show_status(self, _: Request, owner: str, name: str) -> Answer:
        hub = self._public(owner, name)
        shown = self._status(hub.full_name) if self._status is not None else None
        if shown is None:
            why = "There is no status page: run `gitops-bot status` in a terminal to see why."
            return self._refusal(404, why, f"/{hub.full_name}")
        return Answer(200, shown, page.STATUS_HEADERS)

    def _merge(self, request: Request, owner: str, name: str, number: str) -> Answer:
        hub = self._public(owner, name)
        back = f"/{hub.full_name}/pull/{int(number)}"
        if self._visitor is None:
            raise Refused(_NOT_FOUND)
        form = _fields(request)
        if not hmac.compare_digest(form.get("token", "").encode(), self._token.encode()):
            return self._refusal(403, "This form is not from a page of this run: go back and load it again.", back)
        with self._store.opened(hub, writes=True) as pulls:
            try:
                method: Method = next((method for method in _METHODS if hub.settings.allows(method)), "merge")
                how = AutoMerge(self._visitor, pulls.time(), method)
                landing.merge(pulls, pulls.get(int(number)), how, expected=form.get("head", ""))
            except Invalid as refused:
                return self._refusal(409 if refused.status != 404 else 404, refused.message, back)
        return Answer(303, headers={"Location": back})

    def _refusal(self, status: int, why: str, back: str) -> Answer:
        return Answer(status, page.refusal_page(why, back), page.HEADERS)

    def _public(self, owner: str, name: str) -> Hub:
        hub = self._store.visible(f"{owner}/{name}", None)
        if hub is None:
            raise Refused(_NOT_FOUND)
        return hub


def _fields(request: Request) -> dict[str, str]:
    """The fields of a submitted form; empty if there is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return {}
    try:
        return dict(parse_qsl(request.body.decode("ascii", "replace"), max_num_fields=10))
    except ValueError:
        return {}
