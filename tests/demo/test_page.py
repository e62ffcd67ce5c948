"""The pages of the embedded forge as HTML: whatever people and registries write, nothing on them runs or loads."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gitops_bot.demo.hub import Comment, Hub, Pull
from gitops_bot.demo.page import HEADERS, STATUS_HEADERS, Form, file_page, pull_page, refusal_page, repository_page

HUB = Hub("acme", "deploy", 1, "t")
FORM = Form("t0ken", "alice")
HOSTILE = {
    "a script": "</pre></div></form><script>alert(1)</script>",
    "an attribute that runs": "<img src=x onerror=alert(1)><details open ontoggle=alert(1)><b onclick=alert(1)>x</b>",
    "out of an attribute": "\"'><svg onload=alert(1)>",
    "an address that runs": "[x](javascript:alert(1)) <a href=' javascript:alert(1)'>y</a> <javascript:alert(1)>",
    "data as an address": "[x](data:text/html;base64,PHNjcmlwdD4=) <a href='data:text/html,x'>y</a>",
    "a frame, a base, a style": "<iframe srcdoc='<script>'></iframe><base href=//evil><style>*{}</style><link rel=x>",
    "a form of its own": "<form action=//evil><input name=token><button formaction=//evil>Merge</button></form>",
    "half an element": "<script\n\n<scr<script>ipt>alert(1)</script>",
    "a comment that does not end": "<!-- <script>alert(1)</script>",
    "another namespace": "<math><mtext><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=1&gt;'>",
    "code that ends early": "```\n</code></pre><script>alert(1)</script>\n```\n`</code><script>`",
    "half a character": "\ud800<script>alert(1)</script>",
}
#: Our own elements, and what is left of Markdown; with every attribute that one of them may have.
OURS: dict[str, set[str]] = {
    "html": {"lang"}, "meta": {"charset", "name", "content"}, "title": set(), "style": set(), "body": set(),
    "section": {"class"}, "header": set(), "div": set(), "h1": set(), "small": set(), "span": {"class"}, "b": set(),
    "ul": set(), "li": set(), "form": {"class", "method", "action"}, "input": {"type", "name", "value"},
    "button": set(), "a": {"href", "rel"}, "p": set(), "pre": {"class"}, "code": set(), "br": set(), "strong": set(),
    "em": set(), "details": set(), "summary": set(), "table": set(), "thead": set(), "tbody": set(), "tr": set(),
    "th": set(), "td": set(), "blockquote": set(),
}  # fmt: skip


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def pull(text: str, **more: object) -> Pull:
    """A pull request with this text wherever text may be."""
    comments = [Comment(1, text, text, "t", "t")]
    made = Pull(1, 1, text, text, text, text, text, "h", "b", "t", "t", labels=[text], comments=comments)
    return replace(made, **more)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_nothing_but_text(text: str) -> None:
    merged = pull(text, merged_at="t", merged_by=text, merge_commit_sha=text)
    hub = Hub(text, text, 1, "t")
    pages = (
        pull_page(HUB, pull(text), text, FORM),
        pull_page(hub, merged, text),
        repository_page(hub, [pull(text)], text, [text], text.encode(errors="replace")),
        file_page(hub, text, text.encode(errors="replace")),
        file_page(hub, f"{text}.md", text.encode(errors="replace")),
        refusal_page(text, text),
    )
    for shown in pages:
        forms = 0
        for element, attributes in Elements(shown.decode()).found:
            assert element in OURS, element
            assert set(attributes) <= OURS[element], (element, attributes)
            address = attributes.get("href")
            assert address is None or address.startswith(("/", "http://", "https://")) or shown is pages[-1]
            forms += element in ("form", "button", "input")
        assert forms == (4 if shown is pages[0] else 0), "the merge form is the only one"


def test_a_page_runs_and_loads_nothing_and_sends_forms_to_this_server_only() -> None:
    policy = HEADERS["Content-Security-Policy"].split("; ")
    assert set(policy) == {
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    }
    # The status page says itself what it runs; it is no part of another page either.
    assert STATUS_HEADERS == {**HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}


BODY = """\
<!-- gitops-bot:begin -->
**production**: 1 pin changed, nothing else.

| image | from | to |
| --- | --- | --- |
| `acme/web`<br>`web/k.yaml` | `v1` | `v2` |

> [!WARNING]
> - `acme/web` is no longer built for `linux/arm64` any more

<details><summary><code>acme/web</code> <code>v1</code> → <code>v2</code></summary>

- source: [`a...b`](https://example.com/compare)

```sh
docker pull acme/web
```

</details>

- [ ] hand back
- [x] done
<!-- gitops-bot:plan 0123 -->
"""


def test_the_text_of_the_bot_is_shown_as_github_shows_it() -> None:
    shown = pull_page(HUB, pull("x", body=BODY), "").decode()
    for part in (
        "<strong>production</strong>: 1 pin changed",
        "<td><code>acme/web</code><br><code>web/k.yaml</code></td>",
        "<blockquote>\n<p>⚠ Warning</p>\n<ul>\n<li><code>acme/web</code> is no longer built",
        "<details><summary><code>acme/web</code> <code>v1</code> → <code>v2</code></summary>",
        '<a href="https://example.com/compare" rel="noopener noreferrer nofollow"><code>a...b</code></a>',
        "<pre><code>docker pull acme/web\n</code></pre>",
        "<li>☐ hand back</li>",
        "<li>☑ done",
    ):
        assert part in shown
    assert "gitops-bot:" not in shown


def test_what_is_long_is_cut_with_a_word() -> None:
    files = [f"{number}.yaml" for number in range(501)]
    assert "<li>… and 1 more file</li>" in repository_page(HUB, [], "main", files, b"").decode()
    assert "more file" not in repository_page(HUB, [], "main", files[:500], b"").decode()
    shown = file_page(HUB, "x.yaml", b"y" * 200_000 + b"zz").decode()
    assert "y</pre>" in shown
    assert "<p>… and 2 more bytes</p>" in shown
