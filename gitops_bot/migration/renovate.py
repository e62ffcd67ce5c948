"""Renovate: what its settings say about images in kustomizations, manifests, Helm values and Compose files."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images.reference import DOCKER_HUB
from gitops_bot.migration import json5
from gitops_bot.migration.renovate_policy import names_any, rule_of, unusable, windows
from gitops_bot.migration.rules import IGNORED, Gap, ImageRule, Read, Tracked, gap
from gitops_bot.targets.yaml_values import Placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.releases.decisions import Managed

#: Presets as the settings that they stand for, as far as they are about images.
_PRESETS: Final[Mapping[str, str]] = {
    "docker:pinDigests": "{pinDigests: true}",
    "docker:disable": "{enabled: false}",
    "docker:disableMajor": "{major: {enabled: false}}",
    "config:best-practices": "{pinDigests: true}",
    ":pinDigestsDisabled": "{pinDigests: false}",
    ":disableDigestUpdates": "{digest: {enabled: false}}",
    ":disableMajorUpdates": "{major: {enabled: false}}",
    ":automergeAll": "{automerge: true}",
    ":automergeDisabled": "{automerge: false}",
    "group:all": "{groupName: 'all dependencies'}",
    "schedule:daily": "{schedule: ['* 0-3 * * *']}",
    "schedule:earlyMondays": "{schedule: ['* 0-3 * * 1']}",
    "schedule:nonOfficeHours": "{schedule: ['* 0-4,22-23 * * 1-5', '* * * * 0,6']}",
    "schedule:weekdays": "{schedule: ['* * * * 1-5']}",
    "schedule:weekends": "{schedule: ['* * * * 0,6']}",
    "schedule:weekly": "{schedule: ['* 0-3 * * 1']}",
    ":prConcurrentLimit10": "{prConcurrentLimit: 10}",
    ":prConcurrentLimit20": "{prConcurrentLimit: 20}",
    ":prHourlyLimit2": "{prHourlyLimit: 2}",
    ":prHourlyLimit4": "{prHourlyLimit: 4}",
}
#: Presets with an argument, and the setting that it is for.
_WITH_ARGUMENT: Final = {
    ":timezone": "timezone", ":label": "labels", ":labels": "labels", ":assignee": "assignees",
    ":reviewer": "reviewers",
}  # fmt: skip
#: Presets that say nothing about images, or what gitops-bot does anyway.
_HARMLESS: Final = (
    "config:base", "config:recommended", "config:js-", "docker:enableMajor", "mergeConfidence:", "workarounds:",
    "replacements:", "abandonments:", "security:", "helpers:", "npm:", "group:monorepos", "group:recommended",
    ":dependencyDashboard", ":disableDependencyDashboard", ":semantic", ":ignoreModulesAndTests", ":configMigration",
    ":separate", ":combinePatchMinor", ":rebaseStalePrs", ":disableRateLimiting", ":gitSignOff", ":ignoreUnstable",
    ":prHourlyLimitNone", ":prConcurrentLimitNone", ":maintainLockFiles", ":enableVulnerability", ":updateNotScheduled",
)  # fmt: skip
#: Settings that are read, by rule or for all.
READ: Final = frozenset({
    "allowedVersions", "assignees", "automerge", "automergeStrategy", "automergeType", "digest", "draftPR", "enabled",
    "groupName", "labels", "addLabels", "major", "minimumReleaseAge", "minor", "patch", "pinDigests",
    "platformAutomerge", "reviewers", "schedule", "versioning",
})  # fmt: skip
_FOR_ALL: Final = frozenset({
    "extends", "packageRules", "ignorePaths", "includePaths", "ignoreDeps", "enabledManagers", "timezone",
    "prConcurrentLimit", "prHourlyLimit", "baseBranches", "baseBranchPatterns",
})  # fmt: skip
#: Settings without which gitops-bot does the same, or that are about something else than images.
_OTHER: Final = (
    "$schema", "description", "dependencyDashboard", "semanticCommit", "lockFileMaintenance", "rebaseWhen", "separate",
    "configMigration", "ignoreTests", "groupSlug", "npm", "docker-compose", "helm-values", "kustomize",
    "kubernetes", "flux", "argocd", "respectLatest", "internalChecks", "rangeStrategy", "updateNotScheduled",
    "timezone", "postUpdateOptions",
)  # fmt: skip
_MATCHERS: Final = frozenset({
    "matchPackageNames", "matchPackagePatterns", "matchPackagePrefixes", "matchDepNames", "matchDatasources",
    "matchManagers", "matchFileNames", "matchPaths", "matchUpdateTypes", "matchCategories", "excludePackageNames",
    "excludePackagePatterns", "matchRepositories",
})  # fmt: skip
#: Rules beyond which no person keeps them, and names in one of them.
_MOST_RULES: Final = 300
_MOST_NAMES: Final = 200
_KINDS: Final = ("major", "minor", "patch", "digest")

#: How its file may be called, at the top or in a folder of the server's own.
_NAMES: Final = ("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5")
#: The manager that reads a kind of file, by what we call such a file.
_MANAGERS: Final = (
    ("kustomization", "kustomize"),
    ("manifest", "kubernetes"),
    ("values", "helm-values"),
    ("ompose", "docker-compose"),
)
#: Folders of `config:recommended`, which is taken for granted.
_SKIPPED: Final = frozenset(
    ("node_modules", "bower_components", "vendor", "examples", "__tests__", "test", "tests", "__fixtures__")
)
_METHODS: Final = {"squash": "squash", "rebase": "rebase", "merge-commit": "merge", "fast-forward": "rebase"}
_LOGIN: Final = re.compile(r"(?:team:)?[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
#: The two labels that are for people only are not among them.
_LABEL: Final = re.compile(r"(?!(?i:hold|hand-back)$)[\w:./ -]{1,50}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule may match: the names of an image, the manager that reads its file, and the file."""

    names: tuple[str, ...]
    manager: str
    file: str


@dataclass(slots=True)
class RenovateSettings:
    """All settings of one file, innermost last."""

    levels: list[Placed]
    gaps: list[Gap] = field(default_factory=list)

    @classmethod
    def of(cls, root: Placed) -> RenovateSettings:
        """The settings of a file, its presets first."""
        gaps: list[Gap] = []
        levels = [level for preset in root.at("extends").items for level in _preset(preset, gaps)]
        for key, value in root.entries:
            other = key.startswith(_OTHER) and not key.endswith("Approval")
            if not other and key not in READ and key not in _FOR_ALL:
                advice = "see `propose.title` and `propose.message`" if key.startswith("commitMessage") else ""
                gaps.append(gap(value, f"{key[:60]} has no counterpart", advice))
        listed = root.at("packageRules").items
        for block in (*listed[:_MOST_RULES], *(value for _, value in root.entries)):
            gaps += (
                gap(preset, f"the preset {preset.text[:100]} is not applied here", "write out what it says")
                for preset in block.at("extends").items
                if not preset.text.startswith(_HARMLESS)
            )
        if len(listed) > _MOST_RULES:
            what = f"{len(listed)} rules, of which the first {_MOST_RULES} are read"
            gaps.append(gap(listed[_MOST_RULES], what, "add the others by hand"))
        return cls([*levels, root], gaps)

    def _get(self, *keys: str) -> Placed:
        """A setting from the innermost level that has it."""
        values = (level.at(*keys) for level in reversed(self.levels) if level.at(*keys[:-1]).has(keys[-1]))
        return next(values, Placed(1, file=self.levels[-1].file))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list, of all levels."""
        return tuple(text for level in self.levels for text in level.at(key).texts)

    def _of_subject(self, subject: Subject) -> tuple[dict[str, Placed], frozenset[str]]:
        """The settings for an entry, and the kinds of updates that are switched off for it."""
        values: dict[str, Placed] = {}
        off: dict[str, bool] = {}
        blocks = [*self.levels, *(level.at(subject.manager) for level in self.levels)]
        rules = [rule for level in self.levels for rule in level.at("packageRules").items[:_MOST_RULES]]
        for block in [*blocks, *(rule for rule in rules if self._applies(rule, subject))]:
            kinds = block.at("matchUpdateTypes").texts
            for key, value in block.entries:
                if key in _KINDS:
                    off |= {key: value.at("enabled").text == "false"} if value.has("enabled") else {}
                elif not kinds or set(kinds) >= {"major", "minor", "patch"}:
                    values |= {key: value} if key in READ else {}
                elif key == "enabled":
                    off |= dict.fromkeys(kinds, value.text == "false")
                elif key in READ:
                    what = f"{key} for {' and '.join(kinds)[:60]} updates only has no counterpart"
                    self.gaps.append(gap(value, what, "it is left out"))
        return values, frozenset(kind for kind, is_off in off.items() if is_off)

    def _applies(self, rule: Placed, subject: Subject) -> bool:
        """Whether a rule is for an entry; one that asks for what cannot be known here is for none, and is named."""
        for key, value in rule.entries:
            if not key.startswith(("match", "exclude")):
                continue
            patterns = value.texts
            if key in {"matchPackagePatterns", "excludePackagePatterns"}:
                patterns = tuple("*" if text == "*" else f"/{text}/" for text in patterns)
            why = f"{key[:60]} cannot be known here" if key not in _MATCHERS else unusable(patterns)
            if len(patterns) > _MOST_NAMES:
                why = f"it has more than {_MOST_NAMES} names"
            if why is not None:
                # One that is plainly about something else is not worth a word.
                managers = (*(name for _, name in _MANAGERS), "flux", "argocd")
                sources = rule.at("matchDatasources").texts
                if names_any(sources, "docker") and names_any(rule.at("matchManagers").texts, *managers):
                    self.gaps.append(gap(value, f"a rule is left out: {why}", "add it by hand"))
                return False
            if not _matches(key, patterns, subject):
                return False
        return True

    def track(self, entries: Sequence[tuple[Managed, str]]) -> Iterator[Tracked]:
        """The entries that Renovate looks at, with their rules; all of one directory are proposed in one way."""
        by_place: defaultdict[str, list[tuple[Tracked, Mapping[str, Placed]]]] = defaultdict(list)
        for entry, noun in entries:
            manager = next((manager for word, manager in _MANAGERS if word in noun), noun)
            if (read := self._track(entry, Subject(_names(entry), manager, entry.file))) is not None:
                by_place[entry.overlay].append(read)
        for images in by_place.values():
            propose = self._propose([settings for image, settings in images if not image.rule.ignore])
            yield from (replace(image, propose=propose) for image, _ in images)

    def _track(self, entry: Managed, subject: Subject) -> tuple[Tracked, Mapping[str, Placed]] | None:
        """An entry that Renovate looks at, with its rule and its settings."""
        if not self._looks(subject) or entry.repository is None:
            return None
        settings, off = self._of_subject(subject)
        texts = {key: value.text for key, value in settings.items()}
        ignored = texts.get("enabled") == "false" or bool(set(self.texts("ignoreDeps")) & set(subject.names))
        place = settings.get("allowedVersions") or settings.get("versioning") or self.levels[-1]
        try:
            rule = IGNORED if ignored else rule_of(texts, off, entry.pin)
        except ValueError as why:
            what = f"{subject.names[0][:200]} in {entry.file[:200]}: {why}"
            self.gaps.append(gap(place, what, "write a policy for it by hand"))
            rule = ImageRule(None)
        else:
            if rule == ImageRule(None):
                return None  # nothing updates such a tag
        source, within = (place.file, place.line), (entry.file, entry.line)
        return Tracked(entry.overlay, subject.names[0], rule, source, within=within), settings

    def _looks(self, subject: Subject) -> bool:
        """Whether Renovate reads the file at all."""
        enabled = self.texts("enabledManagers")
        if (enabled and subject.manager not in enabled) or self._get(subject.manager, "enabled").text == "false":
            return False
        if subject.manager == "kubernetes":  # it reads no file until the settings say which
            own = [level.at(subject.manager) for level in self.levels]
            patterns = [text for manager in own for text in manager.at("managerFilePatterns").texts]
            patterns += [f"/{text}/" for manager in own for text in manager.at("fileMatch").texts]
            if not patterns or not names_any(patterns, subject.file):
                return False
        ignored = self._get("ignorePaths")
        included = self.texts("includePaths")
        if included and not names_any(included, subject.file):
            return False
        if ignored.items or ignored.line > 1:
            return not any(names_any([text], subject.file) or text in subject.file for text in ignored.texts)
        return not _SKIPPED & set(subject.file.split("/")[:-1])

    def _propose(self, settings: Sequence[Mapping[str, Placed]]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        labels = _texts(settings[:1], "labels") + _texts(settings[:1], "addLabels")
        for key, texts, form in (
            ("labels", labels, _LABEL),
            ("reviewers", _texts(settings, "reviewers"), _LOGIN),
            ("assignees", _texts(settings, "assignees"), _LOGIN),
        ):
            good = list(dict.fromkeys(text for text in texts if form.fullmatch(text)))
            done |= {key: good[:10]} if good else {}
        if self._same(settings, "draftPR") == "true":
            done["draft"] = True
        elif self._same(settings, "automerge") == "true":
            done["auto_merge"] = True
            method = self._same(settings, "automergeStrategy")
            done |= {"merge_method": _METHODS[method]} if method in _METHODS else {}
            if self._same(settings, "automergeType") == "branch":
                what = "automergeType branch: pull requests are merged, and no branch without one"
                self.gaps.append(gap(settings[0]["automergeType"], what))
        limit = {
            name: int(text)
            for key, name in (("prConcurrentLimit", "open"), ("prHourlyLimit", "new_per_hour"))
            if (text := self._get(key).text).isdecimal() and 0 < int(text[:6]) <= 1000
        }
        done |= {"limit": limit} if limit else {}
        return done | self._schedule(settings)

    def _schedule(self, settings: Sequence[Mapping[str, Placed]]) -> dict[str, Any]:
        written = next((level["schedule"] for level in settings if "schedule" in level), None)
        if written is None:
            return {}
        if any(_texts([level], "schedule") != written.texts for level in settings):
            self.gaps.append(gap(written, "a schedule for some images of a directory only"))
            return {}
        timezone = self._get("timezone").texts[-1:] or ("",)
        schedule, unknown = windows(written.texts, timezone[0])
        if unknown is not None:
            what = f"the schedule {unknown[:100]!r} has no counterpart"
            self.gaps.append(gap(written, what, "see `propose.schedule`"))
        return {"schedule": schedule} if schedule else {}

    def _same(self, settings: Sequence[Mapping[str, Placed]], key: str) -> str:
        """The value that all entries of a directory have; where they differ, none, and it is named."""
        values = {level[key].text if key in level else "" for level in settings}
        if len(values) > 1:
            place = next(level[key] for level in settings if key in level)
            self.gaps.append(gap(place, f"{key} for some images of a directory only"))
        return values.pop() if len(values) == 1 else ""


def _matches(key: str, patterns: Sequence[str], subject: Subject) -> bool:
    match key:
        case "matchPackageNames" | "matchDepNames" | "matchPackagePatterns":
            return names_any(patterns, *subject.names)
        case "matchPackagePrefixes":
            return any(name.startswith(prefix) for prefix in patterns for name in subject.names)
        case "excludePackageNames" | "excludePackagePatterns":
            return not names_any(patterns, *subject.names)
        case "matchDatasources":
            return names_any(patterns, "docker")
        case "matchManagers":
            return names_any(patterns, subject.manager)
        case "matchCategories":
            return names_any(patterns, "docker", "kubernetes")
        case "matchFileNames" | "matchPaths":
            return names_any(patterns, subject.file)
    return True


def _preset(preset: Placed, gaps: list[Gap]) -> Iterator[Placed]:
    name, parenthesis, rest = preset.text.partition("(")
    if parenthesis and name in _WITH_ARGUMENT:
        texts = [replace(preset, text=text) for text in rest.rstrip(")").split(",")]
        yield replace(preset, text="", pairs={_WITH_ARGUMENT[name]: replace(preset, text="", items=texts)})
    elif name in _PRESETS:
        yield _on(json5.read(_PRESETS[name].encode()), preset)
    elif not name.startswith(_HARMLESS):
        gaps.append(gap(preset, f"the preset {preset.text[:100]} is not known here", "add what it says by hand"))


def _on(value: Placed, place: Placed) -> Placed:
    """The same value as if it stood in a place."""
    pairs = {key: _on(item, place) for key, item in value.entries} if value.pairs is not None else None
    return Placed(place.line, value.text, pairs, [_on(item, place) for item in value.items], place.file)


def is_settings(path: str) -> bool:
    """Whether a path is where Renovate looks for its settings."""
    folder, _, name = path.rpartition("/")
    return name in _NAMES and (not folder or (folder.startswith(".") and "/" not in folder))


def read(file: str, data: bytes, entries: Sequence[tuple[Managed, str]]) -> Read:
    """What Renovate keeps current of these entries, each with what we call its file, by the settings of one file."""
    try:
        settings = RenovateSettings.of(json5.read(data, file))
    except ValueError as error:
        return Read(True, gaps=(Gap(file, 1, f"this file cannot be read: {error}", "move what it says by hand"),))
    tracked = tuple(settings.track(entries))
    branches = [*settings.texts("baseBranches"), *settings.texts("baseBranchPatterns")]
    patterns = [name for name in branches if name.startswith("/")]
    settings.gaps += (
        Gap(file, 1, f"baseBranchPatterns {name[:100]} is not a branch", "write `branch` by hand") for name in patterns
    )
    return Read(True, tracked, tuple(settings.gaps), tuple(name for name in branches if name not in patterns))


def _names(entry: Managed) -> tuple[str, ...]:
    """What Renovate may call an image: as it is written, and in full."""
    repository = entry.repository
    if repository is None:
        return (entry.image,)
    short = repository.path.removeprefix("library/") if repository.registry == DOCKER_HUB else str(repository)
    return tuple(dict.fromkeys((short, str(repository), entry.image)))


def _texts(settings: Sequence[Mapping[str, Placed]], key: str) -> tuple[str, ...]:
    return next((level[key].texts for level in settings if key in level), ())
