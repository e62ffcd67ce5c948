"""The world that the commands share, and the repository that most of them begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.counterparts.world import Deploy, overlay, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.counterparts.world import World

WEB, API = "apps/web/production/kustomization.yaml", "apps/api/production/kustomization.yaml"
CONFIG = b"""\
version: 1
policies:
  releases: {semver: ">=1.0.0"}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: releases
    propose: {as: pull-request, labels: [release, bot]}
"""


@pytest.fixture(scope="session")
def worldwide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def shop(worldwide: World) -> Deploy:
    """`web` and `api` in production, both at 1.0.0 by tag and digest; nothing newer is there."""
    return worldwide.deploy(shop_files)


def shop_files(deploy: Deploy) -> dict[str, bytes]:
    """Two overlays with every kind of byte that an editor may break, and files that nobody asked for."""
    web, api = (f"newTag: 1.0.0; digest: {deploy.push(name, '1.0.0')}" for name in ("web", "api"))
    return {
        "gitops-bot.yaml": CONFIG,
        WEB: overlay([(deploy.image("web"), web)]),
        API: b"\xef\xbb\xbf" + overlay([(deploy.image("api"), api)], end="\r\n"),
        "apps/web/base/kustomization.yaml": b"resources: [web.yaml]\n",
        ".gitattributes": b"* text=auto eol=crlf\n",
        "Gr\xc3\xbc\xc3\x9fe.txt".encode("latin-1").decode(): b"\xff\x00 no text\r\n",
    }


def pinned(before: bytes, *pins: tuple[str, str]) -> bytes:
    """A file with these texts replaced, each of which it holds exactly once."""
    for old, new in pins:
        assert before.count(old.encode()) == 1, old
        before = before.replace(old.encode(), new.encode())
    return before
