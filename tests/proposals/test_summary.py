from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitops_bot.images.reference import Pin
from gitops_bot.proposals import content
from gitops_bot.proposals.text.markdown import size
from tests.managed import alter
from tests.proposals.sample import API, WEB, A, B, change, entry
from tests.tables import rows

if TYPE_CHECKING:
    from gitops_bot.releases.decisions import Change


@rows("changes expected", {
    "one image": ([change()], "web v2"),
    "a digest alone": ([change(after=Pin(None, B))], f"web {B[:19]}"),
    "one image in two overlays": ([change(), change(file=API)], "web v2"),
    "one image, two tags": ([change(), change(file=API, after=Pin("v3"))], "update web"),
    "two": ([change(), change("api")], "update api and web"),
    "three, in order": ([change("c"), change("a"), change("b")], "update a, b and c"),
    "four": ([change(name) for name in "abcd"], "update 4 images"),
})  # fmt: skip
def test_a_summary_names_what_there_is_room_for(changes: list[Change], expected: str) -> None:
    assert content.in_words(changes) == expected
    assert content.in_words(changes[::-1]) == expected


@rows("group expected", {
    "the whole environment": ("all", "web v2"),
    "named as the image": ("web", "web v2"),
    "the image": ("docker.io/library/web", "web v2"),
    "an overlay": ("apps/web/overlays/eu", "web v2 in apps/web/overlays/eu"),
    "named by people": ("frontend", "web v2 in frontend"),
})  # fmt: skip
def test_a_summary_says_the_group_unless_that_says_nothing_new(group: str, expected: str) -> None:
    assert content.in_words([change()], group) == expected


def test_templates_may_say_these() -> None:
    top = alter(change("top"), entry=entry("top", "kustomization.yaml"))
    assert content.fields("@ada\nfixes #1", [top], "all", "policy")["environment"] == "@\u200bada fixes #\u200b1"
    assert content.fields("staging", [top], "all", "policy")["overlays"] == "."
    said = content.fields("staging", [change(), change("api", file=API)], "frontend", "promotion")
    assert said == {
        "environment": "staging",
        "group": "frontend",
        "summary": "update api and web in frontend",
        "count": "2",
        "images": "docker.io/library/api, docker.io/library/web",
        "overlays": "apps/api/overlays/staging, apps/web/overlays/staging",
        "source": "promotion",
    }


def test_the_table_has_image_file_from_to_and_why() -> None:
    rows = content.table([
        change(before=Pin(None, A), after=Pin(None, B)),
        alter(change("proxy", new_name="ghcr.io/acme/proxy"), entry=entry("front", WEB, "docker.io/library/proxy")),
    ])  # fmt: skip
    assert rows.split("\n") == [
        f"* docker.io/library/web in {WEB}",
        f"    {A}",
        f"    -> {B}",
        "    v2 is the highest of 3 tags",
        f"* docker.io/library/proxy (front) (now ghcr.io/acme/proxy) in {WEB}",
        "    v1",
        f"    -> v2@{B}",
        "    v2 is the highest of 3 tags",
    ]


def test_changes_that_are_alike_are_told_once() -> None:
    changes = [change(), change("api", file=API), change(file=API, reason="carried over from the open proposal")]
    assert content.table(changes).split("\n") == [
        "* docker.io/library/web in 2 overlays",
        "    v1",
        f"    -> v2@{B}",
        "    v2 is the highest of 3 tags",
        "    carried over from the open proposal",
        f"* docker.io/library/api in {API}",
        "    v1",
        f"    -> v2@{B}",
        "    v2 is the highest of 3 tags",
    ]


def test_the_table_is_cut_at_a_whole_change_with_a_word_and_nothing_in_it_notifies_anybody() -> None:
    before = Pin("@ada", "fixes #1")
    cut = content.table(
        [
            change(f"{'x' * 400}{number // 2}", file=f"{number}", reason="y" * 490, before=before)
            for number in range(200)
        ]
    )
    rows = cut.count("* docker")
    assert cut.endswith(f"* … and {200 - 2 * rows} more: see the trailers")
    assert size(cut) <= 50_000
    assert not re.search(r"@[a-z]|#\d", cut.replace(f"@{B}", ""))
