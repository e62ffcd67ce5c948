from gitops_bot.edges.http.address import Misled, follow_own, host_of, origin
from gitops_bot.edges.http.allowance import Allowance, Limit
from gitops_bot.edges.http.answer import Answer, parse_json
from gitops_bot.edges.http.client import ANSWER, ATTEMPTS, PATIENCE, Http
from gitops_bot.edges.http.failure import Unanswered
from gitops_bot.edges.http.lines import Observe, Tuning
from gitops_bot.edges.http.pace import Clock

__all__ = [
    "ANSWER",
    "ATTEMPTS",
    "PATIENCE",
    "Allowance",
    "Answer",
    "Clock",
    "Http",
    "Limit",
    "Misled",
    "Observe",
    "Tuning",
    "Unanswered",
    "follow_own",
    "host_of",
    "origin",
    "parse_json",
]
