"""Credential helpers: programs named `docker-credential-*` that keep passwords in a key chain or get them from a cloud.

Protocol: `get` as the only argument, the server on standard input, JSON on standard output; a failure has its message
on standard output too.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.edges.registry.failure import NoLogin, clean
from gitops_bot.edges.registry.login import Basic, Credential, IdentityToken

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
#: Seconds; the helpers of clouds ask their own servers.
PATIENCE = 30.0
_NOT_FOUND = "credentials not found in native keychain"


def ask_helper(name: str, server: str, environ: Mapping[str, str], patience: float = PATIENCE) -> Credential | None:
    """What the helper `docker-credential-<name>` has for a server; None where it has nothing. It is given `patience` s.

    Raises:
        NoLogin: it is not on the PATH of `environ`, it failed, or its answer cannot be read.
    """
    if not _NAME.match(name):
        raise NoLogin(f"{name[:100]!r} cannot be the name of a credential helper", "Fix the Docker configuration.")
    program = f"docker-credential-{name}"
    path = shutil.which(program, path=environ.get("PATH", ""))
    if path is None:
        raise NoLogin(f"the credential helper {program} is not installed", "Install it, or log in without it.")
    advice = f"Run it by hand: echo {server} | {program} get"
    try:
        done = subprocess.run(
            [path, "get"], input=server.encode(), capture_output=True, timeout=patience, env=dict(environ), check=False
        )
    except subprocess.TimeoutExpired:
        raise NoLogin(f"the credential helper {program} did not answer within {patience:g} s", advice) from None
    except OSError as error:
        raise NoLogin(f"the credential helper {program} does not run: {error.strerror}", advice) from error
    answer = done.stdout.decode(errors="replace").strip()
    if done.returncode != 0:
        if answer == _NOT_FOUND:
            return None
        raise NoLogin(f"the credential helper {program} failed: {clean(answer) or done.returncode}", advice)
    try:
        document = json.loads(answer)
        username, secret = document["Username"], document["Secret"]
    except (ValueError, RecursionError, KeyError, TypeError):
        # Not chained: the text that could not be read may be the secret.
        raise NoLogin(f"the credential helper {program} gave an answer that cannot be read", advice) from None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise NoLogin(f"the credential helper {program} gave an answer that cannot be read", advice)
    if not secret:
        return None
    redact.learn(secret, passing=True)  # many give a new one each time
    return IdentityToken(secret) if username == "<token>" else Basic(username, secret)
