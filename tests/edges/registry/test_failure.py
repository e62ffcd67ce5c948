from __future__ import annotations

import json

import pytest

from gitops_bot.edges.http.transport import SHOWN, clean
from gitops_bot.edges.registry.failure import error_message

BODIES = [
    ("a registry", {"errors": [{"code": "DENIED", "message": "no access", "detail": [{"a": 1}]}]}, "DENIED: no access"),
    ("only the first of many", {"errors": [{"code": "A"}, {"code": "B"}]}, "A"),
    ("without a message", {"errors": [{"code": "NAME_UNKNOWN", "message": ""}]}, "NAME_UNKNOWN"),
    ("a token server", {"details": "incorrect username or password"}, "incorrect username or password"),
    ("OAuth", {"error": "invalid_grant", "error_description": "expired"}, "invalid_grant: expired"),
    ("GitHub's API", {"message": "Not Found", "status": "404"}, "Not Found"),
    ("numbers where words should be", {"errors": [{"code": 7, "message": None}]}, ""),
    ("no errors", {"errors": []}, ""),
    ("errors that are none", {"errors": ["no"]}, ""),
    ("a list", [1], ""),
]


@pytest.mark.parametrize(("document", "words"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_the_message_of_a_body(document: object, words: str) -> None:
    assert error_message(json.dumps(document).encode(), ()) == words


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"\xff\xfe", b"[" * 50_000, b'{"message": "cut', b"1" * 10_000]
)
def test_a_body_without_a_message_says_nothing(body: bytes) -> None:
    assert error_message(body, ()) == ""


def test_control_and_invisible_characters_are_taken_out() -> None:
    assert clean("a\x1b[31mred\x07\r\n\u202eevil\u200b\u2028b\x85c\ud800") == "a [31mred evil b c"


def test_a_long_message_is_cut() -> None:
    assert clean("word " * 1000) == ("word " * 40)[: SHOWN - 1] + "…"
    assert clean("x" * SHOWN) == "x" * SHOWN


def test_secrets_are_struck_out_the_longer_ones_first() -> None:
    assert clean("not hunter2 but hunter2hunter2, hm", ["hunter2", "hunter2hunter2", ""]) == "not *** but ***, hm"
