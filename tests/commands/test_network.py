"""The way to the forge: a private authority and a proxy, as docs/registries.md says to set them, and faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.conftest import WEB
from tests.counterparts.faults import NONE, Fault, faulty
from tests.counterparts.internet import internet
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy

FORGE = "github.acme.test"
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO")
TRUST = {
    "git": "set GIT_SSL_CAINFO to its certificate file",
    "the API": "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise",
}


def test_git_and_the_api_are_reached_through_the_proxy_and_trusted_by_the_bundle(tmp_path: Path) -> None:
    with internet(tmp_path, FORGE) as servers:
        environ = {"HTTPS_PROXY": servers.environ["HTTPS_PROXY"], "GITHUB_SERVER_URL": f"https://{FORGE}"}
        environ |= {"GITHUB_TOKEN": "token-0123456789"}
        words = ("doctor", "--repository", "acme/deploy")
        told = run(*words, cwd=tmp_path, env=environ)
        for advice in TRUST.values():
            assert advice.lower() in " ".join((told.out + told.err).split()).lower()
        assert servers.seen == []
        bundle = dict.fromkeys(AUTHORITIES, str(servers.certificate))
        run(*words, cwd=tmp_path, env=environ | bundle)
        assert f"GET {FORGE}/acme/deploy.git/info/refs" in servers.seen
        assert any(line.startswith(f"GET {FORGE}/api/v3/") for line in servers.seen)


def test_faults_of_the_git_server_cost_a_run_nothing_but_time(shop: Deploy) -> None:
    push = shop.push("web", "1.1.0")
    faults = {
        0: Fault(status=429, headers={"Retry-After": "0"}),
        3: Fault(reset=True),
        5: Fault(cut=20),
    }
    lost = [Fault(cut=-1)]

    def fault(number: int, line: str) -> Fault:
        is_push = line.startswith("POST") and "receive-pack" in line
        return lost.pop() if is_push and lost else faults.get(number, NONE)

    with faulty(shop.world.git.address, fault) as git, shop.watching() as watched:
        done = shop.ask("update", env={**shop.env, "GITHUB_SERVER_URL": git.address})

    assert (done.code, lost) == (0, [])
    assert push in shop.files(shop.pull()["head"]["ref"])[WEB].decode()
    assert sum(line.startswith("POST /pulls ") for line in watched.writes) == 1
