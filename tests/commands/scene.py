"""What the tests of proposals share: configurations, what people do in a browser, and views of the result."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from tests.counterparts.world import PERSON_TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy

_PIN = re.compile(r"- name: (\S+)\s+newTag: (\S+)")


def proposal(document: Any) -> Any:
    """The only proposal of the only environment."""
    (environment,) = document["environments"]
    (found,) = environment["proposals"]
    return found


def config(propose: str = "{}", more: str = "") -> bytes:
    """The configuration of the environment production; `more` is what stands below everything."""
    return f"""\
version: 1
policies:
  releases: {{semver: ">=1.0.0"}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releases
    propose: {propose}
{more}""".encode()


def configure(deploy: Deploy, propose: str = "{}", more: str = "") -> None:
    """Commit that configuration to the base branch."""
    deploy.remote.commit("main", {"gitops-bot.yaml": config(propose, more)}, message="configuration")


def mutate(deploy: Deploy, name: str, **asked: object) -> Any:
    """Send a mutation about the open pull request by GraphQL, as the page does when a person presses a button."""
    key = "id" if name == "dequeuePullRequest" else "pullRequestId"
    given = {key: deploy.pull()["node_id"], **asked}
    kind = f"{name[0].upper()}{name[1:]}Input"
    question = f"mutation($input: {kind}!) {{ {name}(input: $input) {{ clientMutationId }} }}"
    sent = json.dumps({"query": question, "variables": {"input": given}}).encode()
    with closing(HTTPConnection(deploy.world.forge.host, timeout=30)) as connection:
        connection.request("POST", "/api/graphql", sent, {"Authorization": f"Bearer {PERSON_TOKEN}"})
        answer = json.loads(connection.getresponse().read())
    assert "errors" not in answer, answer
    return answer


def approve(deploy: Deploy) -> int:
    """Approve the open pull request; gives the review's number."""
    return int(deploy.call("POST", f"/pulls/{deploy.pull()['number']}/reviews", {"event": "APPROVE"})["id"])


def said(deploy: Deploy, number: int = 1) -> list[str]:
    """The comments on a pull request."""
    return [comment["body"] for comment in deploy.call("GET", f"/issues/{number}/comments")]


def tags(deploy: Deploy, ref: str) -> dict[str, str]:
    """The tag of each entry, by the overlay's application and the image: `web/proxy`."""
    return {
        f"{path.split('/')[1]}/{name.rpartition('/')[2]}": tag
        for path, data in deploy.files(ref).items()
        if path.startswith("apps/")
        for name, tag in _PIN.findall(data.decode("utf-8-sig"))
    }


def news(deploy: Deploy, ref: str) -> dict[str, str]:
    """The tags that a branch has and the base branch has not."""
    return dict(tags(deploy, ref).items() - tags(deploy, "main").items())


def proposals(document: Any) -> list[Any]:
    """What became of the groups of the only environment."""
    (environment,) = document["environments"]
    assert isinstance(environment["proposals"], list)
    return environment["proposals"]


def actions(document: Any) -> dict[str, str]:
    """The action of each group."""
    return {each["group"]: each["action"] for each in proposals(document)}


def held(document: Any) -> dict[str, tuple[str | None, str]]:
    """The candidate's tag and the code of each held entry of the only environment, by its image."""
    (environment,) = document["environments"]
    return {
        item["entry"]["image"].rpartition("/")[2]: ((item["candidate"] or {}).get("tag"), item["reason"]["code"])
        for item in environment["held"]
    }


def reason(document: Any, image: str) -> Any:
    """Why the entry with this image is held."""
    (environment,) = document["environments"]
    (found,) = (item["reason"] for item in environment["held"] if item["entry"]["image"].endswith(f"/{image}"))
    return found


def way_back(body: str) -> list[str]:
    """The arguments of the command that its text says to roll a merged pull request back by."""
    (line,) = re.findall(r"^gitops-bot (rollback .+)$", body, re.MULTILINE)
    return shlex.split(line)


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def closed() -> str:
    """A schedule that is surely closed: one day of the week, days away from now wherever midnight is."""
    return f"schedule: [{{days: [{DAYS[(datetime.now(UTC).weekday() + 3) % 7]}], timezone: Europe/Berlin}}]"


def meanwhile(deploy: Deploy, act: Callable[[], object], *, after: int = 1) -> None:
    """People act as soon as the next run has read its pull requests (and looked at them again, with `after` 2)."""
    left = [after]

    def gate(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        left[0] -= request.path.endswith("/graphql")
        if not left[0]:
            deploy.gate(None)
            act()
        return answer

    deploy.gate(gate)


def label(deploy: Deploy, name: str = "hold", number: int = 1) -> None:
    """Add a label to a pull request."""
    deploy.call("POST", f"/issues/{number}/labels", {"labels": [name]})


def shown(deploy: Deploy, number: int = 1) -> tuple[str, str, str, str]:
    """What a person sees of a pull request."""
    pull = deploy.call("GET", f"/pulls/{number}")
    return pull["state"], pull["head"]["sha"], pull["title"], pull["body"]
