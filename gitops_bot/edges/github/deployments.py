"""Deployments: what was released to an environment. They say what Git has, never what runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.edges.github import answers
from gitops_bot.edges.github.failure import Refused, UnansweredError, Unsupported
from gitops_bot.errors import ForgeError, Problem
from gitops_bot.proposals.pull_request import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.edges.github.api import Api
    from gitops_bot.errors import FailureCode
    from gitops_bot.proposals.pull_request import Deployment

#: By this description the bot knows its own deployments.
TEXT: Final = "released to Git by gitops-bot"
#: Tries of each, and seconds until another run has likely finished what it began.
_TRIES, _PAUSE = 3, 2
#: Deployments of one environment that are read, and environments of one query.
_NEWEST, _TOGETHER = 30, 100
#: Statuses by which GitHub refuses.
_EXPECTED = (403, 404, 409, 410, 422)
_ADVICE = "give the token `deployments: write` (in a workflow: `permissions:`), or remove `records`"
_ARTIFACT_ADVICE = (
    "give the token `artifact-metadata: write` of the organisation that owns the repository, or remove "
    "`artifact_metadata`"
)


#: For the newest deployments of the environment $e0, $e1, ...
_NEWEST_OF: Final = f"""
    d%d: deployments(environments: [$e%d], first: {_NEWEST}, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
      nodes {{ commitOid description latestStatus {{ state }} }}
    }}"""


@dataclass(slots=True)
class Deployments:
    """The deployments of one repository. Everything raises a ForgeError if GitHub refuses or does not answer."""

    api: Api

    def newest(self, environments: Sequence[str]) -> dict[str, tuple[Deployed, ...]]:
        """Up to thirty of each, the newest first: a request for a hundred environments; by REST one or two for each."""
        newest: dict[str, tuple[Deployed, ...]] = {}
        try:
            for at in range(0, len(environments), _TOGETHER):
                names = environments[at : at + _TOGETHER]
                try:
                    newest |= self._by_graphql(names)
                except Unsupported:
                    newest |= {name: tuple(self._by_rest(name)) for name in names}
        except Refused as refused:
            raise ForgeError(self._problem(refused, "deployments cannot be read", _ADVICE)) from None
        return newest

    def write(self, deployment: Deployment, *, tries: int = _TRIES) -> Problem | None:
        """Four requests, two of them to see what there is, and one for each artifact; what failed of artifacts.

        The status comes last: a run that dies before it is known by that, and finished by the next one. GitHub would do
        each twice, so none is sent again before a look at what came of it.
        """
        what = f"the deployment of {deployment.commit[:10]} to {deployment.environment}"
        try:
            return self._carry_on(deployment)
        except Refused as refused:
            raise ForgeError(self._problem(refused, what, _ADVICE)) from None
        except UnansweredError:
            if tries == 1:
                raise
            return self.write(deployment, tries=tries - 1)

    def _carry_on(self, deployment: Deployment) -> Problem | None:
        """Do what is left to do, with what failed of artifacts."""
        made: list[int] = []
        if not (known := self._known(deployment)):
            made = [self._create(deployment)]
            known = self._known(deployment)  # another run may have been a moment earlier
        if not (own := sorted({*made, *(number for number, is_own in known if is_own)})):
            return None
        for double in own[1:]:
            self._withdraw(double)
        number = own[0]
        if number not in made:
            # Another run may be about to finish it.
            self.api.clock.sleep(_PAUSE)
            if self._has_status(number):
                return None
        problem = self._artifacts(deployment)
        self._report(number, "success", "released to Git; what the cluster runs is not known here")
        return problem

    def _known(self, deployment: Deployment) -> list[tuple[int, bool]]:
        """The deployments of this commit to this environment, and whether each is the bot's."""
        query = {"sha": deployment.commit, "environment": deployment.environment, "per_page": str(_NEWEST)}
        known = self.api.ask("GET", "/deployments", query=query, expected=_EXPECTED)
        with self.api.reading():
            return [(int(other["id"]), other["description"] == TEXT) for other in known]

    def _create(self, deployment: Deployment) -> int:
        fields = {
            "ref": deployment.commit,
            "environment": deployment.environment,
            "description": TEXT,
            # The defaults merge the default branch into the ref, and wait for checks.
            "auto_merge": False,
            "required_contexts": [],
        }
        made = self.api.ask("POST", "/deployments", body=fields, expected=_EXPECTED, once=True)
        with self.api.reading():
            return int(made["id"])

    def _withdraw(self, number: int) -> None:
        """Take back what another run recorded, too, a moment earlier; GitHub may want it to be inactive first."""
        try:
            self.api.ask("DELETE", f"/deployments/{number}", expected=_EXPECTED)
        except Refused:
            with suppress(Refused):
                self._report(number, "inactive", "recorded twice at once; the older one counts")
                self.api.ask("DELETE", f"/deployments/{number}", expected=_EXPECTED)

    def _report(self, number: int, state: str, text: str) -> None:
        status = {"state": state, "description": text}
        self.api.ask("POST", f"/deployments/{number}/statuses", body=status, expected=_EXPECTED, once=True)

    def _has_status(self, number: int) -> bool:
        return bool(self.api.ask_list(f"/deployments/{number}/statuses", {"per_page": "1"}))

    def _artifacts(self, deployment: Deployment) -> Problem | None:
        """Record each artifact; the first that is refused ends it.

        Where GitHub only fails for now, the deployment stays without a status, and the next run records them all.
        """
        path, root = "/artifacts/metadata/deployment-record", f"/orgs/{self.api.names['owner']}"
        for artifact in deployment.artifacts:
            record = {  # within GitHub's limits, in characters
                "name": artifact.name[:256],
                "digest": artifact.digest,
                **({"version": artifact.version[:100]} if artifact.version else {}),
                "status": "deployed",
                "logical_environment": deployment.environment[:128],
                "deployment_name": artifact.place[:256],
                "return_records": False,
            }
            try:
                self.api.ask("POST", path, body=record, root=root, expected=_EXPECTED)
            except Refused as refused:
                return self._problem(refused, f"the deployment record of {artifact.name}", _ARTIFACT_ADVICE)
        return None

    def _by_graphql(self, names: Sequence[str]) -> Mapping[str, tuple[Deployed, ...]]:
        variables = {**self.api.names, **{f"e{at}": name for at, name in enumerate(names)}}
        declared = ", ".join(f"${name}: String!" for name in variables)
        fields = "".join(_NEWEST_OF % (at, at) for at in range(len(names)))
        query = f"query Deployments({declared}) {{\n  repository(owner: $owner, name: $name) {{{fields}\n  }}\n}}"
        data = self.api.graphql(query, variables, expected=_EXPECTED)
        with self.api.reading():
            read: Any = data["repository"]
            return {
                name: tuple(
                    Deployed(str(node["commitOid"]), node["description"] != TEXT or node["latestStatus"] is not None)
                    for node in answers.nodes(answers.of_type(dict, read[f"d{at}"]))
                )
                for at, name in enumerate(names)
            }

    def _by_rest(self, name: str) -> Iterator[Deployed]:
        query = {"environment": name, "per_page": str(_NEWEST)}
        documents = self.api.ask("GET", "/deployments", query=query, expected=_EXPECTED)
        with self.api.reading():
            read = [(int(known["id"]), str(known["sha"]), known["description"] == TEXT) for known in documents]
        for at, (number, commit, own) in enumerate(read):
            yield Deployed(commit, finished=at > 0 or not own or self._has_status(number))

    def _problem(self, refused: Refused, what: str, advice: str) -> Problem:
        quoted = f" (GitHub says: {refused.message})" if refused.message else ""
        code: FailureCode = "failed.auth" if refused.status in (403, 404) else "failed.forge"
        return Problem(code, f"{self.api.repository}: {what} was refused{quoted}", advice)
