"""Imports everything that a step needs, so that Python compiles it when the bot is installed, not in the first step."""

from gitops_bot.action import step
from gitops_bot.edges import git, registry
from gitops_bot.edges.github import wire

__all__ = ["git", "registry", "step", "wire"]
