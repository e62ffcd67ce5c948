"""What must have succeeded before a release goes on: `require` of an environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import IMAGE_WORDS, Either, Listed, about
from gitops_bot.config.propose import STATUS
from gitops_bot.images.reference import fits, normalised

#: A capture of an overlay in the name of a check.
CAPTURE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,59})\}")
_NAME = r"^(?:[^{}\x00-\x1f\x7f-\x9f\u2028\u2029]|\{[A-Za-z_][A-Za-z0-9_]{0,59}\}){1,255}$"
_CHECK = rf"^(?!{STATUS}$){_NAME[1:]}"
_ENVIRONMENT_WORDS = "must be the name of an environment of the forge, with `{app}` for what the overlays capture"
_NAME_WORDS = (
    f"must be the name of a check (not `{STATUS}`, which the bot writes), with `*` for any text and `{{app}}` for what "
    "the overlays capture"
)
#: Logins, those of apps (`argocd[bot]`) included.
_LOGIN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(?:\[bot\])?$"
_APP = r"^[a-z0-9][a-z0-9-]{0,99}$"
_AppSetting = Annotated[
    str | None,
    leaf.text("must be the name of an app as in its address: small letters, digits and `-`", _APP),
    about(
        "The app of the forge that must have made it, by the name in its address. Without it, anybody may.", "argocd"
    ),
]
_UserSetting = Annotated[
    str | None,
    leaf.text("must be a login", _LOGIN),
    about("The user that must have made it. Without it, anybody may.", "argocd-bot"),
]
_WORKFLOW = r"^[^/\x00-\x1f\x7f-\x9f\u2028\u2029]{1,200}\.ya?ml$"
_Passes = Literal["passes", "holds"]
_REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._-]{1,100}){1,10}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckForm:
    """A commit status or check run, and who must have made it; a bare name accepts it from anybody."""

    name: Annotated[
        str,
        leaf.text(_NAME_WORDS, _CHECK),
        about("Its name: the context of a commit status, or the name of a check run.", "e2e"),
    ]
    app: _AppSetting = None
    user: _UserSetting = None
    workflow: Annotated[
        str | None,
        leaf.text("must be the file name of a workflow", _WORKFLOW),
        about(
            "The workflow whose job it must be, by the name of its file. Without it, jobs of this name in all "
            "workflows must have succeeded.",
            "build.yml",
        ),
    ] = None
    by: Annotated[
        Literal["time", "commit"],
        leaf.choice(Literal["time", "commit"]),
        about(
            "Which of several statuses is the newest: the one that was written last (`time`), or the one on the latest "
            "commit (`commit`), for tools that test commits one by one. Check runs always go by commit.",
            "commit",
        ),
    ] = "time"
    skipped: Annotated[
        _Passes,
        leaf.choice(_Passes),
        about("What a check run does that was skipped.", "passes"),
    ] = "holds"
    neutral: Annotated[
        _Passes,
        leaf.choice(_Passes),
        about("What a check run does that ended as neutral.", "passes"),
    ] = "holds"

    def is_by(self, maker: str) -> bool:
        """Whether it counts if that login made it."""
        return _is_by(maker, self.app, self.user)

    def lets_pass(self, conclusion: str) -> bool:
        """Whether a check run counts as a success that ended so, without having succeeded."""
        return {"skipped": self.skipped, "neutral": self.neutral}.get(conclusion) == "passes"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentForm:
    """An environment of the forge, and who must have deployed to it."""

    name: Annotated[
        str,
        leaf.text(_ENVIRONMENT_WORDS, _NAME),
        about("Its name.", "{app}-staging"),
    ]
    app: _AppSetting = None
    user: _UserSetting = None

    def is_by(self, maker: str) -> bool:
        """Whether it counts if that login made it."""
        return _is_by(maker, self.app, self.user)


def _is_by(maker: str, app: str | None, user: str | None) -> bool:
    wanted = user or (f"{app}[bot]" if app is not None else None)
    return wanted is None or wanted.lower() == maker.lower()


#: A check by its name alone, or with who must have made it.
CheckSetting = Annotated[
    CheckForm | Annotated[CheckForm, leaf.text(_NAME_WORDS, _CHECK, parse=lambda name: CheckForm(name=name))],
    Either(lambda value: 0 if isinstance(value, dict) else 1),
]

#: An environment by its name alone, or with who must have deployed to it.
DeploymentSetting = Annotated[
    DeploymentForm
    | Annotated[DeploymentForm, leaf.text(_ENVIRONMENT_WORDS, _NAME, parse=lambda name: DeploymentForm(name=name))],
    Either(lambda value: 0 if isinstance(value, dict) else 1),
]

Checks = Annotated[tuple[CheckSetting, ...], Listed(least=1, most=50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChecks:
    """Checks of the commit that an image was built from."""

    images: Annotated[
        dict[
            Annotated[str, leaf.key(IMAGE_WORDS, leaf.LINE)],
            Annotated[str, leaf.text("must be the repository that the image is built from: OWNER/NAME", _REPOSITORY)],
        ],
        about(
            "The repository that each image is built from, by the `name` of an entry or by its repository, with `*` "
            "for any text. Other images pass.",
            {"ghcr.io/acme/web": "acme/web"},
        ),
    ]
    checks: Annotated[
        Checks,
        about(
            "The checks that must have succeeded on the commit that the image's label "
            "`org.opencontainers.image.revision` names.",
            ["test", "trivy"],
        ),
    ]

    def repository_of(self, name: str, image: str) -> str | None:
        """The repository that an entry's image is built from, if one is named."""
        exact = (its for key, its in self.images.items() if key == name or normalised(key) == image)
        alike = (its for key, its in self.images.items() if "*" in key and (fits(key, name) or fits(key, image)))
        return next(exact, None) or next(alike, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Require:
    """What must have succeeded before a pin is proposed."""

    checks: Annotated[
        Checks,
        about(
            "Commit statuses and check runs that must have succeeded on the commit that brought the pin to the other "
            "environment, or on a later one on which it still stood: by name, or with the `app` or `user` that must "
            "have made them, and the `workflow`. `{app}` is what the overlays capture; of `*`, one must exist, and "
            "all must have succeeded. Without it, none.",
            ["continuous-delivery/{app}-staging", {"name": "e2e", "app": "argocd"}],
        ),
    ] = field(default_factory=tuple)
    source_checks: Annotated[
        SourceChecks | None,
        about(
            "Checks of the commit that the image was built from, for promotions and for tags that a policy "
            "chooses. Without it, none.",
            {"images": {"ghcr.io/acme/web": "acme/web"}, "checks": ["test", "trivy"]},
        ),
    ] = None
    deployment: Annotated[
        DeploymentSetting | None,
        about(
            "An environment of the forge: the newest deployment of the commit that brought the pin to the other "
            "environment, or of a later one on which it still stood, must have succeeded; by name, or with the "
            "`app` or `user` that must have made it. `{app}` is what the overlays capture. Without it, none.",
            "{app}-staging",
            {"name": "staging", "app": "argocd"},
        ),
    ] = None
