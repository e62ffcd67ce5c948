"""What git on GitHub says when a rule of the server refuses a push, and what the user can do about it."""

from __future__ import annotations

from gitops_bot.edges.facts import LOGIN_REFUSED, Refusal

#: The first match counts: a ruleset's refusal, GH013, also names the rule.
REFUSALS = (
    Refusal(
        r"branches that\s+(?:remote:\s*)?are queued for merging cannot be updated|has been added to a merge queue",
        "has this branch in its merge queue, where it cannot be changed",
        "Wait until it is merged, or remove the pull request from the queue.",
    ),
    Refusal(
        r"changes must be made through (?:a|the) merge queue",
        "accepts changes to this branch only through its merge queue",
        "Use `propose: {as: pull-request}` in gitops-bot.yaml; with `auto_merge: true` the bot adds pull requests to "
        "the queue.",
    ),
    Refusal(
        r"changes must be made through a pull request",
        "accepts changes to this branch only through pull requests",
        "Use `propose: {as: pull-request}` in gitops-bot.yaml, or let the bot bypass the rule. If the branch starts "
        "with gitops-bot/, exclude those branches from the rule.",
    ),
    Refusal(
        r"commits must have (?:verified|valid) signatures|missing successful verification of signatures",
        "requires signed commits on this branch, and the bot's are not signed",
        "Let the bot bypass the rule. If the branch starts with gitops-bot/, exclude those branches from the rule.",
    ),
    Refusal(
        r"refusing to allow .{0,200} to create or update workflow",
        "does not let this token change workflow files",
        "Point the overlays away from .github/workflows, or give the token the permission `workflows: write`.",
    ),
    Refusal(
        r"GH006|GH013",
        "protects this branch: the push was refused",
        "Use `propose: {as: pull-request}` in gitops-bot.yaml, or let the bot bypass the branch's rules. If the "
        "branch starts with gitops-bot/, exclude those branches from the rules.",
    ),
    Refusal(
        r"GH001|exceeds GitHub's file size limit",
        "refused the push because of its size",
        "Check for files over the server's size limit.",
    ),
    Refusal(
        LOGIN_REFUSED,
        "refused the login, or requires one",
        "Set GITHUB_TOKEN; if it is set, it has expired or does not cover this repository. For a server other than "
        "github.com, set GITHUB_SERVER_URL too; ssh needs a key.",
    ),
)
