"""Imports everything that a step needs, so that Python compiles it when the bot is installed, not in the first step."""

from gitops_bot.action import step
from gitops_bot.commands import check
from gitops_bot.edges import git, registry
from gitops_bot.edges.github import wire
from gitops_bot.engine import update
from gitops_bot.wiring import world

__all__ = ["check", "git", "registry", "step", "update", "wire", "world"]
