"""What `history` costs on a long first-parent line, beside `git log` of the same history.

    python benchmarks/history.py [--commits 2000] [--images 50] [--environments 2] [--runs 3]

Needs the tests' libraries (`pip install -e '.[test]'`).

Each commit gives one image of one environment another tag and digest. Git is served over HTTP (nginx and fcgiwrap are
needed); `git log` reads the server's own copy, with every blob that it names, and a clone is beside it, because the bot
begins with one. CPU is user and system time of the command and all of its children; medians over the runs. `read` are
conversations with the git server. The last column is the limit: 3 times `git log` with its blobs, plus 0.7 s, and
3 conversations.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.promote import conversations
from benchmarks.run import BOT, measured
from tests.counterparts.git_http import git_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.run import Figure
    from tests.counterparts.git_http import GitServer, Remote

_FILE = "apps/image-{}/overlays/{}/kustomization.yaml"
_LOG = "git log --first-parent --raw --no-renames --no-abbrev --format=%H%x00%an%x00%ct%x00%B main"
#: Every blob that the log names, once.
_BLOBS = "awk '/^:/ {print $3; print $4}' | grep -v '^0*$' | sort -u | git cat-file --batch --buffer"
_MOST_READS = 3
#: What git takes for the same history, run where the server keeps it.
PEER = ("sh", "-c", f"{_LOG} | {_BLOBS}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commits", type=int, nargs="+", default=[2000])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--environments", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'command':<30}{'commits':>9}{'wall s':>8}{'CPU s':>8}{'MiB':>8}{'read':>6}{'limit':>16}")
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, git_server(Path(scratch) / "git") as git:
        for commits in asked.commits:
            remote = repository(git, commits, asked.images, asked.environments)
            for line in figures(git, remote, commits, asked.runs, Path(scratch)):
                print(line, flush=True)


def figures(git: GitServer, remote: Remote, commits: int, runs: int, scratch: Path) -> Iterator[str]:
    """The peers first: their figures make the limit."""

    def run(command: Sequence[str], folder: Path) -> tuple[Figure, int]:
        before = len(git.requests())
        figure = measured(command, folder)
        return figure, conversations(git.requests()[before:], "upload-pack")

    peer = [run(PEER, remote.path) for _ in range(runs)]
    limit = 3 * statistics.median(figure.cpu for figure, _ in peer) + 0.7
    yield row("git log --raw, blobs", commits, peer, None)
    address = shlex.quote(remote.url.replace("://", "://x-access-token:ghs_writer0123456789abcdef@"))
    clone = f"rm -rf clone && git clone --quiet --bare {address} clone"
    yield row("git clone --bare", commits, [run(["sh", "-c", clone], scratch) for _ in range(runs)], None)
    yield row("python -c pass", commits, [run([sys.executable, "-c", "pass"], scratch) for _ in range(runs)], None)
    path = f"PYTHONPATH={Path(__file__).resolve().parent.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    for name, more in (("history", []), ("history --limit 5", ["--limit", "5"])):
        for where, place in (("", str(remote.path)), (" over HTTP", address)):
            environment = ["env", path]
            words = [*environment, *BOT, "history", "production", "--repository", place, "--output", "json", *more]
            yield row(name + where, commits, [run(words, scratch) for _ in range(runs)], limit)


def repository(git: GitServer, commits: int, images: int, environments: int) -> Remote:
    """So many commits, each of which gives one image of one environment another pin."""
    names = ["production", "staging", *(f"test-{number}" for number in range(environments - 2))][:environments]
    lines = ["version: 1", "environments:"]
    lines += [f'  {name}: {{overlays: ["apps/*/overlays/{name}"]}}' for name in names]
    files = {"gitops-bot.yaml": "\n".join(lines).encode()}
    files |= {_FILE.format(image, name): kustomization(image, 0) for image in range(images) for name in names}
    remote = git.create(f"deploy-{commits}", files)
    stream = [b"feature done\n"]
    for number in range(1, commits):
        at = 1_700_000_000 + number * 600
        place = _FILE.format(number % images, names[number // images % len(names)])
        text = kustomization(number % images, number)
        message = f"image-{number % images} {number}".encode()
        stream.append(b"commit refs/heads/main\ncommitter Ada <ada@example.test> %d +0000\n" % at)
        stream.append(b"data %d\n%s\n" % (len(message), message))
        stream += [b"from refs/heads/main^0\n"] if number == 1 else []
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (place.encode(), len(text), text))
    remote.git("fast-import", "--quiet", "--force", stdin=b"".join([*stream, b"done\n"]))
    remote.git("gc", "--quiet")
    return remote


def kustomization(image: int, number: int) -> bytes:
    digest = hashlib.sha256(f"{image} {number}".encode()).hexdigest()
    return (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../base\n"
        f"images:\n  # one of many\n  - name: ghcr.io/acme/image-{image}\n    newTag: v1.{number}.0\n"
        f"    digest: sha256:{digest}\n"
    ).encode()


def row(name: str, commits: int, runs: Sequence[tuple[Figure, int]], limit: float | None) -> str:
    wall, cpu, memory = (
        statistics.median(getattr(figure, part) for figure, _ in runs) for part in ("wall", "cpu", "memory")
    )
    counts = "-".join(sorted({str(reads) for _, reads in runs}))
    kept = limit is not None and cpu <= limit and max(reads for _, reads in runs) <= _MOST_READS
    shown = verdict(limit, kept=kept) if limit is not None else ""
    return f"{name:<30}{commits:>9}{wall:>8.2f}{cpu:>8.3f}{memory:>8.0f}{counts:>6}{shown:>16}"


def verdict(limit: float, *, kept: bool) -> str:
    """The limit of CPU, and whether all limits are kept."""
    return f"{limit:.3f} {'kept' if kept else 'EXCEEDED'}"


if __name__ == "__main__":
    main()
