"""Limits GitHub's answers as a whole: urllib3's timeouts only limit the wait for the next bytes, for each address.

The limit covers everything from the name lookup to the last byte, with proxies and TLS, and the bytes before the body
are limited too. `requests` has no such option, so urllib3's sockets are wrapped here.
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from gitops_bot.edges import http
from gitops_bot.edges.github.failure import Late, Unanswered
from gitops_bot.edges.http import Limit
from gitops_bot.edges.http.allowance import Deadline
from gitops_bot.edges.http.failure import late
from gitops_bot.edges.http.transport import attempts

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from urllib3 import ProxyManager


_deadline = Deadline(TimeoutError)


class _TryTime(threading.local):
    seconds = 30.0


_try = _TryTime()


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Each try of a request in the block, by this thread, may take this many seconds.

    Raises:
        Unanswered: (of `edges.http`) it took more, or sent too much before the body.
    """
    before, _try.seconds = _try.seconds, seconds
    try:
        yield
    finally:
        _try.seconds = before


def has_head() -> None:
    """The head of the answer has arrived; the reader of the body counts its bytes."""
    _deadline.has_head()


class Adapter(HTTPAdapter):
    """The adapter of `requests`, with connections that keep the limit."""

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
        return _deadline.seconds if self._timeout is None else min(_deadline.seconds, self._timeout)

    def sendall(self, data: Any) -> None:
        with _deadline.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            self._sock.sendall(data)

    def recv_into(self, buffer: Any, *, read: Any) -> int:
        """Fill the buffer by `read`, of the socket's own file."""
        with _deadline.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            count: int = read(buffer) or 0
        _deadline.take(count)
        return count

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
        return self._sock.recv_into(buffer, read=self._file.readinto)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Bounded(HTTPConnection):
    def _new_conn(self) -> Any:
        """Connect to one of the addresses, which share the time."""
        name, timeout, failure = self._dns_host, self.timeout, None
        try:
            with _deadline.wait(timeout) as seconds:
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
        with _deadline.wait(self.timeout):
            super().connect()
        self.sock: Any = _Socket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """One try; urllib3 calls this for each."""
        _deadline.begin(Limit(_try.seconds, late(_try.seconds)))
        return super().urlopen(*args, **kwargs)


class _PoolTls(_Pool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


_POOLS: Any = {"http": _Pool, "https": _PoolTls}


_LATER = "run again later; see githubstatus.com"
#: All exceptions of `requests` and below for no answer, or half of one.
ERRORS = (http.Unanswered, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def unanswered(error: Exception, timeout: int) -> Unanswered:
    """What to say about one of `ERRORS`; `timeout` is the limit for the next bytes."""
    if isinstance(error, http.Unanswered):
        return Late(error.what, _LATER)
    if isinstance(error, requests.exceptions.SSLError):
        return Unanswered(
            "has a certificate that is not trusted here",
            "set REQUESTS_CA_BUNDLE to the certificates of your GitHub Enterprise, or correct GITHUB_API_URL",
        )
    if _is_timeout(error):
        return Late(f"did not answer within {timeout} seconds", _LATER)
    return Unanswered(
        "cannot be reached, or closed the connection early",
        "check the network, the proxy and GITHUB_API_URL, and run again",
    )


def late_again(times: int) -> Unanswered:
    """What to say instead of sending more requests."""
    return Unanswered(f"timed out {times} times in a row, so no more requests are sent", _LATER)


def _is_timeout(error: Exception) -> bool:
    """Whether it was a timeout; after the last try requests wraps urllib3's reason."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.Timeout) or isinstance(reason, urllib3.exceptions.ReadTimeoutError)
