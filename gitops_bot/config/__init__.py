"""What a configuration says, a `Config`: from the text of `gitops-bot.yaml`, or from directories without one.

All problems of the text are reported at once, each at its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gitops_bot.config import checks, form_policy, times, validation
from gitops_bot.config.document import parse
from gitops_bot.config.form import ConfigForm, RegistryAccess
from gitops_bot.config.form_target import ReleaseInfoForm
from gitops_bot.config.propose import Limit, NamedGroup, Propose, Window
from gitops_bot.config.require import Require
from gitops_bot.images.build import LABELS
from gitops_bot.images.kinds import NamedPolicy, Rules
from gitops_bot.images.reason import Unmanaged, unmanaged
from gitops_bot.images.reference import ImageName, fits
from gitops_bot.targets.pin_file import NEWEST_READS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config.commits import Signer
    from gitops_bot.config.document import Document, Path
    from gitops_bot.config.form import EnvironmentForm, HoldForm, MatchBy, RulesForm
    from gitops_bot.config.form_policy import PolicyForm
    from gitops_bot.config.form_target import BlueGreenForm
    from gitops_bot.config.require import CheckForm
    from gitops_bot.images.kinds import OnMove, PinShape, Policy
    from gitops_bot.targets import FileRule
    from gitops_bot.targets.pin_file import FileEntry

#: What other modules find here beside its own.
__all__ = ["Limit", "NamedGroup", "Propose", "RegistryAccess", "Window"]

#: The configuration, at the root of the repository.
FILE = "gitops-bot.yaml"


class ImageRules(NamedTuple):
    """The rules of one image, or of all images of an environment; None for unset ones."""

    policy: NamedPolicy | Literal["auto"] | None = None
    pin: PinShape | None = None
    on_move: OnMove | None = None
    platforms: tuple[str, ...] | None = None
    ignore: bool | None = None


class Promotion(NamedTuple):
    """The environment that pins are promoted from, the place of `promote_from`, and how long they soak there."""

    source: str
    place: tuple[str, int, int]
    soak: timedelta = timedelta(0)


class ReleaseInfo(NamedTuple):
    """A ConfigMap beside the pins, in overlays of these globs or in all, and the image that it describes, if told.

    `keys` are all that may be filled in, each with a label of the image; None where that is not known.
    """

    file: str
    image: str | None = None
    keys: tuple[tuple[str, str | None], ...] = ()
    overlays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment: of its `overlays`, it has none that `exclude` matches.

    `places` are the file, line and column of each of its `overlays`, where a file has them.

    Rules of an image stand by its name, its repository, or a glob with `*` for any text, in the order of the file.
    `match_by` and `release_tag` hold for every promotion to it, `promotion` is the one that needs nobody to ask for it.
    """

    name: str
    overlays: tuple[str, ...]
    places: tuple[tuple[str, int, int], ...] = ()
    exclude: tuple[str, ...] = ()
    propose: Propose = field(default_factory=Propose)
    match_by: MatchBy = "digest"
    release_tag: bool = False
    promotion: Promotion | None = None
    #: The environments in which its pins take effect too.
    reaches: tuple[Environment, ...] = ()
    require: Require = field(default_factory=Require)
    require_after: tuple[CheckForm, ...] = ()
    on_failure: Literal["rollback"] | None = None
    defaults: ImageRules = field(default=ImageRules(), repr=False)
    by_name: Mapping[str, ImageRules] = field(default_factory=dict, repr=False)
    by_repository: Mapping[ImageName, ImageRules] = field(default_factory=dict, repr=False)
    by_glob: Mapping[str, ImageRules] = field(default_factory=dict, repr=False)
    targets: tuple[FileRule, ...] = ()
    blue_green: tuple[BlueGreenForm, ...] = ()
    signer: Signer | None = None
    release_tags: bool = False
    release_info: tuple[ReleaseInfo, ...] = ()
    deployments: bool = False
    artifact_metadata: bool = False
    #: That of the configuration.
    reads: int = 1

    @property
    def names_reached(self) -> tuple[str, ...]:
        """The environments in which its pins take effect, its own first."""
        return (self.name, *(other.name for other in self.reaches))

    @property
    def requires(self) -> tuple[Require, ...]:
        """What must have succeeded before a pin is proposed: what it asks for, and what those that it reaches do."""
        return tuple(its.require for its in (self, *self.reaches) if its.require != Require())

    @property
    def schedules(self) -> tuple[tuple[Window, ...], ...]:
        """The schedules that must all be open, its own first."""
        return tuple(its.propose.schedule for its in (self, *self.reaches))

    def rules(self, entry: FileEntry) -> Rules:
        """The rules for an entry: its image overrides the environment, key by key."""
        image, pin = entry.image, entry.pin
        own = self.by_name.get(entry.name) or (self.by_repository.get(image) if image is not None else None)
        if own is None:
            texts = (entry.name, *([str(image)] if image is not None else []))
            alike = (rules for glob, rules in self.by_glob.items() if any(fits(glob, text) for text in texts))
            own = next(alike, ImageRules())
        wanted, shape = own.policy or self.defaults.policy, own.pin or self.defaults.pin
        policy: NamedPolicy | Unmanaged
        match wanted:
            case None if self.promotion is not None:
                policy = unmanaged("not_in_source", self.name, self.promotion.source)
            case None:
                policy = unmanaged("no_policy", self.name)
            case "auto":
                # The shape of the present pin is kept where nothing else is configured.
                of_pin: PinShape = "tag" if pin.digest is None else "digest" if pin.tag is None else "tag+digest"
                shape = shape or of_pin
                if image is None:
                    policy = unmanaged("no_repository")
                else:
                    from gitops_bot.images import inference

                    inferred = inference.infer(pin)
                    policy = inferred if isinstance(inferred, Unmanaged) else NamedPolicy(None, inferred, "inferred")
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


@dataclass(frozen=True, slots=True)
class Hold:
    """A declared hold of an entry, by name or repository, or of whole environments, but for the `excepted` images.

    It is about these `environments`, about all where it names none, and about those whose pins take effect in one of
    them too (`also`). `begins` and `until` are in UTC.
    """

    environments: tuple[str, ...]
    until: datetime
    why: str
    place: tuple[str, int, int]
    image: str | None = None
    excepted: tuple[str, ...] = ()
    begins: datetime | None = None
    also: tuple[str, ...] = ()


#: A glob of `exclude`, a key of `images`, the `image` of `release_info` and of a hold, and the globs of a group.
MentionKind = Literal["exclude", "rule", "source of checks", "release info", "hold", "group images", "group overlays"]


class Mention(NamedTuple):
    """One name or glob of an environment, with file, line and column; `hold` is the one that has it.

    Of several `environments`, one must have it.
    """

    environments: tuple[str, ...]
    kind: MentionKind
    text: str
    place: tuple[str, int, int]
    hold: Hold | None = None


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
    report_issue: bool = False
    #: Which places of a file are entries: those that each version of the bot knew (1), or also later ones (2).
    reads: int = 1

    def waves_before(self, name: str) -> list[str]:
        """The environments that the pins of one come through: its source first, then that one's source, and so on."""
        names: list[str] = []
        while (promotion := self.environments[name].promotion) is not None:
            names.append(name := promotion.source)
        return names

    def shared_with(self, *names: str) -> list[str]:
        """The other environments whose pins take effect in any of these."""
        return [name for name in _sharing(names, self.environments.values()) if name not in names]

    def writes_status(self, name: str) -> bool:
        """Whether proposals of an environment get the commit status: all do where one environment wants it on all."""
        all_do = any(environment.propose.status == "all" for environment in self.environments.values())
        return all_do or bool(self.environments[name].propose.status)

    def is_gated(self, name: str) -> bool:
        """Whether checks may hold what an environment gets."""
        waves = (self.environments[wave] for wave in self.waves_before(name))
        return bool(self.environments[name].requires) or any(wave.require_after for wave in waves)

    @classmethod
    def inferred(cls, directories: Mapping[str, Sequence[str]]) -> Config:
        """The configuration of a repository without one, from the overlays of each environment."""
        auto = ImageRules(policy="auto")
        environments = {
            name: Environment(name, tuple(globs), defaults=auto, reads=NEWEST_READS)
            for name, globs in directories.items()
        }
        return cls(None, environments, reads=NEWEST_READS)


def _sharing(names: Collection[str], environments: Iterable[Environment]) -> tuple[str, ...]:
    """The environments whose pins take effect in any of these."""
    return tuple(its.name for its in environments if any(other.name in names for other in its.reaches))


def read(text: str, file: str) -> Config:
    """Read a configuration; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the file.
    """
    document = parse(text, file)
    validation.check_kind(document, ConfigForm)
    form: ConfigForm = _validate(document, ConfigForm)
    # One value for all references to it.
    policies = {name: _policy(document, ("policies", name), each, name) for name, each in form.policies.items()}
    environments = {
        name: _environment(document, name, each, policies, form) for name, each in form.environments.items()
    }
    for name, each in form.environments.items():
        if each.reaches:
            environments[name] = _joined(environments[name], [environments[other] for other in each.reaches])
    holds = tuple(_hold(document, ("holds", at), hold, environments) for at, hold in enumerate(form.holds))
    return Config(
        file=file,
        repository=form.repository,
        branch=form.branch,
        environments=MappingProxyType(environments),
        holds=holds,
        registries=MappingProxyType({checks.host(name) or name: access for name, access in form.registries.items()}),
        mentions=(*_mentions(document, form, environments), *_held(document, holds, environments)),
        report_issue=bool(form.report_issue),
        reads=form.reads,
    )


def read_policy(text: str, file: str) -> Policy | Literal["auto"]:
    """Read a single policy; `file` is its name in problems.

    Raises:
        ConfigError: with every problem at once, in the order of the text.
    """
    path = ("policies", "policy")
    document = parse(text, file).below(path)
    if document.at(path) == "auto":
        return "auto"
    form: PolicyForm = _validate(document, form_policy.Policy, path)
    return form.policy


def _validate(document: Document, hint: Any, path: Path = ()) -> Any:
    """The value at a path of a document, of this type; or a ConfigError with every problem of the document."""
    form = validation.read(document, hint, path)
    checks.check(document)
    if form is None or document.problems:
        raise document.error()
    return form


def _environment(
    document: Document, name: str, form: EnvironmentForm, policies: Mapping[str, NamedPolicy], whole: ConfigForm
) -> Environment:
    path = ("environments", name)
    images = {
        image: _rules(document, (*path, "images", image), rules, policies) for image, rules in form.images.items()
    }
    source, place = form.promote_from, document.where((*path, "promote_from"))
    written = form.release_info or ()
    several = written if isinstance(written, tuple) else (written,)
    infos = [ReleaseInfoForm(file=info) if isinstance(info, str) else info for info in several]
    commits = form.commits or whole.commits
    return Environment(
        name=name,
        overlays=form.overlays,
        places=tuple(document.where((*path, "overlays", at)) for at in range(len(form.overlays))),
        exclude=form.exclude,
        propose=form.propose,
        match_by=form.match,
        targets=tuple(
            rule.at(whole.reads)
            for rules in ((target.rule for target in form.targets), *(slots.rules for slots in form.blue_green))
            for rule in rules
        ),
        blue_green=form.blue_green,
        release_info=tuple(
            ReleaseInfo(info.file, info.image, tuple({**LABELS, **info.keys}.items()), info.overlays) for info in infos
        ),
        release_tag=form.tag == "release",
        signer=None if commits == "git" else commits,
        release_tags=bool(whole.release_tags if form.release_tags is None else form.release_tags),
        deployments=(form.records or whole.records or "none") != "none",
        artifact_metadata=bool(whole.artifact_metadata if form.artifact_metadata is None else form.artifact_metadata),
        reads=whole.reads,
        promotion=None if source is None else Promotion(source, place, form.soak or timedelta(0)),
        require=form.require or Require(),
        require_after=form.require_after,
        on_failure=form.on_failure,
        defaults=_rules(document, path, form, policies),
        by_name=MappingProxyType({image: rules for image, rules in images.items() if "*" not in image}),
        by_glob=MappingProxyType({image: rules for image, rules in images.items() if "*" in image}),
        by_repository=MappingProxyType(
            {parsed: rules for image, rules in images.items() if (parsed := ImageName.of(image))}
        ),
    )


def _joined(environment: Environment, reached: Sequence[Environment]) -> Environment:
    """The environment with those that it reaches; what fails a check after a release in one of them failed in it."""
    after = (check for its in (environment, *reached) for check in its.require_after)
    return replace(environment, reaches=tuple(reached), require_after=tuple(dict.fromkeys(after)))


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


def _hold(document: Document, path: Path, form: HoldForm, environments: Mapping[str, Environment]) -> Hold:
    zone = times.zone(form.timezone or "UTC")
    names = form.environments if form.environment is None else (form.environment,)
    begins = times.moment(form.from_, zone) if form.from_ is not None else None
    names = () if form.environments == (checks.ALL,) else names
    until, place = times.moment(form.until, zone), document.where(path)
    also = _sharing(names, environments.values())
    return Hold(names, until, form.why, place, form.image, form.except_, begins, also)


def _mentions(document: Document, form: ConfigForm, environments: Mapping[str, Environment]) -> Iterator[Mention]:
    """The names of entries and overlays in a configuration, in the order of the file."""
    for name, environment in form.environments.items():
        found: list[tuple[MentionKind, str, Path]] = []
        found += (("exclude", glob, ("exclude", at)) for at, glob in enumerate(environment.exclude))
        found += (("rule", image, ("images", image)) for image in environment.images)
        if environment.require is not None and environment.require.source_checks is not None:
            path = "require", "source_checks", "images"
            found += (("source of checks", key, (*path, key)) for key in environment.require.source_checks.images)
        several = isinstance(document.at(("environments", name, "release_info")), list)
        for at, info in enumerate(environments[name].release_info):
            if info.image is not None:
                found.append(("release info", info.image, ("release_info", *([at] if several else []), "image")))
        groups = environment.propose.group
        for at, group in enumerate(groups if not isinstance(groups, str) else ()):
            of_group = "propose", "group", at
            found += (("group images", glob, (*of_group, "images", i)) for i, glob in enumerate(group.images))
            found += (("group overlays", glob, (*of_group, "overlays", i)) for i, glob in enumerate(group.overlays))
        sharing = _sharing((name,), environments.values())
        for kind, text, below in found:
            names = (name, *sharing) if kind == "source of checks" else (name,)
            yield Mention(names, kind, text, document.where(("environments", name, *below), at_key=True))


def _held(document: Document, holds: Sequence[Hold], environments: Mapping[str, Environment]) -> Iterator[Mention]:
    """The names of entries in holds; each environment that one names must have the image that it holds there."""
    every = tuple(environments)
    for at, hold in enumerate(holds):
        if hold.image is not None:
            place = document.where(("holds", at, "image"), at_key=True)
            whose = [(name, *_sharing((name,), environments.values())) for name in hold.environments]
            each = [Mention(names, "hold", hold.image, place, hold) for names in whose]
            yield from each or [Mention(every, "hold", hold.image, place, hold)]
        for number, text in enumerate(hold.excepted):
            place = document.where(("holds", at, "except", number))
            yield Mention((*hold.environments, *hold.also) or every, "hold", text, place, hold)
