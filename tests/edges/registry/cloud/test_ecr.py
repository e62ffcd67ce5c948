"""Logins at Amazon ECR by boto3, against servers that speak each exchange as Amazon documents it."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING

import pytest

from gitops_bot import redact
from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.cloud import ecr, is_cloud
from gitops_bot.edges.registry.cloud.ecr import LoginScope, login_scope
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName, Pin
from tests.counterparts.amazon import API, ASSERTION, HOST, OTHER, POD, PUBLIC_API, ROLE, STS, Amazon, irsa
from tests.counterparts.clock import StillClock
from tests.counterparts.internet import METADATA, Call, Internet, Said, document, internet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Each test starts boto3 in a process.
pytestmark = pytest.mark.slow

IMAGE, PUBLIC = ImageName(HOST, "web"), ImageName("public.ecr.aws", "acme/web")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Internet]:
    with internet(tmp_path, HOST, API, STS, PUBLIC_API, PUBLIC.registry) as servers:
        yield servers


@pytest.fixture
def amazon(servers: Internet) -> Amazon:
    amazon = Amazon()
    servers.answers |= {
        METADATA: amazon.metadata,
        STS: amazon.sts,
        API: amazon.ecr,
        PUBLIC_API: amazon.ecr,
        HOST: amazon.registry,
    }
    return amazon


def pod_identity(servers: Internet, tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "eks-pod-identity-token"
    file.write_text(POD)
    return {
        **servers.environ,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{servers.address}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(file),
    }


def instance(servers: Internet, _: Path) -> dict[str, str]:
    return {**servers.environ, "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{servers.address}/"}


def refused(environ: dict[str, str], seconds: float = 60.0) -> str:
    with Registry({}, environ, StillClock(), seconds=seconds) as registry, pytest.raises(RegistryError) as failure:
        registry.tags(IMAGE)
    assert {each.code for each in failure.value.problems} == {"failed.auth"}
    return "\n".join(f"{each.message} {each.next}" for each in failure.value.problems)


HOSTS: list[tuple[str, str, LoginScope | None]] = [
    ("a region", HOST, LoginScope("eu-west-1")),
    ("China", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", LoginScope("cn-north-1")),
    ("FIPS", "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", LoginScope("us-gov-west-1", fips=True)),
    ("version 6", "123456789012.dkr-ecr.eu-west-1.on.aws", LoginScope("eu-west-1")),
    ("the gallery", "public.ecr.aws", LoginScope("us-east-1", public=True)),
    ("another host behind it", f"{HOST}.evil.test", None),
    ("another host before it", f"evil.test.{HOST}", None),
    ("no account", "acme.dkr.ecr.eu-west-1.amazonaws.com", None),
    ("a port", f"{HOST}:5000", None),
    ("another service", "s3.eu-west-1.amazonaws.com", None),
]


@pytest.mark.parametrize(("host", "expected"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_the_registries_of_amazon_are_told_by_their_names(host: str, expected: LoginScope | None) -> None:
    assert login_scope(host, None) == expected
    assert is_cloud(host) or expected is None


IDENTITIES = [
    ("EKS Pod Identity", pod_identity, "container-role"),
    ("an instance profile by IMDSv2", instance, "iam-role"),
]


@pytest.mark.parametrize(("environ", "source"), [row[1:] for row in IDENTITIES], ids=[row[0] for row in IDENTITIES])
def test_the_identity_of_the_workload_logs_in(
    servers: Internet,
    amazon: Amazon,
    tmp_path: Path,
    environ: Callable[[Internet, Path], dict[str, str]],
    source: str,
) -> None:
    with Registry({}, environ(servers, tmp_path), StillClock()) as registry:
        assert registry.tags(IMAGE) == ("v1",)
        assert registry.served(IMAGE, Pin()).login == f"with the user name and password from AWS ({source})"
    assert len(amazon.given) == 1
    assert amazon.given[0] not in redact.strike(f"before {amazon.given[0]} after")


def test_a_role_of_another_account_is_assumed_where_the_configuration_says_so(
    servers: Internet, amazon: Amazon, tmp_path: Path
) -> None:
    with Registry({HOST: RegistryAccess(aws_role=OTHER)}, irsa(servers, tmp_path), StillClock()) as registry:
        assert registry.tags(IMAGE) == ("v1",)
        assert registry.served(IMAGE, Pin()).login.endswith(f" from AWS (assume-role-with-web-identity, as {OTHER})")
    assert amazon.roles == [ROLE, OTHER]


def test_a_login_that_is_stored_comes_first(servers: Internet, amazon: Amazon, tmp_path: Path) -> None:
    amazon.given.append("stored-0123456789")
    auth = base64.b64encode(b"AWS:stored-0123456789").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {HOST: {"auth": auth}}}))
    with Registry({}, irsa(servers, tmp_path) | {"DOCKER_CONFIG": str(tmp_path)}, StillClock()) as registry:
        registry.tags(IMAGE)
    assert {call.host for call in servers.calls} == {HOST}


def denied(_: Call) -> Said:
    return document({"__type": "AccessDeniedException", "Message": "may not ecr:GetAuthorizationToken"}, 400)


def repeating(call: Call) -> Said:
    told = f"<ErrorResponse><Error><Code>A</Code><Message>{call.form['WebIdentityToken']}</Message></Error>"
    return Said(400, f"{told}</ErrorResponse>".encode(), {"Content-Type": "text/xml"})


FAILURES: list[tuple[str, str, Callable[[Call], Said], str]] = [
    ("ECR refuses", API, denied, "(AccessDeniedException) when calling the GetAuthorizationToken operation: may not"),
    ("ECR says nothing", API, lambda _: document({}), "the answer cannot be read (KeyError)"),
    ("STS repeats what it was shown", STS, repeating, "(A) when calling the AssumeRoleWithWebIdentity operation: ***"),
]


@pytest.mark.parametrize(("host", "answer", "said"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_failure_is_told_of_without_a_secret(
    servers: Internet, amazon: Amazon, tmp_path: Path, host: str, answer: Callable[[Call], Said], said: str
) -> None:
    servers.answers[host] = answer
    told = refused(irsa(servers, tmp_path))
    assert said in told
    assert f"no login for {HOST}" in told
    for secret in (ASSERTION, *amazon.sessions.values()):
        assert secret not in told


def test_a_login_that_takes_too_long_is_given_up(servers: Internet, amazon: Amazon, tmp_path: Path) -> None:
    assert "AWS did not give a login within 0.1 s" in refused(irsa(servers, tmp_path), seconds=0.1)


def test_without_an_identity_the_error_says_what_to_do(servers: Internet, amazon: Amazon) -> None:
    told = refused({**servers.environ, "AWS_EC2_METADATA_DISABLED": "true"})
    assert "no identity of AWS was found" in told
    assert "ecr:GetAuthorizationToken" in told


def test_without_the_library_the_error_says_what_to_install(
    servers: Internet, amazon: Amazon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"  # no packages: as where the extra is not installed
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(ecr.sys, "executable", str(bare))
    told = refused(irsa(servers, tmp_path))
    assert "boto3, which gets logins from AWS, is not installed" in told
    assert "pip install 'gitops-bot[aws]'" in told
    assert "docker-credential-ecr-login" in told


def test_the_public_gallery_is_read_anonymously_unless_the_environment_names_an_identity(
    servers: Internet, amazon: Amazon, tmp_path: Path
) -> None:
    shown: list[str] = []

    def gallery(call: Call) -> Said:
        shown.append(call.headers.get("authorization", "nobody"))
        return document({"name": "acme/web", "tags": ["v1"]})

    servers.answers[PUBLIC.registry] = gallery
    with Registry({}, instance(servers, tmp_path), StillClock()) as registry:
        assert registry.served(PUBLIC, Pin()).login.startswith("anonymously")
    assert {call.host for call in servers.calls} == {PUBLIC.registry}
    with Registry({}, irsa(servers, tmp_path), StillClock()) as registry:
        assert "from AWS" in registry.served(PUBLIC, Pin()).login
    assert set(shown) == {"nobody"}
