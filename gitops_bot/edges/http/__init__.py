from gitops_bot.edges.http.address import UnsafeAddress, follow_own, host_of, origin
from gitops_bot.edges.http.client import ATTEMPTS, TOTAL_SECONDS, TRY_SECONDS, Answer, Http, Observe, parse_json
from gitops_bot.edges.http.failure import NoResponse
from gitops_bot.edges.http.pools import Allowance, Clock, Limit, Tuning

__all__ = [
    "ATTEMPTS",
    "TOTAL_SECONDS",
    "TRY_SECONDS",
    "Allowance",
    "Answer",
    "Clock",
    "Http",
    "Limit",
    "NoResponse",
    "Observe",
    "Tuning",
    "UnsafeAddress",
    "follow_own",
    "host_of",
    "origin",
    "parse_json",
]
