"""The forge that the bot works with. Another one is a folder in `edges`, and a line here."""

from __future__ import annotations

from gitops_bot.edges.github.server import TOKENS, USER, Server

__all__ = ["TOKENS", "USER", "Server"]
