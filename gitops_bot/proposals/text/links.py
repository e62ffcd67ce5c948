"""Addresses into the repository that an image says it was built from.

The source is a label that anybody can write, so it is a link only where every part of it is what a repository of a
forge looks like: no credentials, no address of a machine, no query, nothing that would need escaping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PART = r"\.?[A-Za-z0-9_][A-Za-z0-9._~-]{0,99}"
_ADDRESS = re.compile(
    rf"(?i:(https?)://((?:{_LABEL}\.){{1,8}}[a-z][a-z0-9-]{{1,62}}))(:[0-9]{{1,5}})?((?:/{_PART}){{2,20}})/?"
)
_REVISION = re.compile(r"[0-9a-f]{7,64}")
_LONGEST = 300
#: Behind owner and name, GitHub and Gitea have these before a directory of the repository.
_INTO = ("tree", "blob", "src")


@dataclass(frozen=True, slots=True)
class SourceRepository:
    """A repository on a forge. `name` is how it is shown: host, owner and name."""

    scheme: str
    name: str
    is_gitlab: bool

    @property
    def home(self) -> str:
        """Its first page."""
        return f"{self.scheme}://{self.name}"

    def compare(self, old: str, new: str) -> str:
        """The page of the commits from one revision to another."""
        return f"{self._pages}/compare/{old}...{new}"

    def commit(self, revision: str) -> str:
        """The page of one commit."""
        return f"{self._pages}/commit/{revision}"

    def release(self, tag: str) -> str:
        """The page of a release, for a tag of the OCI grammar.

        Images lose the `v` of their Git tag more often than not, so a tag without it is looked up.
        """
        if self.is_gitlab:
            return f"{self._pages}/releases" + (f"/{tag}" if tag.startswith("v") else "")
        return f"{self._pages}/releases" + (f"/tag/{tag}" if tag.startswith("v") else f"?q={tag}")

    @property
    def _pages(self) -> str:
        return f"{self.home}/-" if self.is_gitlab else self.home


def read(source: str | None) -> SourceRepository | None:
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
    repository = f"{host}{port}/{'/'.join(parts)}".removesuffix(".git")
    return SourceRepository(scheme, repository, is_gitlab)


def revision(text: str | None) -> str | None:
    """The commit that a revision label names, as Git writes it; None where it names none."""
    return text if text is not None and _REVISION.fullmatch(text) else None
