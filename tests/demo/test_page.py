from __future__ import annotations

from gitops_bot.demo.hub import Comment, Hub, Pull
from gitops_bot.demo.page import HEADERS, list_page, pull_page

HOSTILE = "</pre><script>alert('x')</script>\"'&\ud800"


def hostile_pull() -> Pull:
    comment = Comment(1, HOSTILE, HOSTILE, "t", "t")
    return Pull(
        1, 1, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, "h", "b", "t", "t", labels=[HOSTILE], comments=[comment]
    )


def test_nothing_on_a_page_is_markup_but_our_own() -> None:
    hub = Hub("acme", "deploy", 1, "t")
    for shown in (pull_page(hub, hostile_pull(), HOSTILE), list_page(hub, [hostile_pull()])):
        text = shown.decode()
        assert "<script" not in text
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&quot;&#x27;&amp;?" in text


def test_a_page_runs_and_loads_nothing() -> None:
    assert "default-src 'none'" in HEADERS["Content-Security-Policy"]
    assert "src=" not in pull_page(Hub("acme", "deploy", 1, "t"), hostile_pull(), "").decode()


def test_a_pull_request_without_a_body_and_a_list_without_pull_requests_have_a_page() -> None:
    hub = Hub("acme", "deploy", 1, "t")
    pull = Pull(7, 1, "web v2", None, "bot", "fix", "main", "h", "b", "t", "t", merged_at="t")
    assert b"<b>merged</b>" in pull_page(hub, pull, "+x")
    assert b"no pull requests yet" in list_page(hub, [])
