"""Checks for contradictions between the parts of a configuration.

These look at the text, not at the models: where one part is wrong, the others are still told of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitops_bot.config import check_promotion, check_propose
from gitops_bot.config.form_policy import KINDS
from gitops_bot.config.leaves import quoted
from gitops_bot.config.messages import meant
from gitops_bot.config.places import Scalar
from gitops_bot.images.reference import ImageName

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitops_bot.config.places import Document, Path, Tree


def check(document: Document) -> None:
    """Add a problem for each contradiction."""
    environments = _below(document, ("environments",))
    _apart(document, ("environments",), check_propose.slug, "its branches would have the same names as those of")
    _apart(document, ("registries",), host, "it is the same registry as")
    if "auto" in _below(document, ("policies",)):
        message = "`auto` is the policy that follows the format of the present tag"
        document.tell(document.key(("policies", "auto")), message, "choose another name")
    for name in environments:
        path = ("environments", name)
        _apart(document, (*path, "images"), _repository, "it is the same image as")
        _policy(document, path, path)
        for image in _below(document, (*path, "images")):
            _policy(document, path, (*path, "images", image))
        check_propose.check(document, (*path, "propose"))
    for name in _below(document, ("policies",)):
        _one_choice(document, ("policies", name))
    check_promotion.check(document, environments)
    for name in _below(document, ("registries",)):
        _login(document, ("registries", name))
    holds = document.at(("holds",))
    for at in range(len(holds) if isinstance(holds, list) else 0):
        _environment(document, ("holds", at, "environment"))


def host(key: str) -> str | None:
    """A registry, normalised like the names of images; None if it is not a host."""
    try:
        name = ImageName.parse(f"{key}/any/any")
    except ValueError:
        return None
    return name.registry if name.path == "any/any" else None


def _below(document: Document, path: Path) -> dict[str, Tree]:
    here = document.at(path)
    return here if isinstance(here, dict) else {}


def _repository(key: str) -> str | None:
    try:
        return str(ImageName.parse(key))
    except ValueError:
        return None


def _apart(document: Document, path: Path, meaning: Callable[[str], str | None], why: str) -> None:
    """Keys that are written differently but mean the same."""
    seen: dict[str, str] = {}
    for key in _below(document, path):
        meant = meaning(key)
        if meant is None:
            continue
        first = seen.setdefault(meant, key)
        if first != key:
            line = document.key((*path, first)).line
            message = f"{quoted(key)}: {why} {quoted(first)} in line {line}"
            document.tell(document.key((*path, key)), message, "rename or remove one of the two")


def _policy(document: Document, environment: Path, path: Path) -> None:
    """Policies that do not exist, or that can never write anything."""
    own = (*path, "policy")
    written = document.at(own)
    _one_choice(document, own)
    if isinstance(written, Scalar) and written.kind in ("text", "number") and written:
        _known(document, own, written)
    policy = written if written is not None else document.at((*environment, "policy"))
    if isinstance(policy, Scalar):
        policy = document.at(("policies", policy))
    pin = document.at((*path, "pin"))
    if pin is None:
        pin = document.at((*environment, "pin"))
    follows = isinstance(policy, dict) and next((word for word in KINDS if word in policy), None) == "digest"
    if follows and pin == "tag" and (written is not None or document.at((*path, "pin")) is not None):
        key = own if written is not None else (*path, "pin")
        message = "a policy that follows the digest of a tag has nothing to write with `pin: tag`"
        document.tell(document.value(key), message, "choose another `pin`, or another policy")


def _one_choice(document: Document, path: Path) -> None:
    """Policies that say twice which tags count."""
    policy = _below(document, path)
    if "semver" in policy and "pattern" in policy and "prefer" in policy:
        message = "`pattern` and `prefer` both say which tags count"
        document.tell(document.key((*path, "prefer")), message, "remove one; a pattern can have the suffix in it")


def _known(document: Document, path: Path, name: Scalar) -> None:
    if name == "auto":
        return
    policies = _below(document, ("policies",))
    write = f"write it under `policies`, as in `policies: {{{name[:60]}: {{semver: ^1.2}}}}`"
    if name not in policies:
        advice = meant(document, name, "policies", policies) or write
        document.tell(document.value(path), f"there is no policy {quoted(name)}", advice)


def _environment(document: Document, path: Path) -> None:
    """Holds of environments that do not exist."""
    name, known = document.at(path), _below(document, ("environments",))
    if isinstance(name, Scalar) and name.kind in ("text", "number") and name not in known:
        advice = meant(document, name, "environments", known) or "write it under `environments`"
        document.tell(document.value(path), f"there is no environment {quoted(name)}", advice)


def _login(document: Document, path: Path) -> None:
    if document.at((*path, "username")) is not None and document.at((*path, "password_env")) is None:
        advice = "set the variable that holds its password, as in `password_env: GHCR_TOKEN`"
        document.tell(document.key((*path, "username")), "`username` alone is not enough to log in", advice)
