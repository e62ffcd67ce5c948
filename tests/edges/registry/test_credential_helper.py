from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.registry.credentials import Basic, IdentityToken, ask_helper
from gitops_bot.edges.registry.failure import NoLogin

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_helper_may_give_an_identity_token(tmp_path: Path) -> None:
    environ = install(tmp_path, """echo '{"Username": "<token>", "Secret": "identity"}'""")
    assert ask_helper("test", "ghcr.io", environ) == IdentityToken("identity")


@pytest.mark.parametrize(
    "script",
    ["echo 'credentials not found in native keychain'; exit 1", """echo '{"Username": "", "Secret": ""}'"""],
    ids=["said", "empty"],
)
def test_a_helper_may_have_nothing(tmp_path: Path, script: str) -> None:
    assert ask_helper("test", "ghcr.io", install(tmp_path, script)) is None


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
