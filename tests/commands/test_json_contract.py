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
from tests.commands.scene import configure
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.counterparts.world import Deploy


def proposal(document: Any) -> Any:
    return document["environments"][0]["proposals"][0]


SPOILT: tuple[Callable[[Any], object], ...] = (
    lambda document: document.pop("branch"),
    lambda document: document.update(more=1),
    lambda document: document.update(at="2026-13-21T12:00:00Z"),
    lambda document: document.update(complete=True),
    lambda document: document.update(commit="abc"),
    lambda document: document.update(schema="gitops-bot/demo/1"),
    lambda document: document["environments"][0].pop("frozen"),
    lambda document: document["environments"][0].update(unchanged=True),
    lambda document: proposal(document).update(action="opened"),
    lambda document: proposal(document)["pull_request"].update(number="1"),
    lambda document: proposal(document)["changes"][0]["to"].update(digest="sha256:1"),
    lambda document: document["environments"][0]["held"][0]["reason"].update(code="held.because"),
    lambda document: document["environments"][0]["failed"][0]["problem"].update(next=""),
    lambda document: document["environments"][0]["failed"][0]["problem"].update(message="not told above"),
)


def test_the_validator_takes_what_a_command_says_and_nothing_else(shop: Deploy) -> None:
    hold = f"{{environment: production, image: {shop.image('api')}, until: 2999-12-24, why: fair}}"
    configure(shop, more=f"holds: [{hold}]\n")
    shop.remote.commit("main", {"apps/bad/production/kustomization.yaml": b"images: [{name: a, newTag: [}]\n"})
    for name in ("web", "api"):
        shop.push(name, "1.1.0")
    document = shop.ask("update").json
    assert frozenset(CODES) == contract.CODES
    for spoil in SPOILT:
        spoilt = copy.deepcopy(document)
        spoil(spoilt)
        with pytest.raises((contract.BrokenContractError, ValueError)):
            contract.check(spoilt, 1)
    with pytest.raises(contract.BrokenContractError):
        contract.check(document, 0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["promote"], "Missing argument 'SOURCE'."),
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
    "set production nosuch=1.0.0": (2, "failed.usage"),
    "set production web=1.0.0 web=1.1.0": (2, "failed.usage"),
    "plan --repository ftp://example.test/x": (2, "failed.usage"),
    "plan --config nowhere.yaml": (2, "failed.usage"),
    "plan --config typo.yaml": (2, "failed.config"),
    "plan --config glob.yaml": (1, "failed.config"),
    f"edit {WEB} nosuch=1.0.0": (2, "failed.usage"),
    "edit nowhere web=1.0.0": (1, "failed.edit"),
    "edit . a": (2, "failed.usage"),
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
        assert (done.json["schema"], done.json["complete"]) == (f"gitops-bot/{command.split()[0]}/1", False)
        for problem in done.json["problems"] if "glob" not in command else []:  # which stops not everything
            assert f"error: {problem['file'] or ''}" in done.err
            assert f"  next: {problem['next']}" in done.err


def test_the_published_schema_says_the_same(shop: Deploy, tmp_path: Path) -> None:
    import jsonschema

    for command, arguments in {
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
