"""Logins at Google's registries, against servers that speak each exchange as Google documents it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot import redact
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.broken import dripping
from tests.counterparts.clock import StillClock
from tests.counterparts.google import (
    AUDIENCE,
    HOST,
    IAM,
    ISSUER,
    KEY,
    OAUTH,
    OLD,
    REFRESH,
    STS,
    SUBJECT,
    Google,
    metadata,
)
from tests.counterparts.internet import METADATA, Call, Internet, Said, document, internet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Each test starts servers.
pytestmark = pytest.mark.slow

IMAGE = ImageName(HOST, "acme/prod/web")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Internet]:
    with internet(tmp_path, HOST, OLD, STS, IAM, OAUTH, ISSUER) as servers:
        yield servers


@pytest.fixture
def google(servers: Internet) -> Google:
    google = Google()
    servers.answers |= {
        METADATA: google.metadata, STS: google.sts, IAM: google.iam, OAUTH: google.oauth, ISSUER: google.issuer,
        HOST: google.registry, OLD: google.registry,
    }  # fmt: skip
    return google


def credentials(servers: Internet, tmp_path: Path, content: object) -> dict[str, str]:
    """The environment of a workload whose credentials are this file."""
    file = tmp_path / "credentials.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return {**servers.environ, "GOOGLE_APPLICATION_CREDENTIALS": str(file)}


def external(source: dict[str, Any], **more: str) -> dict[str, Any]:
    """A file as `gcloud iam workload-identity-pools create-cred-config` writes it."""
    return {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"https://{STS}/v1/token",
        "credential_source": source,
        **more,
    }


IMPERSONATE = f"https://{IAM}/v1/projects/-/serviceAccounts/bot@acme.iam.gserviceaccount.com:generateAccessToken"
PERSON = {"type": "authorized_user", "client_id": "client-1", "client_secret": "s-0123456789", "refresh_token": REFRESH}
ACTING = {
    "type": "impersonated_service_account",
    "source_credentials": PERSON,
    "service_account_impersonation_url": IMPERSONATE,
}
IN_JSON = {"format": {"type": "json", "subject_token_field_name": "id_token"}}
BY_ADDRESS = {
    "url": f"https://{ISSUER}/token",
    "headers": {"Authorization": "Bearer request-0123456789"},
    "format": {"type": "json", "subject_token_field_name": "value"},
}


def login(environ: dict[str, str], image: ImageName = IMAGE) -> str:
    """How the bot logged in, once it could read the tags of an image."""
    with Registry({}, environ, StillClock()) as registry:
        return registry.served(image, Pin()).login


def refused(environ: dict[str, str], seconds: float = 60.0) -> str:
    with Registry({}, environ, StillClock(), seconds=seconds) as registry, pytest.raises(RegistryError) as failure:
        registry.tags(IMAGE)
    return "\n".join(f"{each.message} {each.next}" for each in failure.value.problems)


def test_the_metadata_server_gives_one_login_for_every_registry_and_cycle(servers: Internet, google: Google) -> None:
    clock, kept = StillClock(), {}
    for _ in range(3):
        with Registry({}, metadata(servers), clock, logins=kept) as registry:
            assert registry.tags(IMAGE) == ("v1",)
            assert registry.tags(ImageName(OLD, "acme/web")) == ("v1",)
        clock.sleep(300)
    assert len(google.given) == 1
    assert servers.calls[0].host == METADATA
    assert "ya29" not in repr(kept)


def test_an_outage_while_a_login_is_still_good_does_no_harm(servers: Internet, google: Google) -> None:
    clock = StillClock()
    with Registry({}, metadata(servers), clock) as registry:
        registry.served(IMAGE, Pin())
        servers.answers[METADATA] = lambda _: Said(500)
        clock.sleep(3599 - 300)
        registry.served(IMAGE, Pin())
        clock.sleep(301)
        with pytest.raises(RegistryError, match="answered 500"):
            registry.served(IMAGE, Pin())


FILES: list[tuple[str, Callable[[Path], object], str]] = [
    (
        "a key of a service account",
        lambda _: {"type": "service_account", "private_key": KEY, "client_email": "bot@acme.test"}, "the key file",
    ),
    ("a person's login of gcloud", lambda _: PERSON, "the identity"),
    (
        "a person who acts as a service account",
        lambda _: ACTING,
        "the identity",
    ),
    ("another provider's token in a file", lambda folder: external({"file": str(folder / "token")}), "the identity"),
    (
        "another provider's token in JSON",
        lambda folder: external({**IN_JSON, "file": str(folder / "token.json")}),
        "the identity",
    ),
    ("another provider's server", lambda _: external(BY_ADDRESS), "the identity"),
    (
        "another provider, acting as a service account",
        lambda _: external(BY_ADDRESS, service_account_impersonation_url=IMPERSONATE), "the identity",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "source"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_the_credentials_that_the_environment_names_are_used(
    servers: Internet, google: Google, tmp_path: Path, content: Callable[[Path], object], source: str
) -> None:
    (tmp_path / "token").write_text(f"{SUBJECT}\n")
    (tmp_path / "token.json").write_text(json.dumps({"id_token": SUBJECT}))
    environ = credentials(servers, tmp_path, content(tmp_path))
    assert login(environ).startswith(f"with the user name and password from {source}")
    for secret in (*google.given, *({SUBJECT} if google.given and "external" in str(content(tmp_path)) else ())):
        assert secret not in redact.strike(f"before {secret} after")


def nothing(_: Call) -> Said:
    return document({"error": "denied", "error_description": "not this one"}, 403)


WRONG: list[tuple[str, object, str]] = [
    ("no JSON", "{", "is not a JSON object"),
    ("huge", "x" * 70000, "is larger than the 65536 bytes"),
    ("no type", {}, "name no type"),
    ("an unknown type", {"type": "gdch_service_account"}, "of the type 'gdch_service_account' are not supported"),
    ("half of it", {"type": "external_account"}, "of the type 'external_account' are not supported, or incomplete"),
    ("a program", external({"executable": {"command": "/bin/false"}}), "neither a file nor an address"),
    ("no file", external({"file": "/nowhere/token"}), "/nowhere/token, cannot be read: No such file or directory"),
    ("a server without TLS", external({"url": "http://id.acme.test/token"}), "is not asked without TLS"),
    ("no address", external({"url": "https://[::1"}), "address of a token server is not valid"),
]


@pytest.mark.parametrize(("content", "said"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_credentials_are_told_of_with_their_file(
    servers: Internet, google: Google, tmp_path: Path, content: object, said: str
) -> None:
    told = refused(credentials(servers, tmp_path, content))
    assert said in told
    assert str(tmp_path / "credentials.json") in told


FAILURES: list[tuple[str, str, Callable[[Call], Said], str]] = [
    ("the issuer refuses", ISSUER, nothing, f"{ISSUER} answered 403 (denied: not this one)"),
    (
        "the token service repeats what it was shown", STS,
        lambda call: document({"error": call.form["subject_token"]}, 400), f"{STS} answered 400 (***)",
    ),
    ("acting as a service account is refused", IAM, nothing, f"{IAM} answered 403 (denied: not this one)"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "answer", "said"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_failure_says_who_failed_and_shows_no_secret(
    servers: Internet, google: Google, tmp_path: Path, host: str, answer: Callable[[Call], Said], said: str
) -> None:
    servers.answers[host] = answer
    content = external(BY_ADDRESS, service_account_impersonation_url=IMPERSONATE)
    told = refused(credentials(servers, tmp_path, content))
    assert said in told
    assert f"no login for {HOST}" in told.lower()
    for secret in (SUBJECT, *google.given):
        assert secret not in told


@pytest.mark.parametrize(
    ("more", "seconds", "said"),
    [({"NO_GCE_CHECK": "true"}, 60.0, "NO_GCE_CHECK rules out"), ({}, 0.2, "did not answer within 0.2 s")],
)
def test_the_metadata_server_can_be_ruled_out_or_be_late(
    servers: Internet, google: Google, more: dict[str, str], seconds: float, said: str
) -> None:
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x") as host:
        assert said in refused(servers.environ | {"GCE_METADATA_HOST": host, **more}, seconds)


NOT_THERE: list[tuple[str, Callable[[Call], Said], str]] = [
    ("another cloud's", lambda _: document({"access_token": "x" * 20}), "is not a metadata server of Google"),
    ("no service account", lambda _: Said(404, b"", {"Metadata-Flavor": "Google"}), "answered 404"),
    ("nonsense", lambda _: Said(200, b"<html>", {"Metadata-Flavor": "Google"}), "not a JSON object"),
]


@pytest.mark.parametrize(("answer", "said"), [row[1:] for row in NOT_THERE], ids=[row[0] for row in NOT_THERE])
def test_without_an_identity_images_that_are_public_are_still_read(
    servers: Internet, answer: Callable[[Call], Said], said: str
) -> None:
    servers.answers |= {METADATA: answer, HOST: lambda _: document({"name": "acme/prod/web", "tags": ["public"]})}
    with Registry({}, metadata(servers), StillClock()) as registry:
        assert registry.tags(IMAGE) == ("public",)
        assert said in registry.served(IMAGE, Pin()).login
    assert servers.seen.count(f"GET {METADATA}/computeMetadata/v1/instance/service-accounts/default/token") == 1
