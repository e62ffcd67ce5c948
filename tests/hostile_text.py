"""Texts that strangers may write, each built to be slow to read.

`python -m tests.hostile_text [FIRST]` reads them one by one, starting at FIRST, and prints the name of each one that
it has finished. The system kills the process at a text that takes too much CPU time.
"""

from __future__ import annotations

import io
import os
import resource
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import httpx

from gitops_bot import config, redact
from gitops_bot.config import propose as checked
from gitops_bot.edges import address, patience
from gitops_bot.edges.git import process, refusals, remote, store
from gitops_bot.edges.github import failure as github_failure
from gitops_bot.edges.github.server import Server
from gitops_bot.edges.http import Answer, UnsafeAddress, transport
from gitops_bot.edges.http.address import follow
from gitops_bot.edges.registry import describe, failure, host, tags
from gitops_bot.errors import BotError
from gitops_bot.images import expression, inference, order, version
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Assignment, ImageName, Pin, is_digest, is_tag
from gitops_bot.proposals import content, naming, trailers
from gitops_bot.proposals.text import body, markdown
from gitops_bot.releases.layout.glob import Glob, is_path
from gitops_bot.report.diff import print_diff
from gitops_bot.report.screen import Screen
from gitops_bot.results import waiting
from gitops_bot.targets import kustomization, plain
from gitops_bot.targets.pin_file import edit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: GitHub's limit of a body and of a comment, in characters; what other texts get here.
BODY, LONG = 65_536, 100_000
#: CPU seconds for one text. Linear work takes a fraction of one, quadratic work far more than all of them.
SECONDS = 10

BEGIN, END, CLOSED = (f"<!-- gitops-bot:{name} -->" for name in ("begin", "end", "closed"))
#: What many a pattern repeats, and what such a repetition may fail at.
PARTS = (
    *("a", "A", "0", " ", "\t", "\n", "\r\n", "-", "_", ".", ":", "/", "@", "#", "=", "&", "|", "`", "'", '"', "\\"),
    *("<", ">", "{", "[", "(", "*", "?", "%", "$", ",", "\u00e9", "a.", "a-", "a/", "a:", "a=", "a,", "a ", "1.", "{{"),
    *('\\"', "__a", "://", "<x>;", 'a="', "a@", "eyJ", "ghp_", '"token":"', "Bearer ", "-----BEGIN PRIVATE KEY-----"),
)
#: Each parser gets a third of the parts, another than the one before it; all of them with GITOPS_BOT_LONG=1.
THIRDS = 1 if os.environ.get("GITOPS_BOT_LONG") == "1" else 3


def filled(head: str, part: str, tail: str = "", length: int = BODY) -> str:
    """A text of this length: a beginning, a part over and over, and an end."""
    return f"{head}{part * ((length - len(head) - len(tail)) // len(part))}{tail}"


def read_body(text: str) -> None:
    """Everything that is read from a pull request's text, and every rewriting of it."""
    for question in (body.plan_mark, body.pin_marks, body.is_closed_by_bot):
        question(text)
    for rewrite in (partial(body.with_lacks, what=["labels"]), body.without_closing_mark):
        rewrite(text)
    body.with_closing_mark(text, Reason("nothing_new", "nothing of it is left"))
    body.replace_own_part(text, f"{BEGIN}\n{END}")
    body.comment_mark(text)


def _bodies() -> Iterator[tuple[str, Callable[[], object]]]:
    shapes = {
        "line breaks": "\n",
        "blanks": " ",
        "lines of a browser": "\r\n",
        "blank lines": " \n",
        "form feeds": "\f\n",
        "beginnings": f"{BEGIN}\n",
        "ends with a word behind": f"{END} x\n",
        "closing marks": f"{CLOSED}\n",
        "plan marks": f"<!-- gitops-bot:plan {'0' * 64} -->\n",
        "pin marks without an end": f"<!-- gitops-bot:pins {'0' * 16} ",
    }
    heads = {
        "a beginning": f"{BEGIN}\n",
        "a closing mark": CLOSED,
        "the beginning of a comment": "<!-- gitops-bot:closing -->",
    }
    for number, (shape, part) in enumerate(shapes.items()):
        for head, start in [*heads.items()][number % THIRDS :: THIRDS]:
            for tail in ("", f"\n{END}"):
                name = f"a body of {shape} after {head}{' before an end' if tail else ''}"
                yield name, partial(read_body, filled(start, part, tail))


#: What reads text of others, and what such a text may begin with.
_PARSERS: Mapping[str, tuple[Callable[[str], object], tuple[str, ...]]] = {
    "commit message": (trailers.parse, ("", "Gitops-Bot-Plan: 1 a b set\nGitops-Bot-Change: ")),
    "commit object": (lambda text: store.parse_commit(text.encode()), (f"tree {'0' * 40}\nauthor ", "tree ")),
    "branch": (remote.is_branch, ("",)),
    "path": (is_path, ("", "a/")),
    "refusal of git": (lambda text: refusals.refusal(text[:BODY], "x", Server.REFUSALS), ("",)),
    "failure of git": (lambda text: refusals.out_of_reach(text[:BODY], "x"), ("",)),
    "words of git": (refusals.quote, ("",)),
    "login in an address": (process._LOGIN_IN_URL.search, ("", "https://")),
    "repository": (partial(address.parse, server="https://forge.test"), ("", "https://", "//")),
    "tag": (is_tag, ("", "v1.")),
    "digest": (is_digest, ("sha256:",)),
    "image": (ImageName.parse, ("", "r.test/", "a")),
    "assignment": (Assignment.parse, ("", "a=", "a=b/")),
    "pinned tag": (lambda text: inference.infer(Pin(text)), ("", "v1.")),
    "list of tags": (lambda text: order.candidates([text]), ("",)),
    "version": (version.parse, ("", "v1.", "1.2.3-")),
    "range": (version.parse_range, ("", ">=1.")),
    "pattern": (expression.check, ("", "^")),
    "challenge": (host.challenges, ("", "Bearer ", 'Bearer realm="')),
    "Link": (lambda text: tags.read_page(_page(text)), ("", "<", "<x>; ")),
    "refusal of a registry": (lambda text: failure.error_message(b'{"message": "%b"}' % text.encode(), ("x",)), ("",)),
    "words of a registry": (transport.clean, ("",)),
    "label with a time": (describe.parse_time, ("", "2024-01-01T00:00:00.")),
    "label": (describe.parse_line, ("",)),
    "label with an address": (describe.parse_url, ("https://",)),
    "source": (markdown.source_repository, ("https://", "https://github.com/")),
    "Retry-After": (lambda text: patience.retry_after(text, 0.0), ("", "1")),
    "redirect": (lambda text: follow(httpx.URL("https://r.test"), text), ("", "https://", "/")),
    "refusal of GitHub": (lambda text: github_failure.error_message({"message": text}, "x"), ("",)),
    "secret": (redact.printable, ("", "https://", "authorization: ", "?sig=")),
    "Markdown": (lambda text: (markdown.prose(text, LONG), markdown.code(text, LONG), markdown.quiet(text)), ("",)),
    "template": (lambda text: checked.check_template(text, checked.TITLE_FIELDS), ("", "{")),
    "title": (lambda text: content.title_of(None, dict.fromkeys(checked.TITLE_FIELDS, text)), ("", "{")),
    "message": (lambda text: content.message_of("{a}", {"a": text, "title": "x", "changes": ""}), ("",)),
    "group": (naming.group_slug, ("",)),
    "glob": (Glob.parse, ("", "*/")),
    "memory of an issue": (
        lambda text: waiting.State.read([text], datetime.now(UTC)),
        ("", "<!-- gitops-bot:state [1, ["),
    ),
    "configuration": (lambda text: config.read(text, "x"), ("version: 1\nbranch: ", "version: '")),
    "directory": (lambda text: _GLOB.match(f"{text[:4096]}/"), ("", "a/")),
}
_GLOB = Glob.parse("**/a*b*c*/**/x*y/overlays/**/{app}")


def _page(link: str) -> Answer:
    return Answer(httpx.URL("https://r.test/v2/x/tags/list"), 200, {"link": link}, b'{"tags": []}')


def _everything(read: Callable[[str], object], heads: tuple[str, ...], number: int) -> None:
    for text in (filled(head, part, "\x00!", LONG) for head in heads for part in PARTS[number % THIRDS :: THIRDS]):
        with suppress(ValueError, BotError, UnsafeAddress):  # most of this is refused
            read(text)


def _lines() -> None:
    """Compose long lines of YAML, some of which make no sense before their end."""
    for head, part, tail in product(("", "a: ", "- "), PARTS, (":", " #")):
        plain.compose(filled(head, part, tail, 49_000), 50)


def _edit(entries: int, comments: int) -> None:
    """Change every entry of a file that is full of comments."""
    images = "".join(f"- {{name: a{number}, newTag: '1'}}\n" for number in range(entries))
    text = f"images:\n{images}" + "#\n" * comments
    edits = [Assignment(f"a{number}", Pin("2")) for number in range(entries)]
    edit(kustomization.read(text.encode(), "kustomization.yaml"), edits)


def _diff(lines: int) -> None:
    """Show what changes in a file whose lines repeat, but none so often that `difflib` would leave it out."""
    rest = "".join(f"#{number % 110}\n" for number in range(lines))
    before, after = (f"images:\n- name: a\n  newTag: '{tag}'\n{rest}".encode() for tag in (1, 2))
    print_diff({"kustomization.yaml": (before, after)}, Screen(io.StringIO()))


def texts() -> Mapping[str, Callable[[], object]]:
    """What is read, by its name."""
    return {
        **dict(_bodies()),
        **{f"a {name}": partial(_everything, *of, number) for number, (name, of) in enumerate(_PARSERS.items())},
        "long lines of YAML": _lines,
        "an edit among comments": partial(_edit, 700, 175_000),
        "a diff of lines that repeat": partial(_diff, 250_000),
    }


def main(first: str | None = None) -> None:
    """Read the texts from `first` on."""
    begun = first is None
    for name, read in texts().items():
        begun = begun or name == first
        if not begun:
            continue
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + SECONDS, resource.RLIM_INFINITY))
        read()
        print(name, flush=True)  # noqa: T201 - this is a program


if __name__ == "__main__":
    main(*sys.argv[1:])
