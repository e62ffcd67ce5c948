"""What a step of a workflow tells of the JSON that a command printed: lines of its log, its outputs, what is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitops_bot.errors import place_of
from gitops_bot.images.reference import Assignment, ImageName
from gitops_bot.proposals.outcome import WRITING
from gitops_bot.proposals.text.markdown import plain
from gitops_bot.report.text import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

JsonObject = dict[str, Any]

#: GitHub keeps 1 MiB of the outputs of a job, counted as UTF-16; beyond this many characters `plan` is left empty.
PLAN_LIMIT = 256 * 1024
_SUMMARY_LIMIT = 16 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person must see, on its file and line where they are known."""

    message: str
    next: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


def proposals(document: JsonObject) -> Iterator[tuple[JsonObject, JsonObject]]:
    """Every proposal with its environment."""
    for environment in document.get("environments", ()):
        for proposal in environment["proposals"]:
            yield environment, proposal


def repository(change: JsonObject) -> str:
    """The repository that an entry pulls from once the change is made."""
    return str(change["reason"]["data"].get("new_name") or change["entry"]["image"])


def pinned(pin: JsonObject) -> str:
    """A pin in full, as kustomize reads it."""
    digest = f"@{pin['digest']}" if pin["digest"] else ""
    return plain(f"{pin['tag'] or ''}{digest}") or "(none)"


def headline(environment: JsonObject, proposal: JsonObject, *, written: bool) -> str:
    """One proposal in one line."""
    pull = f" #{proposal['pull_request']['number']}" if proposal["pull_request"] else ""
    changes = proposal["changes"]
    pins = dict.fromkeys(f"{repository(each).rpartition('/')[2]} {each['to']['tag'] or ''}".strip() for each in changes)
    shown = ", ".join([*list(pins)[:5], *([f"{len(pins) - 5} more"] if len(pins) > 5 else [])])
    does = proposal["action"] in WRITING
    what = f": {shown}" if shown else ""
    why = "" if does else f" ({proposal['reason']['text']})"
    return plain(f"{environment['name']}: {WORDS[proposal['action']][written]}{pull}{what}{why}", 1000)


def counted(document: JsonObject) -> str:
    """What `check` looked at, and what of it nothing keeps current."""
    covered = document["coverage"]
    others = {"unmanaged": covered["unmanaged"], "in no environment": covered["no_environment"]}
    counts = {"files": document["files"], "entries": document["entries"]} | {k: n for k, n in others.items() if n}
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def held(environment: JsonObject) -> tuple[list[JsonObject], str | None]:
    """The entries that are held, and a word about those that nothing keeps current: there may be hundreds."""
    unmanaged = [each for each in environment["held"] if each["reason"]["code"] == "unmanaged"]
    others = [each for each in environment["held"] if each["reason"]["code"] != "unmanaged"]
    if not unmanaged:
        return others, None
    first = unmanaged[0]
    such = f"such as {first['entry']['image']}: " if len(unmanaged) > 1 else f"{first['entry']['image']}: "
    return others, f"{len(unmanaged)} unmanaged, {such}{first['reason']['text']}"


def _left(environment: JsonObject) -> list[str]:
    each, unmanaged = held(environment)
    return [*(f"held {_held(one)}" for one in each), *([unmanaged] if unmanaged else [])]


def headlines(document: JsonObject, *, written: bool) -> list[str]:
    """What came of a command, a line each; for people."""
    if "files" in document:
        verdict = f"{len(document['problems'])} wrong" if document["problems"] else "all good"
        return [f"{counted(document)}: {verdict}"]
    lines = []
    for environment in document.get("environments", ()):
        told = [headline(environment, each, written=written) for each in environment["proposals"]]
        told += [plain(f"{environment['name']}: {each}", 1000) for each in _left(environment)]
        lines += told or [plain(f"{environment['name']}: nothing to do")]
    return lines + [plain(f"error: {_where(each)}{each['message']}", 1000) for each in document["problems"]]


def log(document: JsonObject, *, written: bool) -> Iterator[str]:
    """Everything, with digests in full, as the log shows it."""
    if document.get("commit"):
        yield plain(f"{document['repository'] or ''} {document['branch'] or ''} at {document['commit']}")
    for environment in document.get("environments", ()):
        for proposal in environment["proposals"]:
            yield headline(environment, proposal, written=written)
            for place in (proposal["branch"], (proposal["pull_request"] or {}).get("url"), proposal["commit"]):
                if place:
                    yield f"  {plain(place)}"
            for change in proposal["changes"]:
                yield f"    {plain(repository(change))} {pinned(change['from'])} -> {pinned(change['to'])}"
                yield f"      {_place(change['entry'])}: {plain(change['reason']['text'])}"
        for line in _left(environment):
            yield plain(f"{environment['name']}: {line}", 1000)
        yield plain(f"{environment['name']}: {environment['unchanged']} unchanged")
    for problem in document["problems"]:
        yield plain(f"error: {_where(problem)}{problem['message']}", 2000)
        if problem["next"]:
            yield f"  next: {plain(problem['next'], 2000)}"


def findings(document: JsonObject, *, named: bool) -> tuple[list[Finding], list[Finding]]:
    """What is wrong, and what was not done though it was asked for by name (`named`)."""
    wrong = [
        Finding(each["message"], each["next"], each["file"], each["line"], each["column"])
        for each in document["problems"]
    ]
    if not named:
        return wrong, []
    undone = [
        Finding(f"held {_held(each)}", "", each["entry"]["file"], each["entry"]["line"])
        for environment in document.get("environments", ())
        for each in environment["held"]
    ]
    left = (proposal for _, proposal in proposals(document) if proposal["action"] == "leave" and proposal["changes"])
    return wrong, undone + [Finding(f"{each['branch']} is left alone: {each['reason']['text']}") for each in left]


def outputs(document: JsonObject, images: Sequence[str], *, written: bool, done: bool) -> dict[str, str]:
    """The outputs of the step. `images` are those that it named, with their pins; `done`: all that it asked for."""
    found = [proposal for _, proposal in proposals(document)]
    kept = [proposal for proposal in found if proposal["action"] != "close" and _carries(proposal, named=bool(images))]
    pulls = [proposal["pull_request"] for proposal in kept if proposal["pull_request"]]
    pins = _pins(document, images) or (_given(images) if done else [])
    plan = json.dumps(document, separators=(",", ":"))
    return {
        "changed": str(any(proposal["action"] in WRITING for proposal in found)).lower(),
        "pull-request-number": _lines(str(pull["number"]) for pull in pulls),
        "pull-request-url": _lines(pull["url"] for pull in pulls),
        "branch": _lines(proposal["branch"] for proposal in kept if proposal["branch"]),
        "commit": _lines(proposal["commit"] for proposal in kept if proposal["commit"]),
        "image": _lines(image for image, _ in pins),
        "digest": _lines(digest for _, digest in pins if digest),
        "plan": plan if len(plan) <= PLAN_LIMIT else "",
        "summary": _cut(headlines(document, written=written)),
    }


def _carries(proposal: JsonObject, *, named: bool) -> bool:
    """Whether a proposal belongs to this step: one that names images owns only what carries one of their pins."""
    own = any(not change["carried"] for change in proposal["changes"])
    return not named or (own and not _is_undone(proposal))


def _is_undone(proposal: JsonObject) -> bool:
    return proposal["action"] == "leave" or str(proposal["reason"]["code"]).startswith("failed.")


def _pins(document: JsonObject, images: Sequence[str]) -> list[tuple[str, str]]:
    """Each pin that is, or would be, proposed or written for the images that were named: the whole, and its digest."""
    asked = {_normal(image.partition("=")[0]) for image in images}
    found = []
    for _, proposal in proposals(document):
        for change in () if _is_undone(proposal) else proposal["changes"]:
            entry = change["entry"]
            if asked and change["carried"]:
                continue  # of an earlier run: what this step asked for was decided now, or not done
            if not asked or asked & {_normal(entry["name"]), _normal(entry["image"])}:
                found.append(_whole(repository(change), change["to"]["tag"], change["to"]["digest"]))
    return found


def _given(images: Sequence[str]) -> list[tuple[str, str]]:
    """What was asked for by digest, and was there already."""
    pins = (Assignment.parse(image) for image in images if "=" in image)
    return [_whole(each.image, each.pin.tag, each.pin.digest) for each in pins if each.pin.digest]


def _whole(image: str, tag: str | None, digest: str | None) -> tuple[str, str]:
    return image + (f":{tag}" if tag else "") + (f"@{digest}" if digest else ""), digest or ""


def _normal(image: str) -> str:
    try:
        return str(ImageName.parse(image))
    except ValueError:
        return image


def _lines(values: Iterable[str]) -> str:
    """Each value once, on a line of its own."""
    return "\n".join(dict.fromkeys(plain(value) for value in values))


def _cut(lines: Sequence[str]) -> str:
    """As many of the lines as an output should hold."""
    size = 0
    for number, line in enumerate(lines):
        size += len(line) + 1
        if size > _SUMMARY_LIMIT:
            return "\n".join([*lines[:number], f"… {len(lines) - number} more"])
    return "\n".join(lines)


def _held(held: JsonObject) -> str:
    candidate = f" -> {pinned(held['candidate'])}" if held["candidate"] else ""
    code, why = held["reason"]["code"], held["reason"]["text"]
    return f"{held['entry']['image']} {pinned(held['current'])}{candidate}: {why} ({code}, {_place(held['entry'])})"


def _place(entry: JsonObject) -> str:
    return f"{plain(entry['file'])}:{entry['line']}"


def _where(problem: JsonObject) -> str:
    where = place_of(problem["file"], problem["line"], problem["column"])
    return f"{where}: " if where else ""
