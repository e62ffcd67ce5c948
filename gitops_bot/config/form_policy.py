"""The settings of policies: which tags may be chosen, and their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import Either, Listed, about
from gitops_bot.images import expression, kinds

#: The suffix or prefix of `prefer`.
FAMILY = rf"^{kinds.FAMILY}$"
PolicyName = Annotated[str, leaf.text("must be the name of a policy, or a policy", leaf.NAME)]
Expression = Annotated[str, leaf.text("must be a regular expression", check=expression.check)]
Family = Annotated[str, leaf.text("must be a suffix such as -alpine, or a prefix such as release-", FAMILY)]
_Exclude = Annotated[
    tuple[Expression, ...],
    Listed(least=1, most=kinds.MOST_EXCLUDED, distinct=True, or_one=True),
    about(
        "Never choose a tag that matches this regular expression (RE2), or one of these. Without it, every tag that "
        "the rest of the policy admits.",
        "-(?:slim|debug)$",
        ["^1\\.4\\.0$", "-rc"],
    ),
]
_MinimumAge = Annotated[
    timedelta,
    leaf.DURATION,
    about(
        "Choose only images that were built at least this long ago, as in `12h` or `3d`, at most 366 days. The best "
        "that is old enough is chosen; a younger one is held until then, and one whose build time is unknown is held "
        "until you decide. Without it, an image may be chosen at once.",
        "3d",
        "12h",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SemverForm:
    """Choose the highest version in a range."""

    MORE: ClassVar[dict[str, Any]] = {"not": {"required": ["pattern", "prefer"]}}

    semver: Annotated[
        str,
        leaf.text("must be a range of versions", check=kinds.Semver),
        about(
            "The range of versions, as in Helm and Flux: `^1.2`, `~1.2.x`, `>=1.0 <2`, `1.x || 3.x`.",
            ">=1.0.0 <3",
            "^1.2",
        ),
    ]
    prereleases: Annotated[bool, about("Admit pre-releases such as `2.0.0-rc.1`.", True)] = False
    pattern: Annotated[
        Expression | None,
        about(
            "Consider only tags that match this regular expression (RE2). A named group marks the part that is the "
            "version; further ones order the tags of one version. Without it, every tag that is a version.",
            "^v(?P<version>.*)$",
            "^(?P<version>[0-9.]+)_build\\.(?P<build>[0-9]+)$",
        ),
    ] = None
    prefer: Annotated[
        tuple[Family, ...],
        Listed(least=1, most=kinds.MOST_FAMILIES, distinct=True, or_one=True),
        about(
            "Consider only tags with this suffix (`-alpine`) or prefix (`release-`), or one of these; an empty text is "
            "a tag with neither. The rest of the tag is the version, and among tags of one version the first of the "
            "list is preferred. Not together with `pattern`. Without it, tags that are a version and nothing more.",
            "-alpine3.19",
            ["-alpine", ""],
        ),
    ] = field(default_factory=tuple)
    exclude: _Exclude = field(default_factory=tuple)
    minimum_age: _MinimumAge = field(default_factory=timedelta)

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        return kinds.Semver(
            self.semver, self.prereleases, self.pattern, self.prefer, self.exclude, minimum_age=self.minimum_age
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternForm:
    """Choose the last of the tags that match a regular expression, in a given order."""

    pattern: Annotated[
        Expression,
        about(
            "The regular expression (RE2) that tags must match. A named group marks the part that is ordered; several "
            "make one key, from left to right.",
            "^build-(?P<number>[0-9]+)$",
            "^(?P<date>[0-9]{8})\\.(?P<build>[0-9]+)$",
        ),
    ]
    order: Annotated[
        Literal[kinds.Order, "newest"],
        about(
            "How the tags, or the parts that the named groups match, are ordered: as versions, as numbers, as dates "
            "and calendar versions, or by letter; `newest` orders the images by the time that they were built.",
            "numerical",
            "newest",
        ),
    ]
    exclude: _Exclude = field(default_factory=tuple)
    minimum_age: _MinimumAge = field(default_factory=timedelta)

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        if self.order == "newest":
            return kinds.Newest(self.pattern, exclude=self.exclude, minimum_age=self.minimum_age)
        return kinds.Pattern(self.pattern, order=self.order, exclude=self.exclude, minimum_age=self.minimum_age)


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestForm:
    """Follow the digest of one moving tag."""

    digest: Annotated[
        str,
        leaf.text("must be a tag", leaf.TAG),
        about("The tag to follow: whenever it moves, its new digest is pinned.", "main"),
    ]

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        return kinds.Follow(self.digest)


PolicyForm = SemverForm | PatternForm | DigestForm
#: The keys that decide which of these a mapping is, in this order.
KINDS = {"semver": 0, "digest": 2, "pattern": 1, "order": 1}


def _kind(value: object) -> int | None:
    return next((kind for word, kind in KINDS.items() if word in value), None) if isinstance(value, dict) else None


def _name_or_kind(value: object) -> int | None:
    kind = _kind(value)
    return 0 if not isinstance(value, dict) else None if kind is None else kind + 1


Policy = Annotated[PolicyForm, Either(_kind)]
PolicyOrName = Annotated[PolicyName | SemverForm | PatternForm | DigestForm, Either(_name_or_kind)]
