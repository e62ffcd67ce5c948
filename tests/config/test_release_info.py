"""`release_info`, in every way to write it, and what may be wrong with it."""

from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.config import ReleaseInfo
from gitops_bot.errors import ConfigError
from gitops_bot.images.build import LABELS

TEXT = "version: 1\nenvironments: {production: {overlays: [a], %s}}\n"
SLOTS = "blue_green: {service: s.yaml, selector: v, slots: {blue: b.yaml, green: g.yaml}}"
KNOWN = tuple(LABELS.items())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("info.yaml", (ReleaseInfo("info.yaml", None, KNOWN),)),
        ("{file: info.yaml}", (ReleaseInfo("info.yaml", None, KNOWN),)),
        (
            "[{file: a.yaml, image: web}, {file: b.yaml, overlays: [b]}]",
            (ReleaseInfo("a.yaml", "web", KNOWN), ReleaseInfo("b.yaml", None, KNOWN, ("b",))),
        ),
        (
            "{file: i.yaml, image: web, overlays: [a], keys: {version: x.y, build-number: b, COMMIT: c}}",
            (
                ReleaseInfo(
                    "i.yaml",
                    "web",
                    (("version", "x.y"), KNOWN[1], KNOWN[2], ("build-number", "b"), ("COMMIT", "c")),
                    ("a",),
                ),
            ),
        ),
    ],
)
def test_labels_are_those_of_oci_unless_they_are_named(written: str, meant: tuple[ReleaseInfo, ...]) -> None:
    read = config.read(TEXT % f"release_info: {written}", "gitops-bot.yaml")
    assert read.environments["production"].release_info == meant


@pytest.mark.parametrize(
    ("written", "message", "advice"),
    [
        ("release_info: a/b.yaml", "must be the name of a file", "release-info.yaml"),
        ("release_info: [a]", "an item of `release_info` must be a mapping", "`key: value`"),
        ("release_info: []", "must not be an empty list", "release-info.yaml"),
        ("release_info: [{file: a, lable: c}]", "unknown key 'lable'", "known here: `file`"),
        ("release_info: {image: a}", "`release_info` has no `file`", "`file: release-info.yaml`"),
        ("release_info: {file: a, image: b, lable: c}", "unknown key 'lable'", "known here: `file`"),
        ("release_info: {file: a, keys: {'a b': c}}", "must be a key of a ConfigMap", "build-number"),
        ("release_info: {file: a, keys: {b: 'c d'}}", "must be the name of a label", "as in"),
        (f"release_info: a.yaml, {SLOTS}", "with `blue_green` two may be deployed", "remove one of them"),
    ],
)
def test_what_is_wrong_is_told_with_the_next_step(written: str, message: str, advice: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(TEXT % written, "gitops-bot.yaml")
    (problem,) = raised.value.problems
    assert message in problem.message
    assert advice in problem.next
    assert problem.line == 2
