"""A branch that requires signed commits takes the bot's: made by the API, or signed with a key."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.demo.signing import Keys
from tests.commands.conftest import pinned
from tests.commands.scene import approve
from tests.conftest import program
from tests.counterparts.app import registered
from tests.counterparts.world import PERSON_TOKEN, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitops_bot.demo.http import Answer, Request
    from tests.counterparts.world import Deploy, World

DEV, PRODUCTION = "apps/web/dev/kustomization.yaml", "apps/web/production/kustomization.yaml"
BRANCH = "gitops-bot/production/all"
COMMIT = ("POST /git/blobs 201", "POST /git/trees 201", "POST /git/commits 201")
CONFIG = """\
version: 1
commits: {commits}
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments:
  dev:
    overlays: ["apps/*/dev"]
    policy: releases
    propose: {{as: commit}}
  production:
    overlays: ["apps/*/production"]
    policy: releases
"""


@pytest.fixture
def guarded(worldwide: World) -> Deploy:
    """`web` in dev, committed straight, and in production, proposed; `main` takes signed commits only.

    The files of both are executable, and end their lines as on Windows.
    """
    program("ssh-keygen")

    def files(deploy: Deploy) -> dict[str, bytes]:
        entry = f"images:\r\n- name: {deploy.image('web')}\r\n  newTag: 1.0.0 # \N{SPARKLES}\r\n".encode()
        return {"gitops-bot.yaml": CONFIG.format(commits="api").encode(), DEV: entry, PRODUCTION: entry}

    deploy = worldwide.deploy(files)
    tree = deploy.files("main")
    deploy.remote.commit("main", {path: tree[path] for path in (DEV, PRODUCTION)}, modes=dict.fromkeys(tree, "100755"))
    worldwide.forge.protect(deploy.name, signatures=True, by_ruleset=True)
    deploy.push("web", "1.0.0")
    return deploy


def configure(deploy: Deploy, commits: str) -> None:
    """Set `commits`, by a commit that no rule sees."""
    deploy.remote.commit("main", {"gitops-bot.yaml": CONFIG.format(commits=commits).encode()})


def is_verified(deploy: Deploy, commit: str) -> bool:
    """Whether git verifies the signature by a key that the server knows."""
    done = subprocess.run(["git", "verify-commit", commit], cwd=deploy.remote.path, check=False, capture_output=True)
    return done.returncode == 0


def as_person(deploy: Deploy) -> dict[str, str]:
    """A person's token; git goes to the embedded server, which knows it."""
    forge = deploy.world.forge
    return {"GITHUB_SERVER_URL": forge.url, "GITHUB_API_URL": forge.api_url, "GITHUB_TOKEN": PERSON_TOKEN}


def problem(done: Any) -> tuple[str, str, str]:
    """The code, message and next step of the only problem."""
    (found,) = done.json["problems"]
    return found["code"], found["message"], found["next"]


def test_a_commit_of_the_api_passes_the_rule_and_changes_nothing_but_the_pin(guarded: Deploy) -> None:
    digest = guarded.push("web", "1.1.0")
    base, tree, modes = guarded.branches["main"], guarded.files("main"), guarded.remote.modes("main")
    with guarded.watching() as seen:
        done = guarded.ask("update", "dev")
    assert seen.api == [*COMMIT]
    assert (done.code, done.json["problems"]) == (0, [])
    assert guarded.parents("main") == [base]
    assert modes[DEV] == "100755"
    assert guarded.remote.modes("main") == modes
    assert guarded.files("main") == tree | {
        DEV: pinned(tree[DEV], ("1.0.0 # \N{SPARKLES}\r\n", f"1.1.0 # \N{SPARKLES}\r\n  digest: {digest}\r\n"))
    }
    (made,) = done.json["environments"][0]["proposals"]
    assert made["commit"] == guarded.branches["main"]
    assert is_verified(guarded, made["commit"])
    assert guarded.remote.log("main", "%an|%cn")[0] == "gitops-bot[bot]|GitHub"
    assert "Gitops-Bot-Plan: 1 dev all policy" in guarded.message("main")
    with guarded.watching() as seen:
        guarded.ask("update", "dev")
    assert seen.nothing


def test_an_open_proposal_is_signed_once_that_is_asked_for_and_then_left_alone(guarded: Deploy) -> None:
    configure(guarded, "git")
    guarded.push("web", "1.1.0")
    guarded.ask("update", "production")
    first = guarded.branches[BRANCH]
    configure(guarded, "api")
    review = approve(guarded)
    assert guarded.ask("update", "production").code == 0
    assert guarded.branches[BRANCH] == first, "what was reviewed stays"
    guarded.call("PUT", f"/pulls/1/reviews/{review}/dismissals", {"message": "unsigned"})
    (proposal,) = guarded.ask("update", "production").json["environments"][0]["proposals"]
    assert (proposal["action"], proposal["pull_request"]["number"]) == ("refresh", 1)
    assert is_verified(guarded, BRANCH)
    with guarded.watching() as seen:
        guarded.ask("update", "production")
    assert seen.nothing
    assert guarded.call("PUT", "/pulls/1/merge", {"merge_method": "merge"})["merged"]


def test_an_apps_commits_bear_its_name_and_pass(guarded: Deploy) -> None:
    app = registered(guarded.world.forge, 4712, "signing-bot")
    app.install(guarded.name)
    guarded.push("web", "1.1.0")
    done = guarded.ask("update", env=app.env)
    assert (done.code, done.json["problems"]) == (0, [])
    for ref in ("main", BRANCH):
        assert guarded.remote.log(ref, "%an|%cn")[0] == "signing-bot[bot]|GitHub"
        assert is_verified(guarded, ref)
    (check,) = (check for check in guarded.ask("doctor", env=app.env).json["checks"] if check["name"] == "commits")
    assert check["verdict"] == "good"


def test_unsigned_commits_are_refused_with_the_setting_that_helps(guarded: Deploy) -> None:
    configure(guarded, "git")
    guarded.push("web", "1.1.0")
    with guarded.watching() as seen:
        done = guarded.ask("update", "dev")
    code, message, advice = problem(done)
    assert (done.code, code) == (1, "failed.git")
    assert "requires signed commits on this branch" in message
    assert "must have verified signatures" in message
    assert advice.startswith("Set `commits: api`")
    assert seen.nothing
    # A proposal is open, but cannot be merged as it is.
    assert guarded.ask("update", "production").code == 0
    with pytest.raises(AssertionError, match="verified signatures"):
        guarded.call("PUT", "/pulls/1/merge", {"merge_method": "merge"})


def test_the_commits_of_a_persons_token_are_unsigned_and_refused_with_the_reason(guarded: Deploy) -> None:
    guarded.push("web", "1.1.0")
    with guarded.watching() as seen:
        done = guarded.ask("update", env=as_person(guarded))
    code, message, advice = problem(done)
    assert (done.code, code) == (1, "failed.auth")
    assert message.endswith("does not sign the commits of this token: unsigned")
    assert "token of a GitHub App or the GITHUB_TOKEN of a workflow" in advice
    assert "`commits: {ssh_key_file: PATH}`" in advice
    assert seen.before == seen.after
    assert guarded.pulls("all") == []


def test_without_a_token_or_a_forge_the_api_cannot_make_commits(guarded: Deploy, tmp_path: Path) -> None:
    guarded.push("web", "1.1.0")
    clone = str(guarded.remote.path)
    alone = run("update", "dev", "--repository", clone, "--output", "json", cwd=tmp_path)
    assert (alone.code, problem(alone)[0]) == (2, "failed.usage")
    assert "dev has `commits: api`" in problem(alone)[1]
    with guarded.watching() as seen:
        code, message, advice = problem(guarded.ask("update", "dev", env=as_person(guarded) | {"GITHUB_TOKEN": ""}))
    assert (code, "no token for this server" in message, "set GITHUB_TOKEN" in advice) == ("failed.auth", True, True)
    assert seen.nothing


def overtaken(deploy: Deploy, old: bytes, new: bytes) -> list[str]:
    """Let somebody push once, when the bot's commit is made but not pushed; the list gets their commit."""
    others: list[str] = []

    def gate(request: Request, go: Callable[[], Answer]) -> Answer:
        answer = go()
        if request.path.endswith("/git/commits") and not others:
            newer = deploy.files("main")[DEV].replace(old, new)
            others.append(deploy.remote.commit("main", {DEV: newer}, modes={DEV: "100755"}))
        return answer

    deploy.gate(gate)
    return others


def test_a_race_that_is_lost_harms_nothing(guarded: Deploy) -> None:
    digest = guarded.push("web", "1.1.0")
    others = overtaken(guarded, b"# ", b"# theirs ")
    with guarded.watching() as seen:
        done = guarded.ask("update", "dev")
    assert (done.code, done.json["problems"]) == (0, [])
    assert seen.api == [*COMMIT, *COMMIT]
    assert guarded.parents("main") == others
    assert f"1.1.0 # theirs \N{SPARKLES}\r\n  digest: {digest}\r\n".encode() in guarded.files("main")[DEV]
    assert is_verified(guarded, "main")
    assert guarded.remote.modes("main")[DEV] == "100755"
    assert guarded.branches.keys() == {"main"}
    # Nothing is written that the winner wrote already.
    pins = (("1.1.0", digest), ("1.2.0", guarded.push("web", "1.2.0")))
    others = overtaken(guarded, *(f"{tag} # theirs \N{SPARKLES}\r\n  digest: {of}".encode() for tag, of in pins))
    done = guarded.ask("update", "dev")
    assert (done.code, done.json["environments"][0]["proposals"]) == (0, [])
    assert [guarded.branches["main"]] == others


@pytest.mark.parametrize("what", ["commits", "trees"])
def test_a_commit_that_is_not_the_one_asked_for_is_not_pushed(guarded: Deploy, what: str) -> None:
    guarded.push("web", "1.1.0")

    def altered(request: Request, go: Callable[[], Answer]) -> Answer:
        if not request.path.endswith(f"/git/{what}"):
            return go()
        document = json.loads(request.body)
        if what == "commits":
            document["message"] += "\n\nSigned-off-by: somebody"
        else:
            document["tree"][0]["mode"] = "100644"
        return guarded.world.forge.gateway.answer(replace(request, body=json.dumps(document).encode()))

    guarded.gate(altered)
    with guarded.watching() as seen:
        done = guarded.ask("update", "dev")
    assert (done.code, problem(done)[0]) == (1, "failed.git")
    assert "made another commit than it was asked for" in problem(done)[1]
    assert seen.before == seen.after


def new_key(folder: Path, *, passphrase: str = "") -> Path:
    """The file of a new private key."""
    file = folder / "signing key"
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "bot", "-f", str(file)]
    subprocess.run(words, check=True)
    return file


def test_commits_signed_with_a_known_ssh_key_pass_the_rule(guarded: Deploy, tmp_path: Path) -> None:
    key = new_key(tmp_path)
    configure(guarded, json.dumps({"ssh_key_file": str(key)}))
    guarded.push("web", "1.1.0")
    with guarded.watching() as seen:
        unknown = guarded.ask("update", "dev")
    assert "could not verify the bot's" in problem(unknown)[1]
    assert seen.nothing

    Keys.of(guarded.world.forge.bare(guarded.name)).add("bot", key.with_suffix(".pub").read_text())
    base = guarded.branches["main"]
    who = {"GIT_AUTHOR_NAME": "Grüße", "GIT_COMMITTER_NAME": "bot", "GIT_COMMITTER_EMAIL": "bot@example.test"}
    with guarded.watching() as seen:
        done = guarded.ask("update", env=guarded.env | who)
    assert (done.code, done.json["problems"]) == (0, [])
    assert [line for line in seen.api if "/git/" in line] == []
    assert guarded.parents("main") == [base]
    assert guarded.remote.log("main", "%an|%ae|%cn|%ce")[0] == ("Grüße|gitops-bot@noreply.invalid|bot|bot@example.test")
    assert [is_verified(guarded, ref) for ref in ("main", BRANCH)] == [True, True]
    assert guarded.remote.modes("main")[DEV] == "100755"
    assert "Gitops-Bot-Plan: 1 dev all policy" in guarded.message("main")
    with guarded.watching() as seen:
        guarded.ask("update")
    assert seen.nothing


@pytest.mark.parametrize("fault", ["passphrase", "no key"])
def test_a_key_that_cannot_be_used_is_named_and_never_shown(guarded: Deploy, tmp_path: Path, fault: str) -> None:
    key = new_key(tmp_path, passphrase="hunter2 " if fault == "passphrase" else "")
    secret = key.read_text().splitlines()[2]
    if fault == "no key":
        key.write_text(f"{secret}\n")
    configure(guarded, json.dumps({"ssh_key_file": str(key)}))
    guarded.push("web", "1.1.0")
    with guarded.watching() as seen:
        done = guarded.ask("update", "dev")
        examined = guarded.ask("doctor")
    code, message, advice = problem(done)
    assert (done.code, code) == (1, "failed.git")
    assert f"`ssh_key_file: {key}`" in message
    assert advice
    (check,) = (check for check in examined.json["checks"] if check["name"] == "commits")
    assert (check["verdict"], check["subject"]) == ("wrong", f"ssh_key_file: {key}")
    assert seen.before == seen.after
    for text in (done.out, done.err, examined.out, examined.err):
        assert secret not in text


def test_doctor_says_whose_commits_are_signed(guarded: Deploy, tmp_path: Path) -> None:
    def checks(name: str, env: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
        found = guarded.ask("doctor", env=env).json["checks"]
        return [(check["subject"], check["verdict"], check["next"]) for check in found if check["name"] == name]

    assert checks("commits") == [("api", "good", "")]
    assert [verdict for _, verdict, _ in checks("propose")] == ["good", "good"]
    ((_, verdict, advice),) = checks("commits", as_person(guarded))
    assert (verdict, "token of a GitHub App" in advice) == ("wrong", True)

    configure(guarded, json.dumps({"ssh_key_file": str(new_key(tmp_path))}))
    ((_, verdict, advice),) = checks("commits")
    assert (verdict, "GIT_COMMITTER_EMAIL" in advice) == ("warning", True)
    who = {"GIT_COMMITTER_EMAIL": "bot@example.test"}
    assert [verdict for _, verdict, _ in checks("commits", guarded.env | who)] == ["good"]
    assert [verdict for _, verdict, _ in checks("propose")] == ["good", "good"]

    configure(guarded, "git")
    assert checks("commits") == []
    assert [(verdict, advice.startswith("set `commits: api`")) for _, verdict, advice in checks("propose")] == [
        ("wrong", True),
        ("warning", True),
    ]
