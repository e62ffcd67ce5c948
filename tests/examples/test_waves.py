"""examples/waves: 300 clusters in six waves. Every command of its page is run; real registry and git, GitHub's API."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.conftest import PROJECT
from tests.examples.place import Place
from tests.examples.waves import EXAMPLE, FIRST, WAVES, Waves
from tests.pages.markdown import commands, sections

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import World

NEW = "v1.5.0"
NAMES = [*WAVES]
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


def test_the_example_is_clean_and_has_the_clusters_that_it_says(worldwide: World) -> None:
    waves = Waves.start(worldwide)
    assert {wave: len(waves.clusters(wave)) for wave in WAVES} == SIZES
    coverage = waves.deploy.ask("plan").json["coverage"]
    assert (coverage["tracked"], coverage["promoted"], coverage["total"]) == (2, 298, 300)


def test_every_command_of_the_page_prints_what_it_shows(worldwide: World, tmp_path: Path) -> None:
    waves = Waves.start(worldwide)
    place = Place(waves.deploy, tmp_path / "programs")
    place.programs.mkdir()
    place.program("gitops-bot", f'PYTHONPATH={PROJECT} exec {sys.executable} -P -m gitops_bot "$@"')
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


def test_a_release_goes_through_one_wave_after_the_other_and_each_waits_for_all_clusters_before_it(
    worldwide: World,
) -> None:
    waves = Waves.start(worldwide, most=3)
    waves.push(NEW)
    assert waves.deploy.bot("update").code == 0
    for number, wave in enumerate(NAMES, 1):
        reached = {name: {NEW if at < number else FIRST} for at, name in enumerate(NAMES)}
        assert waves.runs() == reached
        if wave == NAMES[-1]:
            return
        later = NAMES[number]
        waves.report(wave)
        assert waves.deploy.bot("update", later).code == 0, "it has not run for long enough"
        waves.wait(9)
        last = [*waves.clusters(wave)][-1]
        waves.report(wave, **{last.replace("-", "_"): "pending"})
        assert waves.deploy.bot("update", later).code == 0, "one cluster is not healthy yet"
        assert waves.runs() == reached
        waves.report(wave)
        assert waves.deploy.bot("update").code == 0


def test_a_rollback_in_the_third_wave_stops_the_fourth_to_the_sixth(worldwide: World) -> None:
    waves = Waves.start(worldwide)
    waves.run(NEW, *NAMES[:3], hours_ago=10)
    waves.report("apac")
    assert waves.deploy.bot("rollback", "apac").code == 0
    before = waves.deploy.branches
    done = waves.deploy.ask("update")
    assert (done.code, waves.deploy.branches) == (0, before)
    assert waves.runs() == {**{name: {FIRST} for name in NAMES}, "dev": {NEW}, "canary": {NEW}}
    # Even if people had let the fourth and the fifth run it before.
    waves.run(NEW, "eu", "us-west", hours_ago=10)
    waves.report("us-west")
    done = waves.deploy.ask("update", "us-east")
    codes = {item["reason"]["code"] for each in done.json["environments"] for item in each["held"]}
    assert codes == {"held.reverted"}
    assert waves.runs()["us-east"] == {FIRST}


def test_a_plan_for_300_overlays_in_six_waves_costs_few_requests(worldwide: World) -> None:
    waves = Waves.staggered(worldwide)
    before = len(waves.deploy.world.git.requests())
    with waves.deploy.watching() as seen:
        done = waves.deploy.ask("plan")
    changes = [len(proposal["changes"]) for each in done.json["environments"] for proposal in each["proposals"]]
    assert (changes, seen.nothing) == ([8, 30, 60, 80, 120], True)
    assert len(seen.api) <= 10, seen.api
    assert len(waves.deploy.world.git.requests()[before:]) <= 12
