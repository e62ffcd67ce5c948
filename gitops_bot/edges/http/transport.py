"""Transports that limit a request as a whole. httpx's timeouts only limit the wait for the next bytes.

A server that sends a byte every few seconds, of a header, a chunk length or endless `103 Early Hints`, would block its
thread for ever. So would a slow resolver, or a name with fifty addresses where nobody answers.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from gitops_bot.edges.http.allowance import Deadline

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator


#: Addresses of a name that are tried.
MOST_ADDRESSES = 8


def attempts(host: str, port: int, seconds: float) -> Iterator[tuple[str, float]]:
    """Each address of a host, in the resolver's order, with its share of what is left of the `seconds`.

    Raises:
        OSError: the name has no address; a `TimeoutError` if the resolver did not answer in time.
    """
    until = time.monotonic() + seconds
    addresses = _addresses(host, port, seconds)[:MOST_ADDRESSES]
    for number, address in enumerate(addresses):
        yield address, max((until - time.monotonic()) / (len(addresses) - number), 0.01)


def _addresses(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """The distinct addresses, looked up in a thread of its own because the resolver cannot be interrupted."""
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    answers: queue.SimpleQueue[tuple[str, ...] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(tuple(dict.fromkeys(str(info[4][0]) for info in infos)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    try:
        threading.Thread(target=ask, name="resolve", daemon=True).start()
    except RuntimeError:  # the machine cannot start more threads
        ask()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class Transport(httpx.HTTPTransport):
    """httpx's transport, in which a request takes no longer than the `Limit` in its extension `bound`.

    That is from the name lookup to the last byte of the body, which must be read in the same thread.
    """

    def __init__(self, trust: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None) -> None:
        super().__init__(verify=trust, limits=limits, proxy=proxy)
        self._left = Deadline(httpcore.TimeoutException)
        # httpx has no argument for this. If a later version keeps it elsewhere, reading it here fails.
        self._pool._network_backend = _Backend(self._pool._network_backend, self._left)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; returns when the head of the answer has arrived."""
        self._left.begin(request.extensions["bound"])
        response = super().handle_request(request)
        self._left.has_head()
        return response


@dataclass(slots=True, eq=False)
class _Stream(httpcore.NetworkStream):
    _stream: httpcore.NetworkStream
    _left: Deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._left.wait(timeout) as seconds:
            data = self._stream.read(max_bytes, seconds)
        self._left.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with self._left.wait(timeout) as seconds:
            self._stream.write(buffer, seconds)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._left)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@dataclass(slots=True, eq=False)
class _Backend(httpcore.NetworkBackend):
    _backend: httpcore.NetworkBackend
    _left: Deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        with self._left.wait(timeout) as seconds:
            failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
            try:
                for address, share in attempts(host, port, seconds):
                    try:
                        stream = self._backend.connect_tcp(address, port, share, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = failure or error
                    else:
                        return _Stream(stream, self._left)
            except TimeoutError as error:
                raise httpcore.ConnectTimeout(str(error)) from error
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            raise failure or httpcore.ConnectError("the name has no address")
