"""A registry behind a proxy that ends TLS, on real sockets: it says `http://` of itself, with its own port.

Nothing may be sent to that plain address, least of all credentials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.demo.http import Answer, Request, Server
from gitops_bot.edges.http import Http
from gitops_bot.edges.registry.credentials import Basic, Login
from gitops_bot.edges.registry.failure import Untrusted
from gitops_bot.edges.registry.host import Host, ImageLimits, ImageRepository, Tokens
from gitops_bot.edges.registry.tags import PAGE_BYTES, TagPage, every_tag, read_page
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.token_server import encrypted

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = Login(Basic("ada", "correct horse"), "a test")
SAME = "http://localhost:5000"
LIST = "/v2/acme/web/tags/list"


def tags(folder: Path, asked: list[str], *, realm: str, link: str) -> tuple[str, ...]:
    """The tags of a registry that tells these addresses; `asked` is who asked its proxy for what."""

    def answer(request: Request) -> Answer:
        shown = request.headers.get("authorization", "nobody").partition(" ")[0]
        asked.append(f"{shown} {request.path}")
        if request.path == "/token":
            return Answer.json(200, {"token": "t"})
        if shown != "Bearer":
            return Answer.json(401, {}, {"WWW-Authenticate": f'Bearer realm="{realm}/token",service="s"'})
        if "last" in request.query:
            return Answer.json(200, {"name": "acme/web", "tags": ["v2"]})
        return Answer.json(200, {"name": "acme/web", "tags": ["v1"]}, {"Link": f'<{link}{LIST}?last=v1>; rel="next"'})

    server = Server(answer)
    server._server.socket = encrypted(folder).wrap_socket(server._server.socket, server_side=True)
    with server, Http(StillClock(), {"SSL_CERT_FILE": str(folder / "server.pem")}, {}) as http:
        url = httpx.URL(f"https://localhost:{server.port}/")
        host = Host(http, Tokens(http, StillClock()), url, ImageLimits(StillClock(), 100))
        image = ImageName(url.netloc.decode("ascii"), "acme/web")

        def fetch(query: str) -> TagPage:
            repository = ImageRepository(image, image, host, LOGIN)
            return read_page(repository.get(f"tags/list?{query}", "application/json", PAGE_BYTES))

        return every_tag(fetch)


def test_its_tokens_and_its_next_page_are_asked_where_it_was_found_and_never_without_tls(tmp_path: Path) -> None:
    asked: list[str] = []
    with broken_server([b""]) as plain:
        itself = f"http://localhost:{plain.host.rpartition(':')[2]}"
        assert tags(tmp_path, asked, realm=itself, link=itself) == ("v1", "v2")
        assert plain.heads == []
    assert asked == [f"nobody {LIST}", "Basic /token", f"Bearer {LIST}", f"Bearer {LIST}"]


@pytest.mark.parametrize("which", ["realm", "link"])
def test_another_host_over_plain_http_is_asked_for_nothing(tmp_path: Path, which: str) -> None:
    asked: list[str] = []
    with broken_server([b""]) as plain:
        addresses = {"realm": SAME, "link": SAME, which: f"http://{plain.host}"}
        with pytest.raises(Untrusted, match="an address without encryption"):
            tags(tmp_path, asked, **addresses)
        assert plain.heads == []
    assert ("Basic /token" in asked) is (which == "link")
