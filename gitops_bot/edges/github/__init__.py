from gitops_bot.edges.github.address import checked_token
from gitops_bot.edges.github.forge import GitHub
from gitops_bot.edges.github.inspection import Inspection

__all__ = ["GitHub", "Inspection", "checked_token"]
