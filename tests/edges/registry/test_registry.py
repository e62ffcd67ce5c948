"""The edge as a whole: at a real registry, with a password, with tokens, and at servers that answer wrongly."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.facts import PackageApi, Served, Token, fixed
from gitops_bot.edges.patience import ATTEMPTS
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.credentials import Basic, basic
from gitops_bot.edges.registry.host import Host, location
from gitops_bot.edges.registry.lists import FiledTags
from gitops_bot.errors import ForgeError, Problem, RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.conftest import program
from tests.counterparts import token_server as tokens
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.registry import MANIFEST, USER, DockerRegistry, docker_registry
from tests.counterparts.script import Script, reply
from tests.tables import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.counterparts.broken import Answer

DIGEST = f"sha256:{'0' * 64}"


def opened(environ: Mapping[str, str] | None = None, **access: RegistryAccess) -> Registry:
    return Registry(access, environ or {}, StillClock())


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
        for repository in ("acme/web", "public/web", "public/api"):
            server.push(repository, "v1")
        yield server


def skopeo(*arguments: str) -> str:
    command = [program("skopeo"), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


# --- a real registry ---


def test_tags_and_digests_are_those_that_skopeo_sees(registry: DockerRegistry) -> None:
    pushed = registry.push_all("oracle/web", ["v1.0.0", "latest", "0123", "_x"])
    pushed["multi"] = registry.push("oracle/web", "multi", platforms=("linux/amd64", "linux/arm64"))
    image = ImageName(registry.host, "oracle/web")
    with opened() as ours:
        tags = ours.tags(image)
        digests = {tag: ours.digest(image, tag) for tag in tags}
    place = f"docker://{registry.host}/oracle/web"
    assert sorted(tags) == sorted(json.loads(skopeo("list-tags", "--tls-verify=false", place))["Tags"])
    for tag in ("v1.0.0", "multi"):
        assert skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", f"{place}:{tag}").strip() == digests[tag]
    assert digests == pushed


def test_what_a_registry_does_not_have_is_told_of_and_ends_nothing_else(registry: DockerRegistry) -> None:
    registry.push("gone/web", "v1")
    image = ImageName(registry.host, "gone/web")
    with opened() as ours:
        with pytest.raises(RegistryError, match=r"404 Not Found: it has no such repository, or hides it \(") as failure:
            ours.tags(ImageName(registry.host, "no/such"))
        assert (failure.value.status, failure.value.no_repository, failure.value.no_manifest) == (404, True, False)
        with pytest.raises(RegistryError, match=r"404 Not Found to the request for the tag v2 \(MANIFEST") as failure:
            ours.digest(image, "v2")
        assert (failure.value.status, failure.value.no_repository, failure.value.no_manifest) == (404, False, True)
        assert ours.tags(image) == ("v1",)


@pytest.mark.parametrize("tag", ["", "../v1", "v1?x", "a/b", "v1\n", DIGEST])
def test_what_is_no_tag_is_not_asked_for(tag: str) -> None:
    with opened() as ours, pytest.raises(RegistryError, match="is not a tag"):
        ours.digest(ImageName("registry.test", "web"), tag)


@pytest.mark.parametrize("digest", ["", "latest", "sha256:abc", f"{DIGEST}/../../tags", f"{DIGEST}\n"])
def test_what_is_no_digest_is_never_asked_for(digest: str) -> None:
    with opened() as ours:
        for question in (ours.exists, ours.manifest, ours.referrers, ours.describe):
            with pytest.raises(RegistryError, match="is not a digest"):
                question(ImageName("registry.test", "web"), digest)


# --- with a password, and with a token ---


@rows("password requests words", {
    "none": (None, 1, "No credentials found for {host}; log in with `docker login"),
    "a wrong one": ("wrong horse", 2, "The credentials from the environment variable P were sent"),
})  # fmt: skip
def test_without_the_right_password_the_error_says_what_was_sent(
    by_password: DockerRegistry, password: str | None, requests: int, words: str
) -> None:
    access = {by_password.host: RegistryAccess(username=USER, password_env="P")} if password else {}
    with (
        by_password.counting() as seen,
        Registry(access, {"P": password or ""}, StillClock()) as ours,
        pytest.raises(RegistryError, match=r"\(UNAUTHORIZED: authentication required\)") as failure,
    ):
        ours.tags(ImageName(by_password.host, "acme/web"))
    assert (failure.value.status, failure.value.problem.code) == (401, "failed.auth")
    assert failure.value.problem.next.startswith(words.format(host=by_password.host))
    assert "wrong horse" not in str(failure.value)
    assert len(seen) == requests


def test_public_images_are_read_with_a_token_for_nobody_the_second_at_once(by_token: DockerRegistry) -> None:
    assert by_token.token_server is not None
    by_token.token_server.asked.clear()
    with by_token.counting() as seen, opened() as ours:
        for path in ("public/web", "public/api"):
            assert ours.tags(ImageName(by_token.host, path)) == ("v1",)
    assert [line.rpartition(" ")[2] for line in seen] == ["401", "200", "200"]
    assert by_token.token_server.asked == [f"GET repository:public/{name}:pull anonymous" for name in ("web", "api")]


@rows("password who words", {
    "a password": (tokens.PASSWORD, "ada", None),
    "nothing": ("", "anonymous", "401"),
    "a wrong one": (
        "wrong horse", "stranger",
        r"the token server 127\.0\.0\.1:\d+ answered 401 .*\(UNAUTHORIZED: incorrect username or",
    ),
})  # fmt: skip
def test_private_images_are_read_with_a_token_for_the_password(
    by_token: DockerRegistry, password: str, who: str, words: str | None
) -> None:
    assert by_token.token_server is not None
    by_token.token_server.asked.clear()
    access = {by_token.host: RegistryAccess(username=tokens.USER, password_env="P")} if password else {}
    image = ImageName(by_token.host, "acme/web")
    with Registry(access, {"P": password}, StillClock()) as ours:
        if words is None:
            assert ours.tags(image) == ("v1",)
        else:
            with pytest.raises(RegistryError, match=words) as failure:
                ours.tags(image)
            assert (failure.value.status, failure.value.problem.code) == (401, "failed.auth")
    assert by_token.token_server.asked == [f"GET repository:acme/web:pull {who}"]


# --- wrong answers, each with the words that the user reads ---

JSON = "Content-Type: application/json"
DENIED = b'{"errors": [{"code": "DENIED", "message": "requested access is \\u001b[31mdenied\\u202e"}]}'
LINK = b'{"tags": ["v1"]}'

WRONG: dict[str, tuple[Answer, str, int | None, str, int]] = {
    "401": (
        answer("401 Unauthorized", DENIED, JSON), "failed.auth", 401,
        "answered 401 Unauthorized to the request for the list of tags (DENIED: requested access is [31mdenied)", 1,
    ),
    "404": (answer("404 Not Found"), "failed.registry", 404, "answered 404 Not Found", 1),
    "500": (answer("500 Oops", b"oops"), "failed.registry", 500, "answered 500 Internal Server Error", ATTEMPTS),
    "429 for an hour": (
        answer("429 Wait", b"", "Retry-After: 3600"), "failed.registry", 429, "answered 429 Too Many Requests", 1,
    ),
    "HTML with 200": (
        answer("200 OK", b"<html>Sign in</html>", "Content-Type: text/html; charset=utf-8"), "failed.registry", None,
        "answered a web page where a list of tags was expected", 1,
    ),
    "a dropped connection": (b"", "failed.registry", None, "closed the connection", ATTEMPTS),
    "a redirect into a private network": (
        answer("302 Found", b"", "Location: http://10.0.0.1/"), "failed.registry", 302,
        "redirects to an address without encryption, 'http://10.0.0.1'", 1,
    ),
    "a Link in a circle": (
        answer("200 OK", LINK, JSON, 'Link: </v2/x?last=v1>; rel="next"'), "failed.registry", None,
        "paginates its list of tags in a circle", 2,
    ),
    "a Link to another host": (
        answer("200 OK", LINK, JSON, 'Link: <http://127.0.0.1:9/>; rel="next"'), "failed.registry", None,
        "continues its list of tags at another host", 1,
    ),
    "a huge answer": (
        answer("200 OK", b"[", JSON, length=10**9), "failed.registry", None, "more than the 16777216 bytes", 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "code", "status", "words", "requests"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_an_error_in_words(
    sent: Answer, code: str, status: int | None, words: str, requests: int
) -> None:
    with broken_server([sent]) as server, opened() as ours, pytest.raises(RegistryError) as failure:
        ours.tags(ImageName(server.host, "acme/web"))
    problem = failure.value.problem
    assert problem.message.startswith(f"{server.host}/acme/web: ")
    assert words in problem.message
    assert problem.message.isprintable()
    assert problem.next
    assert (problem.code, failure.value.status) == (code, status)
    assert len(server.heads) == requests


# --- what no real registry here can show ---


def test_docker_hubs_rate_is_that_of_its_name() -> None:
    clock = StillClock()
    script = Script(reply(200, '{"tags": []}'))
    with Registry({"docker.io": RegistryAccess(rate=2)}, {}, clock, transport=script) as ours:
        for name in ("nginx", "redis", "postgres"):
            ours.tags(ImageName.parse(name))
    assert clock.slept == [pytest.approx(0.5)] * 2
    assert script.lines[0] == "GET https://registry-1.docker.io/v2/library/nginx/tags/list?n=1000"


@pytest.mark.parametrize("registry", ["xn--a.b", "999.1.1.1", "[::::]"])
def test_no_name_of_a_host_ends_more_than_its_image(registry: str) -> None:
    script = Script(httpx.ConnectError("refused"))
    with Registry({registry: RegistryAccess(rate=2)}, {}, StillClock(), transport=script) as ours:
        for _ in range(2):
            with pytest.raises(RegistryError, match="/web: "):
                ours.tags(ImageName(registry, "web"))


def test_a_next_page_that_is_too_long_to_be_asked_for_is_an_error_in_words() -> None:
    link = "</?" + "\N{ROCKET}" * 5450 + '>; rel="next"'  # short enough only without the repository
    page = httpx.Response(200, headers={"Link": link.encode()}, stream=httpx.ByteStream(b'{"tags": ["v1"]}'))
    with (
        Registry({}, {}, StillClock(), transport=Script(page)) as ours,
        pytest.raises(RegistryError, match="leads to an address that is not supported"),
    ):
        ours.tags(ImageName("a.test", "web" * 80))


@pytest.mark.parametrize("length", [8, 100])
def test_a_long_list_is_in_a_file_whether_its_pages_are_large_or_not(length: int) -> None:
    names = [f"{number:0{length}}" for number in range(3_000)]
    script = Script(lambda _: reply(200, json.dumps({"tags": names})))
    with Registry({}, {}, StillClock(), transport=script) as ours:
        tags = ours.tags(ImageName("r.test", "web"))
        assert isinstance(tags, FiledTags)
        assert [*tags] == names


def test_large_pages_are_read_in_one_of_the_places_for_large_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    places, free = threading.Semaphore(1), list[bool]()
    monkeypatch.setattr("gitops_bot.edges.registry.registry.Host", lambda *given, **_: Host(*given, places=places))

    def answered(_: httpx.Request) -> httpx.Response:
        free.append(places.acquire(blocking=False))
        if free[-1]:
            places.release()
        return reply(200, json.dumps({"tags": [f"{number:0100}" for number in range(3_000)]}))

    with Registry({}, {}, StillClock(), transport=Script(answered)) as ours:
        ours.tags(ImageName("r.test", "web"))
    assert free == [True, False], "the first answer turned out to be large"
    assert places.acquire(blocking=False), "it is given back"


def test_a_list_that_finds_no_space_costs_its_image(tmp_path: Path) -> None:
    pages = [reply(200, json.dumps({"tags": [f"v{number}" for number in range(count)]})) for count in (200, 2)]
    environ = {"TMPDIR": str(tmp_path / "none")}
    with Registry({}, environ, StillClock(), transport=Script(*pages)) as ours:
        with pytest.raises(RegistryError, match=r"^r\.test/web: r\.test has a list of tags that no") as failed:
            ours.tags(ImageName("r.test", "web"))
        assert "set TMPDIR" in failed.value.problem.next
        assert ours.tags(ImageName("r.test", "api")) == ("v0", "v1")


# --- images that are read from a mirror of their registry ---


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


# --- a forge's own token as the password of its registry ---


IMAGE = ImageName("ghcr.io", "acme/web")


def shown(token: Token, **environ: str) -> str | None:
    """How a bot logs in whose forge has this token for the registry."""
    script = Script(reply(401, "", {"WWW-Authenticate": "Basic"}), reply(200, '{"tags": []}'))
    access = {IMAGE.registry: RegistryAccess(username="ada", password_env="GITHUB_TOKEN")}
    api = PackageApi("ghcr.io", "api.github.com", {}, token, ("GITHUB_TOKEN", "GH_TOKEN"))
    with Registry(access, environ, Clock(), packages=[api], transport=script) as registry:
        registry.tags(IMAGE)
    return script.shown[-1]


def test_the_token_is_the_password_where_the_variable_is_not_set() -> None:
    assert shown(fixed("hunter2")) == basic(Basic("ada", "hunter2"))
    assert shown(fixed("hunter2"), GITHUB_TOKEN="hunter3") == basic(Basic("ada", "hunter3"))


def test_a_token_that_cannot_be_had_fails_the_image_with_the_reason() -> None:
    def refused(rejected: str | None = None, repository: str | None = None) -> str:
        del rejected, repository
        raise ForgeError(Problem("failed.auth", "the App lacks `Packages: read`", "add it"))

    with pytest.raises(RegistryError, match="the App lacks `Packages: read`"):
        shown(refused)


# --- whether a registry lets the bot in, and as whom: no secret is part of what is told ---


HUB = ImageName.parse("nginx")
HEADERS = {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": DIGEST}
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
    script = Script(reply(200, "", HEADERS | headers), TAGS)
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


@rows("pin first present asked", {
    "a digest that is gone": (Pin("1", DIGEST), reply(404), False, ["HEAD", "GET"]),
    "a tag": (Pin("1"), reply(200, "", HEADERS), True, ["HEAD", "GET"]),
    "no pin": (Pin(), TAGS, True, ["GET"]),
})  # fmt: skip
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
