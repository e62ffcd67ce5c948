"""The bounds of one request as a whole, kept where its bytes come in.

The timeouts of httpx are for the next bytes only. A server that sends one every few seconds, of a header, of the length
of a chunk or of ever new `103 Early Hints`, would hold its thread for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from gitops_bot.edges.http.remaining import Left
from gitops_bot.edges.http.resolve import attempts

if TYPE_CHECKING:
    import ssl


class Transport(httpx.HTTPTransport):
    """httpx's transport, where a request takes no longer than the `Limit` in its extension `bound`.

    That is from the look-up of the name to the last byte of the body. The body has to be read in the thread that asked.
    """

    def __init__(self, trust: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None) -> None:
        super().__init__(verify=trust, limits=limits, proxy=proxy)
        self._left = Left(httpcore.TimeoutException)
        # httpx has no argument for it. Reading what is replaced fails should a later version keep it elsewhere.
        self._pool._network_backend = _Backend(self._pool._network_backend, self._left)  # noqa: SLF001

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask; gives the answer as soon as its head is there."""
        self._left.begin(request.extensions["bound"])
        response = super().handle_request(request)
        self._left.has_head()
        return response


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, left: Left) -> None:
        self._stream = stream
        self._left = left

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


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend, left: Left) -> None:
        self._backend = backend
        self._left = left

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
