"""Logins at Azure Container Registry, against servers that speak each exchange as Microsoft documents it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot import redact
from gitops_bot.edges.registry import Registry
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.azure import ASSERTION, ENTRA, ENTRA_TOKEN, HOST, SECRET, Azure, workload
from tests.counterparts.clock import StillClock
from tests.counterparts.internet import METADATA, Call, Internet, Said, document, internet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Each test starts servers.
pytestmark = pytest.mark.slow

IMAGE = ImageName(HOST, "web")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Internet]:
    with internet(tmp_path, HOST, ENTRA) as servers:
        yield servers


@pytest.fixture
def azure(servers: Internet) -> Azure:
    azure = Azure()
    servers.answers |= {ENTRA: azure.entra, HOST: azure.registry, METADATA: azure.metadata}
    return azure


def tags(environ: dict[str, str], clock: StillClock | None = None) -> tuple[str, ...]:
    with Registry({}, environ, clock or StillClock()) as registry:
        return registry.tags(IMAGE)


def refused(environ: dict[str, str], seconds: float = 60.0) -> str:
    with Registry({}, environ, StillClock(), seconds=seconds) as registry, pytest.raises(RegistryError) as failure:
        registry.tags(IMAGE)
    return "\n".join(f"{each.message} {each.next}" for each in failure.value.problems)


def test_workload_identity_is_exchanged_for_a_token_of_the_registry(
    servers: Internet, azure: Azure, tmp_path: Path
) -> None:
    assert tags(workload(servers, tmp_path)) == ("v1",)
    assert servers.seen == [
        f"POST {ENTRA}/tenant-1/oauth2/v2.0/token",
        f"POST {HOST}/oauth2/exchange",
        f"GET {HOST}/v2/web/tags/list",
        f"POST {HOST}/oauth2/token",
        f"GET {HOST}/v2/web/tags/list",
    ]
    for secret in (ASSERTION, ENTRA_TOKEN, azure.refresh[0], "access-1-0123456789"):
        assert secret not in redact.strike(f"before {secret} after")


def test_a_service_principal_logs_in_by_its_secret(servers: Internet, azure: Azure) -> None:
    environ = {"AZURE_CLIENT_ID": "client-1", "AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_SECRET": SECRET}
    assert tags(servers.environ | environ) == ("v1",)


@pytest.mark.parametrize("environ", [{}, {"AZURE_CLIENT_ID": "client-1"}])
def test_a_managed_identity_is_asked_of_the_metadata_service_without_a_proxy(
    servers: Internet, azure: Azure, environ: dict[str, str]
) -> None:
    asked = servers.environ | environ | {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{servers.address}"}
    assert tags(asked) == ("v1",)
    assert servers.calls[0].host == METADATA
    assert servers.calls[0].query.get("client_id") == environ.get("AZURE_CLIENT_ID")


def test_a_login_is_renewed_before_it_ends(servers: Internet, azure: Azure, tmp_path: Path) -> None:
    azure.lifetime, clock = 3600, StillClock()
    with Registry({}, workload(servers, tmp_path), clock) as registry:
        registry.tags(IMAGE)
        registry.served(IMAGE, Pin())
        assert len(azure.refresh) == 1
        clock.sleep(3600 - 599)
        assert registry.served(IMAGE, Pin()).login == "with the identity token from Azure workload identity"
    assert len(azure.refresh) == 2
    assert azure.shown[-1] == "Bearer access-2-0123456789"


def nothing(call: Call) -> Said:
    return Said(403, b'{"error": "denied", "error_description": "not this one"}')


FAILURES: list[tuple[str, str, Callable[[Call], Said], str]] = [
    ("Entra ID refuses", ENTRA, nothing, f"{ENTRA} answered 403 (denied: not this one)"),
    (
        "Entra ID talks nonsense", ENTRA, lambda _: Said(200, b"<html>"),
        f"{ENTRA} gave an answer that is not a JSON object",
    ),
    ("Entra ID gives a list", ENTRA, lambda _: Said(200, b"[]"), f"{ENTRA} gave an answer that is not a JSON object"),
    ("Entra ID nests deeply", ENTRA, lambda _: Said(200, b"[" * 60000), f"{ENTRA} gave an answer that is not a JSON"),
    (
        "Entra ID gives no token", ENTRA, lambda _: document({"access_token": 1}),
        f"{ENTRA} gave an answer without a token",
    ),
    (
        "Entra ID gives a token that no header takes", ENTRA, lambda _: document({"access_token": "a\r\nHost: b"}),
        f"{ENTRA} gave an answer without a token",
    ),
    ("Entra ID floods", ENTRA, lambda _: Said(200, b"x" * 100_000), f"{ENTRA} answered with more than the 65536 bytes"),
    ("Entra ID sends elsewhere", ENTRA, lambda _: Said(302, b"", {"Location": "https://evil.test"}), "answered 302"),
    ("the registry refuses the exchange", HOST, nothing, f"{HOST} answered 403 (denied: not this one)"),
    (
        "a server repeats what it was shown", HOST,
        lambda call: document({"error": call.form.get("access_token", "")}, 400), f"{HOST} answered 400 (***)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("host", "answer", "said"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_failure_says_who_failed_and_shows_no_secret(
    servers: Internet, azure: Azure, tmp_path: Path, host: str, answer: Callable[[Call], Said], said: str
) -> None:
    def answers(call: Call) -> Said:
        is_login = call.path == "/oauth2/exchange" or host == ENTRA
        return answer(call) if is_login else azure.registry(call)

    servers.answers[host] = answers
    told = refused(workload(servers, tmp_path))
    assert said in told
    assert f"no login for {HOST}" in told.lower()
    for secret in (ASSERTION, ENTRA_TOKEN):
        assert secret not in told


def test_without_any_identity_images_that_are_public_are_still_read(servers: Internet) -> None:
    servers.answers[HOST] = lambda _: document({"name": "web", "tags": ["public"]})
    servers.answers[METADATA] = lambda _: document({"error": "invalid_request", "error_description": "not found"}, 400)
    environ = servers.environ | {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"http://{servers.address}"}
    assert tags(environ) == ("public",)
    servers.answers[HOST] = lambda _: Said(401, b"{}", {"WWW-Authenticate": 'Basic realm="acme"'})
    told = refused(environ)
    assert "AZURE_FEDERATED_TOKEN_FILE" in told
    assert "docker login acme.azurecr.io" in told


def test_a_secret_is_not_sent_without_tls(servers: Internet, azure: Azure, tmp_path: Path) -> None:
    environ = workload(servers, tmp_path) | {"AZURE_AUTHORITY_HOST": "http://login.microsoftonline.com"}
    assert "is not asked without TLS" in refused(environ)
    assert not any(call.host == ENTRA for call in servers.calls)
