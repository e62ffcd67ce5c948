from gitops_bot.edges.github.address import checked_token
from gitops_bot.edges.github.forge import GitHub

__all__ = ["GitHub", "checked_token"]
