from __future__ import annotations

import pytest

from gitops_bot.edges.registry.credentials import Basic, Credential, IdentityToken, Login, RegistryToken, basic, secrets


@pytest.mark.parametrize("credential", [Basic("ada", "hunter2"), IdentityToken("hunter2"), RegistryToken("hunter2")])
def test_a_secret_is_in_no_repr(credential: Credential) -> None:
    assert "hunter2" not in repr(credential) + repr(Login(credential, "a file"))


def test_a_password_beyond_ascii_goes_as_utf_8() -> None:
    assert basic(Basic("ada", "schön:er")) == "Basic YWRhOnNjaMO2bjplcg=="


def test_every_form_of_a_secret_is_known() -> None:
    assert secrets(Basic("ada", "hunter2")) == ("hunter2", "YWRhOmh1bnRlcjI=")
    assert secrets(IdentityToken("hunter2")) == ("hunter2", "PHRva2VuPjpodW50ZXIy")
    assert secrets(RegistryToken("hunter2")) == ("hunter2",)
    assert secrets(None) == ()
