"""What the step of a workflow adds to a job: the installation, once a job, and each use of it after that.

    python benchmarks/action.py [--runs 5]

Needs the tests' libraries (`pip install -e '.[test]'`).

The scripts of action.yml are run as the runner of GitHub Actions runs them. Git is served over HTTP, images by Debian's
`docker-registry`, pull requests by the embedded GitHub server: the same that the tests run with (nginx and fcgiwrap are
needed too); packages come from wherever pip finds them. CPU is user and system time of both scripts and all of their
children, git among them; medians over the runs, and the least, which a busy machine disturbs least.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.run import DockerRegistry  # noqa: F401 - says what to install where the tests' libraries are missing
from tests.commands.conftest import shop_files
from tests.counterparts.runner import Runner
from tests.counterparts.world import TOKEN, world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.counterparts.world import Deploy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="gitops-bot-bench-") as scratch, world(Path(scratch) / "world") as running:
        runner, workspace = Runner.start(Path(scratch) / "runner"), Path(scratch) / "workspace"
        workspace.mkdir()
        deploy = running.deploy(shop_files)
        digest = deploy.push("web", "1.1.0")
        given = {"environment": "production", "image": deploy.image("web"), "tag": "1.1.0", "digest": digest}
        dry = given | {"dry-run": "true"}
        print(f"{'step':<44}{'wall s':>9}{'CPU s':>8}{'least wall s':>14}{'least CPU s':>13}")
        first = used(runner, deploy, workspace, dry)
        again = [used(runner, deploy, workspace, dry) for _ in range(runs)]
        row("dry run", again)
        usual = median(again)
        row("installation (the first step, less that)", [(first[0] - usual[0], first[1] - usual[1])])
        by_tag = dry | {"digest": ""}
        row("dry run by tag, which asks the registry", [used(runner, deploy, workspace, by_tag) for _ in range(runs)])
        row("set, which opens a pull request", [used(runner, deploy, workspace, given)])
        row("set, with nothing new", [used(runner, deploy, workspace, given) for _ in range(runs)])


def used(runner: Runner, deploy: Deploy, workspace: Path, given: Mapping[str, str]) -> tuple[float, float]:
    """One use of the action; its wall time and CPU in seconds."""
    github = {
        "api_url": deploy.env["GITHUB_API_URL"],
        "event_name": "push",
        "repository": deploy.name,
        "server_url": deploy.env["GITHUB_SERVER_URL"],
        "token": TOKEN,
    }
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = runner.use(given, workspace, github=github)
    wall, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.code == 0, ran.log
    return wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def median(figures: list[tuple[float, float]]) -> tuple[float, float]:
    walls, cpus = zip(*figures, strict=True)
    return statistics.median(walls), statistics.median(cpus)


def row(name: str, figures: list[tuple[float, float]]) -> None:
    wall, cpu = median(figures)
    least = [min(each) for each in zip(*figures, strict=True)]
    print(f"{name:<44}{wall:>9.2f}{cpu:>8.2f}{least[0]:>14.2f}{least[1]:>13.2f}", flush=True)


if __name__ == "__main__":
    main()
