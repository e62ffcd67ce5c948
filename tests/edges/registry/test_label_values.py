from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gitops_bot.edges.registry.describe import first_label, parse_line, parse_time, parse_url

REVISION = "org.opencontainers.image.revision"

MOMENTS = [
    ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
    ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ("1980-01-02T00:00:00Z", datetime(1980, 1, 2, tzinfo=UTC)),
    ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", None),
    ("0001-01-01T00:00:00+23:59", None),
    ("9999-12-31T23:59:59-23:59", None),
    ("2026-01-02T03:04:05", None),
    ("2026-01-02", None),
    ("20260102T030405Z", None),
    ("2026-W01-1T00:00:00Z", None),
    ("2026-02-30T00:00:00Z", None),
    ("2026-01-02T03:04:05Z\n", None),
    ("2026-01-02T03:04:05Z ", None),
    ("٢٠٢٦-01-02T03:04:05Z", None),
    ("1700000000", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), MOMENTS)
def test_a_moment(text: str, expected: datetime | None) -> None:
    assert parse_time(text) == expected


LINES = [
    ("c0ffee", "c0ffee"),
    (" v1.2.3 (ü) ", "v1.2.3 (ü)"),
    ("x" * 200, "x" * 200),
    ("x" * 201, None),
    ("", None),
    ("  ", None),
    ("a\nb", None),
    ("a\x1b[31mb", None),
    ("a\u202eb", None),
    ("a\u200bb", None),
    ("a\u2028b", None),
    ("a\ud800b", None),
    ("a\0b", None),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_a_line(text: str, expected: str | None) -> None:
    assert parse_line(text) == expected


ADDRESSES = [
    "https://github.com/acme/web",
    "http://git.acme.test:8080/web.git",
    "https://github.com/acme/web.git#8921999083def7ba43a06fabd5f80e4406651353:mainline/debian",
    "https://[::1]:3000/acme/web",
    "https://x/y",
]
NO_ADDRESSES = [
    "",
    "git@github.com:acme/web.git",
    "ssh://git@github.com/acme/web",
    "github.com/acme/web",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
    "https:///acme/web",
    "https://token@github.com/acme/web",
    "https://x-access-token:ghs_secret@github.com/acme/web",
    "https://git hub.com/acme",
    "https://github.com/acme/web\n",
    "https://github.com/](http://evil.test)<b>",
    'https://github.com/"onclick="x',
    "https://github.com/`x`",
    "https://github.com:port/x",
    "https://github.com:99999/x",
    "https://[::1/x",
    "https://-x/y",
    "https://%41.test/",
    "https://m\u00fcller.test/",
    "https://github.com/" + "x" * 500,
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_of_the_web(text: str) -> None:
    assert parse_url(text) == text


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_none(text: str) -> None:
    assert parse_url(text) is None


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        pytest.param(({REVISION: "a"}, {REVISION: "b"}), "a", id="the first"),
        pytest.param(({REVISION: "a\nb"}, {REVISION: "b"}), "b", id="the first that can be read"),
        pytest.param(({REVISION: ""}, {REVISION: "b"}), "b", id="the first that says something"),
        pytest.param((None, [], "x", {REVISION: 1}, {"revision": "c"}, {REVISION: "b"}), "b", id="the first text"),
        pytest.param(({},), None, id="none"),
        pytest.param((), None, id="nowhere"),
    ],
)
def test_what_is_said_first_counts(places: tuple[Any, ...], expected: str | None) -> None:
    assert first_label("revision", parse_line, *places) == expected
