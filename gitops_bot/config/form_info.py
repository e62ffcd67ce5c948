"""The settings of release info: ConfigMaps in overlays, each with values that follow the pin of one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

from pydantic import Discriminator, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.config.form_target import ONE_FILE
from gitops_bot.config.late import Late
from gitops_bot.config.leaves import about
from gitops_bot.config.lists import Listed

#: pydantic's names for the branches of the union.
INFO_FILE, INFO_FORM, INFO_LIST = "<release info file>", "<release info>", "<several release infos>"
_FILE = leaf.text("must be the name of a file, without a directory and wildcards", ONE_FILE)
_KEY = leaf.key("must be a key of a ConfigMap", r"^[A-Za-z0-9._-]{1,253}$")
_LABEL = leaf.text("must be the name of a label, such as com.acme.build-number", r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseInfoForm:
    """A ConfigMap that says of an image what it is, and changes with its pin."""

    __pydantic_config__ = leaf.STRICT

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
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(most=100),
        about(
            "Only in the overlays that one of these globs matches. Without it, in every overlay of the environment "
            "that has the image.",
            ["apps/web/production"],
        ),
    ] = ()


def _way(value: object) -> str:
    return INFO_FORM if isinstance(value, dict) else INFO_LIST if isinstance(value, list) else INFO_FILE


#: The settings, a list of them, or only the name of the file.
_Forms: TypeAlias = Annotated[
    Annotated[ReleaseInfoForm, Tag(INFO_FORM)]
    | Annotated[tuple[ReleaseInfoForm, ...], Listed(least=1, most=100), Tag(INFO_LIST)]
    | Annotated[str, _FILE, Tag(INFO_FILE)],
    Discriminator(_way),
]
ReleaseInfo: TypeAlias = Annotated[
    _Forms | None,
    Late(),
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
