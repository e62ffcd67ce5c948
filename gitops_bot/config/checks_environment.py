"""Checks for contradictions between the settings of one environment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gitops_bot.config import times
from gitops_bot.config.document import Scalar
from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import suggestion
from gitops_bot.config.propose import FOR_PULL_REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitops_bot.config.document import Section, Tree

#: The settings that only some kinds of files have.
_OF_KINDS: Final = {"kinds": ("manifests",), "images": ("helm", "env"), "patterns": ("pattern",)}


def slug(name: str) -> str:
    """The same for names that are easily confused, whose branches would have nearly the same name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def check(environment: Section) -> None:
    """Add a problem for each contradiction."""
    for target in environment.below("targets").items():
        _target(target)
    _propose(environment.below("propose"))
    _promotion(environment)
    _blue_green(environment)
    if environment["release_info"] is not None and environment["blue_green"] is not None:
        message = "`release_info` describes one image, and with `blue_green` two may be deployed"
        advice = "remove one of them, or move the overlays without slots to an environment of their own"
        environment.below("release_info").report(message, advice)


def check_records(file: Section) -> None:
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
        _merging(propose)
    _groups(propose)
    if propose["limit"] == {}:
        propose.below("limit").report("`limit` is empty", "set `open`, `new_per_hour` or both", at_key=False)
    for window in propose.below("schedule").items():
        _window(window)


def _has_no_effect(key: str, written: Tree) -> bool:
    if not isinstance(written, Scalar):
        return written == []
    if written.kind in ("broken", "nothing"):
        return True  # reported by itself
    return _is_truth(written, "false") or (key == "group" and written == "environment")


def _is_truth(written: Tree | None, word: str) -> bool:
    return isinstance(written, Scalar) and written.kind == "truth" and written.lower() == word


def _merging(propose: Section) -> None:
    merges = propose["auto_merge"] is not None and not _is_truth(propose["auto_merge"], "false")
    if merges and _is_truth(propose["draft"], "true"):
        message = "a draft does not merge by itself: somebody has to mark it as ready"
        propose.below("auto_merge").report(message, "remove `auto_merge` or `draft`")
    if not merges and propose["merge_method"] is not None:
        message = "`merge_method` has no effect without `auto_merge`"
        propose.below("merge_method").report(message, "remove `merge_method`, or set `auto_merge: true`")


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
                same = f"its branch would have the same name as that of {quoted(first)} in line {line}"
                group.below("name").report(f"{quoted(name)}: {same}", "rename or remove one of the two", at_key=False)


def _window(window: Section) -> None:
    zone = window["timezone"]
    if isinstance(window.value, dict) and set(window) <= {"timezone"}:
        advice = 'add one, as in `{days: [mon-fri], hours: "09:00-16:30"}`; to allow any time, remove the window'
        window.report("this window has neither `days` nor `hours`", advice, at_key=False)
    if isinstance(zone, Scalar) and times.is_zone(zone):
        try:
            times.zone(zone)
        except ValueError as error:
            city = zone.rpartition("/")[2].lower()
            known = times.cities(city[0])
            close = suggestion(window.document, city, known)
            advice = f"did you mean `{known[close]}`?" if close else "use an IANA name, as in `timezone: Europe/Berlin`"
            window.below("timezone").report(str(error), advice, at_key=False)


def _promotion(environment: Section) -> None:
    """`match` and `tag` are valid without `promote_from`: the `promote` command uses them too."""
    if environment["soak"] is not None and environment["promote_from"] is None:
        message = "`soak` needs `promote_from`: it is how long that environment must run a pin first"
        environment.below("soak").report(message, "set `promote_from`, or remove `soak`")
    if environment["match"] == "revision" and environment["tag"] != "release":
        message = "`match: revision` looks for the version tag of the same revision, so it needs `tag: release`"
        environment.below("match").report(message, "set `tag: release` too, or remove `match`", at_key=False)


def _blue_green(environment: Section) -> None:
    """Two slots and three files per setting; several settings share no file."""
    if not isinstance(environment["blue_green"], list):
        _slots(environment.below("blue_green"))
        return
    files: dict[str, int] = {}
    for at, setting in enumerate(environment.below("blue_green").items()):
        _slots(setting)
        if isinstance(setting.value, dict) and "overlays" not in setting:
            for place, file in _files(setting):
                if files.setdefault(file, at) != at:
                    message = f"{quoted(file)} is also a file of an earlier setting"
                    place.report(message, "give each its own files, or narrow both by `overlays`", at_key=False)


def _files(setting: Section) -> Iterator[tuple[Section, str]]:
    """The names of files, each with its place."""
    for place in (setting.below("service"), *setting.below("slots").values()):
        if isinstance(place.value, Scalar):
            yield place, place.value


def _slots(setting: Section) -> None:
    slots = setting["slots"]
    if isinstance(slots, dict) and len(slots) != 2:
        message = f"`slots` must have two slots, not {len(slots)}"
        setting.below("slots").report(message, "name two, as in `{blue: blue.yaml, green: green.yaml}`", at_key=False)
    files: dict[str, str] = {}
    for place, file in _files(setting):
        name = str(place.path[-1])
        if files.setdefault(file, name) != name:
            message = f"{quoted(file)} is the file of `{files[file][:60]}` already"
            place.report(message, "use a separate file for the Service and for each slot", at_key=False)
