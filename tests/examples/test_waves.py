"""examples/waves: 300 clusters in six waves. Every command of its page is run; real registry and git, GitHub's API."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tests.counterparts.world import program
from tests.examples.place import Place
from tests.examples.waves import EXAMPLE, WAVES, Waves
from tests.pages.markdown import commands, sections

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import World

NEW = "v1.5.0"
SIZES = {"dev": 2, "canary": 8, "apac": 30, "eu": 60, "us-west": 80, "us-east": 120}
#: What differs from day to day, and what stands for it.
_VARIES = (
    (re.compile(r"\b[0-9a-f]{10}\b"), "COMMIT"),
    (re.compile(r"(?:\w{3} )?\d{4}-\d\d-\d\d(?: \d\d:\d\d UTC)?|\w{3} \d\d:\d\d UTC"), "DATE"),
    (re.compile(r"\b(?:less than a minute|\d+ (?:minutes?|hours?|days?))\b"), "TIME"),
    (re.compile(r" +"), " "),
)


def steady(text: str) -> list[str]:
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text.splitlines()


def test_the_page_of_300_clusters_prints_what_it_shows(worldwide: World, tmp_path: Path) -> None:
    waves = Waves.start(worldwide)
    assert {wave: len(waves.clusters(wave)) for wave in WAVES} == SIZES
    place = Place(waves.deploy, tmp_path / "programs")
    place.programs.mkdir()
    place.program("gitops-bot", program())
    here = tmp_path / "here"
    subprocess.run(["git", "clone", "--quiet", waves.deploy.remote.file_url, str(here)], check=True)
    subprocess.run(["git", "-C", str(here), "remote", "set-url", "origin", waves.deploy.remote.url], check=True)

    def travel(*through: str) -> None:
        for wave in through:
            waves.wait(9)
            waves.report(wave)
            assert waves.deploy.bot("update").code == 0

    events = {
        "Check it": lambda: None,
        "A release travels": lambda: waves.push(NEW),
        "A cluster is not healthy": lambda: (waves.wait(2), waves.report("dev", dev_2="failure")),
        "It goes on": lambda: waves.report("dev"),
        "A rollback": lambda: travel("canary", "apac"),
        "A fix": lambda: waves.push("v1.5.1"),
    }
    page = sections(place.led((EXAMPLE / "README.md").read_text(encoding="utf-8")))
    assert [*page] == [*events]
    for heading, section in page.items():
        events[heading]()
        for command in commands(section):
            done = place.shell(["bash", "--noprofile", "--norc", "-c"], command.text, waves.deploy.env, here)
            assert done.err == "", command.text
            assert steady(done.out) == steady("\n".join(command.shown)), command.text
