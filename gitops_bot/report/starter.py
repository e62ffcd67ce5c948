"""The text of a first `gitops-bot.yaml`: what was found, and suggestions in comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.coverage import as_key, list_images, list_names, quoted, rule_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitops_bot.releases.decisions import Entry
    from gitops_bot.releases.layout.coverage import Group
    from gitops_bot.results.checkout import FoundEnvironment, Inventory

_HEAD: Final = """\
# Which image pins gitops-bot keeps current, and how. `gitops-bot schema` describes every key.
# After a change: `gitops-bot check`, and `gitops-bot plan` to see what an update would do.
version: 1

environments:
"""
#: Names of one group that get a line of their own.
_LINES: Final = 10
#: Columns of a comment.
_WIDTH: Final = 110


def starter(inventory: Inventory) -> str:
    """The whole file. Without the comments, it describes what `plan` does without a file."""
    return _HEAD + "".join(f"{line}\n" for line in _lines(inventory))


def _lines(inventory: Inventory) -> Iterator[str]:
    for number, environment in enumerate(inventory.environments):
        if number:
            yield ""
        yield from _environment(environment)
    if inventory.elsewhere:
        yield "  # Deployed from this repository, but in no environment yet:"
        for name, directories in inventory.elsewhere.items():
            globs = ", ".join(quoted(directory) for directory in directories)
            yield f"  # {as_key(name)}: {{overlays: [{globs}], policy: auto}}"
    if closed := [answer for answer in inventory.registries if answer.wants_login]:
        yield ""
        yield "# These registries require a login. Where the bot runs, `docker login` works too."
        yield "# registries:"
        for answer in closed:
            variable = "".join(char if char.isalnum() else "_" for char in answer.host.upper())
            yield f"#   {as_key(answer.host)}: {{username: bot, password_env: {variable}_TOKEN}}"


def _environment(environment: FoundEnvironment) -> Iterator[str]:
    yield f"  {as_key(environment.name)}:"
    yield "    overlays:"
    for glob in environment.overlays:
        yield f"      - {quoted(glob)}"
    if environment.source is not None:
        yield from _promotion(environment, environment.source)
    yield "    # Choose newer tags in the format of the pinned ones:"
    for policy, entries in environment.followed.items():
        yield _comment(f"{len(entries)} by {policy}: {list_names(_pinned(entries))}", indent=2)
    if not environment.followed:
        yield "    #   none yet"
    yield "    policy: auto"
    groups = environment.coverage.groups
    for group in groups:
        yield _comment(f"{len(group.entries)} unmanaged: {group.alike}:")
        yield _comment(list_images(group.entries, environments=False), indent=2)
    if groups:
        yield "    # To track them:"
        yield "    # images:"
        for group in groups:
            yield from _answers(group)


def _promotion(environment: FoundEnvironment, source: str) -> Iterator[str]:
    count = environment.corresponding
    of = f"{count} of {environment.coverage.entries} entries"
    if environment.promote:
        yield f"    # Promote the digests that {source} runs; it has {of} too. `policy` covers the others."
        yield f"    promote_from: {as_key(source)}"
    else:
        yield f"    # {source} has {of} too. To promote the digests that it runs, instead of polling for them:"
        yield f"    # promote_from: {as_key(source)}"


def _pinned(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield f"{entry.name.rpartition('/')[2] or entry.name} {entry.pin.tag or 'by digest'}"


def _answers(group: Group) -> Iterator[str]:
    """A suggestion for each image of a group, on separate lines because people may want only some."""
    pins = {entry.name: entry.pin for entry in reversed(group.entries)}
    shown = sorted(pins)[:_LINES]
    for name in shown:
        yield f"    #   {as_key(name)}: {{{rule_for(pins[name])}}}"
    if len(pins) > len(shown):
        yield f"    #   and {len(pins) - len(shown)} more"


def _comment(text: str, *, indent: int = 0) -> str:
    return f"    # {' ' * indent}{plain(text, _WIDTH)}"
