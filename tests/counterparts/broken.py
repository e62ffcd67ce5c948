"""Servers on real sockets that answer wrongly: exactly the bytes that a test gives them, or none."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    #: Bytes that are sent before the connection is closed, or a function that makes them of the request's head.
    Answer = bytes | Callable[[str], bytes]


@dataclass(slots=True)
class Broken:
    """The running server. `heads` are the requests so far, each from its first line to the empty one."""

    host: str
    heads: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The first line of each request, without the version of HTTP."""
        return [head.splitlines()[0].removesuffix(" HTTP/1.1") for head in self.heads]


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """A whole answer; `length` is the Content-Length where it is to be another than the body's."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@contextlib.contextmanager
def broken_server(answers: Sequence[Answer]) -> Iterator[Broken]:
    """Give these answers in turn, the last one for ever, to connections that carry one request each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Broken(f"127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(ConnectionError):
                    head = b""
                    while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                        head += chunk
                    if head == b"stop\r\n\r\n":
                        return
                    if not head:
                        continue
                    given = answers[min(len(server.heads), len(answers) - 1)]
                    server.heads.append(head.decode("latin-1"))
                    connection.sendall(given(server.heads[-1]) if callable(given) else given)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            with socket.create_connection(listener.getsockname()) as last:
                last.sendall(b"stop\r\n\r\n")
            thread.join()


#: Seconds between two drips, and how many there are: without a deadline they go on for two seconds.
PACE, DRIPS = 0.01, 200
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#: Answers that never come to an end: how they begin, and what comes again and again.
ENDLESS = [
    ("nothing at all", b"", b""),
    ("a status", b"HTTP/1.1 200 ", b"O"),
    ("a header", b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    ("informational answers", b"", HINT),
    ("the length of a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    ("a body", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x"),
    ("the body of a failure", b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\n", b"x"),
    ("a trailer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x"),
]


@contextlib.contextmanager
def dripping(first: bytes, drip: bytes) -> Iterator[str]:
    """A server that begins an answer and goes on with it drop by drop, as long as somebody listens."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(ConnectionError):
                    head = b""
                    while b"\r\n\r\n" not in head and (chunk := connection.recv(65536)):
                        head += chunk
                    if closing.is_set():
                        return
                    connection.sendall(first)
                    for _ in range(DRIPS):
                        connection.sendall(drip)
                        closing.wait(PACE)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            closing.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()
