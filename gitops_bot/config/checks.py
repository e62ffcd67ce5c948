"""Checks for contradictions between the settings of a configuration, each of which may be right by itself.

They look at the text, not at what was read from it: where one part is wrong, the others are still checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.config import checks_info, checks_records, checks_slots, checks_target, times
from gitops_bot.config.document import Scalar
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import meant, suggestion
from gitops_bot.config.propose import FOR_PULL_REQUESTS
from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gitops_bot.config.document import Document, Path, Tree

#: How many environments of a circle are listed.
_MOST_NAMED = 10


def check(document: Document) -> None:
    """Add a problem for each contradiction."""
    environments = _mapping(document, ("environments",))
    _apart(document, ("environments",), _slug, "its branches would have the same names as those of")
    _apart(document, ("registries",), host, "it is the same registry as")
    if "auto" in _mapping(document, ("policies",)):
        message = "`auto` is the policy that follows the format of the present tag"
        document.report(("policies", "auto"), message, "choose another name", at_key=True)
    for name in environments:
        path = ("environments", name)
        _apart(document, (*path, "images"), _repository, "it is the same image as")
        _policy(document, path, path)
        for image in _mapping(document, (*path, "images")):
            _policy(document, path, (*path, "images", image))
        for at in range(_length(document, (*path, "targets"))):
            checks_target.check(document, (*path, "targets", at))
        _propose(document, (*path, "propose"))
        _promotion(document, path)
        checks_slots.check(document, (*path, "blue_green"))
        checks_info.check(document, path)
    checks_records.check(document, environments)
    for name in _mapping(document, ("policies",)):
        _one_choice(document, ("policies", name))
    for circle in _circles(_sources(document, environments)):
        _report_circle(document, circle)
    for name in _mapping(document, ("registries",)):
        _login(document, ("registries", name))
        _mirror(document, ("registries", name))
    for at in range(_length(document, ("holds",))):
        _environment(document, ("holds", at, "environment"), environments)


def host(key: str) -> str | None:
    """A registry, normalised like the names of images; None if it is not a host."""
    name = ImageName.of(f"{key}/any/any")
    return name.registry if name is not None and name.path == "any/any" else None


def _mapping(document: Document, path: Path) -> dict[str, Tree]:
    value = document.at(path)
    return value if isinstance(value, dict) else {}


def _length(document: Document, path: Path) -> int:
    value = document.at(path)
    return len(value) if isinstance(value, list) else 0


def _word(document: Document, path: Path) -> Scalar | None:
    """The text at this path; what is no text is reported by its own check."""
    value = document.at(path)
    return value if isinstance(value, Scalar) and value.kind in ("text", "number") else None


def _is_truth(written: Tree | None, word: str) -> bool:
    return isinstance(written, Scalar) and written.kind == "truth" and written.lower() == word


def _slug(name: str) -> str:
    """Equal for names that are easily confused and whose branches would have nearly the same name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _repository(key: str) -> str | None:
    name = ImageName.of(key)
    return str(name) if name is not None else None


def _apart(document: Document, path: Path, meaning: Callable[[str], str | None], why: str) -> None:
    """Keys that are written differently but mean the same."""
    known: dict[str, str] = {}
    for key in _mapping(document, path):
        means = meaning(key)
        first = known.setdefault(means, key) if means is not None else key
        if first != key:
            line = document.key((*path, first)).line
            message = f"{quoted(key)}: {why} {quoted(first)} in line {line}"
            document.report((*path, key), message, "rename or remove one of the two", at_key=True)


def _environment(document: Document, path: Path, known: Iterable[str]) -> Scalar | None:
    """The environment that is named at this path; None if it is unknown, which is reported."""
    name, others = _word(document, path), list(known)
    if name is None or name in others:
        return name
    advice = meant(document, name, "environments", others) or "write it under `environments`"
    document.report(path, f"there is no environment {quoted(name)}", advice)
    return None


def _policy(document: Document, environment: Path, path: Path) -> None:
    """Policies that do not exist, or that can never write anything."""
    own = (*path, "policy")
    policies, written = _mapping(document, ("policies",)), document.at(own)
    _one_choice(document, own)
    if (name := _word(document, own)) and name != "auto" and name not in policies:
        write = f"write it under `policies`, as in `policies: {{{name[:60]}: {{semver: ^1.2}}}}`"
        advice = meant(document, name, "policies", policies) or write
        document.report(own, f"there is no policy {quoted(name)}", advice)
    policy = written if written is not None else document.at((*environment, "policy"))
    if isinstance(policy, Scalar):
        policy = policies.get(policy)
    own_pin = document.at((*path, "pin"))
    pin = own_pin if own_pin is not None else document.at((*environment, "pin"))
    follows = isinstance(policy, dict) and next((word for word in KINDS if word in policy), None) == "digest"
    if follows and pin == "tag" and (written is not None or own_pin is not None):
        message = "a policy that follows the digest of a tag has nothing to write with `pin: tag`"
        advice = "choose another `pin`, or another policy"
        document.report(own if written is not None else (*path, "pin"), message, advice)


def _one_choice(document: Document, path: Path) -> None:
    """Policies that say twice which tags count."""
    if {"semver", "pattern", "prefer"} <= _mapping(document, path).keys():
        advice = "remove one; a pattern can include the suffix"
        document.report((*path, "prefer"), "`pattern` and `prefer` cannot be used together", advice, at_key=True)


def _propose(document: Document, path: Path) -> None:
    if document.at((*path, "as")) == "commit":
        for key in FOR_PULL_REQUESTS:
            written = document.at((*path, key))
            if written is not None and not _has_no_effect(key, written):
                message = f"`{key}` is for pull requests, and this environment commits directly"
                advice = f"remove `{key}`, or set `as: pull-request`"
                document.report((*path, key), message, advice, at_key=True)
    else:
        _merging(document, path)
    _groups(document, (*path, "group"))
    if document.at((*path, "limit")) == {}:
        document.report((*path, "limit"), "`limit` is empty", "set `open`, `new_per_hour` or both")
    for at in range(_length(document, (*path, "schedule"))):
        _window(document, (*path, "schedule", at))


def _has_no_effect(key: str, written: Tree) -> bool:
    if not isinstance(written, Scalar):
        return written == []
    if written.kind in ("broken", "nothing"):
        return True  # reported by itself
    return _is_truth(written, "false") or (key == "group" and written == "environment")


def _merging(document: Document, path: Path) -> None:
    auto_merge, method = (*path, "auto_merge"), (*path, "merge_method")
    written = document.at(auto_merge)
    merges = written is not None and not _is_truth(written, "false")
    if merges and _is_truth(document.at((*path, "draft")), "true"):
        message = "a draft does not merge by itself: somebody has to mark it as ready"
        document.report(auto_merge, message, "remove `auto_merge` or `draft`", at_key=True)
    if not merges and document.at(method) is not None:
        message = "`merge_method` has no effect without `auto_merge`"
        document.report(method, message, "remove `merge_method`, or set `auto_merge: true`", at_key=True)


def _groups(document: Document, path: Path) -> None:
    """Groups without globs, and groups with the same branch."""
    known: dict[str, tuple[str, int]] = {}
    for at in range(_length(document, path)):
        group, named = document.at((*path, at)), (*path, at, "name")
        if isinstance(group, dict) and group.keys() <= {"name", "together"}:
            advice = 'add one or both: `images: ["ghcr.io/acme/web*"]`, `overlays: ["apps/web/**"]`'
            document.report((*path, at), "this group has neither `images` nor `overlays`", advice)
        if (name := _word(document, named)) is not None:
            first, line = known.setdefault(_slug(name), (name, document.value(named).line))
            if first is not name:
                same = f"its branch would have the same name as that of {quoted(first)} in line {line}"
                document.report(named, f"{quoted(name)}: {same}", "rename or remove one of the two")


def _window(document: Document, path: Path) -> None:
    window, zone = document.at(path), document.at((*path, "timezone"))
    if isinstance(window, dict) and window.keys() <= {"timezone"}:
        advice = 'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
        document.report(path, "this window has neither `days` nor `hours`", advice)
    if isinstance(zone, Scalar) and times.is_zone(zone):
        try:
            times.zone(zone)
        except ValueError:
            city = zone.rpartition("/")[2].lower()
            known = times.cities(city[0])
            close = suggestion(document, city, known)
            advice = f"did you mean `{known[close]}`?" if close else "use an IANA name, as in `timezone: Europe/Berlin`"
            document.report((*path, "timezone"), f"there is no time zone {quoted(zone)}", advice)


def _login(document: Document, path: Path) -> None:
    by_password = document.at((*path, "password_env")) is not None
    if document.at((*path, "username")) is not None and not by_password:
        advice = "set the variable that holds its password, as in `password_env: GHCR_TOKEN`"
        document.report((*path, "username"), "`username` alone is not enough to log in", advice, at_key=True)
    role = (*path, "aws_role")
    if document.at(role) is not None and not re.search(r"\.dkr[.-]ecr", str(path[-1])):
        document.report(role, "`aws_role` is for registries of Amazon ECR only", "remove it", at_key=True)
    elif document.at(role) is not None and by_password:
        message = "`aws_role` and `password_env` are two ways to log in"
        document.report(role, message, "remove one of the two", at_key=True)


def _mirror(document: Document, path: Path) -> None:
    """A mirror has an entry of its own, with its own login, and no mirror."""
    mirror = (*path, "mirror")
    if (written := _word(document, mirror)) is None:
        return
    mirror_host, registries = written.partition("/")[0], _mapping(document, ("registries",))
    for other in _mapping(document, path).keys() - {"mirror"}:
        message = f"`{other}` has no effect with `mirror`, because only the mirror is queried"
        document.report((*path, other), message, f"write it under `registries: {{{mirror_host}: ...}}`", at_key=True)
    if any(
        host(registry) == host(mirror_host) and "mirror" in _mapping(document, ("registries", registry))
        for registry in registries
    ):
        message = f"the mirror {quoted(mirror_host)} is this registry, or has a mirror itself"
        document.report(mirror, message, "give the host that stores the images")


def _promotion(document: Document, path: Path) -> None:
    """`match` and `tag` are valid without `promote_from`: the `promote` command uses them too."""
    soak, match = (*path, "soak"), (*path, "match")
    if document.at(soak) is not None and document.at((*path, "promote_from")) is None:
        message = "`soak` needs `promote_from`: it is how long that environment must run a pin first"
        document.report(soak, message, "set `promote_from`, or remove `soak`", at_key=True)
    if document.at(match) == "revision" and document.at((*path, "tag")) != "release":
        message = "`match: revision` looks for the version tag of the same revision, so it needs `tag: release`"
        document.report(match, message, "set `tag: release` too, or remove `match`")


def _sources(document: Document, environments: Iterable[str]) -> dict[str, str]:
    """The environments that promote, each with the other one that it promotes from."""
    sources: dict[str, str] = {}
    for name in environments:
        path = ("environments", name, "promote_from")
        if _word(document, path) == name:
            advice = "set the environment that runs a pin first, or remove `promote_from`"
            document.report(path, f"{quoted(name)} cannot be promoted from itself", advice)
        elif source := _environment(document, path, (other for other in environments if other != name)):
            sources[name] = str(source)
    return sources


def _circles(sources: Mapping[str, str]) -> list[list[str]]:
    """Circles: environments that each promote from the next, and the last from the first. Visits each once."""
    circles: list[list[str]] = []
    done: set[str] = set()
    for start in sources:
        visited: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in visited:
            visited[name] = None
            name = sources.get(name)
        if name in visited:
            names = list(visited)
            circles.append(names[names.index(name) :])
        done |= visited.keys()
    return circles


def _report_circle(document: Document, circle: Sequence[str]) -> None:
    """Report it at each of its places: any of them may be the wrong one."""
    for at, name in enumerate(circle):
        named = [quoted(circle[(at + step) % len(circle)]) for step in range(min(len(circle), _MOST_NAMED))]
        last = quoted(name) if len(circle) <= _MOST_NAMED else "..."
        advice = "remove `promote_from` from the environment that gets new pins first"
        message = f"promotions go in a circle: {' from '.join([*named, last])}"
        document.report(("environments", name, "promote_from"), message, advice)
