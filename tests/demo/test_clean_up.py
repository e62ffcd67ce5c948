"""A clean-up of the embedded registry, as GHCR's of untagged versions: it deletes the images that an index names."""

from __future__ import annotations

import json
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest

from gitops_bot.demo.site import REPOSITORY, begun
from tests.commands.stages import actions, config, environment, path
from tests.counterparts.world import overlay, run

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.demo.site import Site


def ask(site: Site, method: str, reference: str) -> bytes:
    """Ask the registry for a manifest of `acme/web`, or delete it."""
    with closing(HTTPConnection(site.registry.host, timeout=30)) as connection:
        connection.request(method, f"/v2/acme/web/manifests/{reference}")
        return connection.getresponse().read()


@pytest.mark.parametrize(
    ("production", "command"),
    [
        ("policy: releases", ("update", "production")),
        ("promote_from: staging", ("update", "production")),
        ("", ("promote", "staging", "production")),
    ],
    ids=["update", "promotion", "promotion by hand"],
)
def test_a_tag_whose_images_were_cleaned_up_is_not_proposed(
    tmp_path: Path, production: str, command: tuple[str, ...]
) -> None:
    with begun(tmp_path) as site:
        pins = {tag: f"newTag: {tag}; digest: {site.push('web', tag)}" for tag in ("v1.0.0", "v1.1.0")}
        image = f"{site.registry.host}/acme/web"
        files = {
            "gitops-bot.yaml": config(production),
            path("web", "staging"): overlay([(image, pins["v1.1.0"])]),
            path("web", "production"): overlay([(image, pins["v1.0.0"])]),
        }
        site.forge.create(REPOSITORY, files)
        children = [each["digest"] for each in json.loads(ask(site, "GET", "v1.1.0"))["manifests"]]
        ask(site, "DELETE", children[1])
        words = (*command, "--repository", REPOSITORY, "--output", "json")
        done = run(*words, cwd=tmp_path, env=site.environment)
        (held,) = environment(done.json)["held"]
        assert (done.code, actions(done.json), held["reason"]["code"]) == (0, {}, "held.platforms")
        assert "has lost linux/arm64 of v1.1.0@sha256:" in held["reason"]["text"]
