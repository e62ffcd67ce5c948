"""Image names, tags and pins. Text is parsed here, once, and is trusted from then on.

Grammar: OCI distribution specification 1.1, "Pulling manifests"; the host rule and the `library/` prefix are Docker's.
"""

from __future__ import annotations

import heapq
import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from posixpath import commonprefix
from typing import TYPE_CHECKING

from gitops_bot.errors import Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:\[([0-9A-Fa-f:.]{{2,45}})\]|({_LABEL}(?:\.{_LABEL})*))(?::[0-9]{{1,5}})?\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
#: What stands behind a repository only as a tag or a digest, even a malformed one: `:-1`, `:1.0+2`, `@md5:1`.
_MEANT = re.compile(r":[\w.+-][\w.+ -]*|(?::[\w.+-]+)?@(?:sha|md)[0-9]+:.*", re.IGNORECASE)
_NAME_LIMIT = 255
#: Any one of these in a tag names one build for good; a tag without one is floating, and is followed when it moves.
_FIXED = re.compile(
    r"""
      (?<![0-9.])[0-9]+\.[0-9]+\.[0-9]+                                    # 1.2.3, v1.2.3-alpine, go1.21.3, 2024.01.05
    | (?:^|[-_.])[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])                       # 2024-01-05
    | (?:^|[-_.])[gv]?[0-9a-f]{7,128}(?:$|[-_.])                           # a commit, a date stamp, a Unix time
    | (?:^|[-_.])[0-9]{8}[Tt][0-9]{4,6}                                    # 20240105T1200Z
    | (?:^|[-_])v?(?!(?:19|20)[0-9]{2}(?:$|[-_]))[0-9]{3,}(?:$|[-_])       # 123, v100, main-57012; a year moves
    | (?:^|[-_.])(?:build|run|ci|b|r)[-_.]?[0-9]+(?:$|[-_.])               # build-57, b57
    """,
    re.ASCII | re.VERBOSE,
)
#: A list may have 300,000 tags, and comparing is slow: tags with the same start or end come first.
_COMPARED = 200

DOCKER_HUB = "docker.io"
TAG_ADVICE = "A tag has letters, digits, `_`, `.` and `-`, at most 128 of them."
DIGEST_ADVICE = "A digest is `sha256:` and 64 lower-case hexadecimal digits."


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the OCI grammar."""
    return _TAG.match(text) is not None


def is_floating(tag: str) -> bool:
    """Whether the tag is floating: `latest`, `main`, `1`, `1.2`, `v1`, `1.27-alpine`, `2022`.

    Not so: full versions, commits (7 hexadecimal digits or more, alone or after a prefix such as `sha-`), dates,
    numbers from 100 (`v100`; years aside), and numbers after `build`, `run`, `ci`, `b` or `r`. In doubt a tag does not
    move: then a move is shown to people instead of being followed.
    """
    return _FIXED.search(tag) is None


def nearest(word: str, tags: Sequence[str], count: int = 3) -> list[str]:
    """The tags with the most similar spelling, nearest first: suggestions for one that a registry does not have."""
    from difflib import get_close_matches

    def shared(tag: str) -> int:
        return max(len(commonprefix((word, tag))), len(commonprefix((word[::-1], tag[::-1]))))

    return get_close_matches(word, heapq.nlargest(_COMPARED, tags, key=shared), n=count, cutoff=0.7)


def is_digest(text: str) -> bool:
    """Whether `text` is a digest of a registered algorithm (sha256, sha512) in full length and lower case."""
    return _DIGEST.match(text) is not None


@lru_cache(maxsize=1024)  # thousands of entries have images of the same few
def _is_host(text: str) -> bool:
    """Whether `text` is a host with or without a port. What looks like an address has to be one."""
    host = _HOST.match(text)
    if host is None:
        return False
    try:
        match host.groups():
            case str(bracketed), _:
                ipaddress.IPv6Address(bracketed)
            case _, str(name) if name.rpartition(".")[2].isdigit():
                ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def split(text: str) -> tuple[str, str | None, str | None]:
    """An image reference, `repository:tag@digest`, as its parts, None for one that is not there. Nothing is checked."""
    before, at, digest = text.partition("@")
    directory, slash, last = before.rpartition("/")
    base, colon, tag = last.partition(":")
    return directory + slash + base, tag if colon else None, digest if at else None


def fits(glob: str, text: str) -> bool:
    """Whether a glob, in which `*` is any text, matches a text. Each part between two stars is taken where it comes
    first, and nothing is tried twice, whatever the glob.
    """
    first, *rest = glob.split("*")
    if not rest:
        return text == glob
    *middle, last = rest
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        start = text.find(part, at, end)
        if start < 0:
            return False
        at = start + len(part)
    return True


def is_pinned(text: str) -> bool:
    """Whether a text is clearly meant to be a reference to an image with a tag or a digest; either may be malformed.

    A malformed one counts behind a repository with its registry (`ghcr.io/acme/web@latest`), where both are there
    (`acme/web:1@abc`), or by what it looks like. So `host:80,host:81`, `git@host:acme/web` and `note: text` are none.
    """
    repository, tag, digest = split(text)
    name = ImageName.of(repository)
    if name is None or not (tag or digest):
        return False
    if "/" in repository and (not name.path.endswith(repository) or (tag and digest)):
        return True
    return Pin(tag, digest).malformed is None or _MEANT.fullmatch(text, len(repository)) is not None


def is_reference(text: str) -> bool:
    """Whether a text names an image, with or without a tag and a digest, each by the OCI grammar."""
    repository, *pin = split(text)
    return ImageName.of(repository) is not None and Pin(*pin).malformed is None


@dataclass(frozen=True, slots=True, order=True)
class ImageName:
    """A repository in a registry, normalised: `nginx` is `docker.io/library/nginx`."""

    registry: str
    path: str

    @classmethod
    def parse(cls, text: str) -> ImageName:
        """Read a repository name without tag and digest.

        Raises:
            ValueError: the text is no repository name; the message says why and quotes it.
        """
        head, slash, rest = text.partition("/")
        if slash and ("." in head or ":" in head or head == "localhost"):
            registry, path = head.lower(), rest
        else:
            registry, path = DOCKER_HUB, text
        if registry in ("index.docker.io", "registry-1.docker.io"):
            registry = DOCKER_HUB
        if registry == DOCKER_HUB and "/" not in path:
            path = f"library/{path}"
        if not _is_host(registry) or not _PATH.match(path) or len(registry) + 1 + len(path) > _NAME_LIMIT:
            raise ValueError(f"{text[:300]!r} is not an image repository name")
        return cls(registry, path)

    @property
    def is_official(self) -> bool:
        """Whether Docker Hub curates it, so that a number alone is a major version: `postgres:16`."""
        return self.registry == DOCKER_HUB and self.path.startswith("library/")

    @classmethod
    def of(cls, text: str) -> ImageName | None:
        """The repository that a text names; None where it names none."""
        try:
            return cls.parse(text)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


@lru_cache(maxsize=1024)  # the names of a configuration are compared with every entry
def normalised(text: str) -> str | None:
    """A repository as all of its spellings come to; None where the text can only be the name of an entry."""
    name = ImageName.of(text)
    return str(name) if name is not None else None


@dataclass(frozen=True, slots=True)
class Pin:
    """What an entry pins: a tag, a digest, both, or nothing yet."""

    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        """As kustomize reads it: `TAG`, `TAG@DIGEST`, `@DIGEST`; `(none)` when nothing is pinned."""
        if self.tag is None and self.digest is None:
            return "(none)"
        return (self.tag or "") + (f"@{self.digest}" if self.digest else "")

    @property
    def malformed(self) -> tuple[str, str] | None:
        """What of it is outside the OCI grammar, and what to write instead; None where nothing is."""
        if self.tag is not None and not is_tag(self.tag):
            return f"{self.tag[:300]!r} is not a tag", TAG_ADVICE
        if self.digest is not None and not is_digest(self.digest):
            return f"{self.digest[:300]!r} is not a digest", DIGEST_ADVICE
        return None

    @property
    def short(self) -> str:
        """As a sentence names it: the tag, else the beginning of the digest."""
        return self.tag or (self.digest or str(self))[:19]


@dataclass(frozen=True, slots=True)
class Assignment:
    """What the entries called `image` shall pin: one `IMAGE=PIN` of the command line, or an edit."""

    image: str
    pin: Pin
    new_name: str | None = None

    @classmethod
    def parse(cls, text: str) -> Assignment:
        """Read `IMAGE=PIN`, where PIN is `TAG`, `TAG@DIGEST`, `@DIGEST`, `NEWNAME:TAG[@DIGEST]` or `NEWNAME@DIGEST`.

        What stands before `@` is a NEWNAME where it holds a `/` or a `:`, the tag after the last `:` behind the
        last `/`; else it is a tag.

        Raises:
            ValueError: not of that form, or outside the OCI grammar; the message says which part.
        """
        image, equals, pin = text.partition("=")
        if not equals or not image or not pin:
            raise ValueError(f"{text[:300]!r} is not of the form IMAGE=PIN")
        if image != image.strip() or pin != pin.strip():
            raise ValueError(f"{text[:300]!r} has blanks beside the `=`")
        before, at, digest = pin.partition("@")
        new_name: str | None = None
        tag: str | None = before or None
        if "/" in before or ":" in before:
            directory, slash, last = before.rpartition("/")
            base, colon, after = last.partition(":") if slash else before.rpartition(":")
            new_name, tag = directory + slash + base, after if colon else None
            ImageName.parse(new_name)
            if not colon and not at:
                raise ValueError(f"{pin[:300]!r} names an image but neither a tag nor a digest")
        given = Pin(tag, digest if at else None)
        if malformed := given.malformed:
            raise ValueError(malformed[0])
        return cls(image, given, new_name)


def parse_assignments(texts: Sequence[str]) -> tuple[Assignment, ...]:
    """Read every `IMAGE=PIN` of a command line.

    Raises:
        UsageError: with one problem for each that cannot be read, and for each image that is given twice.
    """
    read: dict[str, Assignment] = {}
    problems: list[Problem] = []
    if len(texts) in (2, 3) and all(text == "=" or "=" not in text for text in texts):
        texts = [" ".join(texts)]  # `web v1.4.2`, or `web = v1.4.2` without quotes
    for text in texts:
        try:
            assignment = Assignment.parse(text)
        except ValueError as error:
            problems.append(Problem("failed.usage", str(error), _correction(text)))
            continue
        if read.setdefault(assignment.image, assignment) != assignment:
            problems.append(Problem("failed.usage", f"{assignment.image} is given two pins", "give each image one pin"))
    if problems:
        raise UsageError(*problems)
    return tuple(read.values())


#: `web:v1.4.2`, `web@sha256:...`, as a container runtime takes it; or two words.
_IMAGE_AND_PIN = re.compile(r"([^\s=]+?)(?:(?::|\s+)([^/:@\s]+))?(@\S+)?")


def _correction(text: str) -> str:
    """The `IMAGE=PIN` that was probably meant by a text that is none, as advice; else the forms that there are."""
    image, equals, pin = (part.strip() for part in text.partition("="))
    if not equals and (parts := _IMAGE_AND_PIN.fullmatch(image)) is not None:
        image, pin = parts[1], f"{parts[2] or ''}{parts[3] or ''}"
    try:
        Assignment.parse(f"{image}={pin}")
    except ValueError:
        return "write IMAGE=TAG, IMAGE=TAG@DIGEST, IMAGE=@DIGEST or IMAGE=NEWNAME:TAG, as in web=v1.4.2"
    return f"write `{image}={pin}`"
