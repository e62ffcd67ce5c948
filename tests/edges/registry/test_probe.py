"""Whether a registry lets the bot in, and as whom: no secret is part of what is told."""

from __future__ import annotations

import base64
import json
import socket
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.facts import Served
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import PASSWORD, USER, docker_registry
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.registry import DockerRegistry

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


def test_what_is_pinned_by_digest_is_asked_for_by_digest_and_may_be_gone() -> None:
    script = Script(reply(404), TAGS)
    assert not served(script, Pin("1", DIGEST)).present
    assert script.lines[0].endswith(f"/manifests/{DIGEST}")


def test_without_a_pin_the_list_of_tags_is_enough() -> None:
    script = Script(TAGS)
    assert served(script, Pin()).present
    assert len(script.lines) == 1


def test_a_password_is_told_by_where_it_is_from(tmp_path: Path) -> None:
    with docker_registry(tmp_path / "registry", password=True) as private:
        private.push("acme/web", "1")
        image, pin = ImageName.parse(f"{private.host}/acme/web"), Pin("1")
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"auths": {private.host: {"auth": auth}}}))
        access = {private.host: RegistryAccess(USER, "THE_PASSWORD")}
        ways = {
            "the environment variable THE_PASSWORD": (access, {"THE_PASSWORD": PASSWORD}),
            str(config): ({}, {"DOCKER_CONFIG": str(tmp_path)}),
        }
        for source, (said, environ) in ways.items():
            with Registry(said, environ, Clock()) as registry:
                found = registry.served(image, pin)
            assert found == Served(f"with the user name and password from {source}", present=True)
        with Registry(access, {"THE_PASSWORD": "wrong horse"}, Clock()) as registry:
            with pytest.raises(RegistryError) as told:
                registry.served(image, pin)
            assert "the environment variable THE_PASSWORD were sent: they are wrong" in told.value.problem.next
            assert "wrong horse" not in str(told.value)


def test_it_only_reads(registry: DockerRegistry) -> None:
    registry.push("doctor/web", "1")
    image = ImageName.parse(f"{registry.host}/doctor/web")
    with registry.counting() as asked, Registry({}, {}, Clock()) as edge:
        assert edge.served(image, Pin("1")).present
    assert [line.split()[0] for line in asked] == ["HEAD", "GET"]


def test_a_registry_that_never_answers_is_given_up_after_the_seconds_that_it_is_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = ImageName.parse(f"127.0.0.1:{silent.getsockname()[1]}/acme/web")
        edge, late = Registry({}, {}, Clock(), seconds=0.2, attempts=1), r"took more than 0\.2 s"
        with edge, pytest.raises(RegistryError, match=late):
            edge.served(image, Pin("1"))


def test_a_failing_registry_is_asked_as_often_as_is_said() -> None:
    script = Script(reply(503))
    with pytest.raises(RegistryError):
        Registry({}, {}, StillClock(), attempts=2, transport=script).served(HUB, Pin("1"))
    assert len(script.lines) == 2


def test_a_credential_helper_is_given_up_in_time_too(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-slow"
    helper.write_text("#!/bin/sh\nexec sleep 60\n")
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credHelpers": {"docker.io": "slow"}}')
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin", "DOCKER_CONFIG": str(tmp_path)}
    registry = Registry({}, environ, Clock(), seconds=0.2, transport=Script(TAGS))
    with pytest.raises(RegistryError, match=r"did not answer within 0\.2 s"):
        registry.served(HUB, Pin("1"))
