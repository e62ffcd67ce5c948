from __future__ import annotations

import json

import pytest

from gitops_bot.edges.http import NoResponse
from gitops_bot.edges.http.transport import SHOWN, clean
from gitops_bot.edges.registry.credentials import Basic, Login
from gitops_bot.edges.registry.failure import NoLogin, Refused, Untrusted, error_message
from gitops_bot.edges.registry.registry import Failure, explain
from gitops_bot.images.reason import CODES
from gitops_bot.images.reference import ImageName

WEB = ImageName("ghcr.io", "acme/web")
TAGS, TAG = "the list of tags", "the tag v1"
NOBODY = Login(None, "no credentials found for ghcr.io")
SOMEBODY = Login(Basic("bot", "hunter2"), "the environment variable GHCR_TOKEN")


def unanswered() -> NoResponse:
    failure = NoResponse("did not answer in time", "Check the network.")
    failure.host = "auth.docker.io"
    return failure


WORDS: list[tuple[str, Failure, str, Login | None, str, list[str], list[str]]] = [
    (
        "nobody logged in", Refused(401, "ghcr.io", "UNAUTHORIZED: authentication required"), TAGS, NOBODY,
        "failed.auth",
        ["ghcr.io/acme/web: ghcr.io answered 401 Unauthorized to the request for the list of tags (UNAUTHORIZED: auth"],
        [
            "No credentials found for ghcr.io", "docker login ghcr.io", "read:packages", "packages: read", "fine-grain",
            "`registries: {ghcr.io: {username: NAME, password_env: VARIABLE}}`",
        ],
    ),
    (
        "the wrong one logged in", Refused(403, "ghcr.io", ""), TAG, SOMEBODY, "failed.auth",
        ["ghcr.io/acme/web: ghcr.io answered 403 Forbidden to the request for the tag v1"],
        ["credentials from the environment variable GHCR_TOKEN were sent", "read:packages"],
    ),
    (
        "the token server", Refused(401, "auth.test", "bad password", token_server=True), TAGS, SOMEBODY, "failed.auth",
        ["the token server auth.test answered 401 Unauthorized", "(bad password)"], ["GHCR_TOKEN"],
    ),
    (
        "no such repository, seen by nobody", Refused(404, "ghcr.io", "NAME_UNKNOWN"), TAGS, NOBODY, "failed.registry",
        ["answered 404 Not Found: it has no such repository, or hides it (NAME_UNKNOWN)"],
        ["No credentials found for ghcr.io", "`docker login ghcr.io`"],
    ),
    (
        "no such repository, seen by somebody", Refused(404, "ghcr.io", ""), TAGS, SOMEBODY, "failed.registry",
        ["answered 404 Not Found: it has no such repository, or hides it"],
        ["The credentials from the environment variable GHCR_TOKEN"],
    ),
    ("no such tag", Refused(404, "ghcr.io", ""), TAG, NOBODY, "failed.registry", ["the tag v1"], ["still exists"]),
    (
        "no such digest", Refused(404, "ghcr.io", ""), "the digest sha256:0123", NOBODY, "failed.registry",
        ["the digest sha256:0123"], ["Check that the digest still exists."],
    ),
    (
        "where a redirect led to", Refused(403, "store.test", "", elsewhere=True), "the digest sha256:0123", SOMEBODY,
        "failed.registry", ["ghcr.io/acme/web: store.test answered 403 Forbidden to the request for the digest"],
        ["ghcr.io redirects there, without credentials."],
    ),
    ("too many", Refused(429, "ghcr.io", ""), TAGS, NOBODY, "failed.registry", ["429 Too Many"], ["`rate`"]),
    ("broken", Refused(503, "ghcr.io", ""), TAGS, NOBODY, "failed.registry", ["503"], ["Run again later"]),
    ("unheard of", Refused(799, "ghcr.io", ""), TAGS, NOBODY, "failed.registry", ["answered 799 to"], ["address"]),
    (
        "silent", unanswered(), TAGS, NOBODY, "failed.registry",
        ["ghcr.io/acme/web: auth.docker.io did not answer in time"], ["Check the network."],
    ),
    (
        "nonsense", Untrusted("sends in a circle", "Tell."), TAGS, NOBODY, "failed.registry",
        ["ghcr.io/acme/web: ghcr.io sends in a circle"], ["Tell."],
    ),
    (
        "no password", NoLogin("X is not set", "Set X."), TAGS, None, "failed.auth", ["ghcr.io/acme/web: X is not set"],
        ["Set X."],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "asked", "login", "code", "message", "next_"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS]
)
def test_the_words_that_the_user_reads(
    failure: Failure, asked: str, login: Login | None, code: str, message: list[str], next_: list[str]
) -> None:
    error = explain(failure, WEB, asked, login, WEB)
    assert error.problem.code == code
    assert error.status == getattr(failure, "status", None)
    assert error.no_repository == ("no such repository" in error.problem.message)
    assert code in CODES
    assert [words for words in message if words not in error.problem.message] == []
    assert [words for words in next_ if words not in error.problem.next] == []
    assert "hunter2" not in str(error)


def test_docker_hub_and_amazon_have_words_of_their_own() -> None:
    hub, amazon = ImageName("docker.io", "library/nginx"), ImageName("1.dkr.ecr.eu-west-1.amazonaws.com", "web")
    assert "`docker login`" in explain(Refused(429, "h", ""), hub, TAGS, NOBODY, hub).problem.next
    assert "docker-credential-ecr-login" in explain(Refused(401, "h", ""), amazon, TAGS, SOMEBODY, amazon).problem.next
    assert "read:packages" not in explain(Refused(401, "h", ""), amazon, TAGS, SOMEBODY, amazon).problem.next


BODIES = [
    ("a registry", {"errors": [{"code": "DENIED", "message": "no access", "detail": [{"a": 1}]}]}, "DENIED: no access"),
    ("only the first of many", {"errors": [{"code": "A"}, {"code": "B"}]}, "A"),
    ("without a message", {"errors": [{"code": "NAME_UNKNOWN", "message": ""}]}, "NAME_UNKNOWN"),
    ("a token server", {"details": "incorrect username or password"}, "incorrect username or password"),
    ("OAuth", {"error": "invalid_grant", "error_description": "expired"}, "invalid_grant: expired"),
    ("GitHub's API", {"message": "Not Found", "status": "404"}, "Not Found"),
    ("numbers where words should be", {"errors": [{"code": 7, "message": None}]}, ""),
    ("no errors", {"errors": []}, ""),
    ("errors that are none", {"errors": ["no"]}, ""),
    ("a list", [1], ""),
]


@pytest.mark.parametrize(("document", "words"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_the_message_of_a_body(document: object, words: str) -> None:
    assert error_message(json.dumps(document).encode(), ()) == words


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"\xff\xfe", b"[" * 50_000, b'{"message": "cut', b"1" * 10_000]
)
def test_a_body_without_a_message_says_nothing(body: bytes) -> None:
    assert error_message(body, ()) == ""


def test_control_and_invisible_characters_are_taken_out() -> None:
    assert clean("a\x1b[31mred\x07\r\n\u202eevil\u200b\u2028b\x85c\ud800") == "a [31mred evil b c"


def test_a_long_message_is_cut() -> None:
    assert clean("word " * 1000) == ("word " * 40)[: SHOWN - 1] + "…"
    assert clean("x" * SHOWN) == "x" * SHOWN


def test_secrets_are_struck_out_the_longer_ones_first() -> None:
    assert clean("not hunter2 but hunter2hunter2, hm", ["hunter2", "hunter2hunter2", ""]) == "not *** but ***, hm"
