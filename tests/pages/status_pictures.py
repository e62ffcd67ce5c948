"""`docs/images/status*.png`: the page of `gitops-bot run --listen`, of a repository where production waits for much.

    python -m tests.pages.status_pictures docs/images [--services 33] [--all]

Needs what picture.py needs. It makes a repository with that many services in three environments and six weeks of
history, and pull requests that are some days old; then the bot runs one cycle. `--all` makes a picture of every width
in both schemes, and writes the page beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

from gitops_bot.demo.forge import Forge
from gitops_bot.demo.images import push
from gitops_bot.demo.registry import Registry
from tests.pages.picture import shoot

if TYPE_CHECKING:
    from collections.abc import Sequence

REPOSITORY, TOKEN = "acme/deploy", "token-of-the-bot"
ENVIRONMENTS = ("dev", "staging", "production")
#: What waits in production: under review, in its soak time, held, and over the limit.
REVIEW = ("checkout", "ledger", "search", "invoices", "web")
SOAK, HELD, LIMIT = ("api", "gateway"), ("billing", "cart"), ("auth", "catalog", "email", "export", "mailer", "orders")
WAITING = (*REVIEW, *SOAK, *HELD, *LIMIT)
CALM = (
    *("worker", "accounts", "audit", "backup", "cache", "calendar", "chat", "comments", "devices", "events", "feeds"),
    *("files", "forms", "images", "jobs", "limits", "maps", "media"),
)
CONFIG = """\
version: 1
policies: {releases: {semver: ">=1"}}
environments:
  dev: {overlays: ["apps/*/overlays/dev"], policy: releases, propose: {as: commit}}
  staging: {overlays: ["apps/*/overlays/staging"], promote_from: dev, propose: {as: commit}}
  production:
    overlays: ["apps/*/overlays/production"]
    promote_from: staging
    soak: 48h
    propose: {group: image, limit: {open: 5}}
holds:
"""
PICTURES = (("status", 1400, 1000, False), ("status-narrow", 360, 800, True))
NOW = datetime.now(UTC).replace(microsecond=0)


def tag(service: str, release: int) -> str:
    """The versions of a service: the older one, and the newer."""
    minor = int(sha256(service.encode()).hexdigest()[:4], 16) % 7
    return f"v1.{minor + release}.{2 - 2 * release}"


def named(count: int) -> list[str]:
    """The services; few have only the first of those that wait."""
    if count < len((*WAITING, *CALM)):
        return [REVIEW[0], HELD[0], *CALM][:count]
    return [*WAITING, *CALM, *(f"{name}-{number}" for number in range(2, 99) for name in CALM)][:count]


def moments(service: str, at: int) -> list[datetime]:
    """When dev, staging and production got the newer version: those that have it."""
    begun = NOW - timedelta(days=28 - at % 20, hours=at % 9)
    if service in SOAK:
        return [NOW - timedelta(hours=20), NOW - timedelta(hours=9 + at % 4)]
    return [begun, begun + timedelta(days=1, hours=3), begun + timedelta(days=5, hours=6)][
        : 2 + (service not in WAITING)
    ]


def create(forge: Forge, registry: str, services: Sequence[str]) -> None:
    """Push two versions of every service, and make the repository with its history."""
    holds = "".join(
        f"  - {{environment: production, image: {registry}/acme/{name}, until: {NOW + timedelta(days=30):%Y-%m-%d}, "
        "why: no release before the fair}\n"
        for name in HELD
        if name in services
    )
    files, changes = {"gitops-bot.yaml": f"{CONFIG}{holds}".encode()}, []
    for at, service in enumerate(services):
        for release, arrivals in enumerate(([NOW] * 3, moments(service, at))):
            digest = push(
                registry,
                f"acme/{service}",
                tag(service, release),
                created=NOW - timedelta(days=50 - 20 * release),
                revision=sha256(f"{service} {release}".encode()).hexdigest()[:40],
                source=f"https://github.com/acme/{service}",
            )
            for environment, when in zip(ENVIRONMENTS, arrivals, strict=False):
                path = f"apps/{service}/overlays/{environment}/kustomization.yaml"
                text = (
                    f"resources: [../../base]\nimages:\n  - name: {registry}/acme/{service}\n"
                    f"    newTag: {tag(service, release)}\n    digest: {digest}\n"
                )
                if release:
                    changes.append((when, path, text, f"Update {service} to {tag(service, release)} in {environment}"))
                else:
                    files[path] = text.encode()
    bare = forge.create(REPOSITORY, files)
    tree = bare.git("log", "-1", "--format=%T", "main").decode().strip()
    stream = [commit(NOW - timedelta(days=45), "Begin"), f"M 040000 {tree} \n"]
    for when, path, text, message in sorted(changes):
        stream += [commit(when, message), f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"]
    bare.git("fast-import", "--quiet", "--force", stdin="".join(stream).encode())


def commit(when: datetime, message: str) -> str:
    """The head of a commit, for `git fast-import`."""
    who = f"Ada Lovelace <ada@example.com> {int(when.timestamp())} +0000"
    return f"commit refs/heads/main\ncommitter {who}\ndata {len(message)}\n{message}\n"


def page(folder: Path, count: int) -> str:
    """The page after one cycle."""
    clock, services = NOW, named(count)
    with ExitStack() as stack:
        registry = stack.enter_context(Registry(folder / "registry"))
        (folder / "forge").mkdir()
        forge = stack.enter_context(Forge(folder / "forge", tokens={TOKEN: "gitops-bot"}, now=lambda: clock))
        create(forge, registry.host, services)
        told = os.environ | {
            "GITHUB_SERVER_URL": forge.url,
            "GITHUB_API_URL": forge.api_url,
            "GITHUB_TOKEN": TOKEN,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

        def bot(*words: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "gitops_bot", *words, "--repository", REPOSITORY]
            return subprocess.Popen(
                command, env=told, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )

        for days, service in zip((20, 12, 9, 4, 1), REVIEW, strict=True):
            if service in services:
                clock = NOW - timedelta(days=days)
                done = bot("promote", "staging", "production", "--now", "--image", f"{registry.host}/acme/{service}")
                _, errors = done.communicate()
                assert done.returncode == 0, errors
        clock = NOW
        with bot("run", "--every", "1h", "--listen", "127.0.0.1:0", "--log-format", "json") as running:
            assert running.stderr is not None
            address = json.loads(running.stderr.readline())["listen"]
            assert any(json.loads(line)["event"] == "cycle.ended" for line in running.stderr)
            with build_opener(ProxyHandler({})).open(f"http://{address}/", timeout=30) as answer:
                text = str(answer.read(), "utf-8")
            running.terminate()
        return text.replace(registry.host, "ghcr.io").replace(forge.url, "https://github.com")


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--services", type=int, default=33)
    parser.add_argument("--all", action="store_true")
    asked = parser.parse_args()
    target = asked.folder.resolve()
    target.mkdir(exist_ok=True)
    pictures = PICTURES
    if asked.all:
        widths = ((360, 800), (800, 1000), (1400, 1000), (2560, 1440))
        pictures = tuple(
            (f"{asked.services}-{width}{'-dark' if dark else ''}", width, height, dark)
            for width, height in widths
            for dark in (False, True)
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "world").mkdir()
        file = folder / "page.html"
        file.write_text(page(folder / "world", asked.services), encoding="utf-8")
        if asked.all:
            (target / f"{asked.services}.html").write_bytes(file.read_bytes())
        for picture, width, height, dark in pictures:
            shoot(file, str(target / f"{picture}.png"), width, height, dark=dark)


if __name__ == "__main__":
    main()
