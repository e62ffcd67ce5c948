"""A private authority and a proxy, as docs/registries.md says to set them, on the way to the forge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.counterparts.internet import internet
from tests.counterparts.world import run

if TYPE_CHECKING:
    from pathlib import Path

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
