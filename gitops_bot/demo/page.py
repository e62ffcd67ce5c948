"""The HTML of the pages: a repository, a file of it, a pull request, and an error."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gitops_bot.demo import markdown
from gitops_bot.images.reason import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from gitops_bot.demo.hub import Hub, Pull

#: Pages run no scripts, load nothing, and submit forms only to this server.
HEADERS: Mapping[str, str] = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: The status page brings a policy of its own, which allows the one script that it has.
STATUS_HEADERS: Mapping[str, str] = {**HEADERS, "Content-Security-Policy": "frame-ancestors 'none'"}
#: Files that are listed, and bytes of a file that are shown.
_FILES, _SHOWN = 500, 200_000

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8885;--soft:#8882;--ok:#1f883d;--done:#8250df;--shut:#cf222e;--link:#0860c9}
@media(prefers-color-scheme:dark){:root{--link:#58a6ff}}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}
a{color:var(--link)}h1{font-size:1.6rem;margin:.5rem 0}h1 small{font-weight:300;opacity:.7}
.state{color:#fff;border-radius:2rem;padding:.2rem .8rem;font-weight:600}
.open{background:var(--ok)}.merged{background:var(--done)}.closed{background:var(--shut)}
.card{border:1px solid var(--line);border-radius:6px;margin:1rem 0;overflow:hidden}
.card>header{background:var(--soft);border-bottom:1px solid var(--line);padding:.4rem 1rem}
.card>div{padding:.2rem 1rem;overflow-x:auto}
.card>div>ul{padding-left:1.2rem}li{margin:.3rem 0}
.merge{display:flex;gap:1rem;align-items:center;padding:.8rem 1rem}
button{font:inherit;font-weight:600;color:#fff;background:var(--ok);border:0;border-radius:6px;padding:.4rem 1rem;
cursor:pointer}
table{border-collapse:collapse;margin:.5rem 0}td,th{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;
vertical-align:top}td:last-child{min-width:16rem}td code{white-space:nowrap}
code,pre{font:13px/1.45 ui-monospace,monospace}code{background:var(--soft);border-radius:4px;padding:.1rem .3rem}
pre{background:var(--soft);border-radius:6px;padding:.6rem 1rem;overflow-x:auto}pre code{background:none;padding:0}
blockquote{border-left:.25rem solid #bf8700;margin:.5rem 0;padding:0 1rem}
.diff{background:none;margin:0;padding:.5rem 0}.diff span{display:block;padding:0 1rem;white-space:pre}
.add{background:#2da44e33}.del{background:#cf222e2b}.hunk{color:var(--link)}.file{font-weight:600}
"""


@dataclass(frozen=True, slots=True)
class Form:
    """The merge button: the token of this run, and the user who merges."""

    token: str
    who: str


def pull_page(hub: Hub, pull: Pull, diff: str, form: Form | None = None) -> bytes:
    """A pull request with its conversation and diff, and with a merge button if there is a form."""
    head, base = escape(pull.head), escape(pull.base)
    labels = f" · {escape(', '.join(pull.labels))}" if pull.labels else ""
    comments = "".join(_card(comment.user, comment.body) for comment in pull.comments)
    return _page(
        f"{pull.title} · {hub.full_name}#{pull.number}",
        f"{_home(hub)}<h1>{escape(pull.title)} <small>#{pull.number}</small></h1>"
        f"<p>{_state(pull)} {escape(pull.user)} wants to merge"
        f" <code>{head}</code> into <code>{base}</code>{labels}</p>"
        f"{_card(pull.user, pull.body or '')}{comments}{_merge(hub, pull, form)}"
        f"{_section('Files changed', f'<pre class=diff>{_diff(diff)}</pre>')}",
    )


def repository_page(hub: Hub, pulls: Iterable[Pull], branch: str, files: Collection[str], readme: bytes) -> bytes:
    """A repository: its pull requests, the open ones first, its files and its README."""
    name = escape(hub.full_name)
    lines = "".join(
        f"<li>{_state(pull)} <a href='/{name}/pull/{pull.number}'>#{pull.number} {escape(pull.title)}</a></li>"
        for pull in sorted(pulls, key=lambda pull: pull.state != "open")
    )
    listed = "".join(
        f"<li><a href='/{name}/blob/{quote(f'{branch}/{path}', errors='replace')}'>{escape(path)}</a></li>"
        for path in sorted(files)[:_FILES]
    )
    left = f"<li>… and {counted(len(files) - _FILES, 'more file')}</li>" if len(files) > _FILES else ""
    return _page(
        hub.full_name,
        f"<h1>{name}</h1><p><a href='/{name}/status'>What runs where: the status of all environments</a></p>"
        f"{_section('Pull requests', f'<ul>{lines}</ul>' if lines else '<p>no pull requests yet</p>')}"
        f"{_section(f'Files on <code>{escape(branch)}</code>', f'<ul>{listed}{left}</ul>')}"
        f"{_card('README.md', readme.decode(errors='replace')) if readme else ''}",
    )


def file_page(hub: Hub, path: str, content: bytes) -> bytes:
    """A file as text, as far as it is shown; Markdown is rendered."""
    text, left = content[:_SHOWN].decode(errors="replace"), len(content) - _SHOWN
    is_markdown = path.endswith(".md")
    shown = _card(path, text) if is_markdown else _section(escape(path), f"<pre>{escape(text)}</pre>")
    rest = f"<p>… and {counted(left, 'more byte')}</p>" if left > 0 else ""
    return _page(f"{path} · {hub.full_name}", f"{_home(hub)}{shown}{rest}")


def refusal_page(why: str, back: str) -> bytes:
    """The page of what cannot be done, or shown."""
    return _page("Not done", f"<h1>Not done</h1><p>{escape(why)}</p><p><a href='{escape(back)}'>Back</a></p>")


def _home(hub: Hub) -> str:
    name = escape(hub.full_name)
    return f"<p><a href='/{name}'>{name}</a></p>"


def _state(pull: Pull) -> str:
    state = "merged" if pull.merged_at else pull.state
    return f"<span class='state {state}'>{state.capitalize()}</span>"


def _card(title: str, text: str) -> str:
    return _section(f"<b>{escape(title)}</b>", markdown.html(text))


def _section(title: str, body: str) -> str:
    return f"<section class=card><header>{title}</header><div>{body}</div></section>"


def _merge(hub: Hub, pull: Pull, form: Form | None) -> str:
    if pull.merged_at:
        who = escape(pull.merged_by or "a push")
        return (
            f"<section class='card merge'>Merged by {who}: <code>{escape(pull.merge_commit_sha or '')}</code></section>"
        )
    if form is None or pull.state != "open":
        return ""
    return (
        f"<form class='card merge' method=post action='/{escape(hub.full_name)}/pull/{pull.number}/merge'>"
        f"<input type=hidden name=token value='{escape(form.token)}'>"
        f"<input type=hidden name=head value='{escape(pull.head_sha)}'>"
        f"<button>Squash and merge</button> as {escape(form.who)}</form>"
    )


def _diff(diff: str) -> str:
    """The diff, with added and deleted lines highlighted."""
    shown, in_hunk = [], False
    for line in diff.splitlines():
        in_hunk = line.startswith("@@") or (in_hunk and line[:1] in ("+", "-", " ", "\\"))
        kinds = {"+": "add", "-": "del", "@": "hunk"} if in_hunk else {}
        kind = kinds.get(line[:1], "" if in_hunk else "file")
        shown.append(f"<span class='{kind}'>{escape(line) or ' '}</span>")
    return "".join(shown)


def _page(title: str, body: str) -> bytes:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    text = f"<!doctype html><html lang=en>{head}<style>{_STYLE}</style><body>{body}</body></html>\n"
    return text.encode(errors="replace")
