"""Everything that a step imports, so that it is compiled once, when the bot is installed, and not by the first step."""

from gitops_bot import cli_action, cli_world
from gitops_bot.edges import git, registry
from gitops_bot.edges.github import wire
from gitops_bot.journeys import check, promote, rollback, update
from gitops_bot.journeys import set as set_

__all__ = ["check", "cli_action", "cli_world", "git", "promote", "registry", "rollback", "set_", "update", "wire"]
