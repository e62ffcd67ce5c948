"""Commits: those between two revisions of a source repository, for readers, and who brought one to the base branch."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gitops_bot.edges.address import repository_name
from gitops_bot.edges.github import answers
from gitops_bot.edges.github.api import PER_PAGE
from gitops_bot.edges.github.failure import Refused, Unsupported
from gitops_bot.edges.http.transport import clean
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.pull_request import Merge
from gitops_bot.redact import strike

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.edges.github.api import Api


#: Comparisons per run, commits of each, characters of a subject.
_COMPARISONS, _SHOWN, _LENGTH = 5, 10, 200
#: Comparisons per run of which only the number is asked for.
_COUNTED = 20
_REVISION = re.compile(r"[0-9a-f]{7,64}\Z")
#: Statuses by which GitHub says that it has no such commits, or not for this token.
_REFUSALS = range(300, 500)


@dataclass(slots=True)
class Commits:
    """Reads a few commits. What GitHub refuses is none: what is shown is complete without them.

    Image labels are hostile: only repositories on this server are read, where the token goes anyway, and only by full
    or short commit ids.
    """

    api: Api
    _subjects: dict[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    _counts: dict[tuple[str, str, str], int | None] = field(default_factory=dict)

    def between(self, source: str, old: str, new: str) -> tuple[str, ...]:
        """The subjects of the newest ten, oldest first: one request, two beyond a hundred; none after five calls.

        Raises:
            ForgeError: GitHub did not answer, or has a limit or a fault: a later run may know.
        """
        key = self._repository(source, old, new), old, new
        if key[0] and key not in self._subjects and len(self._subjects) < _COMPARISONS:
            self._subjects[key] = ()
            answer = self._compare(*key, per_page=str(PER_PAGE))
            total = answer.get("total_commits")
            if type(total) is int and total > PER_PAGE:
                # Pages begin with the oldest.
                answer = self._compare(*key, per_page=str(PER_PAGE), page=str(-(-total // PER_PAGE)))
            commits = answer.get("commits")
            newest = commits[-_SHOWN:] if isinstance(commits, list) else []
            self._subjects[key] = tuple(filter(None, map(_subject, newest)))
        return self._subjects.get(key, ())

    def ahead(self, source: str, old: str, new: str) -> int | None:
        """How many commits `new` has that `old` lacks, for one request; None after twenty questions."""
        key = self._repository(source, old, new), old, new
        if key[0] and key not in self._counts and len(self._counts) < _COUNTED:
            self._counts[key] = None
            with suppress(ForgeError):
                number = self._compare(*key, per_page="1").get("ahead_by")
                self._counts[key] = number if type(number) is int and number >= 0 else None
        return self._counts.get(key)

    def _repository(self, source: str, old: str, new: str) -> str:
        """The repository on this server; empty if it is elsewhere, or these are no commit ids."""
        is_safe = _REVISION.match(old) and _REVISION.match(new)
        return (source_repository(source, self.api.url) if is_safe else None) or ""

    def _compare(self, repository: str, old: str, new: str, **query: str) -> dict[str, Any]:
        with suppress(Refused):
            path, root = f"/compare/{old}...{new}", f"/repos/{repository}"
            answer = self.api.ask("GET", path, query=query, root=root, expected=_REFUSALS)
            return answer if isinstance(answer, dict) else {}
        return {}


def source_repository(source: str, api_url: str) -> str | None:
    """The `owner/name` in the URL of a source repository, if it is on the server of this API.

    The API of github.com and of NAME.ghe.com is at `api.`, that of a GitHub Enterprise Server below `/api/v3`.
    """
    try:
        api, url = urlsplit(api_url), urlsplit(source)
    except ValueError:
        return None
    server = api.netloc.lower()
    if not api.path.strip("/"):
        server = server.removeprefix("api.")
    if url.scheme not in ("http", "https") or url.netloc.lower().removeprefix("www.") != server:
        return None
    return repository_name("/".join(url.path.strip("/").split("/")[:2]))


def _subject(document: Any) -> str:
    try:
        lines = str(document["commit"]["message"]).strip().splitlines()
    except (KeyError, TypeError):
        return ""
    # People who cannot read the source may read the proposal.
    return strike(lines[0].strip())[:_LENGTH] if lines else ""


#: Pages of pull requests that are read: the newest thousand.
_PAGES: Final = 10
_QUERY: Final = f"""
query Merged($owner: String!, $name: String!, $base: String!, $after: String) {{
  repository(owner: $owner, name: $name) {{
    pullRequests(
      baseRefName: $base, states: [MERGED], orderBy: {{field: UPDATED_AT, direction: DESC}},
      first: {PER_PAGE}, after: $after
    ) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        id number url state title body headRefName baseRefName headRefOid isCrossRepository createdAt
        mergeCommit {{ oid }} mergedBy {{ login }}
        latestOpinionatedReviews(first: 50, writersOnly: true) {{ nodes {{ state author {{ login }} }} }}
      }}
    }}
  }}
}}"""


def merges(api: Api, base: str, commits: Sequence[str]) -> dict[str, Merge]:
    """The merges that made these commits: one request for a hundred pull requests. REST does not say by whom."""
    wanted = set(commits)
    try:
        return _until_found(_by_graphql(api, base), wanted)
    except Unsupported:
        return _until_found(_by_rest(api, base), wanted)


def _until_found(pages: Iterator[dict[str, Merge]], wanted: set[str]) -> dict[str, Merge]:
    known: dict[str, Merge] = {}
    for page in pages:
        known |= {commit: merge for commit, merge in page.items() if commit in wanted}
        if len(known) == len(wanted):
            break
    return known


def _by_graphql(api: Api, base: str) -> Iterator[dict[str, Merge]]:
    after: str | None = None
    for _ in range(_PAGES):
        data = api.graphql(_QUERY, {**api.names, "base": base, "after": after})
        with api.reading():
            connection: Any = data["repository"]["pullRequests"]
            yield {
                str(node["mergeCommit"]["oid"]): Merge(
                    answers.read_node(node), _login(node["mergedBy"]), _approvals(node["latestOpinionatedReviews"])
                )
                for node in answers.nodes(connection)
                if node["mergeCommit"] is not None
            }
            if connection["pageInfo"]["hasNextPage"] is not True:
                return
            after = str(connection["pageInfo"]["endCursor"])


def _approvals(reviews: Any) -> tuple[str, ...]:
    approved = (_login(review["author"]) for review in answers.nodes(reviews) if review["state"] == "APPROVED")
    return tuple(sorted(login for login in approved if login))


def _by_rest(api: Api, base: str) -> Iterator[dict[str, Merge]]:
    query = {"state": "closed", "base": base, "sort": "updated", "direction": "desc"}
    for documents in api.pages("/pulls", query, _PAGES):
        with api.reading():
            yield {
                str(document["merge_commit_sha"]): Merge(answers.read(document))
                for document in documents
                if document.get("merged_at") and document.get("merge_commit_sha")
            }


def _login(actor: Any) -> str | None:
    """The login of somebody whose account may be gone by now."""
    return None if actor is None else answers.of_type(str, actor["login"])[:100]


SIGN_ADVICE = (
    "use the token of a GitHub App or the GITHUB_TOKEN of a workflow (on GitHub Enterprise Server an administrator "
    "also enables web commit signing), or set `commits: {ssh_key_file: PATH}` in gitops-bot.yaml"
)
_AGAIN: Final = "run again; if it stays so, set another `commits`"
#: All that stands before the message of a commit: its author is the group.
_MADE = re.compile(
    rb"tree [0-9a-f]+\n(?:parent [0-9a-f]+\n)*author (.*) [0-9]+ [+-][0-9]{4}\ncommitter .* [0-9]+ [+-][0-9]{4}"
)


def sign(api: Api, *, parent: str, tree: str, files: Mapping[str, tuple[str, bytes]], message: str) -> bytes:
    """The object of a commit that GitHub makes and signs: blobs, a tree and the commit, by REST. No branch moves.

    GitHub signs what an App, or the GITHUB_TOKEN of a workflow, commits without naming an author (docs.github.com,
    "About commit signature verification"). See `engine.world.Forge.commit`. One request for each file, and two.

    Raises:
        ForgeError: GitHub refused, did not answer or did not sign it, or what it signed has another id.
    """

    def created(kind: str, **fields: object) -> dict[str, object]:
        answer = api.ask("POST", f"/git/{kind}", body=fields)
        with api.reading():
            return {**answer, "sha": answers.of_type(str, answer["sha"])}

    entries = []
    for path, (mode, content) in files.items():
        blob = created("blobs", content=base64.b64encode(content).decode(), encoding="base64")
        entries.append({"path": path, "mode": mode, "type": "blob", "sha": blob["sha"]})
    new = created("trees", base_tree=tree, tree=entries)
    answer = created("commits", message=message, tree=new["sha"], parents=[parent])
    with api.reading():
        verification = answers.of_type(dict, answer["verification"])
        if verification["verified"] is not True:
            reason = clean(str(verification["reason"]), limit=100)
            message = f"{api.host} does not sign the commits of this token: {reason}"
            raise ForgeError(Problem("failed.auth", message, SIGN_ADVICE))
        head, _, text = answers.of_type(str, verification["payload"]).encode().partition(b"\n\n")
        signature = answers.of_type(str, verification["signature"]).encode().rstrip(b"\n")
        # Nobody was named as the author, so it is whom GitHub says.
        author = "{name} <{email}>".format_map(answers.of_type(dict, answer["author"])).encode()
        if (made := _MADE.fullmatch(head)) is None or made[1] != author:
            raise ForgeError(Problem("failed.forge", f"{api.host} signed another commit than it was asked for", _AGAIN))
    # GitHub's own signatures end with a line break, which is part of the commit.
    for end in (b"\n", b""):
        signed = b"%s\ngpgsig %s\n\n%s" % (head, (signature + end).replace(b"\n", b"\n "), text)
        if hashlib.sha1(b"commit %d\0%s" % (len(signed), signed), usedforsecurity=False).hexdigest() == answer["sha"]:
            return signed
    message = f"{api.host} signed a commit whose id does not match its content"
    raise ForgeError(Problem("failed.forge", message, _AGAIN))
