"""Builds the image without an engine: a folder stands for each stage's root file system.

What it really does: every RUN's own words are run by a real shell, with real pip, venv and compileall, on the copied
files and nothing else. All stages lie at the same place, one after the other, so an image that still needs its build
stage does not start. What it does not do: paths are rewritten into the folder instead of a change of root; the base
image is a bare folder with this machine's Python; `apt-get install` is asked of the real apt-get, which finds the
packages and their needs, but only simulates, and the programs are then those of this machine's packages of that name.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.container.dockerfile import Instruction, Stage, Unsupported, assignments, exec_form, expand, stages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: What docker and the base image set, and what every Debian has (beside apt-get).
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"}
ESSENTIAL = ("cat", "cp", "find", "ls", "mkdir", "mv", "rm", "sh", "test", "true", "uname")

_APT_GET = """#!/bin/sh
case $1 in
  update) exec /usr/bin/apt-get --print-uris "$@" ;;
  install) shift; exec /usr/bin/apt-get --simulate install "$@" ;;
esac
exit 100
"""


class BuildError(Exception):
    """An instruction failed, as it would have in an engine."""


@dataclass(slots=True)
class Image:
    """A root file system and what is said of it."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(ENVIRONMENT))
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] | None = None

    def inside(self, path: str) -> Path:
        """Where a path of the image lies."""
        return self.root / os.path.normpath(Path(self.workdir, path)).lstrip("/")

    def variables(self) -> dict[str, str]:
        """The environment of a process in the image."""
        places = (str(self.inside(place)) for place in self.environment["PATH"].split(":"))
        return {**self.environment, "PATH": ":".join(places)}

    def start(
        self, *words: str, user: str | None = None, folder: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a container would: by the image's user unless told, with nothing of our environment."""
        uid, gid = map(int, (user or self.user).split(":"))
        return subprocess.run(
            words,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=folder or self.inside("."),
            env={**self.variables(), "HOME": "/", **environment},
            user=uid,
            group=gid,
            extra_groups=[],
            umask=0o022,
        )


@dataclass(slots=True)
class Engine:
    """`base(root, name)` fills the root of a stage from an image's name; `ours` is set beside the file's variables."""

    folder: Path
    context: Path
    base: Callable[[Path, str], None]
    ours: Mapping[str, str]

    def build(self, text: str, given: Mapping[str, str] | None = None) -> Image:
        """Carry out a Dockerfile; `given` are the build arguments."""
        built: dict[str, Image] = {}
        image = None
        for number, stage in enumerate(stages(text)):
            if image is not None:
                # The next stage takes this place, and finds this one aside.
                image.root.rename(self.folder / f"stage-{number - 1}")
            image = self._stage(stage, built, dict(given or {}))
            built[stage.name or str(number)] = replace(image, root=self.folder / f"stage-{number}")
        assert image is not None
        return image

    def _stage(self, stage: Stage, built: Mapping[str, Image], given: Mapping[str, str]) -> Image:
        image = Image(self.folder / "root")
        if stage.base in built:
            image = replace(built[stage.base], root=image.root)
            shutil.copytree(built[stage.base].root, image.root, symlinks=True)
        else:
            self._debian(image.root)
            self.base(image.root, stage.base)
        arguments: dict[str, str] = {}
        for instruction in stage.instructions:
            try:
                self._carry_out(instruction, image, arguments, built, given)
            except BuildError as failed:
                raise BuildError(f"Dockerfile:{instruction.line}: {failed}") from failed
        return image

    def _debian(self, root: Path) -> None:
        root.mkdir(mode=0o755, parents=True)
        for place in ("tmp", "usr/bin", "var/lib/apt/lists", "root"):
            (root / place).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (root / "usr" / "bin" / "apt-get").write_text(_APT_GET, encoding="utf-8")
        (root / "usr" / "bin" / "apt-get").chmod(0o755)
        (root / "var" / "lib" / "apt" / "lists" / "a-list").touch()
        for name in ESSENTIAL:
            _link(root, Path(shutil.which(name, path=os.defpath) or f"/bin/{name}"), Path("usr/bin", name))

    def _carry_out(
        self,
        instruction: Instruction,
        image: Image,
        arguments: dict[str, str],
        built: Mapping[str, Image],
        given: Mapping[str, str],
    ) -> None:
        variables = {**arguments, **image.environment}
        match instruction.name:
            case "ARG":
                name, _, default = instruction.text.partition("=")
                arguments[name] = given.get(name, *shlex.split(default) or [""])
            case "WORKDIR":
                image.workdir = os.path.normpath(Path(image.workdir, expand(instruction.text, variables)))
                image.inside(".").mkdir(parents=True, exist_ok=True)
            case "COPY":
                stage = instruction.flags.get("from")
                if stage is not None and stage not in built:
                    raise BuildError(f"no stage {stage}")
                words = shlex.split(expand(instruction.text, variables))
                _copy(self.context if stage is None else built[stage].root, words, image)
            case "RUN":
                self._run(instruction, image, variables)
            case _:
                _describe(instruction, image, variables)

    def _run(self, instruction: Instruction, image: Image, variables: Mapping[str, str]) -> None:
        if instruction.text.startswith("[") or image.user != "0:0":
            raise Unsupported(f"line {instruction.line}: RUN in the exec form, or by another user")
        path = image.variables()["PATH"]
        done = subprocess.run(
            ["/bin/sh", "-c", rewritten(instruction.text, image.root)],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
            cwd=image.inside("."),
            env={**variables, "PATH": path, "HOME": str(image.root / "root"), **self.ours},
        )
        if done.returncode != 0:
            raise BuildError(done.stdout[-2000:])
        for package in re.findall(r"^Conf (\S+)|^(\S+) is already the newest", done.stdout, re.MULTILINE):
            _install(image.root, package[0] or package[1])


def _describe(instruction: Instruction, image: Image, variables: Mapping[str, str]) -> None:
    match instruction.name:
        case "ENV":
            image.environment = image.environment | assignments(instruction, variables)
        case "LABEL":
            image.labels = image.labels | assignments(instruction, variables)
        case "USER":
            image.user = expand(instruction.text, variables)
        case "ENTRYPOINT":
            image.entrypoint = exec_form(instruction, instruction.text)
        case "CMD":
            image.command = exec_form(instruction, instruction.text)
        case "HEALTHCHECK":
            kind, _, words = instruction.text.partition(" ")
            if kind != "CMD":
                raise Unsupported(f"line {instruction.line}: HEALTHCHECK {kind}")
            image.healthcheck = exec_form(instruction, words)


def rewritten(command: str, root: Path) -> str:
    """The same command with every absolute path moved into `root`; refused when one may have been missed."""
    lexer = shlex.shlex(command, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    moved = " ".join(_moved(word, root) for word in lexer)
    if re.search(r"[`$]", moved):
        raise Unsupported(f"what a shell puts in: {command}")
    return moved


def _moved(word: str, root: Path) -> str:
    """A path may begin a word, or stand behind the `=` of an option or the `:` of a list; `://` is an address."""
    moved = re.sub(r"(\A['\"]?|[=:])/(?!/)(?!dev/null\Z)", rf"\g<1>{root}/", word)
    relative = moved.replace(f"{root}/", "").replace("://", "").replace("/dev/null", "")
    if re.search(r"(?<![\w.*-])/|\A-\w+/", relative):
        raise Unsupported(f"the path in {word}")
    return moved


def _copy(source: Path, words: list[str], image: Image) -> None:
    *names, last = words
    target = image.inside(last)
    if any(set(name) & set("*?[") for name in names) or not names:
        raise Unsupported(f"COPY {' '.join(words)}")
    if len(names) > 1 and not last.endswith("/"):
        raise BuildError(f"{last} must end in / for more than one source")
    for name in names:
        found = source / os.path.normpath(f"/{name}").lstrip("/")
        if found.is_dir():
            shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
        elif found.is_file():
            place = target / found.name if last.endswith("/") or target.is_dir() else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, place)
        else:
            raise BuildError(f"{name} is not in the build context or stage")


def _install(root: Path, package: str) -> None:
    """Put the programs of a Debian package of this machine where the image has them."""
    listed = subprocess.run(["dpkg", "-L", package], check=False, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        file = Path(line)
        if file.parent.name in {"bin", "sbin"} and file.is_file():
            _link(root, file, file.relative_to("/"))


def _link(root: Path, program: Path, place: Path) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(program)
