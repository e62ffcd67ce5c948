"""STS, both metadata services, ECR and a registry, as Amazon documents their answers."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.counterparts.internet import Call, Internet, Said, document, image

if TYPE_CHECKING:
    from pathlib import Path

HOST, API, STS = (
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "api.ecr.eu-west-1.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
)
PUBLIC_API = "api.ecr-public.us-east-1.amazonaws.com"
ROLE, OTHER = "arn:aws:iam::123456789012:role/bot", "arn:aws:iam::210987654321:role/reader"
ASSERTION, POD, ADDRESS = "web-identity-0123456789", "pod-identity-0123456789", "http://169.254.170.23/v1/credentials"


@dataclass(slots=True)
class Amazon:
    """STS, both metadata services, ECR and one registry, which takes its newest password only."""

    tags: tuple[str, ...] = ("v1",)
    lifetime: timedelta = timedelta(hours=12)
    given: list[str] = field(default_factory=list)
    #: The session token of each identity that was given out, by its access key.
    sessions: dict[str, str] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)

    def session(self) -> tuple[str, str, str]:
        """A new identity: access key, secret key and session token."""
        number = len(self.sessions)
        key, token = f"ASIAEXAMPLE{number}", f"session-{number}-0123456789"
        self.sessions[key] = token
        return key, f"secret-{number}-0123456789", token

    def sts(self, call: Call) -> Said:
        form = call.form
        if form["Action"] == "AssumeRoleWithWebIdentity":
            assert "authorization" not in call.headers
            if form["WebIdentityToken"] != ASSERTION:
                words = "<Error><Code>InvalidIdentityToken</Code><Message>no such issuer</Message></Error>"
                return Said(400, f"<ErrorResponse>{words}</ErrorResponse>".encode(), {"Content-Type": "text/xml"})
        else:
            assert form["RoleSessionName"] == "gitops-bot"
            self.signed(call, "sts")
        self.roles.append(form["RoleArn"])
        key, secret, token = self.session()
        ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        inner = (
            f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{ends}</Expiration></Credentials>"
        )
        name = form["Action"]
        xml = f"<{name}Response><{name}Result>{inner}</{name}Result></{name}Response>"
        return Said(200, xml.encode(), {"Content-Type": "text/xml"})

    def signed(self, call: Call, service: str) -> None:
        """Signature version 4, by an identity that was given out here."""
        shown = call.headers["authorization"]
        assert shown.startswith("AWS4-HMAC-SHA256 Credential=")
        key, _, rest = shown.partition("Credential=")[2].partition("/")
        assert f"/{service}/aws4_request" in rest
        assert call.headers.get("x-amz-security-token") == self.sessions[key]

    def metadata(self, call: Call) -> Said:
        ends = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if call.path == "/v1/credentials":  # EKS Pod Identity
            if call.headers.get("authorization") != POD:
                return Said(401)
            key, secret, token = self.session()
            return document({"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": ends})
        if (call.method, call.path) == ("PUT", "/latest/api/token"):  # IMDSv2
            assert "x-aws-ec2-metadata-token-ttl-seconds" in call.headers
            return Said(200, b"imds-token-0123456789")
        if call.headers.get("x-aws-ec2-metadata-token") != "imds-token-0123456789":
            return Said(401)
        if call.path == "/latest/meta-data/iam/security-credentials/":
            return Said(200, b"node-role")
        assert call.path == "/latest/meta-data/iam/security-credentials/node-role"
        key, secret, token = self.session()
        given = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": ends, "Code": "Success"}
        return document(given)

    def ecr(self, call: Call) -> Said:
        public = call.host == PUBLIC_API
        self.signed(call, "ecr-public" if public else "ecr")
        kind = "SpencerFrontendService" if public else "AmazonEC2ContainerRegistry_V20150921"
        assert call.headers["x-amz-target"] == f"{kind}.GetAuthorizationToken"
        self.given.append(f"password-{len(self.given)}-0123456789")
        data = {
            "authorizationToken": base64.b64encode(f"AWS:{self.given[-1]}".encode()).decode(),
            "expiresAt": (datetime.now(UTC) + self.lifetime).timestamp(),
        }
        return document({"authorizationData": data if public else [{**data, "proxyEndpoint": f"https://{HOST}"}]})

    def registry(self, call: Call) -> Said:
        wanted = base64.b64encode(f"AWS:{self.given[-1]}".encode()).decode() if self.given else "nobody"
        if call.headers.get("authorization") != f"Basic {wanted}":
            return Said(
                401,
                b"Not Authorized\n",
                {"WWW-Authenticate": f'Basic realm="https://{HOST}/",service="ecr.amazonaws.com"'},
            )
        return image(call, *self.tags)


def irsa(servers: Internet, tmp_path: Path) -> dict[str, str]:
    """What EKS puts into a pod whose service account has a role."""
    file = tmp_path / "token"
    file.write_text(ASSERTION)
    return {
        **servers.environ,
        "AWS_REGION": "eu-west-1",
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
    }
