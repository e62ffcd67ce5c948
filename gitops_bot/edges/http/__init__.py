from gitops_bot.edges.http.address import UnsafeAddress, follow_own, host_of, origin
from gitops_bot.edges.http.client import ATTEMPTS, TOTAL_SECONDS, TRY_SECONDS, Answer, Http, Observe, Tuning, parse_json
from gitops_bot.edges.http.transport import Allowance, Clock, Limit, NoResponse

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
