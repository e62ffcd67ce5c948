"""The settings of one image of Argo CD Image Updater -> a policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images import build
from gitops_bot.images.reference import split
from gitops_bot.migration import rules
from gitops_bot.migration.rules import EVERY_TAG, IGNORED, Rule, gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitops_bot.migration.rules import Gap
    from gitops_bot.targets.yaml_values import Placed

#: The old names of strategies.
_STRATEGIES: Final = {"latest": "newest-build", "name": "alphabetical"}
_ORDERS: Final = {"newest-build": "newest", "alphabetical": "alphabetical"}
#: Strategies that look at the manifests of images, and so at platforms.
_WITH_PLATFORMS: Final = ("newest-build", "digest")
#: Settings of values of Helm, and what they are called here.
_VALUES: Final = {"helm.image-spec": "image", "helm.image-name": "repository", "helm.image-tag": "tag"}
_POINTER: Final = re.compile(r"(?:/[A-Za-z0-9_-]{1,100}){1,20}")
_PLATFORM: Final = re.compile(build.PLATFORM)


def rule_of(reference: Placed, settings: Mapping[str, Placed], gaps: list[Gap]) -> Rule:
    """The rule for `[registry/]image[:constraint]` with these settings; what has no counterpart goes to `gaps`."""
    repository, constraint, _ = split(reference.text)
    nothing = reference.emptied
    strategy = settings.get("update-strategy", nothing).text.strip().lower() or "semver"
    strategy = _STRATEGIES.get(strategy, strategy)
    if strategy not in ("semver", "digest", *_ORDERS):
        what = f"the update strategy {strategy[:60]!r} is unknown, so semver is meant"
        gaps.append(gap(settings["update-strategy"], what))
        strategy = "semver"
    ignored = [tag.strip() for text in settings.get("ignore-tags", nothing).texts for tag in text.split(",")]
    if strategy != "digest" and "*" in ignored:
        return IGNORED
    allowed = settings.get("allow-tags", nothing)
    written, why = _chosen(strategy, constraint, allowed.text.strip(), [tag for tag in ignored if tag])
    why = why or rules.usable(written)
    if why is not None:
        gaps.append(gap(allowed, f"{repository[:200]}: {why}", "write a policy for it by hand"))
        return Rule(None)
    wanted = _platforms(settings.get("platforms", nothing), strategy, gaps)
    if secret := settings.get("pull-secret"):
        what = f"{repository[:200]}: the pull secret {secret.text[:100]} is in the cluster"
        gaps.append(gap(secret, what, "log in where the bot runs, or name the login under `registries`"))
    name = rules.as_name(repository.rpartition("/")[2], "image")
    return Rule(written, name, "tag+digest" if strategy == "digest" else "tag", wanted)


def values_of(settings: Mapping[str, Placed]) -> Mapping[str, str]:
    """Where the image stands in values of Helm, as far as the settings say it in a way that can be said here."""
    paths = {part: _pointer(settings[name].text) for name, part in _VALUES.items() if name in settings}
    if not all(map(_POINTER.fullmatch, paths.values())):
        return {}
    if "image" in paths:
        return {"image": paths["image"]}
    return paths if "tag" in paths else {}


def _pointer(path: str) -> str:
    """A path such as `images[0].name` as `/images/0/name`."""
    return "/" + path.strip().replace("[", ".").replace("]", "").replace(".", "/")


def _chosen(
    strategy: str, constraint: str | None, allowed: str, ignored: Sequence[str]
) -> tuple[dict[str, Any], str | None]:
    """The policy as it is written, and why it cannot be."""
    if strategy == "digest":
        return {"digest": constraint or "latest"}, None
    matcher, _, pattern = allowed.partition(":")
    written: dict[str, Any] = {"semver": constraint or "*"}
    if strategy != "semver":
        written = {"pattern": EVERY_TAG, "order": _ORDERS[strategy]}
    if ignored:
        written["exclude"] = [rules.of_glob(tag) for tag in ignored]
    match matcher.lower():
        case "" | "any":
            return written, None
        case "regexp":
            return {**written, "pattern": rules.without_names(pattern)}, rules.compiles(pattern)
        case _:
            return written, f"allow-tags {allowed[:100]!r} admits no tag"


def _platforms(setting: Placed, strategy: str, gaps: list[Gap]) -> tuple[str, ...]:
    listed = [part.strip() for text in setting.texts for part in text.split(",") if part.strip()]
    if not listed:
        return ()
    if strategy not in _WITH_PLATFORMS:
        gaps.append(gap(setting, f"platforms has no effect with the strategy {strategy}, so it is left out"))
        return ()
    if unfit := next((part for part in listed if not _PLATFORM.fullmatch(part)), None):
        gaps.append(gap(setting, f"platforms: {unfit[:60]!r} is none", "write `platforms` by hand"))
        return ()
    wanted = tuple(dict.fromkeys(build.normal_platform(part) for part in listed))
    if len(wanted) > 1:
        gaps.append(gap(setting, "of several platforms, any was enough; here an image needs all of them"))
    return wanted
