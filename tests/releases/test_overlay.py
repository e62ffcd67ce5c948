from __future__ import annotations

from gitops_bot.images.kinds import PinShape, Rules
from gitops_bot.images.reason import unmanaged
from gitops_bot.images.reference import Pin
from gitops_bot.releases.decisions import Managed
from gitops_bot.releases.layout.read import Overlay
from gitops_bot.targets import kustomization
from gitops_bot.targets.pin_file import FileEntry, TextPins
from tests.tables import rows

WEB = "apps/web/kustomization.yaml"


@rows("data expected", {
    "a name": (b"images:\n- name: web\n", "docker.io/library/web"),
    "newName": (b"images:\n- name: web\n  newName: ghcr.io/acme/web\n", "ghcr.io/acme/web"),
    "no repository name": (b"images:\n- name: WEB\n", "WEB"),
    "newName is none": (b"images:\n- name: web\n  newName: Acme Web\n", "Acme Web"),
})  # fmt: skip
def test_an_entry_knows_its_place_and_its_effective_repository(data: bytes, expected: str) -> None:
    pin_file = kustomization.read(data, WEB)
    overlay = Overlay.of("staging", "apps/web", pin_file, lambda _: Rules(None))
    (item,), (entry,) = pin_file.entries, overlay.entries
    assert entry == Managed(item, WEB, "apps/web", "staging")
    assert (entry.line, entry.image) == (2, expected)
    assert entry.key == (WEB, item.name)


@rows("more asked expected", {
    "as configured": ({}, "digest", Rules(None, pin="digest")),
    "no place for a digest": ({"says": "tag"}, "tag+digest", Rules(None, pin="tag", no_room=True)),
    "no digest asked for": ({"says": "tag"}, "tag", Rules(None, pin="tag")),
    "no place for a tag": ({"says": "digest"}, "tag", Rules(None, pin="digest")),
    "a selector": ({"choices": ("blue", "green")}, "digest", Rules(None, pin="tag")),
    "decided by another file": (
        {"decided_by": "k.yaml"}, "tag", Rules(None, unmanaged=unmanaged("overridden", "k.yaml")),
    ),
    "a variable that nothing sets": ({"unset": "TAG"}, "tag", Rules(None, unmanaged=unmanaged("unset", "TAG", "f:7"))),
})  # fmt: skip
def test_what_the_file_has_room_for_beats_what_is_configured(
    more: dict[str, object], asked: PinShape, expected: Rules
) -> None:
    entry = FileEntry("web", None, Pin("1"), 7, 1, None, **more)  # type: ignore[arg-type]
    overlay = Overlay.of("staging", ".", _Pins("f", (entry,), (), ""), lambda _: Rules(None, pin=asked))
    assert [each.rules for each in overlay.entries] == [expected]


class _Pins(TextPins):
    def with_pins(self, wanted: object) -> bytes:
        raise NotImplementedError
