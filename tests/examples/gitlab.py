"""A pipeline of GitLab CI, as far as the examples need one: its jobs by their rules, their variables and scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import Done
    from tests.examples.place import Place

_RESERVED = {"stages", "variables", "default", "workflow", "include"}


@dataclass(slots=True)
class Pipeline:
    """One run of a `.gitlab-ci.yml`. `variables` are GitLab's own and the project's; a protected one is `only` for the
    environments that it is set for, as in `Settings > CI/CD > Variables`.
    """

    place: Place
    text: str
    variables: Mapping[str, str]
    only: Mapping[str, Mapping[str, str]]
    dotenv: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def jobs(self) -> dict[str, Any]:
        """The jobs that this pipeline gets by their rules, with what they extend laid under them."""
        found = yaml.safe_load(self.text)
        named = {name: job for name, job in found.items() if name not in _RESERVED}
        whole = {name: _merged(named[job["extends"]], job) if "extends" in job else job for name, job in named.items()}
        return {
            name: job
            for name, job in whole.items()
            if not name.startswith(".") and any(self._holds(rule["if"]) for rule in job["rules"])
        }

    def run(self, name: str, folder: Path) -> Done:
        """Run the script of a job, by the shell and with the variables that GitLab gives it."""
        job = self.jobs[name]
        known = dict(self.variables)
        environment = job.get("environment")
        known |= self.only.get(environment["name"] if isinstance(environment, dict) else environment or "", {})
        for needed in job.get("needs", []):
            known |= self.dotenv.get(needed, {})
        known |= {key: self._expanded(value, known) for key, value in job.get("variables", {}).items()}
        folder.mkdir(exist_ok=True)
        done = self.place.shell(["sh", "-ec"], "\n".join(job["script"]), known, folder)
        if report := job.get("artifacts", {}).get("reports", {}).get("dotenv"):
            lines = (folder / report).read_text(encoding="utf-8").splitlines()
            self.dotenv[name] = dict(line.split("=", 1) for line in lines)
        return done

    def _expanded(self, text: str, known: Mapping[str, str]) -> str:
        return re.sub(r"\$(\w+)", lambda found: known.get(found[1], ""), text)

    def _holds(self, rule: str) -> bool:
        return all(self._compared(*re.split(r" (==|=~) ", part, maxsplit=1)) for part in rule.split(" && "))

    def _compared(self, left: str, how: str, right: str) -> bool:
        value = self.variables.get(left.removeprefix("$"))
        if how == "=~":
            return value is not None and re.search(right.strip("/"), value) is not None
        return value == (right.strip('"') if right.startswith('"') else self.variables.get(right.removeprefix("$")))


def _merged(base: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    return {**base, **job, "variables": {**base.get("variables", {}), **job.get("variables", {})}}
