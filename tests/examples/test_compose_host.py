"""examples/compose-host: every image is an entry, and a release of one is a pull request that changes its pin alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets import dotenv
from gitops_bot.targets.compose import ComposeTarget, substitute
from gitops_bot.targets.env import EnvTarget
from gitops_bot.targets.pin_file import edit
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

EXAMPLE = PROJECT / "examples" / "compose-host"
FILES = {name: (EXAMPLE / name).read_bytes() for name in ("compose.yaml", ".env", "gitops-bot.yaml")}
COMPOSE = ComposeTarget().beside(FILES).read(FILES["compose.yaml"], "compose.yaml")
ENV = EnvTarget().beside(FILES).read(FILES[".env"], ".env")
PINNED = re.compile(r"(?P<repository>[a-z./]+):(?P<tag>[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})")
NEW = Pin("v9.8.7", f"sha256:{'0a' * 32}")


def images(env: bytes) -> set[str]:
    """What docker compose would run, with these variables."""
    services = yaml.safe_load(FILES["compose.yaml"])["services"].values()
    found = {substitute(service["image"], dotenv.values(env.decode())) for service in services}
    assert None not in found
    return {image for image in found if image is not None}


def test_every_image_that_runs_is_an_entry_with_a_digest() -> None:
    entries = [*COMPOSE.entries, *ENV.entries]
    assert [entry.name for entry in entries] == ["db", "WEB_IMAGE", "API_TAG"]
    assert [entry.refusal for entry in entries] == [None] * 3
    assert {f"{entry.image}:{entry.pin}" for entry in entries} == images(FILES[".env"])
    assert all(PINNED.fullmatch(image) for image in images(FILES[".env"]))


@pytest.mark.parametrize("name", [entry.name for entry in ENV.entries])
def test_an_edit_of_the_variables_changes_the_pin_alone(name: str) -> None:
    (entry,) = (entry for entry in ENV.entries if entry.name == name)
    assert entry.pin.tag is not None
    assert entry.pin.digest is not None
    assert NEW.tag is not None
    assert NEW.digest is not None
    after = edit(ENV, [Assignment(name, NEW)])
    expected = FILES[".env"].replace(entry.pin.digest.encode(), NEW.digest.encode())
    assert after == expected.replace(entry.pin.tag.encode(), NEW.tag.encode())
    assert images(after) - images(FILES[".env"]) == {f"{entry.image}:{NEW}"}


def test_no_secret_is_in_git() -> None:
    assert set(dotenv.values(FILES[".env"].decode())) == {"WEB_IMAGE", "API_TAG", "API_DIGEST", "WEB_PORT"}
    services = yaml.safe_load(FILES["compose.yaml"])["services"].values()
    assert {name for service in services for name in service["env_file"]} == {"/etc/shop/secrets.env"}


def test_the_host_pulls_the_branch_and_the_images_and_starts_them() -> None:
    unit = (EXAMPLE / "deploy.service").read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert "\nType=oneshot\n" in unit  # only then may there be several commands, each after the success of the last
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert f"`{' && '.join(commands)}`" in readme
    for name in ("service", "timer"):
        assert f"/etc/systemd/system/shop-deploy.{name}" in readme
    timer = (EXAMPLE / "deploy.timer").read_text(encoding="utf-8")
    assert "\nUnit=shop-deploy.service\n" in timer


def test_a_release_fails_unless_every_service_gets_healthy() -> None:
    unit = (EXAMPLE / "deploy.service").read_text(encoding="utf-8")
    assert re.findall(r"^ExecStart=docker compose up (.*)$", unit, re.MULTILINE) == ["--wait --wait-timeout 300"]
    services = yaml.safe_load(FILES["compose.yaml"])["services"]
    checked = {name for name, service in services.items() if "healthcheck" in service}
    assert services.keys() - checked == {"worker"}  # it serves nothing, so it only has to run
    awaited = {name: how for service in services.values() for name, how in service.get("depends_on", {}).items()}
    assert awaited == {name: {"condition": "service_healthy"} for name in ("api", "db")}


def test_the_bot_checks_it_and_proposes_a_newer_image_in_the_variables_alone(worldwide: World) -> None:
    def led(deploy: Deploy) -> dict[str, bytes]:
        """The repository, with its images in the registry of this machine."""
        pinned = {f"{entry.image}": entry.pin for entry in (*COMPOSE.entries, *ENV.entries)}
        found = {}
        for name, data in FILES.items():
            text = data.decode()
            for repository, pin in pinned.items():
                app = repository.rpartition("/")[2]
                assert pin.tag is not None
                assert pin.digest is not None
                text = text.replace(pin.digest, deploy.push(app, pin.tag)).replace(repository, deploy.image(app))
            found[name] = text.encode()
        return found

    deploy = worldwide.deploy(led)
    before = deploy.files("main")
    digest = deploy.push("api", "v2.8.0")
    done = deploy.ask("update", "production")
    assert done.code == 0, done.err
    after = deploy.files(deploy.pull()["head"]["ref"])
    assert {name for name in after if after[name] != before[name]} == {".env"}
    pin = re.sub(rb"API_DIGEST=\S+", b"API_DIGEST=" + digest.encode(), before[".env"].replace(b"v2.7.3", b"v2.8.0"))
    assert after[".env"] == pin
