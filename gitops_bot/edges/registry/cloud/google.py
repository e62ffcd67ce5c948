"""Artifact Registry and Container Registry of Google: an access token as a password, or a key file.

Protocol: "Application Default Credentials", the metadata server, the Security Token Service (RFC 8693), and
`generateAccessToken` of IAM; "Set up authentication for Docker" of Artifact Registry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gitops_bot import redact
from gitops_bot.edges.http import parse_json
from gitops_bot.edges.registry.cloud.exchange import ask, clamp_lifetime, read_file
from gitops_bot.edges.registry.credentials import Basic, Login
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.images import moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.registry.credentials import ExpiringLogin, Workload

HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)?gcr\.io\Z|[a-z0-9-]{1,63}-docker\.pkg\.dev\Z")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_HOUR = 3600.0
_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_SECRETS = ("private_key", "client_secret", "refresh_token")
_ADVICE = f"Fix the file, or unset {_VARIABLE} to use the metadata server."


def login(workload: Workload) -> ExpiringLogin:
    """A login at every registry of Google. Raises NoLogin without an identity, or if Google refused.

    A person's gcloud login is used only if the variable names its file, because it has access to all that they own.
    """
    if path := workload.environ.get(_VARIABLE):
        try:
            return _of_file(workload, path)
        except NoLogin as error:
            raise NoLogin(f"{error.what} (the credentials are those of {path})", error.advice) from None
    try:
        return _of_metadata(workload)
    except NoLogin as error:
        what = f"no identity of Google was found: {_VARIABLE} is not set, and {error.what}"
        raise NoLogin(what, error.advice) from None


def _of_metadata(workload: Workload) -> ExpiringLogin:
    if workload.environ.get("NO_GCE_CHECK", "").lower() == "true":
        raise NoLogin("NO_GCE_CHECK rules out the metadata server", _ADVICE)
    host = workload.environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
    address = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    reply = ask(workload, "GET", address, {"Metadata-Flavor": "Google"}, near=True)
    if reply.headers.get("metadata-flavor") != "Google":
        raise NoLogin(f"{reply.host} is not a metadata server of Google", _ADVICE)
    credential = Basic("oauth2accesstoken", reply.token("access_token"))
    return Login(credential, "the metadata server of Google"), reply.seconds()


def _of_file(workload: Workload, path: str) -> ExpiringLogin:
    text = read_file(path, f"the file of {_VARIABLE}")
    document = _object(text)
    redact.learn(*(value for name in _SECRETS if isinstance(value := document.get(name), str)))
    match document:
        case {"type": "service_account", "private_key": str()}:
            redact.learn(text)
            return Login(Basic("_json_key", text), f"the key file {path}"), _HOUR
        case _:
            token, seconds = _token(workload, document)
            return Login(Basic("oauth2accesstoken", token), f"the identity that {path} describes"), seconds


def _token(workload: Workload, document: Mapping[str, Any]) -> tuple[str, float]:
    """An access token, and its lifetime in seconds."""
    match document:
        case {
            "type": "authorized_user",
            "client_id": str(client),
            "client_secret": str(secret),
            "refresh_token": str(token),
        }:
            form = {"grant_type": "refresh_token", "client_id": client, "client_secret": secret, "refresh_token": token}
            reply = ask(workload, "POST", "https://oauth2.googleapis.com/token", form=form, secrets=(secret, token))
            return reply.token("access_token"), reply.seconds()
        case {
            "type": "external_account",
            "audience": str(audience),
            "subject_token_type": str(kind),
            "token_url": str(url),
        }:
            subject = _subject(workload, document.get("credential_source"))
            form = {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "audience": audience,
                "scope": _SCOPE,
                "subject_token": subject,
                "subject_token_type": kind,
            }
            reply = ask(workload, "POST", url, form=form, secrets=(subject,))
            token, seconds = reply.token("access_token"), reply.seconds()
            impersonated = document.get("service_account_impersonation_url")
            return _impersonate(workload, impersonated, token) if isinstance(impersonated, str) else (token, seconds)
        case {
            "type": "impersonated_service_account",
            "source_credentials": {"type": "authorized_user"} as source,
            "service_account_impersonation_url": str(url),
        }:
            redact.learn(*(value for name in _SECRETS if isinstance(value := source.get(name), str)))
            return _impersonate(workload, url, _token(workload, source)[0])
        case {"type": str(kind)}:
            raise NoLogin(f"credentials of the type {kind[:50]!r} are not supported, or incomplete", _ADVICE)
        case _:
            raise NoLogin("the credentials name no type", _ADVICE)


def _subject(workload: Workload, source: Any) -> str:
    """The token by which another identity provider identifies this workload, from a file or a server."""
    match source:
        case {"file": str(path)}:
            text = read_file(path, "the token that the credentials name")
        case {"url": str(url)}:
            headers = source.get("headers")
            sent = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
            redact.learn(*(value.partition(" ")[2] or value for value in sent.values()), passing=True)
            return ask(workload, "GET", url, sent, secrets=tuple(sent.values())).token(_field(source) or "value")
        case _:
            raise NoLogin("the `credential_source` of the credentials is neither a file nor an address", _ADVICE)
    field = _field(source)
    token = text if field is None else _object(text).get(field)
    if not isinstance(token, str) or not token.isascii() or not token:
        raise NoLogin("the file that the credentials name holds no token", _ADVICE)
    redact.learn(token, passing=True)
    return token


def _field(source: Mapping[str, Any]) -> str | None:
    """The field of a JSON object that holds the token; None where the text is the token."""
    match source.get("format"):
        case {"type": "json", "subject_token_field_name": str(name)}:
            return name
        case _:
            return None


def _impersonate(workload: Workload, url: str, token: str) -> tuple[str, float]:
    """Exchange a token for that of a service account; returns it and its lifetime in seconds."""
    document = {"scope": [_SCOPE], "lifetime": "3600s"}
    reply = ask(workload, "POST", url, {"Authorization": f"Bearer {token}"}, document=document, secrets=(token,))
    try:
        ends = moment.parse(str(reply.document.get("expireTime")))
        seconds = clamp_lifetime((ends - workload.clock.now()).total_seconds())
    except ValueError:
        seconds = _HOUR / 2
    return reply.token("accessToken"), seconds


def _object(text: str) -> Mapping[str, Any]:
    document = parse_json(text)
    if not isinstance(document, dict):
        raise NoLogin("a file of the credentials is not a JSON object", _ADVICE)
    return document
