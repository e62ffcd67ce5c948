"""Argo CD Image Updater: annotations of Applications and ApplicationSets, and `ImageUpdater` resources of 1.x."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images.reference import split
from gitops_bot.migration.argocd_policy import rule_of, values_of
from gitops_bot.migration.rules import Read, Tracked
from gitops_bot.releases.layout.deployed import deployments
from gitops_bot.releases.layout.inventory import Gap
from gitops_bot.targets.placed import Placed, documents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gitops_bot.releases.layout.deployed import Deployment

#: What a file has to contain to be read.
MARKS: Final = (b"argoproj.io/",)
_PREFIX: Final = "argocd-image-updater.argoproj.io/"
#: Settings of an image, by the end of their annotation and by their place in an `ImageUpdater`.
_SETTINGS: Final = {
    "update-strategy": ("commonUpdateSettings", "updateStrategy"),
    "allow-tags": ("commonUpdateSettings", "allowTags"),
    "ignore-tags": ("commonUpdateSettings", "ignoreTags"),
    "pull-secret": ("commonUpdateSettings", "pullSecret"),
    "platforms": ("commonUpdateSettings", "platforms"),
    "force-update": ("commonUpdateSettings", "forceUpdate"),
    "helm.image-name": ("manifestTargets", "helm", "name"),
    "helm.image-tag": ("manifestTargets", "helm", "tag"),
    "helm.image-spec": ("manifestTargets", "helm", "spec"),
    "kustomize.image-name": ("manifestTargets", "kustomize", "name"),
}
#: Those that an Application may have for all of its images.
_FOR_ALL: Final = ("update-strategy", "allow-tags", "ignore-tags", "pull-secret")
_WRITE_BACK: Final = {
    "write-back-method": ("method",),
    "write-back-target": ("gitConfig", "writeBackTarget"),
    "git-branch": ("gitConfig", "branch"),
    "git-repository": ("gitConfig", "repository"),
}
_KNOWN: Final = frozenset({"image-list", *_SETTINGS, *_WRITE_BACK})
#: Directories that one Application may deploy.
_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class _Application:
    """An Application, or an ApplicationSet with the settings of its template."""

    name: str
    file: str
    line: int
    metadata: Placed
    spec: Placed
    deployed: tuple[Deployment, ...]

    @property
    def label(self) -> str:
        return self.deployed[0].by if self.deployed else f"Argo CD Application {self.name}"


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of an Application and its settings, each where it stands."""

    reference: Placed
    file: str
    settings: Mapping[str, Placed]


def read(files: Sequence[tuple[str, bytes]], directories: Collection[str], paths: Collection[str]) -> Read:
    """What Argo CD Image Updater keeps current in these directories, by the manifests among the files."""
    applications: list[_Application] = []
    updaters: list[tuple[str, Placed]] = []
    gaps: list[Gap] = []
    for file, data in files:
        documents_read = documents(data.decode("utf-8", "replace"))
        if documents_read is None:
            gaps.append(Gap(file, 1, "this file cannot be read as YAML", "move what it says by hand"))
            continue
        deployed = deployments([(file, data)])
        for document in documents_read:
            match document.at("kind").text:
                case "Application" | "ApplicationSet" as kind:
                    applications.append(_application(document, kind, file, deployed))
                case "ImageUpdater":
                    updaters.append((file, document))
                case _:
                    pass
    reader = _Reader(directories, paths, gaps)
    ruled = {id(app) for file, updater in updaters for app in reader.updater(file, updater, applications)}
    for app in applications:
        if id(app) not in ruled:
            reader.annotated(app)
    tracked = tuple(reader.tracked)
    return Read(bool(tracked or updaters or reader.seen), tracked, tuple(gaps), tuple(reader.branches))


def _application(document: Placed, kind: str, file: str, deployed: Sequence[Deployment]) -> _Application:
    template = document.at("spec", "template") if kind == "ApplicationSet" else document
    name = document.at("metadata", "name")
    own = tuple(deployment for deployment in deployed if deployment.by == f"Argo CD {kind} {name.text}"[:200])
    metadata = template.at("metadata")
    if not any(key.startswith(_PREFIX) for key, _ in metadata.at("annotations").entries):
        metadata = document.at("metadata")
    return _Application(name.text, file, name.line, metadata, template.at("spec"), own)


class _Reader:
    """Collects what is tracked and what has no counterpart."""

    def __init__(self, directories: Collection[str], paths: Collection[str], gaps: list[Gap]) -> None:
        self.directories, self.paths, self.gaps = directories, paths, gaps
        self.tracked: list[Tracked] = []
        self.branches: list[str] = []
        self.seen = False

    def gap(self, file: str, place: Placed, what: str, advice: str = "") -> None:
        self.gaps.append(Gap(file, place.line, what, advice))

    def annotated(self, app: _Application) -> None:
        """An Application with annotations."""
        own = {
            key.removeprefix(_PREFIX): value
            for key, value in app.metadata.at("annotations").entries
            if key.startswith(_PREFIX)
        }
        if not own:
            return
        self.seen = True
        listed = own.get("image-list", Placed(app.line))
        aliases: set[str] = set()
        images: list[_Image] = []
        for item in listed.text.split(",")[:_MOST]:
            alias, equals, reference = item.strip().partition("=")
            alias, reference = (alias.strip(), reference.strip()) if equals else ("", item.strip())
            if not reference:
                continue
            key = alias.replace("/", "_")
            aliases.add(key)
            settings = {
                name: own[name] for name in _SETTINGS if name in own and "." not in name and name != "platforms"
            }
            settings |= {name: own[f"{key}.{name}"] for name in _SETTINGS if key and f"{key}.{name}" in own}
            images.append(_Image(replace(listed, text=reference), app.file, settings))
        for name, value in own.items():
            alias = next((alias for alias in aliases if alias and name.startswith(f"{alias}.")), "")
            if (name.removeprefix(f"{alias}.") if alias else name) not in _KNOWN:
                self.gap(app.file, value, f"the annotation {name}: no image of `image-list` has it, or it is unknown")
        self._images(app, images, {name: own[name] for name in _WRITE_BACK if name in own}, app.file, Placed(app.line))

    def updater(self, file: str, updater: Placed, applications: Sequence[_Application]) -> Iterator[_Application]:
        """The Applications that an `ImageUpdater` has rules for; those with annotations are left to them."""
        spec = updater.at("spec")
        for reference in spec.at("applicationRefs").items:
            pattern = reference.at("namePattern")
            labels = reference.at("labelSelectors")
            for unread in (
                labels.at("matchExpressions"),
                reference.at("imagesVerification"),
                spec.at("imagesVerification"),
            ):
                if not unread.empty:
                    what = "labelSelectors.matchExpressions" if unread.items else "imagesVerification"
                    self.gap(file, unread, f"{what} has no counterpart", "check the images listed below by hand")
            if reference.at("useAnnotations").text == "true":
                continue
            wanted = {key: value.text for key, value in labels.at("matchLabels").entries}
            matching = [
                app
                for app in applications
                if fnmatchcase(app.name, pattern.text)
                and all(app.metadata.at("labels", key).text == value for key, value in wanted.items())
            ]
            if not matching:
                self.gap(
                    file,
                    pattern,
                    f"no Application in this checkout is called {pattern.text[:100]!r}",
                    "run init in the repository that has it, or add its directories by hand",
                )
            images = [
                _Image(image.at("imageName"), file, dict(_settings(spec, reference, image)))
                for image in reference.at("images").items
            ]
            for image in reference.at("images").items:
                for key in ("plugin", "imagesVerification"):
                    setting = image.at("manifestTargets", key) if key == "plugin" else image.at(key)
                    if not setting.empty:
                        self.gap(file, setting, f"{key} has no counterpart")
            back = dict(_write_back(spec, reference))
            for app in matching:
                yield app
                self._images(app, images, back, file, pattern)

    def _images(
        self, app: _Application, images: Sequence[_Image], back: Mapping[str, Placed], file: str, at: Placed
    ) -> None:
        places = self._places(app, back, file, at)
        propose = self._propose(app, back, file, at)
        names = (app.name, *(name for deployment in app.deployed for name in deployment.names))
        for image in images:
            rule, gaps = rule_of(image.reference, image.settings, image.file)
            self.gaps += gaps
            repository, entry = split(image.reference.text)[0], image.settings.get("kustomize.image-name")
            for place in places:
                self.tracked.append(
                    Tracked(
                        place,
                        repository,
                        rule,
                        (image.file, image.reference.line),
                        split(entry.text)[0] if entry else None,
                        hints=names,
                        propose=propose,
                        values=values_of(image.settings),
                    )
                )

    def _places(self, app: _Application, back: Mapping[str, Placed], file: str, at: Placed) -> list[str]:
        """The directories or files of this repository that it writes to, or should."""
        globs = [place.path for place in app.deployed]
        directories = [name for name in self.directories if any(glob.match(f"{name}/") is not None for glob in globs)]
        target = back.get("write-back-target", Placed(at.line))
        kind, _, path = target.text.partition(":")
        if kind == "helmvalues" or (kind == "kustomization" and path):
            path = path or "values.yaml"
            tops = [""] if path.startswith("/") else [*directories, *(glob.text for glob in globs)]
            joined = (posixpath.normpath(posixpath.join(top, path.lstrip("/"))) for top in tops)
            places = list(dict.fromkeys(place for place in joined if place in self.directories or place in self.paths))
            if not places:
                self.gap(file, target, f"{target.text[:200]} is not in this checkout")
            return places
        if not directories:
            self.gap(
                app.file,
                Placed(app.line),
                f"{app.label} deploys no directory here that pins an image",
                "run init in the repository that it deploys from",
            )
        elif kind != "kustomization" and back.get("write-back-method", Placed(0)).text.startswith("git"):
            self.gap(
                file,
                target,
                f"{app.label} keeps its pins in .argocd-source files",
                "write them into the files of the directory, then delete the .argocd-source file",
            )
        return directories[:_MOST]

    def _propose(self, app: _Application, back: Mapping[str, Placed], file: str, at: Placed) -> Mapping[str, Any]:
        """How it writes: to the branch, or to another one from which people open a pull request."""
        method, branch = back.get("write-back-method", Placed(at.line)), back.get("git-branch", Placed(at.line))
        base, colon, _ = branch.text.partition(":")
        base = base or app.spec.at("source", "targetRevision").text
        if base and base != "HEAD" and not any(char in base for char in "{}$*^~ "):
            self.branches.append(base)
        if not method.text.startswith("git"):
            self.gap(
                file,
                method,
                f"{app.label} has its pins in the cluster only (write-back method argocd)",
                "gitops-bot commits them to this repository; turn the parameters of the Application off",
            )
        if repository := back.get("git-repository"):
            self.gap(
                file, repository, f"git-repository {repository.text[:200]}", "if it is not this one, run init there"
            )
        return {} if colon or "pullRequest" in back else {"as": "commit"}


def _settings(*levels: Placed) -> Iterator[tuple[str, Placed]]:
    """Each setting from the innermost level that has it."""
    for name, keys in _SETTINGS.items():
        values = [level.at(*keys) for level in levels]
        if value := next((value for value in reversed(values) if not value.empty), None):
            yield name, value


def _write_back(*levels: Placed) -> Iterator[tuple[str, Placed]]:
    for name, keys in {**_WRITE_BACK, "pullRequest": ("gitConfig", "pullRequest")}.items():
        values = [level.at("writeBackConfig", *keys) for level in levels]
        if value := next((value for value in reversed(values) if not value.empty), None):
            yield name, value
