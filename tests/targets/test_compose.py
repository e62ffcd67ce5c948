"""The images of compose files: found where they stand, edited there alone, and refused where that is not clear."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import yaml

from gitops_bot import targets
from gitops_bot.errors import EditError
from gitops_bot.images.reference import Assignment, Pin
from gitops_bot.targets.compose import ComposeTarget
from gitops_bot.targets.document import SIZE_LIMIT
from gitops_bot.targets.env import EnvTarget
from gitops_bot.targets.kustomization import KustomizationTarget
from gitops_bot.targets.manifests import ManifestsTarget
from gitops_bot.targets.pin_file import edit
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    from gitops_bot.targets.pin_file import FileEntry

DIGEST = "sha256:" + "a" * 64
NEW = f"2.0@{DIGEST}"


def of_one(image: str, variables: bytes = b"") -> tuple[FileEntry, ...]:
    data = f"services:\n  web:\n    image: {image}\n".encode()
    return ComposeTarget().beside({"compose.yaml": data, ".env": variables}).read(data, "compose.yaml").entries


@rows("image expected", {
    "nothing": ("nginx", f"nginx:{NEW}"),
    "tag": ("nginx:1.27  # web", f"nginx:{NEW}  # web"),
    "default of a variable": ("${IMAGE:-acme/web:1.0}", f"${{IMAGE:-acme/web:{NEW}}}"),
    "default of the tag": ("acme/web:${TAG:-1.0}", f"acme/web:${{TAG:-{NEW}}}"),
    "repository with a default": ("${REPO:-web}:1.0", f"${{REPO:-web}}:{NEW}"),
    "nothing sets the repository": ("'${REPO?not set}:${TAG-1}'", None),
})  # fmt: skip
def test_an_edit_changes_the_image_or_the_default_and_nothing_around_it(image: str, expected: str | None) -> None:
    text = "# ours\r\nservices:\r\n  web:\r\n    image: {}\r\n    restart: always"
    pins = ComposeTarget().read(text.format(image).encode(), "compose.yaml")
    if expected is None:
        assert pins.entries[0].refusal is not None
        with pytest.raises(EditError):
            edit(pins, [Assignment("web", Pin("2.0", DIGEST))])
    else:
        assert edit(pins, [Assignment("web", Pin("2.0", DIGEST))]) == text.format(expected).encode()


@rows("image variables repository pin", {
    "host": ("${HOST}/acme/web:1.0", b"HOST=ghcr.io\n", "ghcr.io/acme/web", "1.0"),
    "an empty variable is none": ("acme/web:${TAG:-1.0}", b"TAG=\n", "docker.io/acme/web", "1.0"),
})  # fmt: skip
def test_variables_of_the_file_beside_it_count(image: str, variables: bytes, repository: str, pin: str) -> None:
    (entry,) = of_one(image, variables)
    assert (str(entry.image), str(entry.pin), entry.refusal) == (repository, pin, None)


@rows("image variables", {
    "tag": ("web:${TAG:-1}", b"export TAG='2'\n"),
    "tag and digest": ("web:$TAG@${DIGEST:?}", b"TAG=2\nDIGEST=x\n"),
})  # fmt: skip
def test_an_image_that_variables_pin_is_no_entry_here(image: str, variables: bytes) -> None:
    assert of_one(image, variables) == ()


@rows("image variables reason", {
    "tag": ("web:${TAG}", b"OTHER=1\n", "nothing here sets the variable TAG"),
    "host": ("${HOST}/web:1", b"", "nothing here sets the variable HOST"),
    "part of a tag": ("web:v${TAG:-1}", b"", "the tag is put together from a variable"),
    "tag or digest": (f"web:${{TAG:-1}}@{DIGEST}", b"", "the tag and the digest of the image"),
    "variable in a default": ("web:${TAG:-${OTHER}}", b"", "image holds a template placeholder"),
    "YAML tag": ("!x web:1", b"", "image has an explicit YAML tag"),
    "block": ("|\n      web:1", b"", "image is a block of text"),
})  # fmt: skip
def test_what_is_not_pinned_here_is_refused(image: str, variables: bytes, reason: str) -> None:
    (entry,) = of_one(image, variables)
    assert entry.refusal is not None
    assert entry.refusal.message.startswith(reason)
    assert entry.refusal.next


def test_services_that_are_built_or_extend_others_have_no_image_of_their_own() -> None:
    data = b"""\
services:
  built: {build: ., image: ghcr.io/acme/web:1}
  base: {image: "ghcr.io/acme/base:1", profiles: [debug]}
  web: {extends: {service: base}}
include: [other.yaml]
"""
    assert [entry.name for entry in ComposeTarget().read(data, "compose.yaml").entries] == ["base"]


def test_an_alias_is_followed_where_one_service_has_the_image_alone_and_refused_where_several_share_it() -> None:
    data = b"""\
x-one: &one {image: "one:1", restart: always}
x-two: &two
  image: two:1
services:
  a: {<<: *one}
  b: {<<: [*two], command: x}
  c:
    <<: *two
  d: &d {image: "four:1"}
  e: {<<: *d, image: "five:1"}
  f: {image: &f "six:1", environment: {IMAGE: *f}}
"""
    pins = ComposeTarget().read(data, "compose.yaml")
    refused = {entry.name: entry.refusal.message for entry in pins.entries if entry.refusal}
    assert refused == {
        "b": "the image of b is shared by an alias with c",
        "c": "the image of c is shared by an alias with b",
        "f": "the image of f is shared by an alias with another value",
    }
    after = edit(pins, [Assignment(name, Pin("2")) for name in "ade"])
    assert after == data.replace(b"one:1", b"one:2").replace(b"four:1", b"four:2").replace(b"five:1", b"five:2")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("compose.yaml", True),
        ("compose.prod.yml", True),
        ("compose-dev.yaml", True),
        ("docker-compose.yml", True),
        ("docker-compose.override.yaml", True),
        ("composer.yaml", False),
        ("compose.json", False),
        ("my-compose.yaml", False),
    ],
)
def test_compose_files_are_known_by_their_names(name: str, known: bool) -> None:
    assert (targets.target_of(name) == ComposeTarget()) is known


def test_a_file_of_any_name_is_known_by_its_keys() -> None:
    data = b"services:\n  web:\n    image: web:1\nnetworks: {}\nx-ours: 1\n"
    assert ComposeTarget().count(data) == 1
    assert [type(target) for target in targets.TARGETS if target.count(data)] == [ComposeTarget]
    assert ComposeTarget().count(data + b"replicaCount: 1\n") == 0
    assert ComposeTarget().count(b"services:\n  web:\n    image: {repository: web, tag: 1}\n") == 0


@pytest.fixture(scope="module")
def files(corpus: Path) -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted((corpus / "compose").iterdir())}
    assert len(found) == 85
    return found


def test_every_image_of_real_files_is_found_or_is_built(files: dict[str, bytes]) -> None:
    found = 0
    for name, data in files.items():
        assert len(data) < SIZE_LIMIT
        services = (yaml.load(data, Loader=yaml.CSafeLoader).get("services") or {}).items()
        images = {str(key): value["image"] for key, value in services if "image" in value and "build" not in value}
        pins = ComposeTarget().read(data, name)
        assert [entry.name for entry in pins.entries] == list(images), name
        for entry in pins.entries:
            if "$" not in images[entry.name]:
                tag, digest = (f":{entry.pin.tag}" if entry.pin.tag else ""), entry.pin.digest
                assert f"{entry.repository}{tag}{f'@{digest}' if digest else ''}" == images[entry.name], name
        assert ComposeTarget().count(data) == len(images)
        found += len(images)
        for other in (KustomizationTarget(), ManifestsTarget(), EnvTarget()):
            assert other.count(data) == 0, (name, other)
    assert found > 200


def test_only_the_asked_image_of_a_real_file_changes(files: dict[str, bytes]) -> None:
    """The bytes in front of it and behind it stay, and another parser sees the new image and no other difference."""
    refused: Counter[str] = Counter()
    edited = 0
    for name, data in files.items():
        pins = ComposeTarget().read(data, name)
        before = yaml.load(data, Loader=yaml.CSafeLoader)
        for entry in pins.entries:
            if entry.refusal is not None:
                refused[re.sub(r"variable \w+|: .*", "", entry.refusal.message)] += 1
                print(f"{name}:{entry.line}: {entry.name}: {entry.refusal.message}")  # noqa: T201 - shown with -s
                continue
            after = edit(pins, [Assignment(entry.name, Pin("987.6", DIGEST))])
            old, new = data.split(b"\n"), after.split(b"\n")
            lines = [at for at, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1]]
            assert lines == [entry.line - 1], (name, entry.name)
            seen = yaml.load(after, Loader=yaml.CSafeLoader)
            image, was = (one["services"][_key(one, entry.name)]["image"] for one in (seen, before))
            assert old[entry.line - 1].decode() == new[entry.line - 1].decode().replace(image, was), name
            assert re.sub(r"\$\{\w+:?-(.*?)\}", r"\1", image).endswith(f":987.6@{DIGEST}")
            seen["services"][_key(seen, entry.name)]["image"] = was
            assert seen == before, (name, entry.name)
            edited += 1
    print(edited, "edited;", dict(refused))  # noqa: T201
    assert (edited, refused.total()) == (187, 23)


def _key(document: dict[str, dict[object, object]], name: str) -> object:
    return next(key for key in document["services"] if str(key) == name)
