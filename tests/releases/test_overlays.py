from __future__ import annotations

import pytest

from gitops_bot import config
from gitops_bot.errors import ConfigError, Problem
from gitops_bot.releases.layout import overlays
from gitops_bot.releases.layout.overlays import OverlayFile
from gitops_bot.targets import FileRule
from gitops_bot.targets.manifests import ManifestsTarget
from tests.releases.past import Globs, tree
from tests.tables import rows

LINK, SUBMODULE = "120000", "160000"


def select(wanted: dict[str, tuple[str, ...]], files: dict[str, str]) -> overlays.Selection:
    return overlays.select({name: Globs(globs) for name, globs in wanted.items()}, files)


def directories(selection: overlays.Selection) -> dict[str, list[str]]:
    return {name: [found.directory for found in each] for name, each in selection.overlays.items()}


def told(selection: overlays.Selection) -> list[str]:
    assert all(problem.code == "failed.edit" and problem.next for problem in selection.problems)
    return [f"{problem.where}: {problem.message}" for problem in selection.problems]


APPS = tree(
    "README.md",
    "apps/web/base/kustomization.yaml",
    "apps/web/overlays/dev/kustomization.yaml",
    "apps/web/overlays/dev/patch.yaml",
    "apps/web/overlays/prod/kustomization.yml",
    "apps/api/overlays/dev/Kustomization",
    "apps/api/overlays/prod/kustomization.yaml",
    "apps/old/overlays/README.md",
)


def test_each_environment_gets_its_overlays_in_the_order_of_their_paths() -> None:
    found = select({"prod": ("apps/*/overlays/prod",), "dev": ("apps/{app}/overlays/dev",)}, APPS)
    assert found.problems == ()
    assert list(found.overlays) == ["prod", "dev"]
    glob = "apps/{app}/overlays/dev"
    assert found.overlays["dev"] == (
        OverlayFile("apps/api/overlays/dev", "apps/api/overlays/dev/Kustomization", glob, {"app": "api"}),
        OverlayFile("apps/web/overlays/dev", "apps/web/overlays/dev/kustomization.yaml", glob, {"app": "web"}),
    )
    assert [overlay.captures for overlay in found.overlays["prod"]] == [{"1": "api"}, {"1": "web"}]


@rows("globs expected", {
    "written out": (("apps/web/overlays/dev",), ["apps/web/overlays/dev"]),
    "the file itself": (("apps/web/overlays/dev/kustomization.yaml",), ["apps/web/overlays/dev"]),
    "files of one name": (("apps/*/overlays/*/Kustomization",), ["apps/api/overlays/dev"]),
    "all": (("apps/web/**",), [f"apps/web/{end}" for end in ("base", "overlays/dev", "overlays/prod")]),
    "two globs that overlap": (
        ("apps/web/overlays/*", "apps/*/overlays/dev"),
        ["apps/api/overlays/dev", "apps/web/overlays/dev", "apps/web/overlays/prod"],
    ),
})  # fmt: skip
def test_globs_of_one_environment(globs: tuple[str, ...], expected: list[str]) -> None:
    found = select({"dev": globs}, APPS)
    assert directories(found) == {"dev": expected}
    assert found.problems == ()


def test_the_first_glob_of_an_environment_says_what_was_captured() -> None:
    found = select({"dev": ("**/dev", "apps/{app}/overlays/dev")}, APPS)
    assert [overlay.captures for overlay in found.overlays["dev"]] == [
        {"1": "apps/api/overlays"},
        {"1": "apps/web/overlays"},
    ]


def test_two_kustomizations_in_one_directory_are_a_problem_and_the_others_go_on() -> None:
    files = APPS | tree("apps/web/overlays/dev/Kustomization")
    found = select({"dev": ("apps/*/overlays/dev",)}, files)
    assert directories(found) == {"dev": ["apps/api/overlays/dev"]}
    (problem,) = told(found)
    assert problem == (
        "apps/web/overlays/dev/Kustomization: apps/web/overlays/dev/ has Kustomization and kustomization.yaml; "
        "a directory has one kustomization"
    )


LINKS = {
    "a directory on the way": (("apps/*/overlays/dev",), {"apps/new/overlays": LINK},
        ["apps/new/overlays: a symbolic link is not followed"]),
    "a submodule": (("apps/*/overlays/dev", "modules/web/dev"), {"modules/web": SUBMODULE},
        ["modules/web: a submodule is not followed"]),
}  # fmt: skip


@pytest.mark.parametrize(("globs", "modes", "expected"), LINKS.values(), ids=LINKS.keys())
def test_a_link_or_submodule_is_told_and_not_followed(
    globs: tuple[str, ...], modes: dict[str, str], expected: list[str]
) -> None:
    found = select({"dev": globs}, APPS | modes)
    assert [problem[: len(start)] for problem, start in zip(told(found), expected, strict=True)] == expected
    assert not {overlay.file for overlay in found.overlays["dev"]} & set(modes)
    assert "apps/api/overlays/dev" in directories(found)["dev"]


def test_a_file_that_is_a_link_is_unread_and_can_be_excluded() -> None:
    file = "apps/web/overlays/dev/kustomization.yaml"
    found = select({"dev": ("apps/*/overlays/dev",)}, APPS | {file: LINK})
    assert (found.problems, found.unread) == ((), (overlays.UnreadFile.link(file),))
    assert directories(found)["dev"] == ["apps/api/overlays/dev"]
    without = {"dev": Globs(("apps/*/overlays/dev",), exclude=(file,))}
    assert overlays.select(without, APPS | {file: LINK}).unread == ()


@pytest.mark.parametrize(
    "link",
    ["README", "apps/README", "apps/web/overlays/README", "apps/web/overlays/dev/patch", "docs/overlays/dev", "app"],
)
def test_a_link_that_no_glob_means_is_no_problem(link: str) -> None:
    found = select({"dev": ("apps/*/overlays/dev",)}, APPS | {link: LINK})
    assert found.problems == ()
    assert len(found.overlays["dev"]) == 2


@pytest.mark.parametrize(
    ("glob", "files", "message", "advice"),
    [
        pytest.param(
            "apps/*/overlays",
            APPS,
            "`apps/*/overlays` of environment dev matches apps/api/overlays/, apps/old/overlays/, apps/web/overlays/, "
            "where no image is read",
            "put a kustomization.yaml there, name a file of it, or correct the path",
            id="directories without a kustomization",
        ),
        pytest.param("**", tree("a/b/c/d/e/x.txt"),
            "`**` of environment dev matches a/, a/b/, a/b/c/ and 2 more, where no image is read",
            "put a kustomization.yaml there, name a file of it, or correct the path", id="many directories"),
        pytest.param(
            "x/*/dev",
            APPS | {"x/web": LINK},
            "`x/*/dev` of environment dev matches no directory",
            "correct the path, which is relative to the repository root; x/web is a symbolic link, which gitops-bot "
            "does not follow",
            id="perhaps because of a link",
        ),
    ],
)  # fmt: skip
def test_a_glob_that_means_nothing_is_told(glob: str, files: dict[str, str], message: str, advice: str) -> None:
    found = overlays.select({"dev": Globs((glob,), (("g.yaml", 4, 16),))}, files)
    found = found.with_pins(dict.fromkeys(files, b"kind: ConfigMap\n"))
    assert found.problems == (Problem("failed.config", message, advice, "g.yaml", 4, 16),)
    assert found.overlays == {"dev": ()}


@pytest.mark.parametrize(
    ("glob", "message", "advice"),
    [
        pytest.param("apps/*",
            "`apps/*` of environment dev matches apps/a/, apps/b/, apps/c/ and 1 more, where no image is read",
            "put a kustomization.yaml there, name a file of it, or correct the path", id="directories"),
        pytest.param("apps/a/*.yaml",
            "`apps/a/*.yaml` of environment dev matches apps/a/x.yaml, of which no image is read",
            "correct the path", id="a file"),
    ],
)  # fmt: skip
def test_a_glob_of_files_that_only_their_content_could_tell_names_them(glob: str, message: str, advice: str) -> None:
    files = tree("apps/a/x.yaml", "apps/b/x.yaml", "apps/c/x.yml", "apps/d/x.yaml")
    found = overlays.select({"dev": Globs((glob,), (("g.yaml", 4, 16),))}, files)
    assert found.problems == ()
    found = found.with_pins(dict.fromkeys(files, b"kind: ConfigMap\n"))
    assert found.problems == (Problem("failed.config", message, advice, "g.yaml", 4, 16),)


POD = b"apiVersion: v1\nkind: Pod\nspec: {containers: [{\n  image: nginx}]}\n"


def test_two_environments_share_a_directory_where_one_names_its_file() -> None:
    files = tree("web/kustomization.yaml", "web/production.yaml", "api/pod.yaml", "api/production.yaml")
    wanted = {"staging": ("web", "api"), "production": ("web/production.yaml", "api/production.yaml")}
    found = select(wanted, files).with_pins(dict.fromkeys(files, POD))
    assert {name: [one.file for one in each] for name, each in found.overlays.items()} == {
        "staging": ["api/pod.yaml", "web/kustomization.yaml"],
        "production": ["api/production.yaml", "web/production.yaml"],
    }
    assert found.problems == ()


def test_a_file_that_a_rule_means_in_the_directory_of_another_environment_is_contested() -> None:
    rule = FileRule(("pod*.yaml",), ManifestsTarget())
    environments = {"staging": Globs(("api",), targets=(rule,)), "production": Globs(("api/pod.yaml",))}
    with pytest.raises(ConfigError, match="claimed by two environments"):
        overlays.select(environments, tree("api/pod.yaml"))


def test_a_rule_of_one_directory_means_the_files_in_it_alone() -> None:
    rule = FileRule(("pod*.yaml",), ManifestsTarget(), ("web",))
    assert overlays.target_by_rules((rule,), "web/pod.yaml") == ManifestsTarget()
    assert overlays.target_by_rules((rule,), "api/pod.yaml") is None
    assert overlays.target_by_rules((rule,), "pod.yaml") is None


def test_a_file_of_two_environments_is_an_error_that_names_both_globs() -> None:
    wanted = {"dev": ("apps/*/overlays/*",), "prod": ("apps/*/base", "**/prod")}
    with pytest.raises(ConfigError) as caught:
        select(wanted, APPS)
    (problem,) = caught.value.problems
    assert problem.message == (
        "apps/api/overlays/prod/kustomization.yaml (and 1 more) is claimed by two environments: dev "
        "(`apps/*/overlays/*`) and prod (`**/prod`)"
    )


def test_every_pair_of_globs_that_meet_is_told_at_its_place() -> None:
    text = """\
version: 1
environments:
  dev: {overlays: [apps/*/overlays/dev, apps/web/base]}
  test: {overlays: ["**/dev"]}
  prod: {overlays: [apps/*/base, apps/*/overlays/prod]}
"""
    with pytest.raises(ConfigError) as caught:
        overlays.select(config.read(text, "g.yaml").environments, APPS)
    assert [problem.where for problem in caught.value.problems] == ["g.yaml:4:21", "g.yaml:5:21"]


def test_a_glob_that_cannot_be_read_is_an_error_at_its_place() -> None:
    written = Globs(("{a}/{a}", "{b}/{b}"), (("g.yaml", 2, 33), ("g.yaml", 2, 44)))
    with pytest.raises(ConfigError) as caught:
        overlays.select({"dev": written}, APPS)
    assert [str(problem) for problem in caught.value.problems] == [
        "g.yaml:2:33: the glob '{a}/{a}' uses a name in braces twice\n  correct the glob",
        "g.yaml:2:44: the glob '{b}/{b}' uses a name in braces twice\n  correct the glob",
    ]


def test_what_no_environment_means_is_unclaimed_and_what_is_claimed_and_wrong_is_not() -> None:
    files = APPS | tree("apps/two/overlays/dev/kustomization.yaml", "apps/two/overlays/dev/Kustomization")
    files |= tree("tools/Kustomization", "tools/not-kustomization.yaml") | {"links/kustomization.yaml": LINK}
    found = select({"dev": ("apps/*/overlays/dev",)}, files)
    assert overlays.unclaimed(found, files) == (
        "apps/web/base/kustomization.yaml",
        "apps/web/overlays/prod/kustomization.yml",
        "apps/api/overlays/prod/kustomization.yaml",
        "tools/Kustomization",
    )
