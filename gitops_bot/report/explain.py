"""`explain` as text: each entry with its pin, policy, rules, candidates, gates and outcome."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from gitops_bot.images.age import undated
from gitops_bot.images.explain import IMAGE, KNOWN
from gitops_bot.images.reason import counted
from gitops_bot.images.version import counted as counted_texts
from gitops_bot.proposals.text import evidence
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.screen import place, short

if TYPE_CHECKING:
    from gitops_bot.images.explain import PolicySelection
    from gitops_bot.images.reason import Code
    from gitops_bot.report.screen import Screen, Style
    from gitops_bot.results.explained import Explained, Explanations, PolicySource
    from gitops_bot.results.result import Head

_STYLES: Final[dict[str, Style]] = {"chosen": "green", "held": "yellow", "failed": "red"}
_LABEL: Final = 9
#: What would change a decision, by the code of its reason.
_WHAT_CHANGES_IT: Final[dict[Code, str]] = {
    "current": "a newer tag that the policy admits",
    "nothing_new": "a tag that the policy admits, or a wider policy",
    "ignored": "`ignore: false` in the configuration",
    "unmanaged": "a `policy` for this image or environment",
    "held.downgrade": "a higher tag, or `gitops-bot set ... --allow-downgrade`",
    "held.older_build": "a newer build, or `gitops-bot set ... --allow-downgrade`",
    "held.reverted": "a newer tag, or `--release-hold`, once",
    "held.declined": "a newer tag, or reopening the pull request that was closed",
    "held.vanished": "pushing the tag again, or `gitops-bot set`",
    "held.moved": "`on_move: follow`, or a new tag for the new bytes",
    "held.unordered": "`gitops-bot set`, once, to a tag that the policy can order",
    "held.no_release_tag": "a version tag on the same digest, in the registry",
    "held.no_digest": "a place for the digest in the target's file, or `pin: tag`",
    "held.absent_in_target": "the digest in the repository of the target",
    "held.no_partner": "the same entry in the source, or a `policy` for this image",
    "held.policy": "a wider policy of the target, or `promote --beyond-policy`",
    "held.platforms": "pushing the missing platforms",
    "held.no_image": "an image under that tag, or a policy that leaves the tag out",
    "held.age": "time, or a shorter `minimum_age`",
    "held.age_unknown": "a build time in the image (`org.opencontainers.image.created`), or another order",
    "held.soak": "time, or `promote --now`",
    "held.check": "a success of the check, or `promote --beyond-checks` (of an earlier environment: `--release-hold`)",
    "held.source_check": "a success of the check, or `promote --beyond-checks`",
    "held.deployment": "a successful deployment, or `promote --beyond-checks`",
    "held.slot": "merging or closing the proposal that is in the way, or a switch that makes the slot idle",
    "held.window": "the next open window, or `schedule` in the configuration",
    "held.limit": "merging or closing another proposal, or `limit` in the configuration",
    "held.label": "removing the label from the pull request",
    "held.hold": "the end of the hold, or its entry under `holds`",
    "held.frozen": "merging the approved pull request, or `refresh_approved: true`",
    "held.history_bound": "the full history, where a clone was cut, or `--release-hold`",
}


def print_explanations(head: Head, explanations: Explanations, screen: Screen) -> None:
    """Each entry, one below the other; or what a policy makes of a list of tags."""
    if head.commit is not None:
        screen.say(head.where)
    for explained in explanations:
        _print_entry(explained, screen)


def _print_entry(explained: Explained, screen: Screen) -> None:
    entry, selection = explained.entry, explained.selection
    if entry is not None:
        screen.say()
        screen.say(f"{plain(entry.name, 300)} in {plain(entry.environment or '')}", style="bold")
        _line(screen, "pinned", f"{short(entry.pin)} in {place(entry)}")
        if entry.image != entry.name:
            _line(screen, "image", plain(entry.image, 300))
    elif explained.current.tag is not None:
        _line(screen, "pinned", plain(explained.current.tag))
    _line(screen, "policy", _policy(explained.policy))
    if selection.steps:
        _print_selection(selection, screen)
    shown = [gate for gate in explained.gates if gate.words or not gate.passed]
    for number, gate in enumerate(shown):
        seen = "ok" if gate.reason is None else f"no, {plain(gate.reason.text, 1000)} ({gate.reason.code})"
        style: Style | None = None if gate.passed else "yellow"
        _line(screen, "" if number else "gates", f"{gate.words or gate.gate}: {seen}", style)
        if gate.reason is not None and (change := _WHAT_CHANGES_IT.get(gate.reason.code)):
            _line(screen, "", f"  what would open it: {change}")
    for number, line in enumerate(evidence.lines(explained.seen, explained.reason.text)):
        _line(screen, "" if number else "seen", line)
    told = explained.reason in [gate.reason for gate in shown]
    parts = [short(explained.pin)] if explained.pin is not None else []
    parts += [plain(explained.reason.text, 1000)] if not told else [] if parts else [explained.reason.code]
    _line(screen, explained.outcome, ": ".join(parts), _STYLES.get(explained.outcome))
    if entry is not None and not told and (change := _WHAT_CHANGES_IT.get(explained.reason.code)):
        _line(screen, "", f"what would change it: {change}")
    if (asked := explained.asked) is not None:
        _line(screen, "why not", f"{plain(asked.tag, 128)}: {plain(asked.text, 1000)}", "cyan")


def _policy(policy: PolicySource) -> str:
    name = f"{policy.name}: " if policy.name is not None else ""
    where = policy.place or ("inferred from the present tag" if policy.origin == "inferred" else "")
    return plain(f"{name}{policy.text}", 1000) + (f" ({plain(where, 300)})" if where else "")


def _print_selection(selection: PolicySelection, screen: Screen) -> None:
    _line(screen, "tags", f"{counted(selection.seen, 'tag')} listed")
    for step in selection.steps:
        if not step.removed:
            continue
        groups: dict[str, list[str]] = {}
        for tag in step.sample:
            why = f" ({plain(selection.left_out[tag][1], 300)})" if step.rule in (IMAGE, KNOWN) else ""
            groups.setdefault(why, []).append(plain(tag, 128))
        samples = "; ".join(", ".join(tags) + why for why, tags in groups.items())
        if more := step.removed - len(step.sample):
            samples += f" and {more} more"
        _line(screen, "", f"`{plain(step.rule, 300)}` leaves {step.kept}, and leaves out {step.removed}: {samples}")
    _print_order(selection, screen)


def _print_order(selection: PolicySelection, screen: Screen) -> None:
    if not selection.candidates:
        _line(screen, "order", "no tag is left")
    for number, candidate in enumerate(selection.candidates):
        key = ", ".join(candidate.key)
        parts = [f"by {plain(key, 200)}" if key and key != candidate.tag else ""]
        if candidate.built is not None:
            parts.append(f"built {candidate.built:%Y-%m-%d %H:%M} UTC")
        elif candidate.claimed is not None:
            parts.append(undated(candidate.claimed))
        details = ", ".join(filter(None, parts))
        _line(screen, "" if number else "order", f"{plain(candidate.tag, 128)}{f' ({details})' if details else ''}")
    for better, worse in pairwise(selection.candidates):
        if better.key and (texts := counted_texts(better.key[0], worse.key[0])) is not None:
            strict = f"SemVer itself, by text, has {plain(texts[1], 128)} above {plain(texts[0], 128)}"
            _line(screen, "", f"{strict}: here the number counts")
            break


def _line(screen: Screen, label: str, text: str, style: Style | None = None) -> None:
    screen.say(f"{label:<{_LABEL}}{text}", indent=2, hang=_LABEL, style=style)
