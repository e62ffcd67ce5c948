from gitops_bot.edges.github.forge import GitHub

__all__ = ["GitHub"]
