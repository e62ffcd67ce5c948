"""Registries that answer, but slowly: each image has its time, and a slow one fails alone."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gitops_bot.config import RegistryAccess
from gitops_bot.edges.clock import Clock
from gitops_bot.edges.patience import TOTAL_SECONDS
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.host import SLOW_REGISTRY_SECONDS
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from tests.counterparts.broken import answer, broken_server
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

HOST = "registry.test"
#: What nobody who waits two minutes at most would wait for.
TWO_MINUTES = 120


def image(path: str) -> ImageName:
    return ImageName(HOST, path)


def tags(request: httpx.Request, *, more: bool) -> httpx.Response:
    """A page with one tag, which is new on each; `more`: there is one more page."""
    number = int(request.url.params.get("page", "0"))
    link = {"Link": f'<{request.url.path}?page={number + 1}>; rel="next"'} if more else {}
    return reply(200, json.dumps({"tags": [f"v{number}"]}), link)


def slow(clock: StillClock, seconds: float) -> Script:
    """Images below `slow/` have one more page each time, after so many seconds; others are answered at once."""

    def serve(request: httpx.Request) -> httpx.Response:
        endless = request.url.path.startswith("/v2/slow/")
        if endless:
            clock.sleep(seconds)
        return tags(request, more=endless)

    return Script(serve)


def test_a_list_with_one_more_page_every_twenty_seconds_is_given_up_within_two_minutes() -> None:
    clock = StillClock()
    began = clock.now()
    with Registry({}, {}, clock, transport=slow(clock, 20)) as registry:
        with pytest.raises(RegistryError) as late:
            registry.tags(image("slow/web"))
        assert (clock.now() - began).total_seconds() <= TWO_MINUTES
        assert registry.tags(image("good/web")) == ("v0",)
    problem = late.value.problem
    assert problem.message == f"{HOST}/slow/web: {HOST} took more than {TOTAL_SECONDS:g} s for this image"
    assert problem.code == "failed.registry"
    assert problem.next.startswith("Run again later")


def test_all_questions_about_an_image_take_of_one_time() -> None:
    clock = StillClock()
    began = clock.now()

    def serve(_: httpx.Request) -> httpx.Response:
        clock.sleep(40)
        return reply(404)

    with Registry({}, {}, clock, transport=Script(serve)) as registry:
        for tag in ("v1", "v2", "v3", "v4"):
            with pytest.raises(RegistryError):
                registry.digest(image("slow/web"), tag)
    assert (clock.now() - began).total_seconds() <= TWO_MINUTES


def test_what_waits_for_nobody_else_takes_no_time_of_an_image() -> None:
    clock = StillClock()
    with Registry({HOST: RegistryAccess(rate=0.01)}, {}, clock, transport=slow(clock, 0)) as registry:
        assert [registry.tags(image(f"good/{number}")) for number in range(20)] == [("v0",)] * 20


def test_two_hundred_images_that_never_answer_leave_one_another_seconds() -> None:
    clock = StillClock()
    began = clock.now()
    with Registry({}, {}, clock, transport=slow(clock, 1)) as registry:
        for number in range(200):
            with pytest.raises(RegistryError, match="took more than"):
                registry.tags(image(f"slow/{number}"))
        took = (clock.now() - began).total_seconds()
        assert took <= TOTAL_SECONDS + 1 + 199 * (SLOW_REGISTRY_SECONDS + 1)
        assert registry.tags(image("good/web")) == ("v0",)


def test_the_first_answer_gives_the_others_their_whole_time_again() -> None:
    clock = StillClock()
    with Registry({}, {}, clock, transport=slow(clock, 20)) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        with pytest.raises(RegistryError, match=f"took more than {SLOW_REGISTRY_SECONDS:g} s"):
            registry.tags(image("slow/b"))
        registry.tags(image("good/web"))
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/c"))


def test_a_slow_image_among_good_ones_hurries_nobody() -> None:
    clock = StillClock()

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v2/slow/a/"):
            clock.sleep(20)
            registry.tags(image(f"good/{len(script.requests)}"))
        elif request.url.path.startswith("/v2/slow/"):
            clock.sleep(6)
        return tags(request, more=request.url.path.startswith("/v2/slow/a/"))

    script = Script(serve)
    with Registry({}, {}, clock, transport=script) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        assert registry.tags(image("slow/b")) == ("v0",)


def test_one_slow_registry_hurries_no_other() -> None:
    clock = StillClock()

    def serve(request: httpx.Request) -> httpx.Response:
        clock.sleep(20)
        return tags(request, more=request.url.host == HOST)

    with Registry({}, {}, clock, transport=Script(serve)) as registry:
        with pytest.raises(RegistryError, match="took more than"):
            registry.tags(image("slow/web"))
        assert registry.tags(ImageName("other.test", "slow/web")) == ("v0",)


def test_a_refusal_is_an_answer() -> None:
    clock = StillClock()

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v2/gone/"):
            return reply(404)
        clock.sleep(20)
        return tags(request, more=True)

    with Registry({}, {}, clock, transport=Script(serve)) as registry:
        for path in ("slow/a", "gone/web", "slow/b"):
            with pytest.raises(RegistryError) as failure:
                registry.tags(image(path))
    assert f"took more than {TOTAL_SECONDS:g} s" in failure.value.problem.message


def blocked(paths: str) -> tuple[Script, threading.Event, threading.Event]:
    """A registry where requests below these paths wait for the second event; the first tells that one is there."""
    arrived, over = threading.Event(), threading.Event()

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(f"/v2/{paths}/"):
            arrived.set()
            assert over.wait(30)
        return tags(request, more=False)

    return Script(serve), arrived, over


def test_an_image_that_is_asked_first_and_hangs_holds_up_no_other_of_its_registry() -> None:
    script, arrived, over = blocked("slow")
    with Registry({}, {}, Clock(), seconds=0.2, transport=script) as registry, ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(registry.tags, image("slow/web"))
        assert arrived.wait(30)
        try:
            assert registry.tags(image("good/web")) == ("v0",)
            assert not hanging.done()
        finally:
            over.set()
        assert hanging.result() == ("v0",)


def test_a_configured_concurrency_reaches_the_requests() -> None:
    script, arrived, over = blocked("slow")
    access = {HOST: RegistryAccess(concurrency=1)}
    with Registry(access, {}, Clock(), seconds=0.2, transport=script) as registry, ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(registry.tags, image("slow/web"))
        assert arrived.wait(30)
        waiting = pool.submit(registry.tags, image("good/web"))
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)  # its answer would come at once
        assert [request.url.path for request in script.requests] == ["/v2/slow/web/tags/list"]
        over.set()
        assert (hanging.result(), waiting.result()) == (("v0",), ("v0",))


# --- on real sockets ---


def paged(number: int) -> Callable[[str], bytes]:
    """The answer with a page of one tag and a Link to the next one."""

    def make(_: str) -> bytes:
        body, link = json.dumps({"tags": [f"v{number}"]}).encode(), f'Link: </v2/x?page={number + 1}>; rel="next"'
        return answer("200 OK", body, "Content-Type: application/json", link)

    return make


def test_a_list_that_goes_on_ends_with_the_time_of_its_image() -> None:
    pages = [paged(number) for number in range(1000)]
    with (
        broken_server(pages) as server,
        Registry({}, {}, Clock(), image_seconds=0.2) as registry,
        pytest.raises(RegistryError, match=r"took more than 0\.2 s for this image"),
    ):
        registry.tags(ImageName(server.host, "acme/web"))
    assert 1 <= len(server.heads) < 1000
