"""The settings of the files of an environment: further files with pins, blue-green deployments, and release info."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, assert_never

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import Either, Listed, about
from gitops_bot.images import expression
from gitops_bot.images.reference import ImageName
from gitops_bot.targets import FileRule, Target, target_of
from gitops_bot.targets.compose import ComposeTarget
from gitops_bot.targets.env import EnvImage, EnvTarget
from gitops_bot.targets.helm import HelmTarget, ImagePaths, path
from gitops_bot.targets.manifests import ManifestsTarget

if TYPE_CHECKING:
    from gitops_bot.config.leaves import About

TargetKind = Literal["compose", "env", "helm", "manifests", "pattern"]

FILE = r"^(?!\.\.?$)[^/\\\x00-\x1f\x7f\[\]{}]{1,200}$"
VALUE = r"^(?:\.?[A-Za-z0-9_-]{1,200}(?:\.[A-Za-z0-9_-]{1,200}){0,49}|(?:/[^/\x00-\x1f\x7f]{1,200}){1,50})$"
NAME_OR_VALUE = r"^[^\x00-\x1f\x7f ]{1,500}$"
PATH = r"^(?:\.[A-Za-z0-9_-]{1,200}(?:\[\])?){1,50}$"
#: Without wildcards.
ONE_FILE = FILE.replace("[^/", "[^/*?")
_FILE = leaf.text("must be the name of a file, without a directory and wildcards", ONE_FILE)
_VALUE = leaf.text(
    "must be a path in the values, such as .web.image.tag or /web/image/tag, or a key such as WEB_TAG", VALUE
)
_Overlays: TypeAlias = Annotated[tuple[Annotated[str, leaf.OVERLAY], ...], Listed(most=100)]


def _only_in(others: str, example: str) -> About:
    """What `overlays` of a setting are for; `others` are those that it is for without them."""
    return about(f"Only in the overlays that one of these globs matches. Without it, in {others}.", [example])


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageForm:
    """Where an image is: paths in Helm values, or keys in a file of `KEY=value` lines."""

    image: Annotated[
        str | None,
        _VALUE,
        about(
            "The path to a text with all of it: `repository:tag@digest`. Without it, its parts stand by themselves.",
            ".web.image",
        ),
    ] = None
    registry: Annotated[
        str | None,
        _VALUE,
        about("The path to the registry. Without it, the repository names it.", ".web.image.registry"),
    ] = None
    repository: Annotated[
        str | None,
        leaf.text("must be a path such as .web.image.repository, or the name of a repository", NAME_OR_VALUE),
        about(
            "The path to the repository, with `.` or `/` in front; or itself. Without it, `image` has it.",
            "ghcr.io/acme/web",
        ),
    ] = None
    tag: Annotated[
        str | None, _VALUE, about("The path to the tag. Without it, only a digest is pinned.", ".web.image.tag")
    ] = None
    digest: Annotated[
        str | None,
        _VALUE,
        about(
            "The path to the digest. Where the key is missing, it is added behind the tag; the chart has to use it. "
            "Without it, only the tag is written.",
            ".web.image.digest",
        ),
    ] = None

    @property
    def paths(self) -> ImagePaths:
        """The same for the target."""
        is_path = (self.repository or "").startswith((".", "/"))
        texts = (self.image, self.registry, self.repository if is_path else None, self.tag, self.digest)
        image, registry, repository, tag, digest = (path(text) if text is not None else None for text in texts)
        return ImagePaths(image, registry, repository, tag, digest, None if is_path else self.repository)

    def keys(self, name: str) -> EnvImage:
        """The same for a file of `KEY=value` lines."""
        return EnvImage(name, self.image or "", self.repository or "", self.tag or "", self.digest or "")


def _check_pattern(text: str) -> None:
    from gitops_bot.targets.patterns import GROUPS

    expression.check(text)
    if not expression.names(text) or expression.names(text) - set(GROUPS):
        raise ValueError(f"the pattern {text!r} must name the groups (?P<tag>...) or (?P<digest>...), and no others")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePatternForm:
    """Where an image is pinned in any text."""

    repository: Annotated[
        str,
        leaf.text("must be the name of an image without a tag, such as ghcr.io/acme/web", check=ImageName.parse),
        about("The image, without a tag.", "ghcr.io/acme/web"),
    ]
    pattern: Annotated[
        str,
        leaf.text("must be a regular expression", check=_check_pattern),
        about(
            "A regular expression (RE2) that matches exactly once in each file. Its groups `tag` and `digest`, one or "
            "both, are what an update replaces.",
            "web:(?P<tag>[0-9.]+)",
        ),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetForm:
    """Files that hold pins, and how they are read."""

    kind: Annotated[
        TargetKind,
        about(
            "What the files are: `compose` files, `env` files of `KEY=value` lines, values of `helm`, `manifests` of "
            "Kubernetes, or any text in which a `pattern` finds the pins.",
            "manifests",
        ),
    ]
    files: Annotated[
        tuple[Annotated[str, leaf.text("must be the name of a file, with `*` and `?`", FILE)], ...],
        Listed(least=1, most=20),
        about("The names of the files; `*` and `?` are wildcards.", ["deployment-*.yaml"]),
    ]
    overlays: Annotated[_Overlays, _only_in("every overlay of the environment", "apps/*/overlays/production")] = ()
    kinds: Annotated[
        dict[
            Annotated[str, leaf.key("must be the kind of a resource", leaf.NAME)],
            Annotated[
                tuple[Annotated[str, leaf.text("must be a path such as .spec.containers[].image", PATH)], ...],
                Listed(least=1, most=20),
            ],
        ],
        about(
            "For `manifests`: the paths to the images in custom resources, by their kind; `[]` is every item of a "
            "list. Pods, all workloads, Argo Rollouts and Workflows and Knative services are known.",
            {"Kafka": [".spec.kafka.image"]},
            default={},
        ),
    ] = field(default_factory=dict)

    images: Annotated[
        dict[Annotated[str, leaf.key("must be a name for the image", leaf.LINE)], ImageForm],
        about(
            "For `helm` and `env`: the images to look for, by names of your choice. Without it, every mapping with "
            "`repository` and `tag` is an image, and so is every `image` with a tag; in `env` files, every key that "
            "ends in IMAGE and has an image with a tag or a digest, and what compose files beside it make of its keys.",
            {"web": {"repository": ".web.image.repository", "tag": ".web.image.tag"}},
            default={},
        ),
    ] = field(default_factory=dict)

    patterns: Annotated[
        dict[Annotated[str, leaf.key("must be a name for the image", leaf.LINE)], ImagePatternForm],
        about(
            "For `pattern`: where the images are pinned, by names of your choice.",
            {"web": {"repository": "ghcr.io/acme/web", "pattern": "web:(?P<tag>[0-9.]+)"}},
            default={},
        ),
    ] = field(default_factory=dict)

    @property
    def rule(self) -> FileRule:
        """The same for overlays."""
        target: Target
        match self.kind:
            case "compose":
                target = ComposeTarget()
            case "env":
                target = EnvTarget(tuple(image.keys(name) for name, image in sorted(self.images.items())))
            case "helm":
                target = HelmTarget(tuple((name, image.paths) for name, image in sorted(self.images.items())))
            case "manifests":
                target = ManifestsTarget(tuple(sorted(self.kinds.items())))
            case "pattern":
                from gitops_bot.targets.patterns import ImagePattern, PatternTarget

                patterns = sorted(self.patterns.items())
                target = PatternTarget(tuple((name, ImagePattern(it.repository, it.pattern)) for name, it in patterns))
            case _:
                assert_never(self.kind)
        return FileRule(self.files, target, self.overlays)


#: What Kubernetes allows in labels.
_LABEL_KEY = r"^(?:[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueGreenForm:
    """A Service and two slots, of which its selector makes one live. New pins go to the other one."""

    service: Annotated[str, _FILE, about("The file with the Service, in the overlay.", "service.yaml")]
    selector: Annotated[
        str,
        leaf.text("must be the key of a label", _LABEL_KEY),
        about("The key of its `spec.selector` whose value is the name of the live slot.", "version"),
    ]
    slots: Annotated[
        dict[Annotated[str, leaf.key("must be the value of a label", leaf.NAME)], Annotated[str, _FILE]],
        about(
            "The two slots by the values of the selector, each with the file of its workload, beside the Service.",
            {"blue": "deployment-blue.yaml", "green": "deployment-green.yaml"},
            minProperties=2,
            maxProperties=2,
        ),
    ]
    soak: Annotated[
        timedelta,
        leaf.DURATION,
        about(
            "How long the idle slot must have had its pins before the switch to it is proposed, as in `90s`, `15m`, "
            "`2h` or `1d12h`, counted from the commit that brought them. Without it, the switch is proposed at once.",
            "30m",
            0,
        ),
    ] = field(default_factory=timedelta)
    overlays: Annotated[
        _Overlays, _only_in("every overlay of the environment that has these files", "apps/shop/production")
    ] = ()

    @property
    def rules(self) -> tuple[FileRule, ...]:
        """How its files are read."""
        from gitops_bot.targets.blue_green import SelectorTarget

        service = FileRule((self.service,), SelectorTarget(self.selector, tuple(self.slots)), self.overlays)
        others = tuple(file for file in self.slots.values() if target_of(file) is None)
        return service, FileRule(others, ManifestsTarget(), self.overlays)


#: One setting, or a list of them.
Slots = Annotated[
    tuple[BlueGreenForm, ...],
    Listed(most=100, or_one=True),
    about(
        "A Service that selects one of two slots: new pins go to the idle slot only, and the switch to it is a "
        "proposal of its own. Where an environment has several such Services in different files, a list of them. "
        "Without it, every entry gets new pins.",
        {
            "service": "service.yaml",
            "selector": "version",
            "slots": {"blue": "deployment-blue.yaml", "green": "deployment-green.yaml"},
            "soak": "30m",
        },
        [
            {"service": "web.yaml", "selector": "slot", "slots": {"a": "web-a.yaml", "b": "web-b.yaml"}},
            {"service": "api.yaml", "selector": "slot", "slots": {"a": "api-a.yaml", "b": "api-b.yaml"}},
        ],
    ),
]


_KEY = leaf.key("must be a key of a ConfigMap", r"^[A-Za-z0-9._-]{1,253}$")
_LABEL = leaf.text("must be the name of a label, such as com.acme.build-number", r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInfoForm:
    """A ConfigMap that says of an image what it is, and changes with its pin."""

    file: Annotated[str, _FILE, about("The file with the ConfigMap, in the overlay.", "release-info.yaml")]
    image: Annotated[
        str | None,
        leaf.text("must be the name of an entry or an image repository", leaf.LINE),
        about(
            "The image that it describes, by the `name` of an entry or by its repository. Without it, the only one of "
            "the overlay that is not ignored.",
            "ghcr.io/acme/web",
        ),
    ] = None
    keys: Annotated[
        dict[Annotated[str, _KEY], Annotated[str, _LABEL]],
        about(
            "More keys, each with the label or annotation of the image that fills it in. Without it, `version`, "
            "`git-sha` and `build-date` from the labels of OCI.",
            {"build-number": "com.acme.build-number"},
            default={},
        ),
    ] = field(default_factory=dict)
    overlays: Annotated[
        _Overlays, _only_in("every overlay of the environment that has the image", "apps/web/production")
    ] = ()


#: The settings, a list of them, or only the name of the file.
_Forms: TypeAlias = Annotated[
    ReleaseInfoForm | Annotated[tuple[ReleaseInfoForm, ...], Listed(least=1, most=100)] | Annotated[str, _FILE],
    Either(lambda value: 0 if isinstance(value, dict) else 1 if isinstance(value, list) else 2),
]
ReleaseInfoSetting: TypeAlias = Annotated[
    _Forms | None,
    about(
        "A ConfigMap in the overlays whose values follow the pin: version, commit and build time of the image. Where "
        "overlays have several images, a list: each with the file that describes it. Without it, only pins change.",
        {"file": "release-info.yaml", "image": "ghcr.io/acme/web"},
        [
            {"file": "release-info.yaml", "image": "ghcr.io/acme/web"},
            {"file": "release-info.yaml", "image": "ghcr.io/acme/api", "overlays": ["apps/api/production"]},
        ],
        "release-info.yaml",
    ),
]
