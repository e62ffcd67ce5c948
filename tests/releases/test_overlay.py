from __future__ import annotations

from dataclasses import replace

import pytest

from gitops_bot.errors import EditError
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin
from gitops_bot.images.rules import Rules
from gitops_bot.releases.layout.overlay import Overlay, edited
from gitops_bot.releases.plan import Change, Entry
from gitops_bot.targets import kustomization

A = "sha256:" + "a" * 64
WEB, API = "apps/web/kustomization.yaml", "apps/api/kustomization.yaml"
FILES = {
    WEB: b"# web\r\nimages:\r\n- name: web\r\n  newTag: v1\r\n- name: proxy\r\n  newTag: v1",
    API: b"images:\n- {name: api, newName: ghcr.io/acme/api, digest: %s}\n" % A.encode(),
}


def overlays(files: dict[str, bytes]) -> list[Overlay]:
    return [Overlay("staging", file.rpartition("/")[0], kustomization.read(data, file)) for file, data in files.items()]


def change(file: str, name: str, after: Pin, new_name: str | None = None) -> Change:
    place = Entry("staging", file.rpartition("/")[0], file, 1, name, name)
    return Change(replace(place, pin=Pin("v1")), after, "policy", "forward", Reason("chosen", "new"), new_name)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"images:\n- name: web\n", "docker.io/library/web", id="a name"),
        pytest.param(b"images:\n- name: web\n  newName: ghcr.io/acme/web\n", "ghcr.io/acme/web", id="newName"),
        pytest.param(b"images:\n- name: WEB\n", "WEB", id="no repository name"),
        pytest.param(b"images:\n- name: web\n  newName: Acme Web\n", "Acme Web", id="newName is none"),
    ],
)
def test_an_entry_knows_its_place_and_its_effective_repository(data: bytes, expected: str) -> None:
    (overlay,) = overlays({WEB: data})
    (found,) = overlay.pin_file.entries
    assert overlay.file == WEB
    assert overlay.entry(found, Rules(None)) == Entry("staging", "apps/web", WEB, 2, found.name, expected)
    assert overlay.entry(found, Rules(None)).key == (WEB, found.name)


def test_only_the_files_that_are_named_are_edited_and_only_their_pins() -> None:
    done = edited(overlays(FILES), [change(WEB, "proxy", Pin("v2")), change(WEB, "web", Pin("v3", A))])
    assert done == {
        WEB: (
            b"# web\r\nimages:\r\n- name: web\r\n  newTag: v3\r\n  digest: %s\r\n- name: proxy\r\n  newTag: v2"
            % A.encode()
        )
    }


def test_files_come_in_order_whatever_the_order_of_the_changes() -> None:
    changes = [change(WEB, "web", Pin("v2")), change(API, "api", Pin("v2"), "ghcr.io/acme/next")]
    assert list(edited(overlays(FILES), changes)) == list(edited(overlays(FILES)[::-1], changes[::-1])) == [API, WEB]
    assert edited(overlays(FILES), changes)[API] == b"images:\n- {name: api, newName: ghcr.io/acme/next, newTag: v2}\n"


def test_without_changes_there_is_nothing_to_write() -> None:
    assert edited(overlays(FILES), []) == {}


@pytest.mark.parametrize(
    ("files", "bad"),
    [
        pytest.param(FILES, change(WEB, "nobody", Pin("v2")), id="no such entry"),
        pytest.param(FILES, change(WEB, "web", Pin("not a tag")), id="no tag"),
        pytest.param(FILES, change(WEB, "web", Pin("v2"), "Not A Name"), id="no name"),
        pytest.param(
            {WEB: b"images:\n- &a {name: web, newTag: v1}\n"}, change(WEB, "web", Pin("v2")), id="a refused entry"
        ),
    ],
)
def test_what_cannot_be_edited_says_where(files: dict[str, bytes], bad: Change) -> None:
    with pytest.raises(EditError) as caught:
        edited(overlays(files), [bad])
    assert caught.value.problem.file == WEB
    assert caught.value.problem.code == "failed.edit"
