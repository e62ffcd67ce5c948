"""Limits GitHub's answers as a whole: urllib3's timeouts only limit the wait for the next bytes, for each address.

The limit covers everything from the name lookup to the last byte, with proxies and TLS, and the bytes before the body
are limited too. `requests` has no such option, so urllib3's sockets are wrapped here.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from gitops_bot.edges.github.failure import Late, TooLarge
from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import Deadline, answer_limit, attempts

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from urllib3 import ProxyManager, Retry


#: Of the current try of this thread. Its `head` is None from where the body begins, whose bytes its reader counts.
deadline = Deadline()


class Adapter(HTTPAdapter):
    """The adapter of `requests`: each try of a request may take this many seconds.

    Raises:
        NoResponse: it took more, or sent too much before the body.
    """

    def __init__(self, seconds: float, retries: Retry | None = None) -> None:
        super().__init__(max_retries=retries or 0)
        self.seconds = seconds

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, and begin to count its time."""
        deadline.begin(answer_limit(self.seconds))
        return super().send(*args, **kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Use our pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Use our pools."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Socket:
    """A socket whose waits end with the time for the answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._sock.settimeout(seconds)

    def gettimeout(self) -> float:
        """The time for the whole TLS handshake; an exception here would leak its socket."""
        return deadline.seconds if self._timeout is None else min(deadline.seconds, self._timeout)

    def sendall(self, data: Any) -> None:
        with self.waiting() as sock:
            sock.sendall(data)

    @contextmanager
    def waiting(self) -> Iterator[socket.socket]:
        """The socket, for one wait within the time."""
        with deadline.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            yield self._sock

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Bytes(self))


class _Bytes(io.RawIOBase):
    """The file that `http.client` reads; the socket stays open until this is closed, as with the original."""

    def __init__(self, sock: _Socket) -> None:
        super().__init__()
        self._sock = sock
        self._file: io.RawIOBase = sock._sock.makefile("rb", buffering=0)  # noqa: SLF001 - they are one

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._sock.waiting():
            count: int = self._file.readinto(buffer) or 0
        deadline.take(count)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Bounded(HTTPConnection):
    def _new_conn(self) -> Any:
        """Connect to one of the addresses, which share the time."""
        name, timeout, failure = self._dns_host, self.timeout, None
        try:
            with deadline.wait(timeout) as seconds:
                for address, share in attempts(name, self.port, seconds):
                    self._dns_host, self.timeout = address, share
                    try:
                        return _Socket(super()._new_conn())
                    except (NewConnectionError, ConnectTimeoutError) as error:
                        failure = failure or error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, str(error)) from error
        finally:
            self._dns_host, self.timeout = name, timeout
        raise failure or NewConnectionError(self, "the name has no address")


class _BoundedTls(_Bounded, HTTPSConnection):
    def connect(self) -> None:
        with deadline.wait(self.timeout):
            super().connect()
        self.sock: Any = _Socket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """One try; urllib3 calls this for each."""
        deadline.begin()
        return super().urlopen(*args, **kwargs)


class _PoolTls(_Pool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


_POOLS: Any = {"http": _Pool, "https": _PoolTls}


LATER = "run again later; see githubstatus.com"
#: All exceptions of `requests` and below for no answer, or half of one.
ERRORS = (NoResponse, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def unanswered(error: Exception, timeout: int) -> NoResponse:
    """What to say about one of `ERRORS`; `timeout` is the limit for the next bytes."""
    if isinstance(error, TooLarge):
        return error
    if isinstance(error, NoResponse):
        return Late(error.what, LATER)
    if isinstance(error, requests.exceptions.SSLError):
        return NoResponse(
            "has a certificate that is not trusted here",
            "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise, or correct GITHUB_API_URL",
        )
    # After the last try requests wraps urllib3's reason.
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.Timeout) or isinstance(reason, urllib3.exceptions.ReadTimeoutError):
        return Late(f"did not answer within {timeout} seconds", LATER)
    return NoResponse(
        "cannot be reached, or closed the connection early",
        "check the network, the proxy and GITHUB_API_URL, and run again",
    )
