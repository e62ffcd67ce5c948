"""The contract of `--output json`, written by hand from DESIGN section 7: every key, every type, every null.

It imports nothing of the bot, so that a code or a field that changes there does not change here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

Rule = Callable[[Any, str], None]

_HELD = (
    *("downgrade", "older_build", "reverted", "declined", "vanished", "moved", "unordered", "no_image"),
    *("no_release_tag", "no_digest"),
    *(
        "absent_in_target",
        "no_partner",
        "policy",
        "platforms",
        "age",
        "age_unknown",
        "soak",
        "check",
        "source_check",
        "deployment",
        "slot",
        "window",
        "limit",
        "label",
        "hold",
        "frozen",
    ),
    "history_bound",
)
CODES = frozenset(
    {"chosen", "current", "adopted", "promoted", "set", "rolled_back", "ignored", "unmanaged", "nothing_new", "person"}
    | {f"held.{why}" for why in _HELD}
    | {f"failed.{what}" for what in ("usage", "config", "registry", "auth", "edit", "forge", "git", "bug")}
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_BRANCH = re.compile(r"gitops-bot/[a-z0-9-]{1,60}/[a-z0-9-]{1,60}")
_URL = re.compile(r"https?://[!-~]+")


class BrokenContractError(AssertionError):
    """A document does not keep the contract; the message names the place."""


def check(document: Any, code: int) -> None:
    """Check what a command printed, and that its exit code says the same.

    Raises:
        BrokenContractError: it does not keep the contract.
    """
    text(document.get("schema") if isinstance(document, dict) else None, "schema")
    found = re.fullmatch(r"gitops-bot/([a-z]+)/1", document["schema"])
    _insist(found is not None and found[1] in _BODIES, "schema", document["schema"])
    own = _BODIES[found[1] if found else ""]
    obj(**_ENVELOPE, **own)(document, "")
    _insist(not (document["problems"] and document["complete"]), "complete", "true in spite of problems")
    _insist(code in (0, 1, 2, 3, 4), "exit code", code)
    bugs = [problem for problem in document["problems"] if problem["code"] == "failed.bug"]
    _insist((code == 3) == bool(bugs), "exit code", f"{code} with {len(bugs)} bugs")
    _insist(code in (0, 4) or document["problems"] or _undone(document), "exit code", f"{code} without a reason")
    _insist(code not in (0, 4) or not document["problems"], "exit code", f"{code} in spite of problems")
    if "coverage" in document and "entries" in document:
        parts = [document["coverage"][kind] for kind in ("tracked", "promoted", "ignored", "unmanaged")]
        _insist(document["entries"] == sum(parts), "entries", "not the sum of what is covered and what is not")
    for each in document.get("checks", []):
        _insist(each["ok"] is _OK[each["verdict"]], each["name"], "verdict and ok say different things")
        _insist(bool(each["next"]) == (each["ok"] is not True), each["name"], "no next step, or one too many")
        told = [problem["next"] for problem in document["problems"]]
        _insist(each["ok"] is not False or each["next"] in told, each["name"], "what is wrong is no problem")
    for environment in document.get("environments", []):
        for failed in environment.get("failed", []):
            _insist(failed["problem"] in document["problems"], environment["name"], "a problem that is told once only")


def _undone(document: Any) -> bool:
    """Whether a command that names its items could not do one."""
    names = re.fullmatch(r"gitops-bot/(set|promote|rollback)/1", document["schema"])
    return names is not None and any(
        environment["held"] or any(proposal["action"] == "leave" for proposal in environment["proposals"])
        for environment in document["environments"]
    )


def text(value: Any, at: str) -> None:
    _insist(type(value) is str, at, value)


def filled(value: Any, at: str) -> None:
    _insist(type(value) is str and value.strip() != "" and value.isprintable(), at, value)


def number(value: Any, at: str) -> None:
    _insist(type(value) is int and value >= 0, at, value)


def place(value: Any, at: str) -> None:
    _insist(type(value) is int and value >= 1, at, value)


def flag(value: Any, at: str) -> None:
    _insist(type(value) is bool, at, value)


def time(value: Any, at: str) -> None:
    _insist(type(value) is str and _TIME.fullmatch(value) is not None, at, value)
    datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")


def code(value: Any, at: str) -> None:
    _insist(value in CODES, at, value)


def failure(value: Any, at: str) -> None:
    code(value, at)
    _insist(value.startswith("failed."), at, value)


def data(value: Any, at: str) -> None:
    _insist(type(value) is dict, at, value)
    for name, fact in value.items():
        _insist(type(name) is str and (fact is None or type(fact) in (str, int)), f"{at}.{name}", fact)


def one_of(*words: str) -> Rule:
    return lambda value, at: _insist(value in words, at, value)


def like(pattern: re.Pattern[str]) -> Rule:
    return lambda value, at: _insist(type(value) is str and pattern.fullmatch(value) is not None, at, value)


def maybe(rule: Rule) -> Rule:
    return lambda value, at: None if value is None else rule(value, at)


def many(rule: Rule) -> Rule:
    def check_all(value: Any, at: str) -> None:
        _insist(type(value) is list, at, value)
        for position, item in enumerate(value):
            rule(item, f"{at}[{position}]")

    return check_all


def obj(**rules: Rule) -> Rule:
    """Exactly these keys; a trailing underscore keeps a key from being a word of Python."""
    known = {name.removesuffix("_"): rule for name, rule in rules.items()}

    def check_object(value: Any, at: str) -> None:
        _insist(type(value) is dict, at, value)
        missing, strange = known.keys() - value.keys(), value.keys() - known.keys()
        _insist(not missing and not strange, at, f"missing {sorted(missing)}, unknown {sorted(strange)}")
        for name, rule in known.items():
            rule(value[name], f"{at}.{name}")

    return check_object


def _insist(holds: object, at: str, value: object) -> None:
    if not holds:
        raise BrokenContractError(f"{at or 'the document'}: {value!r}")


_ENTRY = obj(environment=maybe(filled), overlay=filled, file=filled, line=place, name=filled, image=filled)
_PIN = obj(tag=maybe(like(_TAG)), digest=maybe(like(_DIGEST)))
_REASON = obj(code=code, text=filled, data=data)
_PROBLEM = obj(code=failure, message=filled, file=maybe(filled), line=maybe(place), column=maybe(place), next=filled)
_PULL_REQUEST = obj(number=place, url=like(_URL), state=one_of("open", "closed", "merged"))
_EVIDENCE = obj(
    gate=one_of("checks", "source_checks", "deployment"),
    name=filled,
    state=one_of("success", "skipped", "pending", "failure"),
    since=maybe(time),
    by=maybe(text),
    url=maybe(like(_URL)),
    text=maybe(text),
)
_CHANGE = obj(
    entry=_ENTRY,
    from_=_PIN,
    to=_PIN,
    source=one_of("policy", "promotion", "set", "rollback"),
    direction=one_of("forward", "backward", "moved", "adopted"),
    reason=_REASON,
    carried=flag,
    evidence=many(_EVIDENCE),
)
_FROZEN = obj(from_=maybe(time), until=time, why=filled, except_=many(filled), file=filled, line=place)
_PROPOSAL = obj(
    group=filled,
    branch=maybe(like(_BRANCH)),
    action=one_of("open", "refresh", "leave", "close", "commit", "none"),
    reason=_REASON,
    pull_request=maybe(_PULL_REQUEST),
    commit=maybe(like(_COMMIT)),
    changes=many(_CHANGE),
)
_ENVIRONMENT = obj(
    name=filled,
    promoted_from=maybe(filled),
    frozen=many(_FROZEN),
    proposals=many(_PROPOSAL),
    held=many(obj(entry=_ENTRY, current=_PIN, candidate=maybe(_PIN), reason=_REASON, evidence=many(_EVIDENCE))),
    failed=many(obj(entry=maybe(_ENTRY), problem=_PROBLEM)),
    unchanged=number,
)
_ENVELOPE: dict[str, Rule] = {
    "schema": filled,
    "repository": maybe(filled),
    "branch": maybe(filled),
    "commit": maybe(like(_COMMIT)),
    "at": time,
    "complete": flag,
    "problems": many(_PROBLEM),
}
_PLAN: dict[str, Rule] = {"environments": many(_ENVIRONMENT)}
CAUSES = ("dead", "overridden", "unreferenced", "fixture", "vendored", "encrypted", "archived", "template")
_COVERAGE: dict[str, Rule] = {
    "coverage": obj(
        tracked=number,
        promoted=number,
        ignored=number,
        unmanaged=number,
        no_environment=number,
        exempt=number,
        total=number,
        pins=number,
        unread=many(obj(file=text, line=number, image=text, remedy=text)),
        unread_files=many(obj(file=text, why=text, remedy=text)),
        outside=many(
            obj(
                overlay=text,
                cause=maybe(one_of(*CAUSES)),
                entries=number,
            )
        ),
    )
}
_CHECK: dict[str, Rule] = {"files": number, "entries": number, **_COVERAGE}
_OK = {"good": True, "warning": None, "unknown": None, "wrong": False}
_DOCTOR: dict[str, Rule] = {
    "checks": many(
        obj(
            name=one_of(
                *("git", "configuration", "repository", "overlays", "push", "forge", "clock", "token", "rate-limit"),
                *("pull-requests", "rules", "propose", "branches", "registry"),
                *("release-tags", "deployments", "artifact-metadata", "commits", "checks", "statuses"),
            ),
            subject=filled,
            ok=maybe(flag),
            verdict=one_of(*_OK),
            text=filled,
            next=text,
        )
    )
}
_STEP = obj(rule=filled, kept=number, removed=number, sample=many(text))
_EXPLAIN: dict[str, Rule] = {
    "entries": many(
        obj(
            entry=maybe(_ENTRY),
            policy=obj(
                name=maybe(filled),
                kind=one_of("semver", "pattern", "newest", "digest", "promotion", "none"),
                origin=one_of("config", "inferred"),
                text=filled,
                place=maybe(filled),
            ),
            current=_PIN,
            seen=number,
            steps=many(_STEP),
            candidates=many(obj(tag=filled, key=many(text), built=maybe(time), claimed=maybe(time))),
            gates=many(obj(gate=filled, passed=flag, reason=maybe(_REASON))),
            evidence=many(_EVIDENCE),
            outcome=one_of("chosen", "current", "held", "ignored", "failed"),
            pin=maybe(_PIN),
            reason=_REASON,
            asked=maybe(obj(tag=filled, rule=maybe(filled), text=filled)),
        )
    )
}
_INIT: dict[str, Rule] = {
    "file": maybe(filled),
    "written": flag,
    "text": maybe(text),
    "environments": many(
        obj(
            name=filled,
            overlays=many(filled),
            files=number,
            entries=number,
            followed=number,
            source=maybe(filled),
            promote=flag,
            deployed_by=many(filled),
        )
    ),
    "no_environment": number,
    "deployed_elsewhere": many(obj(environment=filled, overlays=many(filled))),
    "coverage": maybe(_COVERAGE["coverage"]),
    "registries": many(obj(host=filled, verdict=one_of("good", "warning", "unknown", "wrong"), text=filled)),
    "without_counterpart": many(obj(file=filled, line=number, message=filled, next=text)),
}
_ENTRY_CHANGE = obj(overlay=filled, name=filled, from_=maybe(_PIN), to=maybe(_PIN))
_RELEASES: dict[str, Rule] = {
    "bounded": flag,
    "releases": many(
        obj(
            id=filled,
            number=maybe(place),
            commit=like(_COMMIT),
            at=time,
            author=filled,
            merged_by=maybe(filled),
            approved_by=many(filled),
            pull_request=maybe(_PULL_REQUEST),
            kind=one_of("update", "promotion", "rollback", "set", "manual", "config"),
            from_release=maybe(filled),
            rollback_of=maybe(filled),
            changes=many(_ENTRY_CHANGE),
            config=many(filled),
            content_digest=maybe(like(_DIGEST)),
        )
    ),
}
_HISTORY: dict[str, Rule] = {
    "environment": text,
    **_RELEASES,
    "between": maybe(
        obj(
            from_=like(_COMMIT),
            to=like(_COMMIT),
            changes=many(_ENTRY_CHANGE),
            config=many(filled),
            images=many(
                obj(
                    name=filled,
                    overlay=filled,
                    source=filled,
                    from_revision=filled,
                    to_revision=filled,
                    compare_url=maybe(filled),
                    commits=many(filled),
                )
            ),
        )
    ),
    "diff": maybe(lambda value, at: _insist(type(value) is str, at, value)),
    "content": maybe(
        obj(
            digest=like(_DIGEST),
            overlays=many(filled),
            files=many(obj(path=filled, name=filled, blob=like(_COMMIT))),
            not_reproducible=many(
                obj(
                    file=filled,
                    line=place,
                    reference=filled,
                    why=one_of("remote", "outside", "absent", "link", "unreadable"),
                )
            ),
        )
    ),
    "exported": maybe(filled),
}
_STATES = (
    *("check_failed", "failed", "review", "next", "soak", "checks", "window", "held", "limit", "untracked", "current"),
)
_STATUS: dict[str, Rule] = {
    "environments": many(
        obj(
            name=filled,
            release=maybe(like(_COMMIT)),
            released_at=maybe(time),
            frozen=many(_FROZEN),
            unstopped=many(_REASON),
            behind=number,
            ahead=number,
            counts=obj(**dict.fromkeys(_STATES, number)),
            entries=many(
                obj(
                    entry=_ENTRY,
                    pin=_PIN,
                    wave=number,
                    state=one_of(*_STATES),
                    candidate=maybe(_PIN),
                    reason=maybe(_REASON),
                    next=maybe(filled),
                    since=maybe(time),
                    source_pin=maybe(_PIN),
                    behind_releases=maybe(number),
                    behind_commits=maybe(number),
                    ahead=flag,
                    hold=maybe(_REASON),
                    proposal=maybe(_PULL_REQUEST),
                    evidence=many(_EVIDENCE),
                )
            ),
        )
    )
}
_AUDIT: dict[str, Rule] = {
    "environments": many(
        obj(
            name=filled,
            entries=many(
                obj(
                    entry=_ENTRY,
                    pin=_PIN,
                    verdict=one_of("present", "incomplete", "missing", "no_image", "unknown", "unpinned"),
                    digest=maybe(like(_DIGEST)),
                    missing=many(filled),
                )
            ),
        )
    ),
    "keep": maybe(
        many(
            obj(
                image=filled,
                digest=like(_DIGEST),
                tags=many(like(_TAG)),
                environments=many(filled),
                indexes=many(like(_DIGEST)),
                subjects=many(like(_DIGEST)),
            )
        )
    ),
    "histories": maybe(many(obj(environment=filled, **_RELEASES))),
}
_EDIT: dict[str, Rule] = {"changes": many(_CHANGE), "unchanged": number}
_BODIES = {
    **dict.fromkeys(("update", "set", "promote", "rollback"), _PLAN),
    "plan": _PLAN | _COVERAGE,
    "check": _CHECK,
    "doctor": _DOCTOR,
    "edit": _EDIT,
    "init": _INIT,
    "explain": _EXPLAIN,
    "history": _HISTORY,
    "audit": _AUDIT,
    "status": _STATUS,
}
