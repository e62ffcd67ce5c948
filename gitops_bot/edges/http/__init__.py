from gitops_bot.edges.http.address import UnsafeAddress, follow_own, host_of, origin
from gitops_bot.edges.http.client import TRY_SECONDS, Answer, Http, Observe, Tuning, parse_json
from gitops_bot.edges.http.transport import Allowance, Limit, NoResponse, TooLarge

__all__ = [
    "TRY_SECONDS",
    "Allowance",
    "Answer",
    "Http",
    "Limit",
    "NoResponse",
    "Observe",
    "TooLarge",
    "Tuning",
    "UnsafeAddress",
    "follow_own",
    "host_of",
    "origin",
    "parse_json",
]
