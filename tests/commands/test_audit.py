"""`gitops-bot audit`: whether what is pinned can still be pulled, what must be kept for it, and who released it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.stages import Stages, path

if TYPE_CHECKING:
    from tests.counterparts.world import Deploy, Done, World

PLATFORMS = ("linux/amd64", "linux/arm64")


@pytest.fixture
def stages(worldwide: World) -> Stages:
    return Stages.start(worldwide, apps=("api", "web"))


def delete(deploy: Deploy, image: str, digest: str) -> None:
    deploy.world.registry.delete(f"{deploy.name}/{image}", digest)


def push_index(stages: Stages, tag: str) -> tuple[str, list[str]]:
    """Production runs this index, which is attested; gives its digest and those of its manifests."""
    registry, repository = stages.deploy.world.registry, f"{stages.deploy.name}/web"
    digest = registry.push_image(repository, tag, platforms=PLATFORMS, attested=True, created="2026-01-01T00:00:00Z")
    stages.run("production", "web", tag, digest=digest)
    return digest, [child["digest"] for child in registry.manifest(repository, digest)["manifests"]]


def verdicts(done: Done, environment: str = "production") -> dict[str, str]:
    (found,) = (item for item in done.json["environments"] if item["name"] == environment)
    return {item["entry"]["overlay"].split("/")[1]: item["verdict"] for item in found["entries"]}


def lines(stages: Stages, *more: str) -> set[str]:
    done = stages.deploy.bot("audit", "production", "--keep-list", *more)
    assert done.code == 0, done.err
    assert done.out.splitlines() == sorted(done.out.splitlines())
    return set(done.out.splitlines())


def test_what_is_there_is_no_problem_and_each_digest_is_asked_for_once(stages: Stages) -> None:
    with stages.deploy.watching() as seen, stages.deploy.world.registry.counting() as requests:
        done = stages.deploy.ask("audit")
    assert (done.code, seen.nothing) == (0, True)
    assert {item["name"]: len(item["entries"]) for item in done.json["environments"]} == {"staging": 2, "production": 2}
    assert set(verdicts(done).values()) == {"present"}
    # Both images are the same bytes: whether the second needs a GET depends on which answer comes first.
    methods, asked = zip(*(line.split(" ", 1) for line in sorted(requests)), strict=True)
    assert methods in {("GET", "GET"), ("GET", "HEAD")}
    assert sorted(asked) == [
        f"/v2/{stages.deploy.name}/{app}/manifests/{stages.digests[app, '1.0.0']} 200" for app in ("api", "web")
    ]


def test_a_digest_that_is_gone_is_a_problem_with_its_place(stages: Stages) -> None:
    delete(stages.deploy, "web", stages.digests["web", "1.0.0"])
    done = stages.deploy.ask("audit", "production")
    assert done.code == 1
    assert verdicts(done) == {"api": "present", "web": "missing"}
    (problem,) = done.json["problems"]
    assert (problem["file"], problem["line"]) == (path("web", "production"), 7)
    assert "does not have it any more" in problem["message"]
    assert "gitops-bot rollback" in problem["next"]
    told = stages.deploy.bot("audit", "production")
    assert told.out.splitlines()[0] == "production: 1 of 2 pinned images can be pulled"
    assert f"{path('web', 'production')}:7" in told.err


def test_a_platform_that_is_gone_is_a_problem(stages: Stages) -> None:
    _, children = push_index(stages, "2.0.0")
    assert verdicts(stages.deploy.ask("audit", "production"))["web"] == "present"
    delete(stages.deploy, "web", children[2])
    assert stages.deploy.ask("audit", "production").code == 0
    delete(stages.deploy, "web", children[1])
    done = stages.deploy.ask("audit", "production")
    assert done.code == 1
    assert verdicts(done)["web"] == "incomplete"
    (found,) = (item for item in done.json["environments"][0]["entries"] if item["verdict"] == "incomplete")
    assert found["missing"] == ["linux/arm64"]
    assert "linux/arm64" in done.json["problems"][0]["message"]


def test_a_registry_that_does_not_answer_is_told_and_the_others_go_on(stages: Stages) -> None:
    text = stages.deploy.files("main")[path("web", "production")]
    image = stages.deploy.image("web").encode()
    stages.deploy.remote.commit("main", {path("web", "production"): text.replace(image, b"127.0.0.1:9/acme/web")})
    done = stages.deploy.ask("audit", "production", "--keep-list")
    assert done.code == 1
    assert verdicts(done) == {"api": "present", "web": "unknown"}
    assert done.json["problems"][0]["file"] == path("web", "production")
    kept = {item["image"]: item["digest"] for item in done.json["keep"]}
    assert kept["127.0.0.1:9/acme/web"] == stages.digests["web", "1.0.0"]


def test_a_tag_alone_is_looked_up(stages: Stages) -> None:
    digest = stages.push("web", "3.0.0")
    stages.run("production", "web", "3.0.0", digest=None)
    done = stages.deploy.ask("audit", "production")
    assert done.code == 0
    assert digest in {item["digest"] for item in done.json["environments"][0]["entries"]}
    assert f"{stages.deploy.image('web')}@{digest}" in lines(stages)
    delete(stages.deploy, "web", digest)
    assert verdicts(stages.deploy.ask("audit", "production"))["web"] == "missing"


def test_the_keep_list_has_what_the_last_releases_ran_and_all_its_manifests(stages: Stages) -> None:
    web, api = stages.deploy.image("web"), stages.deploy.image("api")
    index, children = push_index(stages, "2.0.0")
    stages.run("production", "web", "3.0.0")
    first = {f"{web}@{stages.digests['web', '1.0.0']}", f"{api}@{stages.digests['api', '1.0.0']}"}
    second = {f"{web}@{digest}" for digest in (index, *children)}
    third = {f"{web}@{stages.digests['web', '3.0.0']}"}
    api_now = {f"{api}@{stages.digests['api', '1.0.0']}"}
    assert lines(stages) == first | second | third
    assert lines(stages, "--releases", "2") == api_now | second | third
    assert lines(stages, "--releases", "1") == api_now | third
    kept = stages.deploy.ask("audit", "production", "--keep-list").json["keep"]
    (top,) = (item for item in kept if item["digest"] == index)
    assert (top["tags"], top["environments"], top["indexes"]) == (["2.0.0"], ["production"], [])
    assert [item["indexes"] for item in kept if item["digest"] in children] == [[index]] * 3
    # What is gone already need not be kept.
    delete(stages.deploy, "web", stages.digests["web", "1.0.0"])
    assert lines(stages) == api_now | second | third


def table(done: Done) -> list[dict[str, str]]:
    assert done.code == 0, done.err
    assert all(line.endswith("\r") for line in done.out.removesuffix("\n").split("\n"))
    return list(csv.DictReader(io.StringIO(done.out, newline="")))


def test_releases_are_exported_with_who_brought_them(worldwide: World) -> None:
    stages = Stages.start(worldwide, "promote_from: staging")
    stages.run("staging", "web", "1.1.0")
    assert stages.promote().code == 0
    stages.merge()
    stages.deploy.remote.commit("main", {"apps/web/production/limits.yaml": b"cpu: 1\n"}, author="Bob <b@example.test>")
    config, promoted, first = table(stages.deploy.bot("audit", "production", "--export", "csv"))
    assert (config["author"], config["kind"], config["image"]) == ("Bob", "config", "")
    assert (promoted["kind"], promoted["merged_by"], promoted["release"]) == ("promotion", "alice", "2")
    assert promoted["from_digest"] == first["to_digest"] == stages.digests["web", "1.0.0"]
    assert promoted["to_digest"] == stages.digests["web", "1.1.0"]
    assert promoted["pull_request"].startswith("http")
    assert len(table(stages.deploy.bot("audit", "production", "--export", "csv", "--releases", "1"))) == 1
    histories: list[Any] = stages.deploy.ask("audit", "--export", "json").json["histories"]
    assert {item["environment"]: len(item["releases"]) for item in histories} == {"staging": 2, "production": 3}


AUTHORS = {
    '=HYPERLINK("http://example.test","x")': '\'=HYPERLINK("http://example.test","x")',
    "+1": "'+1",
    "-1+1": "'-1+1",
    "@SUM(A1)": "'@SUM(A1)",
    "\uff1d1": "'\uff1d1",
    'a "quoted", name': 'a "quoted", name',
    "abc\u202edef": "abcdef",
    "\u200b=1": "'=1",
}


def test_no_cell_is_a_formula(worldwide: World) -> None:
    stages = Stages.start(worldwide)
    for minor, author in enumerate(AUTHORS, 1):
        stages.run("production", "web", f"1.{minor}.0", digest=None, author=f"{author} <a@example.test>")
    *releases, _ = table(stages.deploy.bot("audit", "production", "--export", "csv"))
    shown = [release["author"].replace(" ", "") for release in reversed(releases)]
    assert shown == [author.replace(" ", "") for author in AUTHORS.values()]


def test_a_wrong_command_line_is_a_mistake(stages: Stages) -> None:
    for arguments, message in (
        (("--keep-list", "--export", "csv"), "--keep-list and --export cannot be used together"),
        (("--releases", "3"), "--releases needs --keep-list or --export"),
        (("--export", "csv", "--output", "json"), "--export csv and --output json cannot be used together"),
        (("nowhere",), "there is no environment 'nowhere'"),
    ):
        done = stages.deploy.bot("audit", *arguments)
        assert done.code == 2
        assert message in done.out + done.err
