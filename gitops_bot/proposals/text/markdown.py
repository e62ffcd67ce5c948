"""Foreign text in Markdown: names from manifests and words from registries are shown, never obeyed; and its length.

What is too long is cut between whole parts, with a note about the rest. The source of an image is a label that anybody
can write, so it is a link only where every part of it is what a repository of a forge looks like: no credentials, no
address of a machine, no query, nothing that would need escaping.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_Item = TypeVar("_Item")

#: The most characters of a body. A forge that takes less cuts it itself.
LIMIT = 65_536
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&$])")
#: What makes a list, a rule or a heading of a line that begins with it.
_OPENING = re.compile(r"^(?:(?=[-+=])|([0-9]{1,9})(?=[.)](?: |$)))")
#: What a forge acts upon even where Markdown is escaped: mentions, issues (closed by "fixes #1", "fixes GH-1"),
#: addresses.
_ACTIVE = re.compile(r"[@#]|:(?=//)|www(?=\.)|\bGH(?=-[0-9])", re.IGNORECASE)
#: Not seen, and no part of any word that a forge knows.
BREAK = "\u200b"
_TICKS = re.compile(r"`+")
#: What messages put between two back-ticks.
_QUOTED = re.compile(r"(?<!`)`([^\s`](?:[^`]*[^\s`])?)`(?!`)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PART = r"\.?[A-Za-z0-9_][A-Za-z0-9._~-]{0,99}"
_ADDRESS = re.compile(
    rf"(?i:(https?)://((?:{_LABEL}\.){{1,8}}[a-z][a-z0-9-]{{1,62}}))(:[0-9]{{1,5}})?((?:/{_PART}){{2,20}})/?"
)
#: A plain web address, which every browser reads the same way.
_LINK = re.compile(r"https?://[A-Za-z0-9.\[\]:-]{1,255}(?:/[A-Za-z0-9._~/#@!$&*+,;=%-]{0,200})?\Z")
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 300
#: Behind owner and name, GitHub and Gitea have these before a directory of the repository.
_INTO = ("tree", "blob", "src")


def plain(text: str, limit: int = 500) -> str:
    """One line without control and formatting characters (line breaks, escapes, bidi overrides), cut at `limit`."""
    if not text.isprintable():
        text = "".join(
            " " if char.isspace() else char for char in text if char.isspace() or unicodedata.category(char)[0] != "C"
        )
    shown = " ".join(text.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def quiet(text: str, limit: int = 500) -> str:
    """Text for where no Markdown is read: titles and commit messages. It notifies nobody and closes nothing."""
    return _ACTIVE.sub(rf"\g<0>{BREAK}", plain(text, limit))


def prose(text: str, limit: int = 500) -> str:
    """Text that Markdown shows as it is, what messages quote in back-ticks as code.

    Zero-width spaces keep the rest from notifying, closing or linking anything.
    """
    parts = _QUOTED.split(plain(text, limit))
    parts[::2] = [_ACTIVE.sub(rf"\g<0>{BREAK}", _SPECIAL.sub(r"\\\1", part)) for part in parts[::2]]
    parts[1::2] = [code(part, limit) for part in parts[1::2]]
    return _OPENING.sub(lambda match: f"{match[1] or ''}\\", "".join(parts))


def code(text: str, limit: int = 500) -> str:
    """A code span that survives back-ticks and, inside a table, pipes."""
    shown = plain(text, limit).replace("|", "\\|")
    if not shown:
        return ""
    fence = "`" * (max((len(run) for run in _TICKS.findall(shown)), default=0) + 1)
    space = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"


def html_code(text: str, limit: int = 500) -> str:
    """A code element, for use inside HTML, where Markdown is not read."""
    from html import escape  # which also loads 2,000 names of characters

    shown = escape(plain(text, limit))
    return f"<code>{shown}</code>" if shown else ""


def address(url: str | None) -> str | None:
    """The address if it may be a link."""
    return url if url is not None and _LINK.match(url) else None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]] = ()) -> list[str]:
    """The lines of a table; cells are Markdown already."""
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def size(text: str) -> int:
    """The length in UTF-16 code units, the most that any forge counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cost(lines: Iterable[str]) -> int:
    """The length of these lines, with their line breaks."""
    return sum(size(line) + 1 for line in lines)


def cut(items: Sequence[_Item], show: Callable[[_Item], str], room: int, word: Callable[[int], str]) -> list[str]:
    """The first items that fit into `room`, and where some do not, `word` for how many; nothing if that does not fit.

    Items are shown one by one: what comes after the cut costs nothing.
    """
    shown: list[str] = []
    for item in items:
        part = show(item)
        if cost([part]) > room:
            break
        room -= cost([part])
        shown.append(part)
    if len(shown) == len(items):
        return shown
    while shown and cost([word(len(items) - len(shown))]) > room:
        room += cost([shown.pop()])
    last = word(len(items) - len(shown))
    return [*shown, last] if cost([last]) <= room else []


def enclose(
    head: Sequence[str], lines: Sequence[str], room: int, word: Callable[[int], str], foot: Sequence[str] = ()
) -> list[str]:
    """The first lines that fit between head and foot, as `cut` gives them; nothing at all where there are none."""
    shown = cut(lines, str, room - cost([*head, *foot]), word)
    return [*head, *shown, *foot] if shown else []


def clip(text: str, room: int) -> str:
    """The beginning of a text, cut at `room` if it is longer; never within a character."""
    return text.encode("utf-16-le", "surrogatepass")[: 2 * max(room, 0)].decode("utf-16-le", "ignore")


class SourceRepository(NamedTuple):
    """A repository on a forge: its host, owner and name as they are shown, its page, and how its other pages begin."""

    name: str
    home: str
    pages: str

    def compare(self, old: str, new: str) -> str:
        """The page of the commits from one revision to another."""
        return f"{self.pages}/compare/{old}...{new}"

    def commit(self, revision: str) -> str:
        """The page of one commit."""
        return f"{self.pages}/commit/{revision}"

    def release(self, tag: str) -> str:
        """The page of a release, for a tag of the OCI grammar.

        Images lose the `v` of their Git tag more often than not, so a tag without it is looked up.
        """
        has_v = tag.startswith("v")
        if self.pages != self.home:  # as on GitLab
            return f"{self.pages}/releases" + (f"/{tag}" if has_v else "")
        return f"{self.pages}/releases" + (f"/tag/{tag}" if has_v else f"?q={tag}")


def source_repository(source: str | None) -> SourceRepository | None:
    """The repository that a source label names; None where it names none, or one whose pages are not known."""
    address = _ADDRESS.fullmatch(source) if source and len(source) <= _LONGEST else None
    if address is None:
        return None
    scheme, host, port, path = address[1].lower(), address[2].lower(), address[3] or "", address[4]
    if "bitbucket" in host:
        return None  # its pages have other names
    parts = path[1:].split("/")
    is_gitlab = "gitlab" in host
    if not is_gitlab and len(parts) > 2:
        if parts[2] not in _INTO:
            return None
        parts = parts[:2]
    name = f"{host}{port}/{'/'.join(parts)}".removesuffix(".git")
    home = f"{scheme}://{name}"
    return SourceRepository(name, home, f"{home}/-" if is_gitlab else home)


def git_revision(text: str | None) -> str | None:
    """The commit that a revision label names, as Git writes it; None where it names none."""
    return text if text is not None and _REVISION.fullmatch(text) else None
