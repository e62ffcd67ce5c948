"""What people are about to merge, or asked to leave as it is, is not touched; newer pins wait, and the plan says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.conftest import WEB
from tests.commands.scene import actions, approve, held, label, news, reason

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy

BRANCH = "gitops-bot/production/all"


def freeze(shop: Deploy, by: str) -> None:
    """Do to the open pull request what a person does."""
    if by == "hold":
        label(shop, "Hold")
    else:
        approve(shop)


def thaw(shop: Deploy, by: str) -> None:
    """Take it back."""
    if by == "hold":
        shop.call("DELETE", "/issues/1/labels/Hold")
    else:
        (review,) = shop.call("GET", "/pulls/1/reviews")
        shop.call("PUT", f"/pulls/1/reviews/{review['id']}/dismissals", {"message": "wait"})


@pytest.mark.parametrize(
    ("by", "code", "words"),
    [
        ("hold", "held.label", "#1 has the label `hold`"),
        ("approval", "held.frozen", "#1 is approved"),
    ],
)
def test_newer_pins_wait_until_a_person_lets_go(shop: Deploy, by: str, code: str, words: str) -> None:
    shop.push("web", "1.1.0")
    shop.bot("update")
    freeze(shop, by)
    for name, tag in (("web", "1.2.0"), ("api", "1.1.0")):
        shop.push(name, tag)
    with shop.watching() as seen:
        done = shop.ask("update")
    assert seen.nothing
    assert done.code == 0
    assert actions(done.json) == {"all": "leave"}
    assert held(done.json) == {"web": ("1.2.0", code), "api": ("1.1.0", code)}
    assert words in reason(done.json, "web")["text"]

    thaw(shop, by)
    done = shop.ask("update")
    assert (actions(done.json), held(done.json)) == ({"all": "refresh"}, {})
    assert news(shop, BRANCH) == {"web/web": "1.2.0", "api/api": "1.1.0"}
    assert [pull["number"] for pull in shop.pulls("all")] == [1]


def test_a_pin_that_should_leave_it_waits_too_and_the_command_says_so(shop: Deploy) -> None:
    was = shop.push("web", "1.0.0")
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    shop.remote.commit(
        "main", {WEB: f"images:\n- name: {shop.image('web')}\n  newTag: 1.0.0\n  digest: {was}\n".encode()}
    )
    shop.bot("update")
    approve(shop)
    words = ("set", "production", "--allow-downgrade", f"{shop.image('web')}=1.0.0@{was}")
    with shop.watching() as seen:
        done = shop.ask(*words)
    assert seen.nothing
    assert (done.code, held(done.json)) == (1, {"web": (None, "held.frozen")})

    thaw(shop, "approval")
    done = shop.ask(*words)
    assert (done.code, actions(done.json), held(done.json)) == (0, {"all": "refresh"}, {})
    assert news(shop, BRANCH) == {"api/api": "1.1.0"}
