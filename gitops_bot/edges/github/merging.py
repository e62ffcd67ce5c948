"""Lets pull requests merge in the one way that their base branch allows, or keeps them from it as drafts.

A merge by REST is sent only if nothing blocks it: with the token of somebody who may bypass the rules of a branch, it
would bypass them (docs.github.com, "Merge a pull request" and "About protected branches").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused, Unsupported, may_merge_now, merge_advice
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from gitops_bot.config.propose import MergeMethod
    from gitops_bot.edges.github.answers import Base
    from gitops_bot.edges.github.api import Api
    from gitops_bot.edges.github.reading import PullRequestReader
    from gitops_bot.proposals.pull_request import PullRequest


def _mutation(name: str, field: str, answer: str = "clientMutationId") -> str:
    """The document of an operation; the type of its input has the name of the field."""
    return f"mutation {name}($input: {field[0].upper()}{field[1:]}Input!) {{ {field}(input: $input) {{ {answer} }} }}"


#: With a merge queue, the pull request is queued once nothing blocks it. The answer has the current text, which is
#: completed next.
ENABLE_AUTO_MERGE = _mutation(
    "EnableAutoMerge",
    "enablePullRequestAutoMerge",
    "pullRequest { state isInMergeQueue autoMergeRequest { enabledAt } title body }",
)
DISABLE_AUTO_MERGE = _mutation("DisableAutoMerge", "disablePullRequestAutoMerge")
CONVERT_TO_DRAFT = _mutation("ConvertToDraft", "convertPullRequestToDraft")
MARK_READY = _mutation("MarkReady", "markPullRequestReadyForReview")
ENQUEUE = _mutation("Enqueue", "enqueuePullRequest", "mergeQueueEntry { state }")

#: Seconds to wait while GitHub does not yet know whether a pull request can be merged.
_PAUSE = 2
_MERGE_EXPECTED = (403, 404, 405, 409, 422)
#: `mergeable_state` of a pull request that nothing blocks.
_READY = ("clean", "unstable", "has_hooks")


@dataclass(slots=True)
class Merging:
    """Merges in the one way that the base branch allows. Warns if it cannot; the next run tries again."""

    api: Api
    reading: PullRequestReader

    def when_ready(self, number: int, *, head: str, method: MergeMethod | None, without_checks: bool) -> PullRequest:
        """One request; two to merge at once, or if the repository has no auto-merge.

        After auto-merge was enabled, title and text are those in GitHub's answer. By REST alone, nobody could tell
        whether a person disabled it again, so it is not enabled: the run that finds the pull request ready merges it.
        """
        pull = self.api.pull_request(number)
        if pull.state != "open" or pull.queued or pull.auto_merge:
            return pull
        base = self.reading.base(pull.base)
        if why := _why_not(pull, base, method, without_checks=without_checks):
            return self._warned(pull, *why)
        method = method or base.default
        if base.queue and not base.auto_merge:
            return self._enqueue(pull, head)
        if not base.rules and not base.queue:
            return self._merge(pull, head, method)  # there is nothing to wait for, and auto-merge would say so
        if not base.auto_merge or self.reading.only_rest:
            return self._merge_if_ready(pull, head, method)
        return self._enable(pull, head, method, base)

    def by_hand(self, number: int) -> PullRequest:
        """One request."""
        pull = self.api.pull_request(number)
        try:
            self._mutate(DISABLE_AUTO_MERGE, {"pullRequestId": pull.node})
        except Refused as refused:
            message = f"auto-merge of pull request #{number} stays on: {refused.said}"
            self.api.warn(Problem("failed.forge", message, "disable it there, or close the pull request"))
            return pull
        return self.api.remember(replace(pull, auto_merge=False, merges_by_bot=False))

    def convert(self, number: int, *, draft: bool) -> PullRequest:
        """One request; a second one where it was refused: our own may have come through although its answer did not."""
        pull = self.api.pull_request(number)
        try:
            self._mutate(CONVERT_TO_DRAFT if draft else MARK_READY, {"pullRequestId": pull.node})
        except (Refused, Unsupported) as refused:
            if (pull := self.api.read(number)).draft is not draft:
                what, advice = ("a draft", "its text says that it is frozen") if draft else ("ready", "do it there")
                message = f"pull request #{number} cannot be made {what}: {refused.said}"
                self.api.warn(Problem("failed.forge", message, advice))
            return pull
        return self.api.remember(replace(pull, draft=draft))

    def _enable(self, pull: PullRequest, head: str, method: MergeMethod, base: Base) -> PullRequest:
        fields = {"pullRequestId": pull.node, "expectedHeadOid": head}
        if not base.queue:
            fields["mergeMethod"] = method.upper()
        try:
            try:
                answer = self._mutate(ENABLE_AUTO_MERGE, fields)
            except Refused as refused:
                if "unknown status" not in refused.message.lower():
                    raise
                # GitHub says this right after a pull request was opened.
                self.api.clock.sleep(_PAUSE)
                answer = self._mutate(ENABLE_AUTO_MERGE, fields)
        except Refused as refused:
            if may_merge_now(refused.message):
                return self._enqueue(pull, head) if base.queue else self._merge(pull, head, method)
            return self._refused(pull, refused)
        with self.api.reading():
            node: Any = answer["enablePullRequestAutoMerge"]["pullRequest"]
            pull = replace(
                pull,
                state=answers.STATES[node["state"]],
                queued=node["isInMergeQueue"] is True,
                auto_merge=node["autoMergeRequest"] is not None,
                title=answers.of_type(str, node["title"]),
                body=answers.of_type(str, node["body"]),
            )
        return self.api.remember(pull)

    def _enqueue(self, pull: PullRequest, head: str) -> PullRequest:
        try:
            answer = self._mutate(ENQUEUE, {"pullRequestId": pull.node, "expectedHeadOid": head})
        except Unsupported:
            return self._warned(pull, "this server cannot add it to the merge queue", "merge it by hand")
        except Refused as refused:
            if "already in the queue" not in refused.message.lower():
                return self._refused(pull, refused)
        else:
            entered = answer.get("enqueuePullRequest")
            if not isinstance(entered, dict) or entered.get("mergeQueueEntry") is None:
                return self._warned(pull, "GitHub did not add it to the merge queue", "the next run tries again")
        return self.api.remember(replace(pull, queued=True))

    def _merge_if_ready(self, pull: PullRequest, head: str, method: MergeMethod) -> PullRequest:
        document = self.api.ask("GET", f"/pulls/{pull.number}")
        pull = self.api.keep(document)
        if pull.state != "open":
            return pull
        if document.get("mergeable_state") in _READY:
            return self._merge(pull, head, method)
        return self._warned(
            pull, "it is not ready, and auto-merge is not allowed", merge_advice("auto merge is not allowed")
        )

    def _merge(self, pull: PullRequest, head: str, method: MergeMethod) -> PullRequest:
        body = {"sha": head, "merge_method": method}
        try:
            answer = self.api.ask("PUT", f"/pulls/{pull.number}/merge", body=body, expected=_MERGE_EXPECTED)
        except Refused as refused:
            if refused.status == 405 and (current := self.api.read(pull.number)).state != "open":
                return current  # somebody was faster, or the answer to our own request was lost
            return self._refused(pull, refused)
        if not isinstance(answer, dict) or answer.get("merged") is not True:
            return self.api.read(pull.number)
        return self.api.remember(replace(pull, state="merged"))

    def _mutate(self, document: str, fields: dict[str, str]) -> dict[str, Any]:
        return self.api.graphql(document, {"input": fields}, write=True, expected=_MERGE_EXPECTED)

    def _refused(self, pull: PullRequest, refused: Refused) -> PullRequest:
        return self._warned(pull, refused.said, merge_advice(refused.message))

    def _warned(self, pull: PullRequest, why: str, way_out: str) -> PullRequest:
        message = f"pull request #{pull.number} will not merge by itself: {why}"
        self.api.warn(Problem("failed.forge", message, way_out))
        return pull


def _why_not(
    pull: PullRequest, base: Base, method: MergeMethod | None, *, without_checks: bool
) -> tuple[str, str] | None:
    """Why the bot does not even try, and the next step."""
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
