"""What gates saw, in words: each check or deployment with its result, since when, by whom, and its link.

Names, links and descriptions are of strangers, and are shown, never obeyed. A link is one only where `address` says so.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text.markdown import address, code, plain, prose
from gitops_bot.releases.checks import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitops_bot.releases.decisions import Seen

#: The words before the name of one, by its gate.
KINDS: Final = {"checks": "check", "source_checks": "check of the build", "deployment": "deployment to"}
#: So many of one decision are named, and so many characters of a name, a maker and a description are shown.
MOST: Final = 5
_NAME, _BY, _TEXT = 120, 60, 140


def name(seen: Seen) -> str:
    """What it is called at the forge; as the configuration asks for it, where nothing answered."""
    return plain(seen.check.name if isinstance(seen.check, Check) else seen.name, _NAME) or "(no name)"


def result(seen: Seen) -> str:
    """How it went: `success since 2026-11-24 14:02 UTC, by argocd[bot]`."""
    check = seen.check
    if check is None:
        return plain(seen.note, _TEXT) or "not reported yet"
    by = f", by {maker}" if (maker := plain(check.by, _BY)) else ""
    why = f": {text}" if seen.state == "failure" and (text := plain(check.text, _TEXT)) else ""
    # A label of an image names the commit, and anybody can write a label.
    claimed = ", on the commit that the image claims" if seen.gate == "source_checks" else ""
    note = f" ({plain(seen.note, _TEXT)})" if seen.note else ""
    return f"{seen.state}{note} since {check.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{by}{claimed}{why}"


def link(seen: Seen) -> str | None:
    """Its page, if that may be a link."""
    return address(seen.check.url) if seen.check is not None else None


def sentence(seen: Seen) -> str:
    """What it is, and how it went."""
    return f"{KINDS[seen.gate]} {name(seen)}: {result(seen)}"


def lines(evidence: Sequence[Seen], reason: str = "") -> list[str]:
    """A line for each, for a terminal, but for those that a decision waits for and that its `reason` names."""
    others = (item for item in evidence if item.state == "success" or item.name not in reason)
    return _short(others, lambda item: " ".join(filter(None, (sentence(item), link(item)))))


def markdown(evidence: Sequence[Seen]) -> list[str]:
    """A line for each, as Markdown."""

    def line(item: Seen) -> str:
        shown, page = code(name(item)), link(item)
        return f"{KINDS[item.gate]} {f'[{shown}]({page})' if page else shown}: {prose(result(item))}"

    return _short(evidence, line)


def _short(evidence: Iterable[Seen], line: Callable[[Seen], str]) -> list[str]:
    distinct = list(dict.fromkeys(evidence))
    more = [f"… and {len(distinct) - MOST} more"] if len(distinct) > MOST else []
    return [*map(line, distinct[:MOST]), *more]
