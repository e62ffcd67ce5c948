"""Entra ID, the Instance Metadata Service and a container registry of Azure, as Microsoft documents their answers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.counterparts.internet import Call, Internet, Said, document, image

if TYPE_CHECKING:
    from pathlib import Path

HOST, ENTRA = "acme.azurecr.io", "login.microsoftonline.com"
ASSERTION, SECRET, ENTRA_TOKEN = "federated-0123456789", "client-secret-0123456789", "entra-token-0123456789"
HOURS = 3 * 3600


def jwt(number: int, seconds: int = HOURS) -> str:
    """A token as the registry makes them, good for so many seconds."""
    claims = base64.urlsafe_b64encode(json.dumps({"iat": 1000, "exp": 1000 + seconds, "jti": number}).encode())
    return f"eyJhbGciOiJSUzI1NiJ9.{claims.decode().rstrip('=')}.signature{number}"


@dataclass(slots=True)
class Azure:
    """Entra ID, the metadata service and one registry, which takes its newest refresh token only."""

    tags: tuple[str, ...] = ("v1",)
    refresh: list[str] = field(default_factory=list)
    lifetime: int = HOURS
    shown: list[str] = field(default_factory=list)

    def entra(self, call: Call) -> Said:
        form = {**call.form}
        by_file = form.pop("client_assertion", None) == ASSERTION and form.pop("client_assertion_type") == (
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        )
        by_secret = form.pop("client_secret", None) == SECRET
        assert call.path == "/tenant-1/oauth2/v2.0/token"
        assert form == {
            "client_id": "client-1",
            "grant_type": "client_credentials",
            "scope": "https://containerregistry.azure.net/.default",
        }
        if not (by_file or by_secret):
            return document({"error": "invalid_client", "error_description": "AADSTS7000215: wrong"}, 401)
        return document({"token_type": "Bearer", "expires_in": 3599, "access_token": ENTRA_TOKEN})

    def metadata(self, call: Call) -> Said:
        if call.path != "/metadata/identity/oauth2/token" or call.headers.get("metadata") != "true":
            return document({"error": "invalid_request", "error_description": "Required metadata header missing"}, 400)
        assert call.query["resource"] == "https://containerregistry.azure.net"
        assert call.query["api-version"] == "2018-02-01"
        return document({"access_token": ENTRA_TOKEN, "expires_in": "86399", "token_type": "Bearer"})

    def registry(self, call: Call) -> Said:
        if call.path == "/oauth2/exchange":
            assert call.form.pop("tenant", "tenant-1") == "tenant-1"
            if (call.form["grant_type"], call.form["service"], call.form["access_token"]) != (
                "access_token",
                HOST,
                ENTRA_TOKEN,
            ):
                return document({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}, 401)
            self.refresh.append(jwt(len(self.refresh), self.lifetime))
            return document({"refresh_token": self.refresh[-1]})
        if call.path == "/oauth2/token":
            if [call.form.get("refresh_token")] != self.refresh[-1:] or call.form["grant_type"] != "refresh_token":
                return document({"errors": [{"code": "UNAUTHORIZED", "message": "expired"}]}, 401)
            return document({"access_token": f"access-{len(self.refresh)}-0123456789"})
        shown = call.headers.get("authorization", "")
        if shown != f"Bearer access-{len(self.refresh)}-0123456789":
            way = f'Bearer realm="https://{HOST}/oauth2/token",service="{HOST}",scope="repository:web:pull"'
            return Said(401, b"{}", {"WWW-Authenticate": way})
        self.shown.append(shown)
        return image(call, *self.tags)


def workload(servers: Internet, tmp_path: Path) -> dict[str, str]:
    """What the webhook of Azure Workload Identity puts into a pod."""
    file = tmp_path / "azure-identity-token"
    file.write_text(f"{ASSERTION}\n")
    return {
        **servers.environ,
        "AZURE_CLIENT_ID": "client-1",
        "AZURE_TENANT_ID": "tenant-1",
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
        "AZURE_AUTHORITY_HOST": f"https://{ENTRA}/",
    }
