"""`web` or `shop/web` is enough for an image, where it is the end of one name only; what is mistyped is suggested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import Stages
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, Done, World


@pytest.fixture
def shop(worldwide: World) -> Deploy:
    """Four images: `web` by its repository, `db` by `newName`, and an `api` each of two teams."""

    def files(deploy: Deploy) -> dict[str, bytes]:
        entries = [
            (deploy.image("web"), "newTag: 1.0.0"),
            ("vendor/db", f"newName: {deploy.image('team/store')}; newTag: 1.0.0"),
            (deploy.image("one/api"), "newTag: 1.0.0"),
            (deploy.image("two/api"), "newTag: 1.0.0"),
        ]
        for name in ("web", "team/store", "one/api", "two/api"):
            deploy.push(name, "1.0.0")
            deploy.push(name, "1.1.0", f"{name} 1.1.0")
        config = 'version: 1\nenvironments: {production: {overlays: [production], policy: {semver: ">=1"}}}\n'
        return {"gitops-bot.yaml": config.encode(), "production/kustomization.yaml": overlay(entries)}

    return worldwide.deploy(files)


def problems(done: Done) -> list[tuple[str, str]]:
    """What is wrong, and what to do."""
    return [(problem["message"], problem["next"]) for problem in done.json["problems"]]


def pins(document: Any) -> dict[str, str]:
    """The new tag of each changed entry, by the end of its repository."""
    return {
        "/".join(change["entry"]["image"].split("/")[3:]): change["to"]["tag"]
        for environment in document["environments"]
        for proposal in environment["proposals"]
        for change in proposal["changes"]
    }


NAMES = {"store": "team/store", "db": "team/store", "two/api": "two/api"}


def test_the_end_of_a_name_or_of_a_repository_is_enough_for_set_and_explain(shop: Deploy) -> None:
    for short, image in NAMES.items():
        done = shop.ask("set", "production", f"{short}=1.1.0", "--dry-run")
        assert (done.code, pins(done.json)) == (0, {image: "1.1.0"})
        explained = shop.ask("explain", "production", short)
        assert [entry["entry"]["image"] for entry in explained.json["entries"]] == [shop.image(image)]


def test_the_end_of_several_repositories_means_none_of_them_and_a_part_of_a_word_is_no_name(shop: Deploy) -> None:
    both = f"{shop.image('one/api')}, {shop.image('two/api')}"
    several = [(f"api may be any of several images of production: {both}", "give the name of one of them in full")]
    with shop.watching() as seen:
        for command in (("set", "production", "api=1.1.0"), ("explain", "production", "api")):
            done = shop.ask(*command)
            assert (done.code, problems(done)) == (2, several)
        for short in ("eb", "WEB", "/web"):
            assert shop.ask("set", "production", f"{short}=1.1.0").code == 2, short
    assert seen.nothing


def test_promote_and_rollback_take_short_names(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=("web", "api"))
    for app in ("web", "api"):
        stages.run("staging", app, "1.1.0")
    done = stages.promote("--image", "web")
    assert (done.code, stages.news()) == (0, {"web": stages.pin("web", "1.1.0")})
    for app in ("web", "api"):
        stages.run("production", app, "1.1.0")
    done = stages.rollback("--image", "api", "--dry-run")
    assert (done.code, pins(done.json)) == (0, {"api": "1.0.0"})
    shown = stages.deploy.ask("history", "production", "--image", "web", "--limit", "1")
    assert [change["name"] for change in shown.json["releases"][0]["changes"]] == [stages.deploy.image("web")]


def test_a_name_that_matches_nothing_is_wrong_usage_with_the_nearest_one(worldwide: World) -> None:
    stages = Stages.start(worldwide, apps=("web", "api"))
    with stages.deploy.watching() as seen:
        for words in ("set production wbe=1.1.0", "explain production wbe", "history production --image wbe"):
            done = stages.deploy.ask(*words.split())
            ((message, advice),) = problems(done)
            assert (done.code, advice) == (2, f"did you mean `{stages.deploy.image('web')}`?")
            assert message.startswith("wbe matches no entry of production, neither by name nor by repository")
    assert seen.nothing


def test_a_mistyped_environment_is_wrong_usage_with_the_nearest_one(shop: Deploy) -> None:
    for command, typed, *more in (("plan", "prod"), ("audit", "prodcution"), ("explain", "Production", "web")):
        done = shop.ask(command, typed, *more)
        assert done.code == 2
        assert problems(done) == [(f"there is no environment '{typed}'", "did you mean `production`?")]
    config = "version: 1\nenvironments: {prod-eu: {overlays: [production]}, prod-us: {overlays: [us]}}\n"
    shop.remote.commit("main", {"gitops-bot.yaml": config.encode()})
    done = shop.ask("plan", "prod")
    assert (done.code, problems(done)[0][1]) == (2, "did you mean `prod-eu` or `prod-us`?")


def test_a_file_that_cannot_be_read_is_told_instead_of_the_name_that_it_may_have(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    stages.deploy.remote.commit("main", {"apps/web/production/kustomization.yaml": b"images:\n<<<<<<< HEAD\n"})
    for words, code in (("set production store=1.1.0", 1), ("explain production store", 2)):
        done = stages.deploy.ask(*words.split())
        assert done.code == code
        # That the name matches nothing only follows from it.
        assert [message for message, _ in problems(done)] == ["line 2 is a conflict marker"]


def test_nothing_is_advised_for_an_entry_whose_source_cannot_be_read(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging")
    stages.deploy.remote.commit("main", {"apps/web/staging/kustomization.yaml": b"images:\n<<<<<<< HEAD\n"})
    done = stages.deploy.ask("plan")
    assert (done.code, [message for message, _ in problems(done)]) == (1, ["line 2 is a conflict marker"])
    text = stages.deploy.bot("plan").out
    assert "a file of staging cannot be read, and may have this image" in text
    assert "add under" not in text
