from gitops_bot.edges.registry.access import Access
from gitops_bot.edges.registry.registry import Registry

__all__ = ["Access", "Registry"]
