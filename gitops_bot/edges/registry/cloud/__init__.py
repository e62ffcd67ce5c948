"""Logins that clouds give to a workload: nothing is stored, and each ends after hours and is renewed in time."""

from gitops_bot.edges.registry.cloud.logins import CloudLogins

__all__ = ["CloudLogins"]
