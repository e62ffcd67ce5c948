"""Git, from what others use down to the process.

`repository` keeps a copy of one remote and gives and takes its files. It reads the bot's branches by `branches` and the
history of the base branch by `line`, both from the objects in `store`; `remote` alone uses the network, and `refusals`
says what its failures mean. `cache` is the folder of the copy, and `process` runs git.
"""

from gitops_bot.edges.git.process import git_versions
from gitops_bot.edges.git.remote import Credentials
from gitops_bot.edges.git.repository import Repository

__all__ = ["Credentials", "Repository", "git_versions"]
