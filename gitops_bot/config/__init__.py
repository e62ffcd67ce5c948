"""The text of `gitops-bot.yaml`, or the directories found without one -> `Config`, the one type that everyone reads.

Everything that is wrong with the text is reported at once, each problem at its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import ValidationError

from gitops_bot.config import checks, messages, parser
from gitops_bot.config.form import HoldForm
from gitops_bot.config.form_registry import RegistryAccess
from gitops_bot.config.json_schema import FILE, policy_reader, reader, schema, schema_text
from gitops_bot.config.mentions import Mention, mentions
from gitops_bot.config.propose import Limit, NamedGroup, Propose, Window
from gitops_bot.images import inference
from gitops_bot.images.reference import ImageName
from gitops_bot.images.rules import NamedPolicy, Rules
from gitops_bot.images.unmanaged import Unmanaged, not_in_source, without_policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import TypeAdapter

    from gitops_bot.config.document import Document, Path
    from gitops_bot.config.form import EnvironmentForm, MatchBy, RulesForm
    from gitops_bot.images.policy import Policy
    from gitops_bot.images.reference import Pin
    from gitops_bot.images.rules import OnMove, Pinned, PinShape
    from gitops_bot.targets import FileRule

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


@dataclass(frozen=True, slots=True)
class ImageRules:
    """The rules of one image, or of all images of an environment; None for unset ones."""

    policy: NamedPolicy | Literal["auto"] | None = None
    pin: PinShape | None = None
    on_move: OnMove | None = None
    platforms: tuple[str, ...] | None = None
    ignore: bool | None = None


@dataclass(frozen=True, slots=True)
class Promotion:
    """The environment that pins are promoted from, the place of `promote_from`, and how long they soak there."""

    source: str
    place: tuple[str, int, int]
    soak: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment. `places` are the file, line and column of each of its `overlays`, where a file has them.

    `match_by` and `release_tag` hold for every promotion to it, `promotion` is the one that needs nobody to ask for it.
    """

    name: str
    overlays: tuple[str, ...]
    places: tuple[tuple[str, int, int], ...] = ()
    propose: Propose = field(default_factory=Propose)
    match_by: MatchBy = "digest"
    release_tag: bool = False
    promotion: Promotion | None = None
    defaults: ImageRules = field(default=ImageRules(), repr=False)
    by_name: Mapping[str, ImageRules] = field(default_factory=dict, repr=False)
    by_repository: Mapping[ImageName, ImageRules] = field(default_factory=dict, repr=False)
    targets: tuple[FileRule, ...] = ()

    def rules(self, name: str, image: ImageName | None, pin: Pin) -> Rules:
        """The rules for an entry: its image overrides the environment, key by key."""
        own = self.by_name.get(name) or (self.by_repository.get(image) if image is not None else None)
        own = own or ImageRules()
        wanted, shape = own.policy or self.defaults.policy, own.pin or self.defaults.pin
        policy: NamedPolicy | Unmanaged
        match wanted:
            case None:
                policy = self._unmanaged()
            case "auto":
                policy, shape = _inferred(pin), shape or _shape(pin)
            case _:
                policy = wanted
        return Rules(
            policy=policy if isinstance(policy, NamedPolicy) else None,
            pin=shape or "tag+digest",
            on_move=own.on_move or self.defaults.on_move,
            platforms=own.platforms or self.defaults.platforms or (),
            ignore=bool(self.defaults.ignore if own.ignore is None else own.ignore),
            own_policy=own.policy is not None,
            unmanaged=policy if isinstance(policy, Unmanaged) else None,
        )

    def _unmanaged(self) -> Unmanaged:
        if self.promotion is not None:
            return not_in_source(self.name, self.promotion.source)
        return without_policy(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(HoldForm):
    """A declared hold, and its place; `until` is in UTC."""

    place: tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Config:
    """The contents of `gitops-bot.yaml`, in the order of the file; registries by normalised host.

    `file` is None where there is no such file and the environments were inferred.
    """

    file: str | None
    environments: Mapping[str, Environment]
    repository: str | None = None
    branch: str | None = None
    holds: tuple[Hold, ...] = ()
    registries: Mapping[str, RegistryAccess] = field(default_factory=dict)
    mentions: tuple[Mention, ...] = ()

    @classmethod
    def inferred(cls, directories: Mapping[str, Sequence[str]]) -> Config:
        """The configuration of a repository without one, from the overlays of each environment."""
        auto = ImageRules(policy="auto")
        return cls(None, {name: Environment(name, tuple(globs), defaults=auto) for name, globs in directories.items()})

    def rules(self, environment: str, entry: Pinned) -> Rules:
        """The rules for an entry of that environment.

        Raises:
            KeyError: there is no such environment.
        """
        return self.environments[environment].rules(entry.name, entry.image, entry.pin)


def _inferred(pin: Pin) -> NamedPolicy | Unmanaged:
    """Follow the next tag in the format of the pinned one."""
    policy = inference.infer(pin)
    return policy if isinstance(policy, Unmanaged) else NamedPolicy(None, policy, "inferred")


def _shape(pin: Pin) -> PinShape:
    """The shape of the present pin, which is kept where nothing else is configured."""
    return "tag" if pin.digest is None else "digest" if pin.tag is None else "tag+digest"


def read(text: str, file: str) -> Config:
    """Read a configuration; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the file.
    """
    document = parser.read(text, file)
    form = _checked(document, reader())
    policies = {
        # One value for all who refer to it.
        name: NamedPolicy(name, written.policy, "config", _line(document, ("policies", name)))
        for name, written in form.policies.items()
    }
    return Config(
        file=file,
        repository=form.repository,
        branch=form.branch,
        environments=MappingProxyType(
            {
                name: _environment(document, name, environment, policies)
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
    """What stands at a path of a document.

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
        release_tag=form.tag == "release",
        promotion=_promotion(document, name, form),
        defaults=_rules(document, path, form, policies),
        by_name=MappingProxyType(images),
        by_repository=MappingProxyType(
            {parsed: rules for image, rules in images.items() if (parsed := _parsed(image))}
        ),
    )


def _promotion(document: Document, name: str, form: EnvironmentForm) -> Promotion | None:
    if form.promote_from is None:
        return None
    place = _place(document, ("environments", name, "promote_from"))
    return Promotion(form.promote_from, place, form.soak or timedelta(0))


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


def _parsed(image: str) -> ImageName | None:
    try:
        return ImageName.parse(image)
    except ValueError:
        return None


def _hold(form: HoldForm, place: tuple[str, int, int]) -> Hold:
    return Hold(environment=form.environment, image=form.image, until=form.until, why=form.why, place=place)
