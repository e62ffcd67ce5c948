"""What the image's HEALTHCHECK runs: is the process of this container healthy? Asks `/healthz` of `run --listen`.

A program of its own on the standard library: it starts every 30 seconds beside the bot, and needs neither curl nor any
of the bot's libraries. Only `run --listen` can be asked. Every other command ends by itself with an exit code, so it
counts as healthy for as long as it runs.
"""

from __future__ import annotations

import re
import socket
import sys
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The first process of a container is its entry point, or an init that was given the entry point's arguments.
FIRST_PROCESS = Path("/proc/1/cmdline")

#: Seconds for each step of the question; the server itself gives up on a slow one after five.
_TIMEOUT = 5.0
#: Bytes: a status line and the text after it are far shorter.
_LIMIT = 4096
#: An address that means every interface is reached by the loopback of its family.
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from a command, not bound


def listening(arguments: Sequence[str]) -> tuple[str, int] | None:
    """Where the process with this command line can be asked, as host and port.

    None when it serves nothing, or a port that only the system knows (`--listen HOST:0`).
    """
    if "run" not in arguments:
        return None
    options = list(takewhile(lambda option: option != "--", arguments[arguments.index("run") + 1 :]))
    given = [option.removeprefix("--listen=") for option in options if option.startswith("--listen=")]
    given += [value for option, value in pairwise(options) if option == "--listen"]
    host, colon, port = given[-1].rpartition(":") if given else ("", "", "")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        return None
    host = host.removeprefix("[").removesuffix("]")
    return _EVERYWHERE.get(host, host), int(port)


def ask(host: str, port: int) -> tuple[bool, str]:
    """Whether `/healthz` answers 200 there, and its answer (or why there is none) in one line."""
    try:
        with socket.create_connection((host, port), _TIMEOUT) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while len(answer) < _LIMIT and (piece := connection.recv(_LIMIT)):
                answer += piece
    except OSError as failed:
        return False, f"no answer from {host}:{port}: {failed.strerror or failed}"
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0]
    line = b" ".join((status, body.partition(b"\n")[0])).decode("ascii", "replace")
    return re.match(rb"HTTP/1\.[01] 200(?: |\Z)", status) is not None, re.sub(r"[^ -~]", "?", line).strip()[:200]


def main() -> int:
    """0 when the container is healthy, 1 when it is not."""
    try:
        arguments = FIRST_PROCESS.read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        arguments = []
    address = listening(arguments)
    healthy, answer = ask(*address) if address else (True, "this command serves no /healthz")
    print(answer)  # noqa: T201 - the container engine keeps it beside the state
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
