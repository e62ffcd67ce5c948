"""What goes wrong outside, in the words that the user sees; and that it stops nothing else."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.http import Answer
from tests.commands.conftest import WEB, pinned
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.registry import MANIFEST
from tests.counterparts.world import TOKEN, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.broken import Broken
    from tests.counterparts.world import Deploy, World

BRANCH = "gitops-bot/production/all"
CONFIG = b"""\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releases
"""
JSON = "Content-Type: application/json"
TAGS = answer("200 OK", b'{"name": "acme/web", "tags": ["1.0.0", "1.1.0"]}', JSON)
MANIFEST_BODY = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST_BODY).hexdigest()}"


def said(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def loop(_: str) -> bytes:
    return answer("200 OK", b'{"tags": ["1.0.0"]}', JSON, 'Link: </v2/acme/web/tags/list?last=1.0.0>; rel="next"')


def recovered(head: str) -> bytes:
    if "/manifests/" in head:
        return answer("200 OK", MANIFEST_BODY, f"Content-Type: {MANIFEST}", f"Docker-Content-Digest: {DIGEST}")
    return TAGS


@pytest.fixture
def elsewhere() -> Iterator[Broken]:
    with broken_server([TAGS]) as server:
        yield server


def test_registries_that_fail_in_every_way_cost_only_their_own_images(worldwide: World, elsewhere: Broken) -> None:
    login = 'WWW-Authenticate: Basic realm="here"'
    kinds = {
        "unauthorized": ([answer("401 Unauthorized", said("UNAUTHORIZED", "who are you"), login)], "failed.auth"),
        "forbidden": ([answer("403 Forbidden", said("DENIED", "not for you"))], "failed.auth"),
        "missing": ([answer("404 Not Found", said("NAME_UNKNOWN", "no such repository"))], "failed.registry"),
        "limited": ([answer("429 Too Many Requests", b"", "Retry-After: 0"), recovered], None),
        "broken": ([answer("500 Internal Server Error", b"oops")], "failed.registry"),
        "html": ([answer("200 OK", b"<html>Please log in", "Content-Type: text/html")], "failed.registry"),
        "cut": ([answer("200 OK", TAGS.partition(b"\r\n\r\n")[2][:20], JSON, length=48)], "failed.registry"),
        "redirected": (
            [answer("302 Found", b"", f"Location: http://{elsewhere.host}/v2/acme/web/tags/list")],
            "failed.registry",
        ),
        "circle": ([loop], "failed.registry"),
    }
    with ExitStack() as stack:
        servers = {name: stack.enter_context(broken_server(answers)) for name, (answers, _) in kinds.items()}
        login = f"{{'{servers['redirected'].host}': {{username: bot, password_env: THE_PASSWORD}}}}"
        deploy = worldwide.deploy(
            lambda deploy: {
                "gitops-bot.yaml": CONFIG + f"registries: {login}\n".encode(),
                WEB: f"images:\n- name: {deploy.image('web')}\n  newTag: 1.0.0\n".encode()
                + b"".join(
                    f"- name: {name}\n  newName: {server.host}/acme/web\n  newTag: 1.0.0\n".encode()
                    for name, server in servers.items()
                ),
            }
        )
        deploy.push("web", "1.0.0")
        digest = deploy.push("web", "1.1.0")
        done = deploy.ask("update", env=deploy.env | {"THE_PASSWORD": "correct horse"})

    assert done.code == 1
    assert done.json["complete"] is False
    (environment,) = done.json["environments"]
    failed = {item["entry"]["name"]: item["problem"] for item in environment["failed"]}
    assert {name: problem["code"] for name, problem in failed.items()} == {
        name: code for name, (_, code) in kinds.items() if code is not None
    }
    # The others went on: the healthy one, and the one that only wanted a moment.
    changed = {change["entry"]["name"] for change in environment["proposals"][0]["changes"]}
    assert changed == {"limited", deploy.image("web")}
    before = deploy.files("main")[WEB]
    assert deploy.files(BRANCH)[WEB] == pinned(
        before,
        (
            f"- name: {deploy.image('web')}\n  newTag: 1.0.0\n",
            f"- name: {deploy.image('web')}\n  newTag: 1.1.0\n  digest: {digest}\n",
        ),
        (
            f"newName: {servers['limited'].host}/acme/web\n  newTag: 1.0.0\n",
            f"newName: {servers['limited'].host}/acme/web\n  newTag: 1.1.0\n  digest: {DIGEST}\n",
        ),
    )

    words = {
        "unauthorized": (
            "answered 401 Unauthorized to the request for the list of tags",
            "who are you",
            "docker login",
        ),
        "forbidden": ("answered 403 Forbidden", "not for you", "docker login"),
        "missing": ("answered 404 Not Found", "no such repository", "correct `newName`"),
        "broken": ("answered 500 Internal Server Error", "Run again later"),
        "html": ("a web page where a list of tags was expected", "login page"),
        "cut": ("closed the connection",),
        "circle": ("paginates its list of tags in a circle", "Nothing was decided on an incomplete list"),
        "redirected": ("where a manifest was expected", "Check the name"),
    }
    for name, wanted in words.items():
        shown = f"{failed[name]['message']} {failed[name]['next']}"
        assert failed[name]["message"].startswith(f"{servers[name].host}/acme/web: ")
        for word in wanted:
            assert word in shown, (name, shown)
        assert failed[name]["next"]
    # A 404 is final, a 500 is asked again, but not for ever.
    assert len(servers["missing"].heads) == 1
    assert 2 <= len(servers["broken"].heads) <= 5
    # Nobody's password went to the host that a redirect named.
    assert not any("authorization" in head.lower() for head in elsewhere.heads)


def test_what_github_refuses_costs_the_pull_requests_and_not_the_commits(shop: Deploy) -> None:
    more = b'  dev:\n    overlays: ["apps/*/dev"]\n    policy: releases\n    propose: {as: commit}\n'
    config = shop.files("main")["gitops-bot.yaml"] + more
    shop.remote.commit("main", {"gitops-bot.yaml": config, "apps/web/dev/kustomization.yaml": shop.files("main")[WEB]})
    shop.push("web", "1.1.0")
    shop.gate(lambda request, go: Answer.json(401, {"message": f"Bad credentials {TOKEN}"}))
    with shop.watching() as seen:
        done = shop.ask("update")
    assert done.code == 1
    (problem,) = done.json["problems"]
    assert problem["code"] == "failed.auth"
    assert "does not accept the token" in problem["message"]
    assert "valid and not expired" in problem["next"]
    assert TOKEN not in done.out + done.err
    # Nothing was pushed for a proposal that nobody could have opened.
    assert seen.after.keys() == {"main"}
    assert seen.after["main"] != seen.before["main"]
    actions = [[proposal["action"] for proposal in env["proposals"]] for env in done.json["environments"]]
    assert actions == [["none"], ["commit"]]


def test_one_refused_entry_does_not_stop_its_file_and_one_bad_file_does_not_stop_the_rest(shop: Deploy) -> None:
    twice = f"- name: {shop.image('web')}\n  newTag: 1.0.0\n"
    files = {
        "apps/anchored/production/kustomization.yaml": f"images:\n- name: {shop.image('web')}\n  newTag: &tag 1.0.0\n"
        f"- name: other\n  newName: {shop.image('web')}\n  newTag: 1.0.0\n",
        "apps/twice/production/kustomization.yaml": f"images:\n{twice}{twice}",
        "apps/two/production/kustomization.yaml": "images: []\n",
        "apps/two/production/kustomization.yml": "images: []\n",
        "apps/latin/production/kustomization.yaml": "images: []\n",
    }
    shop.remote.commit("main", {path: text.encode() for path, text in files.items()})
    shop.remote.commit("main", {"apps/latin/production/kustomization.yaml": b"# \xe9\nimages: []\n"})
    digest = shop.push("web", "1.1.0")
    done = shop.bot("update")
    assert done.code == 1
    assert "Traceback" not in done.err
    shown = done.out + done.err
    assert "  apps/anchored/production/kustomization.yaml:2:3  the entry holds an anchor or an alias\n" in shown
    assert "apps/twice/production/kustomization.yaml:" in shown
    assert "kustomization.yaml and kustomization.yml; a directory has one kustomization" in shown
    assert "apps/latin/production/kustomization.yaml:1:3" in shown
    tree = shop.files(BRANCH)
    assert digest.encode() in tree[WEB]
    assert (
        f"&tag 1.0.0\n- name: other\n  newName: {shop.image('web')}\n  newTag: 1.1.0\n  digest: {digest}\n".encode()
        in (tree["apps/anchored/production/kustomization.yaml"])
    )
    base = shop.files("main")
    assert {path for path in tree if tree[path] != base[path]} == {WEB, "apps/anchored/production/kustomization.yaml"}


@pytest.mark.parametrize(
    ("repository", "code", "words"),
    [
        ("acme/nowhere", 1, "acme/nowhere"),
        ("ext::sh -c id", 2, "transport helper"),
        ("--upload-pack=x", 2, "is not a repository URL"),
    ],
)
def test_a_repository_that_cannot_be_meant_or_read(shop: Deploy, repository: str, code: int, words: str) -> None:
    done = run("plan", "--repository", repository, "--output", "json", cwd=shop.folder, env=shop.env)
    assert done.code == code
    (problem,) = done.json["problems"]
    assert words in problem["message"]
    assert words in done.err
