"""Which forge a repository is on, where there are several."""

from __future__ import annotations

import pytest

from gitops_bot.edges.github.server import Server
from gitops_bot.wiring import forge
from tests.tables import rows
from tests.wiring import small_forge

SMALL = {"SMALL_URL": "https://small.test", "SMALL_FILE": "pulls", "SMALL_REPOSITORY": "repository"}
BOTH = {**SMALL, "SMALL_TOKEN": "s", "GITHUB_TOKEN": "g"}


@pytest.fixture(autouse=True)
def forges(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row more in the table."""
    monkeypatch.setattr(forge, "FORGES", (*forge.FORGES, small_forge.Server))


@rows("text environ kind name", {
    "the first of the table": ("acme/deploy", SMALL, Server, "acme/deploy"),
    "the first of those with a token": ("acme/deploy", BOTH, Server, "acme/deploy"),
    "its token": ("acme/deploy", {**SMALL, "SMALL_TOKEN": "s"}, small_forge.Server, "acme/deploy"),
    "its token, in groups": ("a/b/c", {**SMALL, "SMALL_TOKEN": "s"}, small_forge.Server, "a/b/c"),
    "its address": ("https://small.test/a/b/c", BOTH, small_forge.Server, "a/b/c"),
    "the address of the other": ("https://github.com/acme/deploy", BOTH, Server, "acme/deploy"),
    "a name that cannot be there": ("https://github.com/a/b/c", BOTH, Server, None),
    "an address of neither": ("https://other.test/acme/deploy", BOTH, Server, "acme/deploy"),
})  # fmt: skip
def test_an_address_says_which_forge_it_is_else_the_tokens_do(
    text: str, environ: dict[str, str], kind: type[forge.Server], name: str | None
) -> None:
    where, server = forge.locate(text, forge.servers(environ))
    assert where.name == name
    assert isinstance(server, kind)
