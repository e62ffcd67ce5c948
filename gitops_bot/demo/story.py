"""`gitops-bot demo`: runs the real commands as processes, against servers on this machine."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gitops_bot.demo import person, terminal
from gitops_bot.demo.site import REPOSITORY, begun, populate, resumed
from gitops_bot.report.screen import Screen

if TYPE_CHECKING:
    import threading

    from gitops_bot.demo.site import Site

#: The widest output of a command in columns.
_WIDTH = 100
_FULL = "gitops-bot demo --full"


def tell(out: TextIO, ended: threading.Event, *, keep: bool, full: bool) -> int:
    """Run the demo; returns 0 or the exit code of the first command that failed.

    `full` shows all output. `keep` keeps the folder, and the servers running until `ended` is set or Ctrl-C.
    """
    screen = Screen.of(out)
    folder, kept = Path(tempfile.mkdtemp(prefix="gitops-bot-demo-")), False
    try:
        with begun(folder) as site:
            code = Story(site, screen, full=full).tell()
            kept = keep and code == 0
            if kept:
                _serve(site, screen, ended)
            elif code == 0:
                screen.say()
                screen.say(
                    "`gitops-bot demo --keep` leaves the servers running, so that you can merge it in a browser."
                )
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    if kept:
        _end(screen, folder)
    return code


def resume(folder: Path, out: TextIO, ended: threading.Event) -> int:
    """Run the servers of a kept demo until `ended` is set or Ctrl-C.

    Raises:
        UsageError: it cannot be resumed.
    """
    screen = Screen.of(out)
    with resumed(folder) as site:
        tag = site.push_next("web")
        screen.say(f"The registry is {site.registry.url}, the forge {site.forge.url}; web:{tag} was just pushed.")
        _serve(site, screen, ended)
    _end(screen, folder)
    return 0


def _serve(site: Site, screen: Screen, ended: threading.Event) -> None:
    """Print how to continue, and wait."""
    pages = [f"{site.forge.url}/{REPOSITORY}", *(pull.url for pull in site.person.open_pull_requests())]
    with site.credentials() as credentials:
        helper = shlex.quote(f"credential.helper=store --file {shlex.quote(str(credentials))}")
        _list(screen, "Read and merge in a browser:", pages)
        commands = [
            *(f"export {name}={shlex.quote(text)}" for name, text in site.environment.items()),
            f"gitops-bot plan --repository {REPOSITORY}",
            f"gitops-bot update --repository {REPOSITORY}",
            # The empty helper keeps the user's own helpers from storing the demo's token.
            f"git clone {site.forge.url}/{REPOSITORY}.git -c credential.helper= -c {helper}",
        ]
        _list(screen, f"Or continue in another terminal. Pushes from that clone are {person.NAME}'s:", commands)
        screen.say()
        with suppress(KeyboardInterrupt):
            screen.say("Press Ctrl-C to stop the servers.")
            screen.out.flush()
            ended.wait()


def _end(screen: Screen, folder: Path) -> None:
    _list(
        screen,
        "The servers have stopped. The demo is kept: delete its folder, or resume it later:",
        [f"gitops-bot demo --resume {shlex.quote(str(folder))}"],
    )


def _list(screen: Screen, heading: str, lines: list[str]) -> None:
    """Print lines to copy, without wrapping them."""
    screen.say()
    screen.say(heading)
    for line in lines:
        print(f"  {line}", file=screen.out)


@dataclass(frozen=True, slots=True)
class Story:
    """One run of the demo. `full`: all output, and more commands."""

    site: Site
    screen: Screen
    full: bool

    def tell(self) -> int:
        """Run all steps; returns 0 or the exit code of the first command that failed."""
        site = self.site
        self._say(f"A registry on {site.registry.host}, a Git and GitHub server on {site.forge.host}: this machine.")
        populate(site)
        self.screen.say(f"{REPOSITORY} is a copy of manifests-example/, and its images are in the registry.")
        return self._update() or self._roll_back() or self._promote()

    def _update(self) -> int:
        self.site.push("web", "v1.4.2")
        self._say("A pipeline pushes web:v1.4.2. What would change?")
        if code := self._run("plan", "production", until="digest: sha256:"):
            return code
        self._say("So propose it:")
        if code := self._run("update", "production", until="/pull/"):
            return code
        self._merge("Production waits for a person:")
        if self.full:
            self._say("The next poll finds nothing new, so it writes nothing:")
            return self._run("update")
        return 0

    def _roll_back(self) -> int:
        self._say("web:v1.4.2 breaks production. Back to the version before:")
        if code := self._run("rollback", "production"):
            return code
        self._merge("A rollback waits for a person, too:")
        self.screen.say("The version that was rolled back is not proposed again until there is a newer one:")
        return self._run("plan", "production", until=" unchanged")

    def _promote(self) -> int:
        self.site.push("web", "v1.5.0")
        self._say("web:v1.5.0 fixes it. Staging takes it at once, to be tested:")
        if code := self._run("update", "staging", until="kustomization.yaml:"):
            return code
        self._say("It works. Production gets exactly the bytes that staging runs, by digest:")
        return self._run("promote", "staging", "production")

    def _merge(self, why: str) -> None:
        person_api = self.site.person
        for pull in person_api.open_pull_requests():
            if self.full:
                self._say(f"#{pull.number} {pull.title}: {pull.url}")
                for line in person_api.diff(pull.number):
                    if not line.startswith(("diff ", "index ")):
                        self.screen.say_as_is(f"  {line}".rstrip())
            self._say(f"{why} {person.NAME} merges #{pull.number}: {person_api.merge(pull.number)[:10]}.")

    def _run(self, *words: str, until: str = "") -> int:
        """Run a command and show its output: without `full`, up to the last line with `until`."""
        arguments = [*words, "--repository", REPOSITORY]
        self.screen.say(f"$ gitops-bot {shlex.join(arguments)}", style="bold")
        self.screen.out.flush()
        ran = terminal.run(
            [sys.executable, "-m", "gitops_bot", *arguments],
            cwd=self.site.folder,
            env=self.site.process_environment,
            width=min(self.screen.width or _WIDTH, _WIDTH) - 2,
            colours=self.screen.colours,
        )
        last = max((number for number, line in enumerate(ran.lines, 1) if until in line), default=None)
        shown = ran.lines if self.full or ran.code else ran.lines[:last]
        for line in shown:  # already wrapped, escaped and coloured by the command
            print(f"  {line}".rstrip(), file=self.screen.out)
        if left := len(ran.lines) - len(shown):
            self.screen.say(f"… and {left} more lines: `{_FULL}`", indent=2)
        self.screen.out.flush()
        return ran.code

    def _say(self, text: str) -> None:
        self.screen.say()
        self.screen.say(text)
