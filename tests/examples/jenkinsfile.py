"""A declarative pipeline of Jenkins, read by a parser of Groovy: its stages, when each runs, and their shell steps.

No Jenkins can be had here, so this is what checks a Jenkinsfile: Groovy's grammar, the sections that a declarative
pipeline may have, and every `sh` step as it stands.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.conftest import library

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tree_sitter import Node

    from tests.counterparts.world import Done
    from tests.examples.place import Place

#: jenkins.io, "Pipeline Syntax".
SECTIONS = {
    "pipeline": {"agent", "environment", "options", "parameters", "post", "stages", "tools", "triggers"},
    "stage": {"agent", "environment", "input", "options", "parallel", "post", "stages", "steps", "tools", "when"},
    "when": {
        "allOf",
        "anyOf",
        "beforeAgent",
        "beforeInput",
        "branch",
        "buildingTag",
        "environment",
        "expression",
        "not",
    }
    | {"tag", "triggeredBy"},
    "docker": {"alwaysPull", "args", "image", "label", "registryCredentialsId", "registryUrl", "reuseNode"},
    "input": {"id", "message", "ok", "parameters", "submitter", "submitterParameter"},
}
_CALLS = {"method_invocation", "juxt_function_call"}


def parse(text: str) -> Node:
    """The tree of a Jenkinsfile.

    Raises:
        SyntaxError: it is no Groovy.
    """
    tree_sitter = library("tree_sitter")
    groovy = tree_sitter.Language(library("tree_sitter_groovy").language())
    root: Node = tree_sitter.Parser(groovy).parse(text.encode()).root_node
    for node in walk(root):
        if node.is_error or node.is_missing:
            raise SyntaxError(f"line {node.start_point.row + 1}: {node.text!r}")
    return root


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it, in the order of the text."""
    yield node
    for child in node.children:
        yield from walk(child)


def calls(node: Node, name: str) -> list[Node]:
    """The calls of a name below a node."""
    return [each for each in walk(node) if each.type in _CALLS and called(each) == name]


def scripts(node: Node) -> list[str]:
    """The shell scripts below a node."""
    return [textwrap.dedent(_quoted(step)[-1]) for step in calls(node, "sh")]


def called(node: Node) -> str:
    """What a call calls."""
    found = node.child_by_field_name("name")
    return "" if found is None or found.text is None else found.text.decode()


def inside(node: Node) -> list[str]:
    """What stands directly in the braces of a call."""
    body = node.child_by_field_name("body")
    lines = [] if body is None else [(child.text or b"").decode() for child in body.named_children]
    return [found[0] for line in lines if (found := re.match(r"\w+(?!\w| =|\.)", line))]


@dataclass(slots=True)
class Build:
    """One build by a Jenkinsfile. `variables` are those of Jenkins, `parameters` those of the pipeline, `credentials`
    the secrets by their ids: user name and password.
    """

    place: Place
    root: Node
    variables: Mapping[str, str]
    credentials: Mapping[str, tuple[str, str]]
    parameters: Mapping[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def stages(self) -> list[str]:
        """The stages that this build runs, in their order."""
        return [_quoted(stage)[0] for stage in calls(self.root, "stage") if self._wanted(stage)]

    def run(self, name: str, folder: Path) -> list[Done]:
        """Run the shell steps of a stage, until one fails."""
        (stage,) = (each for each in calls(self.root, "stage") if _quoted(each)[0] == name)
        known = {**self.variables, **self._set(stage), **self.env, **self._secrets(stage)}
        folder.mkdir(exist_ok=True)
        done: list[Done] = []
        for step, script in zip(calls(stage, "sh"), scripts(stage), strict=True):
            done.append(self.place.shell(["sh", "-xec"], script, known, folder))
            if done[-1].code != 0:
                break
            if kept := re.search(r"env\.(\w+) = $", _before(step)):
                self.env[kept[1]] = done[-1].out.strip()
        return done

    def _wanted(self, stage: Node) -> bool:
        """Whether all conditions of `when` hold."""
        for condition in calls(stage, "branch"):
            if _quoted(condition)[0] != self.variables.get("BRANCH_NAME"):
                return False
        for condition in calls(stage, "tag"):
            if not re.fullmatch(_quoted(condition)[0].replace("\\\\", "\\"), self.variables.get("TAG_NAME", "")):
                return False
        for condition in calls(stage, "expression"):
            ((name, value),) = re.findall(r"params\.(\w+) == '(\w+)'", (condition.text or b"").decode())
            if self.parameters[name] != value:
                return False
        return True

    def _set(self, stage: Node) -> dict[str, str]:
        """The variables of the blocks `environment`: those of the pipeline, and of the stage."""
        stages = [each.id for other in calls(self.root, "stage") if other != stage for each in walk(other)]
        found: dict[str, str] = {}
        for block in calls(self.root, "environment"):
            text = (block.text or b"").decode()
            if block.id not in stages:
                found |= dict(re.findall(r"(\w+) = '([^']*)'", text))
                for name, key in re.findall(r"(\w+) = credentials\('([^']*)'\)", text):
                    found[f"{name}_USR"], found[f"{name}_PSW"] = self.credentials[key]
        return found

    def _secrets(self, stage: Node) -> dict[str, str]:
        """The variables of `withCredentials`."""
        found = {}
        for binding in calls(stage, "usernamePassword"):
            names = dict(re.findall(r"(\w+): '([^']*)'", (binding.text or b"").decode()))
            user, password = self.credentials[names["credentialsId"]]
            found |= {names["usernameVariable"]: user, names["passwordVariable"]: password}
        return found


def _quoted(node: Node) -> list[str]:
    """The texts in single quotes, or three of them, that a call is given."""
    texts = (each.text or b"" for each in walk(node) if each.type in ("character_literal", "string_literal"))
    return [re.sub(r"\A('''|')|('''|')\Z", "", text.decode()) for text in texts]


def _before(node: Node) -> str:
    """What stands on the line before a node."""
    statement = node.parent
    while statement is not None and statement.type != "expression_statement":
        statement = statement.parent
    if statement is None or statement.text is None:
        return ""
    return statement.text[: node.start_byte - statement.start_byte].decode()
