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
    Credential,
    Credentials,
    IdentityToken,
    Login,
    Once,
    RegistryToken,
    ask_helper,
    basic,
    credential_files,
    read_config,
    secrets,
)
from gitops_bot.edges.registry.failure import NoLogin
from gitops_bot.images.reference import ImageName
from tests.tables import rows

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


@pytest.mark.parametrize("environ", [{}, {"GHCR_TOKEN": ""}, {"GHCR_TOKEN": "\n"}])
def test_a_password_that_is_not_set_is_an_error_that_names_the_variable(environ: dict[str, str]) -> None:
    with pytest.raises(NoLogin, match="GHCR_TOKEN, which is not set") as failure:
        login(environ, ghcr_io=RegistryAccess(username="bot", password_env="GHCR_TOKEN"))
    assert "`registries:`" in failure.value.advice


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


def test_a_helper_is_asked_once_however_many_want_to_know(tmp_path: Path) -> None:
    helper(tmp_path / "bin", "store", """echo '{"Username": "store", "Secret": "s"}'""")
    write(tmp_path / ".docker/config.json", {"credsStore": "store"})
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    credentials = Credentials({}, environ)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: credentials.login(ImageName("ghcr.io", f"acme/{number}")), range(32)))
    assert {each.credential for each in found} == {Basic("store", "s")}
    assert (tmp_path / "bin/asked").read_text().splitlines() == ["ghcr.io"]


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


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ADA = Basic("ada", "hunter2")
AUTH = {"auth": encoded("ada:hunter2")}
NGINX = ImageName("docker.io", "library/nginx")

FOUND: list[tuple[str, ImageName, dict[str, Any], Credential]] = [
    ("by host", WEB, {"ghcr.io": AUTH}, ADA),
    ("by address", WEB, {"https://ghcr.io": AUTH}, ADA),
    ("by address with a version", WEB, {"https://ghcr.io/v2/": AUTH}, ADA),
    ("in any case", WEB, {"GHCR.IO": AUTH}, ADA),
    ("by repository", WEB, {"ghcr.io": {}, "ghcr.io/acme/web": AUTH}, ADA),
    ("by the nearest above", WEB, {"ghcr.io": {"auth": encoded("bob:x")}, "ghcr.io/acme": AUTH}, ADA),
    ("with a port", ImageName("a.test:5000", "web"), {"a.test:5000": AUTH}, ADA),
    ("Docker Hub's old address", NGINX, {"https://index.docker.io/v1/": AUTH}, ADA),
    ("Docker Hub by name", NGINX, {"docker.io": AUTH}, ADA),
    ("in plain", WEB, {"ghcr.io": {"username": "ada", "password": "hunter2"}}, ADA),
    ("a colon in the password", WEB, {"ghcr.io": {"auth": encoded("ada:a:b")}}, Basic("ada", "a:b")),
    ("padded with zeros", WEB, {"ghcr.io": {"auth": encoded("ada:hunter2\0\0")}}, ADA),
    ("an identity token", WEB, {"ghcr.io": {**AUTH, "identitytoken": "i"}}, IdentityToken("i")),
    ("a registry token", WEB, {"ghcr.io": {"registrytoken": "r"}}, RegistryToken("r")),
    (
        "Azure's identity token", WEB, {"ghcr.io": {"auth": encoded("00000000-0000-0000-0000-000000000000:i")}},
        IdentityToken("i", "00000000-0000-0000-0000-000000000000"),
    ),
    ("by a pattern of Kubernetes", WEB, {"*.io": AUTH}, ADA),
    ("by a pattern with a path", WEB, {"gh*.io/acme": AUTH, "*.io": {"auth": encoded("bob:x")}}, ADA),
    ("by its name before a pattern", WEB, {"*.io": {"auth": encoded("bob:x")}, "ghcr.io": AUTH}, ADA),
]  # fmt: skip
NOT_FOUND: list[tuple[str, Any]] = [
    ("nothing at all", {}),
    ("another host", {"auths": {"quay.io": AUTH}}),
    ("a host that ends alike", {"auths": {"evilghcr.io": AUTH, "io": AUTH}}),
    ("a pattern of fewer labels", {"auths": {"*": AUTH, "*.*.io": AUTH, "*.com": AUTH}}),
    ("another repository", {"auths": {"ghcr.io/acme/we": AUTH, "ghcr.io/acme/web/x": AUTH}}),
    ("an empty entry, as beside a store", {"auths": {"ghcr.io": {}}}),
    ("an entry that is none", {"auths": {"ghcr.io": "ada"}}),
    ("a section that is none", {"auths": []}),
    ("an empty password", {"auths": {"ghcr.io": {"auth": "", "username": "ada", "password": ""}}}),
]


def config(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(("image", "auths", "credential"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_an_entry_is_found(tmp_path: Path, image: ImageName, auths: object, credential: Credential) -> None:
    read = read_config(config(tmp_path, {"auths": auths}))
    assert read is not None
    assert read.credential(image) == credential


@pytest.mark.parametrize("document", [row[1] for row in NOT_FOUND], ids=[row[0] for row in NOT_FOUND])
def test_no_entry_is_found(tmp_path: Path, document: object) -> None:
    read = read_config(config(tmp_path, document))
    assert read is not None
    assert read.credential(WEB) is None


@pytest.mark.parametrize("auth", ["c2VjcmV0", "no base 64", encoded("secret"), "/////w=="])
def test_an_entry_that_cannot_be_read_is_an_error_without_it(tmp_path: Path, auth: str) -> None:
    path = config(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}})
    read = read_config(path)
    assert read is not None
    with pytest.raises(NoLogin, match=f"the entry for ghcr.io in {path} cannot be read") as failure:
        read.credential(WEB)
    assert auth not in str(failure.value)
    assert failure.value.__suppress_context__


def test_helpers_and_store(tmp_path: Path) -> None:
    document = {"credHelpers": {"https://index.docker.io/v1/": "desktop", "ghcr.io": "pass", "a": 1}, "credsStore": "x"}
    read = read_config(config(tmp_path, document))
    assert read is not None
    assert (read.helpers, read.store) == ({"docker.io": "desktop", "ghcr.io": "pass"}, "x")


@pytest.mark.parametrize("text", ["", "{", '{"auths": ' + "[" * 100_000, "[]", "null", "\xff"])
def test_a_file_that_is_no_configuration_is_an_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(NoLogin, match="is not ") as failure:
        read_config(path)
    assert str(path) in failure.value.what


def test_a_file_that_is_there_and_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NoLogin, match="/proc/self/mem cannot be read: Input/output error"):
        read_config(Path("/proc/self/mem"))


def test_there_need_not_be_a_file(tmp_path: Path) -> None:
    assert read_config(tmp_path / "config.json") is None
    assert read_config(tmp_path) is None
    assert read_config(tmp_path / ("x" * 5000)) is None
    (tmp_path / "file").touch()
    assert read_config(tmp_path / "file" / "config.json") is None


def install(folder: Path, script: str, name: str = "test") -> dict[str, str]:
    """Put a helper of that name on a PATH of its own; gives the environment."""
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "VAULT": "open"}


def test_a_helper_gets_the_server_and_the_environment_and_gives_a_password(tmp_path: Path) -> None:
    environ = install(
        tmp_path,
        f"""printf '%s' "$*" > {tmp_path}/arguments; cat > {tmp_path}/input; printf '%s' "$VAULT" > {tmp_path}/vault
        echo '{{"ServerURL": "ghcr.io", "Username": "ada", "Secret": "hunter2"}}'""",
    )
    assert ask_helper("test", "ghcr.io", environ) == Basic("ada", "hunter2")
    assert (tmp_path / "arguments").read_text() == "get"
    assert (tmp_path / "input").read_bytes() == b"ghcr.io"
    assert (tmp_path / "vault").read_text() == "open"


@rows("script expected", {
    "an identity token": ("""echo '{"Username": "<token>", "Secret": "i"}'""", IdentityToken("i")),
    "nothing": ("echo 'credentials not found in native keychain'; exit 1", None),
    "nothing, without a word": ("""echo '{"Username": "", "Secret": ""}'""", None),
})  # fmt: skip
def test_a_helper_may_give_an_identity_token_or_nothing(
    tmp_path: Path, script: str, expected: IdentityToken | None
) -> None:
    assert ask_helper("test", "ghcr.io", install(tmp_path, script)) == expected


FAILURES = [
    ("a failure with a message", "echo 'vault is sealed'; exit 1", "docker-credential-test failed: vault is sealed"),
    ("a failure without one", "exit 3", "docker-credential-test failed: 3"),
    ("escape sequences", r"printf '\033[31mred\n'; exit 1", r"failed: \[31mred$"),
    ("no JSON", "echo hunter2", "gave an answer that cannot be read"),
    ("no object", "echo '[\"hunter2\"]'", "gave an answer that cannot be read"),
    ("no secret", """echo '{"Username": "hunter2"}'""", "gave an answer that cannot be read"),
    ("a secret that is none", """echo '{"Username": "ada", "Secret": ["hunter2"]}'""", "gave an answer that cannot"),
    ("no text", r"printf '\377\376'", "gave an answer that cannot be read"),
]


@pytest.mark.parametrize(("script", "words"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_helper_that_fails(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(NoLogin, match=words) as failure:
        ask_helper("test", "ghcr.io", install(tmp_path, script))
    assert failure.value.advice == "Run it by hand: echo ghcr.io | docker-credential-test get"
    assert "hunter2" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_a_helper_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoLogin, match="docker-credential-test is not installed"):
        ask_helper("test", "ghcr.io", {"PATH": str(tmp_path)})
    with pytest.raises(NoLogin, match="docker-credential-test is not installed"):
        ask_helper("test", "ghcr.io", {})


def test_a_helper_that_never_ends(tmp_path: Path) -> None:
    with pytest.raises(NoLogin, match=r"docker-credential-test did not answer within 0\.01 s"):
        ask_helper("test", "ghcr.io", install(tmp_path, "exec tail -f /dev/null"), 0.01)


def test_a_helper_that_does_not_run(tmp_path: Path) -> None:
    environ = install(tmp_path, "")
    (tmp_path / "docker-credential-test").write_text("#!/no/such/program\n")
    with pytest.raises(NoLogin, match="docker-credential-test does not run: No such file or directory"):
        ask_helper("test", "ghcr.io", environ)


@pytest.mark.parametrize("name", ["../evil", "a/b", "-x", "", "a b", "a;b", "a\n", "a" * 65])
def test_a_name_that_is_none_is_not_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoLogin, match="cannot be the name of a credential helper"):
        ask_helper(name, "ghcr.io", {"PATH": str(tmp_path)})


def test_a_failure_is_an_answer_too() -> None:
    once: Once[int] = Once()
    asked: list[int] = []

    def ask() -> int:
        asked.append(1)
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            once.get("key", ask)
    assert asked == [1]
    assert once.get("another key", lambda: 7) == 7
