"""Policies as they are written: which tags may be chosen, and their order."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.images import policy as policies

#: Mark the branches of the union of policies in the place of a problem.
NAMED, SEMVER, PATTERN, DIGEST = "<named>", "<semver>", "<pattern>", "<digest>"
PolicyName = Annotated[str, *leaf.text("must be the name of a policy, or a policy", leaf.NAME)]


def _range(expression: str) -> str:
    policies.semver(expression)
    return expression


def _expression(pattern: str) -> str:
    policies.semver("*", pattern=pattern)
    return pattern


Expression = Annotated[str, *leaf.text("must be a regular expression", parse=_expression)]


class Form(BaseModel):
    """What the kinds of policies share: no other key, and no change after reading."""

    model_config = ConfigDict(**leaf.STRICT, frozen=True, defer_build=True)


class SemverForm(Form):
    """Choose the highest version in a range."""

    semver: Annotated[str, *leaf.text("must be a range of versions", parse=_range)] = Field(
        description="The range of versions, as in Helm and Flux: `^1.2`, `~1.2.x`, `>=1.0 <2`, `1.x || 3.x`.",
        examples=[">=1.0.0 <3", "^1.2"],
    )
    prereleases: Annotated[bool, *leaf.truth()] = Field(
        default=False, description="Admit pre-releases such as `2.0.0-rc.1`.", examples=[True]
    )
    pattern: Expression | None = Field(
        default=None,
        description="Consider only tags that match this regular expression (RE2). A named group marks the part that is "
        "the version. Without it, every tag that is a version.",
        examples=["^v(?P<version>.*)$"],
    )

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.semver(self.semver, prereleases=self.prereleases, pattern=self.pattern)


class PatternForm(Form):
    """Choose the last of the tags that match a regular expression, in a given order."""

    pattern: Expression = Field(
        description="The regular expression (RE2) that tags must match. A named group marks the part that is ordered.",
        examples=["^build-(?P<number>[0-9]+)$"],
    )
    order: Annotated[
        policies.Order,
        *leaf.choice(policies.Order),
    ] = Field(
        description="How the tags, or the parts that the named group matches, are ordered.", examples=["numerical"]
    )

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.pattern(self.pattern, order=self.order)


class DigestForm(Form):
    """Follow the digest of one moving tag."""

    digest: Annotated[str, *leaf.text("must be a tag", leaf.TAG)] = Field(
        description="The tag to follow: whenever it moves, its new digest is pinned.", examples=["main"]
    )

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.follow(self.digest)


_SemverBranch = Annotated[SemverForm, Tag(SEMVER)]
_PatternBranch = Annotated[PatternForm, Tag(PATTERN)]
_DigestBranch = Annotated[DigestForm, Tag(DIGEST)]
#: The keys that tell which policy a mapping is, in the order in which they are looked for.
KINDS = {"semver": SEMVER, "digest": DIGEST, "pattern": PATTERN, "order": PATTERN}


def _kind(value: object) -> str | None:
    return next((kind for word, kind in KINDS.items() if word in value), None) if isinstance(value, dict) else None


Policy = Annotated[_SemverBranch | _PatternBranch | _DigestBranch, Discriminator(_kind)]
PolicyOrName = Annotated[
    Annotated[PolicyName, Tag(NAMED)] | _SemverBranch | _PatternBranch | _DigestBranch,
    Discriminator(lambda value: _kind(value) if isinstance(value, dict) else NAMED),
]
