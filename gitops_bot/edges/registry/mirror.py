"""Mirrors: where images are read that are named after another registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitops_bot.config import RegistryAccess


def place(image: ImageName, access: Mapping[str, RegistryAccess]) -> ImageName:
    """Where an image is read: below its registry's mirror, if it has one, and nowhere else.

    The registry itself is no second place: which of the two answered would decide what is proposed, and whoever sets a
    mirror may well have closed the way to the registry.
    """
    its = access.get(image.registry)
    if its is None or its.mirror is None:
        return image
    host, slash, path = its.mirror.partition("/")
    return ImageName(host.lower(), path + slash + image.path)
