"""Google's metadata server, token service, IAM and registries, as Google documents their answers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field

from tests.counterparts.internet import Call, Internet, Said, document, image

HOST, OLD = "europe-docker.pkg.dev", "eu.gcr.io"
STS, IAM, OAUTH, ISSUER = "sts.googleapis.com", "iamcredentials.googleapis.com", "oauth2.googleapis.com", "id.acme.test"
SUBJECT, REFRESH, KEY = "subject-0123456789", "refresh-0123456789", "private-key-0123456789"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b"


@dataclass(slots=True)
class Google:
    """Every server of Google that takes part; the registry takes the newest token only."""

    tags: tuple[str, ...] = ("v1",)
    lifetime: int = 3599
    given: list[str] = field(default_factory=list)

    def token(self) -> str:
        self.given.append(f"ya29.token-{len(self.given)}-0123456789")
        return self.given[-1]

    def metadata(self, call: Call) -> Said:
        if call.headers.get("metadata-flavor") != "Google":
            return Said(403)
        assert call.path == "/computeMetadata/v1/instance/service-accounts/default/token"
        given = {"access_token": self.token(), "expires_in": self.lifetime, "token_type": "Bearer"}
        return document(given, Metadata_Flavor="Google")

    def sts(self, call: Call) -> Said:
        assert call.path == "/v1/token"
        assert call.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "audience": AUDIENCE,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "subject_token": SUBJECT,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        }
        return document({"access_token": self.token(), "expires_in": self.lifetime, "token_type": "Bearer"})

    def iam(self, call: Call) -> Said:
        assert call.path == "/v1/projects/-/serviceAccounts/bot@acme.iam.gserviceaccount.com:generateAccessToken"
        if call.headers["authorization"] != f"Bearer {self.given[-1]}":
            return Said(403)
        assert json.loads(call.body)["scope"] == ["https://www.googleapis.com/auth/cloud-platform"]
        return document({"accessToken": self.token(), "expireTime": "2026-11-21T13:00:00Z"})

    def oauth(self, call: Call) -> Said:
        assert (call.form["grant_type"], call.form["client_id"]) == ("refresh_token", "client-1")
        if call.form["refresh_token"] != REFRESH:
            return document({"error": "invalid_grant"}, 400)
        return document({"access_token": self.token(), "expires_in": self.lifetime})

    def registry(self, call: Call) -> Said:
        shown = call.headers.get("authorization", "")
        encoded = shown.removeprefix("Basic ") if shown.startswith("Basic ") else ""
        user, _, password = base64.b64decode(encoded).decode().partition(":")
        by_token = user == "oauth2accesstoken" and [password] == self.given[-1:]
        if call.path == "/v2/token":
            by_key = user == "_json_key" and json.loads(password)["private_key"] == KEY
            return document({"token": f"{call.host}-{len(self.given)}"}) if by_token or by_key else Said(401)
        if shown == f"Bearer {call.host}-{len(self.given)}":
            return image(call, *self.tags)
        return Said(
            401, b"{}", {"WWW-Authenticate": f'Bearer realm="https://{call.host}/v2/token",service="{call.host}"'}
        )

    def issuer(self, call: Call) -> Said:
        assert call.headers["authorization"] == "Bearer request-0123456789"
        return document({"value": SUBJECT})


def metadata(servers: Internet) -> dict[str, str]:
    return {**servers.environ, "GCE_METADATA_HOST": servers.address}
