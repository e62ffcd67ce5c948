"""Registries that answer, but slowly: each image has its time, and a slow one fails alone."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gitops_bot.edges.clock import Clock
from gitops_bot.edges.patience import TOTAL_SECONDS
from gitops_bot.edges.registry import Registry
from gitops_bot.edges.registry.host import SLOW_REGISTRY_SECONDS
from gitops_bot.errors import RegistryError
from gitops_bot.images.reference import ImageName
from tests.counterparts.clock import StillClock
from tests.counterparts.script import Script, reply

if TYPE_CHECKING:
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
    """Images below `slow/` have one more page each time, after so many seconds; none below `gone/`."""

    def serve(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v2/gone/"):
            return reply(404)
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


def test_the_first_answer_gives_the_others_their_whole_time_again() -> None:
    clock = StillClock()
    with Registry({}, {}, clock, transport=slow(clock, 20)) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        with pytest.raises(RegistryError, match=f"took more than {SLOW_REGISTRY_SECONDS:g} s"):
            registry.tags(image("slow/b"))
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(ImageName("other.test", "slow/web"))
        with pytest.raises(RegistryError, match="404"):  # a refusal is an answer
            registry.tags(image("gone/web"))
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
    with Registry({}, {}, clock, seconds=0.1, transport=script) as registry:
        with pytest.raises(RegistryError, match=f"took more than {TOTAL_SECONDS:g} s"):
            registry.tags(image("slow/a"))
        assert registry.tags(image("slow/b")) == ("v0",)


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
