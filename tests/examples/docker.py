"""What stands in for `docker` on PATH. No engine is at hand: it does to the registry what an engine would have done.

It knows the very commands that the examples use, and refuses any other.
"""

from __future__ import annotations

import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

from tests.counterparts.registry import INDEX, MANIFEST, DockerRegistry


def main(arguments: list[str]) -> int:
    match arguments:
        case ["login", "--username", str(user), "--password-stdin", _] if user:
            return 0 if sys.stdin.read().strip() else 1
        case ["buildx", "build", "--push", "--tag", reference, "."]:
            registry, repository, tag = _parts(reference)
            registry.push(repository, tag)
        case ["buildx", "imagetools", "create", "--tag", new, old]:
            body, kind, _ = _manifest(old)
            registry, repository, tag = _parts(new)
            registry.put(repository, tag, body, kind)
        case ["buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", reference]:
            sys.stdout.write(f"{_manifest(reference)[2]}\n")
        case ["run", "--rm", "--read-only", "--tmpfs", "/tmp", "--env", "GITHUB_TOKEN", image, *rest]:  # noqa: S108 - as docker is told
            assert image.startswith("ghcr.io/acme/gitops-bot:")
            return subprocess.call([sys.executable, "-P", "-m", "gitops_bot", *rest])
        case _:
            sys.stderr.write(f"the stand-in for docker does not know {arguments}\n")
            return 64
    return 0


def _parts(reference: str) -> tuple[DockerRegistry, str, str]:
    name, _, tag = reference.rpartition(":")
    host, _, repository = name.partition("/")
    return DockerRegistry(host, Path()), repository, tag


def _manifest(reference: str) -> tuple[bytes, str, str]:
    """The bytes, the media type and the digest of an image."""
    registry, repository, tag = _parts(reference)
    connection = HTTPConnection(registry.host, timeout=30)
    connection.request("GET", f"/v2/{repository}/manifests/{tag}", headers={"Accept": f"{MANIFEST}, {INDEX}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"ERROR: {reference}: not found")
    return body, answer.headers["Content-Type"], answer.headers["Docker-Content-Digest"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
