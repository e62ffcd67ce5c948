"""The settings of `targets`: files with pins that are not recognised by name or content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, assert_never

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import about
from gitops_bot.config.lists import Listed
from gitops_bot.images import expression
from gitops_bot.images.reference import ImageName
from gitops_bot.targets import FileRule, Target
from gitops_bot.targets.compose import ComposeTarget
from gitops_bot.targets.env import EnvImage, EnvTarget
from gitops_bot.targets.helm import HelmTarget
from gitops_bot.targets.image_paths import ImagePaths, path
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.patterns import GROUPS, ImagePattern, PatternTarget

TargetKind = Literal["compose", "env", "helm", "manifests", "pattern"]

FILE = r"^(?!\.\.?$)[^/\\\x00-\x1f\x7f\[\]{}]{1,200}$"
#: Without wildcards.
ONE_FILE = FILE.replace("[^/", "[^/*?")
VALUE = r"^(?:\.?[A-Za-z0-9_-]{1,200}(?:\.[A-Za-z0-9_-]{1,200}){0,49}|(?:/[^/\x00-\x1f\x7f]{1,200}){1,50})$"
NAME_OR_VALUE = r"^[^\x00-\x1f\x7f ]{1,500}$"
PATH = r"^(?:\.[A-Za-z0-9_-]{1,200}(?:\[\])?){1,50}$"


_VALUE_WORDS = "must be a path in the values, such as .web.image.tag or /web/image/tag, or a key such as WEB_TAG"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageForm:
    """Where an image is: paths in Helm values, or keys in a file of `KEY=value` lines."""

    __pydantic_config__ = leaf.STRICT

    image: Annotated[
        str | None,
        leaf.text(_VALUE_WORDS, VALUE),
        about(
            "The path to a text with all of it: `repository:tag@digest`. Without it, its parts stand by themselves.",
            ".web.image",
        ),
    ] = None
    registry: Annotated[
        str | None,
        leaf.text(_VALUE_WORDS, VALUE),
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
        str | None,
        leaf.text(_VALUE_WORDS, VALUE),
        about("The path to the tag. Without it, only a digest is pinned.", ".web.image.tag"),
    ] = None
    digest: Annotated[
        str | None,
        leaf.text(_VALUE_WORDS, VALUE),
        about(
            "The path to the digest. Where the key is missing, it is added behind the tag; the chart has to use it. "
            "Without it, only the tag is written.",
            ".web.image.digest",
        ),
    ] = None

    @property
    def paths(self) -> ImagePaths:
        """The same for the target."""
        is_path = self.repository is not None and self.repository.startswith((".", "/"))
        image, registry, tag, digest = (
            path(text) if text is not None else None for text in (self.image, self.registry, self.tag, self.digest)
        )
        repository = path(self.repository) if is_path and self.repository is not None else None
        return ImagePaths(image, registry, repository, tag, digest, None if is_path else self.repository)

    def keys(self, name: str) -> EnvImage:
        """The same for a file of `KEY=value` lines."""
        return EnvImage(name, self.image or "", self.repository or "", self.tag or "", self.digest or "")


def _repository(text: str) -> str:
    ImageName.parse(text)
    return text


def _pattern(text: str) -> str:
    expression.check(text)
    if not expression.names(text) or expression.names(text) - set(GROUPS):
        raise ValueError(f"the pattern {text!r} must name the groups (?P<tag>...) or (?P<digest>...), and no others")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePatternForm:
    """Where an image is pinned in any text."""

    __pydantic_config__ = leaf.STRICT

    repository: Annotated[
        str,
        leaf.text("must be the name of an image without a tag, such as ghcr.io/acme/web", parse=_repository),
        about("The image, without a tag.", "ghcr.io/acme/web"),
    ]
    pattern: Annotated[
        str,
        leaf.text("must be a regular expression", parse=_pattern),
        about(
            "A regular expression (RE2) that matches exactly once in each file. Its groups `tag` and `digest`, one or "
            "both, are what an update replaces.",
            "web:(?P<tag>[0-9.]+)",
        ),
    ]

    @property
    def wanted(self) -> ImagePattern:
        """The same for the target."""
        return ImagePattern(self.repository, self.pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetForm:
    """Files that hold pins, and how they are read."""

    __pydantic_config__ = leaf.STRICT

    kind: Annotated[
        TargetKind,
        leaf.choice(TargetKind),
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
    overlays: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(most=100),
        about(
            "Only in the overlays that one of these globs matches. Without it, in every overlay of the environment.",
            ["apps/*/overlays/production"],
        ),
    ] = ()
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
                target = PatternTarget(tuple((name, image.wanted) for name, image in sorted(self.patterns.items())))
            case _:
                assert_never(self.kind)
        return FileRule(self.files, target, self.overlays)
