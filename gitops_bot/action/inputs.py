"""What a step of a workflow asks for: the inputs of action.yml as the runner hands them over, bounded and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gitops_bot.commands import assignments
from gitops_bot.config import checks
from gitops_bot.errors import Problem, UsageError
from gitops_bot.wiring import trust

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMOTE: Final = frozenset({"repository", "token", "registry", "registry-username", "registry-password"})
_ANY: Final = frozenset({"command", "config", "version"})
_NAMED: Final = frozenset({"environment", "image", "release-hold", "dry-run"})
#: The commands, and the inputs that each of them takes.
TAKES: Final[Mapping[str, frozenset[str]]] = {
    "set": _ANY | _REMOTE | _NAMED | {"tag", "digest", "allow-downgrade"},
    "promote": _ANY | _REMOTE | _NAMED | {"from", "beyond-policy", "now"},
    "rollback": _ANY | _REMOTE | _NAMED | {"to", "reason"},
    "update": _ANY | _REMOTE | {"environment", "release-hold", "dry-run"},
    "plan": _ANY | _REMOTE | {"environment", "release-hold"},
    "check": _ANY,
}
INPUTS: Final = frozenset[str]().union(*TAKES.values())
#: Those that are never empty, so that a command which does not take them passes them over.
_ALWAYS_THERE: Final = _REMOTE | {"command"}
_SEVERAL: Final = frozenset({"image", "environment"})
_TEXTS: Final = ("repository", "config", "to", "reason")
_FLAGS: Final = ("dry-run", "release-hold", "allow-downgrade", "beyond-policy", "now")
_TRUTHS: Final[Mapping[str, bool]] = {"true": True, "false": False, "": False}
#: Characters of one input, and lines of those that take several. A token of an App may be long.
_LONGEST, _MOST = 16_384, 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `environ` is all that the command may see; `images` are those that it names, with the pins of `set`."""

    command: str
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    images: tuple[str, ...]
    dry_run: bool
    config: str


def read(environ: Mapping[str, str]) -> Step:
    """The step that the variables `INPUT_*` describe.

    Raises:
        UsageError: with one problem for each input that is missing, has no meaning, or is not what it must be.
    """
    given = {name: _given(environ, name) for name in INPUTS}
    command = given["command"] or "set"
    if command not in TAKES:
        raise _wrong(f"command must be one of {', '.join(TAKES)}")
    problems = [*_unknown(command, given), *_malformed(given), *_missing(command, given)]
    if problems:
        raise UsageError(*problems)
    flags = {name: _TRUTHS[given[name].lower()] for name in _FLAGS}
    images = _images(command, given)
    return Step(
        command,
        (command, *_options(command, given, flags), *_words(command, given, images)),
        _seen(environ, given, command),
        tuple(images),
        flags["dry-run"] or command == "plan",
        given["config"],
    )


def _given(environ: Mapping[str, str], name: str) -> str:
    """An input. A runner writes `INPUT_DRY-RUN` for a container; a shell in between can only keep `INPUT_DRY_RUN`."""
    key = f"INPUT_{name.upper()}"
    text = environ.get(key) or environ.get(key.replace("-", "_"), "")
    # A line break in a tag or a digest means that something went wrong before, so nothing is taken off there.
    return text if name in ("tag", "digest") else text.strip()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _unknown(command: str, given: Mapping[str, str]) -> list[Problem]:
    takes, off = TAKES[command] | _ALWAYS_THERE, ("", "false")
    wrong = sorted(name for name, text in given.items() if name not in takes and text.lower() not in off)
    return [problem(f"{name} has no meaning for the command {command}", "leave it out") for name in wrong]


def _malformed(given: Mapping[str, str]) -> list[Problem]:
    found = []
    for name, text in sorted(given.items()):
        lines = _lines(text) if name in _SEVERAL else [text]
        if len(text) > _LONGEST or len(lines) > _MOST:
            found.append(problem(f"{name} is longer than {_LONGEST} characters, or than {_MOST} lines"))
        elif name == "tag" and text and not _is_pin(text, text, ""):
            # Nothing that is wrong is shown: it may be anything, a secret too.
            found.append(problem('tag must be a tag: letters, digits, "_", "." and "-", at most 128 of them'))
        elif name == "digest" and text and not _is_pin(f"@{text}", "", text):
            found.append(problem("digest must be sha256: and 64, or sha512: and 128, lower-case hexadecimal digits"))
        elif name == "registry" and text and checks.host(text) is None:
            found.append(problem("registry must be a host, with its port where it has one, as in ghcr.io"))
        elif any(_CONTROL.search(line) for line in lines):
            found.append(problem(f"{name} must be one line without control characters"))
        elif name in _FLAGS and text.lower() not in _TRUTHS:
            found.append(problem(f"{name} must be true or false"))
    return found + _malformed_images(given)


def _malformed_images(given: Mapping[str, str]) -> list[Problem]:
    found = []
    for line in _lines(given["image"]):
        name, equals, pin = line.partition("=")
        tag, _, digest = pin.partition("@")
        if not name or (equals and not _is_pin(pin, tag, digest)):
            found.append(problem("image must be NAME, NAME=TAG, NAME=TAG@DIGEST or NAME=@DIGEST in each line"))
    return found


def _is_pin(text: str, tag: str, digest: str) -> bool:
    """Whether the text pins just this tag and digest. One such as evil.example/web would be a new name of the image."""
    try:
        (read,) = assignments.parse([f"image={text}"])
    except UsageError:
        return False
    return (read.new_name, read.pin.tag or "", read.pin.digest or "") == (None, tag, digest)


def _missing(command: str, given: Mapping[str, str]) -> list[Problem]:
    needed = {"set": ("environment", "image"), "promote": ("from", "environment"), "rollback": ("environment",)}
    found = [
        problem(f"{name} is needed for the command {command}") for name in needed.get(command, ()) if not given[name]
    ]
    if command in needed and len(given["environment"].split()) > 1:
        found.append(problem(f"the command {command} takes one environment"))
    lines = _lines(given["image"])
    bare, pin = [line for line in lines if "=" not in line], given["tag"] or given["digest"]
    if command == "set" and bare and not pin:
        found.append(problem("tag or digest is needed", "give what was pushed: the output `digest` of the build"))
    if command == "set" and lines and pin and not bare:
        found.append(problem("tag and digest are for images without a pin, and each line of image has its own"))
    if command in ("promote", "rollback") and any("=" in line for line in lines):
        found.append(problem(f"image names what to {command}, without a pin"))
    if command not in ("plan", "check") and not given["token"]:
        advice = "check the name of the secret; pull requests of forks and of Dependabot are given none"
        found.append(problem("token is empty", advice))
    if (given["registry-password"] or given["registry-username"]) and not given["registry"]:
        found.append(problem("registry must name the host that registry-password is for, as in ghcr.io"))
    if given["registry"] and not given["registry-password"]:
        found.append(problem("registry-password is empty", "check the name of the secret, or leave registry out"))
    return found


def _options(command: str, given: Mapping[str, str], flags: Mapping[str, bool]) -> list[str]:
    takes = TAKES[command]
    options = ["--output=json", "--log-format=text"]
    options += [f"--{name}={given[name]}" for name in _TEXTS if name in takes and given[name]]
    options += [f"--{name}" for name in _FLAGS if name in takes and flags[name]]
    return options


def _images(command: str, given: Mapping[str, str]) -> list[str]:
    """Each image; for `set` with its own pin, else with that of the step."""
    lines = _lines(given["image"])
    if command != "set":
        return lines
    pin = given["tag"] + (f"@{given['digest']}" if given["digest"] else "")
    return [line if "=" in line else f"{line}={pin}" for line in lines]


def _words(command: str, given: Mapping[str, str], images: list[str]) -> list[str]:
    match command:
        case "set":
            return ["--", given["environment"], *images]
        case "promote":
            return [*(f"--image={name}" for name in images), "--", given["from"], given["environment"]]
        case "rollback":
            return [*(f"--image={name}" for name in images), "--", given["environment"]]
        case "check":
            return []
        case _:
            return ["--", *given["environment"].split()]


def _seen(environ: Mapping[str, str], given: Mapping[str, str], command: str) -> dict[str, str]:
    """The environment of the command: no input, no credential of the runner, and the one token that it was given."""
    hidden = ("INPUT_", "ACTIONS_")
    seen = {name: text for name, text in environ.items() if not name.startswith(hidden) and name != "GH_TOKEN"}
    seen["GITHUB_TOKEN"] = given["token"] if command != "check" else ""
    if given["registry"] and command != "check":
        seen[trust.REGISTRY] = given["registry"]
        seen[trust.REGISTRY_USERNAME] = given["registry-username"]
        seen[trust.REGISTRY_PASSWORD] = given["registry-password"]
    return seen


def problem(message: str, advice: str = "correct `with:` of the step; docs/action.md lists the inputs") -> Problem:
    """What is wrong with the inputs of a step, and what to do."""
    return Problem("failed.edit", message, advice)


def _wrong(message: str) -> UsageError:
    return UsageError(problem(message))
