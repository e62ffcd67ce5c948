"""docs/environment-variables.md: every variable that the program reads stands there, and nothing else."""

from __future__ import annotations

import ast
import re

from gitops_bot.cli.main import cli
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "environment-variables.md").read_text(encoding="utf-8")
SOURCES = [file for file in sorted((PROJECT / "gitops_bot").rglob("*.py")) if "demo" not in file.parts]
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|HOME|PATH|TERM|TMPDIR")
#: Variables that the bot sets for git and for processes of its own, whatever the user's say.
_SET = re.compile(
    r"GIT_(?:ALLOW_PROTOCOL|ASKPASS|CONFIG_GLOBAL|CONFIG_NOSYSTEM|DEFAULT_REF_FORMAT|DIR|FLUSH|OPTIONAL_LOCKS"
    r"|PYTHON_\w+|TERMINAL_PROMPT|TRACE_\w+)|SSH_ASKPASS|LC_ALL|GITOPS_BOT_(?:ANSWER|ASK)"
)
#: What APIs of GitHub and of registries answer, the operating system's flags, and names of the program itself.
_WORDS = re.compile(
    r"IN_PROGRESS|CHANGES_REQUESTED|INSUFFICIENT_SCOPES|MAX_NODE_LIMIT_EXCEEDED|NOT_FOUND|RATE_LIMIT(?:ED)?"
    r"|ACTION_REQUIRED|STARTUP_FAILURE|TIMED_OUT|RESOURCE_LIMITS_EXCEEDED|O_NOFOLLOW|O_TMPFILE|BY_NAME|TRY_SECONDS"
    r"|MANIFEST_UNKNOWN|NEWEST_READS"
)


def constants() -> set[str]:
    """The texts in the program that may be names of variables, and the names made of them in a template."""
    found = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.fullmatch(node.value):
                found.add(node.value)
    return {name for name in found if not _SET.fullmatch(name) and not _WORDS.fullmatch(name)}


def documented() -> set[str]:
    """The names on the page; `NO_COLOR=1` names one, `GIT_SSL_...` none."""
    codes = (code.partition("=")[0] for code in re.findall(r"`([^`\n]+)`", PAGE))
    return {code for code in codes if _VARIABLE.fullmatch(code)}


def test_every_variable_that_the_program_reads_is_documented() -> None:
    assert sorted(constants() - documented()) == []


def test_every_documented_variable_is_one_that_the_program_reads() -> None:
    """It stands in the source, or is listed here: made of parts, matched by a pattern, or read by a library."""
    made = re.compile(r"GITOPS_BOT_REGISTRY_(?:USERNAME|PASSWORD)|GIT_(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL)")
    matched = re.compile(r"(?:HTTPS?|ALL)_PROXY|GIT_(?:SSH_VARIANT|SSL_CAINFO|EXEC_PATH)|SSH_AUTH_SOCK")
    by_libraries = re.compile(r"COLUMNS|REQUESTS_CA_BUNDLE")
    options = {str(param.envvar) for command in cli.commands.values() for param in command.params}
    left = documented() - constants() - options
    assert [name for name in sorted(left) if not any(p.fullmatch(name) for p in (made, matched, by_libraries))] == []
