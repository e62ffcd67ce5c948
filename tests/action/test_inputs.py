from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from gitops_bot.action.inputs import INPUTS, TAKES, Inputs, read
from gitops_bot.engine.request import Pins, Promote, Request, RollBack
from gitops_bot.errors import UsageError
from gitops_bot.images.reference import parse_assignments
from gitops_bot.releases.choice.promotion import ByHand
from gitops_bot.wiring.options import Options
from tests.conftest import PROJECT
from tests.tables import rows

A, LONG = f"sha256:{'0a' * 32}", f"sha512:{'0a' * 64}"


def variables(given: dict[str, str]) -> dict[str, str]:
    """What action.yml makes of `with:`."""
    whole = {"repository": "acme/deploy", "token": "ghs_x", "dry-run": "false", **given}
    return {f"INPUT_{name.upper().replace('-', '_')}": text for name, text in whole.items()}


def step(**given: str) -> Inputs:
    return read(variables({name.strip("_").replace("_", "-"): text for name, text in given.items()}))


def refused(**given: str) -> list[str]:
    with pytest.raises(UsageError) as caught:
        step(**given)
    return [problem.message for problem in caught.value.problems]


@rows("given pins", {
    "a tag": ({"tag": "v1.4.2"}, ["web=v1.4.2"]),
    "a long tag": ({"tag": "_" + "v" * 127}, [f"web=_{'v' * 127}"]),
    "a digest": ({"digest": A}, [f"web=@{A}"]),
    "a long digest": ({"digest": LONG}, [f"web=@{LONG}"]),
    "both": ({"tag": "v1", "digest": A}, [f"web=v1@{A}"]),
    "several images": (
        {"tag": "v1", "image": f"\n web \r\napi=v2@{A}\ndb=@{A}\n"}, ["web=v1", f"api=v2@{A}", f"db=@{A}"],
    ),
})  # fmt: skip
def test_set_gets_its_pins(given: dict[str, str], pins: list[str]) -> None:
    found = step(**{"environment": "dev", "image": "web", **given})
    request = Request(Pins(parse_assignments(pins)))
    assert found == Inputs("set", found.environ, Options("acme/deploy"), ("dev",), request)


WEB = Pins(parse_assignments(["web=v1"]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"environment": "--help"}, {"environments": ("--help",), "request": Request(WEB)}, id="an option"),
        pytest.param({"config": "a b.yaml"}, {"options": Options("acme/deploy", "a b.yaml"), "request": Request(WEB)},
            id="a file"),
        pytest.param({"dry-run": "True", "allow-downgrade": "true", "release-hold": "TRUE"},
            {"request": Request(replace(WEB, allow_downgrade=True), release_hold=True, dry_run=True)}, id="flags"),
        pytest.param({"command": "promote", "from": "qa", "image": "web\napi"},
            {"request": Request(Promote("qa", ByHand(), ("web", "api")))}, id="promote"),
        pytest.param({"command": "promote", "from": "qa", "beyond-policy": "true", "now": "True"},
            {"request": Request(Promote("qa", ByHand(beyond_policy=True, now=True)))},
            id="promote in spite of policy and soak time"),
        pytest.param({"command": "rollback", "to": "41", "reason": "it fails: --now"},
            {"request": Request(RollBack("41", (), "it fails: --now"))}, id="rollback"),
        pytest.param({"command": "update", "environment": "dev\nlive x"}, {"environments": ("dev", "live", "x")},
            id="update"),
        pytest.param({"command": "plan", "token": ""}, {"request": Request(dry_run=True)}, id="plan"),
        pytest.param({"command": "status", "token": ""}, {}, id="status"),
        pytest.param({"command": "audit", "token": "", "environment": "dev live"}, {"environments": ("dev", "live")},
            id="audit"),
        pytest.param({"command": "check", "token": "", "environment": ""}, {"environments": ()}, id="check"),
    ],
)  # fmt: skip
def test_each_command_gets_its_inputs(given: dict[str, str], expected: dict[str, object]) -> None:
    pin = {"image": "web", "tag": "v1"} if "command" not in given else {}
    found = read(variables({"environment": "dev", **pin, **given}))
    plain = Inputs(found.command, found.environ, Options("acme/deploy"), ("dev",))
    assert found == replace(plain, **expected)  # type: ignore[arg-type]
    assert found.command == given.get("command", "set")


@rows("given why", {
    "a script": ({"tag": "$(touch x) `touch x`; touch x\n-v"}, "tag must be a tag"),
    "what reads as a new name": ({"tag": "evil.example/web"}, "tag must be a tag"),
    "a new name with a tag": ({"tag": "evil:web"}, "tag must be a tag"),
    "a tag with a digest": ({"tag": f"v1@{A}"}, "tag must be a tag"),
    "a digest as a tag": ({"tag": f"@{A}"}, "tag must be a tag"),
    "a command to the runner": ({"tag": "v1\n::warning::x"}, "tag must be a tag"),
    "a line break": ({"tag": "v1\n"}, "tag must be a tag"),
    "an option as a tag": ({"tag": "-v"}, "tag must be a tag"),
    "another letter": ({"tag": "v\N{LATIN SMALL LETTER E WITH ACUTE}"}, "tag must be a tag"),
    "a tag that is too long": ({"tag": "v" * 129}, "tag must be a tag"),
    "a short digest": ({"digest": "sha256:ab"}, "digest must be"),
    "upper case": ({"digest": A.upper()}, "digest must be"),
    "a digest and a line break": ({"digest": f"{A}\n"}, "digest must be"),
    "a digest of another length": ({"digest": A.replace("256", "512")}, "digest must be"),
    "a digest with a new name": ({"digest": f"evil.example/web@{A}"}, "digest must be"),
    "a flag that is none": ({"dry-run": "yes"}, "dry-run must be true or false"),
    "no such command": ({"command": "edit"}, "command must be one of set, promote"),
    "no environment": ({"environment": ""}, "environment is needed for the command set"),
    "a flag of another command": ({"now": "true"}, "the command set does not take now"),
    "two environments": ({"environment": "a b"}, "the command set takes one environment"),
    "no image": ({"image": " \n "}, "image is needed for the command set"),
    "no pin": ({"tag": ""}, "tag or digest is needed"),
    "a pin too many": ({"image": "web=v1"}, "tag and digest are for images without a pin"),
    "a new name in a line": ({"image": "web\nx=evil.example/web:v1"}, "image must be NAME"),
    "a pin of nothing": ({"image": "web\n=v1"}, "image must be NAME"),
    "half a pin": ({"image": "web\nx=v1@"}, "image must be NAME"),
    "a control character": ({"image": "w\x1b[31meb"}, "image must be one line without control"),
    "too many lines": ({"image": "web\n" * 101}, "image is longer"),
    "a long story": ({"command": "rollback", "reason": "x" * 501}, "reason is longer than 500 characters"),
    "too long": ({"config": "x" * 20_000}, "config is longer"),
    "two repositories": ({"repository": "acme/x\ny"}, "repository must be one line"),
    "an input of another command": ({"from": "dev"}, "the command set does not take from"),
    "an absent secret": ({"token": " "}, "token is empty"),
    "an address": ({"registry": "https://ghcr.io", "registry-password": "x"}, "registry must be a host"),
    "a pin to look at": ({"command": "status", "tag": "v1"}, "the command status does not take tag"),
    "a dry audit": ({"command": "audit", "dry-run": "true"}, "the command audit does not take dry-run"),
    "two pins of one image": ({"image": "web=v1\nweb=v2", "tag": ""}, "web is given two pins"),
    "a password for nobody": ({"registry-password": "x"}, "registry must name the host"),
    "an absent password": ({"registry": "ghcr.io"}, "registry-password is empty"),
})  # fmt: skip
def test_what_is_no_step_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(variables({"environment": "dev", "image": "web", "tag": "v1", **given}))
    assert [problem.message for problem in caught.value.problems if problem.message.startswith(why)]
    assert all(problem.next for problem in caught.value.problems)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert len(refused(command="promote", tag="v1", digest=A, image="web=v1")) == 5


def test_a_runner_may_write_a_name_with_its_hyphen() -> None:
    environ = variables({"environment": "dev", "image": "web", "tag": "v1"}) | {"INPUT_DRY-RUN": "true"}
    assert read(environ).request.dry_run


def test_the_command_sees_one_token_and_none_of_the_inputs() -> None:
    runner = {
        "PATH": "/bin",
        "GH_TOKEN": "other",
        "GITHUB_TOKEN": "jobs",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "oidc",
        "ACTIONS_RUNTIME_TOKEN": "cache",
    }
    given = {"environment": "dev", "image": "web", "tag": "v1", "token": "ghs_given"}
    login = {"registry": "ghcr.io", "registry-username": "bot", "registry-password": "secret"}
    assert read(variables(given) | runner).environ == {"PATH": "/bin", "GITHUB_TOKEN": "ghs_given"}
    asked = read(variables(given | login) | runner)
    assert asked.environ == {
        "PATH": "/bin",
        "GITHUB_TOKEN": "ghs_given",
        "GITOPS_BOT_REGISTRY": "ghcr.io",
        "GITOPS_BOT_REGISTRY_USERNAME": "bot",
        "GITOPS_BOT_REGISTRY_PASSWORD": "secret",
    }
    assert "secret" not in repr(asked)
    assert "ghs_given" not in repr(asked)


def test_the_action_has_these_inputs_and_hands_over_each_of_them() -> None:
    action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
    assert action["inputs"].keys() == INPUTS
    install, run = action["runs"]["steps"]
    given = {f"${{{{ inputs.{name} }}}}" for name in INPUTS - {"version"}}
    assert {text for name, text in run["env"].items() if name.startswith("INPUT_")} == given
    assert install["env"]["VERSION"] == "${{ inputs.version }}"
    named = action["inputs"]["command"]["description"]
    assert [word for word in TAKES if f"`{word}`" not in named] == []


def test_no_script_of_the_action_holds_an_expression() -> None:
    action = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
