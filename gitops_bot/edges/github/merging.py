"""Lets a pull request merge by itself: by auto-merge, by the merge queue, or at once where nothing is in the way.

A merge by REST is sent only where nothing is in the way: the token of somebody who may bypass the rules of a branch
would bypass them (docs.github.com, "Merge a pull request" and "About protected branches").
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github import answers, documents, refusals
from gitops_bot.edges.github.failure import Refused, Unanswered, Unsupported
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.github.api import Api
    from gitops_bot.edges.github.base import Base
    from gitops_bot.edges.github.reading import Reading
    from gitops_bot.proposals.pull_request import PullRequest

#: Seconds after which a pull request of which GitHub does not know yet whether it can be merged is asked for again.
_PAUSE = 2
_BEARS = (403, 404, 405, 409, 422)
#: `mergeable_state` of a pull request that nothing keeps from merging.
_READY = ("clean", "unstable", "has_hooks")


class Merging:
    """One way for each base branch. What is not possible is told, and tried again by the next run."""

    def __init__(self, api: Api, reading: Reading) -> None:
        self._api, self._reading = api, reading

    def when_ready(self, number: int, *, head: str, method: MergeMethod | None, without_checks: bool) -> PullRequest:
        """Costs one request; one more where it can be merged at once, or where the repository has no auto-merge.

        Where it is set to merge by itself now, its title and text are as they were told just then.

        One that GitHub overlooked is looked at again first: what somebody decided meanwhile counts.
        """
        pull = self._api.present(number)
        if pull.state != "open" or pull.queued or (pull.auto_merge and not pull.overlooked):
            return pull
        base = self._reading.base(pull.base)
        if pull.overlooked:
            if _why_not(pull, base, method, without_checks=without_checks):
                return pull
            return self._put_right(pull, base, head, method or base.default)
        if why := _why_not(pull, base, method, without_checks=without_checks):
            return self._told(pull, *why)
        method = method or base.default
        if base.queue and not base.auto_merge:
            return self._enqueue(pull, head)
        if not base.rules and not base.queue:
            return self._merge(pull, head, method)  # there is nothing to wait for, and auto-merge would say so
        if not base.auto_merge:
            return self._merge_if_ready(pull, head, method)
        return self._enable(pull, head, method, base)

    def _enable(self, pull: PullRequest, head: str, method: MergeMethod, base: Base) -> PullRequest:
        asked = {"pullRequestId": pull.node, "expectedHeadOid": head}
        if not base.queue:
            asked["mergeMethod"] = method.upper()
        try:
            try:
                answer = self._mutate(documents.ENABLE_AUTO_MERGE, asked)
            except Refused as refused:
                if "unknown status" not in refused.said.lower():
                    raise
                # Right after it was opened, GitHub does not know yet.
                self._api.clock.sleep(_PAUSE)
                answer = self._mutate(documents.ENABLE_AUTO_MERGE, asked)
        except Unsupported:
            return self._merge_if_ready(pull, head, method)
        except Refused as refused:
            if refusals.is_ready(refused.said):
                return self._enqueue(pull, head) if base.queue else self._merge(pull, head, method)
            return self._refused(pull, refused)
        return self._set(pull, answer)

    def _put_right(self, pull: PullRequest, base: Base, head: str, method: MergeMethod) -> PullRequest:
        pull, ready = self._look(pull)
        if pull.state != "open" or pull.head != head or not (pull.auto_merge and ready):
            return pull
        return self._enqueue(pull, head) if base.queue else self._merge(pull, head, method)

    def _set(self, pull: PullRequest, answer: Any) -> PullRequest:
        try:
            found = answer["enablePullRequestAutoMerge"]["pullRequest"]
            return self._api.remember(
                replace(
                    pull,
                    state=answers.state_of(found["state"]),
                    queued=found["isInMergeQueue"] is True,
                    auto_merge=found["autoMergeRequest"] is not None,
                    title=answers.text_of(found["title"]),
                    body=answers.text_of(found["body"]),
                )
            )
        except (KeyError, TypeError, ValueError):
            self._api.fail(answers.unreadable())

    def _enqueue(self, pull: PullRequest, head: str) -> PullRequest:
        try:
            answer = self._mutate(documents.ENQUEUE, {"pullRequestId": pull.node, "expectedHeadOid": head})
        except Unsupported:
            return self._told(pull, "this server cannot add it to the merge queue", "merge it by hand")
        except Refused as refused:
            if "already in the queue" not in refused.said.lower():
                return self._refused(pull, refused)
        else:
            entered = answer.get("enqueuePullRequest")
            if not isinstance(entered, dict) or entered.get("mergeQueueEntry") is None:
                return self._told(pull, "GitHub did not add it to the merge queue", "the next run tries again")
        return self._api.remember(replace(pull, queued=True))

    def _merge_if_ready(self, pull: PullRequest, head: str, method: MergeMethod) -> PullRequest:
        pull, ready = self._look(pull)
        if pull.state != "open":
            return pull
        if ready:
            return self._merge(pull, head, method)
        return self._told(
            pull, "it is not ready, and auto-merge is not allowed", refusals.merge("auto merge is not allowed")
        )

    def _look(self, pull: PullRequest) -> tuple[PullRequest, bool]:
        """The pull request as it is now, and whether nothing keeps it from merging."""
        document = self._api.ask("GET", self._api.below(f"/pulls/{pull.number}"))
        return self._api.keep(document), document.get("mergeable_state") in _READY

    def _merge(self, pull: PullRequest, head: str, method: MergeMethod) -> PullRequest:
        path = self._api.below(f"/pulls/{pull.number}")
        try:
            answer = self._api.attempt("PUT", f"{path}/merge", body={"sha": head, "merge_method": method}, bears=_BEARS)
        except Refused as refused:
            if refused.status == 405 and (now := self._api.keep(self._api.ask("GET", path))).state != "open":
                return now  # somebody was faster, or the answer to our own request was lost
            return self._refused(pull, refused)
        if not isinstance(answer, dict) or answer.get("merged") is not True:
            return self._api.keep(self._api.ask("GET", path))
        return self._api.remember(replace(pull, state="merged"))

    def _mutate(self, document: str, asked: dict[str, str]) -> dict[str, Any]:
        """Send a mutation.

        Raises:
            Refused: for a reason of this pull request's.
            Unsupported: the server does not know it.
            ForgeError: for a reason that would refuse everything, or no answer.
        """
        try:
            return self._api.wire.graphql(document, {"input": asked}, write=True).data
        except Refused as refused:
            if refused.limited or refused.status not in _BEARS:
                self._api.fail(refused)
            raise
        except Unanswered as failure:
            self._api.fail(failure)

    def _refused(self, pull: PullRequest, refused: Refused) -> PullRequest:
        return self._told(pull, f"GitHub says: {refused.said or refused.status}", refusals.merge(refused.said))

    def _told(self, pull: PullRequest, why: str, way_out: str) -> PullRequest:
        message = f"pull request #{pull.number} will not merge by itself: {why}"
        self._api.tell(Problem("failed.forge", message, way_out))
        return pull


def _why_not(
    pull: PullRequest, base: Base, method: MergeMethod | None, *, without_checks: bool
) -> tuple[str, str] | None:
    """Why it is not tried at all, and the way out."""
    if pull.draft:
        return "it is a draft", "mark it ready for review, or remove `draft:`"
    if not base.checks and not without_checks:
        hidden = "" if base.seen else ", as far as the token can see"
        return (
            f"its base branch {pull.base} requires no checks{hidden}",
            f"require status checks for {pull.base} in Settings > Rules, or set `auto_merge: without-checks`",
        )
    if method is not None and method not in base.methods and not base.queue:
        return (
            f"the repository does not allow {method} merges",
            f"set `merge_method:` {' or '.join(base.methods)}, or allow it in Settings > General > Pull Requests",
        )
    return None
