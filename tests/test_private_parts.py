"""What the bot uses of libraries although they promise nothing of it: a new version must not take it away in silence.

Each part stands behind one module, which says why; `ruff` (SLF001) refuses any other use.
"""

from __future__ import annotations

import inspect
import socket
from typing import Any

import httpcore
import httpx
import pytest
import requests.adapters
import urllib3.connection
from github import Requester

from gitops_bot.edges.github import wire
from gitops_bot.targets import loader


def overrides(ours: type[Any]) -> list[str]:
    """The names that a class gives although none of its bases has them."""
    bases = [base for base in ours.__mro__[1:] if not base.__module__.startswith("gitops_bot")]
    return [
        name
        for name, value in vars(ours).items()
        if (inspect.isfunction(value) or isinstance(value, property)) and not any(hasattr(base, name) for base in bases)
    ]


def test_httpx_keeps_the_network_of_httpcore_where_the_client_replaces_it() -> None:
    """`edges.http.client`: a request as a whole has a bound, for which httpx has no argument."""
    with httpx.HTTPTransport() as transport:
        assert isinstance(transport._pool._network_backend, httpcore.NetworkBackend)


@pytest.mark.parametrize("name", ["_new_conn", "_dns_host"])
def test_urllib3_connects_as_the_bounded_connection_expects(name: str) -> None:
    """`edges.github.wire`: an answer as a whole has a bound, for which urllib3 has no argument."""
    assert name in inspect.getsource(urllib3.connection.HTTPConnection)
    adapter = wire._Adapter()
    assert adapter.poolmanager.pool_classes_by_scheme.keys() == {"http", "https"}
    assert isinstance(adapter, requests.adapters.HTTPAdapter)


def test_a_socket_counts_the_files_that_read_it() -> None:
    """`edges.github.wire`: the wrapped socket stays open until its answer is read."""
    for name in ("_io_refs", "SocketIO"):
        assert name in inspect.getsource(socket.socket.makefile)
    assert "_decref_socketios" in inspect.getsource(socket.SocketIO.close)


def test_pygithub_sends_by_another_connection() -> None:
    """`edges.github.wire`: no redirect is followed, and no answer is endless."""
    assert "cnx" in inspect.signature(Requester.Requester.requestJson).parameters
    for name in ("session", "verb", "url", "input", "headers", "timeout"):
        assert f"self.{name}" in inspect.getsource(Requester.HTTPSRequestsConnectionClass), name


def test_ruamel_has_every_method_that_the_loader_replaces() -> None:
    """`targets.loader`: many small files are composed in a fraction of the time."""
    assert [name for name in overrides(loader._Loader) if not name.startswith("_")] == []
