"""Texts that strangers may write, each built to be slow to read.

`python -m tests.hostile_text [FIRST]` reads them one by one, starting at FIRST, and prints the name of each one that
it has finished. The system kills the process at a text that takes too much CPU time.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

from gitops_bot.proposals import body, comment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: GitHub's limit of a body and of a comment, in characters.
BODY = 65_536
#: CPU seconds for one text. Linear work takes a fraction of one, quadratic work far more than all of them.
SECONDS = 10

BEGIN, END, CLOSED = (f"<!-- gitops-bot:{name} -->" for name in ("begin", "end", "closed"))


def read_body(text: str) -> None:
    """Everything that is read from a pull request's text, and every rewriting of it."""
    for question in (body.plan_mark, body.pin_marks, body.closed_by_bot, body.handed_back, body.asked_to_merge):
        question(text)
    for rewrite in (body.unfinished, body.with_closing_mark, body.with_box_cleared, body.with_merge_mark):
        rewrite(text)
    body.within(text, f"{BEGIN}\n{END}")


def filled(head: str, part: str, tail: str = "", length: int = BODY) -> str:
    """A text of this length: a beginning, a part over and over, and an end."""
    return f"{head}{part * ((length - len(head) - len(tail)) // len(part))}{tail}"


def _bodies() -> dict[str, str]:
    shapes = {
        "line breaks": "\n",
        "blanks": " ",
        "lines of a browser": "\r\n",
        "blank lines": " \n",
        "form feeds": "\f\n",
        "beginnings": f"{BEGIN}\n",
        "ends with a word behind": f"{END} x\n",
        "closing marks": f"{CLOSED}\n",
        "merge marks": "<!-- gitops-bot:auto-merge -->\n",
        "plan marks": f"<!-- gitops-bot:plan {'0' * 64} -->\n",
        "pin marks without an end": f"<!-- gitops-bot:pins {'0' * 16} ",
        "ticked boxes": "- [x] <!-- gitops-bot:hand-back -->\n",
    }
    heads = {"a beginning": f"{BEGIN}\n", "a closing mark": CLOSED}
    return {
        f"a body of {shape} after {head}{' before an end' if tail else ''}": filled(start, part, tail)
        for shape, part in shapes.items()
        for head, start in heads.items()
        for tail in ("", f"\n{END}")
    }


def texts() -> Mapping[str, Callable[[], object]]:
    """What is read, by its name."""
    return {
        **{name: lambda text=text: read_body(text) for name, text in _bodies().items()},  # type: ignore[misc]
        "a comment of blanks": lambda: comment.marker_of(filled("<!-- gitops-bot:closing -->", " ", "x")),
        "a comment of line breaks": lambda: comment.marker_of(filled("<!-- gitops-bot:closing -->", "\n", "x")),
        "a comment of digits": lambda: comment.marker_of(filled("<!-- gitops-bot:person ", "0")),
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
