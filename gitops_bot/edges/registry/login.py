"""The credentials that the bot sends. Secrets are kept out of every `repr`."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and password, sent as they are or exchanged for a token."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """The token that `docker login` got instead of a password; a token server exchanges it by OAuth 2."""

    token: str = field(repr=False)
    username: str = "<token>"


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token for the registry itself."""

    token: str = field(repr=False)


Credential = Basic | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class Login:
    """A credential and its source in words; without a credential, the reason."""

    credential: Credential | None
    source: str


def is_sendable(credential: Credential) -> bool:
    """Whether HTTP can carry it: a registry token is sent as it is, everything else is encoded first."""
    if isinstance(credential, RegistryToken):
        return re.fullmatch(r"[!-~]+", credential.token) is not None
    try:
        basic(credential)
    except UnicodeEncodeError:  # JSON and the environment may contain lone surrogates
        return False
    return True


def basic(credential: Basic | IdentityToken) -> str:
    """The `Authorization` header for user name and password."""
    match credential:
        case Basic(username, secret) | IdentityToken(secret, username):
            return "Basic " + base64.b64encode(f"{username}:{secret}".encode()).decode("ascii")
        case _:
            assert_never(credential)


def secrets(credential: Credential | None) -> tuple[str, ...]:
    """Every form in which the credential is sent, to be struck out of answers."""
    match credential:
        case None:
            return ()
        case Basic(_, password):
            return (password, basic(credential).removeprefix("Basic "))
        case IdentityToken(token):
            return (token, basic(credential).removeprefix("Basic "))
        case RegistryToken(token):
            return (token,)
        case _:
            assert_never(credential)
