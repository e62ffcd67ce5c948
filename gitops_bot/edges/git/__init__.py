from gitops_bot.edges.git.process import Credentials, installed
from gitops_bot.edges.git.repository import Repository

__all__ = ["Credentials", "Repository", "installed"]
