"""A runner of GitHub Actions, as far as a composite action meets it: it reads action.yml, evaluates the expressions in
it, starts each step's script by bash with the runner's environment and files, and obeys the commands in the log.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.conftest import PROJECT, program

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXPRESSION = re.compile(r"\$\{\{ *([a-z_]+)((?:\.[\w-]+)+) *\}\}")
#: Commands that a runner knows; `##[...]` counts anywhere in a line, `::...::` where the line begins.
_KNOWN = frozenset(
    {"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher"}
    | {"save-state", "set-env", "set-output", "stop-commands", "warning"}
)
_NEW = re.compile(r"\s*::([^\s:]+)(?: ([^:]*))?::(.*)", re.DOTALL)
_OLD = re.compile(r"##\[([\w-]+)(?: ([^\]]*))?\](.*)", re.DOTALL)
_OUTPUT = re.compile(r"([\w-]+)<<(\S+)\n(.*?)\n?\2\n", re.DOTALL)
#: What leads pip to its index on this machine.
_INDEX = re.compile(r"(?i)(?:pip_.+|ssl_cert_.+|requests_ca_bundle|https?_proxy|no_proxy)\Z")
#: Seconds that a step may take; pip fetches some megabytes in the first.
_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Command:
    """One command that the runner obeyed, unescaped."""

    name: str
    properties: Mapping[str, str]
    data: str


@dataclass(slots=True)
class Ran:
    """What a use of the action came to."""

    code: int = 0
    log: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    commands: list[Command] = field(default_factory=list)

    def annotations(self, level: str = "error") -> list[Command]:
        return [command for command in self.commands if command.name == level]

    @property
    def said(self) -> list[str]:
        """The texts of all errors."""
        return [command.data for command in self.annotations()]

    @property
    def plan(self) -> Any:
        return json.loads(self.outputs["plan"])


@dataclass(frozen=True, slots=True)
class Runner:
    """A job: its temporary folder, and the action where the runner puts it. Steps of one job share an installation."""

    folder: Path

    @classmethod
    def start(cls, folder: Path) -> Runner:
        action = folder / "actions" / "acme" / "gitops-bot"
        action.mkdir(parents=True)
        for name in ("action.yml", "requirements.lock"):
            shutil.copy(PROJECT / name, action)
        shutil.copytree(PROJECT / "gitops_bot", action / "gitops_bot", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("temp", "home", "files"):
            (folder / name).mkdir()
        return cls(folder)

    @property
    def action(self) -> Path:
        return self.folder / "actions" / "acme" / "gitops-bot"

    def use(
        self,
        given: Mapping[str, str],
        workspace: Path,
        *,
        github: Mapping[str, str],
        env: Mapping[str, str] | None = None,
        event: object = None,
    ) -> Ran:
        """Run the action with these inputs. `github` is its context; `env` is the job's."""
        action = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        assert given.keys() <= action["inputs"].keys(), "the runner only warns of an unknown input"
        (self.folder / "event.json").write_text(json.dumps(event or {}), encoding="utf-8")
        contexts: dict[str, Any] = {"github": dict(github), "steps": {}}
        defaults = {name: str(said.get("default", "")) for name, said in action["inputs"].items()}
        contexts["inputs"] = {name: given.get(name, _evaluate(text, contexts)) for name, text in defaults.items()}
        ran, around = Ran(), self._environment(workspace, github) | dict(env or {})
        for number, step in enumerate(action["runs"]["steps"]):
            if ran.code == 0:
                self._step(number, step, contexts, workspace, around, ran)
        ran.outputs = {name: _evaluate(said["value"], contexts) for name, said in action["outputs"].items()}
        return ran

    def _step(
        self,
        number: int,
        step: Mapping[str, Any],
        contexts: dict[str, Any],
        workspace: Path,
        environment: dict[str, str],
        ran: Ran,
    ) -> None:
        assert step["shell"] == "bash"
        output, summary = (self.folder / "files" / f"{name}{number}" for name in ("output", "summary"))
        for file in (output, summary):
            file.write_bytes(b"")
        script = self.folder / "temp" / f"{number}.sh"
        script.write_text(_evaluate(step["run"], contexts), encoding="utf-8")
        done = subprocess.run(
            [program("bash"), "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=workspace,
            env=environment
            | {name: _evaluate(text, contexts) for name, text in step.get("env", {}).items()}
            | {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_PATIENCE,
        )
        log = done.stdout.decode("utf-8", "replace")
        ran.code, ran.log = done.returncode, ran.log + log
        ran.commands += obeyed(log)
        ran.summary += summary.read_text(encoding="utf-8")
        contexts["steps"][step["id"]] = {"outputs": outputs(output.read_text(encoding="utf-8"))}

    def _environment(self, workspace: Path, github: Mapping[str, str]) -> dict[str, str]:
        """What every step of a job finds in its environment."""
        index = {name: text for name, text in os.environ.items() if _INDEX.match(name)}
        for place in (Path.home() / ".config" / "pip" / "pip.conf", Path.home() / ".pip" / "pip.conf"):
            if place.is_file():
                index.setdefault("PIP_CONFIG_FILE", str(place))
        return index | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_API_URL": github["api_url"],
            "GITHUB_EVENT_NAME": github["event_name"],
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_REPOSITORY": github["repository"],
            "GITHUB_SERVER_URL": github["server_url"],
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(self.folder / "temp"),
        }


def _evaluate(text: str, contexts: Mapping[str, Any]) -> str:
    """Replace every expression; only plain names are known. What is not there is empty, as on a runner."""

    def value(found: re.Match[str]) -> str:
        here: Any = contexts[found[1]]
        for part in found[2][1:].split("."):
            here = here.get(part, {})
        return here if isinstance(here, str) else ""

    assert text.count("${{") == len(_EXPRESSION.findall(text)), text
    return _EXPRESSION.sub(value, text)


def outputs(text: str) -> dict[str, str]:
    """What a step wrote to its file of outputs; a line that is no output fails it, as on a runner."""
    assert _OUTPUT.sub("", text.replace("\r", "")) == "" or re.fullmatch(r"(?:[\w-]+=[^\n]*\n)*", text), text
    if "<<" not in text:
        return dict(line.split("=", 1) for line in text.splitlines())
    return {name: value for name, _, value in _OUTPUT.findall(text)}


def obeyed(log: str) -> list[Command]:
    """The commands in a log that a runner obeys."""
    found: list[Command] = []
    token: str | None = None
    for line in re.split(r"\r\n|\n|\r", log):
        match = _NEW.match(line) or _OLD.search(line)
        if match is None:
            continue
        name = match[1]
        if token is not None:
            token = None if name == token else token
        elif name in _KNOWN:
            token = match[3] if name == "stop-commands" else None
            pairs = (pair.partition("=") for pair in (match[2] or "").split(",") if pair)
            found.append(Command(name, {key: _plain(value) for key, _, value in pairs}, _plain(match[3])))
    assert token is None, "the runner was left deaf"
    return found


def _plain(text: str) -> str:
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, char)
    return text
