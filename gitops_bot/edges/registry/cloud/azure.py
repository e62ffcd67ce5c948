"""Azure Container Registry: a token of Entra ID is exchanged for one of the registry.

Protocol: "Authentication with Azure Container Registry" (github.com/Azure/acr, docs/AAD-OAuth.md); the OAuth 2 client
credentials flow of Entra ID with a federated credential or a secret; the Instance Metadata Service.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from gitops_bot import redact
from gitops_bot.edges.registry.cloud.exchange import ask, clamp_lifetime, read_file
from gitops_bot.edges.registry.credentials import AZURE, IdentityToken, Login
from gitops_bot.edges.registry.failure import NoLogin

if TYPE_CHECKING:
    from gitops_bot.edges.registry.credentials import ExpiringLogin, Workload

HOST = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,2}\.azurecr\.(?:io|us|cn)\Z")
#: The audience of the token, by the end of the registry's name. The first works also where ARM tokens are refused.
_AUDIENCES = {
    "io": "https://containerregistry.azure.net",
    "us": "https://management.usgovcloudapi.net",
    "cn": "https://management.chinacloudapi.cn",
}
_METADATA = "http://169.254.169.254"
#: The lifetime of a registry's token in seconds, if it does not state one.
_HOUR = 3600.0
_BY_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def login(workload: Workload, registry: str) -> ExpiringLogin:
    """A login at one registry. Raises NoLogin without an identity, or if Entra ID or the registry refused."""
    token, tenant, source = _entra(workload, _AUDIENCES[registry.rpartition(".")[2]])
    form = {"grant_type": "access_token", "service": registry, "access_token": token}
    if tenant:
        form["tenant"] = tenant
    reply = ask(workload, "POST", f"https://{registry}/oauth2/exchange", form=form, secrets=(token,))
    refresh = reply.token("refresh_token")
    return Login(IdentityToken(refresh, AZURE), source), _lifetime(refresh)


def _entra(workload: Workload, audience: str) -> tuple[str, str | None, str]:
    """A token of Entra ID, the tenant if it is known, and a description of the identity."""
    environ = workload.environ
    client, tenant = environ.get("AZURE_CLIENT_ID"), environ.get("AZURE_TENANT_ID")
    file, secret = environ.get("AZURE_FEDERATED_TOKEN_FILE"), environ.get("AZURE_CLIENT_SECRET")
    if client and tenant and (file or secret):
        form = {"client_id": client, "grant_type": "client_credentials", "scope": f"{audience}/.default"}
        if file:
            credential, source = read_file(file, "the token of AZURE_FEDERATED_TOKEN_FILE"), "Azure workload identity"
            form |= {"client_assertion_type": _BY_ASSERTION, "client_assertion": credential}
        else:
            credential, source = secret or "", "AZURE_CLIENT_SECRET"
            form["client_secret"] = credential
        redact.learn(credential, passing=file is not None)
        authority = environ.get("AZURE_AUTHORITY_HOST") or "https://login.microsoftonline.com"
        address = f"{authority.rstrip('/')}/{quote(tenant, safe='')}/oauth2/v2.0/token"
        return ask(workload, "POST", address, form=form, secrets=(credential,)).token("access_token"), tenant, source
    base = (environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _METADATA).rstrip("/")
    query = {"api-version": "2018-02-01", "resource": audience, **({"client_id": client} if client else {})}
    address = f"{base}/metadata/identity/oauth2/token?{urlencode(query)}"
    try:
        token = ask(workload, "GET", address, {"Metadata": "true"}, near=True).token("access_token")
    except NoLogin as error:
        raise NoLogin(
            f"no identity of Azure was found: AZURE_FEDERATED_TOKEN_FILE, AZURE_CLIENT_ID and AZURE_TENANT_ID are not "
            f"all set, and there is no managed identity ({error.what})",
            error.advice,
        ) from None
    return token, tenant, "the managed identity of Azure"


def _lifetime(token: str) -> float:
    """The lifetime of a JWT in seconds; only the registry checks its signature."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return clamp_lifetime(claims["exp"] - claims["iat"])
    except (ValueError, RecursionError, LookupError, TypeError):
        return _HOUR
