from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.patience import ATTEMPTS
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from tests.conftest import program
from tests.counterparts import token_server as tokens
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import INDEX, PASSWORD, USER, DockerRegistry, docker_registry
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.counterparts.broken import Answer
    from tests.counterparts.token_server import TokenServer

PLATFORMS = ("linux/amd64", "linux/arm64")


def opened(
    environ: Mapping[str, str] | None = None, clock: StillClock | None = None, **access: RegistryAccess
) -> Registry:
    named = {name.replace("_", "."): each for name, each in access.items()}
    return Registry(named, environ or {}, clock or StillClock())


@pytest.fixture(scope="module")
def by_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with docker_registry(tmp_path_factory.mktemp("registry"), password=True) as server:
        server.push("acme/web", "v1")
        yield server


@pytest.fixture(scope="module")
def by_token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with (
        tokens.token_server() as token_server,
        docker_registry(tmp_path_factory.mktemp("registry"), token_server=token_server) as server,
    ):
        for repository in ("acme/web", "acme/api", "public/web", "public/api"):
            server.push(repository, "v1")
        yield server


def skopeo(*arguments: str) -> str:
    command = [program("skopeo"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# --- a real registry ---


def test_tags_and_digests_are_those_that_skopeo_sees(registry: DockerRegistry) -> None:
    pushed = registry.push_all("oracle/web", ["v1.0.0", "v1.1.0", "latest", "0123", "_x"])
    pushed["multi"] = registry.push("oracle/web", "multi", platforms=PLATFORMS)
    image = ImageName(registry.host, "oracle/web")
    with opened() as ours:
        tags = ours.tags(image)
        digests = {tag: ours.digest(image, tag) for tag in tags}
    place = f"docker://{registry.host}/oracle/web"
    assert sorted(tags) == sorted(json.loads(skopeo("list-tags", "--tls-verify=false", place))["Tags"])
    for tag, digest in digests.items():
        assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", f"{place}:{tag}").strip() == digest
    assert digests == pushed


def test_an_image_of_two_platforms_has_the_digest_of_its_index(registry: DockerRegistry) -> None:
    digest = registry.push("platforms/web", "v1", platforms=PLATFORMS)
    with opened() as ours:
        assert ours.digest(ImageName(registry.host, "platforms/web"), "v1") == digest


def test_an_image_costs_two_requests(registry: DockerRegistry) -> None:
    registry.push_all("count/web", [f"v1.{number}.0" for number in range(30)])
    image = ImageName(registry.host, "count/web")
    with registry.counting() as seen, opened() as ours:
        ours.tags(image)
        ours.digest(image, "v1.29.0")
    assert seen == ["GET /v2/count/web/tags/list?n=1000 200", "HEAD /v2/count/web/manifests/v1.29.0 200"]


def test_more_tags_than_a_page_and_exactly_a_page(registry: DockerRegistry) -> None:
    image = ImageName(registry.host, "large/web")
    tags = registry.push_all("large/web", [f"v{number:04d}" for number in range(1000)], content="the same")
    with registry.counting() as seen, opened() as ours:
        assert set(ours.tags(image)) == set(tags)
    assert len(seen) == 2
    registry.push("large/web", "v1000", "the same")
    with registry.counting() as seen, opened() as ours:
        assert len(ours.tags(image)) == 1001
    assert len(seen) == 1


def test_a_repository_that_does_not_exist(registry: DockerRegistry) -> None:
    with opened() as ours, pytest.raises(RegistryError) as failure:
        ours.tags(ImageName(registry.host, "no/such"))
    assert failure.value.status == 404
    assert failure.value.problem.code == "failed.registry"
    assert failure.value.problem.message == (
        f"{registry.host}/no/such: {registry.host} answered 404 Not Found: it has no such repository, or hides it "
        "(NAME_UNKNOWN: repository name not known to registry)"
    )
    assert failure.value.no_repository
    assert failure.value.problem.next.startswith("No credentials found for")


def test_a_tag_that_does_not_exist(registry: DockerRegistry) -> None:
    registry.push("gone/web", "v1")
    with (
        opened() as ours,
        pytest.raises(
            RegistryError, match=r"404 Not Found to the request for the tag v2 \(MANIFEST_UNKNOWN"
        ) as failure,
    ):
        ours.digest(ImageName(registry.host, "gone/web"), "v2")
    assert failure.value.status == 404


def test_a_deleted_tag_is_gone(registry: DockerRegistry) -> None:
    digest = registry.push("deleted/web", "v1")
    registry.push("deleted/web", "v2")
    registry.delete("deleted/web", digest)
    with opened() as ours:
        assert ours.tags(ImageName(registry.host, "deleted/web")) == ("v2",)


def test_an_index_that_is_pushed_as_bytes_keeps_its_bytes(registry: DockerRegistry) -> None:
    body = b'{"schemaVersion":2,"mediaType":"%s","manifests":[]}\n' % INDEX.encode()
    digest = registry.put("bytes/web", "v1", body, INDEX)
    with opened() as ours:
        assert ours.digest(ImageName(registry.host, "bytes/web"), "v1") == digest


@pytest.mark.parametrize("tag", ["", "../v1", "v1?x", "a/b", "v1\n", "sha256:" + "0" * 64])
def test_what_is_no_tag_is_not_asked_for(registry: DockerRegistry, tag: str) -> None:
    with registry.counting() as seen, opened() as ours, pytest.raises(RegistryError, match="is not a tag"):
        ours.digest(ImageName(registry.host, "web"), tag)
    assert seen == []


# --- with a password ---


def test_a_password_of_the_configuration(by_password: DockerRegistry) -> None:
    image = ImageName(by_password.host, "acme/web")
    access = {by_password.host: RegistryAccess(username=USER, password_env="REGISTRY_PASSWORD")}
    with by_password.counting() as seen, Registry(access, {"REGISTRY_PASSWORD": PASSWORD}, StillClock()) as ours:
        assert ours.tags(image) == ("v1",)
        ours.digest(image, "v1")
    assert [line.rpartition(" ")[2] for line in seen] == ["401", "200", "200"]


def test_a_password_of_docker_login(by_password: DockerRegistry, tmp_path: Path) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {by_password.host: {"auth": auth}}}))
    with opened({"DOCKER_CONFIG": str(tmp_path)}) as ours:
        assert ours.tags(ImageName(by_password.host, "acme/web")) == ("v1",)


def test_a_password_of_a_credential_helper(by_password: DockerRegistry, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {by_password.host: "test"}}))
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"""#!/bin/sh\necho '{{"Username": "{USER}", "Secret": "{PASSWORD}"}}'\n""")
    helper.chmod(0o755)
    with opened({"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"}) as ours:
        assert ours.tags(ImageName(by_password.host, "acme/web")) == ("v1",)


def test_no_password(by_password: DockerRegistry) -> None:
    with by_password.counting() as seen, opened() as ours, pytest.raises(RegistryError) as failure:
        ours.tags(ImageName(by_password.host, "acme/web"))
    assert failure.value.problem.code == "failed.auth"
    assert failure.value.status == 401
    assert "(UNAUTHORIZED: authentication required)" in failure.value.problem.message
    assert failure.value.problem.next.startswith(f"No credentials found for {by_password.host}; log in with `docker")
    assert len(seen) == 1


def test_the_wrong_password(by_password: DockerRegistry) -> None:
    access = {by_password.host: RegistryAccess(username=USER, password_env="REGISTRY_PASSWORD")}
    with (
        by_password.counting() as seen,
        Registry(access, {"REGISTRY_PASSWORD": "wrong horse"}, StillClock()) as ours,
        pytest.raises(RegistryError) as failure,
    ):
        ours.tags(ImageName(by_password.host, "acme/web"))
    assert failure.value.problem.code == "failed.auth"
    assert "credentials from the environment variable REGISTRY_PASSWORD were sent" in failure.value.problem.next
    assert "wrong horse" not in str(failure.value)
    assert len(seen) == 2


def test_a_password_that_is_not_set_is_an_error_before_any_request(by_password: DockerRegistry) -> None:
    access = {by_password.host: RegistryAccess(username=USER, password_env="REGISTRY_PASSWORD")}
    with (
        by_password.counting() as seen,
        Registry(access, {}, StillClock()) as ours,
        pytest.raises(RegistryError, match="REGISTRY_PASSWORD, which is not set") as failure,
    ):
        ours.tags(ImageName(by_password.host, "acme/web"))
    assert failure.value.problem.code == "failed.auth"
    assert seen == []


# --- with a token ---


def asked(server: DockerRegistry) -> TokenServer:
    assert server.token_server is not None
    server.token_server.asked.clear()
    return server.token_server


def test_public_images_are_read_with_a_token_for_nobody(by_token: DockerRegistry) -> None:
    token_server = asked(by_token)
    image = ImageName(by_token.host, "public/web")
    with by_token.counting() as seen, opened() as ours:
        assert ours.tags(image) == ("v1",)
        ours.digest(image, "v1")
    assert [line.rpartition(" ")[2] for line in seen] == ["401", "200", "200"]
    assert token_server.asked == ["GET repository:public/web:pull anonymous"]


def test_the_second_repository_goes_to_the_token_server_at_once(by_token: DockerRegistry) -> None:
    token_server = asked(by_token)
    with by_token.counting() as seen, opened() as ours:
        for path in ("public/web", "public/api"):
            ours.tags(ImageName(by_token.host, path))
    assert [line.rpartition(" ")[2] for line in seen] == ["401", "200", "200"]
    assert token_server.asked == [f"GET repository:public/{name}:pull anonymous" for name in ("web", "api")]


def test_private_images_are_read_with_a_token_for_the_password(by_token: DockerRegistry) -> None:
    token_server = asked(by_token)
    access = {by_token.host: RegistryAccess(username=tokens.USER, password_env="REGISTRY_PASSWORD")}
    with Registry(access, {"REGISTRY_PASSWORD": tokens.PASSWORD}, StillClock()) as ours:
        assert ours.tags(ImageName(by_token.host, "acme/web")) == ("v1",)
    assert token_server.asked == ["GET repository:acme/web:pull ada"]


@pytest.mark.parametrize(("oauth", "requests"), [(True, ["POST"]), (False, ["GET"])])
def test_private_images_are_read_with_an_identity_token(
    by_token: DockerRegistry, tmp_path: Path, oauth: bool, requests: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token_server = asked(by_token)
    monkeypatch.setattr(token_server, "oauth", oauth)
    entry = {"auth": base64.b64encode(b"ada:").decode(), "identitytoken": tokens.IDENTITY}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {by_token.host: entry}}))
    with opened({"DOCKER_CONFIG": str(tmp_path)}) as ours:
        assert ours.tags(ImageName(by_token.host, "acme/web")) == ("v1",)
    assert [line.partition(" ")[0] for line in token_server.asked] == requests


def test_a_private_image_without_a_password_is_not_asked_for_again_and_again(by_token: DockerRegistry) -> None:
    token_server = asked(by_token)
    with by_token.counting() as seen, opened() as ours, pytest.raises(RegistryError) as failure:
        ours.tags(ImageName(by_token.host, "acme/web"))
    assert (failure.value.status, failure.value.problem.code) == (401, "failed.auth")
    assert len(seen) == 2
    assert token_server.asked == ["GET repository:acme/web:pull anonymous"]


def test_the_wrong_password_at_the_token_server(by_token: DockerRegistry) -> None:
    token_server = asked(by_token)
    access = {by_token.host: RegistryAccess(username=tokens.USER, password_env="REGISTRY_PASSWORD")}
    with (
        Registry(access, {"REGISTRY_PASSWORD": "wrong horse"}, StillClock()) as ours,
        pytest.raises(RegistryError, match=r"the token server 127\.0\.0\.1:\d+ answered 401 Unauthorized") as failure,
    ):
        ours.tags(ImageName(by_token.host, "acme/web"))
    assert "(UNAUTHORIZED: incorrect username or password)" in str(failure.value)
    assert failure.value.problem.code == "failed.auth"
    assert token_server.asked == ["GET repository:acme/web:pull stranger"]


def test_skopeo_is_let_in_by_the_same_token_server(by_token: DockerRegistry) -> None:
    place = f"docker://{by_token.host}/acme/web"
    listed = skopeo("list-tags", "--tls-verify=false", f"--creds={tokens.USER}:{tokens.PASSWORD}", place)
    assert json.loads(listed)["Tags"] == ["v1"]


# --- wrong answers, each with the words that the user reads ---

JSON = "Content-Type: application/json"
DENIED = b'{"errors": [{"code": "DENIED", "message": "requested access is \\u001b[31mdenied\\u202e"}]}'
TAGS = answer("200 OK", b'{"name": "acme/web", "tags": ["v1"]}', JSON)

WRONG: list[tuple[str, list[Answer], str, int | None, str, int]] = [
    (
        "401",
        [answer("401 Unauthorized", DENIED, JSON)],
        "failed.auth",
        401,
        "answered 401 Unauthorized to the request for the list of tags (DENIED: requested access is [31mdenied)",
        1,
    ),
    ("403", [answer("403 Forbidden", DENIED, JSON)], "failed.auth", 403, "answered 403 Forbidden", 1),
    ("404", [answer("404 Not Found")], "failed.registry", 404, "answered 404 Not Found", 1),
    (
        "500",
        [answer("500 Internal Server Error", b"oops")],
        "failed.registry",
        500,
        "answered 500 Internal Server Error",
        ATTEMPTS,
    ),
    (
        "429 for ever",
        [answer("429 Too Many Requests", b"", "Retry-After: 1")],
        "failed.registry",
        429,
        "answered 429 Too Many Requests",
        ATTEMPTS,
    ),
    (
        "429 for an hour",
        [answer("429 Too Many Requests", b"", "Retry-After: 3600")],
        "failed.registry",
        429,
        "answered 429 Too Many Requests",
        1,
    ),
    (
        "HTML with 200",
        [answer("200 OK", b"<html>Sign in</html>", "Content-Type: text/html; charset=utf-8")],
        "failed.registry",
        None,
        "answered a web page where a list of tags was expected",
        1,
    ),
    ("an empty answer", [answer("200 OK", b"", JSON)], "failed.registry", None, "answered nothing where", 1),
    (
        "a body that is cut off",
        [answer("200 OK", b'{"tags": ["v1"', JSON, length=100)],
        "failed.registry",
        None,
        "closed the connection",
        ATTEMPTS,
    ),
    ("a dropped connection", [b""], "failed.registry", None, "closed the connection", ATTEMPTS),
    (
        "a redirect into a private network",
        [answer("302 Found", b"", "Location: http://10.0.0.1/")],
        "failed.registry",
        302,
        "redirects to an address without encryption, 'http://10.0.0.1'",
        1,
    ),
    (
        "a redirect in a circle",
        [answer("302 Found", b"", "Location: /v2/again")],
        "failed.registry",
        302,
        "redirects more than 5 times",
        6,
    ),
    (
        "a Link in a circle",
        [answer("200 OK", b'{"tags": ["v1"]}', JSON, 'Link: </v2/x?last=v1>; rel="next"')],
        "failed.registry",
        None,
        "paginates its list of tags in a circle",
        2,
    ),
    (
        "a Link to another host",
        [answer("200 OK", b'{"tags": ["v1"]}', JSON, 'Link: <http://127.0.0.1:9/>; rel="next"')],
        "failed.registry",
        None,
        "continues its list of tags at another host",
        1,
    ),
    (
        "a huge answer",
        [answer("200 OK", b"[", JSON, length=10**9)],
        "failed.registry",
        None,
        "more than the 16777216 bytes",
        2,
    ),
    (
        "a bomb",
        [answer("200 OK", b"\x1f\x8b\x08", JSON, "Content-Encoding: gzip")],
        "failed.registry",
        None,
        "with the encoding 'gzip' although none was requested",
        1,
    ),
]


@pytest.mark.parametrize(
    ("answers", "code", "status", "words", "requests"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_answer_is_an_error_in_words(
    answers: Sequence[Answer], code: str, status: int | None, words: str, requests: int
) -> None:
    with broken_server(answers) as server, opened() as ours, pytest.raises(RegistryError) as failure:
        ours.tags(ImageName(server.host, "acme/web"))
    problem = failure.value.problem
    assert problem.message.startswith(f"{server.host}/acme/web: ")
    assert words in problem.message
    assert problem.message.isprintable()
    assert problem.next
    assert (problem.code, failure.value.status) == (code, status)
    assert len(server.heads) == requests


RIGHT: list[tuple[str, list[Answer], int]] = [
    ("429 then 200", [answer("429 Too Many Requests", b"", "Retry-After: 7"), TAGS], 2),
    ("500 then 200", [answer("500 Internal Server Error"), TAGS], 2),
    ("a dropped connection, then 200", [b"", TAGS], 2),
    ("a body that is cut off, then 200", [answer("200 OK", b'{"tags": ["v', JSON, length=100), TAGS], 2),
    ("405 for the size of the page, then 200", [answer("405 Method Not Allowed"), TAGS], 2),
    ("a redirect on the same host", [answer("307 Temporary Redirect", b"", "Location: /elsewhere"), TAGS], 2),
    ("text/plain", [answer("200 OK", b'{"tags": ["v1"]}', "Content-Type: text/plain; charset=utf-8")], 1),
    ("chunks", [b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"tags": ["v1"]}\r\n0\r\n\r\n'], 1),
    ("HTTP/1.0 until the end", [b'HTTP/1.0 200 OK\r\n\r\n{"tags": ["v1"]}'], 1),
]


@pytest.mark.parametrize(("answers", "requests"), [row[1:] for row in RIGHT], ids=[row[0] for row in RIGHT])
def test_a_way_around_is_found(answers: Sequence[Answer], requests: int) -> None:
    with broken_server(answers) as server, opened() as ours:
        assert ours.tags(ImageName(server.host, "acme/web")) == ("v1",)
    assert len(server.heads) == requests


def test_credentials_stay_with_their_host_when_a_redirect_leads_to_another() -> None:
    with broken_server([TAGS]) as other:
        challenge = answer("401 Unauthorized", b"", 'WWW-Authenticate: Basic realm="r"')
        away = answer("307 Temporary Redirect", b"", f"Location: http://{other.host}/tags")
        with broken_server([challenge, away]) as server:
            access = {server.host: RegistryAccess(username="ada", password_env="P")}
            with Registry(access, {"P": "hunter2"}, StillClock()) as ours:
                assert ours.tags(ImageName(server.host, "acme/web")) == ("v1",)
    assert "authorization: basic" in server.heads[1].lower()
    assert "authorization" not in other.heads[0].lower()


def test_waits_are_the_clocks() -> None:
    clock = StillClock()
    limited = answer("429 Too Many Requests", b"", "Retry-After: 7")
    with broken_server([limited, TAGS]) as server, opened(clock=clock) as ours:
        ours.tags(ImageName(server.host, "acme/web"))
    assert 7 <= sum(clock.slept) <= 8.5


# --- what no real registry here can show ---


def test_docker_hub_is_asked_where_its_api_is() -> None:
    script = Script(reply(200, '{"tags": ["1.27"]}'))
    with Registry({}, {}, StillClock(), transport=script) as ours:
        assert ours.tags(ImageName.parse("nginx")) == ("1.27",)
    assert script.lines == ["GET https://registry-1.docker.io/v2/library/nginx/tags/list?n=1000"]


def test_docker_hubs_rate_is_that_of_its_name() -> None:
    clock = StillClock()
    script = Script(reply(200, '{"tags": []}'))
    with Registry({"docker.io": RegistryAccess(rate=2)}, {}, clock, transport=script) as ours:
        for name in ("nginx", "redis", "postgres"):
            ours.tags(ImageName.parse(name))
    assert clock.slept == [pytest.approx(0.5)] * 2


def test_github_is_asked_by_nobody_where_nothing_is_configured() -> None:
    tags = reply(200, '{"tags": ["v1"]}')
    challenge = {
        "WWW-Authenticate": 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'
    }
    script = Script(reply(401, headers=challenge), reply(200, '{"token": "t"}'), tags)
    with Registry({}, {"GITHUB_TOKEN": "forge"}, StillClock(), transport=script) as ours:
        assert ours.tags(ImageName("ghcr.io", "acme/web")) == ("v1",)
    assert script.lines == [
        "GET https://ghcr.io/v2/acme/web/tags/list?n=1000",
        "GET https://ghcr.io/token?service=ghcr.io&scope=repository%3Aacme%2Fweb%3Apull",
        "GET https://ghcr.io/v2/acme/web/tags/list?n=1000",
    ]
    assert script.shown == [None, None, "Bearer t"]


def test_plain_http_is_for_loopback_and_where_it_is_configured() -> None:
    script = Script(reply(200, '{"tags": []}'))
    access = {"registry.lan:5000": RegistryAccess(plain_http=True)}
    with Registry(access, {}, StillClock(), transport=script) as ours:
        for host in ("registry.lan:5000", "other.lan:5000", "localhost:5000"):
            ours.tags(ImageName(host, "web"))
    assert [line.partition("/v2/")[0] for line in script.lines] == [
        "GET http://registry.lan:5000",
        "GET https://other.lan:5000",
        "GET http://localhost:5000",
    ]


def test_a_failing_image_leaves_the_others_alone(registry: DockerRegistry) -> None:
    registry.push("alone/web", "v1")
    with opened() as ours:
        with pytest.raises(RegistryError):
            ours.tags(ImageName(registry.host, "alone/none"))
        assert ours.tags(ImageName(registry.host, "alone/web")) == ("v1",)


LED_ASTRAY: list[tuple[str, str, dict[str, str]]] = [
    ("a token server that only looks like junk", "a.test", {"WWW-Authenticate": 'Bearer realm="https://xn--a.b/"'}),
    ("a token server that is no address", "a.test", {"WWW-Authenticate": 'Bearer realm="https://999.1.1.1/"'}),
    ("a redirect that only looks like junk", "a.test", {"Location": "https://xn--a.b/"}),
    ("a redirect to no address", "a.test", {"Location": "https://[::::]/"}),
    ("a registry that only looks like junk", "xn--a.b", {}),
    ("a registry that is no address", "999.1.1.1", {}),
    ("a registry in brackets that is no address", "[::::]", {}),
]


@pytest.mark.parametrize(("registry", "headers"), [row[1:] for row in LED_ASTRAY], ids=[row[0] for row in LED_ASTRAY])
def test_no_name_of_a_host_ends_more_than_its_image(registry: str, headers: Mapping[str, str]) -> None:
    first = reply(307 if "Location" in headers else 401, headers=headers)
    script = Script(first, httpx.ConnectError("refused"))
    with Registry({registry: RegistryAccess(rate=2)}, {}, StillClock(), transport=script) as ours:
        with pytest.raises(RegistryError) as failure:
            ours.tags(ImageName(registry, "web"))
        with pytest.raises(RegistryError):
            ours.digest(ImageName(registry, "web"), "v1")
    assert f"{registry}/web: " in failure.value.problem.message


def test_a_next_page_that_is_too_long_to_be_asked_for_is_an_error_in_words() -> None:
    link = "</?" + "\N{ROCKET}" * 5450 + '>; rel="next"'  # short enough only without the repository
    page = httpx.Response(200, headers={"Link": link.encode()}, stream=httpx.ByteStream(b'{"tags": ["v1"]}'))
    with (
        Registry({}, {}, StillClock(), transport=Script(page)) as ours,
        pytest.raises(RegistryError, match="leads to an address that is not supported"),
    ):
        ours.tags(ImageName("a.test", "web" * 80))
