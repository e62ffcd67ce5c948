from __future__ import annotations

import copy
from typing import Any

import pytest

from gitops_bot.action.document import PLAN_LIMIT, findings, headlines, log, outputs
from gitops_bot.action.summary import summary

A, B = (f"sha256:{letter * 64}" for letter in "ab")


def change(image: str = "ghcr.io/acme/web", tag: str | None = "1.1.0", **data: str) -> dict[str, Any]:
    return {
        "entry": {
            "environment": "live",
            "overlay": "apps/web",
            "file": "apps/web/kustomization.yaml",
            "line": 3,
            "name": "web",
            "image": image,
        },
        "from": {"tag": "1.0.0", "digest": None},
        "to": {"tag": tag, "digest": A},
        "source": "set",
        "direction": "forward",
        "reason": {"code": "set", "text": "set", "data": data},
        "carried": False,
    }


def document(*changes: dict[str, Any], action: str = "open", code: str = "chosen", **more: Any) -> dict[str, Any]:
    proposal = {
        "group": "all",
        "branch": "gitops-bot/live/all",
        "action": action,
        "reason": {"code": code, "text": "because", "data": {}},
        "pull_request": {"number": 7, "url": "https://github.com/acme/deploy/pull/7", "state": "open"},
        "commit": "c" * 40,
        "changes": list(changes),
    }
    environment = {"name": "live", "proposals": [proposal], "held": [], "failed": [], "unchanged": 2} | more
    return {
        "schema": "gitops-bot/set/1",
        "repository": "acme/deploy",
        "branch": "main",
        "commit": "d" * 40,
        "problems": [],
        "environments": [environment],
    }


def told(asked: dict[str, Any], *images: str, done: bool = True) -> dict[str, str]:
    return outputs(asked, images, written=True, done=done)


def test_a_pin_that_somebody_else_proposed_is_no_output_of_this_step() -> None:
    carried = change() | {"carried": True}
    asked = document(carried, action="none", code="nothing_new")
    assert told(asked, "ghcr.io/acme/web=9.9.9", done=False)["digest"] == ""
    assert told(asked)["digest"] == A


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ("open", "true"),
        ("refresh", "true"),
        ("commit", "true"),
        ("close", "true"),
        ("leave", "false"),
        ("none", "false"),
    ],
)
def test_changed_says_whether_something_was_written(action: str, changed: str) -> None:
    assert told(document(change(), action=action))["changed"] == changed


@pytest.mark.parametrize(
    ("asked", "images", "done", "expected"),
    [
        pytest.param(document(change()), (), True, f"ghcr.io/acme/web:1.1.0@{A}", id="what changes"),
        pytest.param(document(change(tag=None)), (), True, f"ghcr.io/acme/web@{A}", id="a digest alone"),
        pytest.param(document(change(new_name="quay.io/a/b")), (), True, f"quay.io/a/b:1.1.0@{A}", id="a new name"),
        pytest.param(document(change(), change()), (), True, f"ghcr.io/acme/web:1.1.0@{A}", id="twice in the overlays"),
        pytest.param(document(change()), ("web=1",), True, f"ghcr.io/acme/web:1.1.0@{A}", id="asked for by name"),
        pytest.param(
            document(change("docker.io/library/web")),
            ("docker.io/web=1",),
            True,
            f"docker.io/library/web:1.1.0@{A}",
            id="asked for by its repository, written otherwise",
        ),
        pytest.param(
            document(change()), (f"api=2@{B}",), True, f"api:2@{B}", id="carried; the one asked for was there"
        ),
        pytest.param(document(change()), (f"api=2@{B}",), False, "", id="carried; the one asked for was not done"),
        pytest.param(document(), ("web=1",), True, "", id="there already, and no digest is known"),
        pytest.param(document(change(), action="leave"), ("web=1",), False, "", id="left alone"),
        pytest.param(document(change(), action="none", code="failed.forge"), ("web=1",), False, "", id="failed"),
    ],
)
def test_the_image_is_what_is_pinned(asked: dict[str, Any], images: tuple[str, ...], done: bool, expected: str) -> None:
    found = told(asked, *images, done=done)
    assert found["image"] == expected
    assert found["digest"] == expected.partition("@")[2]


def test_a_closed_proposal_is_no_place_of_the_pins() -> None:
    found = told(document(action="close"))
    assert (found["pull-request-number"], found["branch"], found["commit"]) == ("", "", "")


@pytest.mark.parametrize(
    ("asked", "images", "number"),
    [
        pytest.param(document(change()), ("web=1",), "7", id="its own pin"),
        pytest.param(document(change(), change() | {"carried": True}), ("web=1",), "7", id="its own beside others"),
        pytest.param(document(change(), action="none", code="nothing_new"), ("web=1",), "7", id="there before"),
        pytest.param(document(change() | {"carried": True}), ("web=1",), "", id="pins of others alone"),
        pytest.param(document(change() | {"carried": True}), (), "7", id="no image is named"),
        pytest.param(document(change(), action="leave", code="held.frozen"), ("web=1",), "", id="left alone"),
        pytest.param(document(change(), action="none", code="failed.forge"), ("web=1",), "", id="failed"),
        pytest.param(document(), ("web=1",), "", id="no pin"),
    ],
)
def test_a_step_that_names_images_returns_the_pull_requests_that_carry_their_pins(
    asked: dict[str, Any], images: tuple[str, ...], number: str
) -> None:
    assert told(asked, *images)["pull-request-number"] == number


def test_a_plan_that_the_runner_would_not_keep_is_left_out() -> None:
    assert told(document(*[change(f"ghcr.io/acme/web{number}") for number in range(2000)]))["plan"] == ""
    assert 0 < len(told(document(change()))["plan"]) < PLAN_LIMIT


def test_texts_of_others_make_no_lines() -> None:
    evil = change("a\n::error::b\x1b[2J")
    evil["reason"]["text"] = "x\ny"
    asked = document(evil)
    asked["environments"][0]["proposals"][0]["branch"] = "a\nb"
    for text in (
        *log(asked, written=True),
        *headlines(asked, written=True),
        told(asked)["branch"],
        told(asked)["image"],
    ):
        assert "\n" not in text
        assert "\x1b" not in text


def test_what_was_named_and_not_done_is_a_finding() -> None:
    held = {
        "entry": change()["entry"],
        "current": {"tag": "2", "digest": None},
        "candidate": {"tag": "1", "digest": None},
        "reason": {"code": "held.downgrade", "text": "older", "data": {}},
    }
    asked = document(change(), action="leave", held=[held])
    wrong, undone = findings(asked, named=True)
    assert (wrong, [(each.file, each.line) for each in undone]) == (
        [],
        [("apps/web/kustomization.yaml", 3), (None, None)],
    )
    assert undone[0].message.startswith("held ghcr.io/acme/web 2 -> 1: older (held.downgrade")
    assert undone[1].message == "gitops-bot/live/all is left alone: because"
    assert findings(asked, named=False) == ([], [])


def test_a_summary_has_digests_in_full_and_the_way_to_the_pull_request() -> None:
    text = summary("gitops-bot set", document(change()), 10_000, written=True)
    assert "[#7](https://github.com/acme/deploy/pull/7)" in text
    assert f"| `ghcr.io/acme/web` | `1.0.0` | `1.1.0@{A}` | `apps/web/kustomization.yaml:3` |" in text
    assert f"```sh\ndocker pull ghcr.io/acme/web@{A}\n```" in text


@pytest.mark.parametrize("room", [0, 100, 3000, 5000, 100_000, 1024 * 1024])
def test_a_summary_keeps_to_its_room_and_stays_markdown(room: int) -> None:
    asked = document(*[change(f"ghcr.io/acme/web{number}") for number in range(5000)])
    asked["problems"] = [
        {"code": "failed.edit", "message": "m" * 900, "file": None, "line": None, "column": None, "next": ""}
    ] * 50
    text = summary("gitops-bot set", asked, room, written=True)
    assert len(text.encode()) <= room
    assert text.count("```") in (0, 2)
    assert room < 3000 or "more have no room here" in text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x/) [evil](https://y", "https://x/\ny", "https://x/<b>", "data:text/html,x"]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    asked = document(change())
    asked["environments"][0]["proposals"][0]["pull_request"]["url"] = url
    text = summary("gitops-bot set", asked, 10_000, written=True)
    assert "](" not in text.replace("`" + " ".join(url.split()) + "`", "")


def test_names_that_a_shell_would_run_are_not_offered_to_one() -> None:
    asked = document(change("$(evil)/x"), change("`x`|y"))
    text = summary("gitops-bot set", asked, 10_000, written=True)
    assert "docker pull" not in text
    assert "| `` `x`\\|y `` |" in text


def test_the_document_is_left_as_it_is() -> None:
    asked = document(change())
    before = copy.deepcopy(asked)
    told(asked)
    summary("x", asked, 10_000, written=True)
    assert asked == before
