"""Release info: files in overlays that describe one image each, and change with its pin."""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitops_bot.errors import EditError, Problem
from gitops_bot.images.reference import ImageName
from gitops_bot.releases.layout.glob import any_means
from gitops_bot.targets import release_info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gitops_bot.config import Environment, ReleaseInfo
    from gitops_bot.releases.decisions import Managed
    from gitops_bot.releases.layout.overlays import Selection
    from gitops_bot.targets.release_info import InfoFile


@dataclass(frozen=True, slots=True)
class Described:
    """The file that describes an entry, the labels that fill in its keys, and why it cannot be edited (`wrong`)."""

    path: str
    labels: Mapping[str, str | None]
    file: InfoFile | None
    wrong: Problem | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return posixpath.basename(self.path)


def following(settings: Iterable[ReleaseInfo]) -> dict[str, tuple[str, ...]]:
    """The names of the files, each with the keys that follow a pin."""
    keys: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for setting in settings:
        keys[setting.file] |= dict.fromkeys(key for key, _ in setting.keys)
    return {file: tuple(known) for file, known in keys.items()}


def files(environments: Mapping[str, Environment], selection: Selection) -> dict[str, list[str]]:
    """Every such file that may exist, with the environments that it belongs to."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name, overlays in selection.overlays.items():
        settings = environments[name].release_info
        for directory in dict.fromkeys(overlay.directory for overlay in overlays) if settings else ():
            for file in dict.fromkeys(setting.file for setting in settings):
                names[_path(directory, file)].append(name)
    return dict(names)


def find(
    settings: Iterable[ReleaseInfo],
    entries: Sequence[Managed],
    contents: Mapping[str, bytes],
    owners: Mapping[str, Sequence[str]],
) -> Iterator[tuple[Managed, Described]]:
    """The entries of an environment that are described; all that may be, if nobody can tell which.

    `contents` are the existing files, by path, `owners` the environments of each.
    """
    by_setting = [list(_find(setting, entries, contents, owners)) for setting in settings]
    by_path = Counter(path for described in by_setting for path in {file.path for _, file in described})
    by_entry = Counter(entry.key for described in by_setting for entry, _ in described)
    for entry, file in {entry.key: (entry, file) for described in by_setting for entry, file in described}.values():
        if by_path[file.path] > 1:
            yield entry, _unclear(file, f"two settings of `release_info` mean {file.path}")
        elif by_entry[entry.key] > 1:
            yield entry, _unclear(file, f"two settings of `release_info` mean {entry.name} in {entry.overlay}")
        else:
            yield entry, file


def _unclear(file: Described, message: str) -> Described:
    advice = "name the `image` of each, give each another `file`, or narrow them by `overlays`"
    return replace(file, file=None, wrong=Problem("failed.config", message, advice, file.path))


def _find(
    setting: ReleaseInfo, entries: Iterable[Managed], contents: Mapping[str, bytes], owners: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Managed, Described]]:
    by_overlay: defaultdict[str, list[Managed]] = defaultdict(list)
    for entry in entries:
        if _is_meant(setting, entry):
            by_overlay[entry.overlay].append(entry)
    for overlay, all_of_it in by_overlay.items():
        candidates = [entry for entry in all_of_it if entry.name == setting.image] or all_of_it
        path = _path(overlay, setting.file)
        # Entries of one image are described together: the first one tells when it changes.
        images = {entry.image: entry for entry in reversed(candidates)}
        described = Described(path, dict(setting.keys), None)
        try:
            file = _read(setting, path, contents.get(path), owners.get(path, ()), list(reversed(images)))
            described = replace(described, file=file)
        except EditError as error:
            described = replace(described, wrong=error.problem)
        for entry in candidates if len(images) > 1 else images.values():
            yield entry, described


def _path(directory: str, file: str) -> str:
    return posixpath.join(directory, file).removeprefix("./")


def _read(
    setting: ReleaseInfo, path: str, data: bytes | None, owners: Sequence[str], images: Sequence[str]
) -> InfoFile:
    """Read the file; an EditError says why nothing can be filled in there."""
    if len(images) > 1:
        named = ", ".join(images[:3]) + (f" or {len(images) - 3} more" if len(images) > 3 else "")
        message = f"`release_info` does not say which image {path} describes: {named}"
        advice = f"name one: `release_info: {{file: {setting.file}, image: {images[0]}}}`"
        raise EditError(Problem("failed.config", message, advice, path if data is not None else None))
    if len(owners) > 1:
        message = f"{path} is the `release_info` of {' and '.join(owners[:3])}"
        raise EditError(Problem("failed.config", message, "give each environment a file of its own"))
    if data is None:
        advice = "add the ConfigMap, or narrow the `overlays` of `release_info` to those that have it"
        raise EditError(Problem("failed.edit", f"{path} is missing, which `release_info` needs", advice))
    keys = [key for key, _ in setting.keys]
    file = release_info.read(data, path, keys)
    if not file.values:
        message = f"the ConfigMap has none of the keys {', '.join(keys)}"
        raise EditError(Problem("failed.edit", message, 'add those to fill in, as in `version: ""`', path))
    return file


def _is_meant(setting: ReleaseInfo, entry: Managed) -> bool:
    unmanaged = entry.rules.unmanaged
    if entry.choices or entry.rules.ignore or (unmanaged is not None and unmanaged.why == "overridden"):
        return False
    if not any_means(setting.overlays, entry.overlay, entry.file):
        return False
    if setting.image is None or setting.image == entry.name:
        return True
    image = ImageName.of(setting.image)
    return image is not None and image == entry.repository
