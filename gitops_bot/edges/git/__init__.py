from gitops_bot.edges.git.process import Credentials, git_versions
from gitops_bot.edges.git.repository import Repository

__all__ = ["Credentials", "Repository", "git_versions"]
