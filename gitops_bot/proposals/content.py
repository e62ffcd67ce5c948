"""A proposal in words: what git and the forge will be given beside its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitops_bot.proposals import naming, trailers
from gitops_bot.proposals.text import body, summary, template
from gitops_bot.proposals.text.markdown import quiet
from gitops_bot.proposals.trailers import Trailers
from gitops_bot.releases.decisions import Change, Held

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.proposals.text.details import Described
    from gitops_bot.releases.decisions import Decision, Source


@dataclass(frozen=True, slots=True)
class ProposalText:
    """The title and the text of a pull request, and the message of its commit."""

    title: str
    body: str
    message: str


def write(
    environment: str,
    decisions: Sequence[Decision],
    *,
    source: Source,
    group: str = naming.DEFAULT_GROUP,
    title: str | None = None,
    message: str | None = None,
    described: Mapping[tuple[str, str], Described] | None = None,
) -> ProposalText:
    """Put the decisions about a group into words, with at least one change among them.

    `title` and `message` are templates, None for the bot's own; `described` is what is known of the images, by the
    entries' keys.
    """
    changes = [decision for decision in decisions if isinstance(decision, Change)]
    held = [decision for decision in decisions if isinstance(decision, Held)]
    fields = summary.fields(environment, changes, group, source)
    headline = template.title(title, fields)
    text = template.message(message, fields | {"title": headline, "changes": summary.table(changes)})
    if why := summary.because(changes):
        text = f"{text}\n\nWhy: {quiet(why)}"
    block = Trailers(*naming.trailer_names(environment, group), source, tuple(change.pin_change for change in changes))
    return ProposalText(
        title=headline,
        body=body.render(environment, changes, held, described or {}),
        message=f"{text}\n\n{trailers.render(block)}\n",
    )
