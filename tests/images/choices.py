"""What a choice comes to, for the tests of everything that chooses."""

from __future__ import annotations

from gitops_bot.images.policy import Choice, Chosen, Current, HeldChoice


def told(choice: Choice) -> tuple[str, str | None]:
    """What a choice comes to: its code, and the tag that it names."""
    match choice:
        case Chosen(tag, reason):
            return reason.code, tag
        case HeldChoice(reason, candidate):
            return reason.code, candidate
        case Current(reason):
            return reason.code, None
