from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Pin
from gitops_bot.proposals.text import details
from gitops_bot.proposals.text.details import DescribedChange
from tests.managed import alter
from tests.proposals.sample import A, B, build, change, entry
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.images.build import Build

WEB = alter(change(after=Pin("v1.4.2", B)), entry=alter(entry("web", image="ghcr.io/acme/web"), pin=Pin("v1.4.1", A)))
OLD = build()
NEW = build(created=datetime(2026, 8, 2, 13, 5, tzinfo=UTC), revision="b" * 40, size=42_900_000)
PULL = f"\n```sh\ndocker pull ghcr.io/acme/web@{B}\n```\n"


def lines(before: Build | None, after: Build | None, *subjects: str) -> list[str]:
    """The list of one section."""
    text = details.section(WEB, DescribedChange(before, after, subjects))
    return [line for line in text.splitlines() if line.lstrip().startswith("- ")]


def test_a_change_is_told_in_a_section_that_is_folded_away() -> None:
    subjects = ("feat: a button", "fix: its colour")
    assert details.section(WEB, DescribedChange(OLD, NEW, subjects)) == (
        "\n<details><summary><code>ghcr.io/acme/web</code> <code>v1.4.1</code> → <code>v1.4.2</code></summary>\n"
        "\n"
        "- built 2026-08-02 13:05 UTC, previously 2026-08-01 12:00 UTC\n"
        "- source: [`aaaaaaaaaa...bbbbbbbbbb`]"
        f"(https://github.com/acme/web/compare/{'a' * 40}...{'b' * 40}) of `github.com/acme/web`\n"
        "- commits in between, oldest first:\n"
        "  - feat: a button\n"
        "  - fix: its colour\n"
        "- [release notes of v1.4.2](https://github.com/acme/web/releases/tag/v1.4.2)\n"
        "- platforms: `linux/amd64`, `linux/arm64`\n"
        "- size: 42.9 MB to pull for `linux/amd64`, previously 41.2 MB (+1.7 MB)\n"
        f"{PULL}"
        "\n</details>"
    )


def test_an_image_that_says_nothing_can_still_be_pulled() -> None:
    head = "\n<details><summary><code>ghcr.io/acme/web</code> <code>v1.4.1</code> → <code>v1.4.2</code></summary>\n"
    silent = build(created=None, source=None, revision=None, platforms=(), size=None)
    for described in (DescribedChange(), DescribedChange(None, silent)):
        assert details.section(WEB, described) == f"{head}{PULL}\n</details>"
    moved = details.section(alter(WEB, new_name="nginx"), DescribedChange())
    assert f"docker pull docker.io/library/nginx@{B}\n" in moved
    assert details.section(alter(WEB, after=Pin("v1.4.2")), DescribedChange()) == ""
    assert details.section(alter(WEB, entry=entry(image="No Image")), DescribedChange()) == ""


@rows("before after expected", {
    "nothing of before": (None, NEW, ["- built 2026-08-02 13:05 UTC"]),
    "of another time zone": (
        None, build(created=datetime(2026, 8, 2, 1, 0, tzinfo=timezone(timedelta(hours=2)))),
        ["- built 2026-08-01 23:00 UTC"],
    ),
    "no time": (OLD, build(created=None), []),
    "a reproducible build": (OLD, build(created=datetime(1970, 1, 1, tzinfo=UTC)), []),
    "the end of time": (OLD, build(created=datetime.max.replace(tzinfo=timezone(timedelta(hours=-2)))), []),
})  # fmt: skip
def test_the_build_time_is_in_utc(before: Build | None, after: Build, expected: list[str]) -> None:
    assert [line for line in lines(before, after) if line.startswith("- built")] == expected


HOME = "https://github.com/acme/web"
ONE_COMMIT = f"- source: [`bbbbbbbbbb`]({HOME}/commit/{'b' * 40}) of `github.com/acme/web`"


@rows("before after expected", {
    "nothing of before": (None, NEW, ONE_COMMIT),
    "a branch before": (build(revision="main"), NEW, ONE_COMMIT),
    "the same commit": (NEW, NEW, f"{ONE_COMMIT}, built again from the same commit"),
    "no commit": (OLD, build(revision=None), f"- source: [`github.com/acme/web`]({HOME})"),
    "no source": (OLD, build(source=None), "- source: commit `aaaaaaaaaa`"),
    "a source that is no link": (
        OLD, build(source="git@github.com:acme/web"), "- source: commit `aaaaaaaaaa` of `git@github.com:acme/web`",
    ),
    "neither": (OLD, build(source=None, revision=None), None),
    "only the commit of before": (
        build(source=None), NEW,
        f"- source: [`aaaaaaaaaa...bbbbbbbbbb`]({HOME}/compare/{'a' * 40}...{'b' * 40}) of `github.com/acme/web`",
    ),
})  # fmt: skip
def test_the_source_is_linked_as_far_as_it_is_known(before: Build | None, after: Build, expected: str | None) -> None:
    assert next((line for line in lines(before, after) if line.startswith("- source")), None) == expected


def test_subjects_are_bounded_and_the_newest_stay() -> None:
    shown = lines(None, None, *(f"commit {number}" for number in range(50)))
    assert shown[:3] == ["- commits in between, oldest first:", "  - … 30 older commits", "  - commit 30"]
    assert shown[-1] == "  - commit 49"
    assert len(shown) == 22
    assert len(lines(None, None, "x" * 1_000)[1]) == len("  - ") + 120
    assert lines(None, None, "", "\u200b", "[x] fixes #1") == [shown[0], "  - \\[x\\] fixes \\#\u200b1"]


@rows("tag page", {
    "full": ("v1.4.2", "releases/tag/v1.4.2"),
    "without a v": ("1.4.2", "releases?q=1.4.2"),
    "half a version": ("v1.4", None),
    "no tag": (None, None),
})  # fmt: skip
def test_full_versions_have_release_notes(tag: str | None, page: str | None) -> None:
    text = details.section(alter(WEB, after=Pin(tag, B)), DescribedChange(None, NEW))
    expected = [f"- [release notes of {tag}]({HOME}/{page})"] if page else []
    assert [line for line in text.splitlines() if "release notes" in line] == expected


@rows("before after expected warning", {
    "nothing of before": ((), ("linux/amd64",), "- platforms: `linux/amd64`", ""),
    "the same": (("a", "b"), ("b", "a"), "- platforms: `b`, `a`", ""),
    "one more": (("a",), ("a", "b"), "- platforms: `a`, `b`", ""),
    "two less": (("a", "b", "c"), ("b",), "- platforms: `b`; **no longer `a`, `c`**", "`a`, `c`"),
    "unknown now": (("a", "b"), (), None, ""),
    "many": (
        (), tuple(f"p{number:02}" for number in range(14)),
        f"- platforms: {', '.join(f'`p{number:02}`' for number in range(12))} and 2 more", "",
    ),
})  # fmt: skip
def test_lost_platforms_are_said_loudly(
    before: tuple[str, ...], after: tuple[str, ...], expected: str | None, warning: str
) -> None:
    described = DescribedChange(build(platforms=before), build(platforms=after))
    shown = [line for line in details.section(WEB, described).splitlines() if line.startswith("- platforms")]
    assert shown == ([expected] if expected else [])
    loud = f"> - `ghcr.io/acme/web` `v1.4.2` is no longer built for {warning}"
    assert details.lost_platforms(WEB, described) == (loud if warning else "")
    for one_unknown in (replace(described, before=None), replace(described, after=None)):
        assert details.lost_platforms(WEB, one_unknown) == ""


@rows("before after expected", {
    "smaller": (2_000, 1_500, "- size: 1.5 kB to pull for `linux/amd64`, previously 2.0 kB (-500 B)"),
    "the same": (10**9, 10**9, "- size: 1.0 GB to pull for `linux/amd64`, previously 1.0 GB (the same)"),
    "from nothing": (0, 10, "- size: 10 B to pull for `linux/amd64`, previously 0 B (+10 B)"),
    "unknown": (5, None, None),
    "unknown before": (None, 999, "- size: 999 B to pull for `linux/amd64`"),
    "less than nothing": (5, -1, None),
    "more than there is": (5, 10**4_000, None),
})  # fmt: skip
def test_the_size_is_that_of_the_pull(before: int | None, after: int | None, expected: str | None) -> None:
    other = lines(build(size=before, sized="linux/arm64"), build(size=after))
    assert not any("previously" in line for line in other if line.startswith("- size"))
    shown = lines(build(size=before), build(size=after))
    assert next((line for line in shown if line.startswith("- size")), None) == expected


@rows("before after expected", {
    "more": (11, 12, "12 layers, 83.0 MB to pull for `linux/amd64`, previously 11 layers, 81.3 MB"),
    "none, and unknown": (None, 0, "0 layers, 83.0 MB to pull for `linux/amd64`, previously 81.3 MB"),
})  # fmt: skip
def test_layers_stand_beside_the_size(before: int | None, after: int, expected: str) -> None:
    shown = lines(build(size=81_300_000, layers=before), build(size=83_000_000, layers=after))
    assert f"- size: {expected} (+1.7 MB)" in shown
