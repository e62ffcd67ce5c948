"""What may stand in `gitops-bot.yaml`: the models that read it and that give its JSON Schema.

Only what works is here: a key that is not built yet is an unknown key.
"""

from __future__ import annotations

from datetime import timedelta  # noqa: TC003 - pydantic reads it from here
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field

from gitops_bot.config import form_policy, times
from gitops_bot.config import leaves as leaf
from gitops_bot.config.form_base import Form, Overlay
from gitops_bot.config.form_propose import ProposeForm
from gitops_bot.images.rules import OnMove, PinShape

Name = Annotated[str, *leaf.key("is up to 60 letters, digits, `.`, `_` and `-`", "staging:", leaf.NAME)]
Image = Annotated[str, *leaf.key("is the name of an entry or an image repository", "ghcr.io/acme/web:", leaf.LINE)]
Host = Annotated[str, *leaf.key("is a host, with its port where it has one", "ghcr.io:", leaf.HOST)]
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


class RulesForm(Form):
    """What may be said of an image, and of all the images of an environment."""

    policy: form_policy.PolicyOrName | None = Field(
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


class EnvironmentForm(RulesForm):
    """One environment. `policy`, `pin`, `on_move` and `ignore` hold for every entry of its overlays."""

    # As `check_promotion` has it; the models cannot say it, since each key may be right by itself.
    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"soak": ["promote_from"]},
            "if": {"properties": {"match": {"const": "revision"}}, "required": ["match"]},
            "then": {"properties": {"tag": {"const": "release"}}, "required": ["tag"]},
        }
    )

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
    promote_from: Annotated[
        str | None, *leaf.text("is the name of another environment", "promote_from: staging", leaf.NAME)
    ] = Field(
        default=None,
        description="The environment whose pins it gets, for the entries that both have: an image with a `policy` of "
        "its own goes by that, and the `policy` of this environment is for what the other one does not have.",
        examples=["staging"],
    )
    match: Annotated[Literal["digest", "revision"] | None, *leaf.choice("match: digest", "digest", "revision")] = Field(
        default=None,
        description="What is the same after a promotion: the bytes, by their `digest` (the default), or only the "
        "`revision` that an image was built from, for pipelines that build again for the version tag (`tag: release`).",
        examples=["digest"],
    )
    tag: Annotated[Literal["source", "release"] | None, *leaf.choice("tag: release", "source", "release")] = Field(
        default=None,
        description="Which tag a promotion writes: that of the other environment (`source`, the default), or the "
        "version tag that the registry has for the same image (`release`).",
        examples=["release"],
    )
    soak: Annotated[timedelta | None, *leaf.span("soak: 2h")] = Field(
        default=None,
        description="How long the other environment has to run a pin before it goes on by itself, as in `90s`, `15m`, "
        "`2h` or `1d12h`, at most 366 days. Without it, at once.",
        examples=["2h", "1d12h", 0],
    )
    propose: ProposeForm = Field(
        default_factory=ProposeForm,
        description="How its changes are put to people.",
        examples=[{"as": "pull-request", "group": "overlay", "labels": ["release"], "reviewers": ["team:platform"]}],
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


class HoldForm(Form):
    """What is left as it is for a while, and why."""

    environment: Annotated[str, *leaf.text("is the name of an environment", "environment: production", leaf.NAME)] = (
        Field(description="The environment in which it is held.", examples=["production"])
    )
    image: Annotated[
        str | None,
        *leaf.text("is the name of an entry or an image repository", "image: ghcr.io/acme/web", leaf.LINE),
    ] = Field(
        default=None,
        description="What is held: the `name` of an entry, else its repository. Without it, every entry of the "
        "environment.",
        examples=["ghcr.io/acme/web"],
    )
    until: Annotated[
        str,
        *leaf.text(
            "is a date, or a moment with its offset from UTC", "until: 2026-12-24", times.MOMENT, check=times.moment
        ),
    ] = Field(
        description="When it ends: at the beginning of that day in UTC, or at that moment (RFC 3339).",
        examples=["2026-12-24", "2026-12-24T18:00:00+01:00"],
    )
    why: Annotated[
        str, *leaf.text("is one line of 1 to 500 characters", 'why: "no release before the fair"', leaf.WORDS)
    ] = Field(description="The reason, which everybody is told who asks.", examples=["no release before the fair"])


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
    policies: dict[Name, form_policy.Policy] = Field(
        default={},
        description="Policies by name, which environments and images refer to.",
        examples=[{"releases": {"semver": ">=1.0.0 <3"}, "builds": {"pattern": "^[0-9]+$", "order": "numerical"}}],
    )
    environments: dict[Name, EnvironmentForm] = Field(
        min_length=1,
        description="The environments by name, in the order in which they are shown.",
        examples=[{"staging": {"overlays": ["apps/*/overlays/staging"], "policy": "releases"}}],
    )
    holds: Annotated[
        tuple[HoldForm, ...], leaf.listed("holds: [{environment: production, until: 2026-12-24, why: fair}]")
    ] = Field(
        default=(),
        json_schema_extra={"maxItems": 1000},
        description="What is left as it is for a while: nothing is proposed there until then.",
        examples=[
            [
                {
                    "environment": "production",
                    "image": "ghcr.io/acme/web",
                    "until": "2026-12-24",
                    "why": "no release before the fair",
                }
            ]
        ],
    )
    registries: dict[Host, RegistryForm] = Field(
        default={},
        description="How registries are reached, by host. A secret never stands here.",
        examples=[{"ghcr.io": {"username": "bot", "password_env": "GHCR_TOKEN"}}],
    )
