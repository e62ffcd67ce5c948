"""The first plan after `init`, on real trees: the registry has older, newer and unrelated tags of each image."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gitops_bot.images.formats import Format, format_of
from gitops_bot.images.reference import Pin
from tests.conftest import unpack
from tests.counterparts.world import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.counterparts.world import World

#: Tags that every registry has and that are no next release of anything.
UNRELATED = ("latest", "main", "pr-77", "feature-login-0badcafe", "buildcache", "v99", "sha256-" + "1f" * 32 + ".sig")
LEFT_OUT = {".git", "gitops-bot.yaml"}


@dataclass
class Recorded:
    """What the registry has of one repository: the time of each tag's build, in hours."""

    times: dict[str, int]

    def newest(self, form: Format | None) -> str | None:
        alike = {tag: time for tag, time in self.times.items() if form is not None and form_of(tag) == form}
        return max(alike, key=alike.__getitem__, default=None)


def form_of(tag: str) -> Format | None:
    form = format_of(Pin(tag), own=True)
    return form if isinstance(form, Format) and form.kind != "moving" else None


def moved(tag: str, by: int) -> str:
    """A tag of the same format that was built some builds later, or before."""

    def commit(match: re.Match[str]) -> str:
        return f"{(int(match[0], 16) * 31 + by) % 16 ** len(match[0]):0{len(match[0])}x}".replace("0", "a")

    text, count = re.subn(r"(?<![0-9a-z])(?=[0-9]*[a-f])[0-9a-f]{7,40}(?![0-9a-z])", commit, tag)
    numbers = list(
        re.finditer(r"(?<![0-9a-z])[0-9]+(?![0-9a-z])", re.sub("[0-9a-f]{7,}", lambda m: "x" * len(m[0]), text))
    )
    if not numbers:
        return text if count else tag
    last = numbers[-1]
    return f"{text[: last.start()]}{max(int(last[0]) + by, 0)}{text[last.end() :]}"


def record(running: World, prefix: str, pins: Mapping[str, list[str]]) -> dict[str, Recorded]:
    """Push the pinned tags of each repository, in their order, with one before, two after, and unrelated ones."""
    known: dict[str, Recorded] = {}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for repository, tags in pins.items():
        formats = {form_of(tag) for tag in tags} - {None}
        edges = [next(tag for tag in tags if form_of(tag) == form) for form in formats]
        late = [next(tag for tag in reversed(tags) if form_of(tag) == form) for form in formats]
        moving = [tag for tag in tags if form_of(tag) is None]
        order = [*(moved(tag, -1) for tag in edges), *tags, *UNRELATED, *moving]
        order += [moved(tag, by) for by in (1, 2) for tag in late]
        times: dict[str, int] = {}
        for tag in dict.fromkeys(order):
            times[tag] = len(times)
            created = (start + timedelta(hours=times[tag])).isoformat()
            running.registry.push_image(f"{prefix}/{repository}", tag, created=created, layers=(100 + times[tag],))
        known[repository] = Recorded(times)
    return known


def first_plan(running: World, folder: Path) -> tuple[dict[str, Any], dict[str, Recorded]]:
    """Write the configuration, push the checkout and what it pins, and plan."""
    assert run("init", "--offline", cwd=folder).code == 0
    deploy = running.deploy(
        lambda _: {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and not path.is_symlink() and LEFT_OUT.isdisjoint(path.relative_to(folder).parts)
        }
    )
    status = deploy.ask("status", "--config", str(folder / "gitops-bot.yaml")).json
    pins: dict[str, list[str]] = defaultdict(list)
    for environment in reversed(status["environments"]):  # production runs what is oldest
        for item in environment["entries"]:
            if item["pin"]["tag"] and re.fullmatch("[A-Za-z0-9._-]+", item["pin"]["tag"]):
                pins[item["entry"]["image"]].append(item["pin"]["tag"])
    known = record(running, deploy.name, pins)
    hosts = {repository.partition("/")[0] for repository in pins}
    registries = "".join(f"  {host}: {{mirror: {running.registry.host}/{deploy.name}/{host}}}\n" for host in hosts)
    file = folder / "gitops-bot.yaml"
    file.write_text(file.read_text() + (f"registries:\n{registries}" if registries else ""))
    return deploy.ask("plan", "--config", str(file)).json, known


def laughable(plan: Mapping[str, Any], known: Mapping[str, Recorded]) -> list[str]:
    """The changes that a maintainer would laugh at."""
    wrong = []
    for environment in plan["environments"]:
        for change in (change for proposal in environment["proposals"] for change in proposal["changes"]):
            image, before, after = change["entry"]["image"], change["from"]["tag"], change["to"]["tag"]
            told = f"{environment['name']}: {image} {before} -> {after} ({change['source']})"
            form, times = form_of(before or ""), known[image].times
            if after not in times:
                wrong.append(f"{told}: what is it?")
            elif after == before:
                if form is not None or change["from"]["digest"] is not None:
                    wrong.append(f"{told}: nothing new")
            elif form is not None and (form_of(after) != form or times[after] < times[before]):
                wrong.append(f"{told}: not newer")
            elif change["source"] == "policy" and form is not None and after != known[image].newest(form):
                wrong.append(f"{told}: not the newest")
            elif after in UNRELATED:
                wrong.append(f"{told}: unrelated")
    return wrong


def test_the_first_plan_of_a_real_tree_proposes_what_is_newer_and_nothing_else(
    worldwide: World, tmp_path: Path, corpus: Path
) -> None:
    unpack((corpus / "trees" / "Ama2352+vroom-gitops.tar").read_bytes(), tmp_path)
    # The images are those of the repository's owner, which the origin names.
    (tmp_path / ".git" / "refs").mkdir(parents=True)
    (tmp_path / ".git" / "objects").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "config").write_text(
        '[core]\n\trepositoryformatversion = 0\n[remote "origin"]\n\turl = https://github.com/Ama2352/vroom-gitops\n'
    )
    plan, known = first_plan(worldwide, tmp_path)
    assert laughable(plan, known) == []
    assert [problem["message"] for problem in plan["problems"]] == []
    assert any(each["proposals"] for each in plan["environments"])
