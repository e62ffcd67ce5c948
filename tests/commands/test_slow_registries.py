"""Registries on real sockets that never come to an end, beside good ones."""

from __future__ import annotations

import json
from contextlib import ExitStack

from gitops_bot import targets
from gitops_bot.config import read as read_config
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.registry import Registry
from gitops_bot.releases.decisions import Change, Failed, Managed
from gitops_bot.releases.layout.read import Overlay
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.registry import MANIFEST
from tests.engine.polled import polled

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
JSON = "Content-Type: application/json"
TAGS = answer("200 OK", b'{"tags": ["1.0.0", "1.1.0"]}', JSON)
CONFIG = """\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments: {production: {overlays: ["*"], policy: releases, pin: tag}}
"""


def entries(*images: str) -> list[Managed]:
    """Entries of one overlay, at 1.0.0."""
    text = "images:\n" + "".join(
        f"- name: app{at}\n  newName: {name}\n  newTag: 1.0.0\n" for at, name in enumerate(images)
    )
    config = read_config(CONFIG, "gitops-bot.yaml")
    pin_file = targets.read(text.encode(), "web/kustomization.yaml")
    return list(Overlay.of("production", "web", pin_file, config.environments["production"].rules).entries)


def good_image(head: str) -> bytes:
    """The tags of a repository, and the manifest of each."""
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {"mediaType": CONFIG_TYPE}}).encode()
    return answer("200 OK", manifest, f"Content-Type: {MANIFEST}") if "/manifests/" in head else TAGS


def one_more_page(head: str) -> bytes:
    """A page whose number is one more than that of the page before; a tag of its own stands on it."""
    last = head.partition("last=t")[2].partition(" ")[0]
    number = int(last) + 1 if last else 1
    return answer("200 OK", b'{"tags": ["0.%d.0"]}' % number, JSON, f'Link: </v2/x?last=t{number}>; rel="next"')


def test_lists_without_end_fail_alone_and_the_good_images_beside_them_are_chosen() -> None:
    with ExitStack() as stack:
        good = stack.enter_context(broken_server([good_image]))
        endless = [stack.enter_context(broken_server([one_more_page])) for _ in range(3)]
        names = [*(f"{server.host}/acme/app{at}" for server in endless for at in range(3)), f"{good.host}/acme/web"]
        registry = stack.enter_context(Registry({}, {}, Clock(), image_seconds=0.3))
        decisions = polled(registry, entries(*names))
    *slow, chosen = decisions
    assert [type(each) for each in slow] == [Failed] * 9
    assert all("s for this image" in each.problem.message for each in slow if isinstance(each, Failed))
    assert isinstance(chosen, Change)
    assert chosen.after.tag == "1.1.0"
