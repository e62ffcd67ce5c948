from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_bot.images import kinds
from gitops_bot.images.inference import infer
from gitops_bot.images.order import rank
from gitops_bot.images.policy import Chosen, choose
from gitops_bot.images.reason import Reason
from gitops_bot.images.reference import Pin, is_tag

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "sha256:" + "0" * 64

#: A pinned tag, the tags beside it in the registry, and the one to go to (the same one: there is nothing newer).
FOLLOWED = {
    "a full version": ("1.4.2", ["1.4.3", "1.10.0", "2.0.0", "1.11.0-rc.1", "v1.12.0", "1.13", "1.14.0-x"], "1.10.0"),
    "below one": ("0.3.1", ["0.4.0", "1.0.0", "0.3.2"], "0.4.0"),
    "a pre-release": ("2.0.0-rc.1", ["2.0.0-rc.2", "2.0.0-beta.9", "2.1.0-alpha.1", "3.0.0-rc.1"], "2.0.0-rc.2"),
    "a pre-release that is out": ("2.0.0-rc.1", ["2.0.0-rc.2", "2.0.0", "3.0.0"], "2.0.0"),
    "a variant": ("1.27.3-alpine", ["1.27.4-alpine", "1.28.0", "1.29.0-alpine-x", "2.0.0-alpine"], "1.27.4-alpine"),
    "a variant with a version": ("1.27-alpine3.20", ["1.28-alpine3.20", "1.29-alpine3.21"], "1.28-alpine3.20"),
    "a variant with a number": ("1.2.3-debian-12", ["1.2.4-debian-12", "1.2.5-debian-13"], "1.2.4-debian-12"),
    "two parts": ("1.27", ["1.28", "1.27.9", "2.0", "1", "v1.29"], "1.28"),
    "a prefix": ("release-1.2.3", ["release-1.3.0", "1.4.0", "release-2.0.0", "rc-1.5.0"], "release-1.3.0"),
    "a build": ("build-123", ["build-99", "build-1000", "build-20240115", "2000", "ci-3000"], "build-20240115"),
    "a build of a branch": ("main-57", ["main-58", "main-20240115", "dev-99", "main-1234567"], "main-58"),
    "a number": ("1448", ["1449", "20240115", "5093472", "1500-x"], "1449"),
    "a day": ("20240115", ["20240116", "20240117093000", "99999999"], "20240116"),
    "a second": ("main-20240115123000", ["main-20240116090000", "main-20250101"], "main-20240116090000"),
    "a day with dashes": ("2024-01-15", ["2024-02-01", "2024-01-31", "20250101"], "2024-02-01"),
    "a day and a time": ("20250709-084626", ["20250709-084700", "20250710-000000", "20260101"], "20250710-000000"),
    "a day and a count": ("20250131.3", ["20250131.12", "20250201", "20250202-1", "20250130.99"], "20250131.12"),
    "a day and a time in parts": ("2025.01.31-13.45", ["2025.02.01-09.05", "2025.02.02", "2025.02.03-1.2.3"],
                                  "2025.02.01-09.05"),
    "seconds of Unix": ("main-1700000000", ["main-1700000001", "main-170000000100"], "main-1700000001"),
}  # fmt: skip


@pytest.mark.parametrize(("tag", "others", "expected"), FOLLOWED.values(), ids=FOLLOWED.keys())
def test_a_tag_is_followed_in_its_own_shape(tag: str, others: list[str], expected: str) -> None:
    policy = infer(Pin(tag))
    assert not isinstance(policy, Reason), policy.text
    chosen = choose(policy, [tag, *others], Pin(tag))
    assert isinstance(chosen, Chosen)
    assert chosen.tag == expected


UNMANAGED = {
    "nothing": (None, "nothing is pinned"),
    "latest": ("latest", "has no order"),
    "a word and a branch": ("prod-initial", "has no order"),
    "a short commit": ("fc76a29", "is a commit"),
    "a whole commit": ("08df8630e31bf46a2dafb8da89f8c8e113835606", "is a commit"),
    "a commit with a prefix": ("sha-0552453", "is a commit"),
    "a commit of digits": ("5093472", "may be a commit"),
    "a commit and a number": ("b8a2b2a-4074585724", "is a commit"),
    "a day and a commit of digits": ("20240115-5093472", "is more than a version"),
    "git describe": ("v0.150.0-155-g89004787", "is a commit"),
    "a signature": ("sha256-" + "0" * 64 + ".sig", "is a commit"),
    "a major version": ("v3", "is only a major version"),
    "a year": ("2022", "may be a year"),
    "a pull request": ("pr-12", "is a pull request"),
    "a version behind a pull request": ("pr-12-1.2.3", "is a pull request"),
    "a version or a build": ("alpine-3", "may be a version or a build number"),
    "a packager's counter": ("5.1.4-r3-ls453", "is more than a version"),
    "a moving pre-release": ("1.2-SNAPSHOT", "is more than a version"),
    "a template": ("${IMAGE_TAG}", "is not a tag"),
    "a control character": ("a\x1b[31m", "'a\\x1b[31m' is not a tag"),
}


@pytest.mark.parametrize(("tag", "said"), UNMANAGED.values(), ids=UNMANAGED.keys())
def test_a_tag_without_a_safe_successor_is_left_alone_and_says_why(tag: str | None, said: str) -> None:
    reason = infer(Pin(tag))
    assert isinstance(reason, Reason)
    assert reason.code == "unmanaged"
    assert said in reason.text


@pytest.mark.parametrize("tag", ["v3", "15-alpine", "7"])
def test_a_major_version_beside_a_digest_is_followed(tag: str) -> None:
    assert infer(Pin(tag, DIGEST)) == kinds.Follow(tag)


@given(st.one_of(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,40}", fullmatch=True), st.text(max_size=20)))
def test_whatever_is_inferred_admits_the_tag_that_it_was_inferred_from(tag: str) -> None:
    policy = infer(Pin(tag))
    assert isinstance(policy, Reason) or (is_tag(tag) and rank(policy, [tag], 1) == (tag,))


VERSIONS = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)).map(lambda v: ".".join(map(str, v)))
SHAPES = st.tuples(
    st.sampled_from(["", "v", "release-", "web-v"]), VERSIONS, st.sampled_from(["", "-alpine", "-debian-12", "-rc.3"])
).map("".join)


@given(present=SHAPES, others=st.lists(SHAPES, max_size=20))
def test_what_is_chosen_never_leaves_the_major_version_nor_the_shape(present: str, others: list[str]) -> None:
    policy = infer(Pin(present))
    if isinstance(policy, Reason):
        return
    chosen = choose(policy, [present, *others], Pin(present))
    if isinstance(chosen, Chosen):

        def frame(tag: str) -> list[str]:
            head, _, rest = tag.partition(".")
            return [head, rest.lstrip("0123456789.").replace("-rc.3", "")]

        assert frame(chosen.tag) == frame(present)


def test_the_tags_of_the_corpus_are_followed_or_explained(corpus: Path) -> None:
    followed, unmanaged = 0, 0
    for line in (corpus / "INDEX.jsonl").read_text(encoding="utf-8").splitlines():
        path = corpus / "kustomizations" / f"{json.loads(line)['id']}.yaml"
        try:
            document = YAML(typ="safe", pure=True).load(path.read_bytes())
        except Exception:  # noqa: BLE001, S112 - templates of other tools; what is refused is asserted by manifests
            continue
        for entry in document.get("images") or ():
            tag = str(entry["newTag"]) if entry.get("newTag") is not None else None
            policy = infer(Pin(tag, entry.get("digest")))
            if isinstance(policy, Reason):
                unmanaged += 1
            else:
                followed += 1
                assert tag is not None
                assert rank(policy, [tag], 1) == (tag,)
    assert (followed, unmanaged) == (216, 556)
