"""A run of a GitHub workflow, as far as the examples need one: jobs in order, expressions, outputs, the actions used.

Actions of others are stood in for by what they would have done to the local servers. The bot's own action is started at
the entry point that action.yml starts, with the inputs as the runner hands them over.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.conftest import PROJECT
from tests.counterparts.world import TOKEN
from tests.examples.place import COMMIT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Done
    from tests.examples.place import Place

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_OUTPUT = re.compile(r"^([\w-]+)(?:=([^\n]*)|<<(\S+)\n(.*?)\n?\3)$", re.MULTILINE | re.DOTALL)
#: What a token is worth that no permission was given to.
NOTHING = "ghs_nothing0123456789abcdef"


@dataclass(slots=True)
class Run:
    """One run. `event` fills the contexts `github` and `inputs`; `done` keeps every step's outputs, by job and id."""

    place: Place
    text: str
    folder: Path
    event: Mapping[str, Any]
    done: dict[str, dict[str, str]] = field(default_factory=dict)
    told: list[Done] = field(default_factory=list)

    def jobs(self) -> dict[str, Any]:
        """The jobs, in an order in which each comes after those that it needs."""
        found: dict[str, Any] = yaml.safe_load(self.text)["jobs"]
        assert all(job.get("needs", name) in [*list(found)[:at], name] for at, (name, job) in enumerate(found.items()))
        return found

    def run(self) -> list[str]:
        """Run every job whose condition holds; gives their names."""
        ran = []
        for name, job in self.jobs().items():
            contexts = self._contexts(job)
            if "if" in job and self._value(job["if"], contexts) is not True:
                continue
            self.job(job, contexts)
            outputs = {key: self._filled(value, contexts) for key, value in job.get("outputs", {}).items()}
            self.done[name] = outputs
            ran.append(name)
        return ran

    def job(self, job: Mapping[str, Any], contexts: dict[str, Any]) -> None:
        """Run the steps of a job; the first that fails ends the test."""
        for step in job["steps"]:
            if "if" in step and self._value(step["if"], contexts) is not True:
                continue
            given = {key: self._filled(value, contexts) for key, value in step.get("with", {}).items()}
            env = {key: self._filled(value, contexts) for key, value in step.get("env", {}).items()}
            outputs = self._uses(step["uses"], given, contexts) if "uses" in step else self._script(step["run"], env)
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}

    def _contexts(self, job: Mapping[str, Any]) -> dict[str, Any]:
        # A token without the permission `contents` is of no use with git, and is shown to be none.
        token = TOKEN if "contents" in job["permissions"] else NOTHING
        private = "environment" in job
        return {
            "github": {**self.event.get("github", {}), "sha": COMMIT, "actor": "ada", "token": token},
            "inputs": self.event.get("inputs", {}),
            "env": yaml.safe_load(self.text).get("env", {}),
            "steps": {},
            "needs": {name: {"outputs": outputs} for name, outputs in self.done.items()},
            "vars": {"GITOPS_BOT_CLIENT_ID": "Iv23"} if private else {},
            "secrets": {"GITOPS_BOT_PRIVATE_KEY": "-----BEGIN"} if private else {},
        }

    def _value(self, text: str, contexts: Mapping[str, Any]) -> object:
        """What an expression says: a place in a context, alone or compared with a text."""
        left, how, right = (*re.split(r" (==|!=) ", text), "", "")[:3]
        *way, last = left.split(".")
        found: Any = contexts
        for name in way:
            found = found[name]
        # An output that was not set is empty; all else that is unknown is a mistake.
        found = found.get(last, "") if way[-1] == "outputs" else found[last]
        return found if not how else (found == right.strip("'")) is (how == "==")

    def _filled(self, value: object, contexts: Mapping[str, Any]) -> str:
        text = value if isinstance(value, str) else yaml.safe_dump(value).split("\n", 1)[0]
        return _EXPRESSION.sub(lambda found: str(self._value(found[1], contexts)), text)

    def _variables(self) -> dict[str, str]:
        """What a runner sets for every step."""
        github = self.event.get("github", {})
        return {
            **self.place.forge,
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": self.place.deploy.name,
            "GITHUB_SHA": COMMIT,
            "GITHUB_REF_NAME": github.get("ref_name", "main"),
            "GITHUB_EVENT_NAME": github.get("event_name", "push"),
            "GITHUB_WORKSPACE": str(self.folder),
            "RUNNER_TEMP": str(self.folder),
        }

    def _script(self, script: str, env: Mapping[str, str]) -> dict[str, str]:
        """A step with `run`, by the shell that is the default on Linux."""
        shared = yaml.safe_load(self.text).get("env", {})
        return self._step(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], script, {**shared, **env})

    def _step(self, command: list[str], script: str, env: Mapping[str, str]) -> dict[str, str]:
        files = {name: self.folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("")
        known = {**self._variables(), **{name: str(file) for name, file in files.items()}, **env}
        done = self.place.shell(command, script, known, self.folder)
        assert done.code == 0, done.out + done.err
        assert TOKEN not in done.out + done.err
        self.told.append(done)
        written = files["GITHUB_OUTPUT"].read_text(encoding="utf-8")
        return {name: line or block for name, line, _, block in _OUTPUT.findall(written)}

    def _uses(self, action: str, given: Mapping[str, str], contexts: Mapping[str, Any]) -> dict[str, str]:
        match action.partition("@")[0], given:
            case "actions/checkout", {"persist-credentials": "false"}:
                for name, data in self.place.deploy.files("main").items():
                    (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (self.folder / name).write_bytes(data)
            case "docker/setup-buildx-action", _:
                pass
            case "docker/login-action", {"registry": "ghcr.io", "username": "ada", "password": str(password)}:
                assert password
            case "docker/build-push-action", {"push": "true", "tags": tags}:
                name, _, tag = tags.rpartition(":")
                assert name == self.place.deploy.image("web")
                return {"digest": self.place.push("web", tag)}
            case "actions/create-github-app-token", {"owner": owner, "repositories": name}:
                assert (f"{owner}/{name}", given["client-id"]) == (self.place.deploy.name, "Iv23")
                assert given["private-key"].startswith("-----BEGIN")
                permissions = {key: value for key, value in given.items() if key.startswith("permission-")}
                assert permissions == {"permission-contents": "write", "permission-pull-requests": "write"}
                return {"token": TOKEN}
            case "acme/gitops-bot", _:
                return self._bot(given, contexts)
            case _:
                raise AssertionError(f"nothing stands in for {action} with {sorted(given)}")
        return {}

    def _bot(self, given: Mapping[str, str], contexts: Mapping[str, Any]) -> dict[str, str]:
        """The bot's own action: what it declares is all that it may be given, and what is not given has its default."""
        inputs = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))["inputs"]
        assert given.keys() <= inputs.keys()
        defaults = {"repository": self.place.deploy.name, "token": contexts["github"]["token"]}
        whole = {name: given.get(name, defaults.get(name, said.get("default", ""))) for name, said in inputs.items()}
        variables = {f"INPUT_{name.upper()}": value for name, value in whole.items()}
        variables["PYTHONPATH"] = str(PROJECT)
        return self._step([sys.executable, "-P", "-m"], "gitops_bot.action.step", variables)
