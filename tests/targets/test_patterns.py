"""Files that no other target knows: expressions find the pins, and only their groups change."""

from __future__ import annotations

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.patterns import ImagePattern, PatternTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
WEB = "ghcr.io/acme/web"


def target(expression: str, **more: str) -> PatternTarget:
    patterns = {"web": expression, **more}
    return PatternTarget(tuple((name, ImagePattern(WEB, text)) for name, text in patterns.items()))


@pytest.mark.parametrize(
    ("expression", "before", "pin", "after"),
    [
        pytest.param(r"web:(?P<tag>[\w.-]+)@(?P<digest>sha256:[0-9a-f]{64})", f"x = web:1.0.0@{OLD} # ü\r\n",
            Pin("1.1.0", NEW), f"x = web:1.1.0@{NEW} # ü\r\n", id="both"),
        pytest.param(r'(?s)job "web".*?image_tag\s*=\s*"(?P<tag>[^"]+)"',
            'job "api" {\n image_tag = "1"\n}\njob "web" {\n image_tag = "1.0.0"\n}', Pin("1.1.0"),
            'job "api" {\n image_tag = "1"\n}\njob "web" {\n image_tag = "1.1.0"\n}', id="several lines"),
        pytest.param(r"(?m)^DIGEST=(?P<digest>[0-9a-f]{64})$", f"A=1\nDIGEST={'a' * 64}\n", Pin(None, NEW),
            f"A=1\nDIGEST={'b' * 64}\n", id="a digest without its sha256:"),
        pytest.param(r"web:(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:\w+))?", "web:1", Pin("2"), "web:2",
            id="no digest there"),
    ],
)  # fmt: skip
def test_an_edit_replaces_the_groups_alone(expression: str, before: str, pin: Pin, after: str) -> None:
    pins = target(expression).read(before.encode(), "web.nomad")
    (entry,) = pins.entries
    assert (entry.name, str(entry.image), entry.refusal) == ("web", WEB, None)
    assert edit(pins, [Assignment("web", pin)]) == after.encode()
    assert edit(pins, [Assignment("web", entry.pin)]) == before.encode()


@rows("expression text message line", {
    "nothing": ("v(?P<tag>[0-9])", "x", "the pattern of 'web' matches nothing", 1),
    "many": ("v(?P<tag>[0-9])", "v1" * 99, "the pattern of 'web' matches over 10 times (", 1),
    "no tag": ("v(?P<tag>.*)", "\nv$x", "the pattern of 'web' finds '$x', which is not a tag", 2),
    "digest": ("@(?P<digest>.*)", "@v", "the pattern of 'web' finds 'v', which is not a digest", 1),
    "no group": ("v(?P<tag>[0-9])?", "v", "the pattern of 'web' matches without its groups", 1),
})  # fmt: skip
def test_what_does_not_match_exactly_once_is_refused(expression: str, text: str, message: str, line: int) -> None:
    pins = target(expression).read(text.encode(), "x.txt")
    (entry,) = pins.entries
    assert entry.refusal is not None
    assert (entry.refusal.message[: len(message)], entry.refusal.line) == (message, line)
    with pytest.raises(EditError):
        edit(pins, [Assignment("web", Pin("2"))])


def test_two_patterns_of_one_place_are_refused() -> None:
    pins = target("v(?P<tag>[0-9])", other="(?P<tag>[0-9])").read(b"v1", "x.txt")
    assert [entry.refusal is None for entry in pins.entries] == [True, False]


@rows("expression pin message", {
    "no digest": (r"web:(?P<tag>[\w.]+)", Pin("2", NEW), "has no place for a digest"),
    "no match any more": (r"web:(?P<tag>1\.[0-9])", Pin("2.0"), "would not match the result"),
})  # fmt: skip
def test_an_edit_that_the_pattern_does_not_find_again_is_not_made(expression: str, pin: Pin, message: str) -> None:
    with pytest.raises(EditError, match=message):
        edit(target(expression).read(b"web:1.0", "x.txt"), [Assignment("web", pin)])


def test_a_tag_is_refused_where_only_a_digest_has_a_place() -> None:
    pins = target(r"web@(?P<digest>sha256:[0-9a-f]+)").read(f"web@{OLD}".encode(), "x.txt")
    assert edit(pins, [Assignment("web", Pin(None, NEW))]) == f"web@{NEW}".encode()
    with pytest.raises(EditError, match="has no place for a tag"):
        edit(pins, [Assignment("web", Pin("2", NEW))])


@pytest.mark.parametrize("data", [b"v1" + b" " * (1 << 20), b"v1\xff"], ids=["over 1 MiB", "no UTF-8"])
def test_a_file_that_is_no_text_of_a_usual_size_is_refused(data: bytes) -> None:
    with pytest.raises(EditError):
        target("v(?P<tag>[0-9])").read(data, "x.txt")
