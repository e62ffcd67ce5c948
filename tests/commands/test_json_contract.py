"""The validator itself, and what is left of the contract: one object on standard output, whatever happens.

Every other test of the commands checks its JSON by `contract.check` too: `Done.json` does.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from gitops_bot.images.reason import CODES
from tests.commands import contract
from tests.commands.conftest import CONFIG, WEB
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.counterparts.world import Deploy

ENTRY = {
    "environment": "dev",
    "overlay": "dev",
    "file": "dev/k.yaml",
    "line": 2,
    "name": "web",
    "image": "docker.io/a/web",
}
REASON = {"code": "chosen", "text": "newer", "data": {"seen": 3, "tag": None}}
PROBLEM = {"code": "failed.git", "message": "no", "file": None, "line": None, "column": None, "next": "retry"}
EVIDENCE = {
    "gate": "checks",
    "name": "continuous-delivery/web",
    "state": "success",
    "since": "2026-11-21T11:00:00Z",
    "by": "argocd[bot]",
    "url": "https://argocd.test/web",
    "text": "is healthy",
}
PLAN: dict[str, Any] = {
    "schema": "gitops-bot/update/1",
    "repository": "acme/deploy",
    "branch": "main",
    "commit": "a" * 40,
    "at": "2026-11-21T12:00:00Z",
    "complete": False,
    "problems": [PROBLEM],
    "environments": [
        {
            "name": "dev",
            "promoted_from": None,
            "frozen": [
                {
                    "from": None,
                    "until": "2026-12-24T00:00:00Z",
                    "why": "the fair",
                    "except": ["web"],
                    "file": "gitops-bot.yaml",
                    "line": 9,
                }
            ],
            "proposals": [
                {
                    "group": "all",
                    "branch": "gitops-bot/dev/all",
                    "action": "open",
                    "reason": REASON,
                    "pull_request": {"number": 1, "url": "http://x/1", "state": "open"},
                    "commit": "b" * 40,
                    "changes": [
                        {
                            "entry": ENTRY,
                            "from": {"tag": "1.0.0", "digest": None},
                            "to": {"tag": "1.1.0", "digest": f"sha256:{'c' * 64}"},
                            "source": "policy",
                            "direction": "forward",
                            "reason": REASON,
                            "carried": False,
                            "evidence": [EVIDENCE, EVIDENCE | dict.fromkeys(("since", "by", "url", "text"))],
                        }
                    ],
                }
            ],
            "held": [
                {
                    "entry": ENTRY,
                    "current": {"tag": "1", "digest": None},
                    "candidate": None,
                    "reason": REASON,
                    "evidence": [],
                }
            ],
            "failed": [{"entry": None, "problem": PROBLEM}],
            "unchanged": 0,
        }
    ],
}


def test_the_validator_takes_what_the_design_says() -> None:
    contract.check(PLAN, 1)
    assert frozenset(CODES) == contract.CODES


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plan: plan.pop("branch"),
        lambda plan: plan.update(more=1),
        lambda plan: plan.update(at="2026-11-21T12:00:00+00:00"),
        lambda plan: plan.update(at="2026-13-21T12:00:00Z"),
        lambda plan: plan.update(complete=True),
        lambda plan: plan.update(commit="abc"),
        lambda plan: plan.update(schema="gitops-bot/demo/1"),
        lambda plan: plan["environments"][0].pop("promoted_from"),
        lambda plan: plan["environments"][0].pop("frozen"),
        lambda plan: plan["environments"][0]["frozen"][0].update(until=None),
        lambda plan: plan["environments"][0].update(unchanged=True),
        lambda plan: plan["environments"][0]["proposals"][0].update(action="opened"),
        lambda plan: plan["environments"][0]["proposals"][0]["pull_request"].update(number="1"),
        lambda plan: plan["environments"][0]["proposals"][0]["changes"][0]["to"].update(digest="sha256:1"),
        lambda plan: plan["environments"][0]["proposals"][0]["changes"][0]["entry"].update(line=0),
        lambda plan: plan["environments"][0]["held"][0]["reason"].update(code="held.because"),
        lambda plan: plan["environments"][0]["failed"][0]["problem"].update(next=""),
        lambda plan: plan["environments"][0]["failed"][0].update(problem=PROBLEM | {"message": "not told above"}),
    ],
)
def test_the_validator_refuses_everything_else(spoil: Callable[[Any], object]) -> None:
    spoiled = copy.deepcopy(PLAN)
    spoil(spoiled)
    with pytest.raises((contract.BrokenContractError, ValueError)):
        contract.check(spoiled, 1)


@pytest.mark.parametrize(
    ("code", "problems", "complete"),
    [(0, [PROBLEM], False), (1, [], True), (3, [PROBLEM], False)],
    ids=["0 with a problem", "1 without", "3"],
)
def test_the_exit_code_has_to_agree(code: int, problems: list[Any], complete: bool) -> None:
    with pytest.raises(contract.BrokenContractError):
        contract.check(PLAN | {"problems": problems, "complete": complete, "environments": []}, code)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("plan --repository acme/nowhere", 1),
        ("update nowhere", 2),
        ("set production nothing=1.0", 2),
        ("check --config nowhere.yaml", 2),
        ("edit nowhere a=b", 1),
        ("edit . a", 2),
    ],
)
def test_a_command_that_cannot_start_prints_its_own_object_and_says_why_to_people_too(
    shop: Deploy, command: str, code: int
) -> None:
    name, *arguments = command.split()
    done = run(name, *arguments, "--output", "json", cwd=shop.folder, env=shop.env)
    assert done.code == code
    assert done.json["schema"] == f"gitops-bot/{name}/1"
    assert done.json["complete"] is False
    for problem in done.json["problems"]:
        assert f"error: {problem['file'] or ''}" in done.err
        assert f"  next: {problem['next']}" in done.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["promote", "staging"], "Missing argument 'TARGET'."),
        (["set", "production"], "Missing argument 'IMAGE=PIN...'."),
        (["plan", "--bogus"], "No such option '--bogus'."),
        (["check", "here"], "Got unexpected extra argument (here)"),
        (["update", "--quiet", "--verbose"], "--quiet and --verbose cannot be used together."),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_a_mistyped_command_line_does_so_too(tmp_path: Path, arguments: list[str], why: str) -> None:
    done = run(*arguments, "--output=json", cwd=tmp_path)
    assert done.code == 2
    assert done.json["schema"] == f"gitops-bot/{arguments[0]}/1"
    (problem,) = done.json["problems"]
    assert problem["message"].startswith(why)
    assert problem["next"] == f"see `gitops-bot {arguments[0]} --help`"
    assert problem["code"] == "failed.usage"
    assert f"Error: {why}" in done.err


#: The exit code and the code of the problem of each command.
MISTAKES = {
    "update nosuch": (2, "failed.usage"),
    "set nosuch web=1.0.0": (2, "failed.usage"),
    "set production nosuch=1.0.0": (2, "failed.usage"),
    "set production web=1.0.0 web=1.1.0": (2, "failed.usage"),
    "plan --repository ftp://example.test/x": (2, "failed.usage"),
    "plan --config nowhere.yaml": (2, "failed.usage"),
    "plan --config typo.yaml": (2, "failed.config"),
    "plan --config glob.yaml": (1, "failed.config"),
    f"edit {WEB} nosuch=1.0.0": (2, "failed.usage"),
    "edit nowhere web=1.0.0": (1, "failed.edit"),
    "edit broken.yaml web=1.0.0": (1, "failed.edit"),
}


def test_the_code_tells_the_command_line_from_the_configuration_and_from_manifests(shop: Deploy) -> None:
    (shop.folder / "typo.yaml").write_bytes(CONFIG.replace(b"overlays:", b"overlay:"))
    (shop.folder / "glob.yaml").write_bytes(CONFIG.replace(b"apps/", b"nosuch/"))
    (shop.folder / "broken.yaml").write_text("images: [")
    file = shop.folder / WEB
    file.parent.mkdir(parents=True)
    file.write_bytes(shop.files("main")[WEB])
    for command, expected in MISTAKES.items():
        where = [] if command.startswith("edit") or "--repository" in command else ["--repository", shop.name]
        done = run(*command.split(), *where, "--output", "json", cwd=shop.folder, env=shop.env)
        (code,) = {problem["code"] for problem in done.json["problems"]}
        assert (done.code, code) == expected, command


def test_the_published_schema_says_the_same(shop: Deploy, tmp_path: Path) -> None:
    import jsonschema

    shop.push("web", "1.1.0")
    for command, arguments in {
        "plan": [],
        "set": ["production", f"{shop.image('web')}=1.1.0", "nothing=1.0.0"],
        "doctor": [],
    }.items():
        schema = json.loads(run("schema", command, cwd=tmp_path).out)
        jsonschema.validate(shop.ask(command, *arguments).json, schema)


def test_a_reader_that_goes_away_is_no_bug(shop: Deploy) -> None:
    process = shop.start("plan", "--output", "json")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=150)
    assert (process.returncode, err) == (0, "")
