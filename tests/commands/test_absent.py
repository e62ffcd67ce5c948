"""Tags and repositories that a registry does not have: mistyped ones are errors with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.commands.conftest import WEB
from tests.commands.scene import held
from tests.counterparts.world import overlay

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, World

CONFIG = """\
version: 1
policies: {moving: {digest: lateest}}
environments:
  production:
    overlays: ["apps/*/production"]
    policy: {semver: ">=1.0.0"}
    images: {"*/w*": {policy: moving}}
"""


def failed(document: Any) -> list[tuple[str, str, str]]:
    """The line, the code and the next step of everything that failed."""
    (environment,) = document["environments"]
    problems = [one["problem"] for one in environment["failed"]]
    return [(each["line"], each["code"], each["next"]) for each in problems]


def test_what_a_registry_does_not_have_is_an_error_at_its_entry_with_what_was_meant(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in ("1.0.0", "latest"):
            deploy.push("web", name)
        pins = [
            (deploy.image("web"), "newTag: 1.0.0"),
            (deploy.image("wbe"), "newTag: 1.0.0"),
            ("api", f"newName: {deploy.image('ipa')}; newTag: 1.0.0"),
            ("job", "newName: Acme/Job; newTag: 1.0.0"),
        ]
        return {"gitops-bot.yaml": CONFIG.encode(), WEB: overlay(pins)}

    deploy = worldwide.deploy(files)
    done = deploy.ask("plan")
    assert (done.code, held(done.json)) == (1, {})
    (tag, *others) = sorted(failed(done.json))
    advice = "Did you mean `latest`? Correct it in the policy `moving` (`digest: lateest`), or push it."
    assert tag == (7, "failed.config", advice)
    for (line, code, advice), key in zip(others, ("name", "newName"), strict=False):
        assert code == "failed.registry", line
        assert advice.startswith(f"If the repository has another name, correct `{key}` of this entry. ")
        assert "docker login" in advice
    text = deploy.bot("plan").out
    assert f"{deploy.image('web')}  {WEB}:7:5  there is no tag `lateest`\n" in text
    assert (
        f"{deploy.image('wbe')}: {deploy.world.registry.host} answered 404 Not Found: it has no such repo" in done.out
    )
    assert f"job (Acme/Job)  {WEB}:17:5  not an image repository name\n" in text
    assert text.count("Acme/Job") == 1

    asked = deploy.ask("set", "production", f"{deploy.image('web')}=1.O.0")
    ((_, code, advice),) = failed(asked.json)
    assert (asked.code, code) == (1, "failed.registry")
    assert advice.startswith("Did you mean `1.0.0`? Correct it in the command, or push it.")
