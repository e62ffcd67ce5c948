"""Nothing is silently uncovered: `plan` and `check` end with what becomes of every entry of the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.conftest import WEB
from tests.commands.offline import check
from tests.conftest import unpack
from tests.counterparts.world import run
from tests.tables import rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.counterparts.world import Deploy, World

CONFIG = """\
version: 1
policies: {releases: {semver: ">=1.0.0"}}
environments:
  staging:
    overlays: ["apps/*/staging"]
    policy: releases
    images: {db: {ignore: true}}
  production:
    overlays: ["apps/*/production"]
    promote_from: staging
  qa:
    overlays: ["apps/*/qa"]
"""


def images(*names: str) -> str:
    return "images:\n" + "".join(f"- name: {name}\n  newTag: 1.0.0\n" for name in names)


ALONE = "staging has this image, and no entry of staging corresponds to this one, to be promoted to it"
#: Of every kind: 2 tracked, 1 promoted, 1 ignored, 3 unmanaged for two reasons, 4 in no environment.
EVERY_KIND = {
    "gitops-bot.yaml": CONFIG,
    "apps/web/staging/kustomization.yaml": images("web", "api", "db"),
    "apps/web/production/kustomization.yaml": images("web", "cron"),
    "apps/web/qa/kustomization.yaml": images("web", "api"),
    "apps/web/base/kustomization.yaml": images("web"),
    "apps/api/base/kustomization.yaml": images("api"),
    "tools/kustomization.yml": "kind: Component\n" + images("a", "b"),
    "apps/api/broken/kustomization.yaml": "images: [\n",
}
COVERAGE = {
    "tracked": 2,
    "promoted": 1,
    "ignored": 1,
    "unmanaged": 3,
    "no_environment": 4,
    "exempt": 0,
    "total": 11,
    "pins": 11,
    "unread_files": [],
}
OUTSIDE = [("apps/api/base", 1), ("apps/web/base", 1), ("tools", 2)]
SUMMARY = """
entries: 2 tracked, 1 promoted, 1 ignored, 3 unmanaged, 4 in no environment
  1 ignored: db, in staging
  2 unmanaged: qa has no `policy`: web and api, in qa
    add under `environments.qa`: policy: {semver: "^1"}
  1 unmanaged: production has no `policy`, and its source staging has no such entry: cron, in production
    add under `environments.production.images`: cron: {policy: {semver: "^1"}}
  4 in no environment: apps/*/base and tools
    add under `environments`: tools: {overlays: ["tools"]}
"""


def outside(coverage: dict[str, Any], cause: str | None) -> list[tuple[str, int]]:
    """What is in no environment for this cause; takes all of it out of the coverage."""
    items = coverage.pop("outside")
    assert coverage.pop("unread") == []
    assert {item["cause"] for item in items} == {cause}
    return sorted((item["overlay"], item["entries"]) for item in items)


def test_check_says_what_becomes_of_every_entry(tmp_path: Path) -> None:
    done = check(tmp_path, EVERY_KIND, "--output", "json")
    coverage = done.json["coverage"]
    assert outside(coverage, "unreferenced") == OUTSIDE
    assert (done.code, done.json["entries"], coverage) == (0, 7, COVERAGE)
    text = check(tmp_path, EVERY_KIND)
    summary = SUMMARY.replace("4 in no environment\n  1 ignored", "4 unreferenced\n  1 ignored")
    assert text.out == f"3 files, 7 entries: all good\n{summary.partition('  4 in no')[0]}"


@pytest.mark.parametrize(
    ("require", "images", "named"),
    [
        ("checks: [e2e]", "{}", "cron"),
        ("deployment: staging", "{web: {policy: releases}}", "web and cron"),
        ("checks: [e2e]", "{web: {policy: releases}, cron: {ignore: true}}", "web"),
        ("checks: [e2e]", "{cron: {ignore: true}}", None),
        ("source_checks: {images: {web: acme/web}, checks: [e2e]}", "{web: {policy: releases}}", None),
    ],
)
def test_check_names_what_passes_the_gates_of_promotions_because_a_policy_chooses_it(
    tmp_path: Path, require: str, images: str, named: str | None
) -> None:
    own = f"promote_from: staging\n    policy: releases\n    require: {{{require}}}\n    images: {images}"
    files = EVERY_KIND | {"gitops-bot.yaml": CONFIG.replace("promote_from: staging", own)}
    count = len(named.split(" and ")) if named is not None else 0
    rule = "exempt from `checks` and `deployment`, as a policy chooses the pin: only `source_checks` apply"
    lines = [line for line in check(tmp_path, files).out.splitlines() if "exempt" in line]
    assert lines == ([f"  {count} {rule}: {named}, in production"] if named is not None else [])
    done = check(tmp_path, files, "--output", "json")
    assert (done.code, done.json["problems"], done.json["coverage"]["exempt"]) == (0, [], count)


@rows("staging production images why", {
    "a rule moves both": ("{policy: releases}", "{}", images("web"), []),
    "no rule moves the source": ("{}", "{}", images("web"), [
        "1 unmanaged: staging has no `policy`: web, in staging",
        "1 unmanaged: no rule moves it in staging, from which it is promoted: web, in production",
    ]),
    "the source has no entry that corresponds": ("{policy: releases}", "{policy: releases}", {"b": images("web")}, [
        f"1 unmanaged: {ALONE}: web, in production",
    ]),
    "a digest of one build": ("{policy: {digest: main-1234}}", "{}", images("web"), [
        "1 unmanaged: the policy follows a tag that is one build for good: web, in staging",
        "1 unmanaged: no rule moves it in staging, from which it is promoted: web, in production",
    ]),
    "a digest of a tag that moves": ("{policy: {digest: main}}", "{}", images("web"), []),
    "an entry that cannot be edited": ("{policy: releases}", "{}", images("web").replace("1.0.0", "&a 1.0.0"), [
        "1 unmanaged: the entry holds an anchor or an alias: web, in production",
    ]),
})  # fmt: skip
def test_an_entry_counts_as_tracked_or_promoted_only_where_plan_could_move_it(
    tmp_path: Path, staging: str, production: str, images: str | dict[str, str], why: list[str]
) -> None:
    config = f"""\
version: 1
policies: {{releases: {{semver: ">=1.0.0"}}}}
environments:
  staging:
    overlays: ['*/staging']
    images: {{web: {staging}}}
  production:
    overlays: ['*/production']
    promote_from: staging
    {production[1:-1]}
"""
    web = "images:\n- name: web\n  newTag: 1.0.0\n"
    files = {"a/staging/kustomization.yaml": web, "gitops-bot.yaml": config}
    own = images if isinstance(images, dict) else {"a": images}
    files |= {f"{app}/production/kustomization.yaml": text for app, text in own.items()}
    lines = check(tmp_path, files).out.splitlines()
    assert [line.strip() for line in lines if " unmanaged: " in line] == why
    left = sum(int(line.split()[0]) for line in why)
    coverage = check(tmp_path, files, "--output", "json").json["coverage"]
    assert (coverage["tracked"] + coverage["promoted"], coverage["unmanaged"]) == (2 - left, left)


def test_plan_says_the_same_and_what_is_unmanaged_is_neither_held_nor_unchanged(worldwide: World) -> None:
    def files(deploy: Deploy) -> dict[str, bytes]:
        for name in ("web", "api", "db", "cron"):
            deploy.push(name, "1.0.0")
        own = {name: deploy.image(name) for name in ("web", "api", "db", "cron")}
        found = {}
        for path, text in EVERY_KIND.items():
            for name, image in own.items():
                text = text.replace(f"- name: {name}\n", f"- name: {name}\n  newName: {image}\n")  # noqa: PLW2901
            found[path] = text.encode()
        return found

    deploy = worldwide.deploy(files)
    plan = deploy.ask("plan").json
    assert outside(plan["coverage"], None) == OUTSIDE
    assert plan["coverage"] == COVERAGE
    found = {each["name"]: each for each in plan["environments"]}
    assert {name: each["unchanged"] for name, each in found.items()} == {"staging": 2, "production": 1, "qa": 0}
    assert {
        (name, item["entry"]["name"], item["reason"]["code"], item["candidate"])
        for name, each in found.items()
        for item in each["held"]
    } == {
        ("production", "cron", "unmanaged", None),
        ("qa", "web", "unmanaged", None),
        ("qa", "api", "unmanaged", None),
    }
    text = deploy.bot("plan")
    assert text.out.endswith(f"{SUMMARY}\nno changes\n")
    assert "\nqa\n  0 unchanged, 2 unmanaged\n" in text.out
    assert "\nstaging\n  2 unchanged, 1 ignored\n" in text.out
    # Of the environments that are asked for, and of the whole repository what is in none.
    coverage = deploy.ask("plan", "qa").json["coverage"]
    assert outside(coverage, None) == OUTSIDE
    assert coverage == dict.fromkeys(("tracked", "promoted", "ignored", "exempt"), 0) | {
        "unmanaged": 2,
        "no_environment": 4,
        "total": 6,
        "pins": 6,
        "unread_files": [],
    }
    assert "gitops-bot init" not in deploy.bot("plan", "qa").out
    # Others say nothing of it, and read nothing for it.
    assert "coverage" not in deploy.ask("update").json
    failed = deploy.ask("plan", "nowhere")
    coverage = failed.json["coverage"]
    emptied = [coverage.pop(name) for name in ("outside", "unread", "unread_files")]
    assert (failed.code, emptied, set(coverage.values())) == (2, [[], [], []], {0})


def test_a_plan_without_a_configuration_has_one_line_for_a_reason_and_not_one_for_an_entry(worldwide: World) -> None:
    tagged = {
        f"apps/a{number}/overlays/dev/kustomization.yaml": b"images:\n- {name: web, newTag: latest}\n"
        for number in range(60)
    }
    deploy = worldwide.deploy(lambda _: tagged)
    done = deploy.bot("plan")
    assert done.code == 0
    assert done.out.splitlines()[1:] == [
        "",
        "dev",
        "  0 unchanged, 60 unmanaged",
        "",
        "0 of 60 entries are tracked: `gitops-bot init` would track 60",
        "entries, inferred without a gitops-bot.yaml: 0 tracked, 60 unmanaged",
        "  60 unmanaged: the tag has no order: web, in dev",
        '    add under `environments`: dev: {overlays: ["apps/*/overlays/dev"], policy: {digest: latest}}',
        "",
        "no changes",
    ]
    assert len(deploy.ask("plan").json["environments"][0]["held"]) == 60


def test_an_unmanaged_entry_stands_in_nobodys_way(shop: Deploy) -> None:
    """Neither in that of a group that goes together, nor in the text of the proposal."""
    config = b"""\
version: 1
environments:
  production:
    overlays: ["apps/*/production"]
    images: {%s: {policy: {semver: ">=1.0.0"}}}
    propose: {together: true}
""" % shop.image("web").encode()
    shop.remote.commit("main", {"gitops-bot.yaml": config})
    shop.push("web", "1.1.0")
    done = shop.ask("update")
    assert done.code == 0
    assert b"1.1.0" in shop.files("gitops-bot/production/all")[WEB]
    assert [item["reason"]["code"] for item in done.json["environments"][0]["held"]] == ["unmanaged"]
    assert "has no `policy`" not in shop.pull()["body"]


def test_a_variable_that_nothing_sets_is_unmanaged_and_no_mistake(tmp_path: Path) -> None:
    text = "services:\n  web: {image: 'acme/web:${WEB_TAG}'}\n  api: {image: 'acme/api:1.0.0'}\n"
    config = CONFIG.partition("    images:")[0]
    found = check(tmp_path, {"gitops-bot.yaml": config, "apps/web/staging/compose.yaml": text})
    expected = """\
entries: 1 tracked, 1 unmanaged
  1 unmanaged: nothing here sets the variable WEB_TAG (apps/web/staging/compose.yaml:2): web, in staging
    Set it in .env beside the file, or give it a default, as in ${WEB_TAG:-tag}.
"""
    assert (found.code, expected in found.out) == (0, True)


def test_a_real_repository_is_told_in_a_screen(corpus: Path, tmp_path: Path) -> None:
    unpack((corpus / "trees" / "Ama2352+vroom-gitops.tar").read_bytes(), tmp_path)
    (tmp_path / ".git").mkdir(exist_ok=True)
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    done = run("check", cwd=tmp_path)
    assert done.code == 0
    assert len(done.out.splitlines()) <= 11
    found = run("check", "--output", "json", cwd=tmp_path).json
    assert (found["entries"], found["coverage"]["no_environment"]) == (15, 18)
