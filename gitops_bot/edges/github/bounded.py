"""An answer of GitHub has an end, however it comes: urllib3's timeouts are for the next bytes and each address only.

The time goes from the look-up of the name to the last byte of the body, the greetings of proxies and TLS included, and
the bytes before the body are bounded too. `requests` gives no such thing: the sockets of urllib3 are wrapped here.
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


_left = Deadline(TimeoutError)


class _Each(threading.local):
    seconds = 30.0


_each = _Each()


@contextmanager
def answers_within(seconds: float) -> Iterator[None]:
    """Each try of what this thread asks for in the block takes so many seconds at most.

    Raises:
        Unanswered: (of `edges.http`) it took more, or sent more before a body than any answer has there.
    """
    before, _each.seconds = _each.seconds, seconds
    try:
        yield
    finally:
        _each.seconds = before


def has_head() -> None:
    """The head of the answer is there; who reads the body counts its bytes."""
    _left.has_head()


class Adapter(HTTPAdapter):
    """The adapter of `requests`, with connections that keep to the time."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As it is, but for the classes of the pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Likewise."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Socket:
    """A socket whose waits end with the time of the answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._timeout = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds
        self._sock.settimeout(seconds)

    def gettimeout(self) -> float:
        """What TLS may take for its greeting, which it counts as a whole; an exception here would leak its socket."""
        return _left.seconds if self._timeout is None else min(_left.seconds, self._timeout)

    def sendall(self, data: Any) -> None:
        with _left.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            self._sock.sendall(data)

    def recv_into(self, buffer: Any, *, read: Any) -> int:
        """What `read`, the socket's own file, puts into the buffer."""
        with _left.wait(self._timeout) as seconds:
            self._sock.settimeout(seconds)
            count: int = read(buffer) or 0
        _left.take(count)
        return count

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Bytes(self))


class _Bytes(io.RawIOBase):
    """What `http.client` reads of a socket; the socket stays open until this is closed, as with the one it wraps."""

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
        """A connection to one of the addresses, which share the time between them."""
        name, timeout, failure = self._dns_host, self.timeout, None
        try:
            with _left.wait(timeout) as seconds:
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
        with _left.wait(self.timeout):
            super().connect()
        self.sock: Any = _Socket(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded

    def urlopen(self, *args: Any, **kwargs: Any) -> Any:
        """One try; urllib3 calls this for each."""
        _left.begin(Limit(_each.seconds, late(_each.seconds)))
        return super().urlopen(*args, **kwargs)


class _PoolTls(_Pool, HTTPSConnectionPool):
    ConnectionCls = _BoundedTls


_POOLS: Any = {"http": _Pool, "https": _PoolTls}


_LATER = "run again later; see githubstatus.com"
#: All by which `requests` and what is below it say that there was no answer, or half of one.
ERRORS = (http.Unanswered, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)


def unanswered(error: Exception, timeout: int) -> Unanswered:
    """What to say of one of `ERRORS`; `timeout` is what was waited for the next bytes."""
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
    """What to say where nothing is asked any more."""
    return Unanswered(f"timed out {times} times in a row, so no more requests are sent", _LATER)


def _is_timeout(error: Exception) -> bool:
    """Whether the time was over; after the last try requests wraps the reason that urllib3 gave."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.exceptions.Timeout) or isinstance(reason, urllib3.exceptions.ReadTimeoutError)
