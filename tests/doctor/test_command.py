"""`gitops-bot doctor` from outside: what it finds, that one red line stops no other, and that it only looks."""

from __future__ import annotations

import json
import re
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.config.require import CheckForm
from gitops_bot.demo.http import Answer
from gitops_bot.doctor.forge import uncounted
from gitops_bot.releases.checks import Check
from tests.commands.conftest import WEB, shop_files
from tests.commands.scene import config, configure
from tests.counterparts.git_http import READER
from tests.counterparts.registry import PASSWORD, USER, docker_registry
from tests.counterparts.world import PERSON_TOKEN, TOKEN, basic, overlay, run
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitops_bot.demo.http import Request
    from tests.counterparts.world import Deploy, Done, World

WRONG = "wrong horse 0123456789"
SECRETS = (TOKEN, PERSON_TOKEN, READER[1], PASSWORD, WRONG)
FORMS = (*SECRETS, *(basic(user, secret) for secret in SECRETS for user in (USER, "x-access-token")))


def examined(done: Done) -> dict[tuple[str, str], Any]:
    """The checks by name and subject; everything that was printed holds no secret."""
    for text in (done.out, done.err):
        assert not [form for form in FORMS if form in text]
    assert done.err == ""
    return {(check["name"], check["subject"]): check for check in done.json["checks"]}


def verdicts(done: Done) -> dict[str, str]:
    """The verdicts by the name of the check; the worst where there are several."""
    order = ("good", "unknown", "warning", "wrong")
    found: dict[str, str] = {}
    for (name, _), check in examined(done).items():
        found[name] = max(found.get(name, "good"), check["verdict"], key=order.index)
    return found


def one(done: Done, name: str) -> Any:
    """The only check of that name."""
    (found,) = (check for (kind, _), check in examined(done).items() if kind == name)
    return found


def as_person(deploy: Deploy) -> dict[str, str]:
    """A person with a classic token, and git by the embedded server, which knows what the token is for."""
    forge = deploy.world.forge
    return {"GITHUB_SERVER_URL": forge.url, "GITHUB_API_URL": forge.api_url, "GITHUB_TOKEN": PERSON_TOKEN}


@pytest.fixture
def guarded(shop: Deploy) -> Deploy:
    """A shop whose base branch asks for a review and a check."""
    shop.world.forge.protect(shop.name, checks=["ci"], approvals=1, by_ruleset=True)
    return shop


def test_all_is_green_and_nothing_was_written(guarded: Deploy) -> None:
    forge, before = guarded.world.forge, guarded.branches
    done = guarded.ask("doctor", env=as_person(guarded))
    assert done.code == 0
    assert {check["verdict"] for check in examined(done).values()} == {"good"}
    assert {name for name, _ in examined(done)} == {
        *("git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit"),
        *("pull-requests", "rules", "propose", "branches", "registry"),
    }
    assert (done.json["repository"], done.json["branch"], done.json["commit"]) == (
        guarded.name,
        "main",
        before["main"],
    )
    # Whether it may push it learned by asking for the branches, as a push begins.
    ours = [(method, target) for method, target, _ in forge.seen if guarded.name in target]
    assert ("GET", f"/{guarded.name}.git/info/refs?service=git-receive-pack") in ours
    assert {target.rpartition("/")[2] for method, target in ours if method != "GET"} == {"git-upload-pack"}
    assert guarded.branches == before
    assert guarded.pulls("all") == []


RECORDED = "release_tags: true\nrecords: github\nartifact_metadata: true\n"


def test_what_records_releases_needs_is_checked_where_it_is_configured(guarded: Deploy) -> None:
    configure(guarded, more=RECORDED)
    before = guarded.branches
    with guarded.watching() as watched:
        done = guarded.ask("doctor")
    found = examined(done)
    verdicts_of_records = {
        ("release-tags", "release/*/*"): "good",
        ("deployments", guarded.name): "unknown",
        ("artifact-metadata", "acme"): "wrong",
    }
    assert {name: found[name]["verdict"] for name in verdicts_of_records} == verdicts_of_records
    assert [problem["message"] for problem in done.json["problems"]] == [
        "the repository belongs to a person, and GitHub records artifacts for organisations alone"
    ]
    assert all(line.startswith("GET ") for line in watched.api)
    assert guarded.branches == before
    person = verdicts(guarded.ask("doctor", env=as_person(guarded)))
    assert person["deployments"] == "good"


def requiring(more: str = "") -> str:
    """A configuration whose production waits for checks, of its own and of two repositories that images are from."""
    return f"""\
version: 1
environments:
  staging: {{overlays: ["apps/*/staging"], policy: {{semver: ">=1.0.0"}}, propose: {{as: commit}}}}
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
    propose: {{as: commit}}
    require:
      checks: [e2e]
      source_checks: {{images: {{"{WEB}": acme/web, "ghcr.io/acme/*": acme/hidden}}, checks: [test]}}
      deployment: staging
{more}"""


def test_the_checks_that_gates_wait_for_are_read_as_the_gates_read_them(guarded: Deploy) -> None:
    guarded.remote.commit("main", {"gitops-bot.yaml": requiring().encode()}, message="configuration")
    asked: dict[str, Any] = {}

    def play(name: str, answer: Answer | None) -> None:
        def gate(request: Request, go: Callable[[], Answer]) -> Answer:
            if not request.path.endswith("/graphql"):
                return go()
            asked[name] = sorted(map(str, json.loads(request.body)["variables"].values()))
            return answer or go()

        guarded.world.forge.gates[name] = gate

    refused = {"type": "FORBIDDEN", "path": ["r0", "c0", "statusCheckRollup"], "message": "not accessible"}
    play(guarded.name, None)
    play("acme/hidden", Answer.json(200, {"data": {"r0": None}, "errors": [refused]}))
    play("acme/web", Answer.json(200, {"data": {"r0": {"c0": None}}}))
    try:
        found = examined(guarded.ask("doctor"))
    finally:
        guarded.world.forge.gates.clear()
    verdict = {subject: check["verdict"] for (name, subject), check in found.items() if name == "checks"}
    assert verdict == {guarded.name: "good", "acme/hidden": "wrong", "acme/web": "good"}
    hidden = found["checks", "acme/hidden"]
    assert "the checks of acme/hidden cannot be read" in hidden["text"]
    assert "`checks: read`" in hidden["next"]
    head, (owner, own) = guarded.branches["main"], guarded.name.split("/")
    assert asked == {
        guarded.name: sorted([owner, own, head, "staging"]),
        "acme/hidden": sorted(["acme", "hidden", head]),
        "acme/web": sorted(["acme", "web", head]),
    }


def test_what_statuses_and_workflows_need_is_checked_where_they_are_configured(guarded: Deploy) -> None:
    named = (
        requiring()
        .replace("[e2e]", "[{name: e2e, workflow: build.yml}]")
        .replace("propose: {as: commit}\n    require", "propose: {status: true}\n    require")
        .replace("acme/web, ", f"{guarded.name}, ")
        .replace(', "ghcr.io/acme/*": acme/hidden', "")
    )
    guarded.remote.commit("main", {"gitops-bot.yaml": named.encode()}, message="configuration")
    for refused, verdict, advice in ((False, "good", ""), (True, "wrong", "give the token `actions: read` there")):
        if refused:
            no = Answer.json(403, {"message": "Resource not accessible"})
            guarded.gate(lambda request, go, no=no: no if request.path.endswith("/actions/runs") else go())  # type: ignore[misc]
        checks = [check for check in guarded.ask("doctor").json["checks"] if check["name"] == "checks"]
        assert checks[-1]["verdict"] == verdict
        assert checks[-1]["next"].startswith(advice)
    status = one(guarded.ask("doctor"), "statuses")
    assert (status["subject"], status["verdict"]) == (guarded.name, "unknown")
    assert one(guarded.ask("doctor", env=as_person(guarded)), "statuses")["verdict"] == "good"


def test_gates_need_a_forge_and_a_token(guarded: Deploy) -> None:
    guarded.remote.commit("main", {"gitops-bot.yaml": requiring().encode()}, message="configuration")
    env = as_person(guarded)
    del env["GITHUB_TOKEN"]
    assert one(guarded.ask("doctor", env=env), "token")["verdict"] == "wrong"
    done = run("doctor", "--repository", str(guarded.remote.path), "--output", "json", cwd=guarded.folder)
    found = one(done, "checks")
    assert (found["subject"], found["verdict"]) == ("production", "wrong")
    assert found["next"].endswith("or remove these")


def test_without_a_token_the_rest_is_checked(guarded: Deploy) -> None:
    env = as_person(guarded)
    del env["GITHUB_TOKEN"]
    done = guarded.ask("doctor", env=env)
    assert done.code == 1
    found = verdicts(done)
    assert {name for name, each in found.items() if each == "wrong"} == {"push", "token"}
    assert {found[name] for name in ("git", "configuration", "repository", "forge", "clock", "registry")} == {"good"}
    assert "put it into GITHUB_TOKEN" in one(done, "token")["next"]
    assert [problem["code"] for problem in done.json["problems"]] == ["failed.git", "failed.auth"]


def test_a_token_that_is_not_taken_is_told_by_git_and_by_the_forge(guarded: Deploy) -> None:
    done = guarded.ask("doctor", env=guarded.env | {"GITHUB_TOKEN": READER[1]})
    assert done.code == 1
    found = verdicts(done)
    assert (found["git"], found["repository"], found["forge"], found["rules"]) == ("good", "wrong", "wrong", "unknown")
    assert one(done, "forge")["next"].startswith("set GITHUB_TOKEN or GH_TOKEN")


def test_every_registry_is_asked_for_itself(worldwide: World, tmp_path: Path) -> None:
    with (
        docker_registry(tmp_path / "private", password=True) as private,
        socket.create_server(("127.0.0.1", 0)) as silent,
        socket.socket() as closed,
    ):
        closed.bind(("127.0.0.1", 0))  # and never listens
        hosts = {
            "silent": f"127.0.0.1:{silent.getsockname()[1]}",
            "closed": f"127.0.0.1:{closed.getsockname()[1]}",
            "private": private.host,
        }
        more = f"registries: {{'{private.host}': {{username: {USER}, password_env: THE_PASSWORD}}, ghrc.io: {{}}}}\n"

        def files(deploy: Deploy) -> dict[str, bytes]:
            deploy.push("web", "1.0.0")
            images = [(f"{host}/acme/web", "newTag: 1.0.0") for host in hosts.values()]
            own = [(deploy.image("web"), "newTag: 1.0.0"), (deploy.image("gone"), "newTag: 1.0.0")]
            return {"gitops-bot.yaml": config(more=more), WEB: overlay([*images, *own])}

        deploy = worldwide.deploy(files)
        done = deploy.ask("doctor", "--timeout", "3", env=deploy.env | {"THE_PASSWORD": WRONG})
    assert done.code == 1
    found = {
        subject: (check["verdict"], check["text"], check["next"])
        for (name, subject), check in examined(done).items()
        if name == "registry"
    }
    assert {host: found[host][0] for host in found} == {
        **dict.fromkeys(hosts.values(), "wrong"),
        worldwide.registry.host: "good",
        "ghrc.io": "warning",
    }
    assert "401 Unauthorized" in found[private.host][1]
    assert "from the environment variable THE_PASSWORD were sent" in found[private.host][2]
    assert "does not accept connections" in found[hosts["closed"]][1]
    assert re.search(r"took more than [0-9.]+ s|did not answer within", found[hosts["silent"]][1])
    assert {"failed.auth", "failed.registry"} == {problem["code"] for problem in done.json["problems"]}


def test_without_git_the_forge_is_asked_all_the_same(guarded: Deploy, tmp_path: Path) -> None:
    done = guarded.ask("doctor", env=guarded.env | {"PATH": str(tmp_path)})
    assert done.code == 1
    assert "git is not installed" in one(done, "git")["text"]
    assert verdicts(done)["rules"] == "good"


BAD = config().replace(b"policy: releases\n", b"policy: relases\n")


@pytest.mark.parametrize("where", ["on the branch", "here"])
def test_a_configuration_that_cannot_be_used_is_told_at_its_place(guarded: Deploy, where: str) -> None:
    arguments = []
    if where == "here":
        (guarded.folder / "bad.yaml").write_bytes(BAD)
        arguments = ["--config", "bad.yaml"]
    else:
        guarded.remote.commit("main", {"gitops-bot.yaml": BAD})
    done = guarded.ask("doctor", *arguments)
    assert done.code == 2
    line = BAD[: BAD.index(b"relases")].count(b"\n") + 1
    file = "bad.yaml" if arguments else "gitops-bot.yaml"
    assert one(done, "configuration")["text"].startswith(f"{file}:{line}:13: ")
    (problem,) = done.json["problems"]
    assert (problem["file"], problem["line"]) == (file, line)
    found = verdicts(done)
    assert {found[name] for name in ("git", "repository", "push", "forge", "clock", "rules", "branches")} == {"good"}
    assert found["registry"] == "unknown"


def test_a_folder_needs_neither_forge_nor_token_unless_pull_requests_are_wanted(worldwide: World) -> None:
    commits = (
        config("{as: commit}").replace(b"production", b"staging")
        + b"""\
  production:
    overlays: ["apps/api/production"]
    policy: releases
"""
    )
    commits = commits.replace(b'"apps/*/staging"', b'"apps/web/production"')
    deploy = worldwide.deploy(lambda deploy: {**shop_files(deploy), "gitops-bot.yaml": commits})
    done = run("doctor", "--repository", str(deploy.remote.path), "--output", "json", cwd=deploy.folder)
    assert done.code == 1
    names = ("git", "configuration", "repository", "overlays", "push", "registry")
    assert verdicts(done) == dict.fromkeys(names, "good") | {"propose": "wrong"}
    assert one(done, "propose")["subject"] == "production"
    assert "is not on a forge" in one(done, "propose")["text"]


def test_outside_of_any_repository_what_can_be_checked_is(shop: Deploy, tmp_path: Path) -> None:
    done = run("doctor", "--output", "json", cwd=tmp_path, env=shop.env)
    assert done.code == 2
    found = verdicts(done)
    assert (found["repository"], found["git"], found["forge"], found["token"]) == ("wrong", "good", "good", "good")
    assert "--repository" in one(done, "repository")["next"]


@rows("repository env name", {
    "address": (f"ftp://ada:{WRONG.replace(' ', '-')}@127.0.0.1/acme/x", {}, "repository"),
    "API": ("acme/x", {"GITHUB_API_URL": f"https://ada:{WRONG}@127.0.0.1"}, "repository"),
    "token": ("acme/x", {"GITHUB_TOKEN": f"{TOKEN} {WRONG}"}, "token"),
})  # fmt: skip
def test_what_cannot_be_used_is_told_without_the_secret_in_it(
    shop: Deploy, repository: str, env: dict[str, str], name: str
) -> None:
    done = run("doctor", "--repository", repository, "--output", "json", cwd=shop.folder, env=shop.env | env)
    assert done.code == 2
    assert WRONG.replace(" ", "-") not in done.out
    found = verdicts(done)
    assert (found[name], found["git"]) == ("wrong", "good")
    assert "propose" not in found
    assert len({problem["message"] for problem in done.json["problems"]}) == len(done.json["problems"])


def test_without_a_configuration_it_says_how_to_get_one(worldwide: World) -> None:
    deploy = worldwide.deploy(
        lambda deploy: {WEB: overlay([(deploy.image("web"), f"newTag: 1.0.0; digest: {deploy.push('web', '1.0.0')}")])}
    )
    done = deploy.ask("doctor")
    found = one(done, "configuration")
    assert (done.code, found["verdict"]) == (0, "warning")
    assert "`update` needs one" in found["text"]
    assert verdicts(done)["registry"] == "good"


def test_people_read_a_mark_a_line_and_the_next_step(shop: Deploy) -> None:
    shop.remote.commit("main", {WEB: b"images: []\n---\nimages: []\n"})
    done = shop.bot("doctor", env=shop.env | {"COLUMNS": "40"})
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    assert "ok       configuration gitops-bot.yaml: environments: production" in lines
    (wrong,) = (number for number, line in enumerate(lines) if line.startswith("error"))
    assert lines[wrong].startswith(f"error    overlays main: {WEB}:")
    assert lines[wrong + 1].startswith("         next: ")
    assert re.fullmatch(r"\d+ ok, 1 warning, 1 unknown, 1 error", lines[-1])
    assert "\x1b" not in done.out


@pytest.mark.parametrize(
    ("wanted", "reported", "said"),
    [
        (CheckForm(name="e2e", app="argocd"), [("e2e", "ann")], "e2e is reported only by ann, which does not count"),
        (CheckForm(name="e2e", user="ann"), [("e2e", "")], "only by somebody who is gone"),
        (CheckForm(name="e2e"), [("E2E", "ann")], "has it as `E2E`, and names are compared exactly"),
        (CheckForm(name="cd/{app}-*", app="argocd"), [("cd/web-eu", "ann")], "cd/web-eu is reported only by ann"),
        (CheckForm(name="e2e", app="argocd"), [("e2e", "ann"), ("e2e", "argocd[bot]")], None),
        (CheckForm(name="e2e"), [("E2E", "ann"), ("e2e", "ann")], None),
        (CheckForm(name="e.e"), [("e2e", "ann")], None),
        (CheckForm(name="e2e"), [], None),
    ],
)
def test_a_check_that_only_another_maker_reports_or_in_another_letter_case_is_told(
    wanted: CheckForm, reported: list[tuple[str, str]], said: str | None
) -> None:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    finding = uncounted(wanted, [Check(name, "success", at, by, None, "") for name, by in reported])
    assert (finding is None) is (said is None)
    if finding is not None and said is not None:
        assert said in finding.text


def test_doctor_tells_of_a_required_check_that_somebody_else_reports(guarded: Deploy) -> None:
    text = requiring().replace("checks: [e2e]", "checks: [{name: e2e, app: argocd}]")
    guarded.remote.commit("main", {"gitops-bot.yaml": text.encode()}, message="configuration")
    guarded.world.forge.status(guarded.name, guarded.branches["main"], "e2e", by="ann")
    found = examined(guarded.ask("doctor"))["checks", "e2e"]
    assert (found["verdict"], "reported only by ann" in found["text"]) == ("warning", True)
