from gitops_bot.edges.registry.registry import Registry

__all__ = ["Registry"]
