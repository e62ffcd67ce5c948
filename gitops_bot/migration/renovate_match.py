"""How Renovate's settings name packages and files: exactly, by a glob, or by an expression between slashes."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from gitops_bot.images import expression
from gitops_bot.migration import rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SLASHED: Final = re.compile(r"!?/(.*)/(i?)", re.DOTALL)
_GLOB: Final = re.compile(r"\*\*/|\*\*|\*|\?|\{([^{}]{0,200})\}|[\s\S]")
_WILD: Final = re.compile(r"[*?{/]")
_LONGEST: Final = 300


def slashed(pattern: str) -> str | None:
    """The expression between slashes, as RE2 has it; None for what is no expression."""
    match = _SLASHED.fullmatch(pattern)
    return ("(?i)" if match[2] else "") + rules.without_names(match[1]) if match else None


def names_any(patterns: Sequence[str], *texts: str) -> bool:
    """Whether a list of patterns means one of these texts: one of the plain ones does, and none with a `!` in front."""
    wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
    unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    named = not wanted or any(_names(pattern, text) for pattern in wanted for text in texts)
    return named and not any(_names(pattern, text) for pattern in unwanted for text in texts)


def unusable(patterns: Sequence[str]) -> str | None:
    """Why one of these patterns cannot be used, None where all can."""
    return next((why for pattern in patterns if (why := _unusable(pattern.removeprefix("!"))) is not None), None)


@functools.lru_cache(maxsize=4096)
def _unusable(pattern: str) -> str | None:
    return rules.compiles(_expression(pattern))


@functools.lru_cache(maxsize=65_536)
def _names(pattern: str, text: str) -> bool:
    if pattern in ("*", "**") or pattern.lower() == text.lower():
        return True
    if not _WILD.search(pattern):
        return False
    return _unusable(pattern) is None and expression.extract(_expression(pattern), text[:_LONGEST]) is not None


@functools.lru_cache(maxsize=4096)
def _expression(pattern: str) -> str:
    return slashed(pattern) or "(?i)^" + "".join(_of_glob(pattern)) + "$"


def _of_glob(glob: str) -> Iterator[str]:
    for part in _GLOB.finditer(glob):
        match part[0]:
            case "**/":
                yield "(?:.*/)?"
            case "**":
                yield ".*"
            case "*":
                yield "[^/]*"
            case "?":
                yield "[^/]"
            case _ if part[1] is not None:
                yield f"(?:{'|'.join(re.escape(choice) for choice in part[1].split(','))})"
            case char:
                yield re.escape(char)
