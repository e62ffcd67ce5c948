"""A pull request as a web page: enough that the address which the bot prints opens in a browser."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitops_bot.demo.hub import Hub, Pull

#: Nothing on these pages runs or loads: all of their text may come from elsewhere.
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{white-space:pre-wrap;border:1px solid #8884;border-radius:6px;padding:1rem;overflow-wrap:anywhere}"
)


def pull_page(hub: Hub, pull: Pull, diff: str) -> bytes:
    """Show one pull request with its conversation and its diff."""
    state = "merged" if pull.merged_at else pull.state
    labels = f" · {escape(', '.join(pull.labels))}" if pull.labels else ""
    said = "".join(f"<h3>{escape(each.user)}</h3><pre>{escape(each.body)}</pre>" for each in pull.comments)
    return _page(
        f"{pull.title} · {hub.full_name}#{pull.number}",
        f"<p><a href='/{escape(hub.full_name)}/pulls'>{escape(hub.full_name)}</a></p>"
        f"<h1>{escape(pull.title)} #{pull.number}</h1>"
        f"<p><b>{state}</b> · {escape(pull.user)} wants <code>{escape(pull.head)}</code>"
        f" in <code>{escape(pull.base)}</code>{labels}</p>"
        f"<pre>{escape(pull.body or '')}</pre>{said}<h2>Changes</h2><pre>{escape(diff)}</pre>",
    )


def list_page(hub: Hub, pulls: Iterable[Pull]) -> bytes:
    """Show every pull request of a repository in one line each."""
    lines = "".join(
        f"<li><a href='/{escape(hub.full_name)}/pull/{pull.number}'>#{pull.number} {escape(pull.title)}</a>"
        f" ({'merged' if pull.merged_at else pull.state})</li>"
        for pull in pulls
    )
    return _page(hub.full_name, f"<h1>{escape(hub.full_name)}</h1><ul>{lines or '<li>no pull requests yet</li>'}</ul>")


def _page(title: str, body: str) -> bytes:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
    return f"{head}<body>{body}</body></html>\n".encode(errors="replace")
