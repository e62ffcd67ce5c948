"""Which forge a repository is on, where there are several."""

from __future__ import annotations

import pytest

from gitops_bot.edges.github.server import Server
from gitops_bot.wiring import forge
from tests.wiring import small_forge

SMALL = {"SMALL_URL": "https://small.test", "SMALL_FILE": "pulls", "SMALL_REPOSITORY": "repository"}
BOTH = {**SMALL, "SMALL_TOKEN": "s", "GITHUB_TOKEN": "g"}


@pytest.fixture(autouse=True)
def forges(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row more in the table."""
    monkeypatch.setattr(forge, "FORGES", (*forge.FORGES, small_forge.Server))


@pytest.mark.parametrize(
    ("text", "environ", "kind", "name"),
    [
        pytest.param("acme/deploy", SMALL, Server, "acme/deploy", id="the first of the table"),
        pytest.param("acme/deploy", BOTH, Server, "acme/deploy", id="the first of those with a token"),
        pytest.param("acme/deploy", {**SMALL, "SMALL_TOKEN": "s"}, small_forge.Server, "acme/deploy", id="its token"),
        pytest.param("a/b/c", {**SMALL, "SMALL_TOKEN": "s"}, small_forge.Server, "a/b/c", id="its token, in groups"),
        pytest.param("https://small.test/a/b/c", BOTH, small_forge.Server, "a/b/c", id="its address"),
        pytest.param("https://github.com/acme/deploy", BOTH, Server, "acme/deploy", id="the address of the other"),
        pytest.param("https://github.com/a/b/c", BOTH, Server, None, id="a name that cannot be there"),
        pytest.param("https://other.test/acme/deploy", BOTH, Server, "acme/deploy", id="an address of neither"),
    ],
)
def test_an_address_says_which_forge_it_is_else_the_tokens_do(
    text: str, environ: dict[str, str], kind: type[forge.Server], name: str | None
) -> None:
    where, server = forge.locate(text, forge.servers(environ))
    assert where.name == name
    assert isinstance(server, kind)
