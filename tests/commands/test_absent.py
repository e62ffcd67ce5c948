"""Tags and repositories that a registry does not have: mistyped ones are errors with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import WEB
from tests.commands.scene import held
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

FOLLOWS = """\
version: 1
policies: {{moving: {{digest: {tag}}}}}
environments: {{production: {{overlays: ["apps/*/production"], policy: moving}}}}
"""


def failed(document: Any) -> list[tuple[str, str, str]]:
    """The place, the code and the next step of everything that failed."""
    (environment,) = document["environments"]
    problems = [one["problem"] for one in environment["failed"]]
    return [(f"{each['file']}:{each['line']}", each["code"], each["next"]) for each in problems]


@pytest.mark.parametrize(
    ("tag", "present", "pushed", "expected"),
    [
        pytest.param("lateest", "newTag: 1.0.0", ("1.0.0", "latest"),
            "Did you mean `latest`? Correct it in the policy `moving` (`digest: lateest`), or push it.", id="mistyped"),
        pytest.param("main", "newTag: 1.0.0", ("1.0.0",),
            "Some of its tags: `1.0.0`. Correct it in the policy `moving` (`digest: main`), or push it.",
            id="nothing is like it"),
    ],
)  # fmt: skip
def test_a_tag_to_follow_that_never_was_is_an_error_with_what_was_meant(
    worldwide: World, tag: str, present: str, pushed: tuple[str, ...], expected: str
) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in pushed:
            deploy.push("web", name)
        return {"gitops-bot.yaml": FOLLOWS.format(tag=tag).encode(), WEB: overlay([(deploy.image("web"), present)])}

    deploy = worldwide.deploy(files)
    done = deploy.ask("plan")
    assert (done.code, held(done.json)) == (1, {})
    assert failed(done.json) == [(f"{WEB}:7", "failed.config", expected)]
    assert f"{deploy.image('web')}  {WEB}:7:5  there is no tag `{tag}`\n" in deploy.bot("plan").out


def test_a_tag_that_was_pinned_and_is_gone_is_held(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        digest = deploy.push("web", "1.0.0")
        pin = f"newTag: main; digest: {digest}"
        return {"gitops-bot.yaml": FOLLOWS.format(tag="main").encode(), WEB: overlay([(deploy.image("web"), pin)])}

    done = worldwide.deploy(files).ask("plan")
    assert (done.code, held(done.json)) == (0, {"web": (None, "held.vanished")})


@pytest.mark.parametrize("policy", ["{semver: '>=1.0.0'}", "{digest: main}"])
@pytest.mark.parametrize("key", ["name", "newName"])
def test_a_repository_that_does_not_exist_is_an_error_at_its_entry(worldwide: World, policy: str, key: str) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        name, pin = (deploy.image("wbe"), "") if key == "name" else ("web", f"newName: {deploy.image('wbe')};")
        config = FOLLOWS.format(tag="main").replace("{digest: main}", policy)
        return {"gitops-bot.yaml": config.encode(), WEB: overlay([(name, f"{pin} newTag: 1.0.0")])}

    deploy = worldwide.deploy(files)
    done = deploy.ask("plan")
    ((where, code, advice),) = failed(done.json)
    assert (done.code, held(done.json), where, code) == (1, {}, f"{WEB}:7", "failed.registry")
    assert advice.startswith(f"If the repository has another name, correct `{key}` of this entry. ")
    assert "docker login" in advice
    (problem,) = done.json["problems"]
    host = deploy.world.registry.host
    assert problem["message"].startswith(f"{deploy.image('wbe')}: {host} answered 404 Not Found: it has no such repo")


@pytest.mark.parametrize("command", [("plan",), ("set", "production", "web=1.0.0")], ids=["plan", "set"])
def test_an_error_names_the_image_once(worldwide: World, command: tuple[str, ...]) -> None:
    def files(_: Deploy) -> dict[str, bytes]:
        config = FOLLOWS.replace("{{digest: {tag}}}", "{{semver: '>=1.0.0'}}").format()
        return {"gitops-bot.yaml": config.encode(), WEB: overlay([("web", "newName: Acme/Web; newTag: 0.9.0")])}

    done = worldwide.deploy(files).bot(*command)
    assert done.code == 1
    assert done.out.count("Acme/Web") == 1
    assert f"web (Acme/Web)  {WEB}:7:5  not an image repository name\n" in done.out


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param("web", "Did you mean `1.2.0`? Correct it in the command, or push it.", id="a tag"),
        pytest.param("api", "If the repository has another name, correct `name` of this entry. ", id="a repository"),
    ],
)
def test_what_a_command_mistypes_is_named_with_what_was_meant(shop: Deploy, image: str, expected: str) -> None:
    shop.push("web", "1.2.0")
    shop.push("web", "latest")
    if image == "api":
        shop.remote.commit("main", {WEB: overlay([(shop.image("wbe"), "newTag: 1.0.0")])})
        image = "wbe"
    done = shop.ask("set", "production", f"{shop.image(image)}=1.2.O")
    ((_, code, advice),) = failed(done.json)
    assert (done.code, code) == (1, "failed.registry")
    assert advice.startswith(expected)
