from gitops_bot.edges.git.process import installed
from gitops_bot.edges.git.repository import Credentials, Repository

__all__ = ["Credentials", "Repository", "installed"]
