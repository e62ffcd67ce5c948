"""Who and what a proposal is shown to: labels, reviewers, assignees. Where that is not possible, it goes on without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitops_bot.edges.github import refusals
from gitops_bot.edges.github.failure import Refused
from gitops_bot.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.edges.github.api import Api

#: How GitHub says that the token may not, that the thing is not there, that it is switched off, and that it is wrong.
_BEARS = (403, 404, 410, 422)
_PERMISSION = "give the token `pull-requests: write`"


class People:
    """Dresses a proposal. What is not possible is told."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def label(self, number: int, labels: Sequence[str]) -> None:
        """Add the labels that are missing: one request, or none."""
        pull = self._api.present(number)
        present = {each.lower() for each in pull.labels}
        missing = [each for each in dict.fromkeys(labels) if each.lower() not in present]
        if not missing:
            return
        try:
            self._api.attempt(
                "POST", self._api.below(f"/issues/{number}/labels"), body={"labels": missing}, bears=_BEARS
            )
        except Refused as refused:
            self._without(number, f"the labels {', '.join(missing)}", refused, f"{_PERMISSION}, or remove `labels:`")
        else:
            self._api.remember(replace(pull, labels=(*pull.labels, *missing)))

    def unlabel(self, number: int, name: str) -> bool:
        """Take a label away, by one request, and say whether it was there."""
        path = self._api.below(f"/issues/{number}/labels/{quote(name, safe='')}")
        there = True
        try:
            self._api.attempt("DELETE", path, bears=(404,))
        except Refused as refused:
            if "label does not exist" not in refused.said.lower():
                self._api.fail(refused)
            there = False
        if pull := self._api.seen.get(number):
            self._api.remember(
                replace(pull, labels=tuple(each for each in pull.labels if each.lower() != name.lower()))
            )
        return there

    def ask_for_review(self, number: int, people: Sequence[str], teams: Sequence[str]) -> None:
        """Request reviews: one request; a second for the people alone where it was refused together with teams."""
        people, teams = list(dict.fromkeys(people)), list(dict.fromkeys(teams))
        both = {"reviewers": people, "team_reviewers": teams}
        asked = {kind: names for kind, names in both.items() if names}
        if not asked:
            return
        refused = self._asked(number, asked)
        if refused is not None and people and teams:
            # One name that cannot be asked refuses them all, and a team is what cannot be asked most often.
            alone = self._asked(number, {"reviewers": people})
            self._unreviewed(number, [] if alone is None else people, teams, refused if alone is None else alone)
        elif refused is not None:
            self._unreviewed(number, people, teams, refused)

    def assign(self, number: int, people: Sequence[str]) -> None:
        """Assign people: one request."""
        if not people:
            return
        wanted = list(dict.fromkeys(people))
        way_out = f"assign people with write access; {_PERMISSION}, or correct `assignees:`"
        try:
            answer = self._api.attempt(
                "POST", self._api.below(f"/issues/{number}/assignees"), body={"assignees": wanted}, bears=_BEARS
            )
        except Refused as refused:
            self._without(number, f"the assignees {', '.join(wanted)}", refused, way_out)
            return
        # GitHub leaves out without a word whom it cannot assign.
        listed = answer.get("assignees") if isinstance(answer, dict) else None
        if not isinstance(listed, list):
            return
        there = {str(each.get("login")).lower() for each in listed if isinstance(each, dict)}
        if left_out := [each for each in wanted if each.lower() not in there]:
            message = (
                f"GitHub did not assign {', '.join(left_out)} to pull request #{number}: they have no access to it"
            )
            self._api.tell(Problem("failed.forge", message, "assign people with write access, or correct `assignees:`"))

    def _asked(self, number: int, asked: Mapping[str, Sequence[str]]) -> Refused | None:
        try:
            self._api.attempt(
                "POST", self._api.below(f"/pulls/{number}/requested_reviewers"), body=dict(asked), bears=_BEARS
            )
        except Refused as refused:
            return refused
        return None

    def _unreviewed(self, number: int, people: Sequence[str], teams: Sequence[str], refused: Refused) -> None:
        names = ", ".join([*people, *(f"team:{each}" for each in teams)])
        way_out = refusals.review(refused.said, teams=bool(teams)) or f"{_PERMISSION}, or correct `reviewers:`"
        self._without(number, f"a review by {names}", refused, way_out)

    def _without(self, number: int, what: str, refused: Refused, way_out: str) -> None:
        why = self._api.explained(refused).problem
        self._api.tell(Problem(why.code, f"pull request #{number} continues without {what}: {why.message}", way_out))
