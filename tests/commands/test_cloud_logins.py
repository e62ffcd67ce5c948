"""Whole commands that log in at the registries of clouds as the workload that they run in."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import CONFIG, WEB
from tests.commands.running import running
from tests.counterparts import amazon, azure, google
from tests.counterparts.internet import METADATA, Said, internet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.counterparts.internet import Internet
    from tests.counterparts.world import Deploy, World

HOSTS = (
    *(amazon.HOST, amazon.API, amazon.STS),
    *(azure.HOST, azure.ENTRA),
    google.HOST,
)
IMAGES = (f"{amazon.HOST}/web", f"{azure.HOST}/web", f"{google.HOST}/acme/prod/web")


class Clouds:
    """All three, each with a registry that has 1.0.0 and 1.1.0."""

    def __init__(self, servers: Internet, folder: Path) -> None:
        tags = ("1.0.0", "1.1.0")
        self.servers, self.folder = servers, folder
        self.amazon, self.azure, self.google = amazon.Amazon(tags), azure.Azure(tags), google.Google(tags)
        servers.answers |= {
            METADATA: self.google.metadata,
            amazon.HOST: self.amazon.registry,
            amazon.API: self.amazon.ecr,
            amazon.STS: self.amazon.sts,
            azure.HOST: self.azure.registry,
            azure.ENTRA: self.azure.entra,
            google.HOST: self.google.registry,
        }

    def environ(self, deploy: Deploy) -> dict[str, str]:
        return {
            **deploy.env,
            **amazon.irsa(self.servers, self.folder),
            **azure.workload(self.servers, self.folder),
            **google.metadata(self.servers),
        }

    @property
    def secrets(self) -> set[str]:
        """Everything that was shown or given, as it was written down on the way."""
        passwords = {f"AWS:{each}" for each in self.amazon.given} | {
            f"oauth2accesstoken:{each}" for each in self.google.given
        }
        headers = (call.headers.get("authorization", "") for call in self.servers.calls)
        shown = {header.partition(" ")[2] for header in headers if header}
        return {
            *(amazon.ASSERTION, azure.ASSERTION, azure.ENTRA_TOKEN),
            *self.amazon.given,
            *self.amazon.sessions.values(),
            *self.azure.refresh,
            *self.google.given,
            *(base64.b64encode(each.encode()).decode() for each in passwords),
            *shown,
        }


@pytest.fixture
def clouds(tmp_path: Path) -> Iterator[Clouds]:
    with internet(tmp_path, *HOSTS) as servers:
        yield Clouds(servers, tmp_path)


@pytest.fixture
def deploy(worldwide: World) -> Deploy:
    entries = "".join(f"- name: {image}\n  newTag: 1.0.0\n" for image in IMAGES)
    return worldwide.deploy(lambda _: {"gitops-bot.yaml": CONFIG, WEB: f"images:\n{entries}".encode()})


def test_a_plan_reads_every_cloud_and_shows_no_secret(clouds: Clouds, deploy: Deploy) -> None:
    done = deploy.bot("plan", "-v", "--log-format", "json", env=clouds.environ(deploy))
    assert done.code == 0, done.out + done.err
    assert done.out.count("1.1.0") >= len(IMAGES)
    for image in IMAGES:
        assert image.partition("/")[0] in done.out
    assert len(clouds.secrets) >= 12
    for secret in clouds.secrets:
        assert secret not in done.out + done.err


def test_a_plan_where_every_cloud_fails_shows_no_secret(clouds: Clouds, deploy: Deploy) -> None:
    for host in (amazon.STS, azure.ENTRA, METADATA):
        clouds.servers.answers[host] = lambda call: Said(403, call.body)  # which repeats what it was shown
    done = deploy.bot("plan", "-v", env=clouds.environ(deploy))
    assert done.code == 1
    for image in IMAGES:
        assert f"no login for {image.partition('/')[0]}" in (done.out + done.err).lower()
    for secret in (amazon.ASSERTION, azure.ASSERTION):
        assert secret not in done.out + done.err


def test_doctor_says_which_login_is_used_for_each_registry(clouds: Clouds, deploy: Deploy) -> None:
    done = deploy.bot("doctor", env=clouds.environ(deploy))
    told = " ".join(done.out.split())
    assert "with the user name and password from AWS (assume-role-with-web-identity)" in told
    assert "with the identity token from Azure workload identity" in told
    assert "with the user name and password from the metadata server of Google" in told


def test_a_process_that_stays_keeps_its_logins_from_cycle_to_cycle(clouds: Clouds, deploy: Deploy) -> None:
    with running(deploy, env=clouds.environ(deploy)) as bot:
        for _ in range(3):
            assert bot.until("cycle.ended")["failed"] == 0
    assert [len(each) for each in (clouds.amazon.given, clouds.azure.refresh, clouds.google.given)] == [1, 1, 1]
