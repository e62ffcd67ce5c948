"""A process of git while it runs: its bounds, what goes in and comes out, and its end with all that it started."""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import signal
import time
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    import subprocess

#: Bytes of memory and seconds of computing time of a process with bounds.
_BOUNDS = ((resource.RLIMIT_DATA, 128 * 1024 * 1024), (resource.RLIMIT_CPU, 5))
_COMPLAINT_LIMIT = 64 * 1024
_CHUNK = 64 * 1024
#: Seconds between reads of less than that.
_PAUSE = 0.001


def bound(pid: int) -> bool:
    """Limit what a process that waits for its input may take; whether the system can."""
    try:
        for kind, most in _BOUNDS:
            hard = resource.prlimit(pid, kind)[1]
            if hard == resource.RLIM_INFINITY or hard > most:
                resource.prlimit(pid, kind, (most, most))
    except (AttributeError, OSError):  # only Linux can
        return False
    return True


def exchange(process: subprocess.Popen[bytes], stdin: bytes, limit: int, deadline: float) -> tuple[bytes, bytes]:
    """Feed and read a process until it closes its output, or has printed more than `limit` bytes.

    Raises:
        TimeoutError: the deadline passed.
    """
    pipe_in, pipe_out, pipe_err = (cast("IO[bytes]", pipe) for pipe in (process.stdin, process.stdout, process.stderr))
    output, complaints, rest = bytearray(), bytearray(), memoryview(stdin)
    pause = 0.0
    os.set_blocking(pipe_in.fileno(), False)
    with selectors.DefaultSelector() as ready:
        ready.register(pipe_out, selectors.EVENT_READ, output)
        ready.register(pipe_err, selectors.EVENT_READ, complaints)
        ready.register(pipe_in, selectors.EVENT_WRITE)
        while ready.get_map() and len(output) <= limit:
            if (remaining := deadline - time.monotonic()) <= 0:
                raise TimeoutError
            for key, _ in ready.select(remaining):
                if key.fileobj is pipe_in:
                    try:
                        rest = rest[os.write(key.fd, rest[:_CHUNK]) :]
                    except BrokenPipeError:  # git reads no more
                        rest = rest[:0]
                    if not rest:
                        ready.unregister(pipe_in)
                        pipe_in.close()
                elif chunk := os.read(key.fd, _CHUNK):
                    key.data.extend(chunk)
                    if len(chunk) < _CHUNK:
                        # Git writes each object by itself: let it fill the pipe instead of waking up for each.
                        time.sleep(pause)
                        pause = _PAUSE
                else:
                    ready.unregister(key.fileobj)
            del complaints[_COMPLAINT_LIMIT:]
    return bytes(output), bytes(complaints)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Leave no process, helper or open pipe behind."""
    if process.returncode is None:
        stop(process)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
