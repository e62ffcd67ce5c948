"""The settings of `gitops-bot.yaml`, each stated once: its type, its check, its default, its text and its examples.

From these come the reader, the JSON Schema and `docs/configuration.md`. A key that is not built yet is an unknown key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta  # noqa: TC003 - `reading` evaluates the annotations
from typing import Annotated, Any, ClassVar, Literal

from gitops_bot.config import form_policy, times
from gitops_bot.config import leaves as leaf
from gitops_bot.config.commits import CommitsSetting  # noqa: TC001 - likewise
from gitops_bot.config.form_target import ReleaseInfoSetting, Slots, TargetForm  # noqa: TC001 - likewise
from gitops_bot.config.leaves import IMAGE_WORDS, Listed, about
from gitops_bot.config.propose import MOST, ZONE, Propose
from gitops_bot.config.require import Checks, Require  # noqa: TC001 - likewise
from gitops_bot.images.build import PLATFORM, normal_platform
from gitops_bot.images.kinds import OnMove, PinShape  # noqa: TC001 - likewise
from gitops_bot.targets.pin_file import NEWEST_READS

MatchBy = Literal["digest", "revision"]
TagOf = Literal["source", "release"]
Recorder = Literal["none", "github"]
OnFailure = Literal["rollback"]

_NAME = leaf.key("must be up to 60 letters, digits, `.`, `_` and `-`", leaf.NAME)
_HOST = leaf.key("must be a host, with its port if it has one", leaf.HOST)
_REPOSITORY = leaf.text("must be OWNER/NAME or a Git URL without user and password", leaf.REPOSITORY, secret=True)
_PLATFORM = leaf.text("must be a platform such as linux/amd64 or linux/arm/v7", f"^{PLATFORM}$", parse=normal_platform)
_Records = Annotated[
    Recorder | None,
    about(
        "`github`: record each release on the branch as a deployment of its commit to the environment, once. It says "
        "what was released to Git, not what runs. What an environment says overrides what stands at the top. Without "
        "it, `none`.",
        "github",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesForm:
    """The rules of one image, or of all images of an environment."""

    policy: Annotated[
        form_policy.PolicyOrName | None,
        about(
            "Which tags may be chosen: the name of one of `policies`, an inline policy, or `auto`, which chooses the "
            "next tag in the format of the present one and keeps the shape of the pin. Without it, an image uses the "
            "policy of its environment; an entry with neither is not managed.",
            "releases",
            {"semver": "^1.2"},
            "auto",
        ),
    ] = None
    pin: Annotated[
        PinShape | None,
        about(
            "What is written for a chosen tag: `tag+digest` (the default), only `tag`, or only `digest`. `tag` removes "
            "a `digest` that an entry has. `digest` adds no `newTag`; one that an entry already has is never removed, "
            "and is kept in step with the digest.",
            "tag+digest",
        ),
    ] = None
    on_move: Annotated[
        OnMove | None,
        about(
            "What to do when the pinned tag now points to a digest other than the pinned one: `hold` or `follow`. "
            "Without it, full versions and commit tags are held, and floating tags such as `1.27` are followed.",
            "hold",
        ),
    ] = None
    platforms: Annotated[
        tuple[Annotated[str, _PLATFORM], ...] | None,
        Listed(least=1, most=20, once=True),
        about(
            "The platforms that an image must be built for; others do not count. An image that lacks one of them, or "
            "whose manifest for one is gone from the registry, is held. Without it, an image must be built for every "
            "platform that the pinned one is built for.",
            ["linux/amd64", "linux/arm64"],
        ),
    ] = None
    ignore: Annotated[bool | None, about("Never propose a change to it. Without it, `false`.", True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentForm(RulesForm):
    """One environment. `policy`, `pin`, `on_move`, `platforms` and `ignore` apply to every entry of its overlays."""

    MORE: ClassVar[dict[str, Any]] = {
        "dependentRequired": {
            "soak": ["promote_from"],
            "on_failure": ["require_after"],
        },
        "if": {"properties": {"match": {"const": "revision"}}, "required": ["match"]},
        "then": {"properties": {"tag": {"const": "release"}}, "required": ["tag"]},
    }

    overlays: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(least=1),
        about(
            "The directories with its files that hold pins, or those files, as paths from the repository root: "
            "`charts/*/values-production.yaml`. `*` and `?` match within one "
            "part of a path, `**` matches any number of parts, and `{name}` matches one part, or some of one "
            "(`clusters/eu-{cluster}`, once in a part), and names it, so that a promotion can find the same text in "
            "the other environment. A part that starts with a dot is matched only if the dot is written out.",
            ["apps/*/overlays/staging"],
            ["clusters/eu-{cluster}/{app}"],
        ),
    ]
    exclude: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(most=1000),
        about(
            "What `overlays` does not mean although it matches, with the same wildcards: these overlays are not this "
            "environment's, and another one may have them. Without it, all that `overlays` matches.",
            ["clusters/eu-canary*/**"],
        ),
    ] = ()
    targets: Annotated[
        tuple[TargetForm, ...],
        Listed(most=100),
        about(
            "Which further files of these overlays hold pins, and how they are read. Without it, files are known by "
            "their names and contents: kustomizations, and plain manifests where there is no kustomization.",
            [{"kind": "manifests", "files": ["rollout.yaml"]}],
        ),
    ] = ()
    blue_green: Slots = ()
    release_info: ReleaseInfoSetting = None
    images: Annotated[
        dict[Annotated[str, leaf.key(IMAGE_WORDS, leaf.LINE)], RulesForm],
        about(
            "Rules for individual images, by the `name` of an entry or by its repository, with `*` for any text. They "
            "override those of the environment, key by key. An exact name beats one with `*`; of several with `*`, the "
            "first that matches counts.",
            {"ghcr.io/acme/web": {"policy": "releases"}, "postgres": {"ignore": True}, "bitnami/*": {"ignore": True}},
            default={},
        ),
    ] = field(default_factory=dict)
    promote_from: Annotated[
        str | None,
        leaf.text("must be the name of another environment", leaf.NAME),
        about(
            "The environment to promote from: entries that both environments have get the digests that the other one "
            "runs. An image with a `policy` of its own follows that instead, and the `policy` of this environment "
            "covers the entries that the other one does not have. Without it, only the `promote` command promotes.",
            "staging",
        ),
    ] = None
    reaches: Annotated[
        tuple[Annotated[str, leaf.text("must be the name of another environment", leaf.NAME)], ...],
        Listed(most=100, distinct=True),
        about(
            "The environments in which these pins take effect too: those whose overlays are built from these files. "
            "The freezes, holds, schedules, `require` and `require_after` of each of them hold here, and a commit here "
            "is a release of each of them. Without it, none.",
            ["staging", "production"],
        ),
    ] = ()
    match: Annotated[
        MatchBy,
        about(
            "What a promotion keeps the same: the bytes, by `digest`, or only the commit that the image was built from "
            "(`revision`), for pipelines that rebuild for the version tag. `revision` needs `tag: release`.",
            "digest",
        ),
    ] = "digest"
    tag: Annotated[
        TagOf,
        about(
            "Which tag a promotion writes: that of the other environment (`source`), or the version tag that the "
            "registry has for the same digest (`release`).",
            "release",
        ),
    ] = "source"
    soak: Annotated[
        timedelta | None,
        leaf.DURATION,
        about(
            "How long the other environment must have run a pin before it is promoted, as in `90s`, `15m`, `2h` or "
            "`1d12h`, at most 366 days. The newest pin that ran that long is promoted, unless it was rolled back. "
            "`promote` holds a pin that has not, unless you pass `--now`. Without it, a pin is promoted at once.",
            "2h",
            "1d12h",
            0,
        ),
    ] = None
    require: Annotated[
        Require | None,
        about(
            "What must have succeeded before something is proposed here. Without it, nothing is asked.",
            {"checks": ["continuous-delivery/{app}-staging"], "deployment": "staging"},
        ),
    ] = None
    require_after: Annotated[
        Checks,
        about(
            "Checks of what was released here, written as in `require`: on the commit that brought a pin, or a later "
            "one on which it still stands. What fails one goes to no environment that is promoted from here, and "
            "`on_failure` says what else happens. Without it, none.",
            ["continuous-delivery/{app}-production", {"name": "e2e", "app": "argocd"}],
        ),
    ] = field(default_factory=tuple)
    on_failure: Annotated[
        OnFailure | None,
        about(
            "`rollback`: open a pull request that rolls back the release that turned an overlay red, if a check of "
            "`require_after` fails within a week. It never merges by itself. Without it, nothing happens.",
            "rollback",
        ),
    ] = None
    propose: Annotated[
        Propose,
        about(
            "How changes are proposed: as pull requests or commits, how they are grouped, and who reviews them.",
            {"as": "pull-request", "group": "overlay", "labels": ["release"], "reviewers": ["team:platform"]},
        ),
    ] = field(default_factory=Propose)
    commits: CommitsSetting = None
    release_tags: ReleaseTags = None
    records: _Records = None
    artifact_metadata: ArtifactMetadata = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigForm:
    """The configuration of gitops-bot, at the root of the repository with the manifests."""

    version: Annotated[Literal[1], leaf.VERSION, about("The version of this format: always 1.", 1)]
    reads: Annotated[
        int,
        leaf.number(1, NEWEST_READS),
        about(
            "Which places of a file are entries: 1 is what the first versions read, 2 also what later ones learned to "
            "read (docs/targets.md marks it). So a new version makes no entries of what had none before. `init` "
            "writes 2, and without a configuration it is 2. Without the key, 1.",
            2,
            default=1,
        ),
    ] = 1
    repository: Annotated[
        str | None,
        _REPOSITORY,
        about(
            "The repository with the manifests: OWNER/NAME or a Git URL without a password. If it is not the origin of "
            "the current checkout, a command fails and asks which one you mean. Without it, the origin.",
            "acme/deploy",
            "https://git.example.com/acme/deploy.git",
        ),
    ] = None
    branch: Annotated[
        str | None,
        leaf.text("must be the name of a branch", leaf.BRANCH),
        about("The branch to read from and propose to. Without it, the default branch of the repository.", "main"),
    ] = None
    policies: Annotated[
        dict[Annotated[str, _NAME], form_policy.Policy],
        about(
            "Policies by name, for environments and images to refer to.",
            {"releases": {"semver": ">=1.0.0 <3"}, "builds": {"pattern": "^[0-9]+$", "order": "numerical"}},
            default={},
        ),
    ] = field(default_factory=dict)
    environments: Annotated[
        dict[Annotated[str, _NAME], EnvironmentForm],
        Listed(least=1),
        about(
            "The environments by name, in the order in which reports show them.",
            {"staging": {"overlays": ["apps/*/overlays/staging"], "policy": "releases"}},
        ),
    ]
    holds: Annotated[
        tuple[HoldForm, ...],
        Listed(most=1000),
        about(
            "Freezes: nothing is proposed for these environments or images until they end. Rollbacks pass those of "
            "whole environments.",
            [
                {
                    "environment": "production",
                    "image": "ghcr.io/acme/web",
                    "until": "2026-12-24",
                    "why": "no release before the fair",
                }
            ],
        ),
    ] = ()
    registries: Annotated[
        dict[Annotated[str, _HOST], RegistryAccess],
        about(
            "How to reach registries, by host. Passwords are given by the name of an environment variable and never "
            "written here.",
            {"ghcr.io": {"username": "bot", "password_env": "GHCR_TOKEN"}},
            default={},
        ),
    ] = field(default_factory=dict)
    commits: CommitsSetting = None
    release_tags: ReleaseTags = None
    records: _Records = None
    artifact_metadata: ArtifactMetadata = None
    report_issue: Annotated[
        bool | None,
        about(
            "Keep one issue in the repository that says what failed, is frozen, is held or waits for review, with "
            "comments when something fails in two runs in a row, is stuck for a day, or recovers. Without it, `false`.",
            True,
        ),
    ] = None


_ENVIRONMENT = leaf.text("must be the name of an environment", leaf.NAME)
_IMAGE = leaf.text(IMAGE_WORDS, leaf.LINE)
_MOMENT = leaf.text("must be a date, or a moment with its offset from UTC", times.MOMENT, check=times.moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldForm:
    """A freeze: what stays as it is for a while, and why. It has either `environment` or `environments`."""

    MORE: ClassVar[dict[str, Any]] = {
        "oneOf": [{"required": ["environment"]}, {"required": ["environments"]}],
        "dependentSchemas": {
            "image": {"properties": {"except": False}},
            "timezone": {
                "anyOf": [
                    {"required": [key], "properties": {key: {"pattern": times.LOCAL}}} for key in ("from", "until")
                ]
            },
        },
        "if": {"not": {"required": ["timezone"]}},
        "then": {"properties": {key: {"pattern": times.IN_UTC} for key in ("from", "until")}},
    }

    environment: Annotated[
        str | None, _ENVIRONMENT, about("The environment to freeze. Without it, those of `environments`.", "production")
    ] = None
    environments: Annotated[
        tuple[Annotated[str, _ENVIRONMENT], ...],
        Listed(least=1, once=True, or_one=True),
        about(
            "Several environments to freeze, or `all` of them. Without it, the one of `environment`.",
            ["staging", "production"],
            "all",
        ),
    ] = field(default_factory=tuple)
    image: Annotated[
        str | None,
        _IMAGE,
        about(
            "The image to freeze, by the `name` of an entry or by its repository. Without it, the whole environment.",
            "ghcr.io/acme/web",
        ),
    ] = None
    except_: Annotated[
        tuple[Annotated[str, _IMAGE], ...],
        Listed(least=1, most=MOST),
        about(
            "The images that a freeze of whole environments leaves alone, each by the `name` of an entry or by its "
            "repository. Without it, none.",
            ["ghcr.io/acme/web"],
        ),
    ] = field(default_factory=tuple)
    from_: Annotated[
        str | None,
        _MOMENT,
        about("When the freeze begins, written like `until`. Without it, it has begun.", "2026-12-19"),
    ] = None
    until: Annotated[
        str,
        _MOMENT,
        about(
            "When the freeze ends: at the start of that day, or at that moment (RFC 3339). With `timezone`, the moment "
            "may be one of that zone's clock, without its offset from UTC.",
            "2026-12-24",
            "2026-12-24T18:00:00+01:00",
        ),
    ]
    timezone: Annotated[
        str | None,
        ZONE,
        about(
            "The time zone, by its IANA name, of dates and of moments without an offset. Without it, UTC.",
            "Europe/Berlin",
        ),
    ] = None
    why: Annotated[
        str,
        leaf.text("must be one line of 1 to 500 characters", leaf.WORDS),
        about("The reason, shown in plans and pull requests.", "no release before the fair"),
    ]


ReleaseTags = Annotated[
    bool | None,
    about(
        "Push the annotated tag `release/<environment>/<number>` for every release on the branch, so that its number "
        "stays whatever becomes of the history. What an environment says overrides what stands at the top. Without it, "
        "`false`.",
        True,
    ),
]
ArtifactMetadata = Annotated[
    bool | None,
    about(
        "With `records`, also write the deployment record of each image that a release brings by its digest, in the "
        "organisation that owns the repository. What an environment says overrides what stands at the top. Without "
        "it, `false`.",
        True,
    ),
]


_VARIABLE = leaf.text(
    "must be the name of an environment variable, never the secret itself",
    leaf.VARIABLE,
    secret=True,
    advice=f"as in {leaf.EXAMPLE}; if it is a secret, and this file was ever pushed, revoke it",
)
#: A host, and the path below it that images have there.
_MIRROR = rf"{leaf.HOST.removesuffix('$')}(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*){{0,20}}$"
_ROLE = r"^arn:aws(?:-[a-z-]{1,20})?:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$"


@dataclass(frozen=True, slots=True)
class RegistryAccess:
    """How to reach one registry."""

    MORE: ClassVar[dict[str, Any]] = {"dependentRequired": {"username": ["password_env"]}}

    username: Annotated[
        str | None,
        leaf.text("must be a user name"),
        about("The user to log in as, with the password of `password_env`. Without it, the user is `token`.", "bot"),
    ] = None
    password_env: Annotated[
        str | None,
        _VARIABLE,
        about(
            "The name of the environment variable that holds the password or token, never the secret itself. Without "
            "it, the login of `docker login` or of the cloud is used, or none.",
            "GHCR_TOKEN",
        ),
    ] = None
    plain_http: Annotated[
        bool | None, about("Connect to the registry without TLS. Without it, only to a registry on this machine.", True)
    ] = None
    concurrency: Annotated[
        int | None, leaf.number(1, 64), about("At most this many concurrent requests. Without it, 16.", 4)
    ] = None
    rate: Annotated[
        float | None,
        leaf.number(0, 1000, per_second=True),
        about("At most this many requests a second. Without it, no limit until the registry asks to slow down.", 10),
    ] = None
    aws_role: Annotated[
        str | None,
        leaf.text("must be the ARN of a role", _ROLE),
        about(
            "For Amazon ECR: the role to assume before asking for a login, as in another account. Without it, the "
            "identity that the bot runs with.",
            "arn:aws:iam::123456789012:role/gitops-bot",
        ),
    ] = None
    mirror: Annotated[
        str | None,
        leaf.text("must be a host and a path", _MIRROR),
        about(
            "Where to read the images of this registry instead: a host, and the path under which it has them. Only the "
            "mirror is queried, with its own login and entry; what is written in manifests stays the same. Without "
            "it, the registry itself.",
            "registry.acme.io/hub",
            "mirror.gcr.io",
        ),
    ] = None
