"""Real bytes of kustomizations, and the proposals, commits and branches that are made of them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitops_bot.config.propose import Propose
from gitops_bot.images.build import Build
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.proposals import content as proposals
from gitops_bot.proposals import naming, reconcile
from gitops_bot.proposals.branch import Branch, FileChange, UnmergedCommit
from gitops_bot.proposals.branches import BotBranch
from gitops_bot.proposals.proposal import Proposal
from gitops_bot.proposals.pull_request import PullRequest
from gitops_bot.releases.decisions import Change, Kept, Managed
from gitops_bot.targets import kustomization
from gitops_bot.targets.pin_file import edit
from tests.managed import alter, change_of, managed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.proposals.proposal import ProposalText
    from gitops_bot.proposals.reconcile import Action, ActionName
    from gitops_bot.releases.decisions import Decision, PinChange

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
WEB = "apps/web/overlays/staging/kustomization.yaml"
API = "apps/api/overlays/staging/kustomization.yaml"
FILES: Mapping[str, bytes] = {
    WEB: (
        b"\xef\xbb\xbf# Gr\xc3\xbc\xc3\x9fe\r\nresources: [../../base]\r\nimages:\r\n"
        b"  - name: web  # ours\r\n    newTag: 'v1'  # keep\r\n"
        b"  - {name: proxy, newTag: v1, digest: '%s'}\r\n"
        b"  - name: joined\r\n    newTag: v1@%s\r\n" % (A.encode(), A.encode())
    ),
    API: b"images:\n- name: api\n  newTag: v1\n  digest: %s" % A.encode(),
}
AT = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)
BASE, HEAD, NEWER = (f"{number:040x}" for number in (1, 2, 3))


def entry(name: str = "web", file: str = WEB, image: str | None = None) -> Managed:
    return managed(
        "staging", posixpath.dirname(file), file, 4, name, image or f"docker.io/library/{name}", pin=Pin("v1")
    )


def change(
    name: str = "web",
    after: Pin | None = None,
    before: Pin | None = None,
    *,
    file: str = WEB,
    source: str = "policy",
    new_name: str | None = None,
    reason: str = "v2 is the highest of 3 tags",
) -> Change:
    return change_of(
        alter(entry(name, file), pin=before or Pin("v1")),
        after or Pin("v2", B),
        source,
        "forward",
        Reason("chosen", reason),
        new_name,
    )


def build(**more: object) -> Build:
    """What a well-kept image says of itself."""
    whole = Build(
        created=datetime(2026, 8, 1, 12, 0, tzinfo=UTC),
        source="https://github.com/acme/web",
        revision="a" * 40,
        version="2.0.0",
        platforms=("linux/amd64", "linux/arm64"),
        size=41_200_000,
        sized="linux/amd64",
    )
    return alter(whole, **more)


def action(name: ActionName, reason: Reason) -> Action:
    """The action of this name; what else it holds is of no account."""
    match name:
        case "open":
            return reconcile.Open(reason)
        case "refresh":
            return reconcile.Refresh(pull(), reason)
        case "leave":
            return reconcile.Leave(None, reason)
        case "close":
            return reconcile.Close(pull(), reason)
        case "commit":
            return reconcile.Commit(reason)
        case "none":
            return reconcile.Nothing(None, reason)


def proposal(
    name: ActionName,
    *decisions: Decision,
    reason: Reason | None = None,
    branch: str = "gitops-bot/staging/all",
    pull_request: PullRequest | None = None,
    **more: object,
) -> Proposal:
    """A proposal of the group `all`, with this open pull request."""
    on = BotBranch(branch, pulls=(pull_request,) if pull_request is not None else ())
    return Proposal("all", on, "policy", action(name, reason or Reason("chosen", "new")), decisions, **more)


def carried_out(name: ActionName, *decisions: Decision, commit: str | None = None, **more: object) -> Proposal:
    """What came of such a proposal, as reports get it."""
    return replace(proposal(name, *decisions, **more), commit=commit)


def kept(count: int) -> tuple[Kept, ...]:
    return tuple(Kept(entry(f"kept{number}"), Reason("current", "the newest")) for number in range(count))


@dataclass(frozen=True)
class Proposed:
    """What the bot proposes: its words, its files and its pins, and the commit that these are based on."""

    title: str
    body: str
    message: str
    files: Mapping[str, bytes]
    pins: tuple[PinChange, ...]
    parent: str


def edited(files: Mapping[str, bytes], changes: Sequence[Change]) -> dict[str, bytes]:
    by_file = {file: [change for change in changes if change.entry.file == file] for file in sorted(files)}
    return {
        file: edit(kustomization.read(files[file], file), [change.pin_change.assignment for change in own])
        for file, own in by_file.items()
        if own
    }


def worded(*changes: Decision, source: str | None = None, environment: str = "staging", **more: Any) -> ProposalText:
    """The words of a proposal of these changes in its `group`; `propose` has people's templates."""
    propose = Propose(title=more.pop("title", None), message=more.pop("message", None))
    on = BotBranch(naming.branch(environment)) if more.pop("pull_request", True) else None
    group, source = more.pop("group", "all"), source or changes[0].source
    whole = Proposal(group, on, source, action("open", Reason("chosen", "")), changes)
    return proposals.write(environment, whole, propose, **{"at": AT} | more)


def written(*changes: Change, files: Mapping[str, bytes] = FILES, parent: str = BASE) -> Proposed:
    words = worded(*changes)
    pins = tuple(change.pin_change for change in changes)
    return Proposed(words.title, words.body, words.message, edited(files, changes), pins, parent)


def commit(proposal: Proposed, files: Mapping[str, bytes] = FILES, *, name: str = HEAD) -> UnmergedCommit:
    changed = tuple(FileChange(path, files[path], data) for path, data in sorted(proposal.files.items()))
    return UnmergedCommit(
        name, (proposal.parent,), "gitops-bot <gitops-bot@noreply.invalid>", proposal.message, changed
    )


def branch(*commits: UnmergedCommit, name: str | None = None, complete: bool = True) -> Branch:
    head = commits[-1].id if commits else BASE
    return Branch(name or naming.branch("staging"), head, BASE, commits, complete)


def merge(*changed: FileChange, name: str = NEWER, clean: bool = True) -> UnmergedCommit:
    """A merge from the base branch on top: what it changed against the branch, and whether git makes the same."""
    message = "Merge branch 'main' into gitops-bot/staging/all"
    return UnmergedCommit(name, (HEAD, "f" * 40), "Ada <ada@example.test>", message, changed, clean_merge=clean)


def pull(state: str = "open", *, body: str = "", head: str = HEAD, number: int = 7, title: str = "") -> PullRequest:
    url = f"https://github.test/acme/deploy/pull/{number}"
    return PullRequest(number, url, state, naming.branch("staging"), "main", head, title, body)
