"""Renovate: what its settings say about images in kustomizations, manifests, Helm values and Compose files."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images.reference import DOCKER_HUB
from gitops_bot.migration import json5
from gitops_bot.migration.renovate_match import names_any
from gitops_bot.migration.renovate_policy import rule_of
from gitops_bot.migration.renovate_schedule import windows
from gitops_bot.migration.renovate_settings import Settings, Subject
from gitops_bot.migration.rules import IGNORED, Gap, Read, Rule, Tracked, gap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gitops_bot.releases.decisions import Managed
    from gitops_bot.targets.yaml_values import Placed

#: How its file may be called, at the top or in a folder of the server's own.
_NAMES: Final = ("renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json", ".renovaterc.json5")
#: The manager that reads a kind of file, by what we call such a file.
_MANAGERS: Final = (
    ("kustomization", "kustomize"),
    ("manifest", "kubernetes"),
    ("values", "helm-values"),
    ("ompose", "docker-compose"),
)
#: Managers that read no file until the settings say which.
_ON_DEMAND: Final = ("kubernetes",)
#: Folders of `config:recommended`, which is taken for granted.
_SKIPPED: Final = frozenset(
    ("node_modules", "bower_components", "vendor", "examples", "__tests__", "test", "tests", "__fixtures__")
)
_METHODS: Final = {"squash": "squash", "rebase": "rebase", "merge-commit": "merge", "fast-forward": "rebase"}
_LOGIN: Final = re.compile(r"(?:team:)?[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
#: The two labels that are for people only are not among them.
_LABEL: Final = re.compile(r"(?!(?i:hold|hand-back)$)[\w:./ -]{1,50}")


def is_settings(path: str) -> bool:
    """Whether a path is where Renovate looks for its settings."""
    folder, _, name = path.rpartition("/")
    return name in _NAMES and (not folder or (folder.startswith(".") and "/" not in folder))


def read(file: str, data: bytes, entries: Sequence[tuple[Managed, str]]) -> Read:
    """What Renovate keeps current of these entries, each with what we call its file, by the settings of one file."""
    try:
        settings = Settings.of(json5.read(data, file))
    except ValueError as error:
        return Read(True, gaps=(Gap(file, 1, f"this file cannot be read: {error}", "move what it says by hand"),))
    reader = _Reader(settings)
    tracked = reader.tracked(entries)
    branches = [*settings.texts("baseBranches"), *settings.texts("baseBranchPatterns")]
    for name in branches:
        if name.startswith("/"):
            what = f"baseBranchPatterns {name[:100]} is no branch"
            settings.gaps.append(Gap(file, 1, what, "write `branch` by hand"))
    plain = tuple(name for name in branches if not name.startswith("/"))
    return Read(True, tuple(tracked), tuple(settings.gaps), plain)


@dataclass(frozen=True, slots=True)
class _Reader:
    settings: Settings

    def tracked(self, entries: Sequence[tuple[Managed, str]]) -> Iterator[Tracked]:
        """The entries that Renovate looks at, with their rules; all of one directory are proposed in one way."""
        by_place: defaultdict[str, list[tuple[Tracked, Mapping[str, Placed]]]] = defaultdict(list)
        for entry, noun in entries:
            manager = next((manager for word, manager in _MANAGERS if word in noun), noun)
            if (read := self._tracked(entry, Subject(_names(entry), manager, entry.file))) is not None:
                by_place[entry.overlay].append(read)
        for images in by_place.values():
            propose = self._propose([settings for image, settings in images if not image.rule.ignore])
            yield from (replace(image, propose=propose) for image, _ in images)

    def _tracked(self, entry: Managed, subject: Subject) -> tuple[Tracked, Mapping[str, Placed]] | None:
        """An entry that Renovate looks at, with its rule and its settings."""
        if not self._looks(subject) or entry.repository is None:
            return None
        settings, off = self.settings.of_subject(subject)
        texts = {key: value.text for key, value in settings.items()}
        ignored = texts.get("enabled") == "false" or bool(set(self.settings.texts("ignoreDeps")) & set(subject.names))
        rule, why = (IGNORED, None) if ignored else rule_of(texts, off, entry.pin)
        place = settings.get("allowedVersions") or settings.get("versioning") or self.settings.levels[-1]
        if why is not None:
            what = f"{subject.names[0][:200]} in {entry.file[:200]}: {why}"
            self.settings.gaps.append(gap(place, what, "write a policy for it by hand"))
        if rule == Rule(None) and why is None:
            return None  # nothing updates such a tag
        source, within = (place.file, place.line), (entry.file, entry.line)
        return Tracked(entry.overlay, subject.names[0], rule, source, within=within), settings

    def _looks(self, subject: Subject) -> bool:
        """Whether Renovate reads the file at all."""
        enabled = self.settings.texts("enabledManagers")
        if (enabled and subject.manager not in enabled) or self.settings.get(
            subject.manager, "enabled"
        ).text == "false":
            return False
        if subject.manager in _ON_DEMAND:
            own = [level.at(subject.manager) for level in self.settings.levels]
            patterns = [text for manager in own for text in manager.at("managerFilePatterns").texts]
            patterns += [f"/{text}/" for manager in own for text in manager.at("fileMatch").texts]
            if not patterns or not names_any(patterns, subject.file):
                return False
        ignored = self.settings.get("ignorePaths")
        included = self.settings.texts("includePaths")
        if included and not names_any(included, subject.file):
            return False
        if ignored.items or ignored.line > 1:
            return not any(names_any([text], subject.file) or text in subject.file for text in ignored.texts)
        return not _SKIPPED & set(subject.file.split("/")[:-1])

    def _propose(self, settings: Sequence[Mapping[str, Placed]]) -> dict[str, Any]:
        done: dict[str, Any] = {}
        labels = [
            label
            for level in settings[:1]
            for key in ("labels", "addLabels")
            if key in level
            for label in level[key].texts
        ]
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
                place = settings[0]["automergeType"]
                what = "automergeType branch: pull requests are merged, and no branch without one"
                self.settings.gaps.append(gap(place, what))
        limit = {
            name: int(text)
            for key, name in (("prConcurrentLimit", "open"), ("prHourlyLimit", "new_per_hour"))
            if (text := self.settings.get(key).text).isdecimal() and 0 < int(text[:6]) <= 1000
        }
        done |= {"limit": limit} if limit else {}
        return done | self._schedule(settings)

    def _schedule(self, settings: Sequence[Mapping[str, Placed]]) -> dict[str, Any]:
        written = next((level["schedule"] for level in settings if "schedule" in level), None)
        if written is None:
            return {}
        if any(_texts([level], "schedule") != written.texts for level in settings):
            self.settings.gaps.append(gap(written, "a schedule for some images of a directory only"))
            return {}
        timezone = self.settings.get("timezone").texts[-1:] or ("",)
        schedule, unknown = windows(written.texts, timezone[0])
        if unknown is not None:
            what = f"the schedule {unknown[:100]!r} has no counterpart"
            self.settings.gaps.append(gap(written, what, "see `propose.schedule`"))
        return {"schedule": schedule} if schedule else {}

    def _same(self, settings: Sequence[Mapping[str, Placed]], key: str) -> str:
        """The value that all entries of a directory have; where they differ, none, and it is named."""
        values = {level[key].text if key in level else "" for level in settings}
        if len(values) > 1:
            place = next(level[key] for level in settings if key in level)
            self.settings.gaps.append(gap(place, f"{key} for some images of a directory only"))
        return values.pop() if len(values) == 1 else ""


def _names(entry: Managed) -> tuple[str, ...]:
    """What Renovate may call an image: as it is written, and in full."""
    repository = entry.repository
    if repository is None:
        return (entry.image,)
    short = repository.path.removeprefix("library/") if repository.registry == DOCKER_HUB else str(repository)
    return tuple(dict.fromkeys((short, str(repository), entry.image)))


def _texts(settings: Sequence[Mapping[str, Placed]], key: str) -> tuple[str, ...]:
    return next((level[key].texts for level in settings if key in level), ())
