"""The settings of policies: which tags may be chosen, and their order."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.config.lists import OneOrMore, no_items
from gitops_bot.images import families, kinds

#: pydantic's names for the branches of the union.
NAMED, SEMVER, PATTERN, DIGEST = "<named>", "<semver>", "<pattern>", "<digest>"
#: The suffix or prefix of `prefer`.
FAMILY = rf"^{families.FORM}$"
PolicyName = Annotated[str, leaf.text("must be the name of a policy, or a policy", leaf.NAME)]


def _range(expression: str) -> str:
    kinds.Semver(expression)
    return expression


def _expression(pattern: str) -> str:
    kinds.Semver("*", pattern=pattern)
    return pattern


Expression = Annotated[str, leaf.text("must be a regular expression", parse=_expression)]
Family = Annotated[str, leaf.text("must be a suffix such as -alpine, or a prefix such as release-", FAMILY)]
Exclude = Annotated[
    tuple[Expression, ...],
    OneOrMore(kinds.MOST_EXCLUDED),
    Field(
        default_factory=no_items,
        description="Never choose a tag that matches this regular expression (RE2), or one of these. Without it, every "
        "tag that the rest of the policy admits.",
        examples=["-(?:slim|debug)$", ["^1\\.4\\.0$", "-rc"]],
    ),
]

MinimumAge = Annotated[
    timedelta,
    leaf.DURATION,
    Field(
        default_factory=timedelta,
        description="Choose only images that were built at least this long ago, as in `12h` or `3d`, at most 366 days. "
        "The best that is old enough is chosen; a younger one is held until then, and one whose build time is "
        "unknown is held until you decide. Without it, an image may be chosen at once.",
        examples=["3d", "12h"],
    ),
]


class Form(BaseModel):
    """What the kinds of policies share: no other key, and no change after reading."""

    model_config = ConfigDict(**leaf.STRICT, frozen=True, defer_build=True)


class SemverForm(Form):
    """Choose the highest version in a range."""

    # As `checks` has it.
    model_config = ConfigDict(json_schema_extra={"not": {"required": ["pattern", "prefer"]}})

    semver: Annotated[str, leaf.text("must be a range of versions", parse=_range)] = Field(
        description="The range of versions, as in Helm and Flux: `^1.2`, `~1.2.x`, `>=1.0 <2`, `1.x || 3.x`.",
        examples=[">=1.0.0 <3", "^1.2"],
    )
    prereleases: Annotated[bool, leaf.truth()] = Field(
        default=False, description="Admit pre-releases such as `2.0.0-rc.1`.", examples=[True]
    )
    pattern: Expression | None = Field(
        default=None,
        description="Consider only tags that match this regular expression (RE2). A named group marks the part that is "
        "the version; further ones order the tags of one version. Without it, every tag that is a version.",
        examples=["^v(?P<version>.*)$", "^(?P<version>[0-9.]+)_build\\.(?P<build>[0-9]+)$"],
    )
    prefer: Annotated[tuple[Family, ...], OneOrMore(families.MOST)] = Field(
        default_factory=no_items,
        description="Consider only tags with this suffix (`-alpine`) or prefix (`release-`), or one of these; an empty "
        "text is a tag with neither. The rest of the tag is the version, and among tags of one version the first of "
        "the list is preferred. Not together with `pattern`. Without it, tags that are a version and nothing more.",
        examples=["-alpine3.19", ["-alpine", ""]],
    )
    exclude: Exclude
    minimum_age: MinimumAge

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        return kinds.Semver(
            self.semver,
            prereleases=self.prereleases,
            pattern=self.pattern,
            prefer=self.prefer,
            exclude=self.exclude,
            minimum_age=self.minimum_age,
        )


class PatternForm(Form):
    """Choose the last of the tags that match a regular expression, in a given order."""

    pattern: Expression = Field(
        description="The regular expression (RE2) that tags must match. A named group marks the part that is ordered; "
        "several make one key, from left to right.",
        examples=["^build-(?P<number>[0-9]+)$", "^(?P<date>[0-9]{8})\\.(?P<build>[0-9]+)$"],
    )
    order: Annotated[
        kinds.Order | Literal["newest"],
        leaf.choice(Literal[kinds.Order, "newest"]),
    ] = Field(
        description="How the tags, or the parts that the named groups match, are ordered: as versions, as numbers, as "
        "dates and calendar versions, or by letter; `newest` orders the images by the time that they were built.",
        examples=["numerical", "newest"],
    )
    exclude: Exclude
    minimum_age: MinimumAge

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        if self.order == "newest":
            return kinds.Newest(self.pattern, exclude=self.exclude, minimum_age=self.minimum_age)
        return kinds.Pattern(self.pattern, order=self.order, exclude=self.exclude, minimum_age=self.minimum_age)


class DigestForm(Form):
    """Follow the digest of one moving tag."""

    digest: Annotated[str, leaf.text("must be a tag", leaf.TAG)] = Field(
        description="The tag to follow: whenever it moves, its new digest is pinned.", examples=["main"]
    )

    @property
    def policy(self) -> kinds.Policy:
        """The policy."""
        return kinds.Follow(self.digest)


_SemverBranch = Annotated[SemverForm, Tag(SEMVER)]
_PatternBranch = Annotated[PatternForm, Tag(PATTERN)]
_DigestBranch = Annotated[DigestForm, Tag(DIGEST)]
#: The keys that decide which policy a mapping is, in this order.
KINDS = {"semver": SEMVER, "digest": DIGEST, "pattern": PATTERN, "order": PATTERN}


def _kind(value: object) -> str | None:
    return next((kind for word, kind in KINDS.items() if word in value), None) if isinstance(value, dict) else None


PolicyForm = SemverForm | PatternForm | DigestForm
Policy = Annotated[_SemverBranch | _PatternBranch | _DigestBranch, Discriminator(_kind)]
PolicyOrName = Annotated[
    Annotated[PolicyName, Tag(NAMED)] | _SemverBranch | _PatternBranch | _DigestBranch,
    Discriminator(lambda value: _kind(value) if isinstance(value, dict) else NAMED),
]
