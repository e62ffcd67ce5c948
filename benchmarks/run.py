"""Prints every figure of the commands, with its peer beside it where that is installed.

    python benchmarks/run.py [--images 1 10 100 1000] [--runs 3]

Needs the tests' libraries (`pip install -e '.[test]'`), git, and Debian's `docker-registry`. Peers are looked for on
PATH: `crane`, `renovate`, and `go`, which builds the program in `benchmarks/peer`: one client and 16 goroutines, which
list and HEAD each image. One that asks the registry nothing has not done the work, and ends the benchmark. CPU is user
and system time of the command and all of its children, memory the peak of the largest process; medians over the runs.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    from tests.counterparts.registry import DockerRegistry, docker_registry
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"the benchmarks need the tests' libraries, and {missing.name} is not installed: pip install -e '.[test]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TAGS = [f"v1.{minor}.{patch}" for minor in range(3) for patch in range(10)]
BOT = [sys.executable, "-m", "gitops_bot"]
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = """\
version: 1
branch: main
policies:
  releases: {semver: ">=1.0.0"}
environments:
  production:
    overlays: ["apps/*/overlays/production"]
    policy: releases
    propose: {as: commit}
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One run of one command; seconds and MiB."""

    wall: float
    cpu: float
    memory: float
    requests: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'command':<34}{'images':>7}{'wall s':>9}{'CPU s':>8}{'MiB':>7}{'requests':>10}")
    with (
        tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch,
        docker_registry(Path(scratch) / "registry") as registry,
    ):
        start_up(Path(scratch), asked.runs)
        program = go_program(Path(scratch))
        for number in asked.images:
            for line in figures(Path(scratch) / f"{number}", registry, number, asked.runs, program):
                print(line, flush=True)


def start_up(scratch: Path, runs: int) -> None:
    """What a command costs before it does anything, and the two that need no server."""
    for name, command in (("python -c pass", [sys.executable, "-c", "pass"]), ("--version", [*BOT, "--version"])):
        print(row(name, 0, [measured(command, scratch) for _ in range(runs + 2)]))


def figures(
    folder: Path, registry: DockerRegistry, number: int, runs: int, program: Path | None = None
) -> Iterator[str]:
    """Every command on a repository of so many overlays with one image each, cold each time."""
    seed(registry, number)
    checkout, bare = repository(folder, registry.host, number)
    initial = git(bare, "rev-parse", "main")

    def again() -> None:
        git(bare, "update-ref", "refs/heads/main", initial)

    def ours(*words: str) -> list[Figure]:
        return [counted(registry, [*BOT, *words], checkout, again) for _ in range(runs)]

    first = "apps/image-0/overlays/production"
    yield row("edit", number, ours("edit", "--dry-run", first, f"{registry.host}/bench/image-0=v2.0.0"))
    yield row("check", number, ours("check"))
    yield row("plan", number, ours("plan", "--repository", str(bare)))
    update = ours("update", "--repository", str(bare))
    yield row("update, through the push", number, update)
    idle = ["update", "--repository", str(bare)]
    yield row(
        "update, nothing new", number, [counted(registry, [*BOT, *idle], checkout, lambda: None) for _ in range(runs)]
    )
    if shutil.which("crane"):
        loop = "for i in $(seq 0 $(($1 - 1))); do crane ls --insecure $2/bench/image-$i >/dev/null; "
        loop += "crane digest --insecure $2/bench/image-$i:v1.2.9 >/dev/null; done"
        command = ["sh", "-c", loop, "sh", str(number), registry.host]
        yield peer("crane ls; crane digest (no edit)", number, counted(registry, command, folder, again))
    if program is not None:
        images = [f"{registry.host}/bench/image-{index}:v1.2.9" for index in range(number)]
        polls = [counted(registry, [str(program), *images], folder, again) for _ in range(runs)]
        yield f"{peer('Go, 16 goroutines (no edit)', number, *polls)}   {ratio(update, polls)}"
    if shutil.which("renovate"):
        # It leaves out an entry with both `newTag` and `digest`: the same pin has to stand in one value.
        joined, _ = repository(folder / "joined", registry.host, number, between="@")
        yield peer("renovate, lookup only", number, counted(registry, renovate(registry.host), joined, again))


def peer(name: str, number: int, *runs: Figure) -> str:
    """The row of a peer, which has to have asked the registry: else it measures a program that gave up."""
    if any(run.requests == 0 for run in runs):
        raise SystemExit(f"{name}: it sent the registry no request, so its time says nothing: run it by hand")
    return row(name, number, runs)


def ratio(ours: Sequence[Figure], theirs: Sequence[Figure]) -> str:
    """How much more CPU and time ours take, by the medians."""
    cpu, wall = (
        statistics.median(getattr(run, name) for run in ours) / statistics.median(getattr(run, name) for run in theirs)
        for name in ("cpu", "wall")
    )
    return f"update takes {cpu:.1f} times its CPU, {wall:.1f} times its time"


def go_program(folder: Path) -> Path | None:
    """The peer that `go` builds into this folder; None without `go`, or where it cannot get the libraries."""
    if shutil.which("go") is None:
        return None
    source, program = Path(__file__).resolve().parent / "peer", folder / "go-peer"
    done = subprocess.run(
        ["go", "build", "-o", str(program), "."], cwd=source, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        print(f"without the program in {source.name}, which cannot be built: {done.stderr.strip()}", file=sys.stderr)
        return None
    return program


def renovate(host: str) -> list[str]:
    """Renovate's dry run over the same files, with digests wanted."""
    rules = {
        "enabledManagers": ["kustomize"],
        # Without a scheme: a rule for `http://` is not found for the `https://` that Renovate begins with.
        "hostRules": [{"matchHost": host, "insecureRegistry": True}],
        "pinDigests": True,
    }
    environment = {"RENOVATE_CONFIG": json.dumps(rules), "LOG_LEVEL": "error"}
    settings = [f"{name}={text}" for name, text in environment.items()]
    return ["env", *settings, "renovate", "--platform=local", "--dry-run=lookup"]


def counted(registry: DockerRegistry, command: Sequence[str], folder: Path, again: Callable[[], None]) -> Figure:
    again()
    with registry.counting() as seen:
        figure = measured(command, folder)
    return Figure(figure.wall, figure.cpu, figure.memory, len(seen))


#: Measures from a small process: what a large one forks counts the large one's memory as its own.
_METER = """
import json, os, sys, time
began = time.monotonic()
child = os.fork()
if not child:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, used = os.wait4(child, 0)
print(json.dumps([time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024,
                  os.waitstatus_to_exitcode(status)]))
"""


def measured(command: Sequence[str], folder: Path) -> Figure:
    """Run it as a whole process and read what the operating system says of it and of all its children."""
    meter = [sys.executable, "-S", "-I", "-c", _METER, *command]
    # As after an installation: the modules are compiled once, not in every run.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(meter, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    wall, cpu, memory, code = json.loads(done.stdout)
    if code != 0:
        raise SystemExit(f"{command} ended with {code}:\n{done.stderr}")
    return Figure(wall, cpu, memory, 0)


def row(name: str, number: int, runs: Sequence[Figure]) -> str:
    wall, cpu, memory = (statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "memory"))
    requests = "-".join(sorted({str(run.requests) for run in runs}))
    return f"{name:<34}{number or '':>7}{wall:>9.2f}{cpu:>8.3f}{memory:>7.0f}{requests:>10}"


def repository(folder: Path, host: str, number: int, between: str = "\n    digest: ") -> tuple[Path, Path]:
    """A checkout with so many overlays, and the bare repository that is its origin; `between` stands before digests."""
    checkout, bare = folder / "checkout", folder / "deploy.git"
    for index in range(number):
        overlay = checkout / f"apps/image-{index}/overlays/production"
        overlay.mkdir(parents=True)
        (overlay / "kustomization.yaml").write_text(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../base\n"
            f"images:\n  # one of many\n  - name: {host}/bench/image-{index}\n"
            f"    newTag: v1.0.0{between}sha256:{'0' * 64}\n"
        )
    (checkout / "gitops-bot.yaml").write_text(_CONFIG)
    git(checkout, "init", "-q", "-b", "main")
    git(checkout, "add", ".")
    git(checkout, "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-q", "-m", "start")
    git(folder, "clone", "-q", "--bare", str(checkout), str(bare))
    git(bare, "config", "uploadpack.allowFilter", "true")
    return checkout, bare


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def seed(registry: DockerRegistry, number: int) -> None:
    """Push the tags of every repository, over a few connections that stay open."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda part: _seed(registry.host, range(part, number, 4)), range(4)))


def _seed(host: str, indexes: range) -> None:
    connection = http.client.HTTPConnection(host, timeout=60)

    def call(method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream") -> str:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status}")
        return answer.headers.get("Location", "")

    for index in indexes:
        config = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        place = urlsplit(call("POST", f"/v2/bench/image-{index}/blobs/uploads/"))
        call("PUT", f"{place.path}?{place.query}&digest={digest}", config)
        for tag in TAGS:
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {
                    "mediaType": "application/vnd.oci.image.config.v1+json",
                    "digest": digest,
                    "size": len(config),
                },
                "layers": [],
                "annotations": {"org.opencontainers.image.version": tag},
            }
            call("PUT", f"/v2/bench/image-{index}/manifests/{tag}", json.dumps(manifest).encode(), _MANIFEST)
    connection.close()


if __name__ == "__main__":
    main()
