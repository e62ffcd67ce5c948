from __future__ import annotations

import httpx
import pytest

from gitops_bot.edges.http import Http, NoResponse
from gitops_bot.edges.registry import Registry
from gitops_bot.images.reference import ImageName
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

URL = httpx.URL("https://registry.test:8443/v2/")
Seen = list[tuple[str, int | None]]


def ask(script: Script) -> Seen:
    seen: Seen = []
    with Http(StillClock(), {}, {}, transport=script, observe=lambda *each: seen.append(each)) as http:
        try:
            http.request("GET", URL, {}, limit=1000)
        except NoResponse:
            seen.append(("gave up", None))
    return seen


def test_each_try_and_each_redirect_is_told_with_its_host() -> None:
    away = reply(307, b"", {"Location": "https://cdn.test/blob"})
    assert ask(Script(reply(503), httpx.ReadError("reset"), away, reply(200))) == [
        ("registry.test:8443", 503),
        ("registry.test:8443", None),
        ("registry.test:8443", 307),
        ("cdn.test", 200),
    ]


def test_what_is_refused_before_it_is_sent_is_not_told() -> None:
    assert ask(Script(reply(307, b"", {"Location": "ftp://cdn.test/"}))) == [
        ("registry.test:8443", 307),
        ("gave up", None),
    ]


@pytest.mark.parametrize("location", ["https://a.evil.test/x", "https://b.evil.test/x"])
def test_a_registry_does_not_choose_the_names_that_are_counted(location: str) -> None:
    seen: Seen = []
    script = Script(reply(307, b"", {"Location": location}), reply(200, b'{"tags": ["v1"]}'))
    with Registry({}, {}, StillClock(), transport=script, observe=lambda *each: seen.append(each)) as registry:
        assert registry.tags(ImageName.parse("registry.test/acme/web")) == ("v1",)
    assert seen == [("registry.test", 307), ("other", 200)]
