"""The settings of blue-green deployments: a Service, and the files of its two slots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import Discriminator, Tag

from gitops_bot.config import leaves as leaf
from gitops_bot.config.form_target import ONE_FILE
from gitops_bot.config.late import Late
from gitops_bot.config.leaves import about
from gitops_bot.config.lists import Listed
from gitops_bot.targets import FileRule, target_of
from gitops_bot.targets.blue_green import SelectorTarget
from gitops_bot.targets.manifests import ManifestsTarget

#: pydantic's names for the branches of the union: one setting, or a list of them.
ONE, SEVERAL = "<slots>", "<several slots>"
_FILE = leaf.text("must be the name of a file, without a directory and wildcards", ONE_FILE)
#: What Kubernetes allows in labels.
_KEY = r"^(?:[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueGreenForm:
    """A Service and two slots, of which its selector makes one live. New pins go to the other one."""

    __pydantic_config__ = leaf.STRICT

    service: Annotated[str, _FILE, about("The file with the Service, in the overlay.", "service.yaml")]
    selector: Annotated[
        str,
        leaf.text("must be the key of a label", _KEY),
        about("The key of its `spec.selector` whose value is the name of the live slot.", "version"),
    ]
    slots: Annotated[
        dict[Annotated[str, leaf.key("must be the value of a label", leaf.NAME)], Annotated[str, _FILE]],
        about(
            "The two slots by the values of the selector, each with the file of its workload, beside the Service.",
            {"blue": "deployment-blue.yaml", "green": "deployment-green.yaml"},
            minProperties=2,
            maxProperties=2,
        ),
    ]
    soak: Annotated[
        timedelta,
        leaf.DURATION,
        about(
            "How long the idle slot must have had its pins before the switch to it is proposed, as in `90s`, `15m`, "
            "`2h` or `1d12h`, counted from the commit that brought them. Without it, the switch is proposed at once.",
            "30m",
            0,
        ),
    ] = field(default_factory=timedelta)
    overlays: Annotated[
        tuple[Annotated[str, leaf.OVERLAY], ...],
        Listed(most=100),
        about(
            "Only in the overlays that one of these globs matches. Without it, in every overlay of the environment "
            "that has these files.",
            ["apps/shop/production"],
        ),
    ] = ()

    @property
    def rules(self) -> tuple[FileRule, ...]:
        """How its files are read."""
        return (
            FileRule((self.service,), SelectorTarget(self.selector, tuple(self.slots)), self.overlays),
            FileRule(
                tuple(file for file in self.slots.values() if target_of(file) is None), ManifestsTarget(), self.overlays
            ),
        )


#: One setting, or a list of them.
Slots = Annotated[
    Annotated[BlueGreenForm, Late(), Tag(ONE)]
    | Annotated[tuple[BlueGreenForm, ...], Late(), Listed(most=100), Tag(SEVERAL)],
    Discriminator(lambda value: SEVERAL if isinstance(value, list | tuple) else ONE),
    about(
        "A Service that selects one of two slots: new pins go to the idle slot only, and the switch to it is a "
        "proposal of its own. Where an environment has several such Services in different files, a list of them. "
        "Without it, every entry gets new pins.",
        {
            "service": "service.yaml",
            "selector": "version",
            "slots": {"blue": "deployment-blue.yaml", "green": "deployment-green.yaml"},
            "soak": "30m",
        },
        [
            {"service": "web.yaml", "selector": "slot", "slots": {"a": "web-a.yaml", "b": "web-b.yaml"}},
            {"service": "api.yaml", "selector": "slot", "slots": {"a": "api-a.yaml", "b": "api-b.yaml"}},
        ],
    ),
]
