"""The settings of registries: logins, mirrors, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import about

_VARIABLE = leaf.text(
    "must be the name of an environment variable, never the secret itself", leaf.VARIABLE, secret=True
)
#: A host, and the path below it that images have there.
_MIRROR = rf"{leaf.HOST.removesuffix('$')}(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*){{0,20}}$"
_ROLE = r"^arn:aws(?:-[a-z-]{1,20})?:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$"


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How to reach one registry."""

    __pydantic_config__ = ConfigDict(
        **leaf.STRICT, json_schema_extra={"dependentRequired": {"username": ["password_env"]}}
    )

    username: Annotated[
        str | None,
        leaf.text("must be a user name"),
        about("The user to log in as, with the password of `password_env`. Without it, the user is `token`.", "bot"),
    ] = None
    password_env: Annotated[
        str | None,
        _VARIABLE,
        about(
            "The name of the environment variable that holds the password or token, never the secret itself. Without "
            "it, the login of `docker login` or of the cloud is used, or none.",
            "GHCR_TOKEN",
        ),
    ] = None
    plain_http: Annotated[
        bool, leaf.truth(), about("Connect to the registry without TLS. Without it, `false`.", True)
    ] = False
    concurrency: Annotated[
        int | None, leaf.integer(1, 64), about("At most this many concurrent requests. Without it, 16.", 4)
    ] = None
    rate: Annotated[
        float | None,
        leaf.rate(1000),
        about("At most this many requests a second. Without it, no limit until the registry asks to slow down.", 10),
    ] = None
    aws_role: Annotated[
        str | None,
        leaf.text("must be the ARN of a role", _ROLE),
        about(
            "For Amazon ECR: the role to assume before asking for a login, as in another account. Without it, the "
            "identity that the bot runs with.",
            "arn:aws:iam::123456789012:role/gitops-bot",
        ),
    ] = None
    mirror: Annotated[
        str | None,
        leaf.text("must be a host and a path", _MIRROR),
        about(
            "Where to read the images of this registry instead: a host, and the path under which it has them. Only the "
            "mirror is queried, with its own login and entry; what is written in manifests stays the same. Without "
            "it, the registry itself.",
            "registry.acme.io/hub",
            "mirror.gcr.io",
        ),
    ] = None
