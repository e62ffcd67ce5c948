"""What the bot may show to be let in. Secrets are kept out of every `repr`."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import assert_never


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a password, sent as they are or in exchange for a token."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """What `docker login` got from a token server in place of a password: it is exchanged there, by OAuth 2."""

    token: str = field(repr=False)
    username: str = "<token>"


@dataclass(frozen=True, slots=True)
class RegistryToken:
    """A bearer token for the registry itself."""

    token: str = field(repr=False)


Credential = Basic | IdentityToken | RegistryToken


@dataclass(frozen=True, slots=True)
class Login:
    """A credential and where it is from, in words for people; without a credential, why there is none."""

    credential: Credential | None
    source: str


def is_sendable(credential: Credential) -> bool:
    """Whether HTTP can carry it: a token for the registry is a header as it is, everything else is encoded first."""
    if isinstance(credential, RegistryToken):
        return re.fullmatch(r"[!-~]+", credential.token) is not None
    # JSON and the environment may hold halves of characters, which are no text.
    return not any("\ud800" <= each <= "\udfff" for text in _texts(credential) for each in text)


def _texts(credential: Basic | IdentityToken) -> tuple[str, str]:
    match credential:
        case Basic(username, secret) | IdentityToken(secret, username):
            return username, secret
        case _:
            assert_never(credential)


def basic(credential: Basic | IdentityToken) -> str:
    """The value of `Authorization` that shows user name and password."""
    return "Basic " + base64.b64encode(":".join(_texts(credential)).encode()).decode("ascii")


def secrets(credential: Credential | None) -> tuple[str, ...]:
    """Every form in which the credential goes over the wire, for striking it out of what comes back."""
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
