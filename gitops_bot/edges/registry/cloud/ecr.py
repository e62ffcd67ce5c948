"""Amazon ECR, through Amazon's own library, which knows the many sources of an identity.

boto3 is the extra `aws`, and runs in a process of its own: that takes 0.6 s every few hours, while imported here it
would cost each process 40 MiB for good. That process can be stopped, and knows only the environment it is given.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gitops_bot import redact
from gitops_bot.edges.http import parse_json
from gitops_bot.edges.http.transport import clean
from gitops_bot.edges.registry.cloud.exchange import clamp_lifetime, read_file
from gitops_bot.edges.registry.credentials import Basic, Login
from gitops_bot.edges.registry.failure import NoLogin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.edges.registry.credentials import ExpiringLogin, Workload

_HOST = re.compile(
    r"[0-9]{12}\.dkr[.-]ecr(-fips)?\.([a-z]{2}[a-z0-9-]{2,30})"
    r"\.(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn)\Z"
)
#: Seconds for one login, including the start of the process.
_SECONDS = 30.0
#: Any of these variables shows that there is an identity, without asking a metadata server.
SIGNS = (
    "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)  # fmt: skip
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
#: Metadata servers and this machine, which no proxy can reach.
_NEAR = "127.0.0.1,localhost,[::1],169.254.169.254,169.254.170.2,169.254.170.23,[fd00:ec2::254],[fd00:ec2::23]"
_INSTALL = (
    "Run `pip install 'gitops-bot[aws]'` (the container has it), or log in another way: "
    "`aws ecr get-login-password | docker login`, or the helper docker-credential-ecr-login."
)
_IDENTITY = (
    "Give the workload a role that allows ecr:GetAuthorizationToken and reading the repositories (IRSA, EKS Pod "
    "Identity, an instance profile), or log in with `aws ecr get-login-password | docker login`."
)


@dataclass(frozen=True, slots=True)
class LoginScope:
    """Where a login is valid. Registries with the same scope share one."""

    region: str
    public: bool = False
    fips: bool = False
    role: str | None = None


def login_scope(registry: str, role: str | None) -> LoginScope | None:
    """The scope of a login at a registry; None if it is not one of Amazon's."""
    if registry == "public.ecr.aws":
        return LoginScope("us-east-1", public=True)
    match = _HOST.match(registry)
    return LoginScope(match[2], fips=match[1] is not None, role=role) if match else None


def login(workload: Workload, scope: LoginScope) -> ExpiringLogin:
    """A login at the registries of one region. Raises NoLogin without identity or boto3, or if Amazon refused."""
    # Where packages are looked for is up to this process; its modules are never taken for those of the libraries.
    flags = "-IB" if sys.flags.isolated else "-PB"
    # The secrets that the library sends are struck out, in case a server repeats them.
    redact.learn(*(workload.environ.get(name) for name in _SECRETS))
    for name in _FILES:
        with suppress(NoLogin):
            redact.learn(read_file(workload.environ.get(name, ""), name), passing=True)
    command = [sys.executable, flags, str(Path(__file__).with_name("ecr_process.py"))]
    timeout = min(_SECONDS, workload.seconds)
    try:
        done = subprocess.run(
            command,
            input=json.dumps(asdict(scope)).encode(),
            capture_output=True,
            timeout=timeout,
            env=_environ(workload.environ),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoLogin(f"AWS did not give a login within {timeout:g} s", "Run again later.") from None
    except OSError as error:
        raise NoLogin(f"boto3 cannot be started: {error.strerror}", _INSTALL) from error
    match parse_json(done.stdout):
        case {"password": str(password), "seconds": int() | float() as seconds, "source": str(source)}:
            redact.learn(password, passing=True)
            return Login(Basic("AWS", password), f"AWS ({clean(source)})"), clamp_lifetime(seconds)
        case {"missing": True}:
            raise NoLogin("the library boto3, which gets logins from AWS, is not installed", _INSTALL)
        case {"absent": True}:
            raise NoLogin("no identity of AWS was found", _IDENTITY)
        case {"failed": str(message)}:
            raise NoLogin(f"AWS gave no login: {clean(message)}", _IDENTITY)
        case _:
            raise NoLogin(f"boto3 ended with {done.returncode} and no answer", "Run again later.")


def _environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for boto3: the same certificate authorities as here, and no proxy for metadata servers."""
    result = dict(environ)
    authorities = environ.get("SSL_CERT_FILE") or environ.get("SSL_CERT_DIR")
    if authorities and not environ.get("AWS_CA_BUNDLE"):
        result["AWS_CA_BUNDLE"] = authorities
    spared = [environ.get(name, "") for name in ("no_proxy", "NO_PROXY")]
    result["no_proxy"] = result["NO_PROXY"] = ",".join(filter(None, [*spared, _NEAR]))
    return result
