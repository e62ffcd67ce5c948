"""Turns the text of `gitops-bot.yaml`, or directories without one, into a `Config`.

All problems of the text are reported at once, each at its place.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from gitops_bot.config import checks, messages
from gitops_bot.config.document import parse
from gitops_bot.config.form import RegistryAccess
from gitops_bot.config.json_schema import FILE, policy_reader, reader, schema, schema_text
from gitops_bot.config.propose import Limit, NamedGroup, Propose, Window
from gitops_bot.config.values import Config, Environment, Hold, ImageRules, Mention, Promotion, ReleaseInfo
from gitops_bot.images.build import LABELS
from gitops_bot.images.reference import ImageName
from gitops_bot.images.rules import NamedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pydantic import TypeAdapter

    from gitops_bot.config.document import Document, Path
    from gitops_bot.config.form import ConfigForm, EnvironmentForm, RulesForm
    from gitops_bot.config.form_policy import PolicyForm
    from gitops_bot.config.values import MentionKind
    from gitops_bot.images.kinds import Policy

__all__ = [
    "FILE",
    "Config",
    "Environment",
    "Hold",
    "Limit",
    "Mention",
    "NamedGroup",
    "Promotion",
    "Propose",
    "RegistryAccess",
    "Window",
    "read",
    "read_policy",
    "schema",
    "schema_text",
]

_Form = TypeVar("_Form")


def read(text: str, file: str) -> Config:
    """Read a configuration; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the file.
    """
    document = parse(text, file)
    form = _checked(document, reader())
    policies = {
        # One value for all references to it.
        name: _policy(document, ("policies", name), written, name)
        for name, written in form.policies.items()
    }
    environments = {
        name: _environment(document, name, environment, policies, form)
        for name, environment in form.environments.items()
    }
    return Config(
        file=file,
        repository=form.repository,
        branch=form.branch,
        environments=MappingProxyType(environments),
        holds=tuple(
            Hold(
                environment=hold.environment,
                image=hold.image,
                until=hold.until,
                why=hold.why,
                place=document.where(("holds", at)),
            )
            for at, hold in enumerate(form.holds)
        ),
        registries=MappingProxyType({checks.host(name) or name: access for name, access in form.registries.items()}),
        mentions=tuple(_mentions(document, form)),
    )


def read_policy(text: str, file: str) -> Policy | Literal["auto"]:
    """Read a single policy; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the text.
    """
    path = ("policies", "policy")
    document = parse(text, file).below(path)
    return "auto" if document.at(path) == "auto" else _checked(document, policy_reader(), path).policy


def _checked(document: Document, form_reader: TypeAdapter[_Form], path: Path = ()) -> _Form:
    """Validate the value at a path of a document.

    Raises:
        ConfigError: with every problem of the document.
    """
    form: _Form | None = None
    try:
        form = form_reader.validate_python(document.at(path))
    except ValidationError as error:
        messages.report(document, error, path)
    checks.check(document)
    if form is None or document.problems:
        raise document.error()
    return form


def _environment(
    document: Document,
    name: str,
    form: EnvironmentForm,
    policies: Mapping[str, NamedPolicy],
    whole: ConfigForm,
) -> Environment:
    path = ("environments", name)
    images = {
        image: _rules(document, (*path, "images", image), rules, policies) for image, rules in form.images.items()
    }
    promotion: Promotion | None = None
    if form.promote_from is not None:
        place = document.where((*path, "promote_from"))
        promotion = Promotion(form.promote_from, place, form.soak or timedelta(0))
    return Environment(
        name=name,
        overlays=form.overlays,
        places=tuple(document.where((*path, "overlays", at)) for at in range(len(form.overlays))),
        propose=form.propose,
        match_by=form.match,
        targets=(
            *(target.rule for target in form.targets),
            *(rule for slots in form.blue_green for rule in slots.rules),
        ),
        blue_green=form.blue_green,
        release_info=tuple(
            ReleaseInfo(info.file, info.image, tuple({**LABELS, **info.keys}.items()), info.overlays)
            for info in form.infos
        ),
        release_tag=form.tag == "release",
        release_tags=bool(whole.release_tags if form.release_tags is None else form.release_tags),
        deployments=(form.records or whole.records or "none") != "none",
        artifact_metadata=bool(whole.artifact_metadata if form.artifact_metadata is None else form.artifact_metadata),
        promotion=promotion,
        defaults=_rules(document, path, form, policies),
        by_name=MappingProxyType(images),
        by_repository=MappingProxyType(
            {parsed: rules for image, rules in images.items() if (parsed := ImageName.of(image))}
        ),
    )


def _rules(document: Document, path: Path, form: RulesForm, policies: Mapping[str, NamedPolicy]) -> ImageRules:
    policy: NamedPolicy | Literal["auto"] | None
    match form.policy:
        case None | "auto" as word:
            policy = word
        case str() as name:
            policy = policies[name]
        case written:
            policy = _policy(document, (*path, "policy"), written)
    return ImageRules(policy, form.pin, form.on_move, form.platforms, form.ignore)


def _policy(document: Document, path: Path, written: PolicyForm, name: str | None = None) -> NamedPolicy:
    file, line, _ = document.where(path)
    return NamedPolicy(name, written.policy, "config", f"{file}:{line}")


def _mentions(document: Document, form: ConfigForm) -> Iterator[Mention]:
    """The names of entries and overlays in a configuration, in the order of the file."""

    def mention(environment: str, kind: MentionKind, text: str, path: Path, until: datetime | None = None) -> Mention:
        return Mention(environment, kind, text, document.where(path, at_key=True), until)

    for name, environment in form.environments.items():
        path: Path = ("environments", name)
        for image in environment.images:
            yield mention(name, "rule", image, (*path, "images", image))
        for image, where in _described(environment):
            yield mention(name, "release info", image, (*path, "release_info", *where, "image"))
        groups = environment.propose.group
        for at, group in enumerate(groups if not isinstance(groups, str) else ()):
            group_path = (*path, "propose", "group", at)
            for number, glob in enumerate(group.images):
                yield mention(name, "group images", glob, (*group_path, "images", number))
            for number, glob in enumerate(group.overlays):
                yield mention(name, "group overlays", glob, (*group_path, "overlays", number))
    for at, hold in enumerate(form.holds):
        if hold.image is not None:
            yield mention(hold.environment, "hold", hold.image, ("holds", at, "image"), hold.until)


def _described(environment: EnvironmentForm) -> Iterator[tuple[str, Path]]:
    """The images that release info names, each with the place of its item where there is a list of them."""
    for at, info in enumerate(environment.infos):
        if info.image is not None:
            yield info.image, (at,) if isinstance(environment.release_info, tuple) else ()
