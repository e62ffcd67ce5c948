from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.registry.credentials import (
    Basic,
    Credentials,
    IdentityToken,
    Login,
    RegistryToken,
    basic,
    credential_files,
    secrets,
)
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.images.reference import ImageName

WEB = ImageName("ghcr.io", "acme/web")
HUB = ImageName("docker.io", "library/nginx")


def entry(user: str) -> dict[str, Any]:
    return {"auth": base64.b64encode(f"{user}:hunter2".encode()).decode()}


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def helper(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / f"docker-credential-{name}"
    file.write_text(f'#!/bin/sh\necho "$(cat)" >> {folder}/asked\n{script}\n')
    file.chmod(0o755)


def login(environ: dict[str, str], image: ImageName = WEB, **access: RegistryAccess) -> Login:
    return Credentials({name.replace("_", "."): each for name, each in access.items()}, environ).login(image)


def test_the_places_in_their_order() -> None:
    environ = {"HOME": "/users/a", "REGISTRY_AUTH_FILE": "/run/auth", "XDG_RUNTIME_DIR": "/run/user/1"}
    rest = [Path("/run/auth"), Path("/run/user/1/containers/auth.json"), Path("/users/a/.config/containers/auth.json")]
    assert credential_files(environ) == (Path("/users/a/.docker/config.json"), *rest)
    assert credential_files({**environ, "DOCKER_CONFIG": "/etc/docker"}) == (Path("/etc/docker/config.json"), *rest)
    assert credential_files({}) == ()


def test_the_first_place_that_knows_the_registry_counts(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path / "home"), "REGISTRY_AUTH_FILE": str(tmp_path / ".dockerconfigjson")}
    docker = write(tmp_path / "home/.docker/config.json", {"auths": {"quay.io": entry("docker")}})
    podman = write(tmp_path / ".dockerconfigjson", {"auths": {"ghcr.io": entry("podman"), "quay.io": entry("podman")}})
    write(tmp_path / "home/.config/containers/auth.json", {"auths": {"ghcr.io": entry("last")}})
    assert login(environ) == Login(Basic("podman", "hunter2"), str(podman))
    assert login(environ, ImageName("quay.io", "a")) == Login(Basic("docker", "hunter2"), str(docker))


def test_the_configuration_comes_first(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": entry("docker")}})
    environ = {"HOME": str(tmp_path), "GHCR_TOKEN": "hunter3\n"}
    found = login(environ, ghcr_io=RegistryAccess(username="bot", password_env="GHCR_TOKEN"))
    assert found == Login(Basic("bot", "hunter3"), "the environment variable GHCR_TOKEN")


def test_a_configuration_without_a_password_leaves_the_files_to_say(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": entry("docker")}})
    assert login({"HOME": str(tmp_path)}, ghcr_io=RegistryAccess(rate=5)).credential == Basic("docker", "hunter2")


@pytest.mark.parametrize("environ", [{}, {"GHCR_TOKEN": ""}, {"GHCR_TOKEN": "\n"}])
def test_a_password_that_is_not_set_is_an_error_that_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(NoLogin, match="GHCR_TOKEN, which is not set") as failure:
        login(environ, ghcr_io=RegistryAccess(username="bot", password_env="GHCR_TOKEN"))
    assert "`registries:`" in failure.value.advice


def test_a_password_is_for_its_own_registry_only() -> None:
    found = login({"GHCR_TOKEN": "x"}, HUB, ghcr_io=RegistryAccess(username="bot", password_env="GHCR_TOKEN"))
    assert found == Login(None, "no credentials found for docker.io")


def test_the_token_of_the_forge_is_never_taken_by_itself() -> None:
    found = login({"GITHUB_TOKEN": "x", "GH_TOKEN": "y", "HOME": "/nowhere"})
    assert found == Login(None, "no credentials found for ghcr.io")


def test_a_helper_for_the_registry_beats_the_store_and_the_store_the_file(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    helper(bin_, "own", """echo '{"Username": "own", "Secret": "s"}'""")
    helper(bin_, "store", """echo '{"Username": "store", "Secret": "s"}'""")
    document: dict[str, Any] = {"auths": {"ghcr.io": entry("file")}, "credsStore": "store"}
    environ = {"HOME": str(tmp_path), "PATH": f"{bin_}:/usr/bin:/bin"}
    write(tmp_path / ".docker/config.json", document)
    assert login(environ) == Login(Basic("store", "s"), "docker-credential-store")
    write(tmp_path / ".docker/config.json", {**document, "credHelpers": {"ghcr.io": "own"}})
    assert login(environ) == Login(Basic("own", "s"), "docker-credential-own")
    assert login(environ, HUB) == Login(Basic("store", "s"), "docker-credential-store")
    assert (bin_ / "asked").read_text().splitlines() == ["ghcr.io", "ghcr.io", "https://index.docker.io/v1/"]


def test_a_helper_that_has_nothing_leaves_it_to_the_file(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "store", "echo 'credentials not found in native keychain'; exit 1")
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": entry("file")}, "credsStore": "store"})
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    assert login(environ).credential == Basic("file", "hunter2")
    assert login(environ, HUB) == Login(None, "no credentials found for docker.io")


def test_a_helper_for_the_registry_that_fails_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / ".docker/config.json", {"credHelpers": {"ghcr.io": "own"}})
    with pytest.raises(NoLogin, match="docker-credential-own is not installed") as failure:
        login({"HOME": str(tmp_path), "PATH": ""})
    assert str(path) in failure.value.what


def test_a_store_that_fails_leaves_public_images_alone_and_is_remembered(tmp_path: Path) -> None:
    path = write(tmp_path / ".docker/config.json", {"credsStore": "desktop"})
    found = login({"HOME": str(tmp_path), "PATH": ""})
    assert found.credential is None
    assert "docker-credential-desktop is not installed" in found.source
    assert str(path) in found.source


def test_a_store_that_fails_does_not_hide_the_next_place(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"credsStore": "desktop"})
    write(tmp_path / ".config/containers/auth.json", {"auths": {"ghcr.io": entry("podman")}})
    assert login({"HOME": str(tmp_path), "PATH": ""}).credential == Basic("podman", "hunter2")


def test_a_helper_is_asked_once_however_many_want_to_know(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "store", """echo '{"Username": "store", "Secret": "s"}'""")
    write(tmp_path / ".docker/config.json", {"credsStore": "store"})
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    credentials = Credentials({}, environ)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: credentials.login(ImageName("ghcr.io", f"acme/{number}")), range(32)))
    assert {each.credential for each in found} == {Basic("store", "s")}
    assert (tmp_path / "bin/asked").read_text().splitlines() == ["ghcr.io"]


def test_a_file_that_cannot_be_read_is_an_error_for_every_image(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    credentials = Credentials({}, {"DOCKER_CONFIG": str(tmp_path)})
    for image in (WEB, HUB):
        with pytest.raises(NoLogin, match="is not "):
            credentials.login(image)


UNSENDABLE: list[tuple[str, dict[str, str]]] = [
    ("a registry token beyond ASCII", {"registrytoken": "sécret"}),
    ("a registry token with a line break", {"registrytoken": "se\ncret"}),
    ("an identity token with half a character", {"identitytoken": "secret\ud800"}),
    ("a password with half a character", {"username": "ada", "password": "secret\ud800"}),
    ("a user with half a character", {"username": "ada\udfff", "password": "secret"}),
]


@pytest.mark.parametrize("stored", [row[1] for row in UNSENDABLE], ids=[row[0] for row in UNSENDABLE])
def test_what_http_cannot_carry_is_an_error_without_it(tmp_path: Path, stored: dict[str, str]) -> None:
    path = write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": stored}})
    with pytest.raises(NoLogin, match="have characters that cannot be sent") as failure:
        login({"HOME": str(tmp_path)})
    assert str(path) in failure.value.what
    assert "cret" not in failure.value.what + failure.value.advice


def test_a_password_of_the_environment_that_is_no_text_is_an_error_without_it() -> None:
    with pytest.raises(NoLogin, match="from the environment variable TOKEN have characters") as failure:
        login({"TOKEN": "secret\udcff"}, ghcr_io=RegistryAccess(password_env="TOKEN"))
    assert "secret" not in failure.value.what


def test_a_password_beyond_ascii_can_be_sent(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": {"username": "ada", "password": "pässwort"}}})
    assert login({"HOME": str(tmp_path)}).credential == Basic("ada", "pässwort")


def test_every_form_of_a_secret_is_known_and_in_no_repr() -> None:
    forms = {
        Basic("ada", "hunter2"): ("hunter2", "YWRhOmh1bnRlcjI="),
        IdentityToken("hunter2"): ("hunter2", "PHRva2VuPjpodW50ZXIy"),
        RegistryToken("hunter2"): ("hunter2",),
        None: (),
    }
    for credential, expected in forms.items():
        assert secrets(credential) == expected
        assert "hunter2" not in repr(Login(credential, "a file"))
    assert basic(Basic("ada", "schön:er")) == "Basic YWRhOnNjaMO2bjplcg=="
