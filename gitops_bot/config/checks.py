"""Checks for contradictions between the settings of a configuration, each of which may be right by itself.

They read the text, not the validated values: if one part is wrong, the others are still checked.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Final

from gitops_bot.config import times
from gitops_bot.config.document import Scalar, Section
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.leaves import SECRETS, quote
from gitops_bot.config.propose import FOR_PULL_REQUESTS
from gitops_bot.config.require import CAPTURE
from gitops_bot.config.validation import meant, suggestion
from gitops_bot.images.reference import ImageName, normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from gitops_bot.config.document import Document, Tree

#: What a hold says of all environments.
ALL: Final = "all"
#: How many environments of a circle are listed.
_MOST_NAMED = 10


def check(document: Document) -> None:
    """Add a problem for each contradiction."""
    file = Section(document)
    environments, policies, registries = map(file.below, ("environments", "policies", "registries"))
    _apart(environments, slug, "its branches would have the same names as those of")
    _apart(registries, host, "it is the same registry as")
    if "auto" in policies:
        message = "`auto` is the policy that follows the format of the present tag"
        policies.below("auto").report(message, "choose another name")
    for environment in environments.values():
        _apart(environment.below("images"), normalised, "it is the same image as")
        for rules in (environment, *environment.below("images").values()):
            _policy(policies, environment, rules)
        _settings(environment)
    _records(file)
    for policy in policies.values():
        _one_choice(policy)
    _promotions(environments)
    for environment in environments.values():
        _reaches(environments, environment)
    for registry in registries.values():
        _login(registry)
        _mirror(registries, registry)
    for environment in environments.values():
        _require(environments, environment)
    for hold in file.below("holds").items():
        _hold(hold, environments)


def host(key: str) -> str | None:
    """A registry, normalised like the names of images; None if it is not a host."""
    name = ImageName.of(f"{key}/any/any")
    return name.registry if name is not None and name.path == "any/any" else None


def _apart(section: Section, meaning: Callable[[str], str | None], why: str) -> None:
    """Report keys that are written differently but mean the same."""
    known: dict[str, str] = {}
    for key in section:
        means = meaning(key)
        first = known.setdefault(means, key) if means is not None else key
        if first != key:
            line = section.document.key((*section.path, first)).line
            message = f"{quote(key)}: {why} {quote(first)} in line {line}"
            section.below(key).report(message, "rename or remove one of the two")


def _environment(section: Section, known: Iterable[str]) -> Scalar | None:
    """The environment that is named there; if it is unknown, report it and return None."""
    name, others = section.word, list(known)
    if name is None or name in others:
        return name
    alone = f"write `environments: {ALL}` alone" if name == ALL else None
    advice = alone or meant(section.document, name, "environments", others) or "write it under `environments`"
    section.report(f"there is no environment {quote(name)}", advice, at_key=False)
    return None


def _policy(policies: Section, environment: Section, rules: Section) -> None:
    """Report policies that do not exist or can never write anything."""
    _one_choice(rules.below("policy"))
    if (name := rules.below("policy").word) and name != "auto" and policies[name] is None:
        write = f"write it under `policies`, as in `policies: {{{name[:60]}: {{semver: ^1.2}}}}`"
        advice = meant(policies.document, name, "policies", policies) or write
        rules.below("policy").report(f"there is no policy {quote(name)}", advice, at_key=False)
    own, own_pin = rules["policy"], rules["pin"]
    policy = own if own is not None else environment["policy"]
    if isinstance(policy, Scalar):
        policy = policies[policy]
    pin = own_pin if own_pin is not None else environment["pin"]
    follows = isinstance(policy, dict) and next((word for word in KINDS if word in policy), None) == "digest"
    if follows and pin == "tag" and (own is not None or own_pin is not None):
        message = "a policy that follows the digest of a tag has nothing to write with `pin: tag`"
        advice = "choose another `pin`, or another policy"
        rules.below("policy" if own is not None else "pin").report(message, advice, at_key=False)


def _hold(hold: Section, environments: Section) -> None:
    """Report a hold of no environment, or of one in two ways, and times that are not in order."""
    one, several, excepted, zone = map(hold.below, ("environment", "environments", "except", "timezone"))
    is_all = several.value in (ALL, [ALL])
    for name in (one, *(() if is_all else several.items() or (several,))):
        _environment(name, environments)
    if isinstance(hold.value, dict) and one.value is None and several.value is None:
        advice = f"add it, as in `environment: production`, or `environments: {ALL}`"
        hold.report("an item of `holds` has no `environment`", advice, at_key=False)
    if one.value is not None and several.value is not None:
        several.report("`environments` and `environment` cannot be used together", "remove one of the two")
    if excepted.value is not None and hold["image"] is not None:
        message = "`except` is for freezes of whole environments, and this one is of an image"
        excepted.report(message, "remove `except`, or `image`")
    written = {key: text for key in ("from", "until") if (text := hold.below(key).word) is not None}
    for key, text in written.items():
        if zone.value is None and re.match(times.MOMENT, text) and not re.match(times.IN_UTC, text):
            advice = "write it, as in `2026-12-24T18:00+01:00`, or set `timezone`"
            hold.below(key).report(f"`{key}` has no offset from UTC", advice, at_key=False)
    full = [re.match(times.IN_UTC, text) and not re.match(times.LOCAL, text) for text in written.values()]
    if zone.value is not None and full and all(full):
        zone.report("`timezone` has no effect: the times have offsets of their own", "remove it")
    known = _zone(zone)
    with suppress(ValueError, OverflowError):  # only one is given, or what is no time is reported by itself
        begins, until = (times.moment(written[key], known) for key in ("from", "until") if key in written)
        if begins >= until:
            hold.below("until").report("`until` is not after `from`", "correct one of the two", at_key=False)


def _one_choice(policy: Section) -> None:
    if {"semver", "pattern", "prefer"} <= set(policy):
        message = "`pattern` and `prefer` cannot be used together"
        policy.below("prefer").report(message, "remove one; a pattern can include the suffix")


def _login(registry: Section) -> None:
    by_password, has_role = registry["password_env"] is not None, registry["aws_role"] is not None
    misplaced = any(word.lower() in SECRETS for word in registry)  # told by itself, with `password_env`
    if registry["username"] is not None and not by_password and not misplaced:
        advice = "set the variable that holds its password, as in `password_env: GHCR_TOKEN`"
        registry.below("username").report("`username` alone is not enough to log in", advice)
    if has_role and not re.search(r"\.dkr[.-]ecr", str(registry.path[-1])):
        registry.below("aws_role").report("`aws_role` is for registries of Amazon ECR only", "remove it")
    elif has_role and by_password:
        message = "`aws_role` and `password_env` are two ways to log in"
        registry.below("aws_role").report(message, "remove one of the two")


def _mirror(registries: Section, registry: Section) -> None:
    """A mirror has its own entry with its own login, and has no mirror itself."""
    if (written := registry.below("mirror").word) is None:
        return
    mirror_host = written.partition("/")[0]
    for key in set(registry) - {"mirror"}:
        message = f"`{key}` has no effect with `mirror`, because only the mirror is queried"
        registry.below(key).report(message, f"write it under `registries: {{{mirror_host}: ...}}`")
    if any(host(str(other.path[-1])) == host(mirror_host) and "mirror" in other for other in registries.values()):
        message = f"the mirror {quote(mirror_host)} is this registry, or has a mirror itself"
        registry.below("mirror").report(message, "give the host that stores the images", at_key=False)


def _promotions(environments: Section) -> None:
    """Report sources that are no other environment, and circles, in which the last promotes from the first."""
    sources: dict[str, str] = {}
    for name in environments:
        written = environments.below(name, "promote_from")
        if written.word == name:
            advice = "set the environment that runs a pin first, or remove `promote_from`"
            written.report(f"{quote(name)} cannot be promoted from itself", advice, at_key=False)
        elif source := _environment(written, (other for other in environments if other != name)):
            sources[name] = str(source)
    done: set[str] = set()  # each is visited once
    for start in sources:
        visited: list[str] = []
        at: str | None = start
        while at is not None and at not in done:
            done.add(at)
            visited.append(at)
            at = sources.get(at)
        # A circle is reported at each of its environments: any of them may be the wrong one.
        circle = visited[visited.index(at) :] if at in visited else []
        for first, name in enumerate(circle):
            named = [quote(other) for other in (*circle[first:], *circle[:first])[:_MOST_NAMED]]
            last = quote(name) if len(circle) <= _MOST_NAMED else "..."
            advice = "remove `promote_from` from the environment that gets new pins first"
            message = f"promotions go in a circle: {' from '.join([*named, last])}"
            environments.below(name, "promote_from").report(message, advice, at_key=False)


def _reaches(environments: Section, environment: Section) -> None:
    """Report what an environment cannot reach: itself, an unknown one, one that reaches others, and its own source."""
    own = str(environment.path[-1])
    for written in environment.below("reaches").items():
        if written.word == own:
            written.report(f"{quote(own)} cannot reach itself", "name the environments that are built from it")
        elif (name := _environment(written, (other for other in environments if other != own))) is None:
            continue
        elif environments.below(name)["reaches"] is not None:
            message = f"{quote(name)} reaches other environments itself"
            written.report(message, "name those that its overlays are built for", at_key=False)
        elif environment.below("promote_from").word == name:
            message = f"{quote(own)} is promoted from {quote(name)}, in which its pins take effect at once"
            written.report(message, "remove `promote_from`, or this name", at_key=False)


#: The settings that only some kinds of files have.
_OF_KINDS: Final = {"kinds": ("manifests",), "images": ("helm", "env"), "patterns": ("pattern",)}


def slug(name: str) -> str:
    """The same for names that are easily confused, whose branches would have nearly the same name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _settings(environment: Section) -> None:
    """`match` and `tag` are valid without `promote_from`: the `promote` command uses them too."""
    for target in environment.below("targets").items():
        _target(target)
    _propose(environment.below("propose"))
    if environment["soak"] is not None and environment["promote_from"] is None:
        message = "`soak` needs `promote_from`: it is how long that environment must run a pin first"
        environment.below("soak").report(message, "set `promote_from`, or remove `soak`")
    if environment["match"] == "revision" and environment["tag"] != "release":
        message = "`match: revision` looks for the version tag of the same revision, so it needs `tag: release`"
        environment.below("match").report(message, "set `tag: release` too, or remove `match`", at_key=False)
    if environment["blue_green"] is not None:
        _blue_green(environment)


def _require(environments: Section, environment: Section) -> None:
    """Report requirements that nothing can meet: without a promotion, or by a capture that no overlay has."""
    require, source = environment.below("require"), environment.below("promote_from").word
    if environment["require"] == {}:
        require.report("`require` is empty", "set `checks`, `source_checks` or `deployment`, or remove it")
    for key in ("checks", "deployment"):
        if require[key] is not None and environment["promote_from"] is None:
            message = f"`{key}` needs `promote_from`: it is about the commit that brought a pin to that environment"
            require.below(key).report(message, f"set `promote_from`, or remove `{key}`")
    # What fails `require_after` goes no further, where another environment is promoted from this one.
    goes_on = any(other.below("promote_from").word == environment.path[-1] for other in environments.values())
    for key, other in (("require_after", "on_failure"), ("on_failure", "require_after")):
        if environment[key] is not None and environment[other] is None and not (key == "require_after" and goes_on):
            advice = f"set `{other}`, or remove `{key}`"
            environment.below(key).report(f"`{key}` has no effect without `{other}`", advice)
    before = (
        *require.below("checks").items(),
        require.below("deployment"),
        *require.below("source_checks", "checks").items(),
    )
    _captures(before, environment, *([environments.below(source)] if source is not None else []))
    _captures(environment.below("require_after").items(), environment)


def _captures(checks: Iterable[Section], *sides: Section) -> None:
    """Report captures in the names of checks that no overlay has."""
    overlays = [glob.word or "" for side in sides for glob in side.below("overlays").items()]
    known = {name for glob in overlays for name in CAPTURE.findall(glob)}
    for written in checks:
        name = written.word if written.word is not None else written.below("name").word
        for capture in CAPTURE.findall(name or ""):
            if capture not in known:
                also = ", or of the one it is promoted from," if len(sides) > 1 else ""
                message = f"no overlay of this environment{also} captures `{{{capture}}}`"
                have = ", ".join(f"`{{{one}}}`" for one in sorted(known)) or "nothing: write `apps/{app}/production`"
                written.report(message, f"they capture {have}", at_key=False)


def _records(file: Section) -> None:
    """Report `artifact_metadata` without deployments."""
    environments = file.below("environments").values()
    records = file["records"] not in (None, "none")
    recorded = [records if own["records"] is None else own["records"] != "none" for own in environments]
    for section, is_recorded in ((file, any(recorded)), *zip(environments, recorded, strict=True)):
        if str(section["artifact_metadata"]) == "true" and not is_recorded:
            message = "`artifact_metadata` has no effect without `records`"
            section.below("artifact_metadata").report(message, "set `records`, or remove `artifact_metadata`")


def _target(target: Section) -> None:
    """Report settings for another kind of file, and images with incomplete paths."""
    kind = target["kind"]
    for key, kinds in _OF_KINDS.items():
        if isinstance(kind, Scalar) and kind not in kinds and target[key] is not None:
            named = " or ".join(f"`kind: {name}`" for name in kinds)
            target.below(key).report(f"`{key}` is for {named}", f"remove it, or set {named}")
    if kind == "pattern" and not target["patterns"]:
        advice = "add `patterns: {web: {repository: ghcr.io/acme/web, pattern: 'web:(?P<tag>[0-9.]+)'}}`"
        target.below("kind").report("`kind: pattern` needs `patterns`", advice, at_key=False)
    images = target.below("images")
    for name in images:
        written = set(images.below(name))
        if "image" in written and len(written) > 1:
            message = "`image` holds the whole image and cannot be combined with other paths"
            images.below(name).report(message, "remove `image`, or the other paths")
        elif "image" not in written and ("repository" not in written or not written & {"tag", "digest"}):
            advice = "write `image`, or `repository` with `tag`, `digest` or both"
            images.below(name).report("the paths of this image are incomplete", advice)


def _propose(propose: Section) -> None:
    if propose["as"] == "commit":
        for key in FOR_PULL_REQUESTS:
            written = propose[key]
            if written is not None and not _has_no_effect(key, written):
                message = f"`{key}` is for pull requests, and this environment commits directly"
                propose.below(key).report(message, f"remove `{key}`, or set `as: pull-request`")
    else:
        merges = propose["auto_merge"] is not None and not _is_truth(propose["auto_merge"], "false")
        if merges and _is_truth(propose["draft"], "true"):
            message = "a draft does not merge by itself: somebody has to mark it as ready"
            propose.below("auto_merge").report(message, "remove `auto_merge` or `draft`")
        if not merges and propose["merge_method"] is not None:
            message = "`merge_method` has no effect without `auto_merge`"
            propose.below("merge_method").report(message, "remove `merge_method`, or set `auto_merge: true`")
    if propose["group"] is not None:
        _groups(propose)
    if propose["limit"] == {}:
        propose.below("limit").report("`limit` is empty", "set `open`, `new_per_hour` or both", at_key=False)
    for window in propose.below("schedule").items():
        _window(window)


def _has_no_effect(key: str, written: Tree) -> bool:
    if not isinstance(written, Scalar):
        return written == []
    by_itself = written.kind in ("broken", "nothing")  # reported there
    return by_itself or _is_truth(written, "false") or (key == "group" and written == "environment")


def _is_truth(written: Tree | None, word: str) -> bool:
    return isinstance(written, Scalar) and written.kind == "truth" and written.lower() == word


def _groups(propose: Section) -> None:
    """Report groups without globs, and groups with the same branch."""
    known: dict[str, tuple[str, int]] = {}
    for group in propose.below("group").items():
        if isinstance(group.value, dict) and set(group) <= {"name", "together"}:
            advice = 'add one or both: `images: ["ghcr.io/acme/web*"]`, `overlays: ["apps/web/**"]`'
            group.report("this group has neither `images` nor `overlays`", advice, at_key=False)
        if (name := group.below("name").word) is not None:
            first, line = known.setdefault(slug(name), (name, group.document.value(group.below("name").path).line))
            if first is not name:
                same = f"its branch would have the same name as that of {quote(first)} in line {line}"
                group.below("name").report(f"{quote(name)}: {same}", "rename or remove one of the two", at_key=False)


def _window(window: Section) -> None:
    if (closed := window.below("not")).value is not None:
        if len(set(window)) > 1:
            closed.report("`not` stands alone in its item", "give the other keys an item of their own")
        window = closed
    if isinstance(window.value, dict) and set(window) <= {"timezone"}:
        advice = 'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
        window.report("this window has neither `days` nor `hours`", advice, at_key=False)
    _zone(window.below("timezone"))


def _zone(section: Section) -> tzinfo:
    """The time zone that is named there, UTC without one; if it is unknown, report it."""
    zone = section.value
    if not isinstance(zone, Scalar) or not times.is_zone(zone):
        return UTC
    try:
        return times.zone(zone)
    except ValueError as error:
        city = zone.rpartition("/")[2].lower()
        known = times.cities().get(city[0], {})
        close = suggestion(section.document, city, known)
        advice = f"did you mean `{known[close]}`?" if close else "use an IANA name, as in `timezone: Europe/Berlin`"
        section.report(str(error), advice, at_key=False)
        return UTC


def _blue_green(environment: Section) -> None:
    """Two slots and three files per setting; several settings share no file."""
    if environment["release_info"] is not None:
        message = "`release_info` describes one image, and with `blue_green` two may be deployed"
        advice = "remove one of them, or move the overlays without slots to an environment of their own"
        environment.below("release_info").report(message, advice)
    if not isinstance(environment["blue_green"], list):
        _slots(environment.below("blue_green"))
        return
    files: dict[str, int] = {}
    for at, setting in enumerate(environment.below("blue_green").items()):
        _slots(setting)
        if isinstance(setting.value, dict) and "overlays" not in setting:
            for place, file in _files(setting):
                if files.setdefault(file, at) != at:
                    message = f"{quote(file)} is also a file of an earlier setting"
                    place.report(message, "give each its own files, or narrow both by `overlays`", at_key=False)


def _files(setting: Section) -> list[tuple[Section, str]]:
    """The names of files, each with its place."""
    places = (setting.below("service"), *setting.below("slots").values())
    return [(place, value) for place in places if isinstance(value := place.value, Scalar)]


def _slots(setting: Section) -> None:
    slots = setting["slots"]
    if isinstance(slots, dict) and len(slots) != 2:
        message = f"`slots` must have two slots, not {len(slots)}"
        setting.below("slots").report(message, "name two, as in `{blue: blue.yaml, green: green.yaml}`", at_key=False)
    files: dict[str, str] = {}
    for place, file in _files(setting):
        name = str(place.path[-1])
        if files.setdefault(file, name) != name:
            message = f"{quote(file)} is the file of `{files[file][:60]}` already"
            place.report(message, "use a separate file for the Service and for each slot", at_key=False)
