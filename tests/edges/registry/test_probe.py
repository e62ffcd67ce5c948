"""Whether a registry lets the bot in, and as whom: no secret is part of what is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.facts import Served
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpx


HUB = ImageName.parse("nginx")
DIGEST = f"sha256:{'a' * 64}"
MANIFEST = {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": DIGEST}
TAGS = reply(200, '{"name": "library/nginx", "tags": ["1"]}')


def served(script: Script, pin: Pin, environ: Mapping[str, str] | None = None) -> Served:
    return Registry({}, environ or {}, StillClock(), transport=script).served(HUB, pin)


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"ratelimit-remaining": "76;w=21600"}, 76),
        ({"ratelimit-remaining": "0;w=21600"}, 0),
        ({"ratelimit-remaining": "5"}, 5),
        ({"ratelimit-remaining": "many"}, None),
        ({}, None),
    ],
)
def test_docker_hub_tells_how_many_pulls_are_left(headers: dict[str, str], left: int | None) -> None:
    script = Script(reply(200, "", MANIFEST | headers), TAGS)
    assert served(script, Pin("1")) == Served("anonymously: no credentials found for docker.io", True, left)
    assert script.lines == [
        "HEAD https://registry-1.docker.io/v2/library/nginx/manifests/1",
        "GET https://registry-1.docker.io/v2/library/nginx/tags/list?n=1",
    ]


def test_a_failing_registry_is_asked_as_often_as_is_said() -> None:
    script = Script(reply(503))
    with pytest.raises(RegistryError):
        Registry({}, {}, StillClock(), attempts=2, transport=script).served(HUB, Pin("1"))
    assert len(script.lines) == 2


@pytest.mark.parametrize(
    ("pin", "first", "present", "asked"),
    [
        pytest.param(Pin("1", DIGEST), reply(404), False, ["HEAD", "GET"], id="a digest that is gone"),
        pytest.param(Pin("1"), reply(200, "", MANIFEST), True, ["HEAD", "GET"], id="a tag"),
        pytest.param(Pin(), TAGS, True, ["GET"], id="no pin"),
    ],
)
def test_what_is_pinned_is_asked_for_and_may_be_gone(
    pin: Pin, first: httpx.Response, present: bool, asked: list[str]
) -> None:
    script = Script(first, TAGS)
    assert served(script, pin).present is present
    assert [line.split()[0] for line in script.lines] == asked
    assert script.lines[0].endswith(f"/manifests/{pin.digest or pin.tag}" if pin != Pin() else "tags/list?n=1")


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": "YWRhOmh1bnRlcjI="}, "with the user name and password from"),
        ({"identitytoken": "hunter2"}, "with the identity token from"),
        ({"registrytoken": "hunter2"}, "with the registry token from"),
    ],
)
def test_a_login_is_told_by_where_it_is_from(tmp_path: Path, entry: dict[str, str], login: str) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {"docker.io": entry}}))
    found = served(Script(TAGS), Pin(), {"DOCKER_CONFIG": str(tmp_path)})
    assert found.login == f"{login} {config}"
