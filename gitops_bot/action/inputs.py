"""Reads and checks the inputs of action.yml, which the runner passes as `INPUT_*` variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from gitops_bot.config import checks
from gitops_bot.engine.request import Pins, Poll, Promote, Request, RollBack
from gitops_bot.errors import Problem, UsageError
from gitops_bot.images.reference import parse_assignments
from gitops_bot.releases.choice.promotion import ByHand
from gitops_bot.wiring.options import REASON_LIMIT, Options
from gitops_bot.wiring.world import REGISTRY, REGISTRY_PASSWORD, REGISTRY_USERNAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Command = Literal["set", "promote", "rollback", "update", "plan", "status", "audit", "check"]

_REMOTE: Final = frozenset({"repository", "token", "registry", "registry-username", "registry-password"})
_ANY: Final = frozenset({"command", "config", "version"})
_NAMED: Final = frozenset({"environment", "image", "release-hold", "dry-run"})
#: The inputs that each command takes.
TAKES: Final[Mapping[Command, frozenset[str]]] = {
    "set": _ANY | _REMOTE | _NAMED | {"tag", "digest", "allow-downgrade"},
    "promote": _ANY | _REMOTE | _NAMED | {"from", "beyond-policy", "beyond-checks", "now"},
    "rollback": _ANY | _REMOTE | _NAMED | {"to", "reason"},
    "update": _ANY | _REMOTE | {"environment", "release-hold", "dry-run"},
    "plan": _ANY | _REMOTE | {"environment", "release-hold"},
    "status": _ANY | _REMOTE | {"environment"},
    "audit": _ANY | _REMOTE | {"environment"},
    "check": _ANY,
}
#: The commands that fail if they cannot change everything that they name, and what each needs.
NEEDS: Final[Mapping[Command, Sequence[str]]] = {
    "set": ("environment", "image"),
    "promote": ("from", "environment"),
    "rollback": ("environment",),
}
INPUTS: Final = frozenset[str]().union(*TAKES.values())
#: These always have a value, so a command that does not take them ignores them.
_ALWAYS_THERE: Final = _REMOTE | {"command"}
_SEVERAL: Final = frozenset({"image", "environment"})
_FLAGS: Final = ("dry-run", "release-hold", "allow-downgrade", "beyond-policy", "beyond-checks", "now")
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "false": False, "": False}
#: Characters of one input, and lines of those that take several. A token of an App may be long.
_LONGEST, _MOST = 16_384, 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of one step. `environ` is the command's environment; commands that write nothing ask for a poll."""

    command: Command
    environ: Mapping[str, str] = field(repr=False)
    options: Options
    environments: tuple[str, ...] = ()
    request: Request = field(default_factory=Request)


def read(environ: Mapping[str, str]) -> Inputs:
    """The step that the variables `INPUT_*` describe.

    Raises:
        UsageError: with one problem for each input that is missing, superfluous or wrong.
    """
    given = {name: _read_input(environ, name) for name in INPUTS}
    command = next((command for command in TAKES if command == (given["command"] or "set")), None)
    if command is None:
        raise UsageError(problem(f"command must be one of {', '.join(TAKES)}"))
    takes, off = TAKES[command] | _ALWAYS_THERE, ("", "false")
    unknown = sorted(name for name, text in given.items() if name not in takes and text.lower() not in off)
    problems = [problem(f"the command {command} does not take {name}", "remove it") for name in unknown]
    problems += [*_check_form(given), *_check_presence(command, given)]
    if problems:
        raise UsageError(*problems)
    flags = {name: _TRUTHS[given[name].lower()] for name in _FLAGS}
    request = Request(_what(command, given, flags), flags["release-hold"], flags["dry-run"] or command == "plan")
    options = Options(given["repository"] or None, given["config"] or None)
    return Inputs(command, _visible(environ, given, command), options, tuple(given["environment"].split()), request)


def _what(command: Command, given: Mapping[str, str], flags: Mapping[str, bool]) -> Poll | Pins | Promote | RollBack:
    images = tuple(_lines(given["image"]))
    match command:
        case "set":
            # Each with its own pin, else with that of the step.
            pin = given["tag"] + (f"@{given['digest']}" if given["digest"] else "")
            pins = parse_assignments([line if "=" in line else f"{line}={pin}" for line in images])
            return Pins(pins, flags["allow-downgrade"])
        case "promote":
            return Promote(given["from"], ByHand(flags["beyond-policy"], flags["now"], flags["beyond-checks"]), images)
        case "rollback":
            return RollBack(given["to"] or None, images, given["reason"] or None)
        case _:
            return Poll()


def _read_input(environ: Mapping[str, str], name: str) -> str:
    """An input: `INPUT_DRY-RUN` in a container, `INPUT_DRY_RUN` if it comes through a shell, which allows no `-`."""
    key = f"INPUT_{name.upper()}"
    text = environ.get(key) or environ.get(key.replace("-", "_"), "")
    # A line break in a tag or a digest means that an earlier step went wrong, so these are not stripped.
    return text if name in ("tag", "digest") else text.strip()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _check_form(given: Mapping[str, str]) -> list[Problem]:
    wrong = []
    for name, text in sorted(given.items()):
        lines = _lines(text) if name in _SEVERAL else [text]
        if len(text) > _LONGEST or len(lines) > _MOST:
            wrong.append(problem(f"{name} is longer than {_LONGEST} characters, or than {_MOST} lines"))
        elif name == "tag" and text and not _is_pin(text, text, ""):
            # A wrong value is not shown: it may be anything, even a secret.
            wrong.append(problem('tag must be a tag: letters, digits, "_", "." and "-", at most 128 of them'))
        elif name == "digest" and text and not _is_pin(f"@{text}", "", text):
            wrong.append(problem("digest must be sha256: and 64, or sha512: and 128, lower-case hexadecimal digits"))
        elif name == "registry" and text and checks.host(text) is None:
            wrong.append(problem("registry must be a host, with its port if it has one, as in ghcr.io"))
        elif any(_CONTROL.search(line) for line in lines):
            wrong.append(problem(f"{name} must be one line without control characters"))
        elif name == "reason" and len(text) > REASON_LIMIT:
            wrong.append(problem(f"reason is longer than {REASON_LIMIT} characters"))
        elif name in _FLAGS and text.lower() not in _TRUTHS:
            wrong.append(problem(f"{name} must be true or false"))
    return wrong + _check_images(given)


def _check_images(given: Mapping[str, str]) -> list[Problem]:
    wrong = []
    for line in _lines(given["image"]):
        name, equals, pin = line.partition("=")
        tag, _, digest = pin.partition("@")
        if not name or (equals and not _is_pin(pin, tag, digest)):
            wrong.append(problem("image must be NAME, NAME=TAG, NAME=TAG@DIGEST or NAME=@DIGEST in each line"))
    return wrong


def _is_pin(text: str, tag: str, digest: str) -> bool:
    """Whether the text pins exactly this tag and digest; `evil.example/web` would be a new name for the image."""
    try:
        (read,) = parse_assignments([f"image={text}"])
    except UsageError:
        return False
    return (read.new_name, read.pin.tag or "", read.pin.digest or "") == (None, tag, digest)


def _check_presence(command: Command, given: Mapping[str, str]) -> list[Problem]:
    needed = (name for name in NEEDS.get(command, ()) if not given[name])
    wrong = [problem(f"{name} is needed for the command {command}") for name in needed]
    if command in NEEDS and len(given["environment"].split()) > 1:
        wrong.append(problem(f"the command {command} takes one environment"))
    lines = _lines(given["image"])
    bare, pin = [line for line in lines if "=" not in line], given["tag"] or given["digest"]
    if command == "set" and bare and not pin:
        wrong.append(problem("tag or digest is needed", "give what was pushed: the output `digest` of the build"))
    if command == "set" and lines and pin and not bare:
        wrong.append(problem("tag and digest are for images without a pin, but every line of image has its own"))
    if command in ("promote", "rollback") and any("=" in line for line in lines):
        wrong.append(problem(f"image names what to {command}, without a pin"))
    if (command in NEEDS or command == "update") and not given["token"]:
        advice = "check the name of the secret; pull requests from forks and from Dependabot get none"
        wrong.append(problem("token is empty", advice))
    if (given["registry-password"] or given["registry-username"]) and not given["registry"]:
        wrong.append(problem("registry must name the host that registry-password is for, as in ghcr.io"))
    if given["registry"] and not given["registry-password"]:
        wrong.append(problem("registry-password is empty", "check the name of the secret, or leave registry out"))
    return wrong


def _visible(environ: Mapping[str, str], given: Mapping[str, str], command: Command) -> dict[str, str]:
    """The command's environment: without inputs and the runner's credentials, with the one token that it was given."""
    hidden = ("INPUT_", "ACTIONS_")
    visible = {name: text for name, text in environ.items() if not name.startswith(hidden) and name != "GH_TOKEN"}
    visible["GITHUB_TOKEN"] = given["token"] if command != "check" else ""
    if given["registry"] and command != "check":
        visible[REGISTRY] = given["registry"]
        visible[REGISTRY_USERNAME] = given["registry-username"]
        visible[REGISTRY_PASSWORD] = given["registry-password"]
    return visible


def problem(message: str, advice: str = "correct `with:` of the step; docs/action.md lists the inputs") -> Problem:
    """What is wrong with the inputs of a step, and what to do."""
    return Problem("failed.usage", message, advice)
