"""Whether a pull request can be merged: GitHub's `mergeStateStatus`, and its message about what is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitops_bot.demo import checks, conversation, merging
from gitops_bot.images.reason import counted

if TYPE_CHECKING:
    from gitops_bot.demo.hub import Pull
    from gitops_bot.demo.pulls import PullRequests

State = Literal["BEHIND", "BLOCKED", "CLEAN", "DIRTY", "DRAFT", "UNKNOWN", "UNSTABLE"]
Decision = Literal["APPROVED", "CHANGES_REQUESTED", "REVIEW_REQUIRED"]

_WORDS = {"EXPECTED": "expected", "PENDING": "pending", "FAILURE": "failing", "ERROR": "in error"}


@dataclass(frozen=True, slots=True)
class Standing:
    """The merge state; `why` is GitHub's message about what is missing, `failed`: a required check failed."""

    state: State
    why: str = ""
    failed: bool = False

    @property
    def ready(self) -> bool:
        """Whether all requirements are met."""
        return self.state in ("CLEAN", "UNSTABLE")


def fits(pulls: PullRequests, pull: Pull) -> bool | None:
    """Whether it merges without a conflict; None once it is closed."""
    return None if pull.state == "closed" else merging.mergeable(pulls.bare, pull.base_sha, pull.head_sha)


def standing(pulls: PullRequests, pull: Pull) -> Standing:
    """The merge state; GitHub shows the first of these that applies."""
    if pull.state == "closed":
        return Standing("UNKNOWN", "Pull Request is not mergeable")
    if not fits(pulls, pull):
        return Standing("DIRTY", "Pull Request is not mergeable")
    if pull.draft:
        return Standing("DRAFT", "Pull Request is still a draft")
    protection = pulls.protection(pull)
    states = {
        context: checks.required(pulls.hub, pull.head_sha, context)
        for context in (protection.checks if protection else ())
    }
    missing = [sentence for sentence in (_reviews_missing(pulls, pull), _checks_missing(states)) if sentence]
    if missing:
        why = " ".join(missing)
        if protection is not None and protection.by_ruleset:
            why = f"Repository rule violations found\n\n{why}\n\n"
        return Standing("BLOCKED", why, failed=bool({"FAILURE", "ERROR"} & set(states.values())))
    if protection is not None and protection.strict and pulls.fork(pull) != pull.base_sha:
        return Standing("BEHIND", "Head branch is out of date. Review and try the merge again.")
    return Standing("CLEAN" if checks.rollup(pulls.hub, pull.head_sha) in (None, "SUCCESS") else "UNSTABLE")


def decision(pulls: PullRequests, pull: Pull) -> Decision | None:
    """The result of the reviews. Like GitHub's, it is None if the base branch requires no review."""
    protection = pulls.protection(pull)
    if protection is None or not protection.approvals:
        return None
    reviews = Counter(review.state for review in conversation.latest_opinions(pull))
    if reviews["CHANGES_REQUESTED"]:
        return "CHANGES_REQUESTED"
    return "APPROVED" if reviews["APPROVED"] >= protection.approvals else "REVIEW_REQUIRED"


def _reviews_missing(pulls: PullRequests, pull: Pull) -> str:
    protection, decided = pulls.protection(pull), decision(pulls, pull)
    if protection is None or decided in (None, "APPROVED"):
        return ""
    reviews = Counter(review.state for review in conversation.latest_opinions(pull))
    sentences = []
    if reviews["APPROVED"] < protection.approvals:
        missing = "approving review is" if protection.approvals == 1 else "approving reviews are"
        sentences.append(f"At least {protection.approvals} {missing} required by reviewers with write access.")
    if refusing := reviews["CHANGES_REQUESTED"]:
        sentences.append(f"{counted(refusing, 'review')} requesting changes by reviewers with write access.")
    return " ".join(sentences)


def _checks_missing(states: dict[str, checks.State]) -> str:
    open_ = {context: _WORDS[state] for context, state in states.items() if state != "SUCCESS"}
    if not open_:
        return ""
    if len(open_) == 1:
        ((context, word),) = open_.items()
        return f'Required status check "{context}" is {word}.'
    words = Counter(open_.values())
    if len(words) == 1:
        return f"{len(open_)} of {len(states)} required status checks are {next(iter(words))}."
    parts = [f"{count} {word}" for word, count in sorted(words.items())]
    listed = f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{len(open_)} of {len(states)} required status checks have not succeeded: {listed}."
