"""Prints text for people: folded and coloured on a terminal, in whole lines without colours if piped."""

from __future__ import annotations

import os
import shutil
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from gitops_bot import redact
from gitops_bot.images.reason import enumerated
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.releases.choice import hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from gitops_bot.images.reference import Pin
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.results.outcome import EnvironmentOutcome
    from gitops_bot.results.status import EnvironmentStatus

#: Characters of one message; what is longer is cut.
LONG: Final = 2000
#: How many names of entries and directories, and of environments, are listed; the rest is counted.
SHOWN: Final = 3
_ENVIRONMENTS: Final = 6
_LONGEST_NAME: Final = 100
_SHORT: Final = len("sha256:") + 12
#: Blanks between two columns.
GAP: Final = 2
Style = Literal["bold", "dim", "red", "bold red", "green", "yellow", "cyan"]

_CODES: Mapping[Style, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "bold red": "1;31",
    "green": "32",
    "yellow": "33",
    "cyan": "36",
}


class Screen(NamedTuple):
    """A stream and its width in columns; None if piped: then lines are not folded, so they can be searched."""

    out: TextIO
    width: int | None = None
    colours: bool = False

    @classmethod
    def of(cls, out: TextIO) -> Screen:
        """The screen behind a stream. `NO_COLOR` and `TERM=dumb` switch colours off.

        Characters that standard output cannot encode are replaced; standard error escapes them by itself.
        """
        if out is sys.stdout and isinstance(out, TextIOWrapper):
            out.reconfigure(errors="replace")
        if not out.isatty():
            return cls(out)
        colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(out, shutil.get_terminal_size().columns, colours)

    def say(
        self,
        text: str = "",
        *,
        indent: int = 0,
        hang: int = 0,
        lead: str = "",
        style: Style | None = None,
        rest: Style | None = None,
    ) -> None:
        """Print `lead` and `text` without secrets, and without anything that a terminal or a job's log would interpret.

        Folded lines are indented by `hang` more than the first. The style is for `lead`, else for the whole; `rest` is
        for what follows a lead.
        """
        # Secrets are struck before the text is folded: half of one is no longer recognised.
        shown = redact.printable(f"{lead}{text}")
        lines = [shown.rstrip()]
        if self.width is not None:
            # Text from the middle of a line may start one now, where a job's log would take it for a command.
            lines = [redact.printable(line) for line in fold(shown, self.width - indent, hang)]
        begins = lead if lines[0].startswith(lead) else ""
        for line in lines:
            text = f"{self._in_style(begins, style)}{self._in_style(line[len(begins) :], rest if lead else style)}"
            print(f"{' ' * indent}{text}" if line else "", file=self.out)
            begins = ""

    def say_rows(self, rows: Iterable[Sequence[str]], indent: int = 0) -> None:
        """Print a line for each row, in columns; the last cell, a sentence, has any width."""
        struck = [tuple(map(redact.printable, row)) for row in rows]
        for line, row in zip(align([row[:-1] for row in struck])[0], struck, strict=True):
            self.say(f"{line}{row[-1]}", indent=indent)

    def say_as_is(self, line: str, style: Style | None = None) -> None:
        """Print one line of a file: it is never folded."""
        print(self._in_style(redact.printable(line), style), file=self.out)

    def _in_style(self, text: str, style: Style | None) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.colours and style is not None and text else text


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: some characters take none, some two."""
    if text.isascii():
        return len(text)
    import wcwidth

    return wcwidth.width(text)


def fold(text: str, width: int, hang: int = 0) -> Iterator[str]:
    """Lines of at most `width` columns, broken between words; a longer word gets its own line."""
    line, columns = "", 0
    for number, word in enumerate(text.split(" ")):
        size = cells(word)
        if number and line.strip() and columns + 1 + size > width:
            yield line.rstrip()
            line, columns = " " * hang + word, hang + size
        else:
            line, columns = (f"{line} {word}", columns + 1 + size) if number else (word, size)
    yield line.rstrip()


def align(rows: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """A line for each row, with its cells in columns and a gap after each; and how wide each of them is."""
    columns = [max(map(cells, column)) + GAP for column in zip(*rows, strict=True)]
    lines = [
        "".join(cell + " " * (width - cells(cell)) for cell, width in zip(row, columns, strict=True)) for row in rows
    ]
    return lines, sum(columns)


def short(pin: Pin) -> str:
    """A pin with its digest shortened to twelve digits; files may pin any text."""
    digest = f"@{redact.strike(pin.digest)[:_SHORT]}" if pin.digest else ""
    return plain(f"{pin.tag or ''}{digest}") or "(none)"


def place(entry: Managed) -> str:
    """`file:line`."""
    return f"{plain(entry.file)}:{entry.line}"


def frozen(environments: Iterable[EnvironmentOutcome | EnvironmentStatus]) -> list[str]:
    """The freezes of whole environments that last now, each once, in a line."""
    lasting = dict.fromkeys(freeze for environment in environments for freeze in environment.frozen)
    return [f"frozen: {plain(hold.freeze_text(freeze), LONG)}" for freeze in lasting]


def unstopped(environments: Iterable[EnvironmentStatus]) -> list[str]:
    """The pull requests that can be merged although they are frozen, each in a line."""
    return [plain(why.text, LONG) for environment in environments for why in environment.unstopped]


def list_names(names: Iterable[str], *, most: int = SHOWN) -> str:
    """The first few, each once, and how many others there are."""
    known = list(dict.fromkeys(names))
    more = [f"{len(known) - most} more"] if len(known) > most else []
    shown = [*(plain(name, _LONGEST_NAME) for name in known[:most]), *more]
    return enumerated(shown) or "-"


def list_images(entries: Sequence[Managed]) -> str:
    """Samples of entries, and the environments that they are in."""
    names = list_names(entry.name.rpartition("/")[2] or entry.name for entry in entries)
    return f"{names}, in {list_names((entry.environment or '' for entry in entries), most=_ENVIRONMENTS)}"
