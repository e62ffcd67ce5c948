"""Argo CD Image Updater: annotations of Applications and ApplicationSets, and `ImageUpdater` resources of 1.x."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from gitops_bot.images import expression
from gitops_bot.images.build import PLATFORM, normal_platform
from gitops_bot.images.reference import split
from gitops_bot.migration import rules
from gitops_bot.migration.rules import EVERY_TAG, IGNORED, ImageRule, Read, Tracked, gap, resources
from gitops_bot.releases.layout.deployed import of_manifest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gitops_bot.migration.rules import Gap
    from gitops_bot.releases.layout.deployed import DeployedPath
    from gitops_bot.targets.yaml_values import Placed

    #: An image of an Application and its settings, each where it stands.
    _Image = tuple[Placed, Mapping[str, Placed]]

#: The old names of strategies.
_STRATEGIES: Final = {"latest": "newest-build", "name": "alphabetical"}
_ORDERS: Final = {"newest-build": "newest", "alphabetical": "alphabetical"}
#: Settings of values of Helm, and what they are called here.
_VALUES: Final = {"helm.image-spec": "image", "helm.image-name": "repository", "helm.image-tag": "tag"}
_POINTER: Final = re.compile(r"(?:/[A-Za-z0-9_-]{1,100}){1,20}")
_PLATFORM: Final = re.compile(PLATFORM)

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
    "write-back-method": ("writeBackConfig", "method"),
    "write-back-target": ("writeBackConfig", "gitConfig", "writeBackTarget"),
    "git-branch": ("writeBackConfig", "gitConfig", "branch"),
    "git-repository": ("writeBackConfig", "gitConfig", "repository"),
}
_KNOWN: Final = frozenset({"image-list", *_SETTINGS, *_WRITE_BACK})
#: Directories that one Application may deploy.
_MOST: Final = 1000


def rule_of(reference: Placed, settings: Mapping[str, Placed], gaps: list[Gap]) -> ImageRule:
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
    try:
        written = _policy(strategy, constraint, allowed.text.strip(), [tag for tag in ignored if tag])
        rules.check(written)
    except ValueError as why:
        gaps.append(gap(allowed, f"{repository[:200]}: {why}", "write a policy for it by hand"))
        return ImageRule(None)
    wanted = _platforms(settings.get("platforms", nothing), strategy, gaps)
    if secret := settings.get("pull-secret"):
        what = f"{repository[:200]}: the pull secret {secret.text[:100]} is in the cluster"
        gaps.append(gap(secret, what, "log in where the bot runs, or name the login under `registries`"))
    name = rules.as_name(repository.rpartition("/")[2], "image")
    return ImageRule(written, name, "tag+digest" if strategy == "digest" else "tag", wanted)


def values_of(settings: Mapping[str, Placed]) -> Mapping[str, str]:
    """Where the image stands in values of Helm, as far as the settings say it in a way that can be said here.

    A path such as `images[0].name` becomes `/images/0/name`.
    """
    paths = {
        part: "/" + settings[name].text.strip().replace("[", ".").replace("]", "").replace(".", "/")
        for name, part in _VALUES.items()
        if name in settings
    }
    if not all(map(_POINTER.fullmatch, paths.values())):
        return {}
    if "image" in paths:
        return {"image": paths["image"]}
    return paths if "tag" in paths else {}


def _policy(strategy: str, constraint: str | None, allowed: str, ignored: Sequence[str]) -> dict[str, Any]:
    """The policy as it is written; a ValueError says why none of ours means the same."""
    if strategy == "digest":
        return {"digest": constraint or "latest"}
    matcher, _, pattern = allowed.partition(":")
    written: dict[str, Any] = {"semver": constraint or "*"}
    if strategy != "semver":
        written = {"pattern": EVERY_TAG, "order": _ORDERS[strategy]}
    if ignored:
        written["exclude"] = [rules.of_glob(tag) for tag in ignored]
    match matcher.lower():
        case "" | "any":
            return written
        case "regexp":
            expression.check(pattern)
            return {**written, "pattern": rules.without_names(pattern)}
        case _:
            raise ValueError(f"allow-tags {allowed[:100]!r} admits no tag")


def _platforms(setting: Placed, strategy: str, gaps: list[Gap]) -> tuple[str, ...]:
    listed = [part.strip() for text in setting.texts for part in text.split(",") if part.strip()]
    if not listed:
        return ()
    if strategy not in ("newest-build", "digest"):  # only these look at the manifests of images
        gaps.append(gap(setting, f"platforms has no effect with the strategy {strategy}, so it is left out"))
        return ()
    if unfit := next((part for part in listed if not _PLATFORM.fullmatch(part)), None):
        gaps.append(gap(setting, f"platforms: {unfit[:60]!r} is not a platform", "write `platforms` by hand"))
        return ()
    wanted = tuple(dict.fromkeys(normal_platform(part) for part in listed))
    if len(wanted) > 1:
        gaps.append(gap(setting, "of several platforms, any was enough; here an image needs all of them"))
    return wanted


@dataclass(frozen=True, slots=True)
class _Application:
    """An Application, or an ApplicationSet with the settings of its template. `place` is where its name stands."""

    name: str
    place: Placed
    metadata: Placed
    spec: Placed
    deployed: tuple[DeployedPath, ...]

    @property
    def label(self) -> str:
        return self.deployed[0].by if self.deployed else f"Argo CD Application {self.name}"

    @property
    def annotations(self) -> dict[str, Placed]:
        """Those of Argo CD Image Updater."""
        entries = self.metadata.at("annotations").entries
        return {key.removeprefix(_PREFIX): value for key, value in entries if key.startswith(_PREFIX)}


def read(files: Sequence[tuple[str, bytes]], directories: Collection[str], paths: Collection[str]) -> Read:
    """What Argo CD Image Updater keeps current in these directories, by the manifests among the files."""
    applications: list[_Application] = []
    updaters: list[Placed] = []
    reader = _Reader(directories, paths)
    for resource in resources(files, reader.gaps):
        match resource.at("kind").text:
            case "Application" | "ApplicationSet" as kind:
                applications.append(_application(resource, kind))
            case "ImageUpdater":
                updaters.append(resource)
    ruled = {id(app) for updater in updaters for app in reader.read_updater(updater, applications)}
    annotated = [app for app in applications if id(app) not in ruled and app.annotations]
    for app in annotated:
        reader.read_annotations(app)
    return Read(bool(annotated or updaters), tuple(reader.tracked), tuple(reader.gaps), tuple(reader.branches))


def _application(resource: Placed, kind: str) -> _Application:
    template = resource.at("spec", "template") if kind == "ApplicationSet" else resource
    name, deployed = resource.at("metadata", "name"), tuple(of_manifest(resource, resource.file))
    app = _Application(name.text, name.emptied, template.at("metadata"), template.at("spec"), deployed)
    return app if app.annotations else replace(app, metadata=resource.at("metadata"))


@dataclass(slots=True)
class _Reader:
    """Collects what is tracked and what has no counterpart."""

    directories: Collection[str]
    paths: Collection[str]
    gaps: list[Gap] = field(default_factory=list)
    tracked: list[Tracked] = field(default_factory=list)
    branches: list[str] = field(default_factory=list)

    def read_annotations(self, app: _Application) -> None:
        own = app.annotations
        listed = own.get("image-list", app.place)
        aliases: set[str] = set()
        images: list[_Image] = []
        for item in listed.text.split(",")[:_MOST]:
            alias, equals, reference = item.strip().partition("=")
            alias, reference = (alias.strip(), reference.strip()) if equals else ("", item.strip())
            if not reference:
                continue
            key = alias.replace("/", "_")
            aliases.add(key)
            settings = {name: value for name, value in own.items() if name in _FOR_ALL}
            settings |= {name: own[f"{key}.{name}"] for name in _SETTINGS if key and f"{key}.{name}" in own}
            images.append((replace(listed, text=reference), settings))
        for name, value in own.items():
            alias = next((alias for alias in aliases if alias and name.startswith(f"{alias}.")), "")
            if (name.removeprefix(f"{alias}.") if alias else name) not in _KNOWN:
                self.gaps.append(
                    gap(value, f"the annotation {name}: no image of `image-list` has it, or it is unknown")
                )
        self._images(app, images, {name: own[name] for name in _WRITE_BACK if name in own}, app.place)

    def read_updater(self, updater: Placed, applications: Sequence[_Application]) -> Iterator[_Application]:
        """The Applications that an `ImageUpdater` has rules for; those with annotations are left to them."""
        spec = updater.at("spec")
        for reference in spec.at("applicationRefs").items:
            self._unread(reference, spec)
            if reference.at("useAnnotations").text == "true":
                continue
            pattern, labels = reference.at("namePattern"), list(reference.at("labelSelectors", "matchLabels").entries)
            named = (app for app in applications if fnmatchcase(app.name, pattern.text))
            matching = [
                app for app in named if all(app.metadata.at("labels", key).text == value.text for key, value in labels)
            ]
            if not matching:
                what = f"no Application in this checkout is called {pattern.text[:100]!r}"
                advice = "run init in the repository that has it, or add its directories by hand"
                self.gaps.append(gap(pattern, what, advice))
            images = [
                (image.at("imageName"), _innermost((spec, reference, image), _SETTINGS))
                for image in reference.at("images").items
            ]
            back = _innermost(
                (spec, reference), {**_WRITE_BACK, "pullRequest": ("writeBackConfig", "gitConfig", "pullRequest")}
            )
            for app in matching:
                yield app
                self._images(app, images, back, pattern.emptied)

    def _unread(self, reference: Placed, spec: Placed) -> None:
        """What a reference to Applications says that has no counterpart."""
        by_hand = "check the images listed below by hand"
        unread = [(reference, "labelSelectors.matchExpressions", by_hand)]
        unread += [(level, "imagesVerification", by_hand) for level in (reference, spec)]
        for image in reference.at("images").items:
            unread += [(image.at("manifestTargets"), "plugin", ""), (image, "imagesVerification", "")]
        for level, name, advice in unread:
            if not (setting := level.at(*name.split("."))).empty:
                self.gaps.append(gap(setting, f"{name} has no counterpart", advice))

    def _images(self, app: _Application, images: Sequence[_Image], back: Mapping[str, Placed], at: Placed) -> None:
        places = self._places(app, back, at)
        propose = self._propose(app, back, at)
        names = (app.name, *(name for deployment in app.deployed for name in deployment.names))
        for image, settings in images:
            rule = rule_of(image, settings, self.gaps)
            entry = settings.get("kustomize.image-name")
            self.tracked += (
                Tracked(
                    place,
                    split(image.text)[0],
                    rule,
                    (image.file, image.line),
                    split(entry.text)[0] if entry else None,
                    hints=names,
                    propose=propose,
                    values=values_of(settings),
                )
                for place in places
            )

    def _places(self, app: _Application, back: Mapping[str, Placed], at: Placed) -> list[str]:
        """The directories or files of this repository that it writes to, or should."""
        globs = [place.path for place in app.deployed]
        directories = [name for name in self.directories if any(glob.match(f"{name}/") is not None for glob in globs)]
        target = back.get("write-back-target", at)
        kind, _, path = target.text.partition(":")
        if kind == "helmvalues" or (kind == "kustomization" and path):
            path = path or "values.yaml"
            tops = [""] if path.startswith("/") else [*directories, *(glob.text for glob in globs)]
            joined = (posixpath.normpath(posixpath.join(top, path.lstrip("/"))) for top in tops)
            places = list(dict.fromkeys(place for place in joined if place in self.directories or place in self.paths))
            if not places:
                self.gaps.append(gap(target, f"{target.text[:200]} is not in this checkout"))
            return places
        if not directories:
            what = f"{app.label} deploys no directory here that pins an image"
            self.gaps.append(gap(app.place, what, "run init in the repository that it deploys from"))
        elif kind != "kustomization" and back.get("write-back-method", at).text.startswith("git"):
            advice = "write them into the files of the directory, then delete the .argocd-source file"
            self.gaps.append(gap(target, f"{app.label} keeps its pins in .argocd-source files", advice))
        return directories[:_MOST]

    def _propose(self, app: _Application, back: Mapping[str, Placed], at: Placed) -> Mapping[str, Any]:
        """How it writes: to the branch, or to another one from which people open a pull request."""
        method = back.get("write-back-method", at)
        base, colon, _ = back.get("git-branch", at).text.partition(":")
        base = base or app.spec.at("source", "targetRevision").text
        if base and base != "HEAD" and not any(char in base for char in "{}$*^~ "):
            self.branches.append(base)
        if not method.text.startswith("git"):
            what = f"{app.label} has its pins in the cluster only (write-back method argocd)"
            advice = "gitops-bot commits them to this repository; turn the parameters of the Application off"
            self.gaps.append(gap(method, what, advice))
        if repository := back.get("git-repository"):
            advice = "if it is not this one, run init there"
            self.gaps.append(gap(repository, f"git-repository {repository.text[:200]}", advice))
        return {} if colon or "pullRequest" in back else {"as": "commit"}


def _innermost(levels: Sequence[Placed], paths: Mapping[str, tuple[str, ...]]) -> dict[str, Placed]:
    """Each setting from the innermost level that has it."""
    values = {name: [level.at(*keys) for level in reversed(levels)] for name, keys in paths.items()}
    return {name: value for name, given in values.items() if (value := next((v for v in given if not v.empty), None))}
