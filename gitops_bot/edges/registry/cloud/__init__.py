"""Logins by the identity that a cloud gives this workload. They are never stored, and renewed before they expire."""

from gitops_bot.edges.registry.cloud.logins import CloudLogins

__all__ = ["CloudLogins"]
