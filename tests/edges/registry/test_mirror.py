"""Images that are read from a mirror of their registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.credentials import Basic, basic
from gitops_bot.edges.registry.host import location
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import MANIFEST
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    import httpx

NGINX = ImageName("docker.io", "library/nginx")
DIGEST = f"sha256:{'a' * 64}"

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


def test_everything_is_read_from_the_mirror_with_its_login_and_nothing_from_the_registry() -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="r", Bearer realm="https://mirror.test/token",service="s"'}
    tags, manifest = '{"name": "x", "tags": ["v1"]}', {"Docker-Content-Digest": DIGEST, "Content-Type": MANIFEST}

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return reply(200, '{"token": "t"}')
        if "Authorization" not in request.headers:
            return reply(401, "", challenge)
        return reply(200, "", manifest) if request.method == "HEAD" else reply(200, tags)

    script = Script(serve)
    access = {
        "docker.io": RegistryAccess("ada", "HUB", mirror="mirror.test/hub"),
        "mirror.test": RegistryAccess("ada", "MIRROR"),
    }
    with Registry(access, {"HUB": "of the hub", "MIRROR": "of the mirror"}, StillClock(), transport=script) as ours:
        assert ours.tags(NGINX) == ("v1",)
        assert ours.digest(NGINX, "v1") == DIGEST
        assert ours.served(NGINX, Pin("v1")).login.endswith("MIRROR, from the mirror mirror.test/hub")
    assert {request.url.host for request in script.requests} == {"mirror.test"}
    paths = {request.url.path for request in script.requests} - {"/token"}
    assert paths == {"/v2/hub/library/nginx/tags/list", "/v2/hub/library/nginx/manifests/v1"}
    assert script.requests[1].url.params["scope"] == "repository:hub/library/nginx:pull"
    assert script.shown[1] == basic(Basic("ada", "of the mirror"))


def test_a_mirror_that_fails_is_an_error_and_the_registry_is_not_asked_instead() -> None:
    script = Script(reply(401, "", {"WWW-Authenticate": 'Basic realm="r"'}))
    access = {"docker.io": RegistryAccess("ada", "HUB", mirror="mirror.test/hub")}
    with (
        Registry(access, {"HUB": "of the hub"}, StillClock(), transport=script) as ours,
        pytest.raises(RegistryError, match=r"^docker\.io/library/nginx: mirror\.test answered 401") as failed,
    ):
        ours.tags(NGINX)
    assert "docker login mirror.test" in failed.value.problem.next
    assert ({request.url.host for request in script.requests}, script.shown) == ({"mirror.test"}, [None])
