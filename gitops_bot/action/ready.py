"""Everything that a step imports, so that it is compiled once, when the bot is installed, and not by the first step."""

from gitops_bot.action import step
from gitops_bot.commands import check
from gitops_bot.edges import git, registry
from gitops_bot.edges.github import wire
from gitops_bot.engine import pipe
from gitops_bot.wiring import world

__all__ = ["check", "git", "pipe", "registry", "step", "wire", "world"]
