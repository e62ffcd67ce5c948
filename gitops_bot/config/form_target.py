"""Which files of an overlay hold pins, as it is written: for files that their names and contents do not tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, assert_never

from gitops_bot.config import leaves as leaf
from gitops_bot.config.leaves import about
from gitops_bot.targets import FileRule
from gitops_bot.targets.manifests import ManifestsTarget

TargetKind = Literal["manifests"]

FILE = r"^(?!\.\.?$)[^/\\\x00-\x1f\x7f\[\]{}]{1,200}$"
PATH = r"^(?:\.[A-Za-z0-9_-]{1,200}(?:\[\])?){1,50}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetForm:
    """Files that hold pins, and how they are read."""

    __pydantic_config__ = leaf.STRICT

    kind: Annotated[
        TargetKind,
        *leaf.choice(TargetKind),
        about("What the files are: `manifests` of Kubernetes.", "manifests"),
    ]
    files: Annotated[
        tuple[Annotated[str, *leaf.text("must be the name of a file, with `*` and `?`", FILE)], ...],
        *leaf.listed(least=1, most=20),
        about("The names of the files; `*` and `?` are wildcards.", ["deployment-*.yaml"]),
    ]
    overlays: Annotated[
        tuple[Annotated[str, *leaf.OVERLAY], ...],
        *leaf.listed(most=100),
        about(
            "Only in the overlays that one of these globs matches. Without it, in every overlay of the environment.",
            ["apps/*/overlays/production"],
        ),
    ] = ()
    kinds: Annotated[
        dict[
            Annotated[str, *leaf.key("must be the kind of a resource", leaf.NAME)],
            Annotated[
                tuple[Annotated[str, *leaf.text("must be a path such as .spec.containers[].image", PATH)], ...],
                *leaf.listed(least=1, most=20),
            ],
        ],
        about(
            "For `manifests`: the paths to the images in custom resources, by their kind; `[]` is every item of a "
            "list. Pods, all workloads, Argo Rollouts and Workflows and Knative services are known.",
            {"Kafka": [".spec.kafka.image"]},
            default={},
        ),
    ] = field(default_factory=dict)

    @property
    def rule(self) -> FileRule:
        """The same, as the overlays want it."""
        match self.kind:
            case "manifests":
                target = ManifestsTarget(tuple(sorted(self.kinds.items())))
            case _:
                assert_never(self.kind)
        return FileRule(self.files, target, self.overlays)
