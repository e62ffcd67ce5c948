"""Images that are read from a mirror of their registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.host import location
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import PASSWORD, USER, docker_registry
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.registry import DockerRegistry

NGINX = ImageName("docker.io", "library/nginx")

PLACES = [
    ("a path", {"docker.io": RegistryAccess(mirror="registry.acme.io/hub")}, "registry.acme.io/hub/library/nginx"),
    ("deeper", {"docker.io": RegistryAccess(mirror="r.acme.io:5000/a/b")}, "r.acme.io:5000/a/b/library/nginx"),
    ("a whole host", {"docker.io": RegistryAccess(mirror="Mirror.gcr.io")}, "mirror.gcr.io/library/nginx"),
    ("of another registry", {"quay.io": RegistryAccess(mirror="registry.acme.io")}, "docker.io/library/nginx"),
    ("none", {"docker.io": RegistryAccess(rate=1)}, "docker.io/library/nginx"),
]


@pytest.mark.parametrize(("access", "expected"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_where_an_image_is_read(access: dict[str, RegistryAccess], expected: str) -> None:
    assert str(location(NGINX, access)) == expected


def test_everything_is_read_from_the_mirror_and_nothing_from_the_registry(registry: DockerRegistry) -> None:
    digest = registry.push("hub/library/nginx", "1.27.0")
    access = {"docker.io": RegistryAccess(mirror=f"{registry.host}/hub")}
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9"}  # a request to docker.io would fail
    with registry.counting() as seen, Registry(access, nowhere, StillClock()) as ours:
        assert ours.tags(NGINX) == ("1.27.0",)
        assert ours.digest(NGINX, "1.27.0") == digest
        assert ours.exists(NGINX, digest)
        assert ours.served(NGINX, Pin("1.27.0")).login.endswith(f", from the mirror {registry.host}/hub")
    assert {line.split()[1].partition("?")[0].rpartition("/")[0] for line in seen} == {
        "/v2/hub/library/nginx/tags",
        "/v2/hub/library/nginx/manifests",
    }


def test_the_login_is_that_of_the_mirror_and_never_that_of_the_registry(tmp_path: Path) -> None:
    with docker_registry(tmp_path, password=True) as mirror:
        mirror.push("hub/library/nginx", "v1")
        of_hub = RegistryAccess(USER, "HUB", mirror=f"{mirror.host}/hub")
        environ = {"HUB": "of the hub", "MIRROR": PASSWORD}
        with Registry({"docker.io": of_hub}, environ, StillClock()) as ours, pytest.raises(RegistryError) as refused:
            ours.tags(NGINX)
        (problem,) = refused.value.problems
        assert problem.message.startswith(f"docker.io/library/nginx: {mirror.host} answered 401")
        assert f"docker login {mirror.host}" in problem.next
        access = {"docker.io": of_hub, mirror.host: RegistryAccess(USER, "MIRROR")}
        with Registry(access, environ, StillClock()) as ours:
            assert ours.tags(NGINX) == ("v1",)


def test_a_mirror_that_fails_is_an_error_and_the_registry_is_not_asked_instead() -> None:
    script = Script(reply(404))
    access = {"docker.io": RegistryAccess(mirror="registry.acme.io/hub")}
    with Registry(access, {}, StillClock(), transport=script) as ours, pytest.raises(RegistryError) as failed:
        ours.tags(NGINX)
    assert "docker.io/library/nginx: registry.acme.io answered 404" in str(failed.value)
    assert {request.url.host for request in script.requests} == {"registry.acme.io"}


def test_the_scope_of_a_token_names_the_repository_of_the_mirror() -> None:
    way = {"WWW-Authenticate": 'Bearer realm="https://registry.acme.io/token",service="s"'}
    script = Script(reply(401, "", way), reply(200, '{"token": "t"}'), reply(200, '{"name": "x", "tags": ["v1"]}'))
    access = {"docker.io": RegistryAccess(mirror="registry.acme.io/hub")}
    with Registry(access, {}, StillClock(), transport=script) as ours:
        assert ours.tags(NGINX) == ("v1",)
    assert script.requests[1].url.params["scope"] == "repository:hub/library/nginx:pull"
