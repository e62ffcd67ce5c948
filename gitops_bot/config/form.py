"""What may stand in `gitops-bot.yaml`: the models that read it and that give its JSON Schema.

Only what works is here: a key that is not built yet is an unknown key.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.images import policy as policies
from gitops_bot.images.rules import OnMove, PinShape

#: Mark the branches of the union of policies in the place of a problem.
NAMED, SEMVER, PATTERN, DIGEST = "<named>", "<semver>", "<pattern>", "<digest>"
#: GitHub's own limit.
MOST_LABELS = 100

Overlay = Annotated[
    str,
    *leaf.text(
        "is a path from the top of the repository, with `*`, `?`, `**` or `{name}` (no `..`, no `[...]`, no first `/`)",
        'overlays: ["apps/*/overlays/staging"]',
        leaf.GLOB,
    ),
]
Label = Annotated[str, *leaf.text("is a label of 1 to 50 characters", "labels: [release]", leaf.LABEL)]
Name = Annotated[str, *leaf.key("is up to 60 letters, digits, `.`, `_` and `-`", "staging:", leaf.NAME)]
Image = Annotated[str, *leaf.key("is the name of an entry or an image repository", "ghcr.io/acme/web:", leaf.LINE)]
Host = Annotated[str, *leaf.key("is a host, with its port where it has one", "ghcr.io:", leaf.HOST)]
PolicyName = Annotated[str, *leaf.text("is the name of a policy, or a policy", "policy: releases", leaf.NAME)]
Repository = Annotated[
    str | None,
    *leaf.text(
        "is OWNER/NAME or an address of git without user and password",
        "repository: acme/deploy",
        leaf.REPOSITORY,
        secret=True,
    ),
]
PasswordVariable = Annotated[
    str | None,
    *leaf.text(
        "is the name of an environment variable, never the secret itself",
        "password_env: GHCR_TOKEN",
        leaf.VARIABLE,
        secret=True,
    ),
]


class Form(BaseModel):
    """What all of them share: no other key, no change after reading, no copy of the file in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


def _range(expression: str) -> None:
    policies.semver(expression)


def _expression(pattern: str) -> None:
    policies.semver("*", pattern=pattern)


Expression = Annotated[
    str, *leaf.text("is a regular expression", 'pattern: "^build-(?P<n>[0-9]+)$"', check=_expression)
]


class SemverForm(Form):
    """The highest version that a range admits."""

    semver: Annotated[str, *leaf.text("is a range of versions", "semver: ^1.2", check=_range)] = Field(
        description="A range of versions, as in Helm and Flux: `^1.2`, `~1.2.x`, `>=1.0 <2`, `1.x || 3.x`.",
        examples=[">=1.0.0 <3", "^1.2"],
    )
    prereleases: Annotated[bool, *leaf.truth("prereleases: true")] = Field(
        default=False, description="Whether pre-releases such as `2.0.0-rc.1` may be chosen.", examples=[True]
    )
    pattern: Expression | None = Field(
        default=None,
        description="Only tags that this regular expression (RE2) matches. A named group holds the version.",
        examples=["^v(?P<version>.*)$"],
    )

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.semver(self.semver, prereleases=self.prereleases, pattern=self.pattern)


class PatternForm(Form):
    """The last, in a stated order, of the tags that a regular expression matches."""

    pattern: Expression = Field(
        description="A regular expression (RE2). Where it has a named group, what the group matches is ordered.",
        examples=["^build-(?P<number>[0-9]+)$"],
    )
    order: Annotated[
        Literal["semver", "numerical", "alphabetical"],
        *leaf.choice("order: numerical", "semver", "numerical", "alphabetical"),
    ] = Field(description="How the tags, or what their named group matches, are ordered.", examples=["numerical"])

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.pattern(self.pattern, order=self.order)


class DigestForm(Form):
    """One moving tag, followed by its digest."""

    digest: Annotated[str, *leaf.text("is a tag", "digest: main", leaf.TAG)] = Field(
        description="The tag to follow: its digest is pinned anew whenever it moves.", examples=["main"]
    )

    @property
    def policy(self) -> policies.Policy:
        """What this says."""
        return policies.follow(self.digest)


PolicyForm = SemverForm | PatternForm | DigestForm
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


class RulesForm(Form):
    """What may be said of an image, and of all the images of an environment."""

    policy: PolicyOrName | None = Field(
        default=None,
        description="Which tags may be chosen: the name of one of `policies`, or a policy written out.",
        examples=["releases", {"semver": "^1.2"}],
    )
    pin: Annotated[PinShape | None, *leaf.choice("pin: tag", *get_args(PinShape))] = Field(
        default=None,
        description="What is written for a chosen tag: `tag+digest` (the default), only `tag`, or only `digest`.",
        examples=["tag+digest"],
    )
    on_move: Annotated[OnMove | None, *leaf.choice("on_move: hold", *get_args(OnMove))] = Field(
        default=None,
        description="What happens when the pinned tag names another digest than the pinned one. Without it, full "
        "versions and SHA tags are held, and floating tags are followed.",
        examples=["hold"],
    )
    ignore: Annotated[bool | None, *leaf.truth("ignore: true")] = Field(
        default=None, description="Whether to leave it alone.", examples=[True]
    )


class ProposeForm(Form):
    """How the changes of an environment are put to people."""

    # As `checks` has it; the models cannot say it, since each key may be right by itself.
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"as": {"const": "commit"}}, "required": ["as"]},
            "then": {"properties": {"labels": {"maxItems": 0}}},
        }
    )

    as_: Annotated[Literal["pull-request", "commit"], *leaf.choice("as: pull-request", "pull-request", "commit")] = (
        Field(
            default="pull-request",
            alias="as",
            description="As a pull request, or as a commit straight to the branch.",
            examples=["pull-request"],
        )
    )
    labels: Annotated[tuple[Label, ...], leaf.listed("labels: [release]", most=MOST_LABELS)] = Field(
        default=(),
        json_schema_extra={"maxItems": MOST_LABELS},
        description="Labels of its pull requests.",
        examples=[["release"]],
    )


class EnvironmentForm(RulesForm):
    """One environment. `policy`, `pin`, `on_move` and `ignore` hold for every entry of its overlays."""

    overlays: Annotated[tuple[Overlay, ...], leaf.listed('overlays: ["apps/*/staging"]', least=1)] = Field(
        json_schema_extra={"minItems": 1},
        description="Where its kustomizations are, as paths from the top of the repository. `*` and `?` match "
        "within one part of a path, `**` any number of parts, `{name}` one part, by name. A part that begins with "
        "a dot is matched only where the dot is written.",
        examples=[["apps/*/overlays/staging"]],
    )
    images: dict[Image, RulesForm] = Field(
        default={},
        description="What one image says differently: by the `name` of an entry, else by its repository.",
        examples=[{"ghcr.io/acme/web": {"policy": "releases"}, "postgres": {"ignore": True}}],
    )
    propose: ProposeForm = Field(
        default_factory=ProposeForm,
        description="How its changes are put to people.",
        examples=[{"as": "pull-request", "labels": ["release"]}],
    )


class RegistryForm(Form):
    """How a registry is reached."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"username": ["password_env"]}})

    username: Annotated[str | None, *leaf.text("is a user name", "username: bot")] = Field(
        default=None, description="The user that the password belongs to.", examples=["bot"]
    )
    password_env: PasswordVariable = Field(
        default=None,
        description="The environment variable that holds the password or token.",
        examples=["GHCR_TOKEN"],
    )
    plain_http: Annotated[bool, *leaf.truth("plain_http: true")] = Field(
        default=False, description="Whether the registry is spoken to without TLS.", examples=[True]
    )
    concurrency: Annotated[int | None, *leaf.integer("concurrency: 16", 1, 64)] = Field(
        default=None, description="The most requests under way at once.", examples=[16]
    )
    rate: Annotated[float | None, *leaf.rate("rate: 10", 1000)] = Field(
        default=None, description="The most requests a second.", examples=[10]
    )


class ConfigForm(Form):
    """The configuration of gitops-bot: it stands at the root of the repository with the manifests."""

    version: Annotated[Literal[1], *leaf.VERSION] = Field(description="The version of this form.", examples=[1])
    repository: Repository = Field(
        default=None,
        description="The repository with the manifests. Without it, the origin of the checkout one stands in.",
        examples=["acme/deploy", "https://github.example.com/acme/deploy.git"],
    )
    branch: Annotated[str | None, *leaf.text("is the name of a branch", "branch: main", leaf.BRANCH)] = Field(
        default=None,
        description="The branch that is read and proposed to. Without it, the remote's default branch.",
        examples=["main"],
    )
    policies: dict[Name, Policy] = Field(
        default={},
        description="Policies by name, which environments and images refer to.",
        examples=[{"releases": {"semver": ">=1.0.0 <3"}, "builds": {"pattern": "^[0-9]+$", "order": "numerical"}}],
    )
    environments: dict[Name, EnvironmentForm] = Field(
        min_length=1,
        description="The environments by name, in the order in which they are shown.",
        examples=[{"staging": {"overlays": ["apps/*/overlays/staging"], "policy": "releases"}}],
    )
    registries: dict[Host, RegistryForm] = Field(
        default={},
        description="How registries are reached, by host. A secret never stands here.",
        examples=[{"ghcr.io": {"username": "bot", "password_env": "GHCR_TOKEN"}}],
    )
