"""Prints what it costs to choose the newest build among 864 tags, with the target beside each figure.

    python benchmarks/newest.py [--tags 864] [--delay 0.02] [--runs 3]

Every answer is late by the delay. Time, requests and the peak of memory of a fresh process, which asks for the tags,
their build times and the digest of the choice: cold, then again with one new tag; medians over the runs. The server is
a process of its own.
"""

from __future__ import annotations

import argparse
import http.client
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

try:
    from tests.counterparts.image_server import tag_of
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"the benchmarks need the tests' libraries, and {missing.name} is not installed: pip install -e '.[test]'"
    ) from None

from gitops_bot.config import RegistryAccess  # noqa: E402
from gitops_bot.edges.clock import Clock  # noqa: E402
from gitops_bot.edges.registry import Registry  # noqa: E402
from gitops_bot.images.age import choose_newest, timed_tags  # noqa: E402
from gitops_bot.images.kinds import Newest  # noqa: E402
from gitops_bot.images.policy import Chosen  # noqa: E402
from gitops_bot.images.reference import ImageName, Pin  # noqa: E402

SECONDS, MEMORY, WARM, API = 3.5, 70, 5, 4
POLICY = Newest("^sha-[0-9a-f]{12}$")
APIS = ("ghcr.io", "docker.io", "harbor.acme.io", "europe-docker.pkg.dev", "quay.io", "acme.azurecr.io")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tags", type=int, default=864)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        choose(*asked.one)
        return
    print(f"{'newest of ' + str(asked.tags):<34}{'wall s':>16}{'requests':>18}{'MiB':>12}")
    measure("images of one platform", asked, 1, "", 1 + 2 * asked.tags)
    measure("images of two platforms", asked, 2, "", 1 + 5 * asked.tags)
    for registry in APIS:
        login = 2 if registry.startswith("harbor.") else 0
        measure(f"API of {registry}{', and login' if login else ''}", asked, 1, registry, API + login)


def measure(name: str, asked: argparse.Namespace, platforms: int, registry: str, most: int) -> None:
    """Print the rows of one kind of registry."""
    cold, warm = [], []
    for _ in range(asked.runs):
        options = ["--tags", str(asked.tags), "--platforms", str(platforms), "--delay", str(asked.delay)]
        command = [sys.executable, "-m", "tests.counterparts.image_server", *options]
        with (
            tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as cache,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server,
        ):
            assert server.stdout is not None
            host = server.stdout.readline().strip()
            cold.append(one(host, registry, cache, asked.tags))
            command_server(host, "/push")
            warm.append(one(host, registry, cache, asked.tags))
            server.terminate()
    row(name, cold, SECONDS if platforms == 1 else None, most)
    if not registry:
        row("  again, with one new tag", warm, SECONDS, WARM)


def row(name: str, runs: list[tuple[float, int, float]], seconds: float | None, most: int) -> None:
    """Print one row."""
    limit = f"(<= {seconds})" if seconds is not None else ""
    wall, requests, memory = (statistics.median(each) for each in zip(*runs, strict=True))
    print(
        f"{name:<34}{wall:>8.2f} {limit:<9}{requests:>8.0f} (<= {most}){memory:>6.0f} (<= {MEMORY})",
        flush=True,
    )


def one(host: str, registry: str, cache: str, tags: int) -> tuple[float, int, float]:
    """Wall seconds, requests and MiB of one process."""
    before = command_server(host, "/requests")
    command = [sys.executable, __file__, "--one", host, registry, cache, str(tags)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    wall, memory = json.loads(out.stdout)
    return wall, command_server(host, "/requests") - before, memory


def choose(host: str, registry: str, cache: str, count: str) -> None:
    """Choose once, in this process; the present pin is the image before the newest."""
    image = ImageName(registry or host, "acme/web")
    access = {registry: RegistryAccess(plain_http=True, password_env="SHOWN")} if registry else {}  # noqa: S106
    environ = {"HTTP_PROXY": f"http://{host}", "SHOWN": "any"} if registry else {}
    began = time.perf_counter()
    with Registry(access, environ, Clock(), cache=Path(cache)) as edge:
        tags = edge.tags(image)
        present = Pin(tag_of(int(count) - 2))
        found = edge.times(image, timed_tags(POLICY, tags), present)
        choice = choose_newest(POLICY, tags, found.times, present, found.pinned, datetime.now(UTC))
        assert isinstance(choice, Chosen), choice
        edge.digest(image, choice.tag)
    wall = time.perf_counter() - began
    print(json.dumps([wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def command_server(host: str, path: str) -> int:
    """Ask the server itself."""
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("POST", path)
    found: int = json.loads(connection.getresponse().read())
    connection.close()
    return found or 0


if __name__ == "__main__":
    main()
