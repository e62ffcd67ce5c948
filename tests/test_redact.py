"""What is struck out of a text before anybody sees it, and what never is."""

from __future__ import annotations

import json

import pytest

from gitops_bot import redact
from gitops_bot.images.reference import Pin
from tests.secret_forms import FORMS, KEY
from tests.tables import rows

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setattr(redact, "_passing", redact.deque(maxlen=3))


def test_a_known_form_is_struck_out() -> None:
    for name, (text, secret) in FORMS.items():
        shown = redact.strike(text)
        assert "***" in shown, name
        assert not [part for part in secret if part in shown], name
        assert redact.strike(shown) == shown, name


@rows("text shown", {
    "address": ("git fetch https://ada:x@host.invalid/a b", "git fetch https://***@host.invalid/a b"),
    "header": ("Authorization: Bearer abc, and more", "Authorization: ***, and more"),
    "docker": ('{"auth": "eHg6eHg=", "email": "a@b.c"}', '{"auth": "***", "email": "a@b.c"}'),
    "token": ("no, ghp_0123456789abcdefghij may not", "no, *** may not"),
    "key": (f"a\n{KEY}\nb", "a\n***\n***\n***\n***\nb"),
    "what stands behind half a key": (
        f"{KEY[:70]}\nimages:\n- name: web\n  newTag: 1.0.0\n", "***\n***\n***\n***:\n- name: web\n  newTag: 1.0.0\n",
    ),
})  # fmt: skip
def test_what_stands_around_a_secret_stays(text: str, shown: str) -> None:
    assert redact.strike(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        *(f"ghcr.io/acme/web:v1.4.2@{DIGEST}", f"docker://web@{DIGEST}", "mail to ada@acme.invalid"),
        *("sha-3f2a1b4c5d6e7f8091a2b3c4d5e6f708192a3b4c", "main-eyJ", "glibc-2.39-20260101.0123456789"),
        "https://github.com/acme/deploy/pull/41#issuecomment-1",
        "https://ghcr.io/token?service=ghcr.io&scope=repository:acme/web:pull",
        *("ssh://git@github.com/acme/deploy.git", "git@github.com:acme/deploy.git"),
        "`docker login ghcr.io`, or `registries: {ghcr.io: {username: NAME, password_env: VARIABLE}}`",
        "set GITHUB_TOKEN or GH_TOKEN to a token that is valid and not expired",
        'WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
        "Basic authentication failed; authorization: denied",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "  newTag: ghp_short",
        "token_server: the token server auth.docker.io answered 401",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact.strike(text) == text
    assert redact.printable(text) == text


@rows("secret text", {
    "as it is": ("correct horse", "no, correct horse may not"),
    "in an address": ("correct horse", "GET /?password=correct%20horse"),
    "in JSON": ('pa"ss\\word', json.dumps('the password is pa"ss\\word')),
    "not ASCII": ("passwörd-1", "passwörd-1 or passw%C3%B6rd-1"),
    "from echo": ("ends-in-a-line-break\n", "ends-in-a-line-break."),
    "a line of it": (f"first-half\n{'x' * 20}\n", f"remote: {'x' * 20}"),
    "inside of a longer one": ("overlapping", "overlapping overlapping-more"),
})  # fmt: skip
def test_a_secret_that_was_learnt_is_struck_out(secret: str, text: str) -> None:
    assert redact.strike(text) == text
    redact.learn(secret, "overlapping-more", None, "")
    shown = redact.strike(text)
    assert "***" in shown
    for part in (*secret.split("\n"), "more", "%20horse", "rd-1"):
        assert not part.strip() or part not in shown


def test_a_word_that_is_too_short_to_be_told_from_others_stays() -> None:
    redact.learn("main", "test\n")
    assert redact.strike("the branch main of test") == "the branch main of test"


def test_of_those_that_pass_the_newest_are_known_and_the_others_for_ever() -> None:
    redact.learn("stays-for-ever")
    for number in range(5):
        redact.learn(f"passes-{number}", passing=True)
    redact.learn("stays-for-ever", passing=True)
    text = "stays-for-ever passes-0 passes-1 passes-2 passes-3 passes-4"
    assert redact.strike(text) == "*** passes-0 passes-1 *** *** ***"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\x07b", "a\\x1b[2J\\x07b"),
        ("::set-output name=x::y", "\\x3a:set-output name=x::y"),
        ("a\n \t::error::owned", "a\n \t\\x3a:error::owned"),
        ("a\r::error::owned", "a\\r::error::owned"),
        ("a\u2028::error::owned\x85", "a\\u2028::error::owned\\x85"),
        ("x ##[error]y ##vso[task.x]", "x \\x23#[error]y \\x23#vso[task.x]"),
        ("a\u202eb\u200bc\ud800", "a\\u202eb\\u200bc\\ud800"),
        ("Grüße\tétage, a::b, # 1", "Grüße\tétage, a::b, # 1"),
        ("\x1b]0;ghp_0123456789abcdefghij\x07", "\\x1b]0;***\\x07"),
    ],
)
def test_nothing_that_a_terminal_or_a_log_obeys_is_printed(text: str, shown: str) -> None:
    assert redact.printable(text) == shown


def test_a_document_is_struck_at_every_depth_and_stays_what_it_is() -> None:
    token = "ghp_0123456789abcdefghij"
    given = {"token": token, "a": [{"b": (token, 1, None, True, 1.5)}], "digest": DIGEST}
    assert redact.strike_all(given) == {"token": "***", "a": [{"b": ("***", 1, None, True, 1.5)}], "digest": DIGEST}
    assert redact.strike_all(Pin(token)) == Pin("***")


@pytest.mark.parametrize("beside", ["", "x", "***", "https://***@", "token=", "authorization:", KEY[:40], "\\", "\n"])
def test_what_stands_beside_a_secret_in_a_document_does_not_hide_it(beside: str) -> None:
    for text, _ in FORMS.values():
        texts = [beside, text, beside]
        assert redact.strike_all(texts) == [redact.strike(one) for one in texts], text


@pytest.mark.parametrize(
    "part", ["a@", "://", "authorization:", '"token":"', "eyJ", "ghp_", "-----BEGIN PRIVATE KEY-----\n", "bearer     "]
)
def test_a_long_hostile_text_is_through_in_no_time(part: str) -> None:
    """Where a form looked at the same text again and again, this would take hours."""
    assert len(redact.printable("http://" + part * (300_000 // len(part)))) > 0
