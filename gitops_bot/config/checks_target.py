"""Checks for contradictions between the settings of files with pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gitops_bot.config.document import Scalar

if TYPE_CHECKING:
    from gitops_bot.config.document import Document, Path

#: The settings that only some kinds of files have.
_OF_KINDS: Final = {"kinds": ("manifests",), "images": ("helm", "env"), "patterns": ("pattern",)}


def check(document: Document, path: Path) -> None:
    """Add a problem for settings of another kind of file, and for images of which nothing says where they stand."""
    kind, images = document.at((*path, "kind")), document.at((*path, "images"))
    for key, own in _OF_KINDS.items():
        if isinstance(kind, Scalar) and kind not in own and document.at((*path, key)) is not None:
            kinds = " or ".join(f"`kind: {own_kind}`" for own_kind in own)
            document.report((*path, key), f"`{key}` is for {kinds}", f"remove it, or set {kinds}", at_key=True)
    if isinstance(kind, Scalar) and kind == "pattern" and not document.at((*path, "patterns")):
        advice = "add `patterns: {web: {repository: ghcr.io/acme/web, pattern: 'web:(?P<tag>[0-9.]+)'}}`"
        document.report((*path, "kind"), "`kind: pattern` needs `patterns`", advice)
    for name, image in images.items() if isinstance(images, dict) else ():
        written = image.keys() if isinstance(image, dict) else set()
        if "image" in written and len(written) > 1:
            message = "`image` is a text with all of the image, so nothing else can be given"
            document.report((*path, "images", name), message, "remove `image`, or the other paths", at_key=True)
        elif "image" not in written and ("repository" not in written or not written & {"tag", "digest"}):
            advice = "write `image`, or `repository` with `tag`, `digest` or both"
            document.report((*path, "images", name), "nothing says where this image stands", advice, at_key=True)
