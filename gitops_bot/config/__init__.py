"""Turns the text of `gitops-bot.yaml`, or directories without one, into a `Config`.

All problems of the text are reported at once, each at its place.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from gitops_bot.config import checks, messages, parser
from gitops_bot.config.form_registry import RegistryAccess
from gitops_bot.config.json_schema import FILE, policy_reader, reader, schema, schema_text
from gitops_bot.config.mentions import Mention, mentions
from gitops_bot.config.propose import Limit, NamedGroup, Propose, Window
from gitops_bot.config.values import Config, Environment, Hold, ImageRules, Promotion, ReleaseInfo
from gitops_bot.images.build import LABELS
from gitops_bot.images.reference import ImageName
from gitops_bot.images.rules import NamedPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import TypeAdapter

    from gitops_bot.config.document import Document, Path
    from gitops_bot.config.form import ConfigForm, EnvironmentForm, RulesForm
    from gitops_bot.config.form_hold import HoldForm
    from gitops_bot.config.form_info import ReleaseInfoForm
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
    document = parser.read(text, file)
    form = _checked(document, reader())
    policies = {
        # One value for all references to it.
        name: NamedPolicy(name, written.policy, "config", _line(document, ("policies", name)))
        for name, written in form.policies.items()
    }
    return Config(
        file=file,
        repository=form.repository,
        branch=form.branch,
        environments=MappingProxyType(
            {
                name: _environment(document, name, environment, policies, form)
                for name, environment in form.environments.items()
            }
        ),
        holds=tuple(_hold(hold, _place(document, ("holds", at))) for at, hold in enumerate(form.holds)),
        registries=MappingProxyType({checks.host(name) or name: access for name, access in form.registries.items()}),
        mentions=tuple(mentions(document, form)),
    )


def read_policy(text: str, file: str) -> Policy | Literal["auto"]:
    """Read a single policy; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the text.
    """
    path = ("policies", "policy")
    document = parser.read(text, file).below(path)
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
    return Environment(
        name=name,
        overlays=form.overlays,
        places=tuple(_place(document, ("environments", name, "overlays", at)) for at in range(len(form.overlays))),
        propose=form.propose,
        match_by=form.match,
        targets=(*(target.rule for target in form.targets), *(rule for slots in form.slots for rule in slots.rules)),
        blue_green=form.slots,
        release_info=tuple(map(_release_info, form.infos)),
        release_tag=form.tag == "release",
        release_tags=bool(whole.release_tags if form.release_tags is None else form.release_tags),
        deployments=(form.records or whole.records or "none") != "none",
        artifact_metadata=bool(whole.artifact_metadata if form.artifact_metadata is None else form.artifact_metadata),
        promotion=_promotion(document, name, form),
        defaults=_rules(document, path, form, policies),
        by_name=MappingProxyType(images),
        by_repository=MappingProxyType(
            {parsed: rules for image, rules in images.items() if (parsed := ImageName.of(image))}
        ),
    )


def _promotion(document: Document, name: str, form: EnvironmentForm) -> Promotion | None:
    if form.promote_from is None:
        return None
    place = _place(document, ("environments", name, "promote_from"))
    return Promotion(form.promote_from, place, form.soak or timedelta(0))


def _release_info(written: ReleaseInfoForm) -> ReleaseInfo:
    keys = {**LABELS, **written.keys}
    return ReleaseInfo(written.file, written.image, tuple(keys.items()), written.overlays)


def _place(document: Document, path: Path) -> tuple[str, int, int]:
    place = document.value(path)
    return (document.file, place.line, place.column)


def _line(document: Document, path: Path) -> str:
    return f"{document.file}:{document.value(path).line}"


def _rules(document: Document, path: Path, form: RulesForm, policies: Mapping[str, NamedPolicy]) -> ImageRules:
    policy: NamedPolicy | Literal["auto"] | None
    match form.policy:
        case None | "auto" as word:
            policy = word
        case str() as name:
            policy = policies[name]
        case written:
            policy = NamedPolicy(None, written.policy, "config", _line(document, (*path, "policy")))
    return ImageRules(policy, form.pin, form.on_move, form.platforms, form.ignore)


def _hold(form: HoldForm, place: tuple[str, int, int]) -> Hold:
    return Hold(environment=form.environment, image=form.image, until=form.until, why=form.why, place=place)
