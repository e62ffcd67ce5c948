"""Renovate's settings for one entry: presets, what holds for all, for a manager, and by rules; the last wins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gitops_bot.migration import json5
from gitops_bot.migration.renovate_match import names_any, unusable
from gitops_bot.migration.rules import gap
from gitops_bot.targets.yaml_values import Placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.migration.rules import Gap

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


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule may match: the names of an image, the manager that reads its file, and the file."""

    names: tuple[str, ...]
    manager: str
    file: str


@dataclass(slots=True)
class Settings:
    """All settings of one file, innermost last."""

    levels: list[Placed]
    gaps: list[Gap] = field(default_factory=list)

    @classmethod
    def of(cls, root: Placed) -> Settings:
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

    def get(self, *keys: str) -> Placed:
        """A setting that holds for all, from the innermost level that has it."""
        values = (level.at(*keys) for level in reversed(self.levels) if level.at(*keys[:-1]).has(keys[-1]))
        return next(values, Placed(1, file=self.levels[-1].file))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list that is added up over all levels."""
        return tuple(text for level in self.levels for text in level.at(key).texts)

    def of_subject(self, subject: Subject) -> tuple[dict[str, Placed], frozenset[str]]:
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
                if _is_for_images(rule):
                    self.gaps.append(gap(value, f"a rule is left out: {why}", "add it by hand"))
                return False
            if not _matches(key, patterns, subject):
                return False
        return True


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
        case _:
            return True


def _is_for_images(rule: Placed) -> bool:
    """Whether a rule is not plainly about something else."""
    return names_any(rule.at("matchDatasources").texts, "docker") and names_any(
        rule.at("matchManagers").texts, "kustomize", "helm-values", "docker-compose", "kubernetes", "flux", "argocd"
    )


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
