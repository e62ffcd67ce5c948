from gitops_bot.edges.http.address import Misled, follow, host_of, is_loopback, origin
from gitops_bot.edges.http.client import ATTEMPTS, PATIENCE, Answer, Http, Tuning
from gitops_bot.edges.http.counted import Observe
from gitops_bot.edges.http.failure import Unanswered
from gitops_bot.edges.http.pace import Clock

__all__ = [
    "ATTEMPTS",
    "PATIENCE",
    "Answer",
    "Clock",
    "Http",
    "Misled",
    "Observe",
    "Tuning",
    "Unanswered",
    "follow",
    "host_of",
    "is_loopback",
    "origin",
]
