"""What a configuration says: `Config` and its parts. An inferred one is the same type."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from gitops_bot.config.propose import Propose
from gitops_bot.images.reason import Unmanaged, unmanaged
from gitops_bot.images.rules import NamedPolicy, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gitops_bot.config.form import MatchBy, RegistryAccess
    from gitops_bot.config.form_target import BlueGreenForm
    from gitops_bot.images.reference import ImageName, Pin
    from gitops_bot.images.rules import OnMove, PinShape
    from gitops_bot.targets import FileRule
    from gitops_bot.targets.pin_file import FileEntry


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
class ReleaseInfo:
    """A ConfigMap beside the pins, in overlays of these globs or in all, and the image that it describes, if told.

    `keys` are all that may be filled in, each with a label of the image; None where that is not known.
    """

    file: str
    image: str | None = None
    keys: tuple[tuple[str, str | None], ...] = ()
    overlays: tuple[str, ...] = ()


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
    blue_green: tuple[BlueGreenForm, ...] = ()
    release_tags: bool = False
    release_info: tuple[ReleaseInfo, ...] = ()
    deployments: bool = False
    artifact_metadata: bool = False

    @property
    def recorded(self) -> bool:
        """Whether anything is recorded of its releases."""
        return self.release_tags or self.deployments

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
                policy, shape = _inferred(image, pin), shape or _shape(pin)
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
            return unmanaged("not_in_source", self.name, self.promotion.source)
        return unmanaged("no_policy", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A declared hold of an entry, by name or repository, or of a whole environment; `until` is in UTC."""

    environment: str
    image: str | None = None
    until: datetime
    why: str
    place: tuple[str, int, int]


#: A key of `images`, the `image` of `release_info` and of a hold, and the globs of a group.
MentionKind = Literal["rule", "release info", "hold", "group images", "group overlays"]


@dataclass(frozen=True, slots=True)
class Mention:
    """One name or glob of an environment, with file, line and column. `until` is when a hold ends."""

    environment: str
    kind: MentionKind
    text: str
    place: tuple[str, int, int]
    until: datetime | None = None


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

    def rules(self, environment: str, entry: FileEntry) -> Rules:
        """The rules for an entry of that environment.

        Raises:
            KeyError: there is no such environment.
        """
        return self.environments[environment].rules(entry.name, entry.image, entry.pin)


def _inferred(image: ImageName | None, pin: Pin) -> NamedPolicy | Unmanaged:
    """Follow the next tag in the format of the pinned one."""
    if image is None:
        return unmanaged("no_repository")
    from gitops_bot.images import inference

    policy = inference.infer(pin)
    return policy if isinstance(policy, Unmanaged) else NamedPolicy(None, policy, "inferred")


def _shape(pin: Pin) -> PinShape:
    """The shape of the present pin, which is kept where nothing else is configured."""
    return "tag" if pin.digest is None else "digest" if pin.tag is None else "tag+digest"
