"""The models of `gitops-bot.yaml`: they read the file and give its JSON Schema.

Descriptions and examples are what editors show and what `docs/configuration.md` is generated from.
A key that is not built yet is an unknown key.
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

Name = Annotated[str, *leaf.key("must be up to 60 letters, digits, `.`, `_` and `-`", "staging:", leaf.NAME)]
Image = Annotated[str, *leaf.key("must be the name of an entry or an image repository", "ghcr.io/acme/web:", leaf.LINE)]
Host = Annotated[str, *leaf.key("must be a host, with its port if it has one", "ghcr.io:", leaf.HOST)]
Repository = Annotated[
    str | None,
    *leaf.text(
        "must be OWNER/NAME or a Git URL without user and password",
        "repository: acme/deploy",
        leaf.REPOSITORY,
        secret=True,
    ),
]
PasswordVariable = Annotated[
    str | None,
    *leaf.text(
        "must be the name of an environment variable, never the secret itself",
        "password_env: GHCR_TOKEN",
        leaf.VARIABLE,
        secret=True,
    ),
]


class RulesForm(Form):
    """The rules of one image, or of all images of an environment."""

    policy: form_policy.PolicyOrName | None = Field(
        default=None,
        description="Which tags may be chosen: the name of one of `policies`, an inline policy, or `auto`, which "
        "chooses the next tag in the format of the present one and keeps the shape of the pin. Without it, an image "
        "uses the policy of its environment; an entry with neither is not managed.",
        examples=["releases", {"semver": "^1.2"}, "auto"],
    )
    pin: Annotated[PinShape | None, *leaf.choice("pin: tag", *get_args(PinShape))] = Field(
        default=None,
        description="What is written for a chosen tag: `tag+digest` (the default), only `tag`, or only `digest`. "
        "`tag` removes a `digest` that an entry has. `digest` adds no `newTag`; one that an entry already has is "
        "never removed, and is kept in step with the digest.",
        examples=["tag+digest"],
    )
    on_move: Annotated[OnMove | None, *leaf.choice("on_move: hold", *get_args(OnMove))] = Field(
        default=None,
        description="What to do when the pinned tag now points to a digest other than the pinned one: `hold` or "
        "`follow`. "
        "Without it, full versions and commit tags are held, and floating tags such as `1.27` are followed.",
        examples=["hold"],
    )
    ignore: Annotated[bool | None, *leaf.truth("ignore: true")] = Field(
        default=None, description="Never propose a change to it. Without it, `false`.", examples=[True]
    )


class EnvironmentForm(RulesForm):
    """One environment. `policy`, `pin`, `on_move` and `ignore` apply to every entry of its overlays."""

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
        description="The directories with its kustomizations, as paths from the repository root. `*` and `?` "
        "match within one part of a path, `**` matches any number of parts, and `{name}` matches one part and names "
        "it, so that a promotion can find the same part in the other environment. A part that starts with a dot is "
        "matched only if the dot is written out.",
        examples=[["apps/*/overlays/staging"]],
    )
    images: dict[Image, RulesForm] = Field(
        default={},
        description="Rules for individual images, by the `name` of an entry or by its repository. They override "
        "those of the environment, key by key.",
        examples=[{"ghcr.io/acme/web": {"policy": "releases"}, "postgres": {"ignore": True}}],
    )
    promote_from: Annotated[
        str | None, *leaf.text("must be the name of another environment", "promote_from: staging", leaf.NAME)
    ] = Field(
        default=None,
        description="The environment to promote from: entries that both environments have get the digests that the "
        "other one runs. "
        "An image with a `policy` of its own follows that instead, and the `policy` of this environment covers the "
        "entries that the other one does not have. Without it, only the `promote` command promotes.",
        examples=["staging"],
    )
    match: Annotated[Literal["digest", "revision"] | None, *leaf.choice("match: digest", "digest", "revision")] = Field(
        default=None,
        json_schema_extra={"default": "digest"},
        description="What a promotion keeps the same: the bytes, by `digest`, or only the commit that "
        "the image was built from (`revision`), for pipelines that rebuild for the version tag. `revision` needs "
        "`tag: release`.",
        examples=["digest"],
    )
    tag: Annotated[Literal["source", "release"] | None, *leaf.choice("tag: release", "source", "release")] = Field(
        default=None,
        json_schema_extra={"default": "source"},
        description="Which tag a promotion writes: that of the other environment (`source`), or the "
        "version tag that the registry has for the same digest (`release`).",
        examples=["release"],
    )
    soak: Annotated[timedelta | None, *leaf.span("soak: 2h")] = Field(
        default=None,
        description="How long the other environment must have run a pin before it is promoted, as in `90s`, `15m`, "
        "`2h` or `1d12h`, at most 366 days. The newest pin that ran that long is promoted, unless it was rolled back. "
        "`promote` holds a pin that has not, unless you pass `--now`. Without it, a pin is promoted at once.",
        examples=["2h", "1d12h", 0],
    )
    propose: ProposeForm = Field(
        default_factory=ProposeForm,
        description="How changes are proposed: as pull requests or commits, how they are grouped, and who reviews "
        "them.",
        examples=[{"as": "pull-request", "group": "overlay", "labels": ["release"], "reviewers": ["team:platform"]}],
    )


class RegistryForm(Form):
    """How to reach one registry."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"username": ["password_env"]}})

    username: Annotated[str | None, *leaf.text("must be a user name", "username: bot")] = Field(
        default=None,
        description="The user to log in as, with the password of `password_env`. Without it, the user is `token`.",
        examples=["bot"],
    )
    password_env: PasswordVariable = Field(
        default=None,
        description="The name of the environment variable that holds the password or token, never the secret itself. "
        "Without it, the login of `docker login` is used, or none.",
        examples=["GHCR_TOKEN"],
    )
    plain_http: Annotated[bool, *leaf.truth("plain_http: true")] = Field(
        default=False, description="Connect to the registry without TLS. Without it, `false`.", examples=[True]
    )
    concurrency: Annotated[int | None, *leaf.integer("concurrency: 16", 1, 64)] = Field(
        default=None, description="At most this many concurrent requests. Without it, 16.", examples=[4]
    )
    rate: Annotated[float | None, *leaf.rate("rate: 10", 1000)] = Field(
        default=None,
        description="At most this many requests a second. Without it, no limit until the registry asks to slow down.",
        examples=[10],
    )


class HoldForm(Form):
    """A freeze: what stays as it is for a while, and why."""

    environment: Annotated[
        str, *leaf.text("must be the name of an environment", "environment: production", leaf.NAME)
    ] = Field(description="The environment to freeze.", examples=["production"])
    image: Annotated[
        str | None,
        *leaf.text("must be the name of an entry or an image repository", "image: ghcr.io/acme/web", leaf.LINE),
    ] = Field(
        default=None,
        description="The image to freeze, by the `name` of an entry or by its repository. Without it, the whole "
        "environment.",
        examples=["ghcr.io/acme/web"],
    )
    until: Annotated[
        str,
        *leaf.text(
            "must be a date, or a moment with its offset from UTC",
            "until: 2026-12-24",
            times.MOMENT,
            check=times.moment,
        ),
    ] = Field(
        description="When the freeze ends: at the start of that day in UTC, or at that moment (RFC 3339).",
        examples=["2026-12-24", "2026-12-24T18:00:00+01:00"],
    )
    why: Annotated[
        str, *leaf.text("must be one line of 1 to 500 characters", 'why: "no release before the fair"', leaf.WORDS)
    ] = Field(description="The reason, shown in plans and pull requests.", examples=["no release before the fair"])


class ConfigForm(Form):
    """The configuration of gitops-bot, at the root of the repository with the manifests."""

    version: Annotated[Literal[1], *leaf.VERSION] = Field(
        description="The version of this format: always 1.", examples=[1]
    )
    repository: Repository = Field(
        default=None,
        description="The repository with the manifests: OWNER/NAME or a Git URL without a password. If it is not the "
        "origin of the current checkout, a command fails and asks which one you mean. Without it, the origin.",
        examples=["acme/deploy", "https://github.example.com/acme/deploy.git"],
    )
    branch: Annotated[str | None, *leaf.text("must be the name of a branch", "branch: main", leaf.BRANCH)] = Field(
        default=None,
        description="The branch to read from and propose to. Without it, the default branch of the repository.",
        examples=["main"],
    )
    policies: dict[Name, form_policy.Policy] = Field(
        default={},
        description="Policies by name, for environments and images to refer to.",
        examples=[{"releases": {"semver": ">=1.0.0 <3"}, "builds": {"pattern": "^[0-9]+$", "order": "numerical"}}],
    )
    environments: dict[Name, EnvironmentForm] = Field(
        min_length=1,
        description="The environments by name, in the order in which reports show them.",
        examples=[{"staging": {"overlays": ["apps/*/overlays/staging"], "policy": "releases"}}],
    )
    holds: Annotated[
        tuple[HoldForm, ...], leaf.listed("holds: [{environment: production, until: 2026-12-24, why: fair}]")
    ] = Field(
        default=(),
        json_schema_extra={"maxItems": 1000},
        description="Freezes: nothing is proposed for these environments or images until they end.",
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
        description="How to reach registries, by host. Passwords are given by the name of an environment variable "
        "and never written here.",
        examples=[{"ghcr.io": {"username": "bot", "password_env": "GHCR_TOKEN"}}],
    )
