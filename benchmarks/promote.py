"""What `promote` costs on a repository of many pairs of overlays, with all requests that it makes.

    python benchmarks/promote.py [--pairs 300] [--history 10 1000] [--runs 3]

Needs the tests' libraries (`pip install -e '.[test]'`).

Git is served over HTTP, images by Debian's `docker-registry`, pull requests by the embedded GitHub server: the same
that the tests run with (nginx and fcgiwrap are needed too). Every entry of the target gets another digest. CPU is user
and system time of the command and all of its children; medians over the runs. `HEAD` and `other` are requests to the
registry, `read` and `push` conversations with git (one of the reads asks for the default branch), `API` requests to the
forge.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.run import BOT, measured
from tests.counterparts.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.run import Figure
    from tests.counterparts.world import Deploy, World

_CONFIG = """\
version: 1
environments:
  staging: {{overlays: ["apps/*/overlays/staging"]}}
  production: {{overlays: ["apps/*/overlays/production"], propose: {{as: {how}}}}}
"""
_FILE = "apps/image-{}/overlays/{}/kustomization.yaml"


class Run(NamedTuple):
    """One run: what the operating system says of it, and the requests to registry, git and forge."""

    figure: Figure
    registry: tuple[str, ...]
    git: tuple[str, ...]
    api: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[300])
    parser.add_argument("--history", type=int, nargs="+", default=[10, 1000])
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    heads = ("wall s", "CPU s", "MiB", "HEAD", "other", "read", "push", "API")
    print(f"{'promote':<26}{'pairs':>7}{'history':>9}" + "".join(f"{head:>8}" for head in heads))
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch)) as running:
        for pairs, history in product(asked.pairs, asked.history):
            for line in figures(running, pairs, history, asked.runs):
                print(line, flush=True)


def figures(running: World, pairs: int, history: int, runs: int) -> Iterator[str]:
    """Straight to the branch, by pull request, and once more when all is already proposed."""
    command = ("promote", "staging", "production")
    for how in ("commit", "pull-request"):
        deploy = repository(running, pairs, history, how)
        initial = deploy.branches["main"]
        for name, words in (("dry run", (*command, "--dry-run")), (how, command)):
            done = []
            for _ in range(runs):
                for branch in deploy.branches.keys() - {"main"}:
                    for pull in deploy.pulls():
                        deploy.call("PATCH", f"/pulls/{pull['number']}", {"state": "closed", "body": ""})
                    deploy.remote.git("update-ref", "-d", f"refs/heads/{branch}")
                deploy.remote.git("update-ref", "refs/heads/main", initial)
                done.append(counted(deploy, words))
            yield row(f"{name} ({how})" if name == "dry run" else f"as a {how.replace('-', ' ')}", pairs, history, done)
        yield row(f"again ({how})", pairs, history, [counted(deploy, command) for _ in range(runs)])


def repository(running: World, pairs: int, history: int, how: str) -> Deploy:
    """Pairs of overlays, production behind staging by one build, after so many commits that each touch one of them."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        found = {"gitops-bot.yaml": _CONFIG.format(how=how).encode()}
        for index in range(pairs):
            for environment, tag in (("production", "v1.0.0"), ("staging", "v1.1.0")):
                found[_FILE.format(index, environment)] = kustomization(deploy, index, tag)
        return found

    deploy = running.deploy(files)
    stream = [b"feature done\n"]
    for number in range(history):
        at = 1_700_000_000 + number * 600
        stream.append(b"commit refs/heads/main\ncommitter Ada <ada@example.test> %d +0000\ndata 1\nx\n" % at)
        stream += [b"from refs/heads/main^0\n"] if not number else []
        text = f"limits: {number}\n".encode()
        place = _FILE.format(number % pairs, ("staging", "production")[number % 2]).replace("kustomization", "patch")
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (place.encode(), len(text), text))
    deploy.remote.git("fast-import", "--quiet", "--force", stdin=b"".join([*stream, b"done\n"]))
    deploy.remote.git("gc", "--quiet")
    return deploy


def kustomization(deploy: Deploy, index: int, tag: str) -> bytes:
    digest = deploy.push(f"image-{index}", tag)
    return (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - ../../base\n"
        f"images:\n  # one of many\n  - name: {deploy.image(f'image-{index}')}\n    newTag: {tag}\n"
        f"    digest: {digest}\n"
    ).encode()


def counted(deploy: Deploy, words: Sequence[str]) -> Run:
    running = deploy.world
    git, api = len(running.git.requests()), len(running.forge.asked)
    environment = [f"{name}={value}" for name, value in deploy.env.items()]
    path = f"PYTHONPATH={Path(__file__).resolve().parent.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with running.registry.counting() as seen:
        figure = measured(["env", path, *environment, *BOT, *words, "--repository", deploy.name], deploy.folder)
    asked = tuple(each.line for each in running.forge.asked[api:])
    return Run(figure, tuple(seen), tuple(running.git.requests()[git:]), asked)


def row(name: str, pairs: int, history: int, runs: Sequence[Run]) -> str:
    figures = [statistics.median(getattr(run.figure, each) for run in runs) for each in ("wall", "cpu", "memory")]
    heads = {sum(line.startswith("HEAD ") for line in run.registry) for run in runs}
    others = {sum(not line.startswith("HEAD ") for line in run.registry) for run in runs}
    reads, pushes = ({conversations(run.git, name) for run in runs} for name in ("upload-pack", "receive-pack"))
    api = {len(run.api) for run in runs}
    counts = "".join(f"{'-'.join(map(str, sorted(each))):>8}" for each in (heads, others, reads, pushes, api))
    return f"{name:<26}{pairs:>7}{history:>9}{figures[0]:>8.2f}{figures[1]:>8.3f}{figures[2]:>8.0f}{counts}"


def conversations(requests: Sequence[str], service: str) -> int:
    """How often git asked the server: each time begins with one such request."""
    return sum(re.fullmatch(rf"GET \S+/info/refs\?service=git-{service} 200", line) is not None for line in requests)


if __name__ == "__main__":
    main()
